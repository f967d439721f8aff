"""Sizes: a known size is an ``int``, an unknown size is a named ``str``.

A derived unknown size is named by the expression that computes it, in one normal
form, so that equal expressions have equal names::

    >>> from seqir import shapes
    >>> shapes.add("height", -3)
    'height - 3'
    >>> shapes.window("height", kernel=3, stride=2, pads=(0, 0), dilation=1)
    '(height + 1)//2 - 1'
    >>> shapes.evaluate("(height + 1)//2 - 1", {"height": 250})
    124

The name *is* the expression: there is no table of symbols anywhere. An expression
is a polynomial in atoms; an atom is a name, a floor division ``(...)//(...)`` or the
smaller of two sizes, ``min(5, time)``. The larger of two sizes is their sum without the
smaller one, so that ``x[:2]`` and ``x[2:]`` add up to the size of x.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from operator import index
from typing import Any, Final, TypeAlias

from seqir.errors import ArgumentError, ShapeError

Dim: TypeAlias = int | str
Shape: TypeAlias = tuple[Dim, ...]
Axes: TypeAlias = int | Sequence[int]
"""One axis or several."""

NOWHERE: Final = 2**31
"""The index that a graph looks up to fail where the sizes of a run have no result."""

_Monomial: TypeAlias = tuple[str, ...]
_Poly: TypeAlias = dict[_Monomial, int]


def check_symbol(name: str) -> str:
    """The name if it can name an unknown size (an identifier), or ShapeError."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ShapeError(
            f"an unknown size is named by an identifier such as 'time', got {name!r}"
        )
    return name


def add(*dims: Dim) -> Dim:
    """Sum of sizes."""
    known = [d for d in dims if isinstance(d, int)]
    if len(known) == len(dims):
        return sum(known)
    total: _Poly = {}
    for dim in dims:
        for monomial, factor in _parse(dim).items():
            total[monomial] = total.get(monomial, 0) + factor
    return _format(total)


def mul(*dims: Dim) -> Dim:
    """Product of sizes; of none, 1."""
    product: _Poly = {(): 1}
    for dim in dims:
        product = _times(product, _parse(dim))
    return _format(product)


def floordiv(dim: Dim, by: Dim) -> Dim:
    """``dim // by``, exact where it can be seen to be exact.

    Multiples of `by` move out of the division, so that equal sizes get equal names.
    """
    if isinstance(dim, int) and isinstance(by, int):
        return dim // by
    if by == 1:
        return dim
    return _format(_quotient(_parse(dim), _parse(by)))


def ceildiv(dim: Dim, by: int) -> Dim:
    """``dim / by`` rounded up."""
    return floordiv(add(dim, by - 1), by)


def minimum(a: Dim, b: Dim) -> Dim:
    """The smaller of two sizes; the one that is smaller, where it can be seen."""
    p, q = _parse(a), _parse(b)
    return _format(_sum(p, _smaller(_sum(q, p, -1))))


def maximum(a: Dim, b: Dim) -> Dim:
    """The larger of two sizes."""
    return add(a, b, mul(-1, minimum(a, b)))


def never_negative(dim: Dim) -> bool:
    """Whether a size is 0 or more whatever its names stand for, as far as can be seen.

    A name stands for the size of an axis, so it is 0 or more itself.
    """
    return dim >= 0 if isinstance(dim, int) else _never_negative(dim)


def may_equal(a: Dim, b: Dim) -> bool:
    """Whether two sizes can be equal; what they have in common does not count."""
    p, q = _parse(a), _parse(b)
    common = _common([*p, *q]) if p and q else ()
    difference = _sum(_without(p, common), _without(q, common), -1)
    rest = difference.pop((), 0)
    factor = math.gcd(*difference.values())
    return rest % factor == 0 if factor else rest == 0


def volume(shape: Iterable[Dim]) -> Dim:
    """Number of elements of a shape."""
    dims = tuple(shape)
    if all(isinstance(d, int) for d in dims):
        return math.prod(dims)
    return mul(*dims)


