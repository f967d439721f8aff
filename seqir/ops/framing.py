"""Images in other sizes, with edges added or cut off, and cut into blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from seqir import shapes
from seqir.arguments import integers, one_of
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.operators.reduce import Count
from seqir.operators.resize import KERNELS, interpolation
from seqir.ops.apply import apply, coerce, floating, numeric, rank_of, type_of_operand
from seqir.ops.arith import floor_divide, multiply
from seqir.ops.call import operation
from seqir.ops.convert import saturate_cast
from seqir.ops.gather import take
from seqir.ops.indexing import getitem
from seqir.ops.layout import images_of, on_batch
from seqir.ops.movement import moveaxis, reshape, shape, transpose
from seqir.ops.parts import pad
from seqir.ops.patches import blocks
from seqir.ops.resize import along
from seqir.ops.resize import resize as interpolated
from seqir.ops.size import Size
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import round as round_

_KERNELS = {"bilinear": "linear", "bicubic": "cubic"}


def kernel_of(name: str) -> str:
    """The kernel that an interpolation is made with, or "nearest".

    Raises: ArgumentError for an unknown one.
    """
    modes = ("nearest", *_KERNELS, "lanczos3", "lanczos5")
    one_of("interpolation", name, modes)
    return _KERNELS.get(name, name)


@operation
def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Result:
    """Images in another size (height, width), interpolated between pixels' centres.

    Integers stay integers, rounded. Images of a size that only the run knows can be
    resized by "nearest" and "bilinear".
    Source: ``keras.ops.image.resize``.
    """
    mode = kernel_of(interpolation)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(
            "only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True"
        )
    if fill_mode != "constant":
        raise ArgumentError(f"fill_mode must be 'constant', got {fill_mode!r}")
    new = integers("size", size, count=2, least=1)
    x, channel, axes = images_of("resize", images, data_format)
    dtype = type_of_operand(x).dtype
    if crop_to_aspect_ratio:
        x = _cropped_to_ratio(x, axes, new)
    if pad_to_aspect_ratio:
        x = _padded_to_ratio(floating(x), axes, new, fill_value)
    if mode in KERNELS:
        first = channel - rank_of(x)

        def resized(y: TensorLike) -> Result:
            y = interpolated(moveaxis(y, first, 1), new, mode, antialias=antialias)
            return moveaxis(y, 1, first)

        x = on_batch(resized, floating(x))
    else:
        for axis, n in zip(axes, new, strict=True):
            x = _nearest(x, axis, n)
    if x.dtype == dtype:
        return x
    within = mode in ("nearest", "linear") and not pad_to_aspect_ratio
    return (coerce if within else saturate_cast)(round_(x), dtype)


def _ratio(
    x: Result, axes: tuple[int, int], new: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Each size, and what it would be in the new ratio beside the other one."""
    t = type_of_operand(x)
    height, width = (t.shape[axis] for axis in axes)
    if not isinstance(height, int) or not isinstance(width, int):
        raise UnsupportedError(
            f"an aspect ratio is kept of images of a known size, got {t}: give the "
            "Input a height and a width"
        )
    return [(height, width * new[0] // new[1]), (width, height * new[1] // new[0])]


def _cropped_to_ratio(x: Result, axes: tuple[int, int], new: tuple[int, ...]) -> Result:
    """The largest part in the middle that has the new ratio."""
    for axis, (old, wanted) in zip(axes, _ratio(x, axes, new), strict=True):
        kept = max(min(old, wanted), 1)
        begin = (old - kept) // 2
        if kept != old:
            x = getitem(x, (*[slice(None)] * axis, slice(begin, begin + kept)))
    return x


def _padded_to_ratio(
    x: Result, axes: tuple[int, int], new: tuple[int, ...], value: float
) -> Result:
    """The images with equal margins, of the new ratio or one pixel less."""
    around = [(0, 0)] * rank_of(x)
    for axis, (old, wanted) in zip(axes, _ratio(x, axes, new), strict=True):
        margin = max(wanted - old, 0) // 2
        around[axis] = (margin, margin)
    return pad(x, around, "constant", value)


def _nearest(x: Result, axis: int, new: int) -> Result:
    """One axis resized: each new pixel takes the one that its centre is in."""
    old = type_of_operand(x).shape[axis]
    if old == new:
        return x
    size: Any = old if isinstance(old, int) else apply(Count((axis,), "int64"), x)
    centres = 2 * np.arange(new) + 1
    return take(x, floor_divide(multiply(centres, size), 2 * new), axis)


def _edges(does: str, axis: str, given: dict[str, int | None]) -> None:
    """Two of three must be given, and none below 0."""
    if [*given.values()].count(None) != 1:
        shown = ", ".join(f"{name}={n}" for name, n in given.items())
        raise ArgumentError(f"{does} takes two of three for the {axis}, got {shown}")
    for name, n in given.items():
        if n is not None and n < 0:
            raise ArgumentError(f"{name} must not be negative, got {n}")


_Edges: TypeAlias = tuple[int | None, int | None, int | None]
"""What comes before and after, and the target, of one axis: two of three."""


def _all_edges(does: str, what: str, *given: int | None) -> tuple[_Edges, _Edges]:
    """Those of the height and of the width, checked."""
    top, left, bottom, right, height, width = given
    _edges(does, "height", {
        f"top_{what}": top, f"bottom_{what}": bottom, "target_height": height,
    })  # fmt: skip
    _edges(does, "width", {
        f"left_{what}": left, f"right_{what}": right, "target_width": width,
    })  # fmt: skip
    return (top, bottom, height), (left, right, width)


def _rest(does: str, x: TensorLike, n: Any) -> Result:
    """What is left for an edge; the run may know it."""
    if not isinstance(n, Size) and n < 0:
        raise ShapeError(
            f"{does} of {type_of_operand(x)}: the target and the edge that are given "
            f"leave {n} pixels for the other edge"
        )
    return n


@operation
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Result:
    """Images with zeros around: two of both edges and the target, for each axis.

    Source: ``keras.ops.image.pad_images``.
    """
    x, _, axes = images_of("pad_images", images, data_format)
    edges = _all_edges(
        "pad_images", "padding", top_padding, left_padding, bottom_padding,
        right_padding, target_height, target_width,
    )  # fmt: skip
    sizes = shape(x)
    around: list[tuple[Any, Any]] = [(0, 0)] * len(sizes)
    for axis, (before, after, target) in zip(axes, edges, strict=True):
        if target is not None:
            rest = target - sizes[axis] - (after if before is None else before)
            rest = _rest("pad_images", x, rest)
            before, after = (rest, after) if before is None else (before, rest)
        around[axis] = (before, after)
    return pad(x, around)


@operation
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Result:
    """Images with edges cut off: two of both edges and the target, for each axis.

    Source: ``keras.ops.image.crop_images``.
    """
    x, _, axes = images_of("crop_images", images, data_format)
    edges = _all_edges(
        "crop_images", "cropping", top_cropping, left_cropping, bottom_cropping,
        right_cropping, target_height, target_width,
    )  # fmt: skip
    sizes = shape(x)
    cut = [slice(None)] * len(sizes)
    for axis, (before, after, target) in zip(axes, edges, strict=True):
        if before is None:
            before = _rest("crop_images", x, sizes[axis] - (target or 0) - (after or 0))
        end = sizes[axis] - after if target is None else before + target
        _rest("crop_images", x, end - before)
        _rest("crop_images", x, sizes[axis] - end)
        cut[axis] = slice(before, end)
    return getitem(x, tuple(cut))


@operation
def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int],
    scale: TensorLike,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Result:
    """Images scaled and moved along some axes: place p comes to ``scale·p + move``.

    `scale` and `translation` are numbers, one for each axis of `spatial_dims`.
    Source: ``keras.ops.image.scale_and_translate``.
    """
    kernels = {"lanczos3": "lanczos3", "lanczos5": "lanczos5"}
    for how in ("linear", "cubic"):
        kernels |= dict.fromkeys((how, f"bi{how}", f"tri{how}"), how)
    if method not in kernels:
        raise ArgumentError(
            f"method must be one of {', '.join(sorted(kernels))}, got {method!r}"
        )
    x = floating(images)
    axes = shapes.normalize_axes(spatial_dims, rank_of(x))
    factors, moves = (_numbers(n, v, len(axes)) for n, v in (
        ("scale", scale), ("translation", translation),
    ))  # fmt: skip
    for axis, factor, move in zip(axes, factors, moves, strict=True):
        old, new = type_of_operand(x).shape[axis], output_shape[axis]
        if not isinstance(old, int):
            raise UnsupportedError(
                f"ops.image.scale_and_translate needs a known size of axis {axis}, "
                f"got {type_of_operand(x)}"
            )
        weights = interpolation(
            old, new, kernels[method], antialias=antialias, scale=factor, move=move
        )
        x = along(x, weights, axis)
    if not shapes.agree(type_of_operand(x).shape, tuple(output_shape)):
        raise ShapeError(
            f"output_shape {tuple(output_shape)} changes axes beside {axes} of "
            f"{type_of_operand(images)}"
        )
    return x


def _numbers(name: str, values: TensorLike, count: int) -> list[float]:
    found: list[float] = np.ravel(np.asarray(values, np.float64)).tolist()
    if len(found) != count:
        raise ArgumentError(f"{name} must be {count} numbers, got {values!r}")
    return found


@operation
def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Result:
    """Blocks of images, or of volumes if `size` has three numbers, as channels.

    Shapes: x[N, H, W, C] -> y[N, rows, columns, height*width*C].
    Source: ``keras.ops.image.extract_patches``.
    """
    rank = 2 if isinstance(size, int) else len(size)
    if rank not in (2, 3):
        raise ArgumentError(f"size must be one number, two or three, got {size!r}")
    return _patches(images, rank, size, strides, dilation_rate, padding, data_format)


@operation
def extract_patches_3d(
    volumes: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Result:
    """Blocks of volumes as channels. Source: ``keras.ops.image.extract_patches_3d``."""
    return _patches(volumes, 3, size, strides, dilation_rate, padding, data_format)


def _patches(
    images: TensorLike,
    rank: int,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    dilation_rate: int | Sequence[int],
    padding: str,
    data_format: str | None,
) -> Result:
    k = integers("size", size, count=rank, least=1)
    s = integers("strides", k if strides is None else strides, count=rank, least=1)
    d = integers("dilation_rate", dilation_rate, count=rank, least=1)
    if padding not in ("valid", "same"):
        raise ArgumentError(f"padding must be 'valid' or 'same', got {padding!r}")
    last = check_data_format(data_format) == "channels_last"
    x = numeric(images)
    t = type_of_operand(x)
    if t.rank not in (rank + 1, rank + 2):
        raise ShapeError(
            f"blocks of {rank} axes are cut from tensors of rank {rank + 2}, or of "
            f"{rank + 1} without a batch; got {t}"
        )

    def cut(x: TensorLike) -> Result:
        x = moveaxis(x, -1, 1) if last else x
        if padding == "same":
            around = [(0, 0), (0, 0)]
            for axis in zip(type_of_operand(x).shape[2:], k, s, d, strict=True):
                pads = shapes.same_pads(*axis)
                if pads is None:
                    raise UnsupportedError(
                        f"padding='same' with strides needs a known size, got {t}"
                    )
                around.append(pads)
            x = pad(x, around)
        n, channels, *_ = shape(x)
        y = blocks(x, k, s, d)
        inner, counts = range(2, 2 + rank), range(2 + rank, 2 + 2 * rank)
        numbers_of = shape(y)[2 + rank :]
        depth = math.prod(k) * channels
        if last:
            return reshape(
                transpose(y, (0, *counts, *inner, 1)), (n, *numbers_of, depth)
            )
        return reshape(transpose(y, (0, *inner, 1, *counts)), (n, depth, *numbers_of))

    return on_batch(cut, x, rank + 2)
