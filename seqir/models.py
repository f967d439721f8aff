"""``seqir.models``, as Keras has it."""

from seqir.model import Functional, Model, Sequential
from seqir.model.cloning import clone_model
from seqir.persistence.saving import load_model, model_from_json, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
