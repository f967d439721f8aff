"""Lowering to ONNX: the only room that imports onnx."""

from seqir.lower.lowering import OnnxModel, lower
from seqir.lower.proto import split, to_proto

__all__ = ["OnnxModel", "lower", "split", "to_proto"]
