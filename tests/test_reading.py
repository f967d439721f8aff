"""Reading ONNX files: lowering backwards."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import seqir
from seqir import layers, lower, passes, reading
from seqir.ir import Builder, Graph, verify
from tests.foreign_files import FILES
from tests.recurrent_samples import RECURRENT
from tests.samples import SAMPLES, Sample


def one_node(sample: Sample) -> Graph:
    """A graph of nothing but the sample's operator."""
    b = Builder("sample")
    operands = [b.input(f"x{i}", t) for i, t in enumerate(sample.types)]
    results = b.emit(sample.op, *operands)
    return b.finish({f"y{i}": v for i, v in enumerate(results)})


@pytest.mark.parametrize("sample", [*SAMPLES, *RECURRENT], ids=str)
def test_what_is_written_as_one_node_is_read_as_the_same_operator(
    sample: Sample,
) -> None:
    graph = one_node(sample)
    model = lower.to_proto(lower.lower(graph, opset=21))
    if [n.op_type in sample.op.reads for n in model.graph.node] != [True]:
        return
    read = reading.read(reading.parse(model))
    (node,) = (n for n in verify(read.graph).nodes if n.operands)
    assert type(node.op) is type(sample.op)
    again = lower.to_proto(lower.lower(passes.bind(read.graph, read.weights), opset=21))
    assert [n.op_type for n in again.graph.node] == [model.graph.node[0].op_type]
    assert again.graph.node[0].attribute == model.graph.node[0].attribute


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a small convolutional network."""
    model = seqir.Sequential(
        [
            seqir.Input((8, 8, 1), name="image"),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="scores"),
        ]
    )
    path = tmp_path_factory.mktemp("onnx") / "digits.onnx"
    model.export(path)
    return path


def test_a_file_is_a_model_with_its_names(digits: Path, tmp_path: Path) -> None:
    model = seqir.load_onnx(digits)
    assert (model.input_names, model.output_names) == (["image"], ["scores"])
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    session = ort.InferenceSession(digits)
    assert np.allclose(model(x), session.run(None, {"image": x})[0], atol=1e-6)
    model.export(tmp_path / "again.onnx")
    before, after = onnx.load(digits).graph, onnx.load(tmp_path / "again.onnx").graph
    assert [n.name for n in before.node] == [n.name for n in after.node]
    assert [n.output for n in before.node] == [n.output for n in after.node]
    weights = {t.name: t.SerializeToString() for t in before.initializer}
    again = {t.name: t.SerializeToString() for t in after.initializer}
    paths = [v.path for v in model.variables]
    assert paths
    assert [again[path] for path in paths] == [weights[path] for path in paths]


def test_statistics_stay_in_training(digits: Path) -> None:
    model = seqir.load_onnx(digits)
    names = {v.path for v in model.trainable_variables}
    assert {v.path for v in model.variables} - names == {
        "norm/moving_mean",
        "norm/moving_variance",
    }
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 8, 8, 1), np.float32), rng.integers(0, 10, 64)
    before = {v.path: v.numpy() for v in model.variables}
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    changed = {v.path for v in model.variables if (before[v.path] != v.numpy()).any()}
    assert changed == names


def fixed(name: str) -> seqir.OnnxModel:
    (file,) = (f for f in FILES if f.name == name)
    return seqir.load_onnx(file.model)


def test_a_model_of_one_batch_size_predicts_any_number() -> None:
    model = fixed("torch_cnn_d18f")
    size = model.fixed_batch
    assert size
    x = np.random.default_rng(0).random((2 * size + 1, 1, 8, 8), np.float32)
    found = model.predict(x, verbose=0)
    parts = [model(np.repeat(row[None], size, 0))[0] for row in x]
    assert np.allclose(found, parts, atol=1e-6)
    with pytest.raises(seqir.errors.ShapeError, match=r"Expected shape .3, 1, 8, 8"):
        model(x)


def test_optimizing_is_asked_for(tmp_path: Path) -> None:
    model = fixed("torch_cnn_l13u")
    kept = model.export(tmp_path / "kept.onnx")
    best = model.export(tmp_path / "best.onnx", optimize=True)
    assert best.node_count < kept.node_count
    assert kept.opset == best.opset == 17
    names = {t.name for t in onnx.load(kept.path).graph.initializer}
    assert {v.path for v in model.variables} <= names


def test_images_may_have_their_channels_last(tmp_path: Path) -> None:
    (file,) = (f for f in FILES if f.name == "torch_unet_d20f")
    first = seqir.load_onnx(file.model)
    last = seqir.load_onnx(file.model, data_format="channels_last")
    (image,) = file.inputs.values()
    moved = np.moveaxis(image, 1, -1)
    assert last.inputs[0].shape[-1] == image.shape[1]
    scopes = first.onnx_graph.graph.scopes
    assert scopes
    assert last.onnx_graph.graph.scopes == scopes
    assert np.allclose(last(moved), np.moveaxis(first(image), 1, -1), atol=1e-6)
    head = seqir.Sequential(
        [last, layers.Conv2D(2, 1), layers.GlobalMaxPooling2D(), layers.Dense(3)]
    )
    head.export(tmp_path / "head.onnx")
    with pytest.raises(seqir.errors.ArgumentError, match="data_format"):
        seqir.load_onnx(file.model, data_format="last")


def test_a_node_keeps_its_name_where_another_tensor_has_it(tmp_path: Path) -> None:
    """The first node has no name, and its output that of the second one."""
    helper = onnx.helper
    infos = [helper.make_tensor_value_info(n, 1, ["n"]) for n in ("x", "z")]
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Neg", ["y"], ["z"], name="y"),
    ]
    graph = helper.make_graph(nodes, "names", infos[:1], infos[1:])
    opset = [helper.make_opsetid("", 17)]
    model = seqir.load_onnx(helper.make_model(graph, opset_imports=opset))
    model.export(tmp_path / "names.onnx")
    first, second = onnx.load(tmp_path / "names.onnx").graph.node
    assert (first.output[0], second.name) == ("y", "y")
    assert first.name not in ("", "y")
