"""What a layer says of its inputs in Keras's form, as `input_spec`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqir import dtypes
from seqir.dtypes import DTypeLike
from seqir.errors import ShapeError
from seqir.narrow import is_sequence
from seqir.ops.tensor import Tensor
from seqir.shapes import format_shape


@dataclass(frozen=True)
class InputSpec:
    """Rank, sizes and element type that an input of a layer must have; None is any.

    Source: ``keras.InputSpec``.
    """

    dtype: DTypeLike | None = None
    shape: Sequence[int | None] | None = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int | None] | None = None
    allow_last_axis_squeeze: bool = False
    name: str | None = None
    optional: bool = False

    def unmet(self, x: Tensor) -> str | None:
        """What of this the tensor does not fulfil."""
        return next(self._unmet(x), None)

    def _unmet(self, x: Tensor) -> Iterator[str]:
        shape = tuple(x.shape)
        ndim, axes = self.ndim, dict(self.axes or {})
        if self.shape is not None:
            ndim, axes = len(self.shape), dict(enumerate(self.shape))
        squeezed = self.allow_last_axis_squeeze and abs(len(shape) - (ndim or 0)) == 1
        if ndim is not None and len(shape) != ndim and not squeezed:
            yield f"ndim={ndim}"
        if self.max_ndim is not None and len(shape) > self.max_ndim:
            yield f"max_ndim={self.max_ndim}"
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            yield f"min_ndim={self.min_ndim}"
        for axis, size in axes.items():
            inside = -len(shape) <= axis < len(shape)
            found = shape[axis] if inside else None
            if size is not None and isinstance(found, int) and found != size:
                yield f"axis {axis} of size {size}"
        if self.dtype is not None and x.dtype != dtypes.canonical(self.dtype):
            yield f"dtype={dtypes.canonical(self.dtype)}, not {x.dtype}"


def check_spec(layer_name: str, specs: Any, inputs: Sequence[object]) -> None:
    """ShapeError unless the inputs are as the specs (one, or one for each) say."""
    every = specs if is_sequence(specs) else [specs] * len(inputs)
    for place, (spec, x) in enumerate(zip(every, inputs, strict=False)):
        wanted = spec.unmet(x) if spec is not None and isinstance(x, Tensor) else None
        if wanted is not None:
            raise incompatible(layer_name, place, wanted, x)


def incompatible(layer_name: str, place: int, wanted: str, x: Any) -> ShapeError:
    """The error of an input that a layer does not take."""
    return ShapeError(
        f"Input {place} of layer '{layer_name}' is incompatible with the layer: "
        f"expected {wanted}, found ndim={x.ndim}. "
        f"Full shape received: {format_shape(x.shape)}"
    )
