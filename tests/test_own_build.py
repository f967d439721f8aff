"""Models of one's own whose `build` is one's own, too, or that say they are built."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir.errors import NotBuiltError

keras = pytest.importorskip("keras")

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
Y = np.ones((2, 2), np.float32)


def of_pairs(k: Any) -> dict[str, tuple[Any, Any]]:
    """Such classes that take a list or a dict."""

    class Listed(k.Model):
        def build(self, input_shape: Any) -> None:
            size = input_shape[1][-1]
            self.gain = self.add_weight(shape=(size,), initializer="ones", name="gain")

        def call(self, pair: Any) -> Any:
            return pair[0] * self.gain + pair[1]

    class Keyed(k.Model):
        def build(self, input_shape: Any) -> None:
            size = input_shape["b"][-1]
            self.gain = self.add_weight(shape=(size,), initializer="ones", name="gain")

        def call(self, pair: Any) -> Any:
            return pair["a"] * self.gain + pair["b"]

    return {"listed": (Listed, [X, X]), "keyed": (Keyed, {"a": X, "b": X})}


def kinds(k: Any) -> dict[str, tuple[Any, Any]]:
    """Classes that build themselves in different ways, and an input for each."""

    class Plain(k.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = k.layers.Dense(2, kernel_initializer="ones")

        def build(self, input_shape: Any) -> None:
            self.dense.build(input_shape)
            self.gain = self.add_weight(shape=(2,), initializer="ones", name="gain")

        def call(self, x: Any) -> Any:
            return self.dense(x) * self.gain

    class Super(Plain):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            k.Model.build(self, input_shape)

    class Says(Plain):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.built = True

    class Makes(k.Model):
        def build(self, input_shape: Any) -> None:
            units = input_shape[-1]
            self.dense = k.layers.Dense(units, kernel_initializer="ones")

        def call(self, x: Any) -> Any:
            return self.dense(x)

    class Trains(Plain):
        def call(self, x: Any, training: bool = False) -> Any:
            return super().call(x) * (2.0 if training else 1.0)

    class ByHand(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = k.layers.Dense(2, kernel_initializer="ones")
            self.built = True

        def call(self, x: Any) -> Any:
            return self.dense(x)

    return {
        "plain": (Plain, X),
        "super": (Super, X),
        "says": (Says, X),
        "makes": (Makes, X),
        "trains": (Trains, X),
        **of_pairs(k),
        "by hand": (ByHand, X),
    }


def shapes(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: shapes(value) for key, value in x.items()}
    return [shapes(v) for v in x] if isinstance(x, list) else (None, *x.shape[1:])


@pytest.mark.parametrize("kind", kinds(seqir))
def test_calls_and_predictions_are_those_of_keras(kind: str) -> None:
    results: list[list[Any]] = []
    for k in (seqir, keras):
        make, x = kinds(k)[kind]
        first, second, third = make(), make(), make()
        found = [np.asarray(first(x)), second.predict(x, verbose=0)]
        third.compile("sgd", "mse")
        with np.errstate(all="ignore"):  # Keras finds shapes with what np.empty holds
            loss = third.evaluate(x, np.ones(found[0].shape, np.float32), verbose=0)
        results.append([*found, loss, first.predict(x, verbose=0)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("kind", kinds(seqir))
def test_they_are_trained(kind: str) -> None:
    make, x = kinds(seqir)[kind]
    model = make()
    model.compile(seqir.optimizers.SGD(1e-3), "mse")
    target = np.zeros(make()(x).shape, np.float32)
    losses = model.fit(x, target, epochs=3, verbose=0).history["loss"]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("kind", sorted({*kinds(seqir)} - {"by hand"}))
def test_a_build_before_the_first_call(kind: str, tmp_path: Path) -> None:
    make, x = kinds(seqir)[kind]
    expected = make()(x)
    for use in (
        lambda m: m(x),
        lambda m: m.predict(x, verbose=0),
        lambda m: m.export(tmp_path / "m.onnx") and m(x),
        lambda m: m.summary(print_fn=str) or m(x),
    ):
        model = make()
        model.build(shapes(x))
        assert model.built
        np.testing.assert_array_equal(use(model), expected)


def test_an_input_of_another_number_of_samples() -> None:
    model = kinds(seqir)["plain"][0]()
    assert model(X).shape == (2, 2)
    assert model(np.ones((5, 3))).shape == (5, 2)


def test_files(tmp_path: Path) -> None:
    make, x = kinds(seqir)["plain"]
    model = make(name="p")
    model(x)
    model.set_weights([w + 0.5 for w in model.get_weights()])
    path = tmp_path / "m.keras"
    model.save(path)
    again = seqir.models.load_model(path, custom_objects={"Plain": make})
    np.testing.assert_array_equal(again(x), model(x))
    # Weights go to Keras and back, into models that were built and never called.
    theirs = kinds(keras)["plain"][0](name="p")
    theirs.build((None, 3))
    model.save_weights(tmp_path / "a.weights.h5")
    theirs.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(theirs(x), model(x), rtol=1e-6)
    theirs.save_weights(tmp_path / "b.weights.h5")
    other = make(name="p")
    other.build((None, 3))
    other.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_array_equal(other(x), model(x))


def test_inside_of_other_models() -> None:
    make, x = kinds(seqir)["plain"]
    expected = make()(x)
    tensor = seqir.Input((3,))
    for outer in (
        seqir.Model(tensor, make()(tensor)),
        seqir.Sequential([make()]),
    ):
        np.testing.assert_array_equal(outer(x), expected)


def test_threads_build_it_once() -> None:
    make, x = kinds(seqir)["plain"]
    expected = make()(x)
    for _ in range(5):
        model = make()
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda m=model, f=found: f.append(m(x)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(model.weights) == 3
        for y in found:
            np.testing.assert_array_equal(y, expected)


def test_a_model_that_says_it_is_built_has_no_graph_yet() -> None:
    model = kinds(seqir)["by hand"][0]()
    with pytest.raises(NotBuiltError, match="has no defined inputs yet: call it on an"):
        model.graph()
    assert model(X).shape == (2, 2)
    assert model.graph()


def test_a_call_that_fails_can_be_made_again() -> None:
    class Choosy(seqir.Model):
        works = False

        def build(self, input_shape: Any) -> None:
            self.gain = self.add_weight(shape=(3,), initializer="ones")

        def call(self, x: Any) -> Any:
            if not self.works:
                raise ValueError("not today")
            return x * self.gain

    model = Choosy()
    with pytest.raises(ValueError, match="not today"):
        model(X)
    assert len(model.weights) == 1
    model.works = True
    np.testing.assert_array_equal(model(X), X)
