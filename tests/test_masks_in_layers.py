"""What each layer does with a mask: values, and the mask of what comes out."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras.src import backend

import seqir
from seqir import layers, losses, metrics
from seqir.backend import get_keras_mask, set_keras_mask

pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning",  # of Keras on NumPy, which infers shapes from anything
    "ignore:Layer .* was passed an input with a mask",
)

_rng = np.random.default_rng(5)
A, B, C = (_rng.normal(size=(3, 4, 2)).astype("float32") for _ in range(3))
LONG = _rng.normal(size=(3, 6, 2)).astype("float32")
M, N, P = (
    np.array(m, bool)
    for m in (
        [[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]],
        [[1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1]],
        [[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]],
    )
)
LONG_MASK = _rng.random((3, 6)) < 0.5
PAIRS = {
    "both": [(A, M), (B, N)],
    "first": [(A, M), (B, None)],
    "second": [(A, None), (B, N)],
    "none": [(A, None), (B, None)],
    "three": [(A, M), (B, N), (C, P)],
    "two of three": [(A, M), (B, None), (C, P)],
    "last of three": [(A, None), (B, None), (C, P)],
}
MERGING: dict[str, Callable[[Any], Any]] = {
    "add": lambda k: k.layers.Add(),
    "subtract": lambda k: k.layers.Subtract(),
    "multiply": lambda k: k.layers.Multiply(),
    "average": lambda k: k.layers.Average(),
    "maximum": lambda k: k.layers.Maximum(),
    "minimum": lambda k: k.layers.Minimum(),
    "concatenate": lambda k: k.layers.Concatenate(),
    "concatenate steps": lambda k: k.layers.Concatenate(axis=1),
    "dot": lambda k: k.layers.Dot(axes=2),
}
SINGLE: dict[str, Callable[[Any], Any]] = {
    "dense": lambda k: k.layers.Dense(3, kernel_initializer="ones"),
    "activation": lambda k: k.layers.Activation("tanh"),
    "relu": lambda k: k.layers.ReLU(),
    "leaky relu": lambda k: k.layers.LeakyReLU(),
    "prelu": lambda k: k.layers.PReLU(),
    "elu": lambda k: k.layers.ELU(),
    "identity": lambda k: k.layers.Identity(),
    "dropout": lambda k: k.layers.Dropout(0.5),
    "spatial dropout": lambda k: k.layers.SpatialDropout1D(0.5),
    "gaussian noise": lambda k: k.layers.GaussianNoise(0.5),
    "gaussian dropout": lambda k: k.layers.GaussianDropout(0.5),
    "alpha dropout": lambda k: k.layers.AlphaDropout(0.5),
    "activity": lambda k: k.layers.ActivityRegularization(0.1),
    "batch normalization": lambda k: k.layers.BatchNormalization(),
    "layer normalization": lambda k: k.layers.LayerNormalization(),
    "group normalization": lambda k: k.layers.GroupNormalization(2),
    "unit normalization": lambda k: k.layers.UnitNormalization(),
    "rms normalization": lambda k: k.layers.RMSNormalization(),
    "rescaling": lambda k: k.layers.Rescaling(2.0, 1.0),
    "pooling": lambda k: k.layers.GlobalAveragePooling1D(),
    "pooling kept": lambda k: k.layers.GlobalAveragePooling1D(keepdims=True),
    "largest": lambda k: k.layers.GlobalMaxPooling1D(),
    "windows": lambda k: k.layers.AveragePooling1D(2),
    "conv": lambda k: k.layers.Conv1D(2, 2, kernel_initializer="ones"),
    "flatten": lambda k: k.layers.Flatten(),
    "reshape": lambda k: k.layers.Reshape((2, 4)),
    "permute": lambda k: k.layers.Permute((2, 1)),
    "cropping": lambda k: k.layers.Cropping1D(1),
    "padding": lambda k: k.layers.ZeroPadding1D(1),
    "repetition": lambda k: k.layers.UpSampling1D(2),
}


def close(found: Any, wanted: Any) -> None:
    wanted = np.asarray(wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def carrying(k: Any, x: Any, mask: Any) -> Any:
    """An array of its own that has a mask."""
    x = x.copy()
    (set_keras_mask if k is seqir else backend.set_keras_mask)(x, mask)
    return x


def equal_masks(found: Any, wanted: Any) -> None:
    mine, theirs = get_keras_mask(found), backend.get_keras_mask(wanted)
    assert (mine is None) == (theirs is None)
    if mine is not None:
        np.testing.assert_array_equal(mine, theirs)
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype


def marking(given: list[Any]) -> tuple[Any, Any]:
    """Inputs of a model, one with each array, and tensors with the masks of these."""
    feeds: list[Any] = []
    inputs: list[Any] = []
    marked: list[Any] = []

    class Mark(layers.Layer):
        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            return inputs[1]

        def call(self, xs: Any) -> Any:
            return xs[0] * 1.0

    for x, mask in given:
        inputs.append(seqir.Input((None, x.shape[-1])))
        feeds.append(x)
        if mask is not None:
            feeds.append(mask)
            inputs.append(seqir.Input((None,), dtype=str(mask.dtype)))
            marked.append(Mark()([inputs[-2], inputs[-1]]))
        else:
            marked.append(inputs[-1])
    return feeds, (inputs, marked)


def check(make: Callable[[Any], Any], given: list[Any], *, several: bool) -> None:
    """Called on arrays and in a model of unknown sizes: as Keras's layer."""

    def called(k: Any) -> Any:
        arrays = [carrying(k, x, mask) for x, mask in given]
        return make(k)(arrays if several else arrays[0])

    found, wanted = called(seqir), called(keras)
    close(found, wanted)
    equal_masks(found, wanted)
    feeds, (inputs, marked) = marking(given)
    y = make(seqir)(marked if several else marked[0])
    theirs = backend.get_keras_mask(wanted)
    assert (getattr(y, "_keras_mask", None) is None) == (theirs is None)
    model = seqir.Model(inputs, y)
    found = model(feeds)
    close(found, wanted)
    equal_masks(found, wanted)
    close(model.predict(feeds, verbose=0), wanted)


