"""Layers around another layer: values, states, masks, configurations, files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.errors import ArgumentError, UnsupportedError
from seqir.layers import Dense, Input, TimeDistributed, Wrapper

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)


def stack(kt: Any) -> Any:
    parts = [kt.Input((4,)), kt.layers.Dense(3), kt.layers.BatchNormalization()]
    return kt.Sequential(parts, name="inner")


def two_ways(kt: Any) -> Any:
    x = kt.Input((4,))
    y = kt.layers.Add()([kt.layers.Dense(2, name="a")(x), kt.layers.Dense(2)(x)])
    return kt.Model(x, y, name="inner")


INSIDE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "dense": (lambda kt: kt.layers.Dense(3), (4,)),
    "normalization": (lambda kt: kt.layers.BatchNormalization(), (4,)),
    "convolution": (lambda kt: kt.layers.Conv2D(3, 2, strides=2), (6, 5, 2)),
    "sequential": (stack, (4,)),
    "functional": (two_ways, (4,)),
    "twice": (lambda kt: kt.layers.TimeDistributed(kt.layers.Dense(2)), (3, 4)),
}


def model_of(kt: Any, make: Any, shape: Any, time: int | None) -> Any:
    x = kt.Input((time, *shape))
    return kt.Model(x, kt.layers.TimeDistributed(make(kt), name="steps")(x))


def randomized(weights: list[Any]) -> list[Any]:
    rng = np.random.default_rng(1)
    return [np.abs(rng.normal(size=w.shape)) for w in weights]


@pytest.mark.parametrize("time", [3, None])
@pytest.mark.parametrize("name", INSIDE)
def test_steps_and_files_are_those_of_keras(
    name: str, time: int | None, tmp_path: Path
) -> None:
    make, shape = INSIDE[name]
    mine, theirs = (model_of(kt, make, shape, time) for kt in (seqir, keras))
    theirs.set_weights(randomized(theirs.weights))
    mine.set_weights(theirs.get_weights())
    assert mine.output_shape == theirs.output_shape
    x = RNG.normal(size=(2, 3, *shape)).astype(np.float32)
    wanted = np.asarray(theirs(x))
    np.testing.assert_allclose(mine(x), wanted, atol=1e-5)
    for suffix in (".keras", ".h5"):
        theirs.save(tmp_path / f"theirs{suffix}")
        again = seqir.models.load_model(tmp_path / f"theirs{suffix}")
        np.testing.assert_allclose(again(x), wanted, atol=1e-5)
        again.save(tmp_path / f"mine{suffix}")
        back = keras.models.load_model(tmp_path / f"mine{suffix}")
        np.testing.assert_allclose(back(x), wanted, atol=1e-5)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.set_weights([w * 0 for w in mine.get_weights()])
    mine.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(mine(x), wanted, atol=1e-5)


def test_a_state_sees_one_step_after_the_other() -> None:
    class Counting(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.count = self.add_weight((), "zeros", role="state")

        def call(self, x: Any) -> Any:
            self.count.assign(self.count + 1)
            return x + self.count

    counting = Counting()
    found = TimeDistributed(counting)(np.zeros((2, 3, 1), np.float32))
    np.testing.assert_array_equal(found[:, :, 0], [[1, 2, 3]] * 2)
    assert float(counting.count) == 3


@pytest.mark.parametrize("time", [4, None])
def test_batch_statistics_are_those_of_each_step(time: int | None) -> None:
    x = RNG.normal(size=(8, 4, 2)).astype(np.float32)
    inner = layers.BatchNormalization(momentum=0.5, epsilon=0.0)
    steps = Input((time, 2))
    model = seqir.Model(steps, TimeDistributed(inner)(steps))
    found = model(x, training=True)
    wanted = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    moving = np.zeros(2)
    for step in range(4):
        moving = moving * 0.5 + x[:, step].mean(0) * 0.5
    np.testing.assert_allclose(inner.moving_mean.numpy(), moving, atol=1e-6)
    inner.trainable = False
    again = model(x, training=True)
    assert np.abs(again - wanted).max() > 0.1


class Kept(layers.Layer):
    """What a mask keeps, the rest is -1."""

    supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return x
        return ops.where(ops.expand_dims(mask, -1), x, -1.0)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)])
def test_masks_reach_the_layer_step_by_step(shape: tuple[int, ...]) -> None:
    x = np.ones((*shape, 5), np.float32)
    mask = RNG.random(shape) < 0.5
    found = TimeDistributed(Kept())(x, mask=mask)
    np.testing.assert_array_equal(found, np.where(mask[..., None], x, -1))
    steps = Input((None, *shape[2:], 5)), Input((None, *shape[2:]), dtype="bool")
    model = seqir.Model([*steps], TimeDistributed(Kept())(steps[0], mask=steps[1]))
    np.testing.assert_array_equal(model([x, mask]), found)


@pytest.mark.parametrize("around", [False, True])
def test_penalties_are_means_over_what_each_layer_is_called_on(around: bool) -> None:
    squares = {"activity_regularizer": seqir.regularizers.L2(1.0)}
    inside, outside = ({}, squares) if around else (squares, {})
    layer = TimeDistributed(Dense(3, **inside), **outside)
    model = seqir.Sequential([Input((5, 4)), layer])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    y = model.predict(x, verbose=0)
    found = model.evaluate(x, y, verbose=0)  # nothing but the penalty
    samples = 2 if around else 2 * 5
    np.testing.assert_allclose(found, np.sum(y * y) / samples, rtol=1e-5)


@pytest.mark.parametrize(
    ("inside", "shape"),
    [
        (lambda kt: kt.layers.Dense(3), (4, 5)),
        (lambda kt: kt.layers.Conv2D(2, 2), (2, 4, 4, 3)),
        (lambda kt: kt.layers.Embedding(7, 3), (2, 5)),
    ],
)
def test_calls_in_training_divide_by_the_spectral_norm(inside: Any, shape: Any) -> None:
    mine, theirs = (
        kt.layers.SpectralNormalization(inside(kt), 3) for kt in (seqir, keras)
    )
    x = RNG.integers(0, 7, shape).astype(np.float32)
    theirs.build(shape)
    theirs.set_weights(randomized(theirs.weights))
    mine.build(shape)
    mine.set_weights(theirs.get_weights())
    kernel = np.asarray(theirs.weights[0])
    for _ in range(8):
        mine(x, training=True)
        theirs(x, training=True)
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    size = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)
    np.testing.assert_allclose(mine.weights[0], kernel / size, rtol=1e-3, atol=1e-4)
    mine.set_weights([w * 0 for w in mine.get_weights()])
    mine(x, training=True)
    assert not np.any(mine.get_weights()[0])


def test_masks_go_on_behind_it() -> None:
    words = Input((4,), dtype="int32")
    vectors = layers.Embedding(9, 3, mask_zero=True)(words)
    steps = TimeDistributed(Dense(2))(vectors)
    pooled = layers.GlobalAveragePooling1D()(steps)
    model = seqir.Model(words, [steps, pooled])
    found, mean = model(np.array([[3, 5, 0, 0]], np.int32))
    np.testing.assert_allclose(mean, found[:, :2].mean(1), atol=1e-6)


def test_several_inputs_and_outputs() -> None:
    a, b = Input((3,)), Input((2,))
    total = layers.Concatenate()([a, b])
    inner = seqir.Model([a, b], [Dense(4)(total), total * 2.0])
    xs = [np.ones((2, 5, 3), np.float32), np.ones((2, 5, 2), np.float32)]
    steps = [Input((None, 3)), Input((None, 2))]
    model = seqir.Model(steps, TimeDistributed(inner)(steps))
    first, second = model(xs)
    assert first.shape == (2, 5, 4)
    np.testing.assert_array_equal(second, np.full((2, 5, 5), 2))
    np.testing.assert_allclose(first[:, 0], inner([x[:, 0] for x in xs])[0], atol=1e-6)


class Residual(Wrapper):
    """x + scale * layer(x)."""

    scale: float = 1.0

    def call(self, x: Any) -> Any:
        return x + self.layer(x) * self.scale


def test_wrappers_of_your_own(tmp_path: Path) -> None:
    x = RNG.normal(size=(2, 4)).astype(np.float32)
    model = seqir.Sequential([Input((4,)), Residual(Dense(4), scale=0.5, name="r")])
    paths = [w.path for w in model.weights]
    assert paths == ["sequential/r/dense/kernel", "sequential/r/dense/bias"]
    model.save(tmp_path / "m.keras")
    again = seqir.models.load_model(tmp_path / "m.keras", {"Residual": Residual})
    np.testing.assert_array_equal(again(x), model(x))
    config = model.layers[0].get_config()
    layer = Residual.from_config(config)
    assert layer.get_config() == config
    assert isinstance(layer.layer, Dense)


def test_a_wrapped_class_of_your_own_is_in_custom_objects() -> None:
    config = TimeDistributed(Kept(name="kept"), name="steps").get_config()
    again = TimeDistributed.from_config(config, custom_objects={"Kept": Kept})
    assert isinstance(again.layer, Kept)
    with pytest.raises(UnsupportedError, match="pass it as custom_objects"):
        TimeDistributed.from_config(config)


def test_classes_that_take_apart_their_own_configuration(tmp_path: Path) -> None:
    class Around(layers.Layer):
        def __init__(self, block: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.block = block

        def call(self, x: Any) -> Any:
            return self.block(x)

        def get_config(self) -> Any:
            block = seqir.layers.serialize(self.block)
            return {"name": self.name, "block": block}

        @classmethod
        def from_config(cls, config: Any) -> Any:
            block = seqir.layers.deserialize(config.pop("block"))
            return cls(block, **config)

    model = seqir.Sequential([Input((4,)), Around(Dense(2))])
    model.save(tmp_path / "m.keras")
    again = seqir.models.load_model(tmp_path / "m.keras", {"Around": Around})
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize("cls", [TimeDistributed, Residual])
@pytest.mark.parametrize("wrong", ["dense", 3, None, Dense])
def test_what_is_no_layer_is_refused(cls: Any, wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=r"keras\.layers\.Layer` instance\. Rece"):
        cls(wrong)
