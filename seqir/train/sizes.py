"""Which sizes of targets and sample weights a step leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seqir import dtypes
from seqir.ir import Array
from seqir.shapes import Dim
from seqir.tensortype import TensorType

TARGET: Final = "target"
SAMPLE_WEIGHT: Final = "sample_weight"


class OpenSizes:
    """The types of what a training is given, with a name for each size that varies.

    That is one which is unknown in the output of the same place, and one of which
    another was seen before. A size of 1 keeps its number: it is repeated.
    """

    def __init__(self) -> None:
        self.closed = False
        """Whether the loss or a metric has to know the sizes."""
        self._seen: dict[tuple[str, int, int], int] = {}
        self._varying: set[tuple[str, int, int]] = set()

    def types(
        self,
        what: str,
        arrays: Sequence[Array | None],
        outputs: Sequence[Sequence[int | None]],
    ) -> tuple[TensorType | None, ...]:
        """The types of targets or sample weights for outputs of these shapes."""
        return tuple(
            None if array is None else self._type((what, place), array, shape)
            for place, (array, shape) in enumerate(zip(arrays, outputs, strict=True))
        )

    def _type(
        self, owner: tuple[str, int], array: Array, output: Sequence[int | None]
    ) -> TensorType:
        dims: list[Dim] = ["batch"]
        for axis, size in enumerate(array.shape[1:], 1):
            key = (*owner, axis)
            if size != 1 and self._seen.setdefault(key, size) != size:
                self._varying.add(key)
            unknown = axis < len(output) and output[axis] is None
            is_open = size != 1 and (unknown or key in self._varying)
            dims.append(f"open_{axis}" if is_open and not self.closed else size)
        return TensorType(dtypes.canonical(array.dtype), tuple(dims))


def exact(arrays: Sequence[Array | None]) -> tuple[TensorType | None, ...]:
    """The types of arrays whose batch size alone is open."""
    return tuple(
        None
        if a is None
        else TensorType(dtypes.canonical(a.dtype), ("batch", *a.shape[1:]))
        for a in arrays
    )


def named(type: TensorType, output: TensorType, owner: str) -> TensorType:
    """The type with open sizes called as those of the output, or after the owner."""
    dims: list[Dim] = [type.shape[0]]
    for axis, size in enumerate(type.shape[1:], 1):
        own = output.shape[axis] if axis < output.rank else None
        if isinstance(size, str):
            size = own if isinstance(own, str) else f"{owner}_{axis}"
        dims.append(size)
    return type.with_shape(tuple(dims))
