"""Models made of models, under other names and for other sizes."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from foreign_files import FILES

import seqir
from seqir import layers
from seqir.errors import ArgumentError, ShapeError, UnsupportedError

BY_NAME = {file.name: file for file in FILES}


def model_of(name: str) -> seqir.OnnxModel:
    return seqir.load_onnx(BY_NAME[name].model, name=name)


def run(path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(path)
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def test_the_halves_of_a_model_are_the_model(tmp_path: Path) -> None:
    file = BY_NAME["torch_residual_d20"]
    model = model_of(file.name)
    joined = seqir.compose(*model.split("relu"), name="joined")
    assert (joined.input_names, joined.output_names) == (["image"], ["digit"])
    assert {id(v) for v in joined.variables} == {id(v) for v in model.variables}
    joined.export(tmp_path / "joined.onnx")
    found = run(tmp_path / "joined.onnx", file.inputs)["digit"]
    np.testing.assert_allclose(found, file.outputs["digit"], atol=1e-5)
    protos = (file.model, (tmp_path / "joined.onnx").read_bytes())
    before, after = (onnx.load_from_string(proto).graph for proto in protos)
    assert {n.name for n in after.node} == {n.name for n in before.node}


def test_a_head_is_replaced_and_trained_alone() -> None:
    model = model_of("torch_residual_d20")
    body = model.slice("view")
    body.trainable = False
    width = body.outputs[0].shape[-1]
    head = seqir.Sequential([seqir.Input((width,)), layers.Dense(3, name="new")])
    joined = seqir.compose(body, head)
    assert [v.path[-10:] for v in joined.trainable_variables] == [
        "new/kernel",
        "l/new/bias",
    ]
    kept = [v.numpy().copy() for v in body.variables]
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 1, 8, 8), np.float32), rng.integers(0, 3, 32)
    loss = seqir.losses.SparseCategoricalCrossentropy(from_logits=True)
    joined.compile("adam", loss)
    losses = joined.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all(
        (a == v.numpy()).all() for a, v in zip(kept, body.variables, strict=True)
    )
    np.testing.assert_allclose(joined(x), head(body(x)), atol=1e-5)


def test_names_of_the_second_give_way(tmp_path: Path) -> None:
    def net(units: int) -> seqir.Sequential:
        return seqir.Sequential(
            [seqir.Input((4,), name="x"), layers.Dense(units, name="dense")],
            name=f"net_{units}",
        )

    first, second = net(4), net(2)
    joined = seqir.compose(first, second, {"dense": "x"})
    assert joined.output_names == ["dense"]
    paths = {v.path for v in joined.variables}
    assert len(paths) == 4
    assert any(path.startswith("net_2/") for path in paths)
    x = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_allclose(joined(x), second(first(x)), atol=1e-6)
    twice = seqir.compose(first, first, {"dense": "x"})
    assert len(twice.variables) == 2  # one kernel, one bias
    np.testing.assert_allclose(twice(x), first(first(x)), atol=1e-6)
    twice.export(tmp_path / "twice.onnx")
    found = run(tmp_path / "twice.onnx", {"x": x})["dense"]
    np.testing.assert_allclose(found, first(first(x)), atol=1e-6)


def test_what_does_not_fit_is_said() -> None:
    def net(n: int, units: int) -> seqir.Sequential:
        return seqir.Sequential(
            [seqir.Input((n,), name="x"), layers.Dense(units, name="y")], name="net"
        )

    with pytest.raises(
        ShapeError, match=r"'y' of 'net' is .*3\], and the input 'x' of"
    ):
        seqir.compose(net(2, 3), net(2, 3))
    with pytest.raises(
        ArgumentError, match="connect names no output of model 'net': 'z'"
    ):
        seqir.compose(net(2, 3), net(3, 3), {"z": "x"})
    with pytest.raises(
        ArgumentError, match="connect names no input of model 'net': 'z'"
    ):
        seqir.compose(net(2, 3), net(3, 3), {"y": "z"})
    two = model_of("torch_two_d20")
    with pytest.raises(ArgumentError, match="say what is connected, connect="):
        seqir.compose(net(2, 3), two)
    a, b = seqir.Input((2,), name="a"), layers.Dense(2, name="p")
    forked = seqir.Model(a, [b(a), layers.Dense(2, name="q")(a)], name="forked")
    with pytest.raises(ArgumentError, match="gives an input of 'net' twice"):
        seqir.compose(forked, net(2, 3), {"p": "x", "q": "x"})


def test_inputs_and_outputs_are_renamed(tmp_path: Path) -> None:
    file = BY_NAME["torch_residual_d20"]
    model = model_of(file.name)
    renamed = model.rename({"image": "pixels"}, {"digit": "scores"})
    assert (renamed.input_names, renamed.output_names) == (["pixels"], ["scores"])
    renamed.export(tmp_path / "renamed.onnx")
    (found,) = run(tmp_path / "renamed.onnx", {"pixels": file.inputs["image"]}).values()
    np.testing.assert_allclose(found, file.outputs["digit"], atol=1e-5)
    with pytest.raises(
        ArgumentError, match="outputs='digits' is none of the outputs of"
    ):
        model.rename(outputs={"digits": "scores"})
    with pytest.raises(ArgumentError, match="'digit' would be an input of model"):
        model.rename({"image": "digit"})
    two = model_of("torch_two_d20")
    first, second = two.input_names
    with pytest.raises(ArgumentError, match=r"gives two inputs of model '.*' one name"):
        two.rename({first: second})


def test_unknown_sizes_are_fixed_and_renamed() -> None:
    file = BY_NAME["torch_encoder_d20u"]
    model = model_of(file.name)
    x = [*file.inputs.values()]
    batch, time = x[0].shape
    fixed = model.with_dims({"batch": batch, "time": time})
    assert fixed.inputs[0].shape == (batch, time)
    assert fixed.onnx_graph.graph.outputs["y"].type.shape[0] == batch
    np.testing.assert_allclose(fixed(x), file.outputs["y"], rtol=1e-3, atol=1e-4)
    other = model.with_dims({"batch": "n"})
    assert other.onnx_graph.graph.inputs["tokens"].type.shape == ("n", "time")
    np.testing.assert_allclose(other(x), file.outputs["y"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["torch_cnn_d18f", "torch_residual_l11f", "torch_mobile_l14f"]
)
def test_a_fixed_batch_is_freed(name: str) -> None:
    file = BY_NAME[name]
    model = model_of(name)
    (value,) = model.onnx_graph.graph.inputs.values()
    assert isinstance(value.type.shape[0], int)
    free = model.with_dims({"image": ("batch", *value.type.shape[1:])})
    x = file.inputs["image"]
    expected = np.concatenate([file.outputs["digit"]] * 3)
    np.testing.assert_allclose(free(np.concatenate([x] * 3)), expected, atol=1e-5)


def test_sizes_that_cannot_be_are_refused() -> None:
    model = model_of("torch_cnn_d20")
    with pytest.raises(
        ArgumentError, match="dims='bach' is no unknown size of the inputs"
    ):
        model.with_dims({"bach": 1})
    with pytest.raises(
        ArgumentError, match=r"dims\['batch'\] must be an integer >= 0 or"
    ):
        model.with_dims({"batch": -1})
    with pytest.raises(
        ArgumentError, match=r"dims\['image'\] must have 4 sizes, as the"
    ):
        model.with_dims({"image": (1, 2)})
    with pytest.raises(ShapeError, match=r"node '.*' \(conv\) cannot take these sizes"):
        model.with_dims({"image": ("batch", 7, 8, 8)})
    x = onnx.helper.make_tensor_value_info("x", 1, [2, 3])
    y = onnx.helper.make_tensor_value_info("y", 1, [2, 3])
    nodes = [
        onnx.helper.make_node("Shape", ["x"], ["s"]),
        onnx.helper.make_node("Expand", ["row", "s"], ["y"]),
    ]
    row = onnx.numpy_helper.from_array(np.ones((1, 3), np.float32), "row")
    graph = onnx.helper.make_graph(nodes, "g", [x], [y], [row])
    held = seqir.load_onnx(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    )
    with pytest.raises(ShapeError, match="holds 2 examples, whatever 'n' of the input"):
        held.with_dims({"x": ("n", 3)})
    recurrent = model_of("torch_lstm_l11f")
    ((name, value),) = recurrent.onnx_graph.graph.inputs.items()
    with pytest.raises(ShapeError, match=r"node '/rnn/LSTM' \(lstm\) holds 3"):
        recurrent.with_dims({name: ("n", *value.type.shape[1:])})


def test_models_that_draw_are_refused() -> None:
    noise = seqir.Sequential(
        [seqir.Input((2,)), layers.GaussianNoise(1.0)], name="noise"
    )
    x = seqir.Input((2,))
    drawn = seqir.Model(x, layers.Dropout(0.5)(x, training=True), name="drawn")
    with pytest.raises(
        UnsupportedError, match="'drawn' draws random numbers, or keeps"
    ):
        seqir.compose(noise, drawn)
