"""Making one tensor fit another, whose sizes may be known to the runtime only."""

from __future__ import annotations

from seqir.operators.like import ExpandLike, ReshapeLike
from seqir.operators.movement import reshape_op
from seqir.ops.apply import apply, operand
from seqir.ops.call import operation
from seqir.ops.tensor import Result, TensorLike, Traced


@operation
def expand_like(x: TensorLike, like: TensorLike) -> Result:
    """x broadcast to the shape of another tensor."""
    return apply(ExpandLike(), operand(x), operand(like))


def reshape_like(x: Traced, like: Traced) -> Result:
    """x's values in the shape of another tensor; both are traced."""
    op = reshape_op(x.type, like.type.shape)
    return apply(ReshapeLike(), x, like) if op is None else apply(op, x)


__all__ = ["expand_like"]
