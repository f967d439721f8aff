"""Pooling to as many windows as asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqir.arguments import integers
from seqir.errors import ShapeError
from seqir.ops.apply import coerce, common_dtype, floating, rank_of, type_of_operand
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.linalg import tensordot
from seqir.ops.movement import moveaxis
from seqir.ops.reduce import max as max_
from seqir.ops.tensor import Result, TensorLike


@operation
def adaptive_average_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Result:
    """Means of as many windows as asked for. Source: ``keras.ops``.

    Raises: ShapeError if a spatial size is not known.
    """
    x = floating(inputs)
    for axis, windows in _windows("adaptive_average_pool", x, output_size, data_format):
        share = np.zeros((windows[-1][1], len(windows)))
        for place, (begin, end) in enumerate(windows):
            share[begin:end, place] = 1 / (end - begin)
        y = tensordot(x, coerce(share, common_dtype(x)), ((axis,), (0,)))
        x = moveaxis(y, -1, axis)
    return x


@operation
def adaptive_max_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Result:
    """Largest values of as many windows as asked for. Source: ``keras.ops``.

    Raises: ShapeError if a spatial size is not known.
    """
    x = floating(inputs)
    for axis, windows in _windows("adaptive_max_pool", x, output_size, data_format):
        widest = max(end - begin for begin, end in windows)
        places = [
            [min(begin + i, end - 1) for i in range(widest)] for begin, end in windows
        ]
        x = max_(take(x, np.array(places), axis), axis + 1)
    return x


def _windows(
    name: str, x: TensorLike, output_size: Any, data_format: str | None
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Each spatial axis with the begins and ends of its windows."""
    sizes = type_of_operand(x).shape
    begin = 2 if data_format == "channels_first" else 1
    counts = integers("output_size", output_size, count=rank_of(x) - 2, least=1)
    for i, count in enumerate(counts):
        size = sizes[begin + i]
        if not isinstance(size, int):
            raise ShapeError(
                f"{name} needs known spatial sizes, got {type_of_operand(x)}: "
                "give the Input all sizes"
            )
        yield (
            begin + i,
            [(k * size // count, -(-(k + 1) * size // count)) for k in range(count)],
        )


__all__ = ["adaptive_average_pool", "adaptive_max_pool"]
