"""The narrowest type in which a file computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from seqir.verification.file import OnnxFile
from seqir.verification.types import Types

_ORDER: Final = ("4 bits", "8 bits", "bfloat16", "float16", "float32", "float64")
"""From the narrowest on; names of what `compare.ALLOWED` lists."""

_QUANTIZED: Final = ("Quantize", "QLinear", "MatMulNBits", "Integer")


def narrowest(file: OnnxFile, types: Types) -> str:
    """The narrowest type of values inside, float32 where there is none."""
    found = set(_all(file, types))
    return next((name for name in _ORDER if name in found), "float32")


def _all(file: OnnxFile, types: Types) -> Iterator[str]:
    from onnx import TensorProto

    numbered = (*types.dtypes.values(), *(t.data_type for t in file.tensors()))
    for number in set(numbered):
        name = TensorProto.DataType.Name(number)
        if "4E2M1" in name or name in ("INT4", "UINT4", "INT2", "UINT2"):
            yield "4 bits"
        elif name.startswith("FLOAT8"):
            yield "8 bits"
        else:
            yield {"FLOAT": "float32", "DOUBLE": "float64"}.get(name, name.lower())
    for graph in file.graphs():
        for node in graph.node:
            if any(word in node.op_type for word in _QUANTIZED):
                yield "8 bits"
