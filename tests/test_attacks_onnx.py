"""ONNX files that lie, or that are damaged, are refused in one sentence."""

import random
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import seqir
from seqir import lower, reading
from seqir.errors import (
    CorruptFileError,
    LoadError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.ir import verify
from tests.foreign_files import FILES

FILES_TO_DAMAGE = [f for f in FILES if len(f.model) < 20_000 and not f.outside]


def damaged(rng: random.Random, place: int) -> bytes:
    """A file cut off somewhere, or with some bytes that are others."""
    data = bytearray(rng.choice(FILES_TO_DAMAGE).model)
    if place % 3 == 0:
        return bytes(data[: rng.randrange(len(data))])
    for _ in range(rng.choice([1, 2, 5, 20])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_models_or_refused_in_a_sentence(seed: int) -> None:
    rng = random.Random(seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused: list[str] = []
    for place in range(100):
        data = damaged(rng, place)
        try:
            found = reading.read(reading.parse(data))
            lower.to_proto(lower.lower(verify(found.graph)))
        except SeqirError as error:
            refused.append(str(error))
    assert 20 < len(refused) < 100
    assert all(refused)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def model_of(
    nodes: list[onnx.NodeProto],
    initializers: list[TensorProto] | None = None,
    outputs: tuple[str, ...] = ("y",),
) -> onnx.ModelProto:
    """A model of a vector x."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    found = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    graph = helper.make_graph(nodes, "lies", [x], found, initializers or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def tensor(name: str, dims: list[int], data: bytes, kind: int = 1) -> TensorProto:
    found = TensorProto(name=name, data_type=kind, raw_data=data)
    found.dims.extend(dims)
    return found


def sparse(dims: list[int], places: list[int]) -> onnx.ModelProto:
    model = model_of([node("Add", "x w", "y")])
    found = model.graph.sparse_initializer.add()
    found.dims.extend(dims)
    values = np.ones(len(places), "float32")
    found.values.CopyFrom(numpy_helper.from_array(values, "w"))
    found.indices.CopyFrom(numpy_helper.from_array(np.array(places), "places"))
    return model


ADD = [node("Add", "x w", "y")]
LIES: list[tuple[onnx.ModelProto, type[SeqirError], str]] = [
    (model_of([node("Abs", "z", "y"), node("Neg", "x", "z")]), CorruptFileError,
     r"reads 'z', which no node before makes"),
    (model_of([node("Abs", "y", "y")]), CorruptFileError, r"reads 'y', which no node"),
    (model_of([node("Abs", "x", "y"), node("Neg", "x", "y")]), CorruptFileError,
     r"makes 'y' twice"),
    (model_of([node("Abs", "x", "x")], outputs=("x",)), CorruptFileError,
     r"makes 'x' twice"),
    (model_of(ADD, [tensor("w", [3], b"1234")]), CorruptFileError,
     r"the initializer 'w' is damaged: cannot reshape"),
    (model_of(ADD, [tensor("w", [10**5, 10**5, 10**5], b"1234")]), CorruptFileError,
     r"the initializer 'w' is damaged"),
    (model_of(ADD, [tensor("w", [-1], b"1234")]), CorruptFileError,
     r"the initializer 'w' is damaged: its shape is \(-1,\)"),
    (model_of(ADD, [tensor("w", [1], b"123")]), CorruptFileError,
     r"the initializer 'w' is damaged"),
    (sparse([10**15], [0]), UnsupportedError, r"'w' would be dense with 1000000000000"),
    (sparse([2], [7]), CorruptFileError, r"a sparse initializer is damaged: index 7"),
    (onnx.ModelProto(), CorruptFileError, r"it has no graph or no opset"),
]  # fmt: skip


@pytest.mark.parametrize("case", LIES, ids=lambda c: re.sub(r"\W+", "_", c[2])[:40])
def test_lies_are_found(case: tuple[onnx.ModelProto, type[SeqirError], str]) -> None:
    model, error, text = case
    with pytest.raises(error, match=text):
        seqir.load_onnx(model)
    with pytest.raises(error, match=text):
        seqir.load_onnx(model.SerializeToString())


def test_a_node_that_is_not_as_onnx_says_is_named() -> None:
    model = model_of([node("Constant", "", "y")])
    model.graph.node[0].attribute.append(helper.make_attribute("value", 3.0))
    model.graph.node[0].output[:] = []
    with pytest.raises(
        CorruptFileError, match=r"the model is no ONNX model: '' is not"
    ):
        seqir.load_onnx(model.SerializeToString())


@pytest.mark.parametrize("kind", ["ConstantOfShape", "Range", "Expand", "Tile"])
def test_what_would_be_huge_is_not_made(kind: str) -> None:
    """The run may have room for it, and who only reads the file does not need it."""
    size = numpy_helper.from_array(np.array([10**15]), "size")
    ends = [numpy_helper.from_array(np.array(n), f"n{n}") for n in (0, 1, 10**15)]
    one = numpy_helper.from_array(np.ones(1, "float32"), "one")
    inputs = {"ConstantOfShape": "size", "Range": f"n0 n{10**15} n1"}
    huge = node(kind, inputs.get(kind, "one size"), "huge")
    model = model_of([huge, node("Size", "huge", "y")], [size, one, *ends])
    found = reading.read(reading.parse(model))
    lower.lower(verify(found.graph))


def test_unknown_domains_stay_what_they_are() -> None:
    model = model_of([node("Twist", "x", "y", domain="com.example")])
    model.opset_import.append(helper.make_opsetid("com.example", 3))
    (found,) = reading.read(reading.parse(model)).graph.nodes
    assert found.op.called == "com.example.Twist"


def outside(folder: Path, place: str, **entries: str) -> Path:
    """A model whose weight, two numbers, lies in another file."""
    folder.mkdir(parents=True, exist_ok=True)
    weight = TensorProto(name="w", data_type=1, data_location=TensorProto.EXTERNAL)
    weight.dims.append(2)
    for key, value in {"location": place, **entries}.items():
        weight.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(model_of(ADD, [weight]).SerializeToString())
    return path


def link(folder: Path) -> Path:
    (folder / "secret").write_bytes(bytes(8))
    path = outside(folder / "model", "w.bin")
    (path.parent / "w.bin").symlink_to(folder / "secret")
    return path


def short(folder: Path, **entries: str) -> Path:
    path = outside(folder, "w.bin", **entries)
    (folder / "w.bin").write_bytes(bytes(8))
    return path


PLACES: list[tuple[Callable[[Path], Path], type[SeqirError], str]] = [
    (lambda f: outside(f, "../w.bin"), UnsafeFileError, r"'../w.bin', which is not in"),
    (lambda f: outside(f, "..\\w.bin"), UnsafeFileError, r"which is not in the folder"),
    (lambda f: outside(f, "/etc/w"), UnsafeFileError, r"which is not in the folder"),
    (lambda f: outside(f, "C:w.bin"), UnsafeFileError, r"which is not in the folder"),
    (lambda f: outside(f, ""), UnsafeFileError, r"which is not in the folder"),
    (link, UnsafeFileError, r"a link out of the folder of the model"),
    (lambda f: outside(f, "w.bin"), LoadError, r"w\.bin"),
    (lambda f: short(f, offset="4"), CorruptFileError, r"'w' of 8 bytes does not"),
    (lambda f: short(f, offset="9" * 30), CorruptFileError, r"does not lie in w\.bin"),
    (lambda f: short(f, offset="-4"), CorruptFileError, r"does not lie in w\.bin"),
    (lambda f: short(f, length="7"), CorruptFileError, r"does not lie in w\.bin"),
    (lambda f: short(f, offset="here"), CorruptFileError, r"a place that is no number"),
]  # fmt: skip


@pytest.mark.parametrize("case", PLACES, ids=lambda c: re.sub(r"\W+", "_", c[2])[:40])
def test_weights_lie_beside_their_model(
    case: tuple[Callable[[Path], Path], type[SeqirError], str], tmp_path: Path
) -> None:
    make, error, text = case
    with pytest.raises(error, match=text):
        seqir.load_onnx(make(tmp_path))


def test_bytes_have_no_neighbours(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="bytes have no folder: give the path of"):
        seqir.load_onnx(short(tmp_path).read_bytes())


def test_the_cache_of_the_hugging_face_hub_is_full_of_links(tmp_path: Path) -> None:
    folder = tmp_path / "models--one" / "snapshots" / "abc"
    path = outside(folder, "w.bin")
    blobs = folder.parents[1] / "blobs"
    blobs.mkdir()
    path.rename(blobs / "1")
    (blobs / "2").write_bytes(np.array([1, 2], "float32").tobytes())
    path.symlink_to("../../blobs/1")
    (folder / "w.bin").symlink_to("../../blobs/2")
    model = seqir.load_onnx(path)
    assert model(np.zeros(2, "float32")).tolist() == [1, 2]
