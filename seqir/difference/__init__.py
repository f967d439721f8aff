"""How two ONNX files, or models, differ: in structure and in weights."""

from seqir.difference.compare import diff
from seqir.difference.report import Change, Difference, WeightChange

__all__ = ["Change", "Difference", "WeightChange", "diff"]
