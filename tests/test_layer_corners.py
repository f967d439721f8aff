"""Corners of layers where Keras has an answer: masks, empty batches, old arguments."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import constraints, layers, ops
from seqir.errors import ArgumentError, GraphError, UnsupportedError
from seqir.layers import Input, Layer

keras = pytest.importorskip("keras")

X = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)


@pytest.mark.parametrize("kept", ["none", "some", "all"])
def test_batch_normalization_under_a_mask(kept: str) -> None:
    mask = {
        "none": np.zeros((4, 3), bool),
        "some": np.random.default_rng(1).random((4, 3)) > 0.5,
        "all": np.ones((4, 3), bool),
    }[kept]
    x = X.copy()
    x[~mask] *= np.inf if kept == "some" else 1  # nothing that is masked counts
    x[np.isnan(x)] = 1
    mine, theirs = layers.BatchNormalization(), keras.layers.BatchNormalization()
    found = mine(x, training=True, mask=mask)
    wanted = np.asarray(theirs(x, training=True, mask=mask))
    np.testing.assert_allclose(found[mask], wanted[mask], rtol=1e-4, atol=1e-5)
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_activity_regularizer_of_an_empty_batch() -> None:
    layer = layers.Dense(2, activity_regularizer="l2")
    assert layer(X[:, 0]).shape == (4, 2)
    layer(X[:0, 0])
    assert layer.losses[0] == 0


@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 2), (3, 1), (2,), (1, 3, 2)])
def test_masks_of_softmax_broadcast(shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(0).random(shape) > 0.3
    wanted = keras.layers.Softmax()(X, mask=mask)
    np.testing.assert_allclose(layers.Softmax()(X, mask=mask), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    "factor", [[0.5, 2.0, 3.0], np.float32([[[0.5]], [[2]], [[3]]])]
)
def test_rescaling_of_channels_that_come_first(factor: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    column = np.reshape(factor, (3, 1, 1)).astype(np.float32)
    seqir.config.set_image_data_format("channels_first")
    try:
        layer = layers.Rescaling(factor, factor)
        np.testing.assert_allclose(layer(x), x * column + column, rtol=1e-6)
        model = seqir.Sequential([Input(x.shape[1:]), layer])
        np.testing.assert_allclose(model.predict(x, verbose=0), layer(x), rtol=1e-6)
    finally:
        seqir.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("axis", [-1, 1, (-2, -1)])
def test_normalization_adapted_on_another_rank(axis: Any) -> None:
    data = np.random.default_rng(0).normal(3, 2, (6, 4, 5)).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 5)).astype(np.float32)
    mine, theirs = layers.Normalization(axis), keras.layers.Normalization(axis)
    mine.adapt(data)
    theirs.adapt(data)
    np.testing.assert_allclose(mine(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_former_arguments_of_layers() -> None:
    assert layers.LeakyReLU(alpha=0.2).negative_slope == 0.2
    config = {"name": "l", "alpha": 0.2}
    assert layers.LeakyReLU.from_config(config).negative_slope == 0.2
    layer: Any = layers.Embedding(5, 2, input_length=7)
    assert "input_length" not in layer.get_config()
    for shape in ({"input_shape": (3,)}, {"batch_input_shape": (None, 3)}):
        layer = layers.InputLayer(**shape)
        assert layer.batch_shape == (None, 3)
        assert layers.InputLayer.from_config(layer.get_config()).batch_shape == (
            None,
            3,
        )
    with pytest.raises(ArgumentError, match=r"passed to InputLayer: \{'shap': 3\}"):
        layers.InputLayer(shap=3)


@pytest.mark.parametrize(
    ("cls", "args"),
    [(layers.Dense, (2,)), (layers.Embedding, (5, 2)), (layers.Conv2D, (2, 3))],
)
def test_what_quantized_layers_have_is_none(cls: Any, args: Any) -> None:
    names = ("lora_rank", "lora_alpha", "quantization_config")
    layer = cls(*args, **dict.fromkeys(names), name="q")
    config = {**layer.get_config(), **dict.fromkeys(names)}
    assert cls.from_config(config).get_config() == layer.get_config()
    for name in names:
        with pytest.raises(UnsupportedError, match=f"has no '{name}', which is 4 here"):
            cls(*args, **{name: 4})


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
def test_rms_scaling_has_no_beta() -> None:
    layer = layers.LayerNormalization(rms_scaling=True, scale=False)
    theirs = keras.layers.LayerNormalization(rms_scaling=True, scale=False)
    np.testing.assert_allclose(layer(X), theirs(X), rtol=1e-5, atol=1e-6)
    assert [w.name for w in layer.weights] == ["gamma"]
    again = layers.LayerNormalization.from_config(layer.get_config())
    assert again.rms_scaling is True
    assert (
        layers.LayerNormalization.from_config(theirs.get_config()).rms_scaling is True
    )


@pytest.mark.parametrize(
    "cls", ["Dense", "Conv1D", "DepthwiseConv1D", "Conv1DTranspose"]
)
def test_a_layer_without_bias_has_none(cls: str) -> None:
    args = (2,) if cls in ("Dense", "DepthwiseConv1D") else (2, 1)
    layer = getattr(layers, cls)(*args, use_bias=False)
    layer.build((None, 6, 4))
    assert layer.bias is None


def test_weights_may_be_made_until_the_layer_is_built() -> None:
    class First(Layer):
        def build(self, input_shape: Any) -> None:
            self.built = True
            self.gain = self.add_weight(input_shape[-1:], "ones", name="gain")

        def call(self, x: Any) -> Any:
            return x * self.gain

    layer = First()
    layer.early = layer.add_weight((2,), "ones", name="early")
    np.testing.assert_array_equal(layer(X), X)
    with pytest.raises(GraphError, match="cannot get the weight 'late'"):
        layer.add_weight((2,), name="late")
    assert [w.name for w in layer.weights] == ["early", "gain"]


def test_positional_arguments_are_tensors() -> None:
    class Scaled(Layer):
        def call(self, x: Any, other: Any = None, factor: float = 1.0) -> Any:
            return x * factor if other is None else x * other * factor

    layer = Scaled()
    np.testing.assert_array_equal(layer(X, None), X)
    np.testing.assert_array_equal(layer(X, X), X * X)
    np.testing.assert_array_equal(layer(X, factor=2.0), X * 2)
    symbol = Input((3, 2))
    assert layer(symbol, symbol).shape == (None, 3, 2)
    for wrong in (False, 2, 2.0, "x", np.True_):
        for x in (X, symbol):
            with pytest.raises(ArgumentError, match="only tensors are given to layer"):
                layer(x, wrong)
    with pytest.raises(ArgumentError, match=r"got 3\.0: write factor=3\.0"):
        layer(X, X, 3.0)
    model = seqir.Sequential([layers.Dropout(0.5)])
    with pytest.raises(ArgumentError, match="write training=True"):
        model(X, True)


def test_the_base_class_of_constraints_changes_nothing() -> None:
    w = ops.convert_to_tensor(X)
    assert constraints.Constraint()(w) is w


@pytest.mark.parametrize("wrong", [(2, -1), (2, 0), "ab", 2.5, (2.0, 1), (True, 1)])
def test_noise_shapes_are_checked(wrong: Any) -> None:
    for cls in (layers.Dropout, layers.AlphaDropout):
        with pytest.raises(ArgumentError, match="noise_shape must be a tuple of"):
            cls(0.5, wrong)
    assert layers.Dropout(0.5, [None, 1]).noise_shape == (None, 1)


@pytest.mark.parametrize("value", [1, 1.0, [1.0, 2], [[1, 2]], True, (0.5,)])
def test_variables_of_python_numbers_have_the_types_of_keras(value: Any) -> None:
    found, wanted = seqir.Variable(value), keras.Variable(value)
    assert (found.dtype, found.shape) == (str(wanted.dtype), tuple(wanted.shape))
    assert seqir.Variable(np.float64([1])).dtype == "float64"
    assert seqir.Variable(value, dtype="float16").dtype == "float16"
