"""Settings that hold for the whole process, with Keras's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from seqir import dtypes
from seqir.errors import ArgumentError

if TYPE_CHECKING:
    from seqir.dtype_policies import DTypePolicy

DataFormat = Literal["channels_last", "channels_first"]

_floatx = "float32"
_image_data_format: DataFormat = "channels_last"
_epsilon = 1e-7


def floatx() -> str:
    """The element type of weights and inputs that say nothing else."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the default element type.

    Raises: ArgumentError unless it is a floating-point type.
    """
    global _floatx
    if value not in dtypes.FLOATS:
        raise ArgumentError(
            f"floatx must be one of {', '.join(dtypes.FLOATS)}, got {value!r}"
        )
    _floatx = value


def image_data_format() -> DataFormat:
    """Where images have their channels if a layer says nothing else."""
    return _image_data_format


def set_image_data_format(value: DataFormat) -> None:
    """Set where images have their channels.

    Raises: ArgumentError for anything but the two formats.
    """
    global _image_data_format
    _image_data_format = check_data_format(value)


def check_data_format(value: Any) -> DataFormat:
    """The format, the default one for None.

    Raises: ArgumentError for anything but the two formats.
    """
    if value is None:
        return _image_data_format
    if value not in ("channels_last", "channels_first"):
        raise ArgumentError(
            f"data_format must be 'channels_last' or 'channels_first', got {value!r}"
        )
    return value


def epsilon() -> float:
    """The small number that keeps divisions finite."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps divisions finite."""
    global _epsilon
    _epsilon = float(value)


def dtype_policy() -> DTypePolicy:
    """The policy of layers that say nothing."""
    from seqir import dtype_policies

    return dtype_policies.dtype_policy()


def set_dtype_policy(policy: DTypePolicy | str) -> None:
    """Set the policy of layers that are made from now on and say nothing.

    Raises: ArgumentError for what is neither a policy nor a name.
    """
    from seqir import dtype_policies

    dtype_policies.set_dtype_policy(policy)
