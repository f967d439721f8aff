"""The circle loss: embeddings of one label near each other, of others apart."""

from __future__ import annotations

from seqir import dtypes, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import about_labels
from seqir.ops.apply import floating
from seqir.ops.tensor import Result, TensorLike


def _with_pairs(y_true: TensorLike, values: TensorLike, **_: object) -> Result:
    """Which samples have a loss."""
    return ops.greater(values, 0.0)


@about_labels(counted=_with_pairs)
def circle(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Result:
    """softplus(logsumexp(positive pairs) + logsumexp(negative pairs)) for each sample.

    With d = max(1 - cosine, 0) of a pair, a pair of one label counts
    -gamma * (margin + d) * (margin - d), one of two labels
    gamma * max(1 + margin - d, 0) * (1 - margin - d). Pairs are with `ref_embeddings`
    of `ref_labels`, or with the other samples of the batch. A sample without pairs of
    one of the kinds has the value 0, and a mean is over the others.

    Shapes: y_true[N] or [N, 1], y_pred[N, D] of length 1 -> [N].
    Source: ``keras.losses.circle``; arXiv:2002.10857.
    """
    y_pred, labels = floating(y_pred), _column(y_true)
    others = y_pred if ref_embeddings is None else ref_embeddings
    other_labels = labels if ref_labels is None else _column(ref_labels)
    distance = ops.relu(1.0 - ops.matmul(y_pred, ops.transpose(others)))
    same = ops.equal(labels, ops.transpose(other_labels))
    positive = same
    if remove_diagonal:
        apart = ops.not_equal(_places(labels), ops.transpose(_places(other_labels)))
        positive = ops.logical_and(same, apart)
    near = ops.relu(margin + distance) * (margin - distance) * -gamma
    far = ops.relu(1.0 + margin - distance) * (1.0 - margin - distance) * gamma
    pull = _logsumexp(near, positive)
    return ops.softplus(pull + _logsumexp(far, ops.logical_not(same)))


def _column(labels: TensorLike) -> Result:
    """Labels as integers, [N, 1]."""
    column = ops.cast(labels, "int32")
    return ops.expand_dims(column, -1) if ops.ndim(column) == 1 else column


def _places(column: TensorLike) -> Result:
    """1, 2, 3, ... in the shape of a column."""
    return ops.cumsum(ops.ones_like(column), axis=0)


def _logsumexp(x: TensorLike, mask: TensorLike) -> Result:
    """log(sum(eˣ)) over the last axis where the mask holds.

    Without any it is a number so low, not -inf, that gradients stay numbers.
    """
    dtype = ops.dtype(x)
    lowest = -0.5 * float(dtypes.finfo(dtype).max)
    counts = ops.cast(mask, dtype)
    return ops.logsumexp(x * counts + (1.0 - counts) * lowest, axis=-1)


class Circle(LossFunctionWrapper):
    """The circle loss of embeddings of length 1, y_true their labels, averaged.

    Source: ``keras.losses.Circle``.
    """

    fn = staticmethod(circle)
    gamma: float = 80.0
    margin: float = 0.4
    remove_diagonal: bool = True
    name = "circle"


__all__ = [
    "Circle",
    "circle",
]
