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
        backend,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        dtype_policies,
        errors,
        export,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        runtime,
        saving,
        tree,
        utils,
        wrappers,
    )
    from seqir.contexts import RematScope, device, name_scope, remat
    from seqir.difference import diff
    from seqir.dtype_policies import DTypePolicy, FloatDTypePolicy
    from seqir.gradients import gradient
    from seqir.initializers import Initializer
    from seqir.layer.specs import InputSpec
    from seqir.layers import Input, Layer
    from seqir.losses import Loss
    from seqir.metrics import Metric
    from seqir.model import (
        Functional,
        Model,
        OnnxModel,
        Sequential,
        compose,
        grad,
        load_onnx,
    )
    from seqir.ops.tensor import KerasTensor
    from seqir.ops.variable import Variable
    from seqir.optimizers import Optimizer
    from seqir.regularizers import Regularizer
    from seqir.verification import verify

_MODULES = (
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "dtype_policies",
    "errors",
    "export",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "runtime",
    "saving",
    "tree",
    "utils",
    "wrappers",
)
_NAMES = {
    "DTypePolicy": "seqir.dtype_policies",
    "FloatDTypePolicy": "seqir.dtype_policies",
    "Functional": "seqir.model",
    "Initializer": "seqir.initializers",
    "InputSpec": "seqir.layer.specs",
    "Input": "seqir.layers",
    "KerasTensor": "seqir.ops.tensor",
    "Layer": "seqir.layers",
    "Loss": "seqir.losses",
    "Metric": "seqir.metrics",
    "Model": "seqir.model",
    "Optimizer": "seqir.optimizers",
    "Regularizer": "seqir.regularizers",
    "RematScope": "seqir.contexts",
    "Sequential": "seqir.model",
    "Variable": "seqir.ops.variable",
    "gradient": "seqir.gradients",
    "device": "seqir.contexts",
    "OnnxModel": "seqir.model",
    "compose": "seqir.model",
    "diff": "seqir.difference",
    "grad": "seqir.model",
    "load_onnx": "seqir.model",
    "name_scope": "seqir.contexts",
    "remat": "seqir.contexts",
    "verify": "seqir.verification",
}

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Functional",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "OnnxModel",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "compose",
    "config",
    "constraints",
    "data",
    "datasets",
    "device",
    "diff",
    "dtype_policies",
    "errors",
    "export",
    "grad",
    "gradient",
    "initializers",
    "layers",
    "load_onnx",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "remat",
    "runtime",
    "saving",
    "tree",
    "utils",
    "verify",
    "wrappers",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"seqir.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    from seqir.absent import refuse

    refuse("", name)


def __dir__() -> list[str]:
    return __all__
