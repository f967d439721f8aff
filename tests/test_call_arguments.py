"""Layers and models whose `call` takes several tensors."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ArgumentError

keras = pytest.importorskip("keras")

X, Y = np.full((3, 4), 2.0, np.float32), np.full((3, 2), 5.0, np.float32)


def kinds(k: Any) -> dict[str, Any]:
    """Classes of `call(x, y)` that build themselves in different ways."""

    class Plain(k.Model):
        def __init__(self) -> None:
            super().__init__(name="plain")
            self.dense = k.layers.Dense(2, kernel_initializer="ones", name="dense")

        def call(self, x: Any, y: Any) -> Any:
            return self.dense(x) - y

    class Built(Plain):
        def build(self, x_shape: Any, y_shape: Any) -> None:
            self.dense.build(x_shape)
            self.seen = (x_shape, y_shape)

    class Single(k.layers.Layer):
        def build(self, x_shape: Any, y_shape: Any) -> None:
            self.seen = (x_shape, y_shape)
            self.kernel = self.add_weight(
                (x_shape[-1], y_shape[-1]), "ones", name="kernel"
            )

        def call(self, x: Any, y: Any) -> Any:
            return x @ self.kernel - y

    class Optional(k.Model):
        def __init__(self) -> None:
            super().__init__(name="optional")
            self.dense = k.layers.Dense(2, kernel_initializer="ones", name="dense")

        def call(self, x: Any, y: Any = None) -> Any:
            found = self.dense(x)
            return found if y is None else found - y

    return {"plain": Plain, "built": Built, "single": Single, "optional": Optional}


@pytest.mark.parametrize("kind", kinds(seqir))
def test_several_tensors(kind: str) -> None:
    ours, theirs = kinds(seqir)[kind](), kinds(keras)[kind]()
    expected = np.asarray(theirs(X, Y))
    for found in (ours(X, Y), ours(X, y=Y), ours(x=X, y=Y), ours(X[:2], Y[:2])):
        np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-6)
    if hasattr(theirs, "seen"):
        assert ours.seen == theirs.seen
    a, b = seqir.Input((4,)), seqir.Input((2,))
    for layer in (ours, kinds(seqir)[kind]()):
        model = seqir.Model([a, b], layer(a, b))
        np.testing.assert_allclose(model.predict([X, Y]), expected, rtol=1e-6)


def test_a_model_of_several_tensors_trains_on_their_names() -> None:
    for built in (False, True):
        model = kinds(seqir)["plain"]()
        if built:
            model(X, Y)
        model.compile(seqir.optimizers.SGD(0.01), "mse")
        history = model.fit({"x": X, "y": Y}, Y, epochs=3, verbose=0).history["loss"]
        assert history[-1] < history[0]
        assert model.input_names == ["x", "y"] or len(model.inputs) == 2
        found = model.predict({"x": X, "y": Y})
        np.testing.assert_allclose(found, model(X, Y), rtol=1e-6)
        assert model.count_params() == 10


def test_an_optional_tensor_may_be_left_out_later() -> None:
    model = kinds(seqir)["optional"]()
    np.testing.assert_allclose(model(X, Y), X.sum(1)[:, None] - Y)
    np.testing.assert_allclose(model.predict(X), np.full((3, 2), 8.0))


@pytest.mark.parametrize("kind", ["stack", "graph"])
def test_the_only_input_by_its_name(kind: str) -> None:
    x = seqir.Input((4,))
    model = (
        seqir.Sequential([x, layers.ReLU()])
        if kind == "stack"
        else seqir.Model(x, layers.ReLU()(x))
    )
    np.testing.assert_array_equal(model(inputs=X), X)


def test_a_setting_that_call_needs() -> None:
    class Times(seqir.Model):
        def __init__(self) -> None:
            super().__init__(name="times")
            self.dense = layers.Dense(2, kernel_initializer="ones")

        def call(self, x: Any, factor: int) -> Any:
            return self.dense(x) * factor

    model = Times()
    for factor in (3, 4):
        np.testing.assert_array_equal(
            model(X, factor=factor), np.full((3, 2), 8.0 * factor)
        )
    with pytest.raises(ArgumentError, match="missing a required argument: 'factor'"):
        model.predict(X, verbose=0)
