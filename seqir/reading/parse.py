"""ONNX files as messages: opened, checked, and weights beside them mapped."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from onnx.inliner import inline_local_functions

from seqir import dtypes
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    LoadError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.files import open_file
from seqir.ir import Array
from seqir.narrow import is_a
from seqir.operators.kinds import ONNX_CODE

_MOST = 1 << 27
"""Numbers of the largest sparse initializer, which is made dense."""

Source = str | os.PathLike[str] | bytes | onnx.ModelProto

DTYPE = {code: dtype for dtype, code in ONNX_CODE.items()}
"""The element type of every ``TensorProto.DataType`` that the IR has."""


@dataclass
class Parsed:
    """A model file: its messages, and where it lies."""

    proto: onnx.ModelProto
    name: str
    """What errors call it."""
    folder: Path | None

    @property
    def versions(self) -> dict[str, int]:
        """The opset of each domain."""
        return {
            _domain(entry.domain): entry.version for entry in self.proto.opset_import
        }

    @cached_property
    def initializers(self) -> list[onnx.TensorProto]:
        """The tensors in it; sparse ones as dense ones."""
        graph = self.proto.graph
        try:
            return [*graph.initializer, *map(_dense, graph.sparse_initializer)]
        except SeqirError:
            raise
        except (ValueError, IndexError, TypeError) as error:
            raise CorruptFileError(
                f"{self.name}: a sparse initializer is damaged: {error}"
            ) from error

    def array(self, tensor: onnx.TensorProto) -> Array:
        """The values of a tensor; those of another file are mapped."""
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            return _outside(self, tensor)
        try:
            return as_array(tensor)
        except (ValueError, TypeError) as error:
            raise CorruptFileError(
                f"{self.name}: the initializer {tensor.name!r} is damaged: {error}"
            ) from error


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def parse(source: Source) -> Parsed:
    """The messages of a file, or of bytes, with functions written out.

    Raises: ArgumentError for anything else, LoadError for a file that is not there,
        CorruptFileError for what is no ONNX model.
    """
    folder: Path | None = None
    if isinstance(source, onnx.ModelProto):
        proto, name = onnx.ModelProto(), source.graph.name or "the model"
        proto.CopyFrom(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        proto, name = _decoded(bytes(source), "the model"), "the model"
    elif not (is_a(source, str) or is_a(source, os.PathLike)):
        raise ArgumentError(
            "an ONNX model is read from a path, bytes or an onnx.ModelProto, got a "
            f"{type(source).__name__}"
        )
    else:
        path = Path(source)
        folder, name = path.parent, str(path)
        with open_file(path) as file:
            proto = _decoded(file.read(), name)
    if not proto.HasField("graph") or not proto.opset_import:
        raise CorruptFileError(f"{name} is no ONNX model: it has no graph or no opset")
    newest = onnx.defs.onnx_opset_version()
    for entry in proto.opset_import:
        if not _domain(entry.domain) and not 0 < entry.version <= newest:
            raise UnsupportedError(
                f"{name} is of opset {entry.version}, and the installed onnx knows "
                f"those up to {newest}: install a newer one, or convert the file"
            )
    if proto.functions:
        proto = _inlined(proto, name)
    return Parsed(proto, name, folder)


def _decoded(data: bytes, name: str) -> onnx.ModelProto:
    try:
        return onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise CorruptFileError(
            f"{name} is no ONNX model: it cannot be parsed"
        ) from error


def _inlined(proto: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The model with its own functions written out where they are called."""
    functions = {(f.domain, f.name, f.overload): f for f in proto.functions}
    for nodes in (proto.graph.node, *(f.node for f in proto.functions)):
        _with_defaults(nodes, functions)
    try:
        return inline_local_functions(proto)
    except (ValueError, RuntimeError) as error:
        raise CorruptFileError(
            f"{name}: its functions cannot be written out: {error}"
        ) from error


def _with_defaults(
    nodes: Iterable[onnx.NodeProto],
    functions: Mapping[tuple[str, str, str], onnx.FunctionProto],
) -> None:
    """Give calls of functions the attributes that have a default, unlike ONNX."""
    for node in nodes:
        for attribute in node.attribute:
            for body in (*attribute.graphs, attribute.g):
                _with_defaults(body.node, functions)
        function = functions.get((node.domain, node.op_type, node.overload))
        given = {a.name for a in node.attribute}
        missing = function.attribute_proto if function else ()
        node.attribute.extend(a for a in missing if a.name not in given)


