"""Traced tensors of graphs that tests build by hand."""

from seqir.ir import Value
from seqir.ops.tensor import Traced


def graph_value(x: object) -> Value:
    """What a traced tensor is in its graph."""
    assert isinstance(x, Traced)
    return x.value
