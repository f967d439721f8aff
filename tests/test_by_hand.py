"""Steps that a model says itself: `train_step`, `compute_loss`, and their parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers, ops
from seqir.errors import NonFiniteLossError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]], "float32")).astype("float32")
OPTIONS: Any = {"batch_size": 8, "epochs": 3, "verbose": 0, "shuffle": False}


def network(cls: Any = keras.Model, **kwargs: Any) -> Any:
    """A model of a class, with weights that are always the same."""
    keras.utils.set_random_seed(3)
    x = keras.Input((3,), name="x")
    h = layers.Dense(4, activation="tanh", kernel_regularizer="l2", name="inner")(x)
    h = layers.BatchNormalization(name="norm")(h)
    h = layers.Dropout(0.25, name="drop")(h)
    return cls(x, layers.Dense(1, name="outer")(h), **kwargs)


def weights_of(model: Any) -> list[np.ndarray]:
    return [np.asarray(w) for w in model.get_weights()]


class Whole(keras.Model):
    """The usual step, written by hand."""

    traced = 0

    def train_step(self, data: Any) -> Any:
        self.traced += 1
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        trained = self.trainable_variables
        gradients = keras.gradient(loss, trained)
        self.optimizer.apply_gradients(zip(gradients, trained, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Inherited(keras.Model):
    """The usual step, with a number more in the logs."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)

    def test_step(self, data: Any) -> Any:
        return super().test_step(data)


class OwnLoss(keras.Model):
    """The usual loss, as of an older signature."""

    def compute_loss(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
    ) -> Any:
        loss = self.compiled_loss(y, y_pred, sample_weight=sample_weight)
        return loss + sum(self.losses)

    compiled_loss = keras.losses.MeanSquaredError()


class OwnMetrics(keras.Model):
    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.parametrize("cls", [Whole, Inherited, OwnLoss, OwnMetrics])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_usual_step_by_hand_ends_with_the_usual_numbers(
    cls: Any, weighted: bool
) -> None:
    sample_weight = np.linspace(0.5, 1.5, len(X)) if weighted else None
    found: list[Any] = []
    for each in (keras.Model, cls):
        model = network(each)
        model.compile(keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
        keras.utils.set_random_seed(4)
        model.compilation.seed = 11
        history = model.fit(
            X, Y, sample_weight=sample_weight, validation_data=(X[:9], Y[:9]), **OPTIONS
        )
        result = model.evaluate(X, Y, verbose=0, return_dict=True)
        found.append((history.history, weights_of(model), result))
    (usual, weights, result), (logs, own_weights, own_result) = found
    for name, values in usual.items():
        if name in logs or cls is not OwnLoss:
            np.testing.assert_allclose(logs[name], values, rtol=1e-4, err_msg=name)
    assert own_result == pytest.approx(result, rel=1e-4)
    for own, wanted in zip(own_weights, weights, strict=True):
        np.testing.assert_allclose(own, wanted, atol=1e-5)


def test_a_step_is_traced_once_for_a_kind_of_batches() -> None:
    model = network(Whole)
    model.compile("sgd", "mse")
    model.fit(X[:16], Y[:16], **OPTIONS)
    assert model.traced == 1
    model.fit(X, Y, **OPTIONS)  # the last batch is smaller
    assert model.traced == 1
    model.fit(X, (Y > 0).astype("int32"), **OPTIONS)
    assert model.traced == 2
    model.get_layer("inner").trainable = False
    model.compile("sgd", "mse")
    before = weights_of(model)
    model.fit(X, Y, **OPTIONS)
    after = weights_of(model)
    assert model.traced == 3
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[-2] - after[-2]).max() > 0


