"""Adafactor: squares of gradients kept as a row and a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import ops
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers.base import Optimizer


class Adafactor(Optimizer):
    """``w -= alpha * u``, u the gradient over √v, held to a root mean square of 1.

    Of a matrix, v is the product of the moving means of g² by row and by column, over
    the mean of the first. ``alpha = max(epsilon_2, rms(w)) * min(lr, 1 / √t)``.

    Source: ``keras.optimizers.Adafactor``; arXiv:1804.04235.
    """

    learning_rate: Any = 0.001
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True

    def _setup(self) -> None:
        self._rows: list[Variable] = []
        self._columns: list[Variable] = []
        self._velocities: list[Variable] = []

    def add_slots(self, variables: Sequence[Variable]) -> None:
        for variable in variables:
            name, shape, dtype = variable.name, variable.shape, variable.dtype
            rows: tuple[Any, ...] = shape[:-1]
            columns: tuple[Any, ...] = (*shape[:-2], *shape[-1:])
            if len(shape) < 2:  # Keras keeps a number in their place
                rows, columns, dtype = (), (), "int32"
            self._rows.append(self.add_variable(rows, "zeros", dtype, name))
            self._columns.append(self.add_variable(columns, "zeros", dtype, name))
            self._velocities.append(
                self.add_variable_from_reference(variable, "velocity")
            )

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        i, dtype = self._get_variable_index(variable), variable.dtype
        row, column, v = self._rows[i], self._columns[i], self._velocities[i]
        rate, keep = self.once(("rates", dtype), self._rates, dtype, learning_rate)
        square = gradient * gradient + self.epsilon_1
        fresh = 1.0 - keep
        if variable.ndim >= 2:
            self.assign(row, row * keep + ops.mean(square, -1) * fresh)
            self.assign(column, column * keep + ops.mean(square, -2) * fresh)
            part = row / ops.mean(row, -1, keepdims=True)
            self.assign(v, ops.expand_dims(part, -1) * ops.expand_dims(column, -2))
        else:
            self.assign(v, v * keep + square * fresh)
        step = gradient / ops.sqrt(v)
        excess = ops.maximum(_rms(step) / self.clip_threshold, 1.0)
        alpha = ops.maximum(_rms(variable), self.epsilon_2) * rate
        self.assign_sub(variable, step * (alpha / excess))

    def _rates(self, dtype: str, learning_rate: Result) -> tuple[Result, Result]:
        """The relative step, and the share of the averages that is kept."""
        step = self.step_number(dtype)
        bound = ops.minimum(learning_rate, 1.0 / ops.sqrt(step))
        return bound, 1.0 - ops.power(step, self.beta_2_decay)


def _rms(x: Result) -> Result:
    return ops.sqrt(ops.mean(ops.multiply(x, x)))


__all__ = [
    "Adafactor",
]
