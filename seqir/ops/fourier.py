"""Fourier transforms: complex numbers are pairs of tensors, real and imaginary.

All are products with matrices of cosines and sines. A long transform is one of short
ones (Cooley and Tukey 1965, doi:10.1090/S0025-5718-1965-0178586-1): products with
small matrices, which every runtime computes fast and to the last bits.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from seqir import dtypes
from seqir.arguments import integer
from seqir.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from seqir.ir import Array
from seqir.operators.conv import static
from seqir.ops.apply import coerce, common_dtype, floating, rank_of, type_of_operand
from seqir.ops.arith import add, divide, multiply, subtract, where
from seqir.ops.call import operation
from seqir.ops.create import ones
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims, reshape, shape, swapaxes
from seqir.ops.parts import concatenate, flip, pad, split
from seqir.ops.patches import frames
from seqir.ops.products import matmul
from seqir.ops.spatial import conv, conv_transpose
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import negative

Pair: TypeAlias = tuple[Result, Result]


_WHOLE = 512
"""Up to so many points one matrix is as fast as two steps."""


_MOST = 2048
"""The longest transform that is not split: its matrix takes 64 MiB."""


def _parts(name: str, x: TensorLike) -> Pair:
    """Real and imaginary part, of one floating-point type and one shape."""
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ArgumentError(
            f"ops.{name} takes a pair of tensors, (real, imaginary), got "
            f"{type(x).__name__}"
        )
    real, imag = x
    types = [type_of_operand(part) for part in (real, imag)]
    if not all(dtypes.is_float(t.dtype) for t in types):
        raise DTypeError(
            f"ops.{name} takes floating-point numbers, got {types[0]} and {types[1]}: "
            "use ops.cast"
        )
    if types[0].shape != types[1].shape:
        raise ShapeError(
            f"ops.{name} takes two parts of one shape, got {types[0]} and {types[1]}"
        )
    dtype = common_dtype(real, imag)
    return coerce(real, dtype), coerce(imag, dtype)


def _points(name: str, x: TensorLike, axis: int = -1) -> int:
    """The size of the axis that is transformed."""
    t = type_of_operand(x)
    if t.rank < -axis:
        raise ShapeError(f"ops.{name} needs an axis {axis} to transform, got {t}")
    n = t.shape[axis]
    if not isinstance(n, int):
        raise UnsupportedError(
            f"ops.{name} needs a known size of axis {axis}, got {t}: its matrices are "
            "made for one size, so give the Input a size there"
        )
    if n < 1:
        raise ShapeError(f"ops.{name} cannot transform an axis of size 0, got {t}")
    return n


def _waves(rows: int, columns: int, points: int) -> tuple[Array, Array]:
    """cos and sin of ``2π·r·c / points``, for each row r and column c."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % points
    angles = 2 * np.pi * turns / points
    return np.cos(angles), np.sin(angles)


def _product(x: Result, matrix: Array) -> Result:
    return matmul(x, matrix.astype(dtypes.to_numpy(x.dtype)))


def _halves(x: TensorLike) -> Pair:
    """Both halves of the last axis."""
    first, second = split(x, 2, axis=-1)
    return first, second


