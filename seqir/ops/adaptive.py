"""Pooling to as many windows as asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqir.arguments import integers
from seqir.ops.apply import coerce, common_dtype, floating, rank_of
from seqir.ops.arith import minimum, multiply
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.movement import moveaxis, shape
from seqir.ops.products import tensordot
from seqir.ops.reduce import max as max_
from seqir.ops.sizes import counting
from seqir.ops.tensor import Result, TensorLike


@operation
def adaptive_average_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Result:
    """Means of as many windows as asked for. Source: ``keras.ops``."""
    x = floating(inputs)
    for axis, size, begin, end in _windows(x, output_size, data_format):
        place = counting(size)[:, None]
        share = ((place >= begin) & (place < end)) / coerce(end - begin, "float32")
        y = tensordot(x, coerce(share, common_dtype(x)), ((axis,), (0,)))
        x = moveaxis(y, -1, axis)
    return x


@operation
def adaptive_max_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Result:
    """Largest values of as many windows as asked for. Source: ``keras.ops``."""
    x = floating(inputs)
    for axis, size, begin, end in _windows(x, output_size, data_format):
        known = isinstance(size, int)
        widest = int(np.max(end - begin)) if known else size // begin.shape[0] + 2
        places = minimum(begin[:, None] + counting(widest), end[:, None] - 1)
        x = max_(take(x, places, axis), axis + 1)
    return x


def _windows(
    x: TensorLike, output_size: Any, data_format: str | None
) -> Iterator[tuple[int, Any, Any, Any]]:
    """Each spatial axis with its size, and the begins and ends of its windows."""
    sizes = shape(x)
    first = 2 if data_format == "channels_first" else 1
    counts = integers("output_size", output_size, count=rank_of(x) - 2, least=1)
    for axis, count in enumerate(counts, first):
        size, window = sizes[axis], counting(count)
        start = window * size if isinstance(size, int) else multiply(window, size)
        yield axis, size, start // count, (start + size + count - 1) // count


__all__ = ["adaptive_average_pool", "adaptive_max_pool"]
