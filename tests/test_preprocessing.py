"""Normalization's adapt, and images of one size from images of any."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.data import PyDataset
from seqir.errors import RunError

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)


class Pairs(PyDataset):
    """Batches of unlike size, with targets."""

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.parts = [x[:3], x[3:5], x[5:]]

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return self.parts[index], np.zeros(len(self.parts[index]))


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None, (0, -1)])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_adapt_learns_what_keras_learns(axis: Any, dtype: str) -> None:
    x = (RNG.random((12, 4, 3)) * 200).astype(dtype)
    mine, wanted = layers.Normalization(axis), keras.layers.Normalization(axis)
    mine.adapt(x)
    wanted.adapt(x)
    for found, expected in zip(mine.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(mine(x), np.asarray(wanted(x)), rtol=1e-4, atol=1e-5)
    for name in ("mean", "variance"):
        np.testing.assert_allclose(
            getattr(mine, name), np.asarray(getattr(wanted, name)), rtol=1e-6
        )


def test_adapt_does_not_depend_on_how_the_data_is_cut() -> None:
    x = RNG.normal(1000, 3, (12, 5)).astype(np.float32)  # the mean hides the variance
    whole = layers.Normalization()
    whole.adapt(x)
    for data in ([x[:1], x[1:8], x[8:]], iter([x[:11], x[11:]]), Pairs(x)):
        cut = layers.Normalization()
        cut.adapt(data)
        for found, wanted in zip(cut.get_weights(), whole.get_weights(), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(whole(x).std(0), 1, rtol=1e-5)


def test_adapt_counts_large_arrays_exactly() -> None:
    x = RNG.normal(size=(10_000, 2)).astype(np.float32)
    layer = layers.Normalization()
    layer.adapt(x)
    mean, variance, count = layer.get_weights()
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=1e-6)
    np.testing.assert_allclose(variance, x.astype(np.float64).var(0), rtol=1e-6)
    assert count == 0


def test_adapt_again_reaches_a_model_that_has_run() -> None:
    x = RNG.normal(5, 2, (20, 3)).astype(np.float32)
    layer = layers.Normalization()
    model = seqir.Sequential([seqir.Input((3,)), layer])
    np.testing.assert_allclose(model(x), x)
    layer.adapt(x)
    np.testing.assert_allclose(model(x).mean(0), 0, atol=1e-6)


def test_mean_and_variance_are_unknown_before_the_first_input() -> None:
    assert layers.Normalization().mean is None
    assert layers.Normalization(mean=1.0, variance=2.0).variance is None


@pytest.mark.parametrize(
    "arguments", [{"mean": [1.0, 2.0], "variance": [3.0, 4.0]}, {}]
)
def test_configuration_of_normalization_is_that_of_keras(arguments: Any) -> None:
    mine = layers.Normalization(**arguments).get_config()
    wanted = keras.layers.Normalization(**arguments).get_config()
    for key in ("axis", "mean", "variance", "invert"):
        found = mine[key]
        assert found == (list(wanted[key]) if key == "axis" else wanted[key])
    again = layers.Normalization.from_config(mine)
    assert again.get_config() == mine


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("format_", ["channels_last", "channels_first"])
def test_images_of_any_size_are_resized(mode: str, dtype: str, format_: str) -> None:
    first = format_ == "channels_first"
    shape = (3, None, None) if first else (None, None, 3)
    layer = layers.Resizing(5, 7, mode, data_format=format_)
    model = seqir.Sequential([seqir.Input(shape, dtype=dtype), layer])
    wanted = keras.layers.Resizing(5, 7, mode, data_format=format_)
    for height, width in ((10, 14), (5, 7), (5, 21), (15, 7), (3, 4)):
        x = (RNG.random((2, height, width, 3)) * 255).astype(dtype)
        x = x.transpose(0, 3, 1, 2) if first else x
        np.testing.assert_allclose(
            model(x),
            np.asarray(wanted(x)),
            rtol=1e-4,
            atol=1 if dtype == "uint8" else 0,
        )


def test_the_middle_of_images_of_any_size() -> None:
    model = seqir.Sequential([seqir.Input((None, None, 3)), layers.CenterCrop(4, 5)])
    for height, width in ((4, 5), (9, 6), (12, 12)):
        x = RNG.random((2, height, width, 3)).astype(np.float32)
        top, left = (height - 4) // 2, (width - 5) // 2
        np.testing.assert_array_equal(model(x), x[:, top : top + 4, left : left + 5])
    with pytest.raises(RunError, match="cannot be computed of arrays of these sizes"):
        model(np.ones((1, 3, 9, 3), np.float32))


@pytest.mark.parametrize(
    "make",
    [
        lambda k: k.Resizing(4, 5),
        lambda k: k.Resizing(4, 5, "nearest"),
        lambda k: k.Resizing(4, 4, pad_to_aspect_ratio=True),
        lambda k: k.Resizing(4, 4, crop_to_aspect_ratio=True),
        lambda k: k.CenterCrop(2, 3),
        lambda k: k.CenterCrop(12, 3),
    ],
)
def test_one_image_is_no_batch(make: Any) -> None:
    x = RNG.random((6, 9, 3)).astype(np.float32)
    found = make(layers)(x)
    np.testing.assert_allclose(
        found, np.asarray(make(keras.layers)(x)), rtol=1e-5, atol=1e-6
    )


def test_every_factor_gives_the_size_that_was_asked_for() -> None:
    """The size is a product of floats in the file: it must not be one too small."""
    from seqir.operators.resize import _scale

    for old in range(1, 130):
        for new in range(1, 130):
            scale = _scale(old, new)
            assert int(np.float32(old) * scale) == int(old * float(scale)) == new


@pytest.mark.parametrize("mode", ["bicubic", "lanczos5"])
def test_what_overshoots_is_cut_off_at_the_ends_of_the_type(mode: str) -> None:
    """Not at the extremes of the batch, where images would see their neighbours."""
    x = np.full((2, 8, 8, 1), 100, np.uint8)
    x[0, 3:5, 3:5], x[1, 2:6, 2:6] = 180, 255
    fractions = np.asarray(keras.layers.Resizing(20, 20, mode)(x.astype(np.float32)))
    found = layers.Resizing(20, 20, mode)(x)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, np.clip(fractions, 0, 255), atol=0.501)
    assert fractions.max() > 255
    assert found[:1].max() > 180
    np.testing.assert_array_equal(found[:1], layers.Resizing(20, 20, mode)(x[:1]))


def test_a_signal_alone_has_a_spectrogram() -> None:
    x = RNG.normal(size=60).astype(np.float32)
    mel = layers.MelSpectrogram(16, 4, num_mel_bins=3, sampling_rate=100)
    assert mel.compute_output_shape((60,)) == (3, 16)
    np.testing.assert_allclose(mel(x), mel(x[None])[0], rtol=1e-5)