def _dft(name: str, real: Result, imag: Result | None, sign: int) -> Pair:
    """``Σ x[j]·exp(sign·2πi·j·k / n)`` of the last axis; without imag it is 0."""
    n = _points(name, real)
    short = max(d for d in range(1, math.isqrt(n) + 1) if n % d == 0)
    if n > _WHOLE and short > 1:
        return _split_dft(name, real, imag, sign, short, n // short)
    if n > _MOST:
        raise UnsupportedError(
            f"ops.{name} of {n} points needs a matrix of {n} by {n} numbers, for "
            f"{n} is a prime number: pad or cut to a size with small factors, such as "
            f"{2 ** math.ceil(math.log2(n))}"
        )
    cos, sin = _waves(n, n, n)
    sin = sign * sin
    if imag is None:
        return _halves(_product(real, np.hstack([cos, sin])))
    both = np.block([[cos, sin], [-sin, cos]])
    return _halves(_product(concatenate((real, imag), -1), both))


def _split_dft(
    name: str, real: Result, imag: Result | None, sign: int, a: int, b: int
) -> Pair:
    """The transform of a·b points: b of a points, turned, then a of b points."""
    lead = shape(real)[:-1]

    def columns(x: TensorLike) -> Result:
        return swapaxes(reshape(x, (*lead, a, b)), -1, -2)

    x = _dft(name, columns(real), None if imag is None else columns(imag), sign)
    cos, sin = _waves(b, a, a * b)
    turned = _times(x, cos, sign * sin)
    real, imag = _swapped(_dft(name, *_swapped(turned), sign))
    return reshape(real, (*lead, a * b)), reshape(imag, (*lead, a * b))


def _swapped(x: Pair) -> Pair:
    """The last two axes swapped."""
    return swapaxes(x[0], -1, -2), swapaxes(x[1], -1, -2)


def _times(x: Pair, real: Array, imag: Array) -> Pair:
    """The product of complex numbers."""
    kind = dtypes.to_numpy(x[0].dtype)
    c, s = real.astype(kind), imag.astype(kind)
    return (
        subtract(multiply(x[0], c), multiply(x[1], s)),
        add(multiply(x[0], s), multiply(x[1], c)),
    )


def _dft2(name: str, x: TensorLike, sign: int) -> Pair:
    """The transform of the last two axes."""
    real, imag = _parts(name, x)
    _points(name, real, -2)
    y = _dft(name, real, imag, sign)
    return _swapped(_dft(name, *_swapped(y), sign))


@operation
def fft(x: TensorLike) -> Pair:
    """``X[k] = Σ x[j]·exp(-2πi·j·k / n)`` along the last axis.

    Shapes: (real[..., n], imag[..., n]) -> the same.
    Raises: UnsupportedError for an unknown n, or a prime one above 2048.
    Source: ``keras.ops.fft``.
    """
    return _dft("fft", *_parts("fft", x), -1)


@operation
def fft2(x: TensorLike) -> Pair:
    """`fft` along the last two axes. Source: ``keras.ops.fft2``."""
    return _dft2("fft2", x, -1)


@operation
def ifft2(x: TensorLike) -> Pair:
    """The inverse of `fft2`. Source: ``keras.ops.ifft2``."""
    real, imag = _dft2("ifft2", x, 1)
    m, n = shape(real)[-2:]
    return divide(real, float(m * n)), divide(imag, float(m * n))


def _sized(x: Result, size: int) -> Result:
    """The last axis cut, or filled up with zeros."""
    (n,) = static(type_of_operand(x).shape[-1:])
    if n == size:
        return x
    if n > size:
        return getitem(x, (..., slice(0, size)))
    return pad(x, [(0, 0)] * (rank_of(x) - 1) + [(0, size - n)])


@operation
def rfft(x: TensorLike, fft_length: int | None = None) -> Pair:
    """`fft` of real numbers: the first ``n//2 + 1``, which the others mirror.

    x is cut or filled up with zeros to `fft_length`.
    Shapes: x[..., n] -> (real[..., n//2 + 1], imag[..., n//2 + 1]).
    Source: ``keras.ops.rfft``.
    """
    x = floating(x)
    n = _points("rfft", x)
    if fft_length is not None:
        n = integer("fft_length", fft_length, least=1)
        x = _sized(x, n)
    bins = n // 2 + 1
    if n <= _WHOLE:
        cos, sin = _waves(n, bins, n)
        return _halves(_product(x, np.hstack([cos, -sin])))
    real, imag = _dft("rfft", x, None, -1)
    return _sized(real, bins), _sized(imag, bins)


def _real_waves(bins: int, n: int) -> Array:
    """The matrix from real and imaginary bins to n real numbers."""
    cos, sin = _waves(bins, n, n)
    twice = np.full((bins, 1), 2 / n)
    twice[0] = 1 / n
    if n % 2 == 0:
        twice[-1] = 1 / n
    return np.vstack([twice * cos, -twice * sin])


@operation
def irfft(x: TensorLike, fft_length: int | None = None) -> Result:
    """The inverse of `rfft`: n real numbers.

    n is `fft_length` or ``2·(bins - 1)``; bins are cut or filled up to ``n//2 + 1``.
    Shapes: (real[..., bins], imag[..., bins]) -> y[..., n].
    Source: ``keras.ops.irfft``.
    """
    real, imag = _parts("irfft", x)
    n = 2 * (_points("irfft", real) - 1) if fft_length is None else fft_length
    n = integer("fft_length", n, least=1)
    bins = n // 2 + 1
    real, imag = _sized(real, bins), _sized(imag, bins)
    if n <= _WHOLE:
        return _product(concatenate((real, imag), -1), _real_waves(bins, n))
    mirrored = (..., slice(1, (n + 1) // 2))
    real = concatenate((real, flip(getitem(real, mirrored), -1)), -1)
    imag = concatenate((imag, negative(flip(getitem(imag, mirrored), -1))), -1)
    return divide(_dft("irfft", real, imag, 1)[0], float(n))


def _window(
    name: str, window: TensorLike | None, length: int, fft_length: int
) -> Array:
    """The window's values in the middle of as many zeros as the transform has more."""
    if fft_length < length:
        raise ArgumentError(
            f"ops.{name} needs fft_length >= sequence_length, got {fft_length} and "
            f"{length}"
        )
    before = (fft_length - length) // 2
    if window is None:
        return np.ones(fft_length)
    if isinstance(window, str):
        if window not in _COSINES:
            raise ArgumentError(
                f"window must be 'hann', 'hamming', None or an array, got {window!r}"
            )
        a = _COSINES[window]
        values = a - (1 - a) * np.cos(2 * np.pi * np.arange(length) / length)
    else:
        values = np.asarray(window, np.float64)
    if values.shape != (length,):
        raise ShapeError(
            f"window must have sequence_length values, ({length},), got shape "
            f"{values.shape}"
        )
    return np.pad(values, (before, fft_length - length - before))


_COSINES = {"hann": 0.5, "hamming": 0.54}


@operation
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: TensorLike | None = "hann",
    center: bool = True,
) -> Pair:
    """`rfft` of overlapping parts of the last axis, each times the window.

    One convolution, so the number of samples may be unknown. `center` mirrors
    ``fft_length//2`` samples at both ends.
    Shapes: x[..., samples] -> (real[..., parts, bins], imag[..., parts, bins]).
    Source: ``keras.ops.stft``.
    """
    length = integer("sequence_length", sequence_length, least=1)
    stride = integer("sequence_stride", sequence_stride, least=1)
    n = integer("fft_length", fft_length, least=1)
    values = _window("stft", window, length, n)
    t = type_of_operand(x)
    if t.dtype not in ("float32", "float64") or not t.rank:
        raise DTypeError(f"ops.stft takes float32 or float64 samples, got {t}")
    if center:
        x = pad(x, [(0, 0)] * (t.rank - 1) + [(n // 2, n // 2)], "reflect")
    bins = n // 2 + 1
    if n > _MOST:
        parts = frames(x, n, stride)
        return rfft(multiply(parts, values.astype(t.dtype)))
    cos, sin = _waves(n, bins, n)
    kernel = values[:, None, None] * np.hstack([cos, -sin])[:, None]
    *lead, samples = shape(x)
    y = conv(
        reshape(x, (math.prod(lead), 1, samples)),
        kernel.astype(t.dtype),
        stride,
        data_format="channels_first",
    )
    y = swapaxes(y, 1, 2)
    return _halves(reshape(y, (*lead, *shape(y)[1:])))


@operation
def istft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: TensorLike | None = "hann",
    center: bool = True,
) -> Result:
    """The inverse of `stft`: overlapping parts are added, over the sum of windows².

    Shapes: (real[..., parts, bins], imag[..., parts, bins]) -> y[..., samples].
    Source: ``keras.ops.istft``.
    """
    real, imag = _parts("istft", x)
    if rank_of(real) < 2:
        raise ShapeError(
            f"ops.istft takes parts by bins, so 2 axes or more, got "
            f"{type_of_operand(real)}"
        )
    part = integer("sequence_length", sequence_length, least=1)
    stride = integer("sequence_stride", sequence_stride, least=1)
    n = integer("fft_length", fft_length, least=1)
    values = _window("istft", window, part, n)
    _points("istft", real)
    bins, kind = n // 2 + 1, dtypes.to_numpy(real.dtype)
    both = concatenate((_sized(real, bins), _sized(imag, bins)), -1)
    *lead, count, _ = shape(both)
    both = swapaxes(reshape(both, (math.prod(lead), count, 2 * bins)), 1, 2)
    kernel = _real_waves(bins, n).T[:, None] * values[:, None, None]
    if window is None:
        kernel *= n / stride
    y = _overlapped(both, kernel.astype(kind), stride)
    squares = (values**2)[:, None, None].astype(kind)
    weight = _overlapped(ones((1, 1, count), real.dtype), squares, stride)
    y = divide(y, where(weight > 1e-10, weight, 1.0))
    start = n // 2 if center else 0
    total = shape(y)[-1]
    end = total if not center else total - n // 2
    if length is not None:
        end = start + integer("length", length, least=1)
    y = getitem(y, (..., slice(start, end)))
    return reshape(expand_dims(y, 0), (*lead, *shape(y)[2:]))


def _overlapped(x: TensorLike, kernel: Array, stride: int) -> Result:
    """Parts made of x by the kernel and added where they overlap."""
    return conv_transpose(
        x, kernel, stride, output_padding=0, data_format="channels_first"
    )


@operation
def extract_sequences(
    x: TensorLike, sequence_length: int, sequence_stride: int
) -> Result:
    """Parts of the last axis, one every `sequence_stride` elements.

    Shapes: x[..., n] -> y[..., parts, sequence_length].
    Source: ``keras.ops.extract_sequences``.
    """
    length = integer("sequence_length", sequence_length, least=1)
    return frames(x, length, integer("sequence_stride", sequence_stride, least=1))


__all__ = [
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "irfft",
    "istft",
    "rfft",
    "stft",
]
