"""Optimizers with moving averages of the gradient and of its squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from seqir import ops
from seqir.errors import ArgumentError
from seqir.fields import keyword
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers.base import Optimizer
from seqir.optimizers.rows import rows_of
from seqir.optimizers.state import moved


class Moments(Optimizer):
    """What optimizers with two moving averages, of rates beta_1 and beta_2, share."""

    names: ClassVar[tuple[str, str]] = ("momentum", "velocity")

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _setup(self) -> None:
        self._slots: tuple[list[Variable], ...] = ([], [])

    def add_slots(self, variables: Sequence[Variable]) -> None:
        self._slots = self.add_optimizer_variables(variables, list(self.names))

    def slots_of(self, variable: Variable) -> tuple[Variable, ...]:
        """The slots of a variable, in the order of their names."""
        i = self._get_variable_index(variable)
        return tuple(slot[i] for slot in self._slots)

    def move(self, gradient: Result, m: Variable, v: Variable) -> None:
        """``m += (g - m)(1 - beta_1)``, ``v += (g² - v)(1 - beta_2)``."""
        rows = rows_of(gradient)
        if rows is not None:
            g = rows.values
            self.assign(m, rows.moved(m, g, 1.0 - self.beta_1))
            self.assign(v, rows.moved(v, g * g, 1.0 - self.beta_2))
            return
        self.assign(m, moved(m, gradient, 1.0 - self.beta_1))
        self.assign(v, moved(v, gradient * gradient, 1.0 - self.beta_2))

    def left(self, beta: float, dtype: str) -> Result:
        """``1 - betaᵗ``: what share of an average is no longer its zero start."""
        return self.once(
            ("left", beta, dtype),
            lambda: ops.subtract(1.0, ops.power(beta, self.step_number(dtype))),
        )


class Adam(Moments):
    """``w -= m * alpha / (√v + epsilon)``, alpha = lr * √(1 - β₂ᵗ) / (1 - β₁ᵗ).

    m and v are moving averages of the gradient and of its squares. With `amsgrad` the
    largest v so far takes the place of v.

    Source: ``keras.optimizers.Adam``; arXiv:1412.6980, before section 2.1.
    """

    amsgrad: bool = False

    def add_slots(self, variables: Sequence[Variable]) -> None:
        super().add_slots(variables)
        if self.amsgrad:
            largest = self.add_optimizer_variables(variables, "velocity_hat")
            self._slots = (*self._slots, largest)

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        m, v, *largest = self.slots_of(variable)
        self.move(gradient, m, v)
        if largest:
            self.assign(largest[0], ops.maximum(largest[0], v))
            v = largest[0]
        alpha = self.once(
            ("alpha", variable.dtype), self._alpha, variable, learning_rate
        )
        self.assign_sub(variable, m * alpha / (ops.sqrt(v) + self.epsilon))

    def _alpha(self, variable: Variable, learning_rate: Result) -> Result:
        first = self.left(self.beta_1, variable.dtype)
        second = self.left(self.beta_2, variable.dtype)
        return learning_rate * ops.sqrt(second) / first


class AdamW(Adam):
    """Adam with decay of the weights beside the gradient.

    Raises: ArgumentError without a weight decay.
    Source: ``keras.optimizers.AdamW``; arXiv:1711.05101.
    """

    weight_decay: float | None = keyword(default=0.004)
    beta_1: float = keyword(default=0.9)
    beta_2: float = keyword(default=0.999)
    epsilon: float = keyword(default=1e-7)
    amsgrad: bool = keyword(default=False)
    order = ("learning_rate", "weight_decay")

    def _setup(self) -> None:
        super()._setup()
        if self.weight_decay is None:
            raise ArgumentError(
                "weight_decay of AdamW must be a float, got None: Adam has none"
            )


class Adamax(Moments):
    """``w -= lr * m / ((1 - β₁ᵗ)(u + epsilon))``, u = max(β₂ u, |g|).

    Source: ``keras.optimizers.Adamax``; arXiv:1412.6980, section 7.1.
    """

    names: ClassVar[tuple[str, str]] = ("momentum", "norm")

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        m, u = self.slots_of(variable)
        self.assign(m, moved(m, gradient, 1.0 - self.beta_1))
        self.assign(u, ops.maximum(u * self.beta_2, ops.absolute(gradient)))
        dtype = variable.dtype
        rate = self.once(
            ("rate of m", dtype), lambda: learning_rate / self.left(self.beta_1, dtype)
        )
        self.assign_sub(variable, m * rate / (u + self.epsilon))


class Nadam(Moments):
    """Adam with Nesterov's momentum, whose schedule is ``u = β₁ (1 - 0.96ᵗ / 2)``.

    Source: ``keras.optimizers.Nadam``; Dozat 2016.
    """

    def add_slots(self, variables: Sequence[Variable]) -> None:
        super().add_slots(variables)
        dtype = variables[0].type.dtype if variables else None
        self._u_product = self.add_variable((), "ones", dtype, "u_product")

    def update_variables(
        self,
        grads: Sequence[Result],
        variables: Sequence[Variable],
        learning_rate: Result,
    ) -> None:
        product = self._u_product
        self.assign(product, product * self._momentum(0.0, product.dtype))
        super().update_variables(grads, variables, learning_rate)

    def _momentum(self, ahead: float, dtype: str) -> Result:
        """The momentum of this update, or of one ahead."""
        step = self.step_number(dtype) + ahead
        return self.once(
            ("momentum", ahead, dtype),
            lambda: (1.0 - ops.power(0.96, step) * 0.5) * self.beta_1,
        )

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        m, v = self.slots_of(variable)
        dtype = variable.dtype
        self.move(gradient, m, v)
        of_m, of_g = self.once(("shares", dtype), self._shares, dtype, learning_rate)
        spread = ops.sqrt(v / self.left(self.beta_2, dtype)) + self.epsilon
        self.assign_sub(variable, (m * of_m + gradient * of_g) / spread)

    def _shares(self, dtype: str, learning_rate: Result) -> tuple[Result, Result]:
        """How much the average and the gradient have of the step."""
        now, next_ = self._momentum(0.0, dtype), self._momentum(1.0, dtype)
        product = ops.cast(self._u_product, dtype)
        of_m = learning_rate * next_ / (1.0 - product * next_)
        return of_m, learning_rate * (1.0 - now) / (1.0 - product)


class Lamb(Moments):
    """Adam's step, as long as the weights: ``w -= lr * ‖w‖ / ‖u‖ * u``.

    Source: ``keras.optimizers.Lamb``; arXiv:1904.00962.
    """

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        m, v = self.slots_of(variable)
        dtype = variable.dtype
        self.move(gradient, m, v)
        spread = ops.sqrt(v / self.left(self.beta_2, dtype)) + self.epsilon
        left = self.left(self.beta_1, dtype)
        step = m / spread  # times left: a division of numbers instead of tensors
        weight, length = ops.norm(variable), ops.norm(step) / left
        both = ops.logical_and(ops.greater(weight, 0), ops.greater(length, 0))
        ratio = ops.where(both, weight / ops.where(both, length, 1.0), 1.0)
        self.assign_sub(variable, step * (ratio * learning_rate / left))


class ScheduleFreeAdamW(Moments):
    """Adam's steps, and weights between them and their average: no schedule needed.

    ``z -= lr * g / (√(v / (1 - β₂ᵗ)) + epsilon)``, ``x += (z - x) / t``,
    ``w = (1 - β₁) z + β₁ x``; x is not stored, it follows from w and z.

    Units: `warmup_steps`: steps in which the learning rate grows from 0.
    Source: ``keras.optimizers.ScheduleFreeAdamW``; arXiv:2405.15682.
    """

    learning_rate: Any = 0.0025
    epsilon: float = 1e-8
    warmup_steps: int = 0

    def add_slots(self, variables: Sequence[Variable]) -> None:
        super().add_slots(variables)
        for z, variable in zip(self._slots[0], variables, strict=True):
            z.assign(variable.array)

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        z, v = self.slots_of(variable)
        dtype, aside = variable.dtype, 1.0 - self.beta_1
        rate, share = self.once(
            ("rate, share", dtype), self._rate_and_share, dtype, learning_rate
        )
        self.assign(v, moved(v, gradient * gradient, 1.0 - self.beta_2))
        spread = ops.sqrt(v / self.left(self.beta_2, dtype)) + self.epsilon
        kept = (variable - z * aside) * (1.0 - share)  # of x, times beta_1
        self.assign_sub(z, gradient * rate / spread)
        self.assign(variable, kept + z * (share * self.beta_1 + aside))

    def _rate_and_share(
        self, dtype: str, learning_rate: Result
    ) -> tuple[Result, Result]:
        """The learning rate after warmup, and what x takes from z."""
        step = self.step_number(dtype)
        if self.warmup_steps > 0:
            grown = ops.minimum(step / float(self.warmup_steps), 1.0)
            learning_rate = learning_rate * grown
        return learning_rate, 1.0 / step


__all__ = [
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Nadam",
    "ScheduleFreeAdamW",
]
