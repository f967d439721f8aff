"""What layers add to the loss: penalties of weights and outputs, and `add_loss`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seqir import dtypes, nest, ops
from seqir.errors import DTypeError, GraphError, ShapeError
from seqir.ir import Array, Trace, current_trace
from seqir.layer.weights import Weighted
from seqir.ops.apply import value_of
from seqir.ops.reduce import count
from seqir.ops.tensor import Result, Traced
from seqir.ops.variable import Variable


def penalties(b: Trace, weights: Iterable[Variable]) -> list[Result]:
    """Scalars to add to the loss of a graph that layers were traced in.

    First what layers have added in their calls, then the penalties of the trainable
    weights.
    """
    return [*(Traced(b, value) for value in b.losses), *weight_penalties(weights)]


def weight_penalties(weights: Iterable[Variable]) -> list[Result]:
    """``regularizer(weight)`` of every trainable weight that has a regularizer."""
    return [w.regularizer(w) for w in weights if w.regularizer is not None]


def losses(layer: Weighted, called: Sequence[Array]) -> list[Result]:
    """`penalties` inside a trace; outside, the numbers of the last call instead."""
    b = current_trace()
    weights = layer.trainable_weights
    return [*called, *weight_penalties(weights)] if b is None else penalties(b, weights)


def add(layer: Weighted, loss: object) -> None:
    """Add one scalar or several to the losses of the graph under construction.

    Raises: GraphError outside of a trace, ShapeError for what is not a scalar,
        DTypeError for integers.
    """
    b = current_trace()
    if b is None:
        raise GraphError(
            f"call add_loss of layer {layer.name!r} inside its call: outside of it "
            "there is no loss to add to"
        )
    for each in nest.flatten(loss):
        value = value_of(b, each)
        if value.type.rank:
            raise ShapeError(
                f"add_loss of layer {layer.name!r} takes scalars, got {value.type}: "
                "take its sum or mean"
            )
        if not dtypes.is_float(value.type.dtype):
            raise DTypeError(
                f"add_loss of layer {layer.name!r} takes floating-point scalars, got "
                f"{value.type}"
            )
        b.losses.append(value)


def add_activity(layer: Weighted, outputs: object) -> None:
    """Add ``activity_regularizer(y) / batch size`` of each output y.

    Its nodes are none of the layer's own: those compute what the layer gives.
    """
    b = current_trace()
    assert b is not None, "a trace runs inside Trace.active()"
    with b.at(f"losses/{b.path}"):
        for y in nest.flatten(outputs):
            loss = layer.activity_regularizer(y)
            if y.ndim:  # an empty batch adds nothing
                loss = ops.divide_no_nan(loss, count(y, (0,), y.dtype))
            add(layer, loss)
