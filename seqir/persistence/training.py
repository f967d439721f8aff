"""How a model is trained, as Keras keeps it: the arguments of `compile`."""

from __future__ import annotations

from typing import Any, Final, Protocol

from seqir import losses, metrics, optimizers
from seqir.errors import CorruptFileError
from seqir.formats import settings
from seqir.formats.objects import Decoder, trained_with
from seqir.narrow import is_mapping
from seqir.train.compilation import Compilation
from seqir.train.trainable import Trainable

_LOSS_AND_METRICS: Final = ("loss", "metrics", "weighted_metrics")


class Compiling(Trainable, Protocol):
    """A model that can be compiled."""

    @property
    def optimizer(self) -> Any: ...
    @property
    def compilation(self) -> Compilation:
        """What `compile` has made."""
        ...

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Say how the model is trained."""
        ...


def compile_config(compiled: Compilation | None) -> dict[str, Any]:
    """What `compile` got, ready for JSON; empty before it.

    Raises: UnsupportedError for functions without a name.
    """
    if compiled is None:
        return {}
    objective, optimizer = compiled.objective, compiled.optimizer
    return {
        "optimizer": None if optimizer is None else optimizers.serialize(optimizer),
        "loss": trained_with(objective.loss, losses),
        "loss_weights": objective.loss_weights,
        "metrics": trained_with(objective.given_metrics, metrics),
        "weighted_metrics": trained_with(objective.given_weighted, metrics),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def compile_arguments(config: object, decoder: Decoder) -> dict[str, object]:
    """The arguments of `compile` that a file holds.

    Raises: CorruptFileError, UnsafeFileError or UnsupportedError for what is no
        optimizer, loss or metric of seqir or of `custom_objects`.
    """
    if not is_mapping(config):
        raise CorruptFileError(
            f"the compile settings are not a dictionary: {config!r:.80}"
        )
    optimizer = config.get("optimizer", config.get("optimizer_config"))
    given = {key: settings.modern(config.get(key)) for key in _LOSS_AND_METRICS}
    return {
        "optimizer": decoder.trained_with(settings.optimizer(optimizer), optimizers),
        "loss": decoder.trained_with(given["loss"], losses),
        "loss_weights": config.get("loss_weights"),
        "metrics": decoder.trained_with(given["metrics"], metrics),
        "weighted_metrics": decoder.trained_with(given["weighted_metrics"], metrics),
    }
