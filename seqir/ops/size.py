"""A size that only the run knows: a name in types, and a number in computations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeAlias, TypeGuard

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ShapeError
from seqir.ir import Array, current_builder
from seqir.narrow import is_slice
from seqir.ops.tensor import KerasTensor, Tensor, Traced
from seqir.plain import is_numpy_scalar
from seqir.tensortype import TensorType

Place = tuple[Tensor, int]
"""A tensor and one of its axes."""


class Size(Tensor):
    """An unknown size, as ``ops.shape(x)[0]`` gives it.

    Under arithmetic with integers and other sizes it stays a size, with a name for
    types: ``ops.shape(x)[0] * 2``. Everywhere else it is an integer that the run knows,
    and takes the type of what it meets, as Python's integers do.
    """

    __slots__ = ("dim", "formula", "places")

    def __init__(
        self, dim: shapes.Dim, formula: shapes.Dim, places: dict[str, Place]
    ) -> None:
        self.dim = dim
        """What it is called in types, in the names of the tensors' own sizes."""
        self.formula = formula
        """What it is made of: `places` by their names."""
        self.places = places

    @staticmethod
    def of_axis(x: Tensor, axis: int) -> Any:
        """The size of an axis: an int if it is known."""
        dim = x.type.shape[axis]
        if isinstance(dim, int):
            return dim
        name = dim if dim.isidentifier() else f"_{id(_kept(x))}_{axis}"
        return Size(dim, name, {name: (x, axis)})

    @property
    def type(self) -> TensorType:
        return TensorType("int32", ())

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors whose sizes it is computed from."""
        return list({id(_kept(x)): x for x, _ in self.places.values()}.values())

    def mapped(self, fn: Callable[[Any], Any]) -> Any:
        """The same size of other tensors: what `fn` makes of its own."""
        sizes = {n: Size.of_axis(fn(x), axis) for n, (x, axis) in self.places.items()}
        named = {n: size_dim(size) for n, size in sizes.items()}
        formulas = {n: size_formula(size) for n, size in sizes.items()}
        return _size(
            shapes.rename(self.formula, named),
            shapes.rename(self.formula, formulas),
            *sizes.values(),
        )

    def __add__(self, other: Any) -> Any:
        return _combined(shapes.add, self, other, super().__add__)

    def __radd__(self, other: Any) -> Any:
        return _combined(shapes.add, self, other, super().__radd__)

    def __sub__(self, other: Any) -> Any:
        return _combined(_minus, self, other, super().__sub__)

    def __rsub__(self, other: Any) -> Any:
        return _combined(_swapped(_minus), self, other, super().__rsub__)

    def __mul__(self, other: Any) -> Any:
        return _combined(shapes.mul, self, other, super().__mul__)

    def __rmul__(self, other: Any) -> Any:
        return _combined(shapes.mul, self, other, super().__rmul__)

    def __floordiv__(self, other: Any) -> Any:
        return _combined(_divided, self, other, super().__floordiv__)

    def __rfloordiv__(self, other: Any) -> Any:
        return _combined(_swapped(_divided), self, other, super().__rfloordiv__)

    def __mod__(self, other: Any) -> Any:
        return _combined(_rest, self, other, super().__mod__)

    def __rmod__(self, other: Any) -> Any:
        return _combined(_swapped(_rest), self, other, super().__rmod__)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int) and other >= 0:
            power: Any = 1
            for _ in range(other):
                power = self * power
            return power
        return super().__pow__(other)

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if shapes.never_negative(self.dim) else super().__abs__()

    def __eq__(self, other: object) -> bool:
        if not is_size(other):
            return NotImplemented
        difference = _minus(self.dim, size_dim(other))
        if isinstance(difference, int):
            return difference == 0
        if _below(difference) or _below(_minus(0, difference)):
            return False
        _refuse(self, f"whether it equals {other!r}", "compare with ops.equal")

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        return hash(self.dim)

    def __lt__(self, other: Any) -> Any:
        known = _ordered(self, other, 1)
        return super().__lt__(other) if known is None else known

    def __le__(self, other: Any) -> Any:
        known = _ordered(self, other, 0)
        return super().__le__(other) if known is None else known

    def __gt__(self, other: Any) -> Any:
        known = _ordered(other, self, 1)
        return super().__gt__(other) if known is None else known

    def __ge__(self, other: Any) -> Any:
        known = _ordered(other, self, 0)
        return super().__ge__(other) if known is None else known

    def __index__(self) -> int:
        _refuse(self, "its number", "use it in seqir.ops (ops.arange for range)")

    def __int__(self) -> int:
        _refuse(self, "its number", "use it as it is, in seqir.ops")

    def __float__(self) -> float:
        _refuse(self, "its number", "use ops.cast(size, 'float32')")

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec.rstrip("bcdeEfFgGnoxX%") if spec else spec)

    def __repr__(self) -> str:
        return f"<Size {self.dim}>"


def _refuse(size: Size, what: str, advice: str) -> NoReturn:
    raise ShapeError(
        f"the size {str(size.dim)!r} is known when the model runs, {what} is not "
        f"known to Python: {advice}, or give the input a fixed size"
    )


def is_size(x: Any) -> bool:
    """Whether x can be a size: an integer, or a `Size`."""
    return isinstance(x, Size | int | np.integer)


def is_computed(x: Any) -> TypeGuard[Traced]:
    """Whether x is one integer that a graph computes."""
    return isinstance(x, Traced) and not x.type.shape and dtypes.is_integer(x.dtype)


def is_int(x: Any) -> bool:
    """Whether x is an integer that Python knows."""
    return isinstance(x, int | np.integer)


def size_dim(size: Any) -> shapes.Dim:
    """What a size is called in types."""
    return size.dim if isinstance(size, Size) else int(size)


def size_formula(size: Any) -> shapes.Dim:
    """What a size is computed by."""
    return size.formula if isinstance(size, Size) else int(size)


def dim_of(size: Any) -> shapes.Dim:
    """The size as the IR has it: an int or a name, a new one for a computed number.

    Raises: ShapeError for anything but an integer, a `Size` or a traced integer.
    """
    if isinstance(size, Size):
        return size.dim
    number = size.item() if is_numpy_scalar(size) else size
    if isinstance(number, int) and not isinstance(number, bool):
        return int(number)
    if is_computed(size):
        return size.builder.unknown("size")
    if size is None:
        raise ShapeError("a size that is not known yet is ops.shape(x)[i], not None")
    raise ShapeError(f"a size must be an integer, got {size!r}")


def sizes_of_nothing(dims: Sequence[shapes.Dim]) -> tuple[int, ...] | None:
    """The known sizes of no elements, of which one -1 is 0; None if they are others."""
    known = [d for d in dims if isinstance(d, int) and d >= -1]
    sizes = tuple(max(d, 0) for d in known)
    whole = len(known) == len(dims) and known.count(-1) < 2
    return sizes if whole and 0 in sizes else None


def minimum_size(a: Any, b: Any) -> Any:
    """The smaller of two sizes."""
    return _of(shapes.minimum, a, b)


def maximum_size(a: Any, b: Any) -> Any:
    """The larger of two sizes."""
    return _of(shapes.maximum, a, b)


def unknown(name: str, x: Any) -> str:
    """A name that no size of x's graph has, for one that only the run knows."""
    b = x.builder if isinstance(x, Traced) else current_builder()
    return name if b is None else b.unknown(name)


