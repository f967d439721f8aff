"""Models: Sequential, functional, and what can be done with them.

A model is a layer that traces others to one graph. What is done with it (summary,
files, export, slices, predictions) is a function of that graph or of the layers, each
in a module of its own.
"""

from seqir.model.base import Model
from seqir.model.composing import compose
from seqir.model.differentiated import grad
from seqir.model.functional import Functional
from seqir.model.imported import OnnxModel, load_onnx
from seqir.model.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "OnnxModel",
    "Sequential",
    "compose",
    "grad",
    "load_onnx",
]
