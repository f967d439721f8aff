"""Connectionist temporal classification: a sequence of labels without its timing."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from seqir import ops
from seqir.errors import ShapeError
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import about_labels
from seqir.ops.apply import precise, type_of_operand
from seqir.ops.tensor import Result, TensorLike

NEVER: Final = -1e30
"""Log-probability of what cannot be."""
UNLIKELY: Final = -1e5
"""Log-probability, as Keras has it, of paths that are too short for their labels."""


@about_labels()
def ctc(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """-log of the probability of all paths that spell the labels.

    Class 0 is the blank, in y_true it fills up after the last label. The states are
    blank, label, blank, label, ..., blank; a step stays, goes on by one state, or by
    two to a label that differs from the one before. There is a node of the graph for
    each time step and transition, so times and labels must be of known number.

    Shapes: y_true[batch, labels], y_pred[batch, time, classes] logits -> [batch].
    Units: nats.
    Raises: ShapeError for other ranks and for unknown times, labels or classes.
    Source: ``keras.losses.ctc``; Graves et al., ICML 2006.
    """
    _, (y_pred,) = precise(y_pred)
    labels, scores = type_of_operand(y_true), type_of_operand(y_pred)
    if labels.rank != 2 or scores.rank != 3:
        raise ShapeError(
            "ctc takes y_true [batch, labels] and y_pred [batch, time, classes], "
            f"got {labels} and {scores}"
        )
    count, (times, classes) = labels.shape[1], scores.shape[1:]
    if not (
        isinstance(count, int) and isinstance(times, int) and isinstance(classes, int)
    ):
        raise ShapeError(
            f"ctc unrolls time: the sizes of y_true {labels} and y_pred {scores}, but "
            "for the batch, must be known"
        )
    states = _with_blanks(ops.cast(y_true, "int32"), count)
    logs = _log_probabilities(y_pred, states, classes)
    dtype = ops.dtype(logs)
    last = 2 * ops.sum(ops.cast(states > 0, "int32"), axis=-1, keepdims=True)
    place = np.arange(2 * count + 1, dtype=np.int32)
    ends = ops.logical_or(ops.equal(place, last), ops.equal(place, last - 1))
    alpha = _forward(logs, _skips(states, dtype), times)
    return -ops.logsumexp(alpha + (1.0 - ops.cast(ends, dtype)) * NEVER, axis=-1)


def _with_blanks(labels: TensorLike, count: int) -> Result:
    """Labels with a blank before each one and after the last. [batch, states]."""
    pairs = ops.pad(ops.expand_dims(labels, -1), ((0, 0), (0, 0), (1, 0)))
    flat = ops.reshape(pairs, (ops.shape(labels)[0], 2 * count))
    return ops.pad(flat, ((0, 0), (0, 1)))


def _log_probabilities(y_pred: TensorLike, states: TensorLike, classes: int) -> Result:
    """Log-probability of each state's class at each time. [batch, time, states]."""
    logs = ops.log_softmax(y_pred)
    hot = ops.one_hot(states, classes, dtype=ops.dtype(logs))
    return ops.matmul(logs, ops.transpose(hot, (0, 2, 1)))


def _skips(states: TensorLike, dtype: str) -> Result:
    """Log-weight of the step by two states, to each state. [batch, states]."""
    before = ops.pad(states, ((0, 0), (2, 0)))[:, :-2]
    same = ops.cast(ops.equal(states, before), dtype)
    count: int = ops.shape(states)[1]
    blank = np.arange(count) % 2 == 0
    return same * np.where(blank, NEVER, UNLIKELY).astype(dtype)


def _forward(logs: TensorLike, skips: TensorLike, times: int) -> Result:
    """Log-probability of all paths that end in each state. [batch, states]."""
    dtype = ops.dtype(logs)
    size: int = ops.shape(skips)[1]
    before = np.where(np.arange(size) == 0, 0.0, UNLIKELY).astype(dtype)
    alpha: Any = ops.expand_like(before[None], skips)
    for now in ops.unstack(logs, times, axis=1):
        behind = ops.pad(alpha, ((0, 0), (2, 0)), constant_values=NEVER)
        steps = [alpha, behind[:, 1:-1], behind[:, :-2] + skips]
        alpha = ops.logsumexp(ops.stack(steps), axis=0) + now
    return alpha


class CTC(LossFunctionWrapper):
    """-log of the probability of label sequences, averaged; see `ctc`.

    Source: ``keras.losses.CTC``.
    """

    fn = staticmethod(ctc)
    name = "ctc"


__all__ = [
    "CTC",
    "ctc",
]
