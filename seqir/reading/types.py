"""Types of ONNX files as types of the IR, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from keyword import iskeyword

import onnx
from onnx import helper

from seqir import dtypes, shapes
from seqir.arguments import integer
from seqir.errors import ArgumentError, SeqirError, did_you_mean
from seqir.operators.kinds import ONNX_CODE
from seqir.reading.parse import DTYPE
from seqir.tensortype import OpaqueType, TensorType, opaque


class Names:
    """What unknown sizes of a file are called: its own names, as far as they can be."""

    def __init__(self, wanted: Mapping[str, shapes.Dim]) -> None:
        wanted = {name: _checked(name, size) for name, size in wanted.items()}
        self.own: dict[str, shapes.Dim] = dict(wanted)
        """Names of the file, and what they are here."""
        self._wanted = wanted
        self._met: dict[str, None] = {}

    def check(self) -> None:
        """ArgumentError if a size is wanted that no input has."""
        for name in self._wanted:
            if name not in self._met:
                known = ", ".join(self._met) or "none"
                raise ArgumentError(
                    f"dims={name!r} is no unknown size of the inputs."
                    f"{did_you_mean(name, self._met)} There are: {known}"
                )

    def of(self, dim: onnx.TensorShapeProto.Dimension, else_: str) -> shapes.Dim:
        """A size of the file; a nameless one gets a name."""
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            return dim.dim_value
        text = dim.dim_param
        if not text or text == "?":
            text = else_
        self._met.setdefault(text)
        if text not in self.own:
            self.own[text] = _formula(text) or self._free(text)
        return self.own[text]

    def _free(self, text: str) -> str:
        name = re.sub(r"\W+", "_", text).strip("_") or "size"
        name = f"size_{name}" if name[0].isdigit() or iskeyword(name) else name
        taken = set(self.own.values())
        count = 0
        while (found := f"{name}_{count}" if count else name) in taken:
            count += 1
        return found


def _checked(name: str, size: object) -> shapes.Dim:
    """A size that is wanted: a number of Python's, or a name."""
    if isinstance(size, str):
        return shapes.check_symbol(size)
    return integer(f"dims[{name!r}]", size, least=0)


def _formula(text: str) -> shapes.Dim | None:
    """A name, or a formula of names, in the form that sizes have here."""
    if text.isidentifier():
        return None if iskeyword(text) else text
    try:
        found = shapes.add(text)
    except (SeqirError, SyntaxError, ValueError, AssertionError, KeyError, TypeError):
        return None
    return found if shapes.symbols(found) else None


def type_of(proto: onnx.TypeProto, names: Names, base: str) -> TensorType:
    """The type of a tensor; of anything else, and of an unknown rank, an opaque one.

    Nameless sizes are called after `base` and their axis.
    """
    tensor = proto.tensor_type
    dtype = DTYPE.get(tensor.elem_type) if proto.HasField("tensor_type") else None
    if dtype is None or not tensor.HasField("shape"):
        return opaque(proto.SerializeToString(deterministic=True), _text(proto))
    sizes = enumerate(tensor.shape.dim)
    return TensorType(dtype, tuple(names.of(d, f"{base}_{i}") for i, d in sizes))


def to_proto(type: TensorType) -> onnx.TypeProto:
    """The type as ONNX has it."""
    if isinstance(type, OpaqueType):
        return onnx.TypeProto.FromString(type.onnx)
    return helper.make_tensor_type_proto(ONNX_CODE[type.dtype], type.shape)


def _text(proto: onnx.TypeProto) -> str:
    kind = proto.WhichOneof("value")
    if kind is None:
        return "unknown"
    if kind in ("tensor_type", "sparse_tensor_type"):
        code = getattr(proto, kind).elem_type
        dtype = DTYPE.get(code)
        short = dtypes.SHORT[dtype] if dtype else f"type {code}"
        return f"{'sparse ' if kind[0] == 's' else ''}{short} of any shape"
    if kind == "map_type":
        return f"map to {_text(proto.map_type.value_type)}"
    inner = getattr(proto, kind).elem_type
    return f"{kind.removesuffix('_type')} of {_text(inner)}"
