"""Optimizers by name, and as dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir.errors import ArgumentError
from seqir.optimizers import adafactor, adam, descent, loss_scale, multi, muon
from seqir.optimizers.base import REGISTRY, Optimizer
from seqir.registry import listed

REGISTRY.add(listed(adafactor, adam, descent, loss_scale, multi, muon))


def get(identifier: Any) -> Optimizer:
    """The optimizer for a name (upper or lower case), a dictionary, or itself.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if isinstance(identifier, Optimizer | Mapping | str):
        return REGISTRY.get(identifier)
    raise ArgumentError(
        f"an optimizer is a name, an Optimizer or a dictionary, got {identifier!r}"
        + (": make an object of the class" if isinstance(identifier, type) else "")
    )


serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize

__all__ = ["deserialize", "get", "serialize"]
