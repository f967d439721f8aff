"""What models are compiled with, in the forms of older releases of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from seqir.narrow import is_mapping, is_sequence

_HOW: Final = ("decay", "is_legacy_optimizer", "jit_compile")
"""Settings that say how TensorFlow runs it, or that are said otherwise now."""
_LEGACY: Final = "keras.optimizers.legacy"
_PACKAGE: Final = "Custom>"
"""What Keras 2 has before the names of its own optimizers."""


def optimizer(stored: Any) -> Any:
    """An optimizer in the form of Keras 3.

    The rate was called ``lr`` once, ``decay`` divided it by ``1 + decay * steps``, and
    an epsilon of None was the default.
    """
    if not _is_object(stored):
        return stored
    kind, given = stored["class_name"], stored["config"]
    kept = {k: v for k, v in given.items() if k not in _HOW}
    if "lr" in kept:
        kept["learning_rate"] = kept.pop("lr")
    if kept.get("epsilon", 0) is None:
        del kept["epsilon"]
    if given.get("decay"):
        kept["learning_rate"] = {
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": {
                "initial_learning_rate": kept.get("learning_rate"),
                "decay_steps": 1,
                "decay_rate": given["decay"],
            },
        }
    found = {**stored, "class_name": kind.removeprefix(_PACKAGE), "config": kept}
    if stored.get("module") == _LEGACY:
        found["module"] = "keras.optimizers"
    return found


def modern(stored: object) -> Any:
    """A loss or metric in the form of Keras 3, also in lists or by output.

    Keras 2 names the function that a class calls, a wrapper around it if it was given
    by a name, and has a reduction ``auto``.
    """
    if is_sequence(stored):
        return [modern(s) for s in stored]
    if not is_mapping(stored):
        return stored
    if not _is_object(stored):
        return {k: modern(v) for k, v in stored.items()}
    kind, config = stored["class_name"], stored["config"]
    function = config.get("fn")
    if not isinstance(function, str):
        kept = dict(config)
    elif kind == "MeanMetricWrapper":
        return _metric_of(function, config)
    elif kind == "LossFunctionWrapper":
        return function
    else:
        kept = {k: v for k, v in config.items() if k != "fn"}
    if kept.get("reduction") == "auto":
        del kept["reduction"]
    return {**stored, "config": kept}


def _metric_of(function: str, config: Mapping[str, object]) -> object:
    """A metric that was compiled by its name, or by a function."""
    if config.get("name") == function:
        return function
    kept = {k: v for k, v in config.items() if k != "fn"}
    return {"class_name": function, "config": kept}


def _is_object(stored: object) -> bool:
    return (
        is_mapping(stored)
        and isinstance(stored.get("class_name"), str)
        and is_mapping(stored.get("config"))
    )
