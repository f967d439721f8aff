"""Resizing of images, channels first."""

from __future__ import annotations

from collections.abc import Sequence

from seqir import dtypes, shapes
from seqir.errors import UnsupportedError
from seqir.ir import Array
from seqir.operators.resize import Resize, interpolation
from seqir.ops.apply import apply, type_of_operand
from seqir.ops.movement import moveaxis
from seqir.ops.products import matmul
from seqir.ops.tensor import Result


def resize(
    x: Result, sizes: Sequence[int], mode: str, *, antialias: bool = False
) -> Result:
    """Channels-first x interpolated to `sizes`, in any mode of `KERNELS`.

    With `antialias` each result is a mean of all the pixels that it covers.

    Raises: UnsupportedError for all but plain linear interpolation if a size of x is
        not known: only then is it a product with a constant matrix.
    """
    before = type_of_operand(x).shape[2:]
    if before == tuple(sizes):
        return x
    known = [d for d in before if isinstance(d, int)]
    whole = len(known) == len(before)
    narrow = dtypes.itemsize(type_of_operand(x).dtype) <= 4 or not whole
    if mode == "linear" and not antialias and narrow:  # runtimes have no wide Resize
        return apply(Resize(tuple(sizes)), x)
    if not whole:
        # onnxruntime refuses to shrink channels-last images by cubic interpolation,
        # and has none of the rest.
        how = "antialias=True" if antialias else f"{mode} interpolation"
        raise UnsupportedError(
            f"{how} needs images of a known size, got {shapes.format_shape(x.shape)}: "
            "give the Input a height and a width"
        )
    for axis, (old, new) in enumerate(zip(known, sizes, strict=True), start=2):
        if old != new:
            weights = interpolation(old, new, mode, antialias=antialias)
            x = along(x, weights, axis)
    return x


def along(x: Result, weights: Array, axis: int) -> Result:
    """The matrix applied to one axis of x."""
    matrix = weights.T.astype(dtypes.to_numpy(x.dtype))
    return moveaxis(matmul(moveaxis(x, axis, -1), matrix), -1, axis)
