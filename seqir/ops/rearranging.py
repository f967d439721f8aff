"""Axes split, moved and joined as a pattern of their names says."""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

from seqir.errors import ArgumentError, ShapeError
from seqir.ops.apply import rank_of
from seqir.ops.call import operation
from seqir.ops.movement import reshape, shape, transpose
from seqir.ops.size import Size
from seqir.ops.tensor import Result, TensorLike

_Groups: TypeAlias = list[list[str]]


@operation
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Result:
    """x with axes split, moved and joined: ``"b (h w) c -> b c h w", h=4``.

    Source: ``keras.ops.rearrange``.
    Raises: ArgumentError for a pattern that is none, ShapeError for sizes that do not
        fit.
    """
    left, right = _sides(pattern, rank_of(tensor))
    names = [name for group in left for name in group]
    lengths: dict[str, Any] = dict(axes_lengths)
    for group, size in zip(left, shape(tensor), strict=True):
        _fill(pattern, group, size, lengths)
    x = reshape(tensor, tuple(lengths[name] for name in names))
    x = transpose(x, tuple(names.index(name) for group in right for name in group))
    return reshape(x, tuple(math.prod(lengths[n] for n in group) for group in right))


def _fill(
    pattern: str, group: list[str], size: int | Size, lengths: dict[str, Any]
) -> None:
    """Find out the length in a group that nobody gave."""
    unknown = [name for name in group if name not in lengths]
    if len(unknown) > 1:
        raise ArgumentError(
            f"rearrange {pattern!r} needs the lengths of all but one of "
            f"{', '.join(unknown)}"
        )
    known = math.prod(lengths[name] for name in group if name in lengths)
    if unknown:
        lengths[unknown[0]] = size // known
    if isinstance(size, int) and math.prod(lengths[n] for n in group) != size:
        raise ShapeError(
            f"rearrange {pattern!r} makes {' and '.join(group)} of an axis of size "
            f"{size}, which {known} does not divide evenly"
        )


def _sides(pattern: str, rank: int) -> tuple[_Groups, _Groups]:
    """The groups of names left and right of the arrow."""
    sides = [_groups(pattern, side) for side in pattern.split("->")]
    if len(sides) != 2:
        raise ArgumentError(f"a pattern is 'axes -> axes', got {pattern!r}")
    left, right = sides
    before, after = ([n for group in side for n in group] for side in sides)
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ArgumentError(
            f"both sides of {pattern!r} must have the same names, each of them once"
        )
    if ["..."] in left:
        rest = [[f"...{i}"] for i in range(rank - len(left) + 1)]
        left, right = (_expanded(side, rest) for side in sides)
    if len(left) != rank:
        raise ShapeError(f"{pattern!r} is for {len(left)} axes, got {rank}")
    return left, right


def _groups(pattern: str, side: str) -> _Groups:
    tokens = re.findall(r"\([^()]*\)|\.\.\.|\w+|\S", side)
    groups = [t.strip("()").split() for t in tokens]
    for name in (n for group in groups for n in group):
        if name != "..." and not re.fullmatch(r"\w+", name):
            raise ArgumentError(f"{name!r} in {pattern!r} is not a name of an axis")
    return groups


def _expanded(side: _Groups, rest: _Groups) -> _Groups:
    """The groups with the axes that the dots stand for."""
    inner = [name for group in rest for name in group]
    found: _Groups = []
    for group in side:
        if group == ["..."]:
            found += rest
        else:
            found.append([m for n in group for m in (inner if n == "..." else [n])])
    return found


__all__ = ["rearrange"]
