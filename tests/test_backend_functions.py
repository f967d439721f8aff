"""``seqir.backend``: functions of Keras 2, beside NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import seqir
from seqir import backend as K
from seqir import layers, ops
from seqir.errors import AbsentError, ArgumentError, ShapeError

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4)).astype(np.float32)
T = rng.normal(size=(2, 3, 4)).astype(np.float32)
P = rng.normal(size=(2, 4, 6, 3)).astype(np.float32)
"""Pictures."""


def unit(x: Any, axis: Any) -> Any:
    return x / np.sqrt((x**2).sum(axis, keepdims=True))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (lambda: K.mean(X, axis=-1, keepdims=True), X.mean(-1, keepdims=True)),
        (lambda: K.sum(K.square(X)), (X**2).sum()),
        (lambda: K.std(X, axis=0), X.std(0)),
        (lambda: K.abs(K.exp(X) - K.pow(X, 2)), np.abs(np.exp(X) - X**2)),
        (lambda: K.max(X), X.max()),
        (lambda: K.any(X > 1, axis=0), (X > 1).any(0)),
        (lambda: K.round(X), np.round(X)),
        (lambda: K.argmax(X), X.argmax()),
        (lambda: K.sqrt(X), np.sqrt(np.maximum(X, 0))),
        (lambda: K.clip(X, -0.5, None), np.maximum(X, -0.5)),
        (lambda: K.clip(X, None, np.float32(0.1)), np.minimum(X, 0.1)),
        (lambda: K.hard_sigmoid(X), np.clip(0.2 * X + 0.5, 0, 1)),
        (lambda: K.relu(X, alpha=0.1, max_value=1),
         np.minimum(np.where(X > 0, X, X / 10), 1)),
        (lambda: K.l2_normalize(X, axis=1), unit(X, 1)),
        (lambda: K.l2_normalize(X), unit(X, None)),
        (lambda: K.l2_normalize(np.zeros((2, 2), np.float32)), np.zeros((2, 2))),
        (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
        (lambda: K.stack([X, X]), np.stack([X, X])),
        (lambda: K.expand_dims(X), X[..., None]),
        (lambda: K.flatten(T), T.ravel()),
        (lambda: K.batch_flatten(T), T.reshape(2, 12)),
        (lambda: K.permute_dimensions(T, (0, 2, 1)), T.transpose(0, 2, 1)),
        (lambda: K.reverse(T, 1), T[:, ::-1]),
        (lambda: K.repeat(X, 2), np.stack([X, X], 1)),
        (lambda: K.repeat_elements(T, 2, 1), np.repeat(T, 2, 1)),
        (lambda: K.gather(X, np.array([2, 0])), X[[2, 0]]),
        (lambda: K.one_hot(np.array([1, 0]), 3), [[0, 1, 0], [1, 0, 0]]),
        (lambda: K.in_top_k(X, X.argmax(-1), 1), [True] * 3),
        (lambda: K.dot(T, X.T), T @ X.T),
        (lambda: K.batch_dot(X, X), (X * X).sum(1, keepdims=True)),
        (lambda: K.batch_dot(T, T, axes=(2, 2)), T @ T.transpose(0, 2, 1)),
        (lambda: K.batch_dot(T, T, axes=1), T.transpose(0, 2, 1) @ T),
        (lambda: K.batch_dot(T, T.transpose(0, 2, 1)), T @ T.transpose(0, 2, 1)),
        (lambda: K.bias_add(P, np.arange(3.0, dtype=np.float32)), P + np.arange(3)),
        (lambda: K.bias_add(P, np.arange(4.0, dtype=np.float32), "channels_first"),
         P + np.arange(4).reshape(4, 1, 1)),
        (lambda: K.batch_normalization(X, X.mean(0), X.var(0), 1.0, None, epsilon=0.1),
         (X - X.mean(0)) / np.sqrt(X.var(0) + 0.1) + 1),
        (lambda: K.batch_normalization(X, 0.0, 1.0, None, 2.0, epsilon=0.0), 2 * X),
        (lambda: K.cast_to_floatx([1, 2]), np.float32([1, 2])),
        (lambda: K.cast_to_floatx(ops.cast(X, "float64")), X),
        (lambda: K.constant([1, 2], shape=(3, 2)), [[1, 2]] * 3),
        (lambda: K.eye(2), np.eye(2)),
        (lambda: K.ones((2,)) + K.zeros((2,)), [1, 1]),
        (lambda: K.ones_like(X) + K.zeros_like(X), np.ones_like(X)),
        (lambda: K.map_fn(lambda x: x * 2, X), X * 2),
        (lambda: K.foldl(lambda a, x: a * 0.5 + x, X), (X[0] / 2 + X[1]) / 2 + X[2]),
        (lambda: K.foldr(lambda a, x: a * 0.5 + x, X, X[0]),
         ((X[0] / 2 + X[2]) / 2 + X[1]) / 2 + X[0]),
        (lambda: K.switch(np.array([1, 0, 1]), X, -X), X * [[1], [-1], [1]]),
        (lambda: K.switch(True, lambda: X, lambda: -X), X),
        (lambda: K.switch(X.sum() > 1e9, X, lambda: -X), -X),
        (lambda: K.temporal_padding(T), np.pad(T, ((0, 0), (1, 1), (0, 0)))),
        (lambda: K.spatial_2d_padding(P), np.pad(P, ((0, 0), (1, 1), (1, 1), (0, 0)))),
        (lambda: K.spatial_2d_padding(P, ((1, 0), (0, 2)), "channels_first"),
         np.pad(P, ((0, 0), (0, 0), (1, 0), (0, 2)))),
        (lambda: K.spatial_3d_padding(P[..., None])[0, 1:-1, 1:-1, 1:-1],
         P[0][..., None]),
        (lambda: K.resize_images(P, 2, 3, "channels_last"),
         P.repeat(2, 1).repeat(3, 2)),
        (lambda: K.resize_images(P, 1, 2, "channels_first"), P.repeat(2, 3)),
        (lambda: K.resize_volumes(P[..., None], 2, 1, 2)[..., 0],
         P.repeat(2, 1).repeat(2, 3)),
        (lambda: K.pool2d(P, (4, 6), pool_mode="avg"), P.mean((1, 2), keepdims=True)),
        (lambda: K.pool2d(P, (4, 6)), P.max((1, 2), keepdims=True)),
        (lambda: K.conv1d(T, np.ones((2, 4, 1), np.float32), padding="causal")[:, 0, 0],
         T[:, 0].sum(-1)),
        (lambda: K.conv2d(P, np.ones((1, 1, 3, 1), np.float32)),
         P.sum(-1, keepdims=True)),
        (lambda: K.to_dense(scipy.sparse.csr_matrix(X)), X),
        (lambda: K.to_dense(X), X),
        (lambda: K.dropout(X, 0.0), X),
    ],
)  # fmt: skip
def test_functions(found: Callable[[], Any], wanted: Any) -> None:
    np.testing.assert_allclose(found(), wanted, rtol=2e-5, atol=1e-6)


def test_random_numbers() -> None:
    many = (200, 100)
    assert abs(float(K.mean(K.random_normal(many, 2.0, 3.0))) - 2) < 0.1
    uniform = np.asarray(K.random_uniform(many, -1.0, 1.0, seed=3))
    assert -1 <= uniform.min() < -0.99 < 0.99 < uniform.max() <= 1
    assert abs(float(K.mean(K.random_bernoulli(many, p=0.3))) - 0.3) < 0.02
    shares = np.unique(K.dropout(np.ones(many, np.float32), 0.5))
    assert shares.tolist() == [0, 2]
    assert K.random_normal_variable((2, 3), 0.0, 1.0, name="n").shape == (2, 3)
    assert K.random_uniform_variable((2,), 0.0, 1.0).dtype == "float32"


def test_variables() -> None:
    v = K.variable([1, 2], name="v")
    assert (v.name, v.dtype, K.count_params(v), K.ndim(v)) == ("v", "float32", 2, 1)
    K.update(v, [3.0, 4.0])
    K.update_add(v, [1.0, 1.0])
    K.update_sub(v, [0.0, 2.0])
    assert K.get_value(v).tolist() == K.eval(v).tolist() == [4, 3]
    K.moving_average_update(v, np.float32([0, 1]), 0.5)
    assert K.batch_get_value([v])[0].tolist() == [2, 2]
    K.batch_set_value([(v, [7, 8])])
    assert v.numpy().tolist() == [7, 8]
    assert K.get_value("text") == "text"
    assert K.dtype(v) == "float32"


def test_a_loss_and_a_layer_as_they_were_written() -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return K.mean(K.square(y_pred - y_true), axis=-1) + 0 * K.int_shape(y_pred)[1]  # pyright: ignore[reportOperatorIssue]

    class Sampling(layers.Layer):
        def call(self, inputs: Any) -> Any:
            mean, log_var = inputs
            batch, size = K.shape(mean)[0], K.int_shape(mean)[1]
            noise = K.random_normal(shape=(batch, size))
            return mean + K.exp(0.5 * log_var) * noise

    x = seqir.Input((4,))
    y = layers.Dense(2)(Sampling()([layers.Dense(3)(x), layers.Dense(3)(x)]))
    model = seqir.Model(x, y)
    model.compile("adam", loss)
    history = model.fit(X, X[:, :2], epochs=3, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert K.int_shape(y) == (None, 2)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: K.repeat(T, 2), ShapeError, r"repeat takes x\[batch, k\], got 3 axes"),
        (lambda: K.pool2d(P, 2, pool_mode="sum"), ArgumentError,
         "pool_mode must be 'max' or 'avg', got 'sum'"),
        (lambda: K.switch(X > 0, X[0], X[0]), ArgumentError,
         "a condition of 2 axes between tensors of 1: it must not have more"),
        (lambda: K.rnn,
         AbsentError, "seqir has no backend.rnn: layers.RNN runs a cell"),
    ],
)  # fmt: skip
def test_wrong_calls(call: Callable[[], Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_scopes_are_entered_and_change_nothing() -> None:
    with seqir.name_scope("block") as name, seqir.device("gpu:0"), seqir.RematScope():
        layer = layers.Dense(2, name="own")
        layer.build((None, 3))
    assert name == "block"
    assert layer.kernel.path == "own/kernel"
    assert seqir.remat(ops.exp) is ops.exp


@pytest.mark.parametrize(
    ("spec", "good", "bad", "text"),
    [
        ({"ndim": 3}, (4, 5), (4,), "expected ndim=3, found ndim=2"),
        ({"min_ndim": 3}, (4, 5, 6), (4,), "expected min_ndim=3"),
        ({"max_ndim": 2}, (4,), (4, 5), "expected max_ndim=2"),
        ({"axes": {-1: 4}}, (5, 4), (4, 5), "expected axis -1 of size 4"),
        ({"shape": (None, None, 3)}, (8, 3), (8, 4), "expected axis 2 of size 3"),
        ({"ndim": 2, "allow_last_axis_squeeze": True}, (4, 1), (4, 1, 1), "ndim=2"),
        ({"axes": {5: 4}}, (4,), None, ""),
    ],
)
def test_a_layer_says_what_it_takes(spec: Any, good: Any, bad: Any, text: str) -> None:
    class Choosy(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.input_spec = [seqir.InputSpec(**spec)]

        def call(self, x: Any) -> Any:
            return x * 2

    layer = Choosy(name="choosy")
    assert layer(seqir.Input(good)).shape == (None, *good)
    assert layer(np.ones((2, *good), np.float32)).shape == (2, *good)
    if bad is not None:
        with pytest.raises(ShapeError, match=f"Input 0 of layer 'choosy' .*{text}"):
            layer(seqir.Input(bad))


def test_a_layer_says_which_types_it_takes() -> None:
    layer = layers.Identity()
    layer.input_spec = layers.InputSpec(dtype="int32", name="ids")
    layer(seqir.Input((2,), dtype="int32"))
    with pytest.raises(ShapeError, match="expected dtype=int32, not float32, found nd"):
        layer(seqir.Input((2,)))