def evaluate(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The size with the named unknowns replaced by numbers; a divisor of 0 is 1.

    Raises: ShapeError if a name has no number.
    """
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, factor in _parse(dim).items():
        for atom in monomial:
            kind, parts = _open(atom)
            if kind:
                a, b = (evaluate(part, sizes) for part in parts)
                factor *= min(a, b) if kind == "min" else a // (b or 1)
            elif atom in sizes:
                factor *= sizes[atom]
            else:
                raise ShapeError(f"the size {atom!r} is not known")
        total += factor
    return total


def symbols(dim: Dim) -> frozenset[str]:
    """The names that a size is made of."""
    return frozenset() if isinstance(dim, int) else _names(dim)


def rename(dim: Dim, names: Mapping[str, Dim]) -> Dim:
    """The size with its names replaced."""
    if isinstance(dim, int):
        return dim
    terms: list[Dim] = []
    for monomial, factor in _parse(dim).items():
        term: list[Dim] = [factor]
        for atom in monomial:
            kind, parts = _open(atom)
            if kind:
                combine = minimum if kind == "min" else floordiv
                term.append(combine(*(rename(part, names) for part in parts)))
            else:
                term.append(names.get(atom, atom))
        terms.append(mul(*term))
    return add(*terms)


def broadcast(*shapes: Shape) -> Shape:
    """NumPy's broadcast of shapes.

    Two different unknown sizes are taken to be equal (the runtime checks); an
    unknown size meets a known size other than 1 as that known size.

    Raises: ShapeError if two known sizes differ and neither is 1.
    """
    longest = max(shapes, key=len, default=())
    if all([not s or s == longest for s in shapes]):  # nearly always
        return longest
    rank = len(longest)
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    result: list[Dim] = []
    for axis in zip(*padded, strict=True):
        known = {d for d in axis if isinstance(d, int)} - {1}
        if len(known) > 1:
            text = " and ".join(format_shape(s) for s in shapes)
            raise ShapeError(f"shapes {text} do not broadcast together")
        named = [d for d in axis if isinstance(d, str)]
        result.append(known.pop() if known else named[0] if named else 1)
    return tuple(result)


def window(
    size: Dim, kernel: int, stride: int, pads: tuple[int, int], dilation: int
) -> Dim:
    """Positions of a sliding window: ``(n + pads - d*(k - 1) - 1) // s + 1``.

    Raises: ShapeError if the window is larger than the padded size.
    """
    reach = dilation * (kernel - 1) + 1
    if isinstance(size, int) and size + sum(pads) < reach:
        raise ShapeError(
            f"a window of {reach} does not fit into a size of {size}"
            + (f" padded by {pads}" if any(pads) else "")
        )
    return add(floordiv(add(size, *pads, -reach), stride), 1)


def sliced(size: Dim, begin: Dim, end: Dim, step: int) -> Dim | None:
    """Size of ``range(size)[begin:end:step]`` for a step forwards.

    An axis of unknown size is taken to have an element: ``x[:1]`` has 1, ``x[1:]``
    has ``size - 1``.
    None if it cannot be seen whether an end is negative, and counts from the end.
    """
    start, stop = _place(size, begin), _place(size, end)
    if start is None or stop is None:
        return None
    length = add(stop, mul(-1, start))
    if add(length, 1) != size:
        length = maximum(length, 0)
    return ceildiv(length, step)


def _place(size: Dim, end: Dim) -> Dim | None:
    """An end of a slice, counted from the front and cut off at the ends of the axis."""
    if add(size, end) == 0:
        return 0
    if end == 1:
        return 1
    if end in (-1, add(size, -1)):
        return add(size, -1)
    if never_negative(end):
        return minimum(end, size)
    if never_negative(add(mul(-1, end), -1)):
        return maximum(add(size, end), 0)
    return None


def same_pads(
    size: Dim, kernel: int, stride: int, dilation: int
) -> tuple[int, int] | None:
    """Padding that makes the output ``ceil(n / s)``; the odd one goes to the end.

    None if it depends on a size that is not known.
    """
    reach = dilation * (kernel - 1) + 1
    if isinstance(size, int):
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    elif stride == 1 or reach <= 2:
        total = reach - 1  # more strides than taps: what is not needed is not seen
    else:
        return None
    return total // 2, total - total // 2


def normalize_axis(axis: Any, rank: int) -> int:
    """The axis counted from the front.

    Raises: ShapeError if the rank has no such axis, ArgumentError if it is not an
        integer.
    """
    try:
        axis = index(axis)
    except TypeError:
        raise ArgumentError(f"an axis is an integer, got {axis!r}") from None
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is out of range for rank {rank}")
    return axis % rank


def shifted(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """The axes, counted from the front, where one more stands before all others."""
    return tuple(normalize_axis(axis, rank) + 1 for axis in axes)


def normalize_axes(axes: Any, rank: int) -> tuple[int, ...]:
    """One axis or several as a tuple, counted from the front.

    Raises: ShapeError if the rank has no such axis, or one is named twice.
    """
    found = tuple(normalize_axis(a, rank) for a in integers(axes))
    if len(set(found)) < len(found):
        raise ShapeError(f"axes {axes} name one place twice")
    return found


def integers(value: Any) -> tuple[int, ...]:
    """One integer or several, of Python or NumPy, as a tuple.

    Raises: ArgumentError if they are anything else.
    """
    try:
        return (index(value),)
    except TypeError:
        pass
    try:
        return tuple(map(index, value))
    except TypeError:
        raise ArgumentError(f"expected an integer or several, got {value!r}") from None


def agree(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    """Whether two shapes are equal, unknown sizes taken to be what they must be."""
    return len(a) == len(b) and all(
        d == e or not (isinstance(d, int) and isinstance(e, int))
        for d, e in zip(a, b, strict=True)
    )


def known_shape(shape: Shape) -> tuple[int, ...] | None:
    """The shape if every size is known."""
    sizes = tuple(d for d in shape if isinstance(d, int))
    return sizes if len(sizes) == len(shape) else None


def permute(shape: Shape, perm: Sequence[int]) -> Shape:
    """The shape with its axes reordered."""
    return tuple(shape[p] for p in perm)


def format_shape(shape: Iterable[Dim | None]) -> str:
    """A shape as Keras prints it, unknown sizes as None: ``(None, 28, 28, 1)``."""
    dims = [str(d) if isinstance(d, int) else "None" for d in shape]
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"


# The normal form. `_parse` is cached: a model has few distinct unknown sizes.


def _parenthesized(dim: Dim) -> str:
    text = str(dim)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


@lru_cache(maxsize=4096)
def _open(atom: str) -> tuple[str, tuple[str, ...]]:
    """What an atom computes of which two sizes: ``//`` or ``min``; "" of a name."""
    if atom.isidentifier():
        return "", ()
    node = ast.parse(atom, mode="eval").body
    if isinstance(node, ast.Call):
        return "min", tuple(map(ast.unparse, node.args))
    assert isinstance(node, ast.BinOp)
    return "//", (ast.unparse(node.left), ast.unparse(node.right))


@lru_cache(maxsize=4096)
def _names(dim: str) -> frozenset[str]:
    return frozenset(
        n.id
        for n in ast.walk(ast.parse(dim, mode="eval"))
        if isinstance(n, ast.Name) and n.id != "min"
    )


def _parse(dim: Dim) -> _Poly:
    if isinstance(dim, int):
        return {(): dim} if dim else {}
    return _parse_text(dim)


@lru_cache(maxsize=4096)
def _parse_text(dim: str) -> _Poly:
    return _poly(ast.parse(dim, mode="eval").body)


def _poly(node: ast.expr) -> _Poly:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return {(): node.value} if node.value else {}
    if isinstance(node, ast.Name):
        return {(node.id,): 1}
    if isinstance(node, ast.UnaryOp):
        return {m: -f for m, f in _poly(node.operand).items()}
    if isinstance(node, ast.Call):
        p, q = map(_poly, node.args)
        return _sum(p, _smaller(_sum(q, p, -1)))
    assert isinstance(node, ast.BinOp), ast.dump(node)
    left, right = _poly(node.left), _poly(node.right)
    if isinstance(node.op, ast.Mult):
        return _times(left, right)
    if isinstance(node.op, ast.FloorDiv):
        return _quotient(left, right)
    return _sum(left, right, 1 if isinstance(node.op, ast.Add) else -1)


def _sum(a: _Poly, b: _Poly, factor: int = 1) -> _Poly:
    return {m: f for m in {**a, **b} if (f := a.get(m, 0) + factor * b.get(m, 0))}


def _times(a: _Poly, b: _Poly) -> _Poly:
    product: _Poly = {}
    for (ma, fa), (mb, fb) in ((x, y) for x in a.items() for y in b.items()):
        monomial = tuple(sorted(ma + mb))
        product[monomial] = product.get(monomial, 0) + fa * fb
    return {m: f for m, f in product.items() if f}


def _quotient(dim: _Poly, by: _Poly) -> _Poly:
    dim, by = _reduced(dim, by)
    whole, rest = _divide(dim, by)
    divisor = by.get((), 0) if set(by) == {()} else 0
    if not rest or (set(rest) == {()} and 0 <= rest[()] < divisor):
        return whole  # a remainder smaller than the divisor vanishes
    atom = f"{_parenthesized(_format(rest))}//{_parenthesized(_format(by))}"
    return {**whole, (atom,): whole.get((atom,), 0) + 1}


def _reduced(a: _Poly, b: _Poly) -> tuple[_Poly, _Poly]:
    """Numerator and denominator without what all their terms have in common."""
    if not a or not b:
        return a, b
    factor = math.gcd(*a.values(), *b.values())
    shared = {_common([*a, *b]): factor}
    return _divide(a, shared)[0], _divide(b, shared)[0]


def _divide(dim: _Poly, by: _Poly) -> tuple[_Poly, _Poly]:
    """Quotient and remainder with respect to a divisor of one term."""
    if len(by) != 1:
        return ({(): 1}, {}) if dim == by else ({}, dim)
    ((divisor, factor),) = by.items()
    whole: _Poly = {}
    rest: _Poly = {}
    for monomial, f in dim.items():
        left = list(monomial)
        for atom in divisor:
            if atom not in left:
                rest[monomial] = f
                break
            left.remove(atom)
        else:
            quotient, remainder = divmod(f, factor)
            if quotient:
                whole[tuple(left)] = quotient
            if remainder:
                rest[monomial] = remainder
    return whole, rest


def _smaller(step: _Poly) -> _Poly:
    """``min(0, step)``: of what is added and what is taken away, what both have.

    ``min(0, n - 5)`` is ``min(5, n) - 5``: one form, whatever it was written as.
    """
    if not step or _bounded(step):
        return {}
    if _bounded(_sum({}, step, -1)):
        return step
    more = {m: f for m, f in step.items() if f > 0}
    less = {m: -f for m, f in step.items() if f < 0}
    pair = sorted((_format(less), _format(more)), key=lambda d: (str(d), d == 0))
    return _sum({(f"min({', '.join(map(str, pair))})",): 1}, less, -1)


_Bound: TypeAlias = dict[_Monomial, Fraction]


@lru_cache(maxsize=4096)
def _never_negative(dim: str) -> bool:
    return _bounded(_parse(dim))


def _bounded(poly: Mapping[_Monomial, int | Fraction]) -> bool:
    """Whether a polynomial is never negative, as far as bounds of its atoms tell.

    ``a + min(p, q)`` is not if neither ``a + p`` nor ``a + q`` is.
    """
    for monomial, factor in poly.items():
        for atom in monomial:
            kind, _ = _open(atom)
            if not kind or (factor > 0 and kind == "//" and _positive(atom)):
                continue
            others = list(monomial)
            others.remove(atom)
            if not all(map(_positive, others)):
                return False
            rest = {m: Fraction(f) for m, f in poly.items() if m != monomial}
            term = {tuple(others): Fraction(factor)}
            bounds = _bounds(atom, upper=factor < 0)
            found = [_bounded(_added(rest, term, bound)) for bound in bounds]
            return bool(found) and (any if factor < 0 else all)(found)
    return all(factor >= 0 for factor in poly.values())


def _positive(atom: str) -> bool:
    """Whether an atom is never negative."""
    kind, parts = _open(atom)
    return not kind or all(map(never_negative, map(_read, parts)))


def _bounds(atom: str, *, upper: bool) -> Iterator[_Bound]:
    """Polynomials that an atom never exceeds; or one of which it never falls below."""
    kind, parts = _open(atom)
    a, b = (_parse(_read(part)) for part in parts)
    if kind == "min":
        yield from ({m: Fraction(f) for m, f in p.items()} for p in (a, b))
    elif set(b) == {()} and b[()] > 0:  # a // b is at most a/b, less than 1 below it
        low = {} if upper else {(): b[()] - 1}
        yield {m: Fraction(f, b[()]) for m, f in _sum(a, low, -1).items()}


def _read(text: str) -> Dim:
    return int(text) if text.lstrip("-").isdigit() else text


def _added(total: _Bound, a: _Bound, b: _Bound) -> _Bound:
    """``total + a * b``."""
    result = dict(total)
    for (ma, fa), (mb, fb) in ((x, y) for x in a.items() for y in b.items()):
        monomial = tuple(sorted(ma + mb))
        result[monomial] = result.get(monomial, Fraction(0)) + fa * fb
    return result


def _common(monomials: Sequence[_Monomial]) -> _Monomial:
    """The atoms that all monomials have."""
    shared = Counter(monomials[0])
    for monomial in monomials[1:]:
        shared &= Counter(monomial)
    return tuple(sorted(shared.elements()))


def _without(poly: _Poly, atoms: _Monomial) -> _Poly:
    """The polynomial divided by atoms that all its monomials have."""
    return _divide(poly, {atoms: 1})[0]


def _order(term: tuple[_Monomial, int]) -> tuple[bool, _Monomial]:
    """Where a term stands: ``n - min(2, n)``, the plain ones first."""
    monomial, _ = term
    return any(atom.startswith("min(") for atom in monomial), monomial


def _format(poly: _Poly) -> Dim:
    terms = sorted(((m, f) for m, f in poly.items() if f and m), key=_order)
    constant = poly.get((), 0)
    if not terms:
        return constant
    text = ""
    for monomial, factor in terms:
        body = "*".join(
            f"({a})"
            if _open(a)[0] == "//" and len(monomial) + (abs(factor) != 1) > 1
            else a
            for a in monomial
        )
        body = body if abs(factor) == 1 else f"{abs(factor)}*{body}"
        sign = "-" if factor < 0 else "+"
        if sign == "-" and not text and "//" in body:
            body = f"({body})"  # -a//2 would be (-a)//2
        text += f" {sign} {body}" if text else body if sign == "+" else f"-{body}"
    if constant:
        text += f" {'-' if constant < 0 else '+'} {abs(constant)}"
    return text
