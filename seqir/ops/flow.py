"""Loops and branches with Keras's names: functions of the user, inside of graphs.

On arrays alone the functions run as Python runs them. In a trace each becomes a node
that holds what the function computes (`seqir.operators.control`), and may read whatever
is around it: tensors, weights, layers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

from seqir import nest
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.narrow import is_a, is_list, is_sequence
from seqir.ops import bodies
from seqir.ops.apply import as_array, builder_of, numeric, operand, type_of_operand
from seqir.ops.arith import add, equal, less, logical_not
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.create import arange, zeros
from seqir.ops.indexing import getitem
from seqir.ops.like import expand_like
from seqir.ops.movement import moveaxis, reshape, shape
from seqir.ops.parts import concatenate, flip, stack
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result, Tensor, TensorLike


@operation
def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: SizeLike | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """The last carry and all y of ``carry, y = f(carry, x)`` along an axis of xs.

    `init`, `xs` and what f gives are tensors or structures of tensors; f gets None for
    x where there are no xs, and may give None for y. ``unroll=True`` writes out the
    steps, for runtimes without ONNX ``Scan``, where their number is known.

    Shapes: xs[T, ...], each x[...] -> carry as init, y[T, ...].
    Raises: ArgumentError without xs and length, or where they differ; ShapeError if f
        hands on another type than it was given.
    Source: ``keras.ops.scan``.
    """
    if not isinstance(unroll, bool) and (not is_a(unroll, int) or unroll < 1):
        raise ArgumentError(
            f"ops.scan: unroll must be a positive integer or a boolean, got {unroll!r}"
        )
    along = nest.flatten(xs) if xs is not None else []
    steps = _steps("scan", along, length)
    slices = _Call("scan", f, "carry, y")
    n = len(nest.flatten(init))

    def step(*tensors: Result) -> list[Result]:
        x = None if xs is None else nest.pack(xs, [*tensors[n:]])
        return slices(init, nest.pack(init, [*tensors[:n]]), x)

    written_out = steps == 0 or (unroll is True and isinstance(steps, int))
    if written_out or not _in_a_graph(init, xs, length):
        carried, ys = _by_steps(step, nest.flatten(init), along, steps, reverse=reverse)
    else:
        scanned = along or [arange(steps, dtype="int32")]
        found = bodies.scan(
            step if along else lambda *given: step(*given[:n]),
            nest.flatten(init),
            scanned,
            reverse=reverse,
        )
        carried, ys = found[:n], found[n:]
    return nest.pack(init, [*carried]), slices.packed(ys)


@operation
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f(x)`` for each x along the first axis of xs, stacked.

    Shapes: xs[T, ...], each x[...] -> f(x)[T, ...].
    Source: ``keras.ops.map``.
    """
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


