"""Gradients inside of a step of a training: what users take of a loss."""

from __future__ import annotations

from typing import Any

from seqir import autodiff, nest
from seqir.errors import ArgumentError, GraphError
from seqir.ir import Trace
from seqir.ops.apply import value_of
from seqir.ops.tensor import KerasTensor, Traced


def gradient(loss: object, variables: Any) -> Any:
    """d loss / d variable for each variable, inside of `train_step`.

    `loss` is a tensor of the step (what is not a scalar counts as its sum), `variables`
    a variable, a tensor of the step, or lists and dicts of them; the gradients come in
    their structure, for ``optimizer.apply``. They are tensors of the step, and have
    gradients themselves. None stands for a variable that the loss does not depend on.
    What was assigned to a variable is a constant: a gradient does not go on through the
    update of an optimizer.

    Raises: GraphError for a loss that was not computed inside of a step;
        ArgumentError for variables that are none.
    Source: ``tf.GradientTape.gradient``.
    """
    if not isinstance(loss, Traced):
        raise GraphError(_no_step(loss))
    found = nest.flatten(variables)
    if not found:
        raise ArgumentError(
            "gradient got no variables: is the model built, and is it trainable?"
        )
    b = loss.builder
    if isinstance(b, Trace) and not loss.ndim:
        b.minimized.append(value_of(b, loss))
    return nest.pack(variables, autodiff.gradient(loss, found))


def _no_step(loss: object) -> str:
    what = (
        "a symbolic tensor of a model"
        if isinstance(loss, KerasTensor)
        else f"a {type(loss).__name__}, which does not know how it was computed"
    )
    return (
        "gradient takes a loss that seqir.ops, layers and losses have computed inside "
        f"of a model's train_step, got {what}: override train_step(self, data), "
        "compute the loss there from data, and call fit"
    )


__all__ = ["gradient"]