@pytest.mark.parametrize("which", PAIRS)
@pytest.mark.parametrize("name", MERGING)
def test_merging(name: str, which: str) -> None:
    given = PAIRS[which]
    if name in ("subtract", "dot") and len(given) > 2:
        given = given[:2]
    check(MERGING[name], given, several=True)


def test_joining_steps_of_two_lengths() -> None:
    for mask in (LONG_MASK, None):
        check(MERGING["concatenate steps"], [(A, M), (LONG, mask)], several=True)


@pytest.mark.parametrize("kind", ["bool", "int32", "float32"])
@pytest.mark.parametrize("name", SINGLE)
def test_one_input(name: str, kind: str) -> None:
    if name in ("reshape", "permute", "flatten", "prelu", "cropping"):
        if kind != "bool":
            return
        known(SINGLE[name])
    else:
        mask = M.copy()
        mask[2, 1] = True  # a mean of no step at all is not a number
        check(SINGLE[name], [(A, mask.astype(kind))], several=False)


def known(make: Callable[[Any], Any]) -> None:
    """Layers that need to know sizes, called on an array."""
    found, wanted = (make(k)(carrying(k, A, M)) for k in (seqir, keras))
    close(found, wanted)
    equal_masks(found, wanted)


def test_the_mean_over_steps_reads_nothing_that_is_masked() -> None:
    x = A.copy()
    mask = M.copy()
    mask[2] = [False, True, True, False]
    x[~mask] = np.inf
    check(SINGLE["pooling"], [(x, mask)], several=False)


@pytest.mark.parametrize("kind", ["bool", "int32"])
def test_normalization_of_a_batch_in_training(kind: str) -> None:
    def trained(k: Any) -> Any:
        layer = k.layers.BatchNormalization(momentum=0.7)
        y = layer(carrying(k, A, M.astype(kind)), training=True)
        return y, [np.asarray(w) for w in layer.get_weights()]

    (found, mine), (wanted, theirs) = trained(seqir), trained(keras)
    close(np.asarray(found)[M], np.asarray(wanted)[M])
    equal_masks(found, wanted)
    for one, other in zip(mine, theirs, strict=True):
        close(one, other)


def test_softmax_under_a_mask_that_is_passed() -> None:
    for mask in (M[:, None, :2], np.ones((3, 4, 2), "int32"), M[..., None]):
        found, wanted = (k.layers.Softmax()(A, mask=mask) for k in (seqir, keras))
        close(found, wanted)
        equal_masks(found, wanted)


@pytest.mark.parametrize("kind", ["bool", "int32", "float32", "twos"])
@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"]
)
@pytest.mark.parametrize("weight", [None, B[:, :, 0] ** 2, C[:, :1, 0] ** 2])
def test_losses_of_arrays_with_masks(reduction: str, kind: str, weight: Any) -> None:
    mask = 2 * M.astype("int32") if kind == "twos" else M.astype(kind)

    def loss(k: Any) -> Any:
        made = k.losses.MeanSquaredError(reduction=reduction)
        spread = weight
        if weight is not None and k is keras:  # on NumPy it multiplies in place
            spread = np.broadcast_to(weight, M.shape).copy()
        return made(B, carrying(k, A, mask), sample_weight=spread)

    close(np.asarray(loss(seqir)), loss(keras))


@pytest.mark.parametrize("kind", ["bool", "int32"])
@pytest.mark.parametrize("weight", [None, B[:, :, 0] ** 2])
def test_metrics_of_arrays_with_masks(kind: str, weight: Any) -> None:
    def metric(k: Any, name: str) -> Any:
        made = getattr(k.metrics, name)()
        for x in (A, C):
            y = carrying(k, x, M.astype(kind))
            made.update_state(B, y, sample_weight=weight)
        return made.result()

    for name in ("MeanSquaredError", "MeanAbsoluteError", "CosineSimilarity"):
        close(np.asarray(metric(seqir, name)), metric(keras, name))


def test_masks_of_arrays_belong_to_one_array() -> None:
    x = carrying(seqir, A, M)
    assert get_keras_mask(x) is M
    assert get_keras_mask(x.copy()) is None
    y = layers.Dense(2)(x)
    np.testing.assert_array_equal(y._keras_mask, M)
    assert not hasattr(y * 2, "_keras_mask")
    set_keras_mask(x, None)
    assert get_keras_mask(x) is None
    assert get_keras_mask(layers.Dense(2)(x)) is None
    del x
    assert all(get_keras_mask(A.copy()) is None for _ in range(100))


def test_an_array_whose_class_has_masks() -> None:
    class Own(np.ndarray):
        _keras_mask: Any = None

    x = A.view(Own)
    x._keras_mask = N
    found = layers.GlobalAveragePooling1D()(x)
    wanted = keras.layers.GlobalAveragePooling1D()(carrying(keras, A, N))
    close(found, wanted)
    assert losses.MeanSquaredError()(A, x) == 0
    assert metrics.MeanSquaredError()(A, x) == 0
