"""ConvLSTM: long short-term memory whose products are convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from seqir import ops
from seqir.arguments import integer, integers
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import fixed
from seqir.layer.aliases import Shape
from seqir.layer.base import Layer
from seqir.layers.cells import LSTMCell
from seqir.layers.gates import LstmGates
from seqir.layers.recurrent import Gated
from seqir.layers.spatial import channel_axis, padding_name
from seqir.operators.recurrent import Recurrent
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.shapes import format_shape


class Convolved(Layer):
    """The arguments of a convolution, which come before those of gates."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: Any = 1


class ConvGates(LstmGates, Convolved):
    """Gates whose products are convolutions over `rank` axes."""

    units: int = fixed(0)

    rank: ClassVar[int]

    def _check_gates(self) -> None:
        self.units = self.filters = integer("filters", self.filters, least=1)
        super()._check_gates()
        self.implementation = 1  # each gate has its own convolution to drop inputs of
        for name in ("kernel_size", "strides", "dilation_rate"):
            found = integers(name, getattr(self, name), count=self.rank, least=1)
            setattr(self, name, found)
        self.padding = padding_name(self.padding, ("valid", "same"))
        self.data_format = check_data_format(self.data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"strides={self.strides} and dilation_rate={self.dilation_rate} cannot "
                "both be greater than 1"
            )


class ConvLSTMCell(ConvGates, LSTMCell):
    """A step of a ConvLSTM, on images of a known size.

    Weights: kernel[*size, n, 4 * filters], recurrent_kernel[*size, filters,
        4 * filters], bias[4 * filters], each in the order i, f, c, o.
    Source: Keras 3 ``layers.ConvLSTM2D``; arXiv:1506.04214.
    """

    def build(self, input_shape: Shape) -> None:
        axis = channel_axis(self.data_format)
        sizes = list(input_shape[1:])
        n = sizes.pop(axis if axis < 0 else axis - 1)
        known = [d for d in sizes if d is not None]
        if n is None or len(known) < len(sizes):
            raise ShapeError(
                "ConvLSTM layers need to know the size of images and their channels, "
                f"got {format_shape(input_shape)}"
            )
        self._image = self._arranged(tuple(known), n)
        state = tuple(map(self._size, known, range(self.rank)))
        if min(state) < 1:
            raise ShapeError(
                f"kernels of size {self.kernel_size} do not fit into the images "
                f"{format_shape(input_shape)}; take smaller ones, or padding='same'"
            )
        self._state = self._arranged(state)
        size = self.kernel_size
        self._add_weights((*size, n), (*size, self.filters), self.filters)

    def _arranged(self, sizes: tuple[int, ...], n: int | None = None) -> Any:
        n = self.filters if n is None else n
        first = self.data_format == "channels_first"
        return (n, *sizes) if first else (*sizes, n)

    def _size(self, size: int, i: int) -> int:
        """The size of what comes out along an axis."""
        if self.padding == "same":
            return -(-size // self.strides[i])
        reach = (self.kernel_size[i] - 1) * self.dilation_rate[i]
        return (size - reach - 1) // self.strides[i] + 1

    def get_initial_state(self, batch_size: SizeLike | None = None) -> list[Any]:
        size: Any = (batch_size, *self._state)
        return [ops.zeros(size, self.compute_dtype) for _ in range(2)]

    def _operator(self) -> Recurrent | None:
        return None

    def _dropped_shapes(self, batch: SizeLike) -> Any:
        return (batch, *self._image), (batch, *self._state)

    def call(
        self, inputs: Result, states: Any, training: bool = False
    ) -> tuple[Result, list[Result]]:
        h, c = states
        dropped = self._dropped(inputs, training)
        settings = (self.strides, self.padding, self.data_format, self.dilation_rate)
        z = self._convolved(inputs, self.kernel, dropped.inputs, *settings)
        around = (1, "same", self.data_format, 1)
        z = z + self._convolved(h, self.recurrent_kernel, dropped.state, *around)
        axis = channel_axis(self.data_format)
        if self.bias is not None:
            ones = (1,) * self.rank
            z = z + ops.reshape(self.bias, (-1, *ones) if axis == 1 else (-1,))
        return self._gated(z, c, axis)

    def _convolved(
        self, x: Result, kernel: Result, dropped: Sequence[Result], *settings: Any
    ) -> Result:
        """The convolutions of all gates, each of its own inputs if some are dropped."""
        if not dropped:
            return ops.conv(x, kernel, *settings)
        pairs = zip(dropped, ops.split(kernel, len(dropped), -1), strict=True)
        parts = [ops.conv(x * m, part, *settings) for m, part in pairs]
        return ops.concatenate(parts, channel_axis(self.data_format))


class ConvLSTM1DCell(ConvLSTMCell):
    """The cell of `ConvLSTM1D`."""

    rank = 1


class ConvLSTM2DCell(ConvLSTMCell):
    """The cell of `ConvLSTM2D`."""

    rank = 2


class ConvLSTM3DCell(ConvLSTMCell):
    """The cell of `ConvLSTM3D`."""

    rank = 3


class ConvLSTM(Gated, ConvGates):
    """What the ConvLSTMs have in common."""

    cell_name = "conv_lstm_cell"

    _by_name = ("unroll", *Gated._by_name)


class ConvLSTM1D(ConvLSTM):
    """Long short-term memory of convolutions, over sequences of sequences.

    Shapes: x[N, T, W, n] -> y[N, W', filters], or y[N, T, W', filters] with
        `return_sequences`; with `return_state` h and c come behind it.
    Weights: kernel[k, n, 4 * filters], recurrent_kernel[k, filters, 4 * filters],
        bias[4 * filters], each in the order i, f, c, o.
    Source: Keras 3 ``layers.ConvLSTM1D``; arXiv:1506.04214.
    """

    cell_type = ConvLSTM1DCell
    rank = 1
    ndim = 4


class ConvLSTM2D(ConvLSTM):
    """Long short-term memory of convolutions, over sequences of images.

    Shapes: x[N, T, H, W, n] -> y[N, H', W', filters], or y[N, T, H', W', filters] with
        `return_sequences`; with `return_state` h and c come behind it.
    Weights: kernel[h, w, n, 4 * filters], recurrent_kernel[h, w, filters,
        4 * filters], bias[4 * filters], each in the order i, f, c, o.
    Source: Keras 3 ``layers.ConvLSTM2D``; arXiv:1506.04214.
    """

    cell_type = ConvLSTM2DCell
    rank = 2
    ndim = 5


class ConvLSTM3D(ConvLSTM):
    """Long short-term memory of convolutions, over sequences of volumes.

    Shapes: x[N, T, D, H, W, n] -> y[N, D', H', W', filters], or with T behind N with
        `return_sequences`; with `return_state` h and c come behind it.
    Weights: kernel[d, h, w, n, 4 * filters], recurrent_kernel[d, h, w, filters,
        4 * filters], bias[4 * filters], each in the order i, f, c, o.
    Source: Keras 3 ``layers.ConvLSTM3D``; arXiv:1506.04214.
    """

    cell_type = ConvLSTM3DCell
    rank = 3
    ndim = 6


__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]
