"""Layers that behave otherwise in training, and what layers add to the loss."""

import math
from typing import Any

import keras
import numpy as np
import pytest
from graphs import graph_value

import seqir
from seqir import layers, ops, regularizers
from seqir.autodiff import gradient
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Trace, evaluate
from seqir.layer.penalties import penalties
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

BATCH = (40, 50)


def noise(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def normalized(counts: Any, p: float, n: int) -> float:
    return float(abs(counts - n * p).max() / np.sqrt(n * p * (1 - p)))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_a_share_and_scales_it(rate: float) -> None:
    x = noise(0, *BATCH) + 10
    layer = layers.Dropout(rate)
    y = layer(x, training=True)
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / np.float32(1 - rate), rtol=1e-6)
    assert normalized(kept.sum(), 1 - rate, x.size) < 4
    assert not np.array_equal(kept, layer(x, training=True) != 0)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_rates_of_zero_and_one() -> None:
    x = noise(0, 4, 5)
    np.testing.assert_array_equal(layers.Dropout(0)(x, training=True), x)
    np.testing.assert_array_equal(layers.Dropout(1)(x, training=True), x * 0)
    for kind in (layers.GaussianDropout, layers.AlphaDropout, layers.GaussianNoise):
        np.testing.assert_array_equal(kind(0)(x, training=True), x)


def test_dropout_of_other_types() -> None:
    for dtype in ("float16", "float64"):
        y = layers.Dropout(0.5, dtype=dtype)(np.ones(BATCH, dtype), training=True)
        assert y.dtype == dtype
        assert set(np.unique(y)) == {0.0, 2.0}


def test_noise_shape_drops_along_axes() -> None:
    x = np.ones((6, 7, 8), np.float32)
    for shape in ((6, 1, 8), (None, 1, None)):
        y = layers.Dropout(0.5, noise_shape=shape)(x, training=True)
        assert set(np.unique(y)) == {0.0, 2.0}
        np.testing.assert_array_equal(y, np.repeat(y[:, :1], 7, 1))
        assert 8 < (y[:, 0] != 0).sum() < 40
    with pytest.raises(ShapeError, match=r"noise_shape \(6, 2, 8\) does not broadcast"):
        layers.Dropout(0.5, noise_shape=(6, 2, 8))(x, training=True)


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.5), (9, 5, 8), (1,)),
        (layers.SpatialDropout2D(0.5), (9, 5, 4, 8), (1, 2)),
        (layers.SpatialDropout3D(0.5), (9, 5, 4, 3, 8), (1, 2, 3)),
        (layers.SpatialDropout2D(0.5, "channels_first"), (9, 8, 5, 4), (2, 3)),
        (layers.SpatialDropout3D(0.5, "channels_first"), (9, 8, 5, 4, 3), (2, 3, 4)),
    ],
)
def test_spatial_dropout_drops_channels(layer: Any, shape: Any, axes: Any) -> None:
    y = layer(np.ones(shape, np.float32), training=True)
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(y.min(axes), y.max(axes))
    assert 15 < (y.max(axes) != 0).sum() < 57
    with pytest.raises(ShapeError, match="expected ndim"):
        layer(np.ones((2, 3), np.float32))


def test_gaussian_layers_have_the_moments_of_keras() -> None:
    n = 200_000
    x = np.full((n,), 3.0, np.float32)
    y = layers.GaussianNoise(0.5)(x, training=True).astype(np.float64)
    assert abs(y.mean() - 3) < 5 * 0.5 / math.sqrt(n)
    assert abs(y.std() - 0.5) < 5 * 0.5 / math.sqrt(2 * n)
    y = layers.GaussianDropout(0.2)(x, training=True).astype(np.float64)
    assert abs(y.mean() - 3) < 5 * 1.5 / math.sqrt(n)
    assert abs(y.std() - 1.5) < 5 * 1.5 / math.sqrt(2 * n)


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_alpha_dropout_keeps_mean_and_variance(rate: float) -> None:
    x = noise(1, 400, 500)
    y = layers.AlphaDropout(rate)(x, training=True).astype(np.float64)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    low = -1.7580993408473766
    a = ((1 - rate) * (1 + rate * low**2)) ** -0.5
    dropped = np.isclose(y, a * low - a * low * rate, atol=1e-5)
    assert normalized(dropped.sum(), rate, x.size) < 4
    kept = x[~dropped] * a - a * low * rate
    np.testing.assert_allclose(y[~dropped], kept, rtol=1e-4, atol=1e-5)


def test_alpha_dropout_of_whole_axes() -> None:
    x = noise(1, 30, 7)
    y = layers.AlphaDropout(0.5, noise_shape=(30, 1))(x, training=True)
    same = (y == y[:, :1]).all(1)
    assert 5 < same.sum() < 25


