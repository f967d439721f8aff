"""Where gradients stop."""

from __future__ import annotations

from typing import Any

from seqir import nest
from seqir.operators.barrier import StopGradient
from seqir.ops.apply import apply, numeric
from seqir.ops.call import operation
from seqir.ops.tensor import Result


@operation
def stop_gradient(variable: Any) -> Result:
    """x, or each of a structure, as a constant for gradients. Source: ``keras.ops``."""
    return nest.map_structure(lambda x: apply(StopGradient(), numeric(x)), variable)


__all__ = ["stop_gradient"]