@operation
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`map`: here one element after the other is computed, in one loop.

    Shapes: elements[T, ...], each x[...] -> function(x)[T, ...].
    Source: ``keras.ops.vectorized_map``.
    """
    return map(function, elements)


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Collection[int] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """A function of tensors that calls `pyfunc` for each number of them, in one loop.

    They are broadcast to one shape; the arguments whose places are `excluded`, and
    those by name, are handed on as they are.

    Raises: ArgumentError for what cannot be called, UnsupportedError for a signature.
    Source: ``keras.ops.vectorize``.
    """
    if not callable(pyfunc):
        raise ArgumentError(f"ops.vectorize takes a function, got {pyfunc!r}")
    if signature is not None:
        raise UnsupportedError(
            f"ops.vectorize calls a function of numbers and takes no signature, got "
            f"{signature!r}; use ops.map along the first axis"
        )
    left = frozenset(excluded or ())

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        taken = [i for i in range(len(args)) if i not in left]
        if not taken:
            return pyfunc(*args, **kwargs)
        like = functools.reduce(add, [zeros_like(args[i], "int32") for i in taken])

        def of_numbers(numbers: dict[int, Result]) -> Any:
            return pyfunc(*(numbers.get(i, x) for i, x in enumerate(args)), **kwargs)

        flat = {i: reshape(expand_like(args[i], like), (-1,)) for i in taken}
        sizes = shape(like)
        return nest.map_structure(lambda y: reshape(y, sizes), map(of_numbers, flat))

    return vectorized


@operation
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """``loop_vars = body(*loop_vars)`` for as long as ``cond(*loop_vars)`` holds.

    There is a gradient where `maximum_iterations` says how many steps there can be.

    Raises: ShapeError if body hands on another type than it was given; ArgumentError
        for a structure of another form.
    Source: ``keras.ops.while_loop``.
    """
    several = is_sequence(loop_vars)
    start = tuple(loop_vars) if several else (loop_vars,)
    limit = None if maximum_iterations is None else _known(maximum_iterations)
    hands_on = _Call("while_loop", body, "loop_vars")

    def step(*tensors: Result) -> list[Result]:
        return hands_on.leaves(start, nest.pack(start, [*tensors]), several=several)

    def goes_on(*tensors: Result) -> list[Result]:
        return [_truth("while_loop", cond(*nest.pack(start, [*tensors])))]

    leaves = nest.flatten(start)
    if _in_a_graph(start):
        leaves = bodies.repeat_while(goes_on, step, leaves, limit)
    else:
        while limit != 0 and as_array(goes_on(*leaves)[0]):
            leaves = step(*leaves)
            limit = None if limit is None else limit - 1
    found = nest.pack(start, [*leaves])
    return found if several else found[0]


@operation
def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any
) -> Result:
    """``value = body_fun(i, value)`` for i from lower to before upper.

    Source: ``keras.ops.fori_loop``.
    """

    def loop() -> Result:
        numbers = arange(lower, upper, dtype="int32")
        return scan(lambda value, i: (body_fun(i, value), None), init_val, numbers)[0]

    if not any(isinstance(end, Tensor) for end in (lower, upper)):
        return loop()
    # Runtimes cannot scan nothing.
    return cond(
        less(lower, upper),
        loop,
        lambda: nest.map_structure(numeric, init_val),
    )


@operation
def cond(
    pred: TensorLike, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
) -> Any:
    """``true_fn()`` where pred holds, else ``false_fn()``: only one of them runs.

    Raises: ShapeError if they give different types; ArgumentError for different
        structures, or a pred that is not one truth value.
    Source: ``keras.ops.cond``.
    """
    pred = _truth("cond", pred)
    if not isinstance(pred, Tensor) or not _in_a_graph(pred):
        return true_fn() if as_array(pred) else false_fn()
    first = _Call("cond", true_fn, "results")
    second = _Call("cond", false_fn, "results")
    found = bodies.branch(pred, first.anything, second.anything)
    if not nest.same(first.structure, second.structure):
        raise ArgumentError(
            f"ops.cond: true_fn gives {_form(first.structure)}, false_fn "
            f"{_form(second.structure)}; give the same structure in both"
        )
    return first.packed(found)


@operation
def switch(
    index: TensorLike, branches: Sequence[Callable[..., Any]], *operands: Any
) -> Any:
    """``branches[index](*operands)``; an index outside counts as the nearest one.

    Raises: ArgumentError if there is no branch.
    Source: ``keras.ops.switch``.
    """
    if not branches:
        raise ArgumentError("ops.switch needs at least one branch")

    def among(first: int, last: int) -> Any:
        """The result of the right one of these branches: half of them each time."""
        if first == last:
            return branches[first](*operands)
        middle = (first + last + 1) // 2
        return cond(
            less(index, middle),
            lambda: among(first, middle - 1),
            lambda: among(middle, last),
        )

    return among(0, len(branches) - 1)


@operation
def associative_scan(
    f: Callable[[Any, Any], Any],
    elems: Any,
    reverse: bool = False,
    axis: int = 0,
) -> Any:
    """All partial results of an associative f along an axis: x₀, f(x₀, x₁), ...

    f takes two structures like elems and works on all places of the axis at once. With
    a known size it is called about log₂ of it times, else in a loop.

    Raises: ArgumentError for elems of different sizes along the axis.
    Source: ``keras.ops.associative_scan``.
    """
    leaves = [moveaxis(x, axis, 0) for x in nest.flatten(elems)]
    steps = _steps("associative_scan", leaves, None)

    def together(a: Sequence[Result], b: Sequence[Result]) -> list[Result]:
        back = ([moveaxis(x, 0, axis) for x in xs] for xs in (a, b))
        found = nest.flatten(f(*(nest.pack(elems, xs) for xs in back)))
        return [moveaxis(x, axis, 0) for x in found]

    if reverse:
        leaves = [flip(x, 0) for x in leaves]
    if isinstance(steps, int):
        distance = 1
        while distance < steps:
            earlier = [getitem(x, slice(None, -distance)) for x in leaves]
            later = [getitem(x, slice(distance, None)) for x in leaves]
            kept = [getitem(x, slice(None, distance)) for x in leaves]
            pairs = zip(kept, together(earlier, later), strict=True)
            leaves = [concatenate(pair, 0) for pair in pairs]
            distance *= 2
    else:
        leaves = _one_by_one(together, leaves)
    if reverse:
        leaves = [flip(x, 0) for x in leaves]
    return nest.pack(elems, [moveaxis(x, 0, axis) for x in leaves])


def _one_by_one(
    together: Callable[..., list[Result]], leaves: list[Result]
) -> list[Result]:
    """Partial results in a loop, each from the one before it."""
    first = [getitem(x, slice(None, 1)) for x in leaves]

    def step(carry: list[Result], x: list[Result]) -> tuple[list[Result], list[Result]]:
        found = together(carry, [getitem(each, None) for each in x])
        return found, [getitem(each, 0) for each in found]

    _, rest = scan(step, first, [getitem(x, slice(1, None)) for x in leaves])
    return [concatenate(pair, 0) for pair in zip(first, rest, strict=True)]


class _Call:
    """A user's function: what it gives is checked, flattened and packed again."""

    def __init__(self, name: str, f: Callable[..., Any], gives: str) -> None:
        self.name, self.f, self.gives = name, f, gives
        self.structure: Any = None

    def __call__(self, init: Any, carry: Any, x: Any) -> list[Result]:
        """One step of a scan: leaves of the new carry, and of y what is there."""
        found = self.f(carry, x)
        if not is_sequence(found) or len(found) != 2:
            raise ArgumentError(
                f"ops.{self.name}: the function gives a pair ({self.gives}), "
                f"got {_form(found)}"
            )
        new, y = found
        self._check(init, new)
        return [*nest.flatten(new), *self._kept(y)]

    def leaves(
        self, start: tuple[Any, ...], given: Any, *, several: bool
    ) -> list[Result]:
        """One step of a while loop: leaves of the new variables."""
        found = self.f(*given)
        new = tuple(found) if several and is_list(found) else found
        new = new if several else (new,)
        self._check(start, new)
        return nest.flatten(new)

    def anything(self) -> list[Result]:
        """The leaves of whatever the function gives."""
        return self._kept(self.f())

    def packed(self, leaves: Sequence[Result]) -> Any:
        """The structure that the function gave, of these leaves."""
        it = iter(leaves)
        return nest.map_structure(
            lambda v: None if v is None else next(it), self.structure
        )

    def _kept(self, y: Any) -> list[Result]:
        self.structure = y
        return [v for v in nest.flatten(y) if v is not None]

    def _check(self, given: Any, new: Any) -> None:
        if not nest.same(given, new):
            raise ArgumentError(
                f"ops.{self.name} starts with {_form(given)}, the function hands on "
                f"{_form(new)}; hand on the same structure"
            )
        pairs = zip(nest.flatten(given), nest.flatten(new), strict=True)
        for i, (a, b) in enumerate(pairs):
            old, found = type_of_operand(a), type_of_operand(b)
            if old != found:
                raise ShapeError(
                    f"ops.{self.name}: what is carried as number {i} is {old} before a "
                    f"step and {found} after it; start with the type that a step "
                    "gives, or cast its result"
                )


