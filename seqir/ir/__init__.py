"""The typed graph: values, nodes, and the one way to build and to change them."""

from seqir.ir.builder import Builder, current_builder, outside
from seqir.ir.evaluate import computed, evaluate
from seqir.ir.frozen import FrozenArray
from seqir.ir.graph import (
    Emit,
    Graph,
    Node,
    Op,
    Perm,
    Permuted,
    Pruned,
    Receptive,
    Update,
    Value,
)
from seqir.ir.reads import ForeignNode, Take
from seqir.ir.replay import Visit, in_bodies, replay
from seqir.ir.rules import Array, Cotangents, Functions, Operand, Results
from seqir.ir.sizes import SizeCheck, unsure_sizes
from seqir.ir.target import ONNX_RUNTIME, Target
from seqir.ir.trace import SEED, STEP, Region, Trace, current_trace
from seqir.ir.verify import verify

__all__ = [
    "ONNX_RUNTIME",
    "SEED",
    "STEP",
    "Array",
    "Builder",
    "Cotangents",
    "Emit",
    "ForeignNode",
    "FrozenArray",
    "Functions",
    "Graph",
    "Node",
    "Op",
    "Operand",
    "Perm",
    "Permuted",
    "Pruned",
    "Receptive",
    "Region",
    "Results",
    "SizeCheck",
    "Take",
    "Target",
    "Trace",
    "Update",
    "Value",
    "Visit",
    "computed",
    "current_builder",
    "current_trace",
    "evaluate",
    "in_bodies",
    "outside",
    "replay",
    "unsure_sizes",
    "verify",
]