class Plain(keras.Model):
    """One weight, and a step that a test says."""

    def __init__(self, step: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.w = self.add_weight((), initializer="ones", name="w")
        self.v = self.add_weight((), initializer="ones", name="v")
        self.sgd = keras.optimizers.SGD(0.5)
        self.other = keras.optimizers.SGD(0.25)

    def train_step(self, data: Any) -> Any:
        return self.step(self, data)


def run(step: Any, x: Any = 2.0) -> tuple[Plain, Any]:
    model = Plain(step)
    model.compile()
    logs = model.train_on_batch(np.full((1, 1), x, "float32"), return_dict=True)
    return model, logs


def test_what_was_assigned_is_read_and_a_gradient_ends_there() -> None:
    def step(model: Plain, x: Any) -> Any:
        first = ops.sum(x) * model.w * model.v
        model.sgd.apply([keras.gradient(first, model.w)], [model.w])
        second = model.w * model.w * model.v  # reads w - 0.5 x v
        (of_v,) = keras.gradient(second, [model.v])
        of_w = keras.gradient(second, model.w)
        again = keras.gradient(first, {"w": model.w})
        return {"w": model.w, "of_v": of_v, "of_w": of_w, "again": again["w"]}

    _, logs = run(step)
    # w is 1 - 0.5 * 2 = 0 now; with respect to v, the update is a constant.
    assert logs == {"w": 0.0, "of_v": 0.0, "of_w": 0.0, "again": 2.0}
    _, logs = run(step, 1.0)
    assert logs == {"w": 0.5, "of_v": 0.25, "of_w": 1.0, "again": 1.0}


def test_a_weight_is_updated_several_times_by_several_optimizers() -> None:
    def step(model: Plain, x: Any) -> Any:
        for optimizer in (model.sgd, model.sgd, model.other):
            loss = ops.square(model.w) / 2
            optimizer.apply([keras.gradient(loss, model.w)], [model.w])
        model.v.assign_add(ops.sum(x))
        return {"loss": loss, "nested": {"v": model.v}}

    model, logs = run(step)
    assert logs == {"loss": 0.03125, "v": 3.0}
    assert float(model.w.array) == 0.5 * 0.5 * 0.75
    assert float(model.v.array) == 3.0
    assert int(np.asarray(model.sgd.iterations)) == 2


def test_gradients_have_gradients() -> None:
    def step(model: Plain, x: Any) -> Any:
        y = x * x * x * model.w
        slope = keras.gradient(y, x)  # 3 x^2 w
        loss = ops.sum(slope)
        return {"slope": loss, "of_w": keras.gradient(loss, model.w)}

    assert run(step)[1] == {"slope": 12.0, "of_w": 12.0}


def test_a_variable_without_influence_has_no_gradient() -> None:
    def step(model: Plain, x: Any) -> Any:
        of_w, of_v = keras.gradient(ops.sum(x) * model.w, [model.w, model.v])
        assert of_v is None
        with pytest.warns(UserWarning, match="does not depend on"):
            model.sgd.apply([of_w, of_v], [model.w, model.v])
        return {}

    model, logs = run(step)
    assert logs == {}
    assert float(model.w.array) == 0.0
    assert float(model.v.array) == 1.0


@pytest.mark.parametrize("kind", ["x", "pair", "dict", "list", "triple"])
def test_data_comes_as_it_was_given(kind: str) -> None:
    seen: list[Any] = []

    def step(model: Plain, data: Any) -> Any:
        seen.append(data)
        return {"loss": ops.mean(model.w)}

    model = Plain(step)
    model.compile()
    given: Any = {
        "x": (X,),
        "pair": (X, Y),
        "dict": ({"a": X, "b": Y},),
        "list": ([X, Y],),
        "triple": (X, Y, np.ones(len(X))),
    }[kind]
    model.fit(*given[:2], sample_weight=given[2] if len(given) > 2 else None, **OPTIONS)
    (data,) = seen
    if kind == "x":
        assert data.shape == (None, 3)
    elif kind == "dict":
        assert data["b"].shape == (None, 1)
    elif kind == "list":
        assert [t.shape for t in data[0]] == [(None, 3), (None, 1)]
    else:
        shapes = [(None, 3), (None, 1), (None,)]
        assert [t.shape for t in data] == shapes[: len(given)]


def test_arrays_keep_their_types_but_float64() -> None:
    def step(model: Plain, data: Any) -> Any:
        x, y = data
        assert (x.dtype, y.dtype) == ("uint8", "float32")
        return {"loss": ops.sum(ops.cast(x, "float32") / 255.0) * model.w}

    model = Plain(step)
    model.compile()
    x = np.full((2, 2), 255, "uint8")
    assert model.train_on_batch(x, np.ones((2, 1))) == 4.0


def test_random_numbers_differ_from_step_to_step() -> None:
    class Noisy(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(7)

        def train_step(self, x: Any) -> Any:
            shape = (ops.shape(x)[0], 4)
            a = keras.random.normal(shape, seed=self.seed_generator)
            b = keras.random.normal(shape, seed=self.seed_generator)
            return {"a": ops.mean(a), "b": ops.mean(b)}

    model = Noisy()
    model.compile()
    logs = [model.train_on_batch(X, return_dict=True) for _ in range(3)]
    assert len({value for each in logs for value in each.values()}) == 6


def test_test_steps_and_callbacks() -> None:
    class Tested(Plain):
        def test_step(self, data: Any) -> Any:
            return {"distance": ops.mean(ops.abs(data - self.w))}

    def step(model: Plain, x: Any) -> Any:
        loss = ops.square(model.w - 3.0)
        model.sgd.apply([keras.gradient(loss, model.w) * 0.5], [model.w])
        return {"loss": loss}

    model = Tested(step)
    model.compile()
    seen: list[float] = []
    history = model.fit(
        np.full((8, 1), 3.0),
        validation_data=np.full((4, 1), 3.0),
        callbacks=[
            keras.callbacks.EarlyStopping("val_distance", mode="min", min_delta=0.4),
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda _, logs: seen.append(logs["loss"])
            ),
        ],
        epochs=9,
        verbose=0,
    )
    assert seen[:3] == [4.0, 1.0, 0.25]
    assert history.history["val_distance"] == [1.0, 0.5, 0.25]


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    def step(model: Plain, x: Any) -> Any:
        loss = ops.log(model.w - 1.0 + 0 * ops.sum(x))
        model.sgd.apply([keras.gradient(loss, model.w)], [model.w])
        return {"loss": loss}

    model = Plain(step)
    model.compile()
    with pytest.raises(NonFiniteLossError, match="the loss became -inf at step 1"):
        model.fit(X, verbose=0)
    assert float(model.w.array) == 1.0


def test_half_precision_scales_the_loss() -> None:
    keras.utils.set_random_seed(1)
    policy = "mixed_float16"
    x = keras.Input((3,))
    h = layers.Dense(4, activation="relu", dtype=policy)(x)
    model: Any = Whole(x, layers.Dense(1, dtype=policy)(h))

    class Scaled(Whole):
        def train_step(self, data: Any) -> Any:
            x, y = data
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = self.trainable_variables
            scaled = self.optimizer.scale_loss(loss)
            self.optimizer.apply(keras.gradient(scaled, weights), weights)
            return {"loss": loss}

    model = Scaled(x, model.output)
    model.compile("adam", "mse")
    assert type(model.optimizer) is keras.optimizers.LossScaleOptimizer
    history = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]
