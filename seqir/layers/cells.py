"""Cells: one step of a recurrent network."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple

import numpy as np

from seqir import initializers, ops, random
from seqir.errors import ShapeError
from seqir.ir import Array
from seqir.layer.aliases import InitializerLike, Shape
from seqir.layer.base import Layer
from seqir.layer.state import walk
from seqir.layers.gates import Gates, GruGates, LstmGates
from seqir.layers.whole import known_activation
from seqir.narrow import is_sequence
from seqir.operators.recurrent import Gru, Lstm, Recurrent, Rnn
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.shapes import format_shape


class Dropped(NamedTuple):
    """What a cell multiplies its input and its state with: none, one, or one a gate."""

    inputs: Sequence[Result] = ()
    state: Sequence[Result] = ()


_held: ContextVar[Mapping[Layer, Dropped]] = ContextVar("seqir_dropped")


@contextmanager
def dropped_once(cell: object, batch: SizeLike, *, training: bool) -> Generator[None]:
    """What the cells inside drop is the same in all calls: that of all steps."""
    inside = walk(cell) if training and isinstance(cell, Layer) else ()
    drawn = {c: c.draw_dropped(batch) for c in inside if isinstance(c, Cell)}
    token = _held.set({**_held.get({}), **drawn})
    try:
        yield
    finally:
        _held.reset(token)


class Cell(Gates):
    """A cell with weights for an input and a state, all but its step."""

    gates: ClassVar[int]
    """How many products of the input there are, side by side in the kernels."""
    states: ClassVar[int] = 1

    def setup(self) -> None:
        self._check_gates()
        self.seed_generator = random.SeedGenerator(self.seed)

    @property
    def state_size(self) -> Any:
        """The units of each state: a number, or a list of several."""
        return self.units if self.states == 1 else [self.units] * self.states

    @property
    def output_size(self) -> int:
        """The units of the output."""
        return self.units

    def get_initial_state(self, batch_size: SizeLike | None = None) -> list[Any]:
        """The states to begin with, all 0."""
        size: Any = (batch_size, self.units)
        return [ops.zeros(size, self.compute_dtype) for _ in range(self.states)]

    def build(self, input_shape: Shape) -> None:
        n = input_shape[-1]
        if n is None:
            raise ShapeError(
                f"{type(self).__name__} needs to know the size of the last axis of its "
                f"input, got {format_shape(input_shape)}"
            )
        self._add_weights((n,), (self.units,), self.units)

    def _add_weights(
        self, inner: tuple[int, ...], state: tuple[int, ...], units: int
    ) -> None:
        """Kernels of the shapes [*inner, gates * units] and [*state, ...]."""
        width = self.gates * units
        self.kernel = self.add_weight(
            (*inner, width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (*state, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(width),
                self._first_bias(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (width,)

    def _first_bias(self) -> InitializerLike:
        return self.bias_initializer

    # As one operator for all steps.

    def _operator(self) -> Recurrent | None:
        """The operator that runs the cell over all steps; None if there is none."""
        return None

    def _one(
        self, kind: Callable[..., Recurrent], *functions: Any, **attributes: bool
    ) -> Recurrent | None:
        known = [known_activation(f) for f in functions]
        found = tuple(f for f in known if f is not None)
        if len(found) < len(known):
            return None
        op = kind(found, **attributes)
        usual = op.functions == kind(**attributes).functions
        return kind(**attributes) if usual else op

    def _weights_in_order(self) -> dict[str, Result]:
        """The weights as the operator has them."""
        w, r = map(self._in_order, (self.kernel, self.recurrent_kernel))
        found = {"w": ops.transpose(w), "r": ops.transpose(r)}
        before, after = self._biases()
        if before is not None:
            before = self._in_order(before)
            after = ops.zeros_like(before) if after is None else self._in_order(after)
            found["bias"] = ops.concatenate([before, after])
        return found

    def _in_order(self, weight: Result) -> Result:
        """A weight with the gates on the last axis as the operator has them."""
        return weight

    def _biases(self) -> tuple[Result | None, Result | None]:
        """What is added to the products of the input, and to those of the state."""
        return self.bias, None

    # Dropout.

    def _drops(self, rate: float) -> bool:
        return 0 < rate < 1  # as in Keras, where 1 is as good as 0

    @property
    def _drops_by_gate(self) -> bool:
        """Whether each gate has other inputs dropped in training, or states at all."""
        several = self.implementation == 1 and self.gates > 1
        return (several and self._drops(self.dropout)) or self._drops(
            self.recurrent_dropout
        )

    def draw_dropped(self, batch: SizeLike) -> Dropped:
        """What is dropped in training, for so many samples."""
        count = self.gates if self.implementation == 1 else 1
        sizes = self._dropped_shapes(batch)

        def drawn(rate: float, shape: tuple[SizeLike, ...]) -> list[Result]:
            ones = ops.ones(shape, self.compute_dtype)
            return [
                random.dropout(ones, rate, seed=self.seed_generator)
                for _ in range(count if self._drops(rate) else 0)
            ]

        rates = (self.dropout, self.recurrent_dropout)
        return Dropped(*map(drawn, rates, sizes))

    def _dropped_shapes(
        self, batch: SizeLike
    ) -> tuple[tuple[SizeLike, ...], tuple[SizeLike, ...]]:
        """The shapes of an input and of a state."""
        return (batch, ops.shape(self.kernel)[0]), (batch, self.units)

    def _dropped(self, x: Result, training: bool) -> Dropped:
        """What is dropped in this call."""
        if not training:
            return Dropped()
        found = _held.get({}).get(self)
        return self.draw_dropped(ops.shape(x)[0]) if found is None else found


def _product(x: Result, kernel: Result, dropped: Sequence[Result]) -> Result:
    """x times the kernel; with several masks, each for its part of the kernel."""
    if len(dropped) < 2:
        return ops.matmul(x * dropped[0] if dropped else x, kernel)
    parts = ops.split(kernel, len(dropped), -1)
    pairs = zip(dropped, parts, strict=True)
    return ops.concatenate([ops.matmul(x * m, part) for m, part in pairs], -1)


class SimpleRNNCell(Cell):
    """A step of Elman's network: ``h' = activation(x kernel + h recurrent + bias)``.

    Shapes: x[N, n], [h[N, units]] -> h'[N, units], [h'].
    Weights: kernel[n, units], recurrent_kernel[units, units], bias[units].
    Source: Keras 3 ``layers.SimpleRNNCell``.
    """

    gates = 1

    def _operator(self) -> Recurrent | None:
        return self._one(Rnn, self.activation)

    def _drops(self, rate: float) -> bool:
        return rate > 0

    def call(
        self, inputs: Result, states: Any, training: bool = False
    ) -> tuple[Result, Any]:
        (h,) = states if is_sequence(states) else (states,)
        dropped = self._dropped(inputs, training)
        z = _product(inputs, self.kernel, dropped.inputs)
        if self.bias is not None:
            z = z + self.bias
        y = self.activation(z + _product(h, self.recurrent_kernel, dropped.state))
        return y, [y] if is_sequence(states) else y


class LSTMCell(LstmGates, Cell):
    """A step of long short-term memory.

    ``i, f, o = recurrent_activation(x kernel + h recurrent + bias)``,
    ``c' = f * c + i * activation(x kernel + h recurrent + bias)``,
    ``h' = o * activation(c')``.

    Shapes: x[N, n], [h[N, units], c[N, units]] -> h', [h', c'].
    Weights: kernel[n, 4 * units], recurrent_kernel[units, 4 * units],
        bias[4 * units], each in the order i, f, c, o.
    Source: Keras 3 ``layers.LSTMCell``; Hochreiter and Schmidhuber 1997.
    """

    gates = 4
    states = 2

    def _operator(self) -> Recurrent | None:
        functions = self.recurrent_activation, self.activation, self.activation
        return self._one(Lstm, *functions)

    def _in_order(self, weight: Result) -> Result:
        i, keep, new, out = ops.split(weight, 4, -1)
        return ops.concatenate([i, out, keep, new], -1)

    def _first_bias(self) -> InitializerLike:
        return _OpenForgetGate(self) if self.unit_forget_bias else self.bias_initializer

    def call(
        self, inputs: Result, states: Any, training: bool = False
    ) -> tuple[Result, list[Result]]:
        h, c = states
        dropped = self._dropped(inputs, training)
        z = _product(inputs, self.kernel, dropped.inputs)
        z = z + _product(h, self.recurrent_kernel, dropped.state)
        return self._gated(z if self.bias is None else z + self.bias, c, -1)

    def _gated(self, z: Result, c: Result, axis: int) -> tuple[Result, list[Result]]:
        """The states after the step, of the gates side by side."""
        f: Callable[[Result], Result] = self.recurrent_activation
        i, keep, new, out = ops.split(z, 4, axis)
        c = f(keep) * c + f(i) * self.activation(new)
        h = f(out) * self.activation(c)
        return h, [h, c]


class _OpenForgetGate:
    """The bias of a cell at first: 1 for the forget gate."""

    def __init__(self, cell: LSTMCell) -> None:
        self.cell = cell

    def __call__(self, shape: Sequence[int], dtype: str) -> Array:
        units = shape[0] // 4
        first: Any = initializers.get(self.cell.bias_initializer)
        parts = first((units,), dtype), np.ones(units), first((2 * units,), dtype)
        return np.concatenate([np.asarray(part) for part in parts]).astype(
            np.asarray(parts[0]).dtype
        )


class GRUCell(GruGates, Cell):
    """A step of gated recurrent units.

    ``z, r = recurrent_activation(x kernel + h recurrent + bias)``,
    ``h' = z * h + (1 - z) * activation(x kernel + r * (h recurrent) + bias)``,
    or ``(r * h) recurrent`` where `reset_after` is false.

    Shapes: x[N, n], [h[N, units]] -> h'[N, units], [h'].
    Weights: kernel[n, 3 * units], recurrent_kernel[units, 3 * units], each in the
        order z, r, h; bias[2, 3 * units] for input and state, or bias[3 * units]
        where `reset_after` is false.
    Source: Keras 3 ``layers.GRUCell``; arXiv:1406.1078.
    """

    gates = 3

    def _operator(self) -> Recurrent | None:
        functions = self.recurrent_activation, self.activation
        return self._one(Gru, *functions, linear_before_reset=self.reset_after)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (2, width) if self.reset_after else (width,)

    def _biases(self) -> tuple[Result | None, Result | None]:
        if self.bias is None or not self.reset_after:
            return self.bias, None
        return self.bias[0], self.bias[1]

    def call(
        self, inputs: Result, states: Any, training: bool = False
    ) -> tuple[Result, Any]:
        (h,) = states if is_sequence(states) else (states,)
        dropped, units = self._dropped(inputs, training), self.units
        before, after = self._biases()
        x = _product(inputs, self.kernel, dropped.inputs)
        x = x if before is None else x + before
        kernel, masks = self.recurrent_kernel, dropped.state
        if self.reset_after:
            inner = _product(h, kernel, masks)
            gated, last = ops.split(
                inner if after is None else inner + after, [2 * units], -1
            )
        else:
            gated, last = _product(h, kernel[:, : 2 * units], masks[:2]), None
        x_gated, x_last = ops.split(x, [2 * units], -1)
        z, r = ops.split(self.recurrent_activation(x_gated + gated), 2, -1)
        if last is None:
            left = h * masks[2] if masks else h
            last = ops.matmul(r * left, kernel[:, 2 * units :])
        else:
            last = r * last
        h = z * h + (1 - z) * self.activation(x_last + last)
        return h, [h] if is_sequence(states) else h


__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]