def as_array(tensor: onnx.TensorProto) -> Array:
    """The values of a tensor; text as Python's strings, raw bytes without a copy.

    Raises: ValueError for values that are not those of the shape.
    """
    dtype = DTYPE.get(tensor.data_type)
    if any(size < 0 for size in tensor.dims):
        raise ValueError(f"its shape is {tuple(tensor.dims)}")
    if dtype == dtypes.STRING:
        texts = np.empty(len(tensor.string_data), object)
        texts[:] = [
            text.decode(errors="surrogateescape") for text in tensor.string_data
        ]
        return texts.reshape(tuple(tensor.dims))
    if dtype is not None and tensor.HasField("raw_data"):
        flat = np.frombuffer(tensor.raw_data, dtypes.to_numpy(dtype))
        return flat.reshape(tuple(tensor.dims))
    return numpy_helper.to_array(tensor)


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """The tensor that has 0 wherever a sparse one has nothing."""
    values, places = as_array(sparse.values), as_array(sparse.indices)
    shape = tuple(sparse.dims)
    if math.prod(shape) > _MOST:
        raise UnsupportedError(
            f"the sparse initializer {sparse.values.name!r} would be dense with "
            f"{math.prod(shape)} numbers, of at most {_MOST}: write it as it is used"
        )
    found = np.zeros(shape, values.dtype)
    index = places if places.ndim == 1 else np.ravel_multi_index(tuple(places.T), shape)
    found.reshape(-1)[index] = values
    return numpy_helper.from_array(found, sparse.values.name)


def _outside(parsed: Parsed, tensor: onnx.TensorProto) -> Array:
    """The values of a tensor that lie in another file, mapped into memory."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    what = f"{parsed.name}: the initializer {tensor.name!r}"
    dtype = DTYPE.get(tensor.data_type)
    if parsed.folder is None:
        raise LoadError(
            f"{what} lies in another file, and bytes have no folder: give the path of "
            "the model's file"
        )
    if dtype is None or dtype == dtypes.STRING:
        raise UnsupportedError(
            f"{what} lies in another file and is of a type that cannot be mapped: save "
            "the model with its weights inside"
        )
    path = beside(parsed.folder, entries.get("location", ""), what)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
    except ValueError:
        raise CorruptFileError(f"{what} has a place that is no number") from None
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise CorruptFileError(f"{what} is of the shape {shape}")
    wanted = int(np.prod(shape, dtype=object)) * dtypes.itemsize(dtype)
    with open_file(path) as file:
        there = os.fstat(file.fileno()).st_size
        if offset < 0 or length not in (-1, wanted) or offset + wanted > there:
            raise CorruptFileError(
                f"{what} of {wanted} bytes does not lie in {path.name} ({there} bytes) "
                "at the place that the model says"
            )
        if not wanted:
            return np.zeros(shape, dtypes.to_numpy(dtype))
        mapped: Any = np.memmap(
            file, np.uint8, mode="r", offset=offset, shape=(wanted,)
        )
    return np.asarray(mapped).view(dtypes.to_numpy(dtype)).reshape(shape)


def beside(folder: Path, location: str, what: str) -> Path:
    """A file that a model in a folder may name: one in that folder.

    A link is followed if it ends there too, or among the ``blobs`` of the same model in
    a cache of the Hugging Face Hub, whose files are all links to such.

    Raises: UnsafeFileError for any other place.
    """
    parts = PurePosixPath(location.replace("\\", "/"))
    if not location or parts.is_absolute() or ".." in parts.parts or ":" in location:
        raise UnsafeFileError(
            f"{what} lies at {location!r}, which is not in the folder of the model: a "
            "file may name none but its neighbours"
        )
    path = folder / parts
    real, home = path.resolve(), folder.resolve()
    blobs = [up.parent / "blobs" for up in home.parents if up.name == "snapshots"]
    if not any(real.is_relative_to(allowed) for allowed in (home, *blobs[:1])):
        raise UnsafeFileError(
            f"{what} lies at {location!r}, a link out of the folder of the model: copy "
            "the file beside it"
        )
    return path
