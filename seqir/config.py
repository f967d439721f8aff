"""Settings that hold for the whole process, with Keras's names."""

from __future__ import annotations

from typing import Any, Literal, NoReturn, get_args

from seqir import absent, console
from seqir.arguments import integer, one_of
from seqir.dtype_policies import dtype_policy, set_dtype_policy
from seqir.dtypes import floatx, set_floatx

__all__ = [
    "backend",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

DataFormat = Literal["channels_last", "channels_first"]

_image_data_format: DataFormat = "channels_last"
_epsilon = 1e-7
_max_epochs: int | None = None
_max_steps_per_epoch: int | None = None


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
    return one_of("data_format", value, get_args(DataFormat))


def epsilon() -> float:
    """The small number that keeps divisions finite."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps divisions finite."""
    global _epsilon
    _epsilon = float(value)


def backend() -> str:
    """What runs everything."""
    return "onnxruntime"


def is_interactive_logging_enabled() -> bool:
    """Whether progress is shown on stderr."""
    return console.interactive()


def enable_interactive_logging() -> None:
    """Show progress on stderr again."""
    console.set_interactive(True)


def disable_interactive_logging() -> None:
    """Give the lines of progress to the logger ``seqir``; bars are not drawn."""
    console.set_interactive(False)


def is_traceback_filtering_enabled() -> bool:
    """False: tracebacks are whole."""
    return False


def enable_traceback_filtering() -> None:
    """Nothing: an error's own sentence says what is wrong, the traceback is whole."""


def disable_traceback_filtering() -> None:
    """Nothing: no traceback is filtered."""


def is_flash_attention_enabled() -> bool:
    """False: the runtime fuses attention where it can."""
    return False


def is_nnx_enabled() -> bool:
    """False: there is no JAX."""
    return False


def max_epochs() -> int | None:
    """The most epochs of any `fit`, None for no limit."""
    return _max_epochs


def set_max_epochs(value: int | None) -> None:
    """Limit the epochs of every `fit` from now on, for a trial of a whole program.

    Raises: ArgumentError unless it is None or an integer above 0.
    """
    global _max_epochs
    _max_epochs = _limit("max_epochs", value)


def max_steps_per_epoch() -> int | None:
    """The most batches of any epoch, None for no limit."""
    return _max_steps_per_epoch


def set_max_steps_per_epoch(value: int | None) -> None:
    """Limit the batches of every epoch from now on, also of evaluations.

    Raises: ArgumentError unless it is None or an integer above 0.
    """
    global _max_steps_per_epoch
    _max_steps_per_epoch = _limit("max_steps_per_epoch", value)


def _limit(name: str, value: Any) -> int | None:
    return None if value is None else integer(name, value, least=1)


def __getattr__(name: str) -> NoReturn:
    absent.refuse("config", name)
