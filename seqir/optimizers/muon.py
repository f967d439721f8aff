"""Muon: momentum made orthogonal, for matrices; Adam for the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from seqir import ops
from seqir.fields import fixed, keyword
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers.adam import Adam


class Muon(Adam):
    """``w -= lr * rms_rate * √max(n, m) * o``, o the momentum, nearly orthogonal.

    The momentum ``m = momentum * m + g`` of a matrix is made so by `ns_steps` of
    ``x = a x + (b x xᵀ + c (x xᵀ)²) x``. What is not a matrix, embeddings (unless told
    otherwise), and layers whose path one of `exclude_layers` matches get Adam's step,
    with `adam_lr_ratio` of the learning rate.

    Source: ``keras.optimizers.Muon``; arXiv:2502.16982.
    """

    beta_1: float = fixed(0.9)
    beta_2: float = fixed(0.999)
    amsgrad: bool = fixed(False)
    epsilon: float = keyword(default=1e-7)
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_weight_decay: float | None = 0.004
    weight_decay: float | None = keyword(default=0.004)
    exclude_layers: Sequence[str] | None = keyword(default=None)
    exclude_embeddings: bool = keyword(default=True)
    muon_a: float = keyword(default=3.4445)
    muon_b: float = keyword(default=-4.7750)
    muon_c: float = keyword(default=2.0315)
    adam_lr_ratio: float = keyword(default=1)
    momentum: float = keyword(default=0.95)
    ns_steps: int = keyword(default=5)
    nesterov: bool = keyword(default=True)
    rms_rate: float | None = keyword(default=0.2)
    order = ("learning_rate", "adam_beta_1", "adam_beta_2", "adam_weight_decay")

    def _setup(self) -> None:
        self.beta_1, self.beta_2 = self.adam_beta_1, self.adam_beta_2
        self.exclude_layers = list(self.exclude_layers or ())
        self._momentums: list[Variable] = []
        self._velocities: dict[Variable, Variable] = {}

    def takes_adam(self, variable: Variable) -> bool:
        """Whether a variable gets Adam's step."""
        path = variable.path
        return (
            variable.ndim != 2
            or (self.exclude_embeddings and "embedding" in path.lower())
            or any(re.search(pattern, path) for pattern in self.exclude_layers or ())
        )

    def add_slots(self, variables: Sequence[Variable]) -> None:
        for variable in variables:
            self._momentums.append(
                self.add_variable_from_reference(variable, "momentum")
            )
            if self.takes_adam(variable):
                slot = self.add_variable_from_reference(variable, "velocity")
                self._velocities[variable] = slot

    def slots_of(self, variable: Variable) -> tuple[Variable, ...]:
        index = self._get_variable_index(variable)
        return self._momentums[index], self._velocities[variable]

    def decay_of(self, variable: Variable) -> float | None:
        adam = self.takes_adam(variable)
        return self.adam_weight_decay if adam else self.weight_decay

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        if self.takes_adam(variable):
            ratio = float(self.adam_lr_ratio)
            super().update_step(gradient, variable, learning_rate * ratio)
            return
        m = self._momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum + gradient)
        push = m * self.momentum + gradient if self.nesterov else m
        scale = 1.0
        if self.rms_rate is not None:
            rows, columns = variable.shape
            scale = math.sqrt(max(rows or 0, columns or 0)) * self.rms_rate
        self.assign_sub(variable, self.orthogonal(push) * (learning_rate * scale))

    def orthogonal(self, x: Result) -> Result:
        """A matrix with singular values near 1 and the directions of x."""
        rows, columns = ops.shape(x)
        tall = rows > columns
        x = ops.transpose(x) if tall else x
        x = x / (ops.norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ ops.transpose(x)
            mixed = square * self.muon_b + (square * self.muon_c) @ square
            x = x * self.muon_a + mixed @ x
        return ops.transpose(x) if tall else x


__all__ = [
    "Muon",
]
