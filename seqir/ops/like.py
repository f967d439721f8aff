"""Making one tensor fit another, whose sizes may be known to the runtime only."""

from __future__ import annotations

from typing import Any

from seqir.operators.like import ExpandLike, ReshapeLike
from seqir.operators.movement import reshape_op
from seqir.ops.apply import apply, operand
from seqir.ops.call import operation


@operation
def expand_like(x: Any, like: Any) -> Any:
    """x broadcast to the shape of another tensor."""
    return apply(ExpandLike(), operand(x), operand(like))


def reshape_like(x: Any, like: Any) -> Any:
    """x's values in the shape of another tensor; both are traced."""
    op = reshape_op(x.type, like.type.shape)
    return apply(ReshapeLike(), x, like) if op is None else apply(op, x)


__all__ = ["expand_like"]