def test_a_seed_of_its_own() -> None:
    x = np.ones(BATCH, np.float32)
    one, two = layers.Dropout(0.5, seed=7), layers.Dropout(0.5, seed=7)
    first = one(x, training=True)
    seqir.utils.set_random_seed(99)
    np.testing.assert_array_equal(first, two(x, training=True))
    assert not np.array_equal(first, one(x, training=True))
    again = layers.Dropout.from_config(one.get_config())
    np.testing.assert_array_equal(first, again(x, training=True))
    model = seqir.Sequential(
        [seqir.Input((50,)), layers.Dropout(0.1), layers.Dropout(0.5, seed=7)]
    )
    nested = (model(x, training=True) != 0) <= (first != 0)
    assert nested.all()


def test_the_seed_of_the_run_is_the_global_one() -> None:
    x = np.ones(BATCH, np.float32)

    def masks() -> Any:
        seqir.utils.set_random_seed(3)
        model = seqir.Sequential([seqir.Input((50,)), layers.Dropout(0.5)])
        return [model(x, training=True) for _ in range(2)]

    for one, two in zip(masks(), masks(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_each_call_and_each_layer_has_its_own_mask() -> None:
    shared = layers.Dropout(0.5)

    def call(x: Any) -> Any:
        inner = seqir.Input((50,))
        deeper = seqir.Model(inner, layers.Dropout(0.5)(inner))
        return ops.stack([shared(x), shared(x), layers.Dropout(0.5)(x), deeper(x)])

    x = seqir.Input((50,))
    model = seqir.Model(x, call(x))
    masks = model(np.ones(BATCH, np.float32), training=True) != 0
    for i in range(4):
        for j in range(i):
            assert 0.4 < (masks[i] == masks[j]).mean() < 0.6


def test_dropout_in_every_evaluator() -> None:
    model = seqir.Sequential(
        [seqir.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.Dropout(0.5),
         layers.SpatialDropout2D(0.3), layers.Flatten(), layers.AlphaDropout(0.2)]
    )  # fmt: skip
    from seqir import lower, passes, runtime
    from seqir.network.base import arrays_of

    graph, variables = model.trace_graph(training=True)
    graph = passes.bind(graph, arrays_of(variables))
    feeds = {
        next(iter(graph.inputs)): noise(3, 5, 6, 6, 3),
        "random_seed": np.array(8),
        "random_step": np.array(2),
    }
    wanted = evaluate(graph, feeds)
    for each in (graph, passes.run(graph, passes.INFERENCE, check=True)):
        onnx_model, arrays = lower.split(lower.lower(each))
        session = runtime.Session(onnx_model, arrays, device="cpu")
        (found,) = session.run(feeds)
        (y,) = wanted.values()
        np.testing.assert_allclose(found, y, rtol=2e-5, atol=2e-5)


def test_the_gradient_goes_through_the_same_mask() -> None:
    b = Trace("g", training=True)
    x = Traced(b, b.input("x", TensorType("float32", ("batch", 50))))
    with b.active():
        y = layers.Dropout(0.25)(x)
        (g,) = gradient(ops.sum(y), [x])
    graph = b.finish({"y": y.value, "g": graph_value(g)})
    feeds = {
        "x": np.ones(BATCH, np.float32),
        "random_seed": np.array(1),
        "random_step": np.array(0),
    }
    found = evaluate(graph, feeds)
    np.testing.assert_array_equal(found["g"], found["y"])
    assert sum(node.op.name == "random_bits" for node in graph.nodes) == 1


# What layers add to the loss.


def pair(make: Any) -> Any:
    """The same model of both libraries, with the same weights."""
    mine, theirs = make(seqir), make(keras)
    mine.set_weights(theirs.get_weights())
    return mine, theirs


def small(k: Any) -> Any:
    dense = k.layers.Dense(
        3,
        activation="tanh",
        kernel_regularizer=k.regularizers.L1L2(0.1, 0.2),
        bias_regularizer="l1",
        activity_regularizer=k.regularizers.L2(0.3),
        bias_initializer="ones",
    )
    frozen = k.layers.Dense(3, kernel_regularizer="l2", trainable=False)
    last = k.layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1")
    return k.Sequential([k.Input((4,)), dense, frozen, last])


def test_losses_are_those_of_keras() -> None:
    mine, theirs = pair(small)
    x = noise(2, 5, 4)
    weights = [np.asarray(v) for v in theirs.losses]
    np.testing.assert_allclose(mine.losses, weights, rtol=1e-5)
    assert len(weights) == 3
    theirs(x, training=True)
    mine(x, training=True)
    wanted = [np.asarray(v) for v in theirs.losses]
    np.testing.assert_allclose(mine.losses, wanted, rtol=1e-5)
    assert len(wanted) == 5


def test_a_layer_on_its_own_keeps_the_losses_of_its_last_call() -> None:
    x = noise(2, 5, 4)
    layer = layers.ActivityRegularization(0.5, 0.25)
    assert layer.losses == []
    for scale in (1, 2):
        np.testing.assert_array_equal(layer(x * scale), x * scale)
        wanted = (0.5 * abs(x * scale).sum() + 0.25 * ((x * scale) ** 2).sum()) / 5
        np.testing.assert_allclose(layer.losses, [wanted], rtol=1e-5)
    theirs = keras.layers.ActivityRegularization(0.5, 0.25)
    theirs(x * 2)
    np.testing.assert_allclose(layer.losses, theirs.losses, rtol=1e-5)
    assert layer.get_config()["l1"] == 0.5


class Sparse(layers.Layer):
    """The identity, with the mean of its absolute values added to the loss."""

    def call(self, x: Any) -> Any:
        self.add_loss([0.5 * ops.mean(ops.absolute(x)), ops.max(x)])
        return x


def test_add_loss_in_a_call() -> None:
    x = noise(2, 5, 4)
    layer = Sparse()
    layer(x)
    np.testing.assert_allclose(layer.losses, [abs(x).mean() / 2, x.max()], rtol=1e-6)
    model = seqir.Sequential([seqir.Input((4,)), Sparse(), layers.Dense(2)])
    model(x, training=True)
    np.testing.assert_allclose(model.losses, layer.losses, rtol=1e-6)
    graph = model.graph()
    assert list(graph.outputs) == ["dense"]


def test_penalties_in_a_graph() -> None:
    mine, theirs = pair(small)
    x = noise(2, 5, 4)
    b = Trace("g", training=True)
    with b.active():
        mine(Traced(b, b.input("x", TensorType("float32", ("batch", 4)))))
        added = penalties(b, mine.trainable_weights)
        assert len(added) == len(mine.losses) == 5
    graph = b.finish({f"loss_{i}": graph_value(v) for i, v in enumerate(added)})
    arrays = {name: v.array for v, name in b.bindings.items()}
    found = list(evaluate(graph, {"x": x}, arrays).values())
    theirs(x, training=True)
    wanted = [np.asarray(v) for v in theirs.losses]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_the_output_of_a_layer_is_not_its_penalty() -> None:
    model = small(seqir)
    graph = model.graph()
    (y,) = graph.outputs.values()
    assert graph.output_of(model.layers[-1].name) is y


# Regularizers.


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_regularizer_is_that_of_keras(mode: str) -> None:
    x = noise(4, 3, 5)
    mine = regularizers.OrthogonalRegularizer(0.3, mode)
    theirs = keras.regularizers.OrthogonalRegularizer(0.3, mode)
    rows = keras.regularizers.OrthogonalRegularizer(0.3)  # NumPy has no columns there
    wanted = rows(x if mode == "rows" else x.T)
    np.testing.assert_allclose(mine(x), wanted, rtol=1e-5)
    assert mine.get_config() == pytest.approx(theirs.get_config())
    np.testing.assert_allclose(mine(np.eye(4, dtype=np.float32)), 0, atol=1e-7)


def test_regularizers_by_name_class_and_config() -> None:
    x = noise(4, 3, 5)
    for name in ("l1", "l2", "L1", "L2", "orthogonal_regularizer"):
        wanted = keras.regularizers.get(name)(x)
        np.testing.assert_allclose(regularizers.get(name)(x), wanted, rtol=1e-5)
    assert regularizers.get(None) is None
    assert isinstance(regularizers.get(regularizers.L2), regularizers.L2)
    dense = layers.Dense(2, kernel_regularizer=regularizers.l1_l2(0.1, 0.2))
    twin = layers.Dense.from_config(dense.get_config())
    twin.build((None, 3))
    (penalty,) = twin.losses
    kernel = twin.kernel.numpy()
    wanted = 0.1 * abs(kernel).sum() + 0.2 * (kernel**2).sum()
    np.testing.assert_allclose(penalty, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("use", "error", "match"),
    [
        (lambda: regularizers.get("L1L2"), ArgumentError,
         "regularizer 'L1L2' does not say how much"),
        (lambda: regularizers.get("l1_l2"), ArgumentError, "does not say how much"),
        (lambda: regularizers.get("l3"), ArgumentError, "unknown regularizer 'l3'"),
        (lambda: regularizers.L1(-1), ArgumentError,
         "l1 must be a finite number >= 0, got -1"),
        (lambda: regularizers.OrthogonalRegularizer(0.1, "diagonal"), ArgumentError,
         "mode must be 'rows' or 'columns', got 'diagonal'"),
        (lambda: regularizers.OrthogonalRegularizer()(noise(0, 2, 3, 4)), ShapeError,
         r"takes a matrix, got shape \(2, 3, 4\)"),
        (lambda: regularizers.Regularizer()(noise(0, 2)), NotImplementedError,
         "Regularizer has no __call__"),
    ],
)  # fmt: skip
def test_wrong_regularizers(use: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        use()
