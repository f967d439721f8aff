"""How a model is trained, as Keras keeps it: the arguments of `compile`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from seqir import losses, metrics, optimizers
from seqir.errors import CorruptFileError
from seqir.formats.objects import Decoder, trained_with
from seqir.train import Trainer

_UNUSED: Final = ("decay", "is_legacy_optimizer")
_EMPTY: Final = (0.0, None, False)
_HOW: Final = ("jit_compile",)
"""What says how TensorFlow runs it, and nothing of the numbers."""


def compile_config(model: Trainer) -> dict[str, Any]:
    """What `compile` got, ready for JSON; empty before it.

    Raises: UnsupportedError for functions without a name.
    """
    if model.optimizer is None:
        return {}
    objective = model.compiled.objective
    return {
        "optimizer": optimizers.serialize(model.optimizer),
        "loss": trained_with(objective.loss, losses),
        "loss_weights": objective.loss_weights,
        "metrics": trained_with(objective.given_metrics, metrics),
        "weighted_metrics": trained_with(objective.given_weighted, metrics),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def compile_arguments(config: Any, decoder: Decoder) -> dict[str, Any]:
    """The arguments of `compile` that a file holds.

    Raises: CorruptFileError, UnsafeFileError or UnsupportedError for what is no
        optimizer, loss or metric of seqir or of `custom_objects`.
    """
    if not isinstance(config, Mapping):
        raise CorruptFileError(
            f"the compile settings are no dictionary: {config!r:.80}"
        )
    stored = _without_unused(config.get("optimizer", config.get("optimizer_config")))
    return {
        "optimizer": decoder.trained_with(stored, optimizers),
        "loss": decoder.trained_with(config.get("loss"), losses),
        "loss_weights": config.get("loss_weights"),
        "metrics": decoder.trained_with(config.get("metrics"), metrics),
        "weighted_metrics": decoder.trained_with(
            config.get("weighted_metrics"), metrics
        ),
    }


def _without_unused(stored: Any) -> Any:
    """An optimizer of Keras 2 without the settings that say nothing."""
    if not isinstance(stored, Mapping) or not isinstance(stored.get("config"), Mapping):
        return stored
    kept = {
        k: v
        for k, v in stored["config"].items()
        if k not in _HOW and not (k in _UNUSED and v in _EMPTY)
    }
    return {**stored, "config": kept}
