"""Layers of residual branches: numbers, training, files of Keras."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, models
from seqir.errors import ArgumentError, ShapeError
from seqir.layers.residual import CustomScaleLayer, LayerScale, StochasticDepth

keras = pytest.importorskip("keras")
from keras.src.applications import convnext, inception_resnet_v2  # noqa: E402

RNG = np.random.default_rng(0)
PAIRS = [
    (LayerScale(0.5, 3, name="a"), convnext.LayerScale(0.5, 3, name="a")),
    (StochasticDepth(0.3, name="a"), convnext.StochasticDepth(0.3, name="a")),
    (
        CustomScaleLayer(0.2, name="a"),
        inception_resnet_v2.CustomScaleLayer(0.2, name="a"),
    ),
]


def images(n: int = 2) -> Any:
    return RNG.normal(size=(n, 4, 5, 3)).astype(np.float32)


@pytest.mark.parametrize(("mine", "theirs"), PAIRS)
def test_numbers_and_configuration_are_those_of_keras(mine: Any, theirs: Any) -> None:
    x = images()
    given = [x, images()] if isinstance(mine, CustomScaleLayer) else x
    np.testing.assert_allclose(mine(given), np.asarray(theirs(given)), rtol=1e-6)
    assert mine.get_config() == theirs.get_config()
    again = type(mine).from_config(theirs.get_config())
    np.testing.assert_array_equal(again(given), mine(given))


def test_scale_is_trained() -> None:
    x = images()
    model = seqir.Sequential([seqir.Input((4, 5, 3)), LayerScale(0.25, 3)])
    model.compile(seqir.optimizers.SGD(2.0), "mse")
    model.train_on_batch(x, np.zeros_like(x))
    slope = 2 * 0.25 * (x**2).mean((0, 1, 2)) / 3
    np.testing.assert_allclose(model.get_weights()[0], 0.25 - 2.0 * slope, rtol=1e-5)


def test_depth_leaves_out_whole_samples_in_training() -> None:
    x = images(500) + 10.0
    layer = StochasticDepth(0.25)
    y = layer(x, training=True)
    dropped = (y == 0).all((1, 2, 3))
    assert 0.15 < dropped.mean() < 0.35
    np.testing.assert_allclose(y[~dropped], x[~dropped] / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(StochasticDepth(0.0)(x, training=True), x)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LayerScale("small", 3), ArgumentError, "init_values must be a number"),
        (
            lambda: LayerScale(0.1, 0),
            ArgumentError,
            "projection_dim must be an integer",
        ),
        (
            lambda: StochasticDepth(1.5),
            ArgumentError,
            "drop_path_rate must be a number from",
        ),
        (lambda: CustomScaleLayer(None), ArgumentError, "scale must be a number"),
        (
            lambda: CustomScaleLayer(0.1, name="s")(images()),
            ArgumentError,
            "layer 's' takes a list of two inputs, a tensor and its branch",
        ),
        (lambda: LayerScale(0.1, 4)(images()), ShapeError, "axis -1 .* value 4"),
    ],
)
def test_what_does_not_fit(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


# Keras learns the shapes of its layers by computing with memory it has not filled.
@np.errstate(all="ignore")
def branched() -> Any:
    """A model of Keras with all three layers."""
    x = keras.Input((4, 5, 3))
    y = keras.layers.Conv2D(3, 3, padding="same")(x)
    y = convnext.StochasticDepth(0.2)(convnext.LayerScale(0.5, 3)(y))
    y = inception_resnet_v2.CustomScaleLayer(0.3)([x, y])
    return keras.Model(x, keras.layers.GlobalMaxPooling2D()(y))


def test_files_of_keras_and_back(tmp_path: Path) -> None:
    theirs, x = branched(), images()
    wanted = np.asarray(theirs(x))
    theirs.save(tmp_path / "theirs.keras")
    mine = models.load_model(tmp_path / "theirs.keras")
    kinds = {type(layer) for layer in mine.layers}
    assert {LayerScale, StochasticDepth, CustomScaleLayer} <= kinds
    np.testing.assert_allclose(mine(x), wanted, rtol=1e-5)
    mine.save(tmp_path / "mine.keras")
    with np.errstate(all="ignore"):
        again = keras.models.load_model(tmp_path / "mine.keras")
    np.testing.assert_array_equal(np.asarray(again(x)), wanted)


def test_export(tmp_path: Path) -> None:
    x = seqir.Input((None, 5, 3))
    y = StochasticDepth(0.5)(LayerScale(0.1, 3)(layers.Dense(3)(x)))
    model = seqir.Model(x, CustomScaleLayer(2.0)([x, y]))
    assert model.export(tmp_path / "branch.onnx", verify=True).nodes
