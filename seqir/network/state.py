"""What a model knows of itself, beside what a layer does."""

from __future__ import annotations

from collections import Counter
from typing import Any

from seqir.layer.state import LayerState
from seqir.layers.core import InputLayer
from seqir.ops.tensor import Call, KerasTensor


class ModelState(LayerState):
    """What a model knows of itself. What only some kinds of models have is not set.

    Attributes:
        own_call: the call that a subclass was built with; None while it is recorded.
        starts: the inputs that the model is found by.
        stop_predicting: whether `predict` ends after the present batch.
        runner: what runs the model on arrays.
        training: what `compile` and `fit` have made.
        inputs: where a functional model begins, in the structure that it was given.
        outputs: where it ends.
        connections: the calls between them.
        operations: layers and functions that are called there.
        start: the tensors that the first layer of a stack gets; None before they are
            known.
        tensors: what comes out of each layer of a stack, once it is built.
        names: how often a stack uses each name: a layer may be there twice.
    """

    own_call: Call | None
    runner: Any
    training: Any
    inputs: Any
    outputs: Any
    connections: list[Call]
    operations: list[Any]
    start: Any
    tensors: list[KerasTensor]
    names: Counter[str]

    def __init__(self, made_with: dict[str, object]) -> None:
        super().__init__(made_with)
        self.starts: list[InputLayer] = []
        self.stop_predicting = False

    @property
    def optimizer(self) -> Any:
        """What trains the model; None before `compile`."""
        compiled = self.training.compiled
        return None if compiled is None else compiled.optimizer

    @property
    def has_own_call(self) -> bool:
        """Whether the call of a subclass was recorded, or is being recorded."""
        return "own_call" in vars(self)
