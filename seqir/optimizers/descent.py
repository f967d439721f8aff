"""Optimizers whose step is the gradient, a sum of gradients, or only its sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import initializers, ops
from seqir.arguments import number
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers.base import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    ``w -= lr * g``; with momentum ``m = momentum * m - lr * g`` and ``w += m``, with
    Nesterov ``w += momentum * m - lr * g``.

    Units: momentum: share of the last step kept.
    Raises: ArgumentError for a momentum outside of 0 to 1.
    Source: ``keras.optimizers.SGD``.
    """

    learning_rate: Any = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def _setup(self) -> None:
        number("momentum", self.momentum, least=0, most=1)
        self._momentums: list[Variable] = []

    def add_slots(self, variables: Sequence[Variable]) -> None:
        if self.momentum:
            self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        step = gradient * learning_rate
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        m = self._momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - step)
        self.assign_add(variable, m * self.momentum - step if self.nesterov else m)


class Lion(Optimizer):
    """The sign of a moving average: ``w -= lr * sign(beta_1*m + (1 - beta_1)*g)``.

    Then ``m = beta_2 * m + (1 - beta_2) * g``.

    Raises: ArgumentError for a beta_1 outside of (0, 1].
    Source: ``keras.optimizers.Lion``; arXiv:2302.06675.
    """

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.99

    def _setup(self) -> None:
        number("beta_1", self.beta_1, above=0, most=1)
        self._momentums: list[Variable] = []

    def add_slots(self, variables: Sequence[Variable]) -> None:
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        m = self._momentums[self._get_variable_index(variable)]
        direction = ops.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1))
        self.assign_sub(variable, direction * learning_rate)
        self.assign(m, m * self.beta_2 + gradient * (1.0 - self.beta_2))


class RMSprop(Optimizer):
    """The gradient over a moving root of its squares.

    ``v = rho * v + (1 - rho) * g²``, ``w -= lr * g / √(v + epsilon)``; centered, the
    squared moving mean is taken off v.

    Source: ``keras.optimizers.RMSprop``.
    """

    learning_rate: Any = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def _setup(self) -> None:
        self._velocities: list[Variable] = []
        self._momentums: list[Variable] = []
        self._means: list[Variable] = []

    def add_slots(self, variables: Sequence[Variable]) -> None:
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._means = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        i, keep = self._get_variable_index(variable), 1.0 - self.rho
        v = self._velocities[i]
        self.assign(v, v * self.rho + gradient * gradient * keep)
        spread: Any = v + self.epsilon
        if self.centered:
            mean = self._means[i]
            self.assign(mean, mean * self.rho + gradient * keep)
            spread = v - ops.multiply(mean, mean) + self.epsilon
        step = gradient * learning_rate / ops.sqrt(spread)
        if self.momentum > 0:
            m = self._momentums[i]
            self.assign(m, m * self.momentum + step)
            step = m
        self.assign_sub(variable, step)


class Adagrad(Optimizer):
    """The gradient over the root of all its squares so far.

    ``a += g²``, ``w -= lr * g / √(a + epsilon)``.

    Source: ``keras.optimizers.Adagrad``; Duchi et al. 2011.
    """

    learning_rate: Any = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def _setup(self) -> None:
        self._sums: list[Variable] = []

    def add_slots(self, variables: Sequence[Variable]) -> None:
        start = initializers.Constant(self.initial_accumulator_value)
        self._sums = self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        total = self._sums[self._get_variable_index(variable)]
        self.assign_add(total, gradient * gradient)
        root = ops.sqrt(total + self.epsilon)
        self.assign_sub(variable, gradient * learning_rate / root)


class Adadelta(Optimizer):
    """Steps as long as the last ones, measured by the gradient.

    ``a = rho*a + (1 - rho)*g²``, ``d = g * √(s + epsilon) / √(a + epsilon)``,
    ``s = rho*s + (1 - rho)*d²``, ``w -= lr * d``.

    Source: ``keras.optimizers.Adadelta``; arXiv:1212.5701.
    """

    learning_rate: Any = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7

    def _setup(self) -> None:
        self._slots: tuple[list[Variable], list[Variable]] = ([], [])

    def add_slots(self, variables: Sequence[Variable]) -> None:
        names = ["accumulated_grad", "accumulated_delta_var"]
        self._slots = self.add_optimizer_variables(variables, names)

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        i, keep = self._get_variable_index(variable), 1.0 - self.rho
        squares, steps = self._slots[0][i], self._slots[1][i]
        self.assign(squares, squares * self.rho + gradient * gradient * keep)
        reach = ops.sqrt(steps + self.epsilon) * gradient
        step = reach / ops.sqrt(squares + self.epsilon)
        self.assign(steps, steps * self.rho + step * step * keep)
        self.assign_sub(variable, step * learning_rate)


class Ftrl(Optimizer):
    """Follow the regularized leader: weights that stay exactly 0 under an L1 penalty.

    ``a' = a + g²``, ``z += g - (a'^-p - a^-p) / lr * w``,
    ``w = (clip(z, -l1, l1) - z) / (a'^-p / lr + 2*(l2 + beta / (2*lr)))``, p the
    power.

    Raises: ArgumentError for a positive power or a negative strength.
    Source: ``keras.optimizers.Ftrl``; McMahan et al. 2013.
    """

    learning_rate: Any = 0.001
    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = 0.0
    beta: float = 0.0

    def _setup(self) -> None:
        number("learning_rate_power", self.learning_rate_power, most=0)
        for name in self.arguments[1:5]:
            number(name, getattr(self, name), least=0)
        self._slots: tuple[list[Variable], list[Variable]] = ([], [])

    def add_slots(self, variables: Sequence[Variable]) -> None:
        start = initializers.Constant(self.initial_accumulator_value)
        self._slots = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [start, "zeros"]
        )

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        i, power = self._get_variable_index(variable), -self.learning_rate_power
        squares, linear = self._slots[0][i], self._slots[1][i]
        l1 = self.l1_regularization_strength
        shrink = 2.0 * self.l2_shrinkage_regularization_strength
        pulled = gradient + variable * shrink if shrink else gradient
        total = squares + gradient * gradient
        root, old = _raised(total, power), _raised(squares, power)
        self.assign_add(linear, pulled - (root - old) / learning_rate * variable)
        curve = root / learning_rate
        if self.l2_regularization_strength or self.beta:
            l2 = self.l2_regularization_strength + self.beta / (learning_rate * 2.0)
            curve = curve + l2 * 2.0
        pull = ops.clip(linear, -l1, l1) - linear if l1 else ops.negative(linear)
        self.assign(variable, pull / curve)
        self.assign(squares, total)


def _raised(x: Result, power: float) -> Result:
    """``x ** power``; ONNX Runtime takes ten times as long for that as for a root."""
    return ops.sqrt(x) if power == 0.5 else ops.power(x, power)


__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Ftrl",
    "Lion",
    "RMSprop",
]
