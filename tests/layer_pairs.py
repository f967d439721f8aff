"""Layers of seqir beside those of Keras: made of one sample, with equal weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from layer_samples import LayerSample
from numpy.testing import assert_allclose as assert_close

from seqir import layers, nest
from seqir.layers import Layer

keras = pytest.importorskip("keras")

CLASSES: dict[str, type[Layer]] = {
    name: cls
    for name in layers.__all__
    if isinstance(cls := getattr(layers, name), type) and issubclass(cls, Layer)
}


class Pair:
    """Layers of seqir and Keras with the same weights, and what they compute.

    Attributes:
        x: arrays to call them on.
        mine, theirs: the layers.
        found, wanted: what they compute; of a layer with several outputs a list.
    """

    def __init__(self, sample: LayerSample) -> None:
        self.sample = sample
        self.x = sample.arrays()
        self.mine = make(sample)
        self.theirs, feeds = oracle(sample, self.x)
        self.found = sample.called(self.mine, self.x)
        if self.mine.weights:
            sample.called(self.theirs, feeds)
            randomize(self.mine)
            self.theirs.set_weights(self.mine.get_weights())
            # Normalization keeps a copy of its weights, which only this renews.
            getattr(self.theirs, "finalize_state", lambda: None)()
            self.found = sample.called(self.mine, self.x)
        wanted = sample.called(self.theirs, feeds)
        self.wanted = nest.map_structure(np.asarray, wanted)
        if "Average" in sample.layer or "sparsemax" in sample.id:
            # Keras's NumPy backend makes it float64, the others keep float32.
            self.wanted = self.wanted.astype(np.float32)


def make(sample: LayerSample, **more: Any) -> Any:
    """The layer of seqir."""
    return sample.made(CLASSES, **more)


def make_keras(sample: LayerSample) -> Any:
    """The layer of Keras."""
    if isinstance(sample.kwargs.get("axis"), list) and sample.layer == "Softmax":
        axis = tuple(sample.kwargs["axis"])  # a list crashes in Keras
        sample = replace(sample, kwargs={**sample.kwargs, "axis": axis})
    return sample.made(vars(keras.layers))


def oracle(sample: LayerSample, x: list[Any]) -> tuple[Any, list[Any]]:
    """Keras's layer and what to call it on."""
    if sample.layer == "SeparableConv1D" and sample.kwargs.get("padding") == "causal":
        # Keras takes the argument and then fails; causal is zeros before, then valid.
        before = sample.args[1] - 1
        given = {**sample.kwargs, "padding": "valid"}
        layer = keras.layers.SeparableConv1D(*sample.args, **given)
        return layer, [np.pad(x[0], ((0, 0), (before, 0), (0, 0)))]
    return make_keras(sample), x


def randomize(layer: Any) -> None:
    rng = np.random.default_rng(3)
    for w in layer.weights:
        value = rng.normal(size=w.shape)
        w.assign(np.abs(value) + 0.2 if "variance" in w.name else value)


def close(found: Any, wanted: Any) -> None:
    """Assert that each output has the type and the values of the other's."""
    outputs = zip(nest.flatten(found), nest.flatten(wanted), strict=True)
    for mine, theirs in outputs:
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        rel = 5e-3 if theirs.dtype == np.float16 else 1e-5
        assert_close(mine, theirs, rtol=rel, atol=rel * scale_of(theirs))


def scale_of(array: Any) -> float:
    """The largest of the values."""
    return float(np.abs(array.astype(np.float64)).max(initial=1e-3))
