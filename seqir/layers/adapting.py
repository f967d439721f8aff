"""What `adapt` of preprocessing layers reads: an array, or batches of an iterable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from seqir import nest
from seqir.data.batch import unpack
from seqir.data.convert import offers_array, to_array
from seqir.errors import ArgumentError
from seqir.ir import Array
from seqir.narrow import is_iterable, is_sequence

Convert = Callable[[object, str], Array]
"""What makes an array of something, and what that is called in errors."""


def batches(
    data: object, name: str, steps: int | None = None, convert: Convert = to_array
) -> Iterator[Array]:
    """The arrays that a layer of that name is adapted to, at most `steps` of them.

    A list of plain numbers or texts is one array. Of batches with targets, ``(x, y)``,
    the `x` comes.

    Raises: ArgumentError for what is neither, and what `convert` raises.
    """
    if _is_list(data):
        yield convert(np.asarray(data), "data")
    elif offers_array(data):
        yield convert(data, "data")
    elif is_iterable(data) and not isinstance(data, str | bytes | dict):
        for item in islice(data, steps):
            x = item if _is_list(item) else unpack(item)[0]
            yield convert(np.asarray(x) if _is_list(x) else x, "a batch of data")
    else:
        raise ArgumentError(
            f"adapt of layer {name!r} takes an array or an iterable of batches, got "
            f"{data!r}"
        )


def _is_list(data: object) -> bool:
    """Whether it is a list, perhaps of lists, of Python's numbers or texts."""
    first = nest.flatten(data)[:1] if is_sequence(data) else []
    return any(isinstance(x, bool | int | float | str | bytes) for x in first)


def no_data(name: str) -> ArgumentError:
    """That the data had no rows."""
    return ArgumentError(
        f"adapt of layer {name!r} got no data: pass an array with rows, "
        "or an iterable with batches"
    )
