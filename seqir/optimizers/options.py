"""The options that every optimizer has, and what is wrong with some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from seqir.errors import ArgumentError, did_you_mean


class OtherOptions(TypedDict, total=False):
    """Options of every optimizer but weight decay, which some have as an argument."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Options(OtherOptions, total=False):
    """Options of every optimizer; `seqir.optimizers.Optimizer` says what they do."""

    weight_decay: float | None


CLIPPING: Final = ("clipnorm", "clipvalue", "global_clipnorm")


def check_options(given: Mapping[str, Any]) -> None:
    """ArgumentError for options that make no sense, alone or together."""
    clipping = {name: given[name] for name in CLIPPING if given[name] is not None}
    if len(clipping) > 1:
        found = " and ".join(f"{name}={value!r}" for name, value in clipping.items())
        raise ArgumentError(
            f"only one of {', '.join(CLIPPING)} can be set, got {found}"
        )
    for name, value in clipping.items():
        if value < 0:
            raise ArgumentError(f"{name} must not be negative, got {value!r}")
    _check_count("gradient_accumulation_steps", given, 2)
    if not given["use_ema"]:
        return
    if not 0 <= given["ema_momentum"] <= 1:
        raise ArgumentError(
            f"ema_momentum must be from 0 to 1, got {given['ema_momentum']!r}"
        )
    _check_count("ema_overwrite_frequency", given, 1)


def _check_count(name: str, given: Mapping[str, Any], least: int) -> None:
    value = given[name]
    if value and not (isinstance(value, int) and value >= least):
        raise ArgumentError(
            f"{name} must be an integer >= {least} or None, got {value!r}"
        )


def refuse_unknown(unknown: Mapping[str, Any], known: list[str]) -> None:
    """ArgumentError for an argument that an optimizer does not have."""
    for name in unknown:
        raise ArgumentError(
            f"an optimizer has no argument {name!r}.{did_you_mean(name, known)}"
        )
