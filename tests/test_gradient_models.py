"""Gradients as models of their own: `seqir.grad`."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import seqir
from seqir import layers, ops
from seqir.errors import ArgumentError, GraphError, UnsupportedError
from seqir.ir import Array
from tests.foreign_files import FILES


def network() -> seqir.Model:
    """Two outputs of an image and of a row of numbers."""
    image = seqir.Input((8, 8, 1), name="image")
    row = seqir.Input((3,), name="row")
    x = layers.Conv2D(4, 3, padding="same", activation="tanh", name="conv")(image)
    x = layers.AveragePooling2D(2)(x)
    x = layers.concatenate([layers.Flatten()(x), row])
    scores = layers.Dense(5, activation="softmax", name="scores")(x)
    return seqir.Model([image, row], [scores, layers.Dense(1, name="size")(x)])


def feeds(batch: int = 2) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    image = rng.random((batch, 8, 8, 1), np.float32)
    return {"image": image, "row": rng.random((batch, 3), np.float32)}


def slope(f: object, x: Array, direction: Array, step: float = 1e-2) -> float:
    """The slope of a function along a direction, by central differences."""
    assert callable(f)
    return float((f(x + step * direction) - f(x - step * direction)) / (2 * step))  # pyright: ignore[reportOperatorIssue]


@pytest.mark.parametrize("name", ["image", "row"])
def test_gradients_are_those_of_central_differences(name: str) -> None:
    model, arrays = network(), feeds()
    found = seqir.grad(model, wrt=name)
    assert found.output_names == ["scores", "size", f"d/{name}"]
    weights = np.random.default_rng(2).normal(size=arrays[name].shape)
    direction = np.asarray(weights, np.float32)

    def total(x: Array) -> float:
        return sum(np.sum(y, dtype=np.float64) for y in model(arrays | {name: x}))

    exact = np.sum(found(arrays)[-1] * direction, dtype=np.float64)
    assert exact == pytest.approx(slope(total, arrays[name], direction), abs=2e-3)


def test_a_seed_asks_for_one_class(tmp_path: Path) -> None:
    model, arrays = network(), feeds()
    found = seqir.grad(model, outputs="scores", wrt="image", seed=True)
    assert found.input_names == ["image", "row", "seed/scores"]
    report = found.export(tmp_path / "saliency.onnx")
    assert report.outputs.keys() == {"scores", "d/image"}
    session = ort.InferenceSession(tmp_path / "saliency.onnx")
    parts = []
    for k in range(5):
        seed = np.zeros((2, 5), np.float32)
        seed[:, k] = 1
        parts.append(session.run(["d/image"], arrays | {"seed/scores": seed})[0])
    # The scores add up to 1 whatever the image is.
    assert np.abs(np.sum(parts, 0)).max() < 1e-6 < np.abs(parts[0]).max()


def test_gradients_of_weights_follow_the_weights() -> None:
    model, arrays = network(), feeds()
    found = seqir.grad(model, outputs="size", wrt=["conv/.*"])
    assert found.output_names == ["size", "d/conv/kernel", "d/conv/bias"]
    assert found.variables
    before = found(arrays)
    kernel = model.get_layer("size").kernel
    kernel.assign(kernel.array * 2)
    for one, two in zip(before[1:], found(arrays)[1:], strict=True):
        assert np.allclose(2 * one, two, atol=1e-6)


def test_a_gradient_has_a_gradient() -> None:
    x = seqir.Input((3,), name="x")
    model = seqir.Model(x, ops.sum(x**3, axis=-1, keepdims=True))
    second = seqir.grad(seqir.grad(model), outputs="d/x", wrt="x")
    values = np.array([[1.0, -2.0, 0.5]], np.float32)
    assert np.allclose(second(values)[-1], 6 * values)


def test_models_of_other_tools_have_gradients() -> None:
    (file,) = (f for f in FILES if f.name == "torch_residual_d20")
    model = seqir.load_onnx(file.model)
    (name,) = model.input_names
    image = np.asarray(file.inputs[name][:2])
    found = seqir.grad(model)
    direction = np.random.default_rng(0).normal(size=image.shape).astype(np.float32)
    direction /= np.linalg.norm(direction)  # a kink is rarely that near

    def total(x: Array) -> float:
        return float(np.sum(model(x), dtype=np.float64))

    exact = np.sum(found(image)[-1] * direction, dtype=np.float64)
    assert exact == pytest.approx(slope(total, image, direction, 1e-3), rel=1e-2)


def test_what_cannot_be_differentiated_is_said() -> None:
    model = network()
    with pytest.raises(ArgumentError, match=r"wrt='imag' is nothing that model .* has"):
        seqir.grad(model, wrt="imag")
    with pytest.raises(ArgumentError, match=r"outputs='\(' is nothing that model"):
        seqir.grad(model, outputs="(")
    ids = seqir.Input((3,), dtype="int32", name="ids")
    table = seqir.Model(ids, layers.Embedding(5, 2)(ids))
    with pytest.raises(ArgumentError, match=r"wrt='ids' is i32.*floating-point"):
        seqir.grad(table, wrt="ids")
    x = seqir.Input((2,), name="x")
    apart = seqir.Model([x, y := seqir.Input((2,), name="y")], [x * 2, y * 3])
    with pytest.raises(GraphError, match=r"does not depend on 'y'"):
        seqir.grad(apart, outputs=apart.output_names[0], wrt="y")


class Noisy(layers.Layer):
    """Adds numbers that are drawn, also when it only runs."""

    def call(self, x: object) -> object:
        return x + seqir.random.normal((1,))


def test_a_model_that_draws_has_none() -> None:
    model = seqir.Sequential([seqir.Input((2,)), Noisy()])
    with pytest.raises(UnsupportedError, match="draws random numbers when it runs"):
        seqir.grad(model)
