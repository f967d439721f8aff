"""A batch as the tuple that steps and generators know."""

from __future__ import annotations

from typing import Any

from seqir.errors import ArgumentError
from seqir.narrow import is_sequence


def pack_x_y_sample_weight(
    x: object, y: object = None, sample_weight: object = None
) -> Any:
    """The tuple that a batch is: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, tuple | list) else x


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """x, y and weights of a batch, None for what it does not have.

    Raises: ArgumentError for a tuple of more than three.
    """
    parts = tuple(data) if is_sequence(data) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ArgumentError(
            f"a batch is x, (x, y) or (x, y, sample_weight), got {len(parts)} parts"
        )
    x, y, weights = (*parts, None, None)[:3]
    return x, y, weights
