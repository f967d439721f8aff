"""``seqir.models``, as Keras has it."""

from seqir.model import Functional, Model, Sequential

__all__ = ["Functional", "Model", "Sequential"]
