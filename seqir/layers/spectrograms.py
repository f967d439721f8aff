"""Layers that make pictures of sound: how much of each frequency there is, and when."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import config, initializers, ops
from seqir.arguments import integer, one_of
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array
from seqir.layer.aliases import Shape
from seqir.layer.base import Layer
from seqir.layers.spatial import padding_name
from seqir.ops.tensor import Result
from seqir.shapes import format_shape

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """y = what `mode` says of the Fourier transform of overlapping parts of a signal.

    The transform is a convolution with waves under a window, real and imaginary ones,
    which training can change. `mode` is "log" or "magnitude" of its absolute value,
    "psd" (its square, of both sides), "real", "imag", "angle", or "stft" (both parts
    behind each other). Each channel has its own picture, side by side along the
    frequencies, or with `expand_dims` in an axis of its own.

    Shapes: x[N, T, C] -> y[N, T', C * bins], with expand_dims y[N, T', bins, C];
        channels_first: x[N, C, T] -> y[N, C * bins, T'] or y[N, C, T', bins].
    Weights: real_kernel[frame_length, 1, bins], imag_kernel[frame_length, 1, bins].
    Raises: ArgumentError for lengths that do not fit together, or an unknown name.
    Source: Keras 3 ``layers.STFTSpectrogram``.
    """

    mode: str = "log"
    frame_length: int = 256
    frame_step: int | None = None
    fft_length: int | None = None
    window: str | Sequence[float] | Array | None = "hann"
    periodic: bool = False
    scaling: str | None = "density"
    padding: str = "valid"
    expand_dims: bool = False
    data_format: str | None = None

    ndim = 3

    def setup(self) -> None:
        one_of("mode", self.mode, _MODES)
        length = integer("frame_length", self.frame_length, least=2)
        step, points = self.frame_step, self.fft_length
        if step is not None and integer("frame_step", step, least=1) > length:
            raise ArgumentError(
                "`frame_step` should be a positive integer not greater than "
                f"`frame_length`. Received frame_step={step}, frame_length={length}"
            )
        if points is not None and integer("fft_length", points) < length:
            raise ArgumentError(
                "`fft_length` should be not less than `frame_length`. Received "
                f"fft_length={points}, frame_length={length}"
            )
        if points is not None and points & -points != points:
            warnings.warn(
                f"`fft_length` is recommended to be a power of two. Received "
                f"fft_length={points}",
                stacklevel=4,
            )
        self._step = step or length // 2
        self._bins = (points or 2 ** math.ceil(math.log2(length))) // 2 + 1
        self.padding = padding_name(self.padding, ("valid", "same"))
        self.data_format = check_data_format(self.data_format)
        # Says now, and not at the first call, what is wrong with window and scaling.
        initializers.STFT("real", self.window, self.scaling, self.periodic)

    def build(self, input_shape: Shape) -> None:
        self.real_kernel = self._waves("real", but_for="imag")
        self.imag_kernel = self._waves("imag", but_for="real")

    def _waves(self, part: str, but_for: str) -> Any:
        if self.mode == but_for:
            return None
        return self.add_weight(
            (self.frame_length, 1, self._bins),
            initializers.STFT(part, self.window, self.scaling, self.periodic),
            name=f"{part}_kernel",
        )

    def call(self, inputs: Result) -> Result:
        last = self.data_format == "channels_last"
        x = ops.transpose(inputs, (0, 2, 1)) if last else inputs
        y = self._of_channels(x)
        if self.expand_dims:
            return ops.transpose(y, (0, 2, 3, 1)) if last else y
        n, channels, time, bins = ops.shape(y)
        if last:
            y = ops.transpose(y, (0, 2, 1, 3))
            return ops.reshape(y, (n, time, channels * bins))
        y = ops.transpose(y, (0, 1, 3, 2))
        return ops.reshape(y, (n, channels * bins, time))

    def _of_channels(self, x: Result) -> Result:
        """x[N, C, T] -> y[N, C, T', bins]."""
        n, channels, time = ops.shape(x)
        x = ops.reshape(x, (n * channels, time, 1))

        def part(kernel: Any) -> Result:
            kernel = ops.cast(kernel, x.dtype)
            y = ops.conv(x, kernel, self._step, self.padding, "channels_last")
            return ops.reshape(y, (n, channels, *ops.shape(y)[1:]))

        if self.mode == "real":
            return part(self.real_kernel)
        imag = part(self.imag_kernel)
        if self.mode == "imag":
            return imag
        real = part(self.real_kernel)
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        if self.mode == "stft":
            return ops.concatenate([real, imag], -1)
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":  # all but the ends are on the other side as well
            edges = [(0, 0), (0, 0), (0, 0), (1, 1)]
            return power + ops.pad(power[..., 1:-1], edges)
        magnitude = ops.sqrt(ops.maximum(power, config.epsilon()))
        if self.mode == "magnitude":
            return magnitude
        return ops.log(ops.maximum(magnitude, config.epsilon()))


class MelSpectrogram(Layer):
    """y = how loud a signal is in bands that are as wide as ears hear them.

    The magnitudes of ``ops.stft``, to the power `mag_exp`, are summed in triangles
    whose corners are equally far from each other in ``mel(f) = 1127 log(1 + f/700)``,
    from `min_freq` to `max_freq`. With `power_to_db` the result is in decibels below
    `ref_power`, and no lower than `top_db` below its largest.

    Shapes: x[samples] -> y[num_mel_bins, time], x[N, samples] -> y[N, num_mel_bins,
        time].
    Units: sampling_rate, min_freq and max_freq in hertz, top_db in decibels.
    Raises: ArgumentError for lengths that do not fit together.
    Source: Keras 3 ``layers.MelSpectrogram``.
    """

    fft_length: int = 2048
    sequence_stride: int = 512
    sequence_length: int | None = None
    window: str | Sequence[float] | Array | None = "hann"
    sampling_rate: float = 16000
    num_mel_bins: int = 128
    min_freq: float = 20.0
    max_freq: float | None = None
    power_to_db: bool = True
    top_db: float = 80.0
    mag_exp: float = 2.0
    min_power: float = 1e-10
    ref_power: float = 1.0

    def setup(self) -> None:
        integer("fft_length", self.fft_length, least=1)
        integer("sequence_stride", self.sequence_stride, least=1)
        integer("num_mel_bins", self.num_mel_bins, least=1)
        length = self.sequence_length or self.fft_length
        self.sequence_length = integer("sequence_length", length, least=1)
        if self.fft_length < length:
            raise ArgumentError(
                "`fft_length` must be greater than or equal to `sequence_length`. "
                f"Received: `sequence_length`={length}, "
                f"`fft_length`={self.fft_length}."
            )
        self.max_freq = self.max_freq or int(self.sampling_rate / 2)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) not in (1, 2):
            raise ShapeError(
                f"layer {self.name!r} takes signals [samples] or [N, samples], got the "
                f"shape {format_shape(input_shape)}"
            )

    def call(self, inputs: Result) -> Result:
        wide = "float64" if self.compute_dtype == "float64" else "float32"
        real, imag = ops.stft(
            ops.cast(inputs, wide),
            self.sequence_length or self.fft_length,
            self.sequence_stride,
            self.fft_length,
            self.window,
        )
        power = ops.square(real) + ops.square(imag)
        if self.mag_exp != 2:  # where the root is needed, it has a slope at 0
            power = ops.power(power, self.mag_exp / 2)
        y = ops.matmul(power, self._bands().astype(wide))
        if self.power_to_db:
            y = self._in_decibels(y)
        return ops.cast(ops.swapaxes(y, -1, -2), self.compute_dtype)

    def _in_decibels(self, y: Result) -> Result:
        reference = math.log10(max(abs(self.ref_power), self.min_power))
        y = 10 * (ops.log10(ops.maximum(y, self.min_power)) - reference)
        return ops.maximum(y, ops.max(y) - self.top_db)

    def _bands(self) -> Array:
        """The share of each frequency in each band, [bins, num_mel_bins]."""
        assert self.max_freq is not None, "setup has set it"
        # Keras computes the corners in float32; triangles are narrow, so it matters.
        nyquist = np.float32(self.sampling_rate) / np.float32(2)
        bins = self.fft_length // 2 + 1
        heard = _mel(np.linspace(0, nyquist, bins, dtype=np.float32)[1:])[:, None]
        low, high = _mel(np.array([self.min_freq, self.max_freq], np.float32))
        corners = np.linspace(low, high, self.num_mel_bins + 2, dtype=np.float32)
        lower, middle, upper = corners[:-2], corners[1:-1], corners[2:]
        rising = (heard - lower) / (middle - lower)
        falling = (upper - heard) / (upper - middle)
        bands = np.maximum(0, np.minimum(rising, falling))
        return np.pad(bands, ((1, 0), (0, 0)))  # nothing of a constant is heard


def _mel(hertz: Array) -> Array:
    return np.float32(1127) * np.log(1 + hertz / np.float32(700))


__all__ = ["MelSpectrogram", "STFTSpectrogram"]
