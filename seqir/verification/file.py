"""An ONNX file of anybody's, as far as verification must know it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seqir import dtypes
from seqir.errors import CorruptFileError, LoadError, UnsupportedError
from seqir.reading.parse import beside, parse

if TYPE_CHECKING:
    import onnx

_SMALL: Final = 64
"""Elements of weights whose values can matter for shapes."""

Size = int | str
"""A number, or the name of a free size."""


@dataclass(frozen=True)
class Input:
    """An input that a run must be given."""

    name: str
    dtype: str
    shape: tuple[Size, ...]


@dataclass(frozen=True)
class OnnxFile:
    """A model file: what it says, without the weights that lie beside it."""

    path: Path
    proto: onnx.ModelProto

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> OnnxFile:
        """Read a file.

        Raises: LoadError if it is not there or its weights are not, CorruptFileError
            if it is not an ONNX file, UnsafeFileError if its weights are to be read
            from outside of its folder.
        """
        parsed = parse(path)
        found = cls(Path(path), parsed.proto)
        if not found.proto.graph.output:
            raise CorruptFileError(f"{path} is not an ONNX model: it has no output")
        for tensor in found.tensors():
            if tensor.data_location == tensor.EXTERNAL:
                _check_beside(found.path, tensor)
        return found

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """The inputs that are not weights.

        Raises: UnsupportedError for sequences, maps and optional inputs.
        """
        stored = {t.name for t in self.proto.graph.initializer}
        given = (v for v in self.proto.graph.input if v.name not in stored)
        return {value.name: _input(value) for value in given}

    @cached_property
    def symbols(self) -> dict[str, bool]:
        """The names of free sizes, and whether each may be that of a batch."""
        found: dict[str, bool] = {}
        for each in self.inputs.values():
            for axis, size in enumerate(each.shape):
                if isinstance(size, str):
                    found[size] = found.get(size, False) or axis == 0
        return found

    def tensors(self) -> Iterator[onnx.TensorProto]:
        """All weights and constants."""
        for graph in self.graphs():
            yield from graph.initializer
            for node in graph.node:
                for attribute in node.attribute:
                    if attribute.HasField("t"):
                        yield attribute.t

    def graphs(self) -> Iterator[onnx.GraphProto]:
        """The graph, and those of loops and branches inside of it."""
        waiting = [self.proto.graph]
        while waiting:
            graph = waiting.pop()
            yield graph
            for node in graph.node:
                for attribute in node.attribute:
                    waiting += [attribute.g] if attribute.HasField("g") else []
                    waiting += attribute.graphs

    def fixed(self, sizes: Mapping[str, int]) -> onnx.ModelProto:
        """The model with numbers for its free sizes, and nothing said of inner ones."""
        import onnx

        made = onnx.ModelProto()
        made.CopyFrom(self.proto)
        del made.graph.value_info[:]
        for value in made.graph.input:
            if value.name in self.inputs:
                shape = value.type.tensor_type.shape
                for dim, size in zip(
                    shape.dim, self.inputs[value.name].shape, strict=True
                ):
                    dim.dim_value = size if isinstance(size, int) else sizes[size]
        for value in made.graph.output:
            if value.type.HasField("tensor_type"):
                for dim in value.type.tensor_type.shape.dim:
                    if dim.dim_param or not dim.dim_value:
                        dim.Clear()
        return made

    def write_fixed(self, folder: Path, sizes: Mapping[str, int]) -> Path:
        """Write the model with numbers for its free sizes, and what lies beside it."""
        path = folder / "fixed.onnx"
        path.write_bytes(self.fixed(sizes).SerializeToString())
        for tensor in self.tensors():
            for entry in tensor.external_data:
                place = folder / entry.value
                if entry.key == "location" and not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.symlink_to((self.path.parent / entry.value).absolute())
        return path

    @cached_property
    def skeleton(self) -> OnnxFile:
        """The file without the values of its weights, of which the types stay."""
        import onnx

        made = onnx.ModelProto()
        made.CopyFrom(self.proto)
        graph = made.graph
        given = {value.name for value in graph.input}
        small = [t for t in graph.initializer if math.prod(t.dims) <= _SMALL]
        for t in graph.initializer:
            if math.prod(t.dims) > _SMALL and t.name not in given:
                graph.input.append(
                    onnx.helper.make_tensor_value_info(t.name, t.data_type, t.dims)
                )
        kept = [t for t in small if not t.external_data]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        found = OnnxFile(self.path, made)
        found.__dict__["inputs"] = self.inputs
        return found


def _input(value: onnx.ValueInfoProto) -> Input:
    from onnx import helper

    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        word = (kind or "unknown").removesuffix("_type")
        raise UnsupportedError(
            f"input {value.name!r} is a {word}, and verification feeds tensors only"
        )
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise UnsupportedError(
            f"the file does not say the rank of input {value.name!r}; give the inputs "
            "as data"
        )
    shape = tuple(
        dim.dim_value
        if dim.HasField("dim_value")
        else dim.dim_param or f"{value.name}_{axis}"
        for axis, dim in enumerate(tensor.shape.dim)
    )
    name = helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    return Input(value.name, dtypes.STRING if name == "object" else name, shape)


def _check_beside(path: Path, tensor: onnx.TensorProto) -> None:
    """The file that a tensor lies in is there, and in the folder of the model."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    what = f"{path}: the initializer {tensor.name!r}"
    if not beside(path.parent, location, what).is_file():
        raise LoadError(
            f"{what} lies in {location!r}, which is not there; put that file into "
            f"{path.parent}"
        )
