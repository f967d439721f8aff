"""The kernel of a short-time Fourier transform, and its windows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.arguments import one_of
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.initializers.base import (
    Array,
    Initializer,
    check_shape,
    float_name,
)
from seqir.narrow import is_list

_COSINES: Final[dict[str, tuple[float, ...]]] = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}

WINDOWS: Final = (*_COSINES, "bartlett", "cosine")


def window_values(name: str, length: int, periodic: bool = False) -> Array:
    """Weights of a window: ``Σ a[k]·cos(k·x)``, x from -π to π; periodic drops π.

    Raises: ArgumentError for an unknown name.
    Source: Harris 1978, doi:10.1109/PROC.1978.10837; Nuttall 1981,
        doi:10.1109/TASSP.1981.1163506; flat top: D'Antona and Ferrero 2006.
    """
    one_of("window", name, WINDOWS)
    if length < 2:
        return np.ones(length)
    points = length + periodic
    if name == "bartlett":
        values = 1 - np.abs(np.linspace(-1, 1, points))
    elif name == "cosine":
        values = np.sin(math.pi * (np.arange(points) + 0.5) / points)
    else:
        x = np.linspace(-math.pi, math.pi, points)
        terms = (a * np.cos(k * x) for k, a in enumerate(_COSINES[name]))
        values = sum(terms, start=np.zeros(points))
    return values[:length]


class STFT(Initializer):
    """Kernel (time, 1, bins) of a convolution that is a short-time Fourier transform.

    ``w[t] * cos(-2π·t·f / (2·(bins - 1))) / norm``, for side "imag" with sin; norm is
    ``√Σw²`` for scaling "density" and ``Σ|w|`` for "spectrum". Without a window
    nothing is scaled. `window` is a name, an array of values or None.

    Units: f in bins, t in samples.
    Raises: ArgumentError for an unknown side, window or scaling; ShapeError for a
        shape that is no (time, 1, bins) or does not fit the window.
    """

    side: str = "real"
    window: str | Sequence[float] | Array | None = "hann"
    scaling: str | None = "density"
    periodic: bool = False
    arguments = ("side", "window", "periodic", "scaling")  # in the order of Keras

    def _setup(self) -> None:
        one_of("side", self.side, ("real", "imag"))
        one_of("scaling", self.scaling, ("density", "spectrum", None))
        if isinstance(self.window, str):
            one_of("window", self.window, WINDOWS)
        elif self.window is not None:
            self.window = _window_list(self.window)
        self.periodic = bool(self.periodic)

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """The kernel; computed in float32, phase included, except for float64.

        So float32 kernels are Keras's bit by bit, and 1e-4 off at 1024 time steps.
        """
        sizes = check_shape(shape)
        if len(sizes) != 3 or sizes[1] != 1 or sizes[2] < 2:
            raise ShapeError(f"STFT makes kernels (time, 1, bins >= 2), got {sizes}")
        name = float_name("STFT", dtype)
        work = np.dtype("float64" if name == "float64" else "float32")
        time = np.arange(sizes[0], dtype=work)[:, None, None]
        turns = np.arange(sizes[2], dtype=work) / (2 * (sizes[2] - 1))
        phase = -2 * time * turns * work.type(math.pi)
        kernel: Array = np.cos(phase) if self.side == "real" else np.sin(phase)
        if self.window is not None:
            weights = self._weights(sizes[0]).astype(work)[:, None, None]
            kernel = kernel * weights / self._norm(weights)
        return kernel.astype(dtypes.to_numpy(name), copy=False)

    def _weights(self, length: int) -> Array:
        if isinstance(self.window, str):
            return window_values(self.window, length, self.periodic)
        values = np.asarray(self.window, dtype=np.float64)
        if values.shape != (length,):
            raise ShapeError(
                f"a window of shape {values.shape} does not fit {length} time steps"
            )
        return values

    def _norm(self, weights: Array) -> Any:
        if self.scaling is None:
            return 1
        norm: Any
        if self.scaling == "density":
            norm = np.sqrt(np.sum(np.square(weights)))
        else:
            norm = np.sum(np.abs(weights))
        if norm == 0 and weights.size:
            raise ArgumentError(
                f"window {self.window!r} of length {weights.size} is zero everywhere, "
                f"so scaling {self.scaling!r} would divide by 0"
            )
        return norm


def _window_list(window: Any) -> list[float]:
    try:
        values = np.asarray(window)
    except ValueError:
        values = np.asarray(None)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ArgumentError(
            f"window must be a name, a list of numbers or None, got {window!r}"
        )
    return list(window) if is_list(window) else values.tolist()


__all__ = ["STFT"]
