"""Nodes that are several operators of the IR, or none: what they mean."""

from __future__ import annotations

from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("Identity")
def _identity(take: Take) -> object:
    return take.x()


@reads("Dropout")
def _dropout(take: Take) -> object:
    """A model that is read is not trained with the dropout of its file."""
    training = take.constant(2)
    if take.wants(1) or (take.given(2) and (training is None or training.any())):
        return None
    return take.x()
