"""Convolutions in other forms than the operators of the IR have."""

from __future__ import annotations

from typing import Any

from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.taps import Pairs, Taps
from seqir.reading.matrices import activated
from seqir.reading.quantized import to_integers
from seqir.reading.registry import reads
from seqir.reading.take import Take
from seqir.shapes import known_shape


@reads("Conv")
def _conv(take: Take) -> object:
    """With the odd place of padding at the begin."""
    return _convolved(take, take.x(0), take.x(1), take[2])


@reads("FusedConv", domain="com.microsoft")
def _fused_conv(take: Take) -> object:
    """A convolution, to which something is added, and a function of that."""
    y = _convolved(take, take.x(0), take.x(1), take[2])
    if y is None:
        return None
    return activated(take, y if take[3] is None else y + take.x(3))


@reads("ConvInteger")
def _conv_integer(take: Take) -> object:
    """Of integers less their zeros; float64 has all that sums of them can be."""
    x, w = (_without_zero(take, place) for place in (0, 1))
    y = _convolved(take, x, w, None)
    return None if y is None else take.ops.cast(y, "int32")


@reads("QLinearConv")
def _quantized_conv(take: Take) -> Any:
    """x, its scale and zero, w, its scales and zeros, scale and zero of y, a bias."""
    ops, scales = take.ops, take.x(4)
    if scales.ndim > 1 or take.x(5).ndim > 1:
        return None
    x = ops.cast(take.x(0), "float64") - ops.cast(take.x(2), "float64")
    w = ops.cast(take.x(3), "float64")
    w = w - _filters(take, ops.cast(take.x(5), "float64"), w, 0)
    y = _convolved(
        take, x, w, ops.cast(take.x(8), "float64") if take.given(8) else None
    )
    if y is None:
        return None
    factors = ops.cast(take.x(1) * scales / take.x(6), "float64")
    y = y * _filters(take, factors, y, 1)
    return to_integers(take, y, take[7], take.x(7).dtype, 1)


@reads("ConvTranspose")
def _conv_transpose(take: Take) -> object:
    """With padding that follows from the sizes of the result."""
    x, w = take.x(0), take.x(1)
    kernel = known_shape(w.type.shape[2:])
    size = known_shape(x.type.shape[2:])
    if kernel is None or size is None:
        return None
    ones, rank = (1,) * len(kernel), len(kernel)
    strides = tuple(take.attribute("strides", ones))
    dilations = tuple(take.attribute("dilations", ones))
    left = tuple(take.attribute("output_padding", (0,) * rank))
    auto = take.attribute("auto_pad", "NOTSET")
    wanted = take.attribute("output_shape", None)
    if wanted is None and not auto.startswith("SAME"):
        return None
    scaled = tuple(n * s for n, s in zip(size, strides, strict=True))
    wanted = scaled if wanted is None else tuple(wanted)[-rank:]
    pads: list[tuple[int, int]] = []
    behind: list[int] = []
    reach = Taps(kernel, strides, dilations, ()).reach
    for n, s, r, out, new in zip(size, strides, reach, left, wanted, strict=True):
        total = s * (n - 1) + out + r - new
        behind.append(out + max(-total, 0))
        total = max(total, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if auto == "SAME_UPPER" else (more, less))
    group = take.attribute("group", 1)
    op = ConvTranspose(strides, tuple(pads), dilations, tuple(behind), group)
    return take.apply(op, x, w, *(() if take[2] is None else (take.x(2),)))


def _convolved(take: Take, x: Any, w: Any, b: Any) -> Any:
    """The convolution with the attributes of the node; None for unknown sizes."""
    kernel = known_shape(w.type.shape[2:])
    if kernel is None:
        return None
    ones = (1,) * len(kernel)
    strides = tuple(take.attribute("strides", ones))
    dilations = tuple(take.attribute("dilations", ones))
    flat = take.attribute("pads", (0,) * 2 * len(kernel))
    pads: Pairs = tuple(zip(flat[: len(kernel)], flat[len(kernel) :], strict=True))
    auto = take.attribute("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        padding = Taps(kernel, strides, dilations, (), True).padding(x.type.shape[2:])
        if padding is None:
            return None
        lower = tuple((begin, end) for end, begin in padding)
        pads = padding if auto == "SAME_UPPER" else lower
    elif auto == "VALID":
        pads = ((0, 0),) * len(kernel)
    op = Conv(strides, pads, dilations, take.attribute("group", 1))
    return take.apply(op, x, w, *(() if b is None else (b,)))


def _without_zero(take: Take, place: int) -> Any:
    """An operand less its zero, which is one number or one for each filter."""
    x, zero = take.ops.cast(take.x(place), "float64"), take[place + 2]
    if zero is None:
        return x
    return x - _filters(take, take.ops.cast(zero, "float64"), x, 0)


def _filters(take: Take, v: Any, x: Any, axis: int) -> Any:
    """A number, or one for each filter, as it broadcasts to x along an axis."""
    if not v.ndim:
        return v
    return take.ops.reshape(v, (-1, *(1,) * (x.ndim - 1 - axis)))
