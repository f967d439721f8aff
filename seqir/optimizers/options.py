"""The options that every optimizer has, and what is wrong with some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from seqir.arguments import integer, number
from seqir.errors import ArgumentError, did_you_mean

OPTIONS: Final = (
    "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema",
    "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor",
    "gradient_accumulation_steps", "name",
)  # fmt: skip
"""Options of every optimizer; `seqir.optimizers.Optimizer` says what they do."""
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
        number(name, value, least=0)
    _check_count("gradient_accumulation_steps", given, 2)
    if given["use_ema"]:
        number("ema_momentum", given["ema_momentum"], least=0, most=1)
        _check_count("ema_overwrite_frequency", given, 1)


_FORMER: Final = {"lr": "learning_rate"}
"""Names of Keras 2 that are no others misspelt."""


def _check_count(name: str, given: Mapping[str, Any], least: int) -> None:
    if given[name]:  # as in Keras, 0 is nothing
        integer(name, given[name], least=least)


def refuse_unknown(unknown: Mapping[str, Any], known: list[str]) -> None:
    """ArgumentError for an argument that an optimizer does not have."""
    for name in unknown:
        now = _FORMER.get(name)
        hint = f" Keras 3 calls it {now!r}." if now else did_you_mean(name, known)
        raise ArgumentError(f"an optimizer has no argument {name!r}.{hint}")
