"""What is made of the rows of each segment."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import ArgumentError
from seqir.ops.apply import coerce, common_dtype, numeric, rank_of
from seqir.ops.arith import where
from seqir.ops.call import operation
from seqir.ops.gather import one_hot
from seqir.ops.movement import expand_dims
from seqir.ops.reduce import max as max_
from seqir.ops.reduce import min as min_
from seqir.ops.reduce import prod
from seqir.ops.tensor import Result, TensorLike


@operation
def segment_max(
    data: TensorLike,
    segment_ids: TensorLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Result:
    """Largest values of the rows of each segment. Source: ``keras.ops``."""
    return _segments("segment_max", max_, -1, data, segment_ids, num_segments)


@operation
def segment_min(
    data: TensorLike,
    segment_ids: TensorLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Result:
    """Smallest values of the rows of each segment. Source: ``keras.ops``."""
    return _segments("segment_min", min_, 1, data, segment_ids, num_segments)


@operation
def segment_prod(
    data: TensorLike,
    segment_ids: TensorLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Result:
    """Products of the rows of each segment. Source: ``keras.ops``."""
    return _segments("segment_prod", prod, 0, data, segment_ids, num_segments)


def _segments(
    name: str, reduce: Any, sign: int, data: TensorLike, ids: Any, count: int | None
) -> Result:
    """A segment without rows is 1, or the first number on the other side (sign)."""
    if count is None:
        raise ArgumentError(f"{name} needs num_segments: the result has that size")
    dtype = common_dtype(data)
    data = expand_dims(numeric(data), 1)
    member = one_hot(ids, count, dtype="bool")
    member = expand_dims(member, tuple(range(2, rank_of(data))))
    nothing = np.asarray(_limit(dtype, sign), dtypes.to_numpy(dtype))
    return coerce(reduce(where(member, data, nothing), 0), dtype)


def _limit(dtype: str, sign: int) -> float:
    if not sign:
        return 1
    if dtypes.is_float(dtype):
        return sign * np.inf
    limits = np.iinfo(dtypes.to_numpy(dtype))
    return limits.max if sign > 0 else limits.min


__all__ = ["segment_max", "segment_min", "segment_prod"]
