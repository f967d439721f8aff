"""Lowering to ONNX: the only package that imports onnx."""

from seqir.lower.lowering import OnnxModel, lower
from seqir.lower.proto import split, to_proto
from seqir.lower.read import read_weights

__all__ = ["OnnxModel", "lower", "read_weights", "split", "to_proto"]
