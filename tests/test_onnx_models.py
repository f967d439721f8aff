"""Models of ONNX files among others: nested, copied, saved, in threads, refused."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import seqir
from seqir import layers
from seqir.errors import ArgumentError, ExportError, ShapeError, UnsupportedError
from seqir.ir import Array
from tests.foreign_files import FILES

CNN = next(f for f in FILES if f.name == "torch_cnn_l17")


@pytest.fixture
def model() -> seqir.OnnxModel:
    return seqir.load_onnx(CNN.model)


@pytest.fixture
def image() -> Array:
    return np.asarray(CNN.inputs["image"])


def test_a_copy_has_weights_of_its_own(model: seqir.OnnxModel, image: Array) -> None:
    wanted = np.asarray(model(image))
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for each in copies:
        assert np.array_equal(each(image), wanted)
        each.variables[0].assign(each.variables[0].array * 0)
    assert np.array_equal(model(image), wanted)


def test_one_model_twice_in_another(
    model: seqir.OnnxModel, image: Array, tmp_path: Path
) -> None:
    left, right = (seqir.Input((1, 8, 8), name=name) for name in ("left", "right"))
    distance = layers.subtract([model(left), model(right)])
    pair = seqir.Model([left, right], distance)
    assert len(pair.variables) == len(model.variables)
    found = pair([image, image[::-1]])
    one = np.asarray(model(image))
    assert np.allclose(found, one - one[::-1], atol=1e-6)
    pair.compile("sgd", "mse")
    pair.fit([image, image[::-1]], np.ones_like(one), verbose=0)
    assert not np.allclose(model(image), one)
    pair.export(tmp_path / "pair.onnx")


def test_weights_have_files_and_models_have_not(
    model: seqir.OnnxModel, image: Array, tmp_path: Path
) -> None:
    wanted = np.asarray(model(image))
    for name in ("weights.safetensors", "model.weights.h5"):
        model.save_weights(tmp_path / name)
        other = seqir.load_onnx(CNN.model)
        for v in other.variables:
            v.assign(np.zeros(v.shape))
        other.load_weights(tmp_path / name)
        assert np.array_equal(other(image), wanted)
    nested = seqir.Sequential([seqir.Input((1, 8, 8)), model])
    for each in (model, nested, model.onnx_graph):
        with pytest.raises(UnsupportedError, match=r"write it with model\.export"):
            each.get_config()
    with pytest.raises(UnsupportedError, match="is a graph of an ONNX file"):
        nested.save(tmp_path / "nested.keras")


def test_a_training_goes_on_after_a_stop(
    model: seqir.OnnxModel, image: Array, tmp_path: Path
) -> None:
    y = np.arange(len(image)) % 10
    options: dict[str, Any] = {"batch_size": 1, "verbose": 0}

    def trained(epochs: int, folder: str) -> list[Array]:
        seqir.utils.set_random_seed(3)
        each = seqir.load_onnx(CNN.model)
        each.compile("adam", "sparse_categorical_crossentropy")
        each.fit(image, y, epochs=epochs, resume=tmp_path / folder, **options)
        return each.get_weights()

    whole = trained(4, "whole")
    trained(2, "parts")
    for one, two in zip(whole, trained(4, "parts"), strict=True):
        assert np.array_equal(one, two)


def test_threads_read_files_at_once(image: Array) -> None:
    files = [f for f in FILES if f.kind == "image" and not f.outside]

    def right(place: int) -> bool:
        file = files[place % len(files)]
        found = seqir.load_onnx(file.model)([*file.inputs.values()])
        return np.allclose(found, next(iter(file.outputs.values())), 1e-3, 1e-3)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, range(3 * len(files))))


@pytest.mark.parametrize("source", [3, None, ["a.onnx"]])
def test_what_is_no_source_is_said(source: Any) -> None:
    with pytest.raises(ArgumentError, match="is read from a path, bytes or an"):
        seqir.load_onnx(source)


def test_sizes_are_numbers_or_names(model: seqir.OnnxModel, image: Array) -> None:
    for size in (2, np.int64(2), np.array(2)):
        fixed = seqir.load_onnx(CNN.model, dims={"batch": size})
        assert fixed.inputs[0].shape == (2, 1, 8, 8)
        assert np.allclose(fixed(image[:2]), model(image[:2]))
        with pytest.raises(ShapeError, match=r"Expected shape .2, 1, 8, 8"):
            fixed(image[:1])
    named = seqir.load_onnx(CNN.model, dims={"batch": "rows"})
    assert "f32[rows, 1, 8, 8]" in str(named.onnx_graph.graph)
    with pytest.raises(ArgumentError, match="dims='btch' is no unknown size of"):
        seqir.load_onnx(CNN.model, dims={"btch": 2})
    with pytest.raises(ArgumentError, match=r"dims\['batch'\] must be an integer >= 0"):
        seqir.load_onnx(CNN.model, dims={"batch": -1})
    with pytest.raises(ShapeError, match="named by an identifier"):
        seqir.load_onnx(CNN.model, dims={"batch": "a-b"})


def test_weights_may_be_inputs(image: Array) -> None:
    model = seqir.load_onnx(CNN.model, inputs=["head.2.bias"])
    assert model.input_names == ["image", "head.2.bias"]
    assert "head.2.bias" not in {v.path for v in model.variables}
    zero, one = (model([image, np.full(10, n, np.float32)]) for n in (0, 1))
    assert np.allclose(np.asarray(one) - np.asarray(zero), 1, atol=1e-5)
    with pytest.raises(ArgumentError, match="inputs='head' is no initializer of"):
        seqir.load_onnx(CNN.model, inputs=["head"])


def test_sequences_cannot_be_inputs() -> None:
    (file,) = (f for f in FILES if f.name == "hand_sequence_in")
    with pytest.raises(UnsupportedError, match=r"the input 'parts' is .*sequence of"):
        seqir.load_onnx(file.model)


def test_scales_of_quantized_numbers_are_not_learned() -> None:
    for file in (f for f in FILES if f.kind == "quantized"):
        model = seqir.load_onnx(file.model)
        learned = [v.path for v in model.trainable_variables]
        assert not [path for path in learned if "scale" in path], file.name


def test_a_node_that_is_kept_cannot_follow_to_another_form(tmp_path: Path) -> None:
    given, made = (
        [helper.make_tensor_value_info(n, 10, None) for n in names]
        for names in ("x", "yz")
    )
    given[0].type.CopyFrom(helper.make_tensor_type_proto(10, ["n", 2]))
    split = helper.make_node("Split", ["x"], ["y", "z"])
    graph = helper.make_graph([split], "halves", given, made)
    opset = [helper.make_opsetid("", 13)]
    model = seqir.load_onnx(helper.make_model(graph, opset_imports=opset))
    assert model.export(tmp_path / "halves.onnx").opset == 17
    with pytest.raises(ExportError, match="a node Split stays as its file had it, in"):
        model.export(tmp_path / "halves.onnx", opset=18)
