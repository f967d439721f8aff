"""A `predict_step` of a model's own, beside Keras's."""

from typing import Any

import keras
import numpy as np
import pytest

import seqir
from seqir.data import Dataset
from seqir.errors import AbsentError, ArgumentError, ShapeError, UnsupportedError

X = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)


def classes(k: Any) -> Any:
    """Classes and their likelihoods, of a model of the library."""

    class Decided(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = k.layers.Dense(3)
            self.drop = k.layers.Dropout(0.5)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.drop(self.dense(x), training=training)

        def predict_step(self, data: Any) -> Any:
            x, y, _ = k.utils.unpack_x_y_sample_weight(data)
            logits = self(x, training=False)
            found = {
                "class": k.ops.argmax(logits, axis=-1),
                "share": k.ops.max(k.ops.softmax(logits), axis=-1),
            }
            return found if y is None else (found, logits - y)

    return Decided()


def pair() -> tuple[Any, Any]:
    mine, other = classes(seqir), classes(keras)
    mine(X)
    other(X)
    mine.set_weights(other.get_weights())
    return mine, other


def assert_same(found: Any, expected: Any) -> None:
    a, b = map(keras.tree.flatten, (found, expected))
    assert len(a) == len(b)
    for mine, other in zip(a, b, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [3, None, 32])
def test_predictions_are_what_the_step_says(size: int | None) -> None:
    mine, other = pair()
    if keras.backend.backend() != "numpy":
        other.run_eagerly = True
    options = {"batch_size": size, "verbose": 0}
    assert_same(mine.predict(X, **options), other.predict(X, **options))
    assert_same(mine.predict_on_batch(X[:4]), other.predict_on_batch(X[:4]))
    mine.set_weights([w + 1 for w in mine.get_weights()])
    other.set_weights(mine.get_weights())
    assert_same(mine.predict(X, **options), other.predict(X, **options))


def test_a_step_gets_all_of_a_batch() -> None:
    mine, _ = pair()
    batches = Dataset.from_tensor_slices((X, np.ones((10, 3), np.float32))).batch(4)
    found, rest = mine.predict(batches, verbose=0)
    assert found["class"].shape == (10,)
    logits = X @ mine.dense.kernel.numpy() + mine.dense.bias.numpy()
    np.testing.assert_allclose(rest, logits - 1, rtol=1e-5, atol=1e-6)
    assert mine(X).shape == (10, 3)  # what a call says is what call says


class Sampled(seqir.Model):
    """A functional model that adds noise, and counts."""

    def predict_step(self, data: Any) -> Any:
        y = super().predict_step(data)
        self.seen.assign(self.seen + 1)  # pyright: ignore[reportAttributeAccessIssue]
        return y + seqir.random.normal(seqir.ops.shape(y), seed=self.generator)  # pyright: ignore[reportAttributeAccessIssue]


def test_a_step_draws_counts_and_needs_no_compile() -> None:
    inputs = seqir.Input((4,))
    model = Sampled(inputs, seqir.layers.Dense(2)(inputs))
    model.seen = seqir.Variable(0, dtype="int32", trainable=False)
    model.generator = seqir.random.SeedGenerator(1)
    first, second = (model.predict(X, batch_size=4, verbose=0) for _ in range(2))
    assert not np.array_equal(first, second)
    assert int(model.seen) == 6  # pyright: ignore[reportAttributeAccessIssue]
    model.compile("sgd", "mse")
    seen: list[Any] = []
    told = seqir.callbacks.LambdaCallback(
        on_predict_batch_end=lambda batch, logs: seen.append(batch)
    )
    model.predict(X, batch_size=5, verbose=0, callbacks=[told])
    assert seen == [0, 1]
    model.fit(X, np.zeros((10, 2)), verbose=0)
    assert model.evaluate(X, np.zeros((10, 2)), verbose=0) > 0


def test_a_step_may_be_an_attribute_and_read_text() -> None:
    words = seqir.layers.StringLookup(vocabulary=["a", "b"])
    inputs = seqir.Input((1,), dtype="string")
    model = seqir.Model(inputs, words(inputs))
    model.predict_step = lambda data: model(data) * 10
    text = np.array([["b"], ["a"], ["z"]])
    assert model.predict(text, verbose=0).tolist() == [[20], [10], [0]]


def test_wrong_steps_are_named() -> None:
    model = seqir.Sequential([seqir.Input((4,)), seqir.layers.Dense(2)], name="net")
    model.predict_step = lambda data: seqir.ops.sum(model(data))
    with pytest.raises(ShapeError, match=r"an output of shape \(\) for 10 samples has"):
        model.predict(X, verbose=0)
    model.predict_step = lambda data: seqir.ops.reshape(model(data), (-1, 7, 3))
    with pytest.raises(ShapeError) as caught:
        model.predict(X[:, :3], verbose=0)
    assert "in predict_step of model 'net'" in seqir.errors.explain(caught.value)
    model.predict_step = lambda data: None
    with pytest.raises(ArgumentError, match="predict_step of model 'net' returns no"):
        model.predict(X, verbose=0)


def test_functions_that_nothing_calls_are_refused() -> None:
    class Own(seqir.Model):
        def make_train_function(self, force: bool = False) -> Any:
            return force

    with pytest.raises(
        UnsupportedError, match=r"Own\.make_train_function would never be called: a tra"
    ):
        Own().compile("sgd", "mse")
    model = seqir.Sequential([seqir.Input((4,)), seqir.layers.Dense(2)])
    for name, text in {
        "make_predict_function": r"say what it does in predict_step\(self, data\)",
        "fit_generator": "Sequential has no fit_generator: fit takes generators",
    }.items():
        with pytest.raises(AbsentError, match=text):
            getattr(model, name)
