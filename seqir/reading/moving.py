"""Nodes that move values about: splitting, triangles, scattering, blocks of pixels."""

from __future__ import annotations

import numpy as np

from seqir import shapes
from seqir.operators.gather import ScatterElements
from seqir.operators.pieces import Pad
from seqir.operators.sizes import Range
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("Split")
def _split(take: Take) -> object:
    """Parts of given sizes, or of equal ones, of which the last may be smaller."""
    x, parts = take.x(), take.ints(1)
    axis = shapes.normalize_axis(take.attribute("axis", 0), x.ndim)
    size = x.shape[axis]
    if parts is None:
        if size is None or take.given(1):
            return None
        count = take.attribute("num_outputs", len(take.node.outputs))
        each = -(-size // count)
        parts = (each,) * (count - 1) + (size - each * (count - 1),)
    return tuple(take.ops.split(x, np.cumsum(parts[:-1]).tolist(), axis))


@reads("Trilu")
def _trilu(take: Take) -> object:
    k = take.ints(1) if take.given(1) else (0,)
    if k is None:
        return None
    take.expect_room(*take.x().shape[-2:])
    cut = take.ops.triu if take.attribute("upper", 1) else take.ops.tril
    return cut(take.x(), k[0])


@reads("OneHot")
def _one_hot(take: Take) -> object:
    """The second value at the place that an index names, the first one elsewhere."""
    ops, depth, places = take.ops, take.ints(1), take.x(0)
    if depth is None or places.dtype not in ("int32", "int64"):
        return None
    values = take.x(2)
    places = ops.where(places < 0, places + depth[0], places)
    hot = ops.one_hot(places, depth[0], axis=take.attribute("axis", -1), dtype="bool")
    return ops.where(hot, values[1], values[0])


@reads("ScatterElements")
def _scatter_elements(take: Take) -> object:
    """Updates in the places of what was there; `reduction` add is an operator."""
    if take.attribute("reduction", "none") != "none":
        return None
    x, places, updates, ops = take.x(0), take.x(1), take.x(2), take.ops
    if x.dtype not in ("float32", "float64", "int32", "int64"):
        return None
    axis = shapes.normalize_axis(take.attribute("axis", 0), x.ndim)
    op, zeros = ScatterElements(axis), ops.zeros_like(x)
    hit = take.apply(op, zeros, places, ops.ones_like(updates))
    return ops.where(hit > 0, take.apply(op, zeros, places, updates), x)


@reads("DepthToSpace")
def _depth_to_space(take: Take) -> object:
    x, ops, b = take.x(), take.ops, take.attribute("blocksize", 1)
    n, c, h, w = ops.shape(x)
    if not isinstance(c, int):
        return None
    if take.attribute("mode", "DCR") == "DCR":
        parts, order = (n, b, b, c // b**2, h, w), (0, 3, 4, 1, 5, 2)
    else:
        parts, order = (n, c // b**2, b, b, h, w), (0, 1, 4, 2, 5, 3)
    y = ops.transpose(ops.reshape(x, parts), order)
    return ops.reshape(y, (n, c // b**2, h * b, w * b))


@reads("SpaceToDepth")
def _space_to_depth(take: Take) -> object:
    x, ops, b = take.x(), take.ops, take.attribute("blocksize", 1)
    n, c, h, w = ops.shape(x)
    if not all(isinstance(size, int) for size in (c, h, w)):
        return None
    y = ops.reshape(x, (n, c, h // b, b, w // b, b))
    dcr = take.attribute("mode", "DCR") == "DCR"
    y = ops.transpose(y, (0, 3, 5, 1, 2, 4) if dcr else (0, 1, 3, 5, 2, 4))
    return ops.reshape(y, (n, c * b * b, h // b, w // b))


@reads("Pad")
def _pad(take: Take) -> object:
    """Where axes are cut as well, or the number around is computed."""
    x, ops, pads = take.x(), take.ops, take.ints(1)
    mode = take.attribute("mode", "constant")
    if pads is None or mode not in ("constant", "edge", "reflect", "wrap"):
        return None
    axes = take.option("axes", 3, tuple(range(x.ndim)))
    widths = [(0, 0)] * x.ndim
    key = [slice(None)] * x.ndim
    for i, axis in enumerate(axes):
        before, after = pads[i], pads[i + len(axes)]
        key[axis] = slice(max(-before, 0), min(after, 0) or None)
        widths[axis] = (max(before, 0), max(after, 0))
    y = x[tuple(key)]
    if mode != "constant":
        before, after = zip(*widths, strict=True)
        return take.apply(Pad(before, after, mode), y)
    if not take.given(2):
        return ops.pad(y, widths)
    inside = ops.pad(ops.ones_like(y, "bool"), widths)
    return ops.where(inside, ops.pad(y, widths), ops.reshape(take.x(2), ()))


@reads("Col2Im")
def _col2im(take: Take) -> object:
    """Images whose patches, added where they overlap, stand in columns."""
    size, block = take.ints(1), take.ints(2)
    if size is None or block is None or len(size) != 2:
        return None
    pads = take.attribute("pads", (0, 0, 0, 0))
    if pads[:2] != pads[2:]:
        return None
    dilations = take.attribute("dilations", (1, 1))
    strides = take.attribute("strides", (1, 1))
    return take.ops.fold(take.x(0), size, block, dilations, pads[:2], strides)


@reads("Range")
def _range(take: Take) -> object:
    """As many numbers as the run computes, of any type."""
    ops, dtype = take.ops, take.x(0).dtype
    if any(take.x(i).ndim for i in range(3)):
        return None  # ONNX wants numbers without axes, not every file has such
    begin, end, step = (ops.cast(take.x(i), "float64") for i in range(3))
    count = ops.cast(ops.maximum(ops.ceil((end - begin) / step), 0.0), "int64")
    places = take.apply(Range(take.unknown("range")), ops.expand_dims(count, 0))
    return ops.cast(begin + ops.cast(places, "float64") * step, dtype)
