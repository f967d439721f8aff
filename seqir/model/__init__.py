"""Models: Sequential, functional, and what can be done with them."""

from seqir.model.base import Model
from seqir.model.functional import Functional
from seqir.model.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential"]
