"""seqir: Keras-style models as a typed graph, a verified ONNX file, a running model.

``import seqir as keras`` and ``from seqir import layers`` run Keras's Sequential
guide. Everything is loaded when it is first used: this import loads nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from seqir.version import VERSION as __version__  # noqa: N811

if TYPE_CHECKING:
    from seqir import (
        activations,
        applications,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        dtype_policies,
        errors,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        random,
        regularizers,
        runtime,
        saving,
        utils,
    )
    from seqir.dtype_policies import DTypePolicy
    from seqir.layers import Input, Layer
    from seqir.model import Functional, Model, Sequential
    from seqir.ops.tensor import KerasTensor, Variable

_MODULES = (
    "activations",
    "applications",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "dtype_policies",
    "errors",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "runtime",
    "saving",
    "utils",
)
_NAMES = {
    "DTypePolicy": "seqir.dtype_policies",
    "Functional": "seqir.model",
    "Input": "seqir.layers",
    "KerasTensor": "seqir.ops.tensor",
    "Layer": "seqir.layers",
    "Model": "seqir.model",
    "Sequential": "seqir.model",
    "Variable": "seqir.ops.tensor",
}

__all__ = [
    "DTypePolicy",
    "Functional",
    "Input",
    "KerasTensor",
    "Layer",
    "Model",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "dtype_policies",
    "errors",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "runtime",
    "saving",
    "utils",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"seqir.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'seqir' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