def _kept(x: Any) -> Any:
    """What a tensor is known by: the value of the graph, or itself."""
    return x.value if isinstance(x, Traced) else x


def _size(dim: shapes.Dim, formula: shapes.Dim, *parts: Any) -> Any:
    """A size made of others: an int if it is known."""
    if isinstance(dim, int):
        return dim
    places: dict[str, Place] = {}
    for part in parts:
        if isinstance(part, Size):
            places = {**part.places, **places}
    used = shapes.symbols(formula)
    return Size(dim, formula, {n: p for n, p in places.items() if n in used})


def _of(function: Callable[..., shapes.Dim], a: Any, b: Any) -> Any:
    """A size computed from two."""
    return _size(
        function(size_dim(a), size_dim(b)),
        function(size_formula(a), size_formula(b)),
        a,
        b,
    )


def _combined(
    function: Callable[..., shapes.Dim], size: Size, other: Any, otherwise: Any
) -> Any:
    """A size of a size and another one, or what tensors make of them."""
    if is_size(other):
        return _of(function, size, other)
    if isinstance(other, list | tuple | str):
        _refuse(size, "its number", "repeat with ops.repeat or ops.tile")
    return otherwise(other)


def _ordered(low: Any, high: Any, least: int) -> bool | None:
    """Whether ``high - low`` is at least this; None if it cannot be seen."""
    if not is_size(low) or not is_size(high):
        return None
    more = _minus(_minus(size_dim(high), size_dim(low)), least)
    if shapes.never_negative(more):
        return True
    return False if _below(more) else None


def _swapped(function: Callable[[shapes.Dim, shapes.Dim], shapes.Dim]) -> Any:
    """The function with its operands exchanged."""

    def swapped(a: shapes.Dim, b: shapes.Dim) -> shapes.Dim:
        return function(b, a)

    return swapped


def _minus(a: shapes.Dim, b: shapes.Dim) -> shapes.Dim:
    return shapes.add(a, shapes.mul(-1, b))


def _below(difference: shapes.Dim) -> bool:
    """Whether a difference of two sizes is always negative."""
    return shapes.never_negative(_minus(-1, difference))


def _divided(a: shapes.Dim, by: shapes.Dim) -> shapes.Dim:
    if by == 0 or not (isinstance(by, int) or shapes.never_negative(by)):
        raise ShapeError(f"the size {a!r} cannot be divided by {by!r}: it may be 0")
    return shapes.floordiv(a, by)


def _rest(a: shapes.Dim, by: shapes.Dim) -> shapes.Dim:
    return _minus(a, shapes.mul(by, _divided(a, by)))


def tensors_in(leaves: Iterable[Any]) -> list[KerasTensor]:
    """The tensors of a model among leaves, and those that sizes and slices hold."""
    found: list[KerasTensor] = []
    for leaf in leaves:
        if isinstance(leaf, KerasTensor):
            found.append(leaf)
        elif isinstance(leaf, Size):
            found += tensors_in(leaf.tensors)
        elif is_slice(leaf):
            found += tensors_in((leaf.start, leaf.stop, leaf.step))
    return found


def with_tensors(fn: Callable[[Any], Any], leaf: Any) -> Any:
    """A leaf with each tensor in it replaced by what `fn` makes of it."""
    if isinstance(leaf, Size):
        return leaf.mapped(fn)
    if is_slice(leaf):
        ends = (leaf.start, leaf.stop, leaf.step)
        return slice(*(with_tensors(fn, end) for end in ends))
    return fn(leaf)


SizeLike: TypeAlias = int | np.integer[Any] | Size | Traced
"""What a size can be: an integer, also one that only the run knows."""
ShapeLike: TypeAlias = SizeLike | Sequence[SizeLike] | Array
"""One size or several."""
