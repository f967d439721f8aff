"""Arguments for Fourier transforms and sliding windows; a size of 5 can be unknown."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from function_cases import Case, case, i, x

LONG = ("float32", "float64")


def pair(*shape: int, dtype: str = "float32") -> tuple[Any, Any]:
    return x(*shape, dtype=dtype), x(*shape, dtype=dtype, low=-1)


BLOCKS: tuple[dict[str, Any], ...] = (
    {"kernel_size": 2},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": (2, 3), "padding": (1, 0), "stride": (2, 1)},
    {"kernel_size": [3, 2], "dilation": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2},
)


def folds() -> list[Case]:
    images = x(5, 3, 6, 8)
    cases = [
        case(np.asarray(keras.ops.unfold(images, **how)), (6, 8), **how)
        for how in BLOCKS
    ]
    return [*cases, case(i(5, 8, 4, dtype="int32"), 4, 2, stride=2)]


SPECTRA: tuple[dict[str, Any], ...] = (
    {},
    {"window": "hamming", "center": False},
    {"window": None},
    {"window": [0.1, 0.5, 1.0, 0.8, 0.7, 0.3, 0.2, 0.4]},
)

CASES: dict[str, list[Case]] = {
    "fft": [
        case(pair(5, n, dtype=d), rtol=1e-5 if d == "float32" else 1e-12)
        for n in (1, 2, 7, 12)
        for d in LONG
    ]
    + [case(pair(n, dtype="float64")) for n in (521, 600, 1024)]
    + [case(pair(2, 5, 3, 4))],
    "fft2": [case(pair(5, 3, 4, dtype=d)) for d in LONG] + [case(pair(1, 7))],
    "ifft2": [case(pair(5, 3, 4, dtype=d)) for d in LONG] + [case(pair(6, 2))],
    "rfft": [case(x(5, n, dtype=d)) for n in (1, 2, 7, 12) for d in LONG]
    + [case(x(n, dtype="float64")) for n in (600, 1024)]
    + [case(x(5, 6), fft_length=n) for n in (1, 4, 6, 9)]
    + [case(x(2, 5, 3, 4))],
    "irfft": [case(pair(5, n, dtype=d)) for n in (2, 4, 7) for d in LONG]
    + [case(pair(n, dtype="float64")) for n in (301, 513)]
    + [case(pair(501, dtype="float64"), fft_length=1001)]
    + [case(pair(5, 6), fft_length=n) for n in (1, 4, 11, 14)]
    + [case(pair(2, 5, 3, 4))],
    "stft": [
        case(x(5, 40), 8, 3, n, **how) for n in (8, 13) for how in SPECTRA
    ]
    + [case(x(40, dtype="float64"), 8, 4, 8), case(x(2, 5, 20), 4, 4, 4)]
    + [case(x(3000, dtype="float64"), 2100, 200, 2200)],
    "istft": [
        case(pair(5, 9, n // 2 + 1), 8, 3, n, **how)
        for n in (10, 13)
        for how in SPECTRA[:3]
    ]
    + [case(pair(9, 6, dtype="float64"), 8, 4, 10), case(pair(2, 5, 6, 3), 4, 1, 4)]
    + [case(pair(5, 9, 6), 8, 2, 10, length=n) for n in (4, 18, 200)],
    "extract_sequences": [
        case(x(5, 10), 4, 3),
        case(x(10), 3, 3),
        case(x(2, 5, 9, dtype="float64"), 4, 4),
        case(i(12), 4, 1),
    ],
    "unfold": [case(x(5, 3, 6, 8), **how) for how in BLOCKS]
    + [case(x(2, 1, 3, 5), 2), case(x(2, 1, 3, 5), 3, 1, 1, 2)]
    + [case(i(5, 2, 4, 4), 2, stride=2)],
    "fold": folds(),
    "psnr": [
        case(x(5, 3), x(5, 3, low=-1), 1.0),
        case(x(4, 3, dtype="float64"), x(4, 3, low=-1), 255),
    ],
}  # fmt: skip


def fold(blocks: Any, size: Any, *args: Any, **how: Any) -> Any:
    """What no block reaches is 0; Keras's JAX backend leaves it out."""
    y = np.asarray(keras.ops.fold(blocks, size, *args, **how))
    rows, columns = (size, size) if isinstance(size, int) else size
    ends = (0, rows - y.shape[2]), (0, columns - y.shape[3])
    return np.pad(y, ((0, 0), (0, 0), *ends))


def istft(*args: Any, **how: Any) -> Any:
    """SciPy, which Keras's NumPy backend calls, warns of sums of windows near 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return keras.ops.istft(*args, **how)


def transform(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keras's NumPy backend has these in float32 only."""

    def parts(x: Any) -> Any:
        y = function(x[0] + 1j * x[1])
        return y.real.astype(x[0].dtype), y.imag.astype(x[0].dtype)

    return parts


ORACLES: dict[str, Any] = {
    "fft": transform(np.fft.fft),
    "fft2": transform(np.fft.fft2),
    "fold": fold,
    "istft": istft,
}

BAD_CALLS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("fft", (x(3),), "takes a pair of tensors, (real, imaginary), got ndarray"),
    ("fft", ((i(3), i(3)),), "takes floating-point numbers, got i32[3] and i32[3]"),
    ("fft", ((x(3), x(4)),), "takes two parts of one shape, got f32[3] and f32[4]"),
    ("fft", ((x(3, 0), x(3, 0)),), "cannot transform an axis of size 0, got f32[3, 0]"),
    ("fft", (pair(2053),), "2053 is a prime number: pad or cut to a size"),
    ("fft2", (pair(3),), "needs an axis -2 to transform, got f32[3]"),
    ("rfft", (x(3), 0), "fft_length must be an integer >= 1, got 0"),
    ("irfft", (pair(1),), "fft_length must be an integer >= 1, got 0"),
    ("stft", (x(9), 8, 2, 4), "needs fft_length >= sequence_length, got 4 and 8"),
    ("stft", (x(9), 4, 2, 4, "kaiser"), "window must be 'hann', 'hamming', None or"),
    ("stft", (x(9), 4, 2, 4, [1.0]), "must have sequence_length values, (4,), got"),
    ("stft", (i(9), 4, 2, 4), "takes float32 or float64 samples, got i32[9]"),
    ("stft", (x(9), 4, 0, 4), "sequence_stride must be an integer >= 1"),
    ("istft", (pair(3), 4, 2, 4), "takes parts by bins, so 2 axes or more, got f32[3]"),
    ("istft", (pair(3, 3), 4, 2, 4, -1), "length must be an integer >= 1"),
    ("extract_sequences", (x(), 4, 2), "a sequence has an axis, got f32[]"),
    ("unfold", (x(3, 4), 2), "unfold takes images [N, C, H, W], got f32[3, 4]"),
    ("unfold", (x(1, 1, 4, 4), 0), "kernel_size must be an integer >= 1"),
    ("fold", (x(3, 4), 2, 2), "fold takes blocks [N, C*kH*kW, blocks], got f32[3, 4]"),
    ("fold", (x(1, 5, 4), 4, 2), "needs a multiple of 4 rows, got f32[1, 5, 4]"),
    ("fold", (x(1, 4, 5), 4, 2), "takes 3 by 3 blocks of (2, 2), got f32[1, 4, 5]"),
    ("psnr", (x(3), x(4), 1.0), "two signals of one shape, got f32[3] and f32[4]"),
)
"""Function, arguments, and what the error says."""
