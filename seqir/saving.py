"""``seqir.saving``, as Keras has it."""

from seqir.model.saving import load_model, save_model
from seqir.model.weights import load_weights, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
