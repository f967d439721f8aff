"""Limits for gradients. A tensor is scaled in one pass, by a number found before."""

from __future__ import annotations

from collections.abc import Sequence

from seqir import ops
from seqir.ops.tensor import Result


def clip_by_norm(gradient: Result, limit: float) -> Result:
    """The gradient with a Euclidean norm of at most `limit`.

    ``g * limit / max(‖g‖, limit)``. Source: Keras's ``clipnorm``.
    """
    norm = ops.norm(gradient)
    return gradient * ops.divide(limit, ops.maximum(norm, limit))


def clip_by_global_norm(gradients: Sequence[Result], limit: float) -> list[Result]:
    """The gradients, with a Euclidean norm of all together of at most `limit`.

    If it is not finite, all of them become NaN. Source: Keras's ``global_clipnorm``.
    """
    norms = [ops.cast(ops.norm(g), "float32") for g in gradients]
    norm = ops.norm(ops.stack(norms))
    scale = ops.divide(limit, ops.maximum(norm, limit)) + ops.subtract(norm, norm)
    return [g * ops.cast(scale, ops.dtype(g)) for g in gradients]
