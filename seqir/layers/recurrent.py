"""SimpleRNN, LSTM and GRU: a cell of that name over all steps."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, ClassVar

from seqir import ops
from seqir.arguments import one_of
from seqir.fields import declared, fixed, placed
from seqir.ir import current_trace
from seqir.layer.aliases import RegularizerLike
from seqir.layers import whole
from seqir.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from seqir.layers.gates import Gates, GruGates, LstmGates
from seqir.layers.rnn import RNN
from seqir.ops.tensor import Result


class Gated(RNN, Gates):
    """A layer that makes the cell it runs, of its own arguments.

    Where an ONNX operator computes the same, it is that operator; else a loop.
    """

    cell: Any = fixed(None)
    activity_regularizer: RegularizerLike = placed(
        default=None, after="bias_regularizer"
    )

    _by_name = ("zero_output_for_mask", "implementation")

    cell_type: ClassVar[type[Cell]]
    cell_name: ClassVar[str]

    ndim = 3

    def setup(self) -> None:
        given = {name: getattr(self, name) for name in declared(self.cell_type)}
        self.cell = self.cell_type(
            **given, name=self.cell_name, dtype=self.dtype_policy
        )
        self.cell.trainable = self.trainable
        for name in given:  # as the cell has checked them
            setattr(self, name, getattr(self.cell, name))

    def _way(self, states: list[Any] | None) -> whole.Way | None:
        """The layer as a direction of a network; None if no operator computes it."""
        op = None if self.unroll else self.cell._operator()
        if op is None:
            return None
        with ExitStack() as inside:
            if (b := current_trace()) is not None:
                kind = type(self.cell).__name__
                inside.enter_context(b.source(self.cell.name, kind))
            weights = self.cell._weights_in_order()
        return whole.Way(op, weights, states, self.go_backwards)

    def _run(
        self, x: Result, states: list[Any] | None, mask: Result | None, training: bool
    ) -> tuple[Result, list[Any]]:
        by_step = training and self.cell._drops_by_gate
        way = None if by_step else self._way(states)
        if way is None:
            return super()._run(x, states, mask, training)
        for dropped in self.cell._dropped(x, training).inputs:
            x = x * ops.expand_dims(dropped, 1)
        sequences, zero = self.return_sequences, self.zero_output_for_mask
        y, (last,) = whole.run([way], x, mask, sequences=sequences, zero=zero)
        return ops.flip(y, 1) if sequences and self.go_backwards else y, last

    def _described(self) -> dict[str, object]:
        """The arguments that Keras's configuration has, which make the cell too."""
        config = super()._described()
        return {k: v for k, v in config.items() if k not in ("cell", "use_cudnn")}


class SimpleRNN(Gated):
    """Elman's network: ``h = activation(x[t] kernel + h recurrent_kernel + bias)``.

    Shapes: x[N, T, n] -> y[N, units], or y[N, T, units] with `return_sequences`; with
        `return_state` h[N, units] comes behind it.
    Weights: kernel[n, units], recurrent_kernel[units, units], bias[units].
    Source: Keras 3 ``layers.SimpleRNN``.
    """

    seed: int | None = placed(default=None, after="unroll")

    cell_type = SimpleRNNCell
    cell_name = "simple_rnn_cell"


class LSTM(Gated, LstmGates):
    """Long short-term memory, see `LSTMCell`.

    Shapes: x[N, T, n] -> y[N, units], or y[N, T, units] with `return_sequences`; with
        `return_state` h[N, units] and c[N, units] come behind it.
    Weights: kernel[n, 4 * units], recurrent_kernel[units, 4 * units],
        bias[4 * units], each in the order i, f, c, o.
    Source: Keras 3 ``layers.LSTM``; Hochreiter and Schmidhuber 1997.
    """

    use_cudnn: Any = placed(default="auto", after="unroll")

    cell_type = LSTMCell
    cell_name = "lstm_cell"

    def setup(self) -> None:
        check_cudnn(self.use_cudnn)
        super().setup()


class GRU(Gated, GruGates):
    """Gated recurrent units, see `GRUCell`.

    Shapes: x[N, T, n] -> y[N, units], or y[N, T, units] with `return_sequences`; with
        `return_state` h[N, units] comes behind it.
    Weights: kernel[n, 3 * units], recurrent_kernel[units, 3 * units], each in the
        order z, r, h; bias[2, 3 * units] for input and state, or bias[3 * units]
        where `reset_after` is false.
    Source: Keras 3 ``layers.GRU``; arXiv:1406.1078.
    """

    reset_after: bool = placed(default=True, after="unroll")
    use_cudnn: Any = placed(default="auto", after="reset_after")

    cell_type = GRUCell
    cell_name = "gru_cell"

    def setup(self) -> None:
        check_cudnn(self.use_cudnn)
        super().setup()


def check_cudnn(value: object) -> None:
    """ArgumentError unless it is what Keras takes: here it changes nothing."""
    one_of("use_cudnn", value, ("auto", True, False))


__all__ = ["GRU", "LSTM", "SimpleRNN"]