def _by_steps(
    step: Callable[..., list[Result]],
    carried: list[Result],
    along: list[Result],
    steps: int,
    *,
    reverse: bool,
) -> tuple[list[Result], list[Result]]:
    """A scan written out, one step after the other."""
    n = len(carried)
    slices: list[list[Result]] = []
    for t in reversed(range(steps)) if reverse else range(steps):
        found = step(*carried, *(getitem(x, t) for x in along))
        carried = found[:n]
        slices.append(found[n:])
    if not slices:  # what a step gives says what there would be
        nothing = (zeros(shape(x)[1:], type_of_operand(x).dtype) for x in along)
        ys = step(*carried, *nothing)[n:]
        return carried, [zeros((0, *shape(y)), type_of_operand(y).dtype) for y in ys]
    if reverse:
        slices.reverse()
    return carried, [stack(ys) for ys in zip(*slices, strict=True)]


def _in_a_graph(*structures: Any) -> bool:
    return builder_of(tuple(nest.flatten(structures))) is not None


def _steps(name: str, along: Sequence[TensorLike], length: SizeLike | None) -> Any:
    """How many steps there are: an int where that is known.

    Raises: ArgumentError if nothing says it, or if it is said in two ways.
    """
    types = [type_of_operand(x) for x in along]
    if any(not t.rank for t in types):
        raise ArgumentError(f"ops.{name} goes along the first axis: got a scalar")
    sizes = {t.shape[0] for t in types}
    known = {d for d in sizes if isinstance(d, int)}
    if length is not None and not sizes:
        return length
    if length is not None and isinstance(length, int):
        known.add(length)
    if not sizes:
        raise ArgumentError(f"ops.{name} needs xs, or the number of steps as length")
    if len(known) > 1:
        raise ArgumentError(
            f"ops.{name} goes along axes of different sizes: "
            f"{', '.join(str(d) for d in sorted(known))}"
        )
    return known.pop() if known else next(iter(sizes))


def _known(limit: Any) -> int:
    """A number of steps that Python knows."""
    try:
        return int(limit)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"ops.while_loop: maximum_iterations must be an integer, got {limit!r}"
        ) from None


def _truth(name: str, condition: TensorLike) -> Result:
    """A condition as one truth value."""
    type = type_of_operand(condition)
    if type.rank:
        raise ArgumentError(
            f"ops.{name}: the condition is one truth value, got {type}; reduce it with "
            "ops.all or ops.any, or choose elementwise with ops.where"
        )
    return (
        operand(condition) if type.dtype == "bool" else logical_not(equal(condition, 0))
    )


def _form(structure: Any) -> str:
    """A structure in words."""
    shown = nest.map_structure(
        lambda x: None if x is None else _Shown(str(type_of_operand(x))), structure
    )
    return repr(shown)


class _Shown(str):
    """A text that shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorize",
    "vectorized_map",
    "while_loop",
]
