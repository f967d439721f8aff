"""The arguments that recurrent layers and their cells have in common."""

from __future__ import annotations

from typing import Any

from seqir.arguments import integer, number
from seqir.fields import keyword, placed
from seqir.layer.aliases import ConstraintLike, InitializerLike, RegularizerLike
from seqir.layer.arguments import activation as activation_of
from seqir.layer.base import Layer


class Gates(Layer):
    """Arguments of a cell, of the layer that runs it too.

    `implementation`, which Keras has for the order of computations, says here only
    that with 1 each gate drops other inputs.
    """

    units: int
    activation: Any = "tanh"
    use_bias: bool = keyword(default=True)
    kernel_initializer: InitializerLike = keyword(default="glorot_uniform")
    recurrent_initializer: InitializerLike = keyword(default="orthogonal")
    bias_initializer: InitializerLike = keyword(default="zeros")
    kernel_regularizer: RegularizerLike = keyword(default=None)
    recurrent_regularizer: RegularizerLike = keyword(default=None)
    bias_regularizer: RegularizerLike = keyword(default=None)
    kernel_constraint: ConstraintLike = keyword(default=None)
    recurrent_constraint: ConstraintLike = keyword(default=None)
    bias_constraint: ConstraintLike = keyword(default=None)
    dropout: float = keyword(default=0.0)
    recurrent_dropout: float = keyword(default=0.0)
    seed: int | None = keyword(default=None)
    implementation: int = keyword(default=2)

    _by_name = ("implementation",)

    def _check_gates(self) -> None:
        """Check and normalize the arguments."""
        self.units = integer("units", self.units, least=1)
        self.activation = activation_of(self.activation)
        for name in ("dropout", "recurrent_dropout"):
            rate = number(name, getattr(self, name))
            setattr(self, name, min(1.0, max(0.0, rate)))
        if self.recurrent_dropout:
            self.implementation = 1

    def _described(self) -> dict[str, object]:
        """The arguments; Keras's configuration has no `implementation`."""
        config = super()._described()
        del config["implementation"]
        return config


class RecurrentGates(Gates):
    """Gates with a function of their own."""

    recurrent_activation: Any = placed(default="sigmoid", after="activation")

    def _check_gates(self) -> None:
        super()._check_gates()
        self.recurrent_activation = activation_of(self.recurrent_activation)


class LstmGates(RecurrentGates):
    """Gates of long short-term memory."""

    unit_forget_bias: bool = placed(default=True, after="bias_initializer")


class GruGates(RecurrentGates):
    """Gates of gated recurrent units."""

    reset_after: bool = placed(default=True, after="recurrent_dropout")
