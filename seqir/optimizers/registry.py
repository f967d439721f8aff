"""Optimizers by name, and as dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from seqir.errors import ArgumentError
from seqir.optimizers.adafactor import Adafactor
from seqir.optimizers.adam import (
    Adam,
    Adamax,
    AdamW,
    Lamb,
    Nadam,
    ScheduleFreeAdamW,
)
from seqir.optimizers.base import Optimizer
from seqir.optimizers.descent import SGD, Adadelta, Adagrad, Ftrl, Lion, RMSprop
from seqir.optimizers.loss_scale import LossScaleOptimizer
from seqir.optimizers.multi import MultiOptimizer
from seqir.optimizers.muon import Muon
from seqir.optimizers.serialization import find, restore, store

_ROOM: Final = "optimizers"
_KNOWN: Final[dict[str, type[Optimizer]]] = {
    cls.__name__.lower(): cls
    for cls in (
        SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion,
        LossScaleOptimizer, MultiOptimizer, Muon, Nadam, RMSprop, ScheduleFreeAdamW,
    )
}  # fmt: skip


def get(identifier: Any) -> Optimizer:
    """The optimizer for a name (upper or lower case), a dictionary, or itself.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return find(identifier, _ROOM, _KNOWN)()
    raise ArgumentError(
        f"an optimizer is a name, an Optimizer or a dictionary, got {identifier!r}"
        + (": make an object of the class" if isinstance(identifier, type) else "")
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The dictionary that `deserialize` (and Keras) turns back into the optimizer."""
    return store(optimizer, _ROOM, _KNOWN)


def deserialize(config: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `serialize` described.

    Raises: ArgumentError for another form, and for classes that are not seqir's.
    """
    return restore(config, _ROOM, _KNOWN)
