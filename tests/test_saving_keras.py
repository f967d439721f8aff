"""Every layer in files: Keras's open in seqir, seqir's open in Keras."""

from typing import Any

import numpy as np
import pytest
from layer_pairs import close, make, make_keras
from layer_samples import SAMPLES, LayerSample

import seqir
from seqir import nest
from seqir.models import load_model

keras = pytest.importorskip("keras")
pytest.importorskip("h5py")

NOT_IN_MODELS = (
    "causal",  # Keras cannot make it
    "float64",  # NumPy's backend keeps no such models
    "axis=0",  # the batch is one size in a model
    "glu",  # Keras forgets that it halves an axis
    "Softmax(axis=[",  # Keras takes tuples, and finds lists in its files
    "Softmax(axis=(",
    "Equalization",  # Keras gives its input tensor back, which is no model then
)


AXES = "axes"
"""Families of layers with several axes or none: Keras misreads its own .h5 of them, and
those of Attention, whose score mode it takes for a function."""
SORTED_RANGE = (
    "AutoContrast",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
)
"""Layers that Keras cannot write into .h5: they keep `value_range` as a list."""
FAMILIES: dict[str, list[LayerSample]] = {}
"""Samples of a layer that can be branches of one model: their batches are equal."""
for sample in SAMPLES:
    if not any(word in sample.id for word in NOT_IN_MODELS):
        axes = make(sample).get_config().get("axis", 0)
        several = axes is None or (not isinstance(axes, int) and len(axes) != 1)
        rest = f"-{AXES}" if several else ""
        key = f"{sample.layer}-{sample.shapes[0][0]}{rest}"
        FAMILIES.setdefault(key, []).append(sample)


def test_every_layer_is_here() -> None:
    here = {name.split("-")[0] for name in FAMILIES}
    alone = {"Equalization", "ContrastLimitedAdaptiveHistogramEqualization"}
    assert {s.layer for s in SAMPLES} == here | alone


def branches(samples: list[LayerSample]) -> tuple[Any, list[Any]]:
    """A model of Keras with a branch for each sample, and arrays for its inputs."""
    inputs: list[Any] = []
    outputs: list[Any] = []
    arrays: list[Any] = []
    for sample in samples:
        own = [keras.Input(s[1:], dtype=sample.dtype) for s in sample.shapes]
        outputs += nest.flatten(sample.called(make_keras(sample), own))
        inputs += own
        arrays += sample.arrays()
    return keras.Model(inputs, outputs), arrays


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: Any, tmp_path_factory: Any) -> Any:
    keras.utils.clear_session(free_memory=False)
    theirs, arrays = branches(FAMILIES[request.param])
    theirs.set_weights([random_like(w) for w in theirs.weights])
    for layer in theirs.layers:
        if hasattr(layer, "finalize_state"):  # Normalization keeps copies of weights
            layer.finalize_state()
    wanted = [np.asarray(y) for y in nest.flatten(theirs(arrays))]
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, theirs, arrays, wanted, folder


def random_like(weight: Any) -> Any:
    rng = np.random.default_rng(len(weight.shape))
    value = rng.normal(size=weight.shape)
    return np.abs(value) + 0.2 if "variance" in weight.name else value


def check(model: Any, arrays: list[Any], wanted: list[Any]) -> None:
    found = nest.flatten(model(arrays if len(arrays) > 1 else arrays[0]))
    for mine, its in zip(found, wanted, strict=True):
        close(np.asarray(mine).astype(its.dtype), its)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_of_keras_open_here_and_go_back(pair: Any, suffix: str) -> None:
    name, theirs, arrays, wanted, folder = pair
    if suffix == ".h5" and name.startswith(SORTED_RANGE):
        mine = seqir.Model.from_config(theirs.get_config())
    else:
        theirs.save(folder / f"theirs{suffix}")
        mine = load_model(folder / f"theirs{suffix}")
    assert [layer.name for layer in mine.layers] == [x.name for x in theirs.layers]
    same_weights(mine, theirs)
    check(mine, arrays, wanted)
    mine.save(folder / f"mine{suffix}")
    if suffix == ".h5" and (name.endswith(AXES) or name.startswith("Attention")):
        return
    again = keras.models.load_model(folder / f"mine{suffix}")
    same_weights(again, theirs)
    check(again, arrays, wanted)


def test_weights_go_both_ways(pair: Any) -> None:
    _, theirs, _, _, folder = pair
    mine = seqir.Model.from_config(theirs.get_config())
    theirs.save_weights(folder / "theirs.weights.h5")
    mine.load_weights(folder / "theirs.weights.h5")
    same_weights(mine, theirs)
    for w in mine.weights:
        w.assign(w.array + 1)
    mine.save_weights(folder / "mine.weights.h5")
    theirs.load_weights(folder / "mine.weights.h5")
    same_weights(mine, theirs)


def same_weights(model: Any, other: Any) -> None:
    found, wanted = model.get_weights(), other.get_weights()
    assert len(found) == len(wanted)
    for mine, its in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(mine, its)
