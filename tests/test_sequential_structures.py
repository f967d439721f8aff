"""Stacks whose first layer takes a list or a dict of tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir.errors import GraphError, ShapeError

keras = pytest.importorskip("keras")

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
Y = X[::-1] * 0.5


def kinds(k: Any) -> dict[str, tuple[Any, Any]]:
    """First layers, and an input for each."""

    class Paired(k.layers.Layer):
        def call(self, pair: Any) -> Any:
            return pair[0] * 2 + pair[1]

    class Keyed(k.layers.Layer):
        def build(self, shapes: Any) -> None:
            size = shapes["b"][-1]
            self.gain = self.add_weight(shape=(size,), initializer="ones", name="gain")

        def call(self, pair: Any) -> Any:
            return pair["a"] * self.gain + pair["b"] * 3

    return {
        "add": (k.layers.Add, [X, Y]),
        "concatenate": (k.layers.Concatenate, [X, Y, X]),
        "paired": (Paired, (X, Y)),
        "keyed": (Keyed, {"a": X, "b": Y}),
    }


def stack(k: Any, first: Any) -> Any:
    return k.Sequential(
        [first(name="first"), k.layers.Dense(2, kernel_initializer="ones", name="d")],
        name="stack",
    )


def shapes(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: (None, *a.shape[1:]) for key, a in x.items()}
    return [(None, *a.shape[1:]) for a in x]


@pytest.mark.parametrize("kind", kinds(seqir))
def test_calls_and_predictions_are_those_of_keras(kind: str) -> None:
    first, x = kinds(keras)[kind]
    expected = stack(keras, first).predict(x, verbose=0)
    first, _ = kinds(seqir)[kind]
    for use in (lambda m: m(x), lambda m: m.predict(x, verbose=0)):
        np.testing.assert_allclose(use(stack(seqir, first)), expected, rtol=1e-6)
    model = stack(seqir, first)
    model.build(shapes(x))
    np.testing.assert_allclose(model(x), expected, rtol=1e-6)
    assert model.input_shape == shapes(x)
    names = {key: seqir.Input((3,), name=key) for key in x} if kind == "keyed" else None
    tensors = names or [seqir.Input((3,)) for _ in x]
    outer = seqir.Model(tensors, stack(seqir, first)(tensors))
    np.testing.assert_allclose(outer(x), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", kinds(seqir))
def test_they_are_trained_saved_and_exported(kind: str, tmp_path: Path) -> None:
    first, x = kinds(seqir)[kind]
    model = stack(seqir, first)
    model.compile(seqir.optimizers.SGD(1e-3), "mse")
    losses = model.fit(x, np.zeros((2, 2)), epochs=3, verbose=0).history["loss"]
    assert losses[0] > losses[1] > losses[2]
    assert model.export(tmp_path / "m.onnx").nodes
    custom = {first.__name__: first}
    model.save(tmp_path / "m.keras")
    loaded = seqir.models.load_model(tmp_path / "m.keras", custom_objects=custom)
    np.testing.assert_array_equal(loaded(x), model(x))
    again = seqir.models.model_from_json(model.to_json(), custom)
    assert again.input_shape in (shapes(x), model.input_shape)
    theirs = kinds(keras)[kind][0]
    kept = keras.models.load_model(
        tmp_path / "m.keras", custom_objects={theirs.__name__: theirs}, compile=False
    )
    np.testing.assert_allclose(kept(x), model(x), rtol=1e-5)
    kept.save(tmp_path / "t.keras")
    back = seqir.models.load_model(tmp_path / "t.keras", custom_objects=custom)
    np.testing.assert_array_equal(back(x), model(x))


def test_other_sizes_and_numbers_of_samples() -> None:
    model = stack(seqir, seqir.layers.Add)
    model([X, Y])
    assert model([np.ones((5, 3)), np.ones((5, 3))]).shape == (5, 2)
    with pytest.raises(ShapeError, match=r"configured to use input shape \[\(2, 3\)"):
        model.build([(None, 4), (None, 4)])


def test_a_model_of_several_inputs_comes_first() -> None:
    a, b = seqir.Input((3,)), seqir.Input((3,))
    model = seqir.Sequential([seqir.Model([a, b], a - b), seqir.layers.Dense(2)])
    assert model.built
    assert model.input_shape == [(None, 3), (None, 3)]
    assert model([X, Y]).shape == (2, 2)


def test_a_layer_of_one_input_gets_no_list() -> None:
    with pytest.raises(
        GraphError, match=r"'d' takes one input, but .* is given 2; use"
    ):
        seqir.Sequential([seqir.layers.Dense(2, name="d")])([X, Y])
