"""How images lie in tensors: one or a batch, channels last or first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqir.config import check_data_format
from seqir.errors import DTypeError, ShapeError
from seqir.ops.apply import is_floating, numeric, type_of_operand
from seqir.ops.movement import expand_dims, squeeze
from seqir.ops.tensor import Result, TensorLike


def images_of(
    name: str, x: TensorLike, data_format: Any
) -> tuple[Any, int, tuple[int, int]]:
    """Images or one image, the axis of their channels, those of height and width.

    Raises: ShapeError for any other rank.
    """
    x = numeric(x)
    t = type_of_operand(x)
    if t.rank not in (3, 4):
        raise ShapeError(
            f"ops.image.{name} takes images, of rank 4, or one, of rank 3; got {t}"
        )
    if check_data_format(data_format) == "channels_first":
        return x, t.rank - 3, (t.rank - 2, t.rank - 1)
    return x, t.rank - 1, (t.rank - 3, t.rank - 2)


def check_fractions(name: str, x: TensorLike) -> None:
    """DTypeError for images of integers."""
    if not is_floating(x):
        raise DTypeError(
            f"ops.image.{name} takes images of floating-point numbers, got "
            f"{type_of_operand(x)}: use ops.cast"
        )


def on_batch(function: Callable[[Any], Any], x: TensorLike, rank: int = 4) -> Result:
    """What the function makes of a batch; of one image, the batch of it."""
    if type_of_operand(x).rank == rank:
        return function(x)
    return squeeze(function(expand_dims(x, 0)), 0)
