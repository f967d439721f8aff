"""Lists of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from seqir import dtypes
from seqir.arguments import one_of
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array

Side = Literal["pre", "post"]


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: Side = "pre",
    truncating: Side = "pre",
    value: object = 0.0,
) -> Array:
    """An array (n, maxlen, ...) of n lists, filled up with `value` or cut off.

    Args:
        sequences: lists, or arrays that are equal in all sizes but the first.
        maxlen: the length; default: that of the longest list.
        dtype: the element type.
        padding: where `value` goes, before the list ("pre") or after it ("post").
        truncating: where a list that is too long is cut off.
        value: what fills up.

    Raises: ArgumentError for another `padding` or `truncating`, or if `sequences` is
        no list of lists, ShapeError if their items have different shapes.
    Source: ``keras.utils.pad_sequences``.
    """
    for word, side in (("padding", padding), ("truncating", truncating)):
        one_of(word, side, get_args(Side))
    if not hasattr(sequences, "__len__") or not all(
        hasattr(one, "__len__") and not isinstance(one, str) for one in sequences
    ):
        raise ArgumentError(f"sequences must be a list of lists, got {sequences!r:.80}")
    length = max(map(len, sequences), default=0) if maxlen is None else int(maxlen)
    arrays = [np.asarray(one) for one in sequences]
    items = next((a.shape[1:] for a in arrays if len(a)), ())
    filled = np.full((len(arrays), length, *items), value, dtypes.named(dtype))
    for row, array in zip(filled, arrays, strict=True):
        if not len(array):
            continue
        if array.shape[1:] != items:
            raise ShapeError(
                f"items of sequences have shape {items}, and one has {array.shape[1:]}"
            )
        first = 0 if truncating == "post" else max(0, len(array) - length)
        kept = array[first:][:length]
        begin = 0 if padding == "post" else length - len(kept)
        row[begin : begin + len(kept)] = kept
    return filled
