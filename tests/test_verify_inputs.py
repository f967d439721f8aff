"""Inputs that `seqir.verify` draws for files of anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from foreign_files import FILES, ForeignFile
from onnx_files import floats, model, node, saved

import seqir
from seqir.verification.draw import draw
from seqir.verification.file import OnnxFile
from seqir.verification.sizes import candidates

ort = pytest.importorskip("onnxruntime")


def run(path: Path, feeds: dict[str, Any]) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(path, options).run(None, feeds)


@pytest.mark.parametrize("foreign", FILES, ids=str)
def test_files_of_other_tools_run_on_what_is_drawn(
    foreign: ForeignFile, tmp_path: Path
) -> None:
    path = foreign.write(tmp_path)
    file = OnnxFile.read(path)
    if foreign.name == "hand_sequence_in":
        with pytest.raises(seqir.errors.UnsupportedError, match="is a sequence"):
            file.inputs  # noqa: B018
        return
    if foreign.name == "torch_encoder_l17":  # takes seven steps, and does not say so
        sizes = next(s for s in candidates(file) if s["time"] == 7)
    else:
        sizes = next(candidates(file))
    feeds = draw(file, sizes)
    for name, found in zip(foreign.output_names, run(path, feeds), strict=True):
        if isinstance(found, np.ndarray) and found.dtype.kind == "f":
            assert np.isfinite(found).all(), name
    again = draw(file, sizes)
    assert all(np.array_equal(x, again[name]) for name, x in feeds.items())


def drawn(path: Path) -> tuple[OnnxFile, dict[str, Any]]:
    file = OnnxFile.read(path)
    return file, draw(file, next(candidates(file)))


def of_nodes(path: Path, nodes: Any, inputs: Any, weights: Any, kind: str) -> Any:
    """The inputs that are drawn for nodes that end in y, which run on them."""
    outputs = {"y": (kind, None)}
    saved(path, nodes, inputs, outputs, weights)
    _, feeds = drawn(path)
    run(path, feeds)
    return feeds


TABLE = {"table": floats(300, 4)}
IDS = {"x": ("i64", ["n", 5])}

LOOKUPS: dict[str, tuple[list[Any], Any, Any, int, int]] = {
    "a table": ([node("Gather", "table x", "y")], IDS, TABLE, 0, 300),
    "a table that is cast": (
        [node("Cast", "table", "t", to=11), node("Gather", "t x", "y")],
        IDS, TABLE, 0, 300,
    ),
    "a table that is reshaped": (
        [node("Reshape", "table s", "t"), node("Gather", "t x", "y", axis=1)],
        IDS, {**TABLE, "s": np.array([4, -1])}, 0, 300,
    ),
    "indices that are cast and lifted": (
        [
            node("Cast", "x", "a", to=7),
            node("Unsqueeze", "a s", "b"),
            node("Gather", "table b", "y"),
        ],
        {"x": ("f32", ["n", 5])}, {**TABLE, "s": np.array([1])}, 0, 300,
    ),
    "indices that are cut off": (
        [node("Clip", "x low high", "a"), node("Gather", "table a", "y")],
        IDS, {**TABLE, "low": np.int64(0), "high": np.int64(299)}, 0, 300,
    ),
    "indices that begin at two": (
        [node("Sub", "x two", "a"), node("Gather", "table a", "y")],
        IDS, {**TABLE, "two": np.int64(2)}, 2, 302,
    ),
    "indices from the end": (
        [
            node("Less", "x zero", "b"),
            node("Add", "x size", "c"),
            node("Where", "b c x", "a"),
            node("Gather", "table a", "y"),
        ],
        IDS, {**TABLE, "zero": np.int64(0), "size": np.int64(300)}, 0, 300,
    ),
    "two tables": (
        [
            node("Gather", "table x", "a"),
            node("Gather", "small x", "b"),
            node("Add", "a b", "y"),
        ],
        IDS, {**TABLE, "small": floats(7, 4)}, 0, 7,
    ),
    "places in a one-hot vector": (
        [node("OneHot", "x depth values", "y")],
        IDS, {"depth": np.int64(40), "values": np.array([0, 1], "f")}, 0, 40,
    ),
    "places along an axis": (
        [node("GatherElements", "wide x", "y", axis=1)],
        {"x": ("i64", [2, 5])}, {"wide": floats(2, 60)}, 0, 60,
    ),
    "points": (
        [node("GatherND", "table x", "y")],
        {"x": ("i64", ["n", 2])}, TABLE, 0, 4,
    ),
    "classes of a loss": (
        [node("SoftmaxCrossEntropyLoss", "scores x", "y")],
        {"x": ("i64", [6])}, {"scores": floats(6, 9)}, 0, 9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LOOKUPS)
def test_indices_are_within_what_they_choose_from(what: str, tmp_path: Path) -> None:
    nodes, inputs, weights, low, high = LOOKUPS[what]
    kind = "f64" if "is cast" in what else "f32"
    found = of_nodes(tmp_path / "m.onnx", nodes, inputs, weights, kind)["x"]
    assert low <= found.min()
    assert found.max() < high
    assert found.max() - found.min() >= (high - low) // 3


def test_indices_into_what_is_computed_from_another_input(tmp_path: Path) -> None:
    inputs = {"rows": ("f32", ["n", "t", 4]), "x": ("i64", ["k"])}
    nodes = [node("Relu", "rows", "r"), node("Gather", "r x", "y", axis=1)]
    feeds = of_nodes(tmp_path / "m.onnx", nodes, inputs, {}, "f32")
    assert feeds["x"].max() < feeds["rows"].shape[1]


def test_lengths_are_within_the_time_axis(tmp_path: Path) -> None:
    weights = {"w": floats(1, 8, 3), "r": floats(1, 8, 2)}
    nodes = [node("LSTM", "x w r - x_lengths", "y", hidden_size=2)]
    inputs = {"x": ("f32", ["t", 9, 3]), "x_lengths": ("i32", [9])}
    feeds = of_nodes(tmp_path / "m.onnx", nodes, inputs, weights, "f32")
    assert 1 <= feeds["x_lengths"].min() < feeds["x_lengths"].max()
    assert feeds["x_lengths"].max() <= len(feeds["x"])


def test_values_are_in_the_range_of_the_first_scale_and_shift(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    weights = {"s": np.float32(127.5), "one": np.float32(1), "half": floats(1)}
    scaled = [node("Div", "x s", "a"), node("Sub", "a one", "y")]
    image = {"x": ("f32", ["n", 3, 9, 9])}
    x = of_nodes(path, scaled, image, weights, "f32")["x"]
    assert 0 <= x.min() < 20
    assert 235 < x.max() <= 255
    x = of_nodes(path, [node("Relu", "x", "y")], image, {}, "f32")["x"]
    assert x.min() >= 0
    x = of_nodes(path, [node("Log", "x", "y")], {"x": ("f32", [9])}, {}, "f32")["x"]
    assert x.min() > 0
    x = of_nodes(path, [node("Relu", "x", "y")], {"x": ("f32", [9])}, {}, "f32")["x"]
    assert x.min() < 0
    cast = [node("Cast", "x", "y", to=1)]
    x = of_nodes(path, cast, {"x": ("u8", [9, 9])}, {}, "f32")["x"]
    assert x.max() > 100
    x = of_nodes(path, cast, {"x": ("b1", ["n", 7])}, {}, "f32")["x"]
    assert x[:, 0].all()
    assert not x[:, -1].any()


def test_texts_are_those_that_are_looked_up(tmp_path: Path) -> None:
    node_ = node("LabelEncoder", "x", "y", domain="ai.onnx.ml")
    words = ["red", "green", "blue"]
    for name, value in (("keys_strings", words), ("values_int64s", [1, 2, 3])):
        node_.attribute.append(onnx.helper.make_attribute(name, value))
    inputs = {"x": ("str", [3])}
    proto = model([node_], inputs, {"y": ("i64", [3])}, domains=["ai.onnx.ml"])
    proto.opset_import[1].version = 2
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    _, feeds = drawn(tmp_path / "m.onnx")
    assert sorted(feeds["x"]) == sorted(words)
    assert sorted(run(tmp_path / "m.onnx", feeds)[0]) == [1, 2, 3]


# Sizes.


def sizes_of(path: Path) -> dict[str, int]:
    return next(candidates(OnnxFile.read(path)))


def sound(path: Path, kernel: int, stride: int, count: int, pool: int) -> Path:
    """Convolutions over a sound: the fewest steps that they take are many."""
    nodes, before = [], "x"
    for i in range(count):
        nodes.append(node("Conv", f"{before} w", f"c{i}", strides=[stride]))
        before = f"c{i}"
    nodes.append(node("MaxPool", before, "y", kernel_shape=[pool]))
    inputs = {"x": ("f32", ["batch", 1, "time"])}
    outputs = {"y": ("f32", ["batch", 1, None])}
    return saved(path, nodes, inputs, outputs, {"w": floats(1, 1, kernel)})


@pytest.mark.parametrize(
    ("kernel", "stride", "count", "pool"),
    [(9, 5, 4, 16), (10_000, 1, 1, 1), (3, 1, 2, 2), (3, 2, 9, 10)],
)
def test_the_fewest_steps_are_found(
    kernel: int, stride: int, count: int, pool: int, tmp_path: Path
) -> None:
    least = pool
    for _ in range(count):
        least = (least - 1) * stride + kernel
    found = sizes_of(sound(tmp_path / "m.onnx", kernel, stride, count, pool))
    assert found == {"batch": 2, "time": max(least, 8)}


def flat(path: Path, size: int, inputs: Any) -> Path:
    """A picture that becomes a vector of a certain length."""
    nodes = [
        node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("MatMul", "f w", "y"),
    ]
    weights = {"w": floats((size // 2) ** 2, 3)}
    return saved(path, nodes, inputs, {"y": ("f32", None)}, weights)


@pytest.mark.parametrize("size", [6, 12, 28, 50, 224])
def test_the_only_size_is_found(size: int, tmp_path: Path) -> None:
    inputs = {"x": ("f32", ["N", 1, "H", "W"])}
    found = sizes_of(flat(tmp_path / "m.onnx", size, inputs))
    assert found["N"] == 2
    assert found["H"] // 2 == found["W"] // 2 == size // 2


def test_equal_names_are_equal_and_computed_names_computed(tmp_path: Path) -> None:
    inputs = {
        "new": ("f32", ["batch", "time", 4]),
        "past": ("f32", ["batch", "past", 4]),
        "mask": ("f32", ["batch", "past + time", 1]),
    }
    nodes = [node("Concat", "past new", "all", axis=1), node("Mul", "all mask", "y")]
    path = saved(tmp_path / "m.onnx", nodes, inputs, {"y": ("f32", None)})
    found = sizes_of(path)
    assert found == {"batch": 2, "time": 8, "past": 8, "past + time": 16}
    _, feeds = drawn(path)
    run(path, feeds)


def test_nameless_sizes_and_baked_batches(tmp_path: Path) -> None:
    inputs = {"x": ("f32", [None, None, 4]), "z": ("f32", [None, 4])}
    nodes = [node("Reshape", "x s", "a"), node("Add", "a z", "y")]
    weights = {"s": np.array([1, -1, 4])}
    path = saved(tmp_path / "m.onnx", nodes, inputs, {"y": ("f32", None)}, weights)
    found = sizes_of(path)
    assert found.keys() == {"x_0", "x_1", "z_0"}
    _, feeds = drawn(path)
    run(path, feeds)


def test_sizes_that_only_the_run_knows(tmp_path: Path) -> None:
    (foreign,) = (each for each in FILES if each.name == "torch_encoder_l17")
    report = seqir.verify(foreign.write(tmp_path), "onnxruntime")
    assert report.passed
    assert report.inputs == {"tokens": "i64[2, 7]", "padding": "b1[2, 7]"}
