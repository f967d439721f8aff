"""Recurrent nodes whose batch comes first."""

from __future__ import annotations

from dataclasses import replace

from seqir.operators.recurrent import Recurrent
from seqir.reading.registry import operators_for, reads
from seqir.reading.take import Take


@reads("LSTM", "GRU", "RNN")
def _batch_first(take: Take) -> object:
    """With the axes of time and batch exchanged, in states as well (`layout` 1)."""
    if take.attribute("layout", 0) != 1:
        return None
    (kind,) = operators_for(take.kind)
    take.node = replace(take.node, attributes=dict(take.node.attributes))
    take.node.set("layout", None)
    found = kind.read(take)
    if found is None or not isinstance(found[0], Recurrent):
        return None
    op, places = found
    moved = [0, *(i for i in places if i >= 5)]
    operands = [
        take.ops.swapaxes(take.x(i), 0, 1) if i in moved else take.x(i) for i in places
    ]
    y, *states = take.apply(op, *operands)
    return take.ops.transpose(y, (2, 0, 1, 3)), *(
        take.ops.swapaxes(state, 0, 1) for state in states
    )
