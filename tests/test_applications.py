"""Every application is Keras's: layers, weights, numbers, files, arguments."""

import gc
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from application_cases import COMPUTED, HEADS, LARGER, PUBLISHED, Case

import seqir
from seqir import applications, downloads, layers
from seqir.layer.scope import without_values
from seqir.model import Functional

jax = pytest.importorskip("jax")
jax.config.update("jax_disable_most_optimizations", True)  # one call per compilation
keras = pytest.importorskip("keras")
from keras.src.applications import convnext, inception_resnet_v2  # noqa: E402
from keras.src.utils import file_utils  # noqa: E402

# Keras would learn the shapes of these by computing with memory it has not filled.
convnext.LayerScale.compute_output_shape = lambda _, shape: shape  # pyright: ignore[reportAttributeAccessIssue]
inception_resnet_v2.CustomScaleLayer.compute_output_shape = lambda _, shapes: shapes[0]  # pyright: ignore[reportAttributeAccessIssue]

FUNCTIONS = [n for n in applications.__all__ if n[0].isupper()]
MODULES = [n for n in applications.__all__ if n[0].islower()]
NO_FILE = Path("weights.h5")


def cases(table: list[Case]) -> list[Any]:
    slow = pytest.mark.slow
    return [pytest.param(c, marks=[slow] * c.slow, id=c.id) for c in table]


def pair(case: Case, weights: str | None = None) -> tuple[Any, Any]:
    """The same model of seqir and of Keras."""
    seqir.utils.clear_session()
    keras.utils.clear_session()
    mine = getattr(applications, case.function)(weights=weights, **case.arguments)
    with warnings.catch_warnings():
        # Keras says that other sizes get the weights for images of 224x224.
        warnings.filterwarnings("ignore", "`input_shape` is undefined")
        theirs = getattr(keras.applications, case.function)
        return mine, theirs(weights=weights, **case.arguments)


def check_structure(mine: Any, theirs: Any) -> None:
    """Names, order, classes, shapes, connections; weights; settings of layers."""
    assert mine.name == theirs.name
    assert [o.name for o in mine.operations] == [o.name for o in theirs.operations]
    assert layer_facts(mine) == layer_facts(theirs)
    assert weight_facts(mine) == weight_facts(theirs)
    assert mine.count_params() == theirs.count_params()
    for a, b in zip(all_layers(mine), all_layers(theirs), strict=True):
        assert settings(a) == settings(b)


def all_layers(model: Any) -> Iterator[Any]:
    """The layers, and those of models among them."""
    for layer in model.layers:
        yield layer
        yield from all_layers(layer) if hasattr(layer, "layers") else ()


def layer_facts(model: Any) -> list[Any]:
    return [(a.name, type(a).__name__, tuple(a.output.shape)) for a in model.layers]


def weight_facts(model: Any) -> list[Any]:
    return [(known_as(w), tuple(w.shape), w.trainable) for w in model.weights]


def known_as(weight: Any) -> tuple[str, str]:
    """Name of the layer and of the weight.

    Only Keras has named groups of layers (in NASNet), and a weight without a name (of
    LayerScale).
    """
    layer, name = weight.path.split("/")[-2:]
    return layer, "gamma" if name.startswith("variable") else name


def settings(layer: Any) -> dict[str, Any]:
    """The configuration, without what Keras has for its own machinery."""
    config = dict(layer.get_config())
    for key in ("quantization_config", "activity_regularizer", "layers", "rms_scaling"):
        config.pop(key, None)
    if "axis" in config:
        rank = len(layer.output.shape)
        config["axis"] = [a % rank for a in np.atleast_1d(config["axis"])]
    for key in ("mean", "variance"):  # of Normalization
        if config.get(key) is not None:
            config[key] = np.float32(config[key]).tolist()
    return config


@pytest.fixture(autouse=True)
def no_models_of_before() -> None:
    """Models hold each other in circles, and the largest a gigabyte of weights."""
    gc.collect()


@pytest.mark.parametrize("case", cases(PUBLISHED))
def test_structure_and_files_are_those_of_keras(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[str, str | None]] = []
    wanted: list[tuple[str, str | None]] = []

    def fetch(url: str, *, known_hash: str | None, subfolder: str) -> Path:
        assert subfolder == "models"
        found.append((url, known_hash))
        return NO_FILE

    def get_file(
        fname: str, origin: str, cache_subdir: str, file_hash: str | None = None
    ) -> Path:
        wanted.append((origin, file_hash))
        return NO_FILE

    def load(model: Any, path: Path) -> None:
        assert path is NO_FILE

    # Quicker, and never looked at.
    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", zeros)
    monkeypatch.setattr(downloads, "fetch", fetch)
    monkeypatch.setattr(file_utils, "get_file", get_file)
    monkeypatch.setattr(Functional, "load_weights", load)
    monkeypatch.setattr(keras.Model, "load_weights", load)
    with without_values():
        mine, theirs = pair(case, "imagenet")
    check_structure(mine, theirs)
    assert found == wanted
    assert len(found) == 1


def zeros(_: Any, shape: Any, dtype: Any = None) -> Any:
    return np.zeros(tuple(shape), dtype or "float32")


@pytest.fixture(scope="module", params=cases(COMPUTED))
def computed(request: Any) -> tuple[Any, Any]:
    """A model of both sides with the same numbers in it."""
    mine, theirs = pair(request.param)
    randomize(mine)
    theirs.set_weights(mine.get_weights())
    for layer in theirs.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # Normalization looks at its weights again
    return mine, theirs


def randomize(model: Any) -> None:
    """Weights that keep the size of what goes through, and statistics of all sizes."""
    rng = np.random.default_rng(0)
    for layer, w in ((a, w) for a in model.layers for w in a.weights):
        shape = tuple(w.shape)
        if "kernel" in w.name:
            apart = "depthwise" in f"{type(layer).__name__}{w.name}".lower()
            inputs = np.prod(shape[:2] if apart else shape[:-1])
            value = rng.normal(size=shape) * np.sqrt(2 / inputs)
        elif w.name in ("gamma", "moving_variance", "variance"):
            value = rng.uniform(0.5, 1.5, shape)
        elif w.name == "count":
            continue  # how much Normalization has seen; nothing reads it
        else:
            value = rng.normal(size=shape) * 0.1
        w.assign(value.astype(np.float32))
    if any(isinstance(layer, layers.Multiply) for layer in model.layers):
        calibrate(model)


def calibrate(model: Any) -> None:
    """Take the statistics of what goes through, with no variance far below the others.

    Else numbers grow, and gates of large numbers magnify the smallest difference; so
    does dividing by a small deviation.
    """
    changed = {layers.BatchNormalization: "momentum", layers.Dropout: "rate"}
    places = [(a, changed[type(a)]) for a in model.layers if type(a) in changed]
    before = [getattr(layer, name) for layer, name in places]
    for layer, name in places:
        setattr(layer, name, 0.0)
    model(images(model, 32), training=True)
    for (layer, name), value in zip(places, before, strict=True):
        setattr(layer, name, value)
        if name == "momentum":
            variance = layer.moving_variance.numpy()
            layer.moving_variance.assign(np.maximum(variance, variance.mean()))


def images(model: Any, n: int = 2) -> Any:
    rng = np.random.default_rng(1)
    scaled_inside = any(
        type(a).__name__ in ("Rescaling", "Normalization") for a in model.layers
    )
    high = 255.0 if scaled_inside else 1.0
    height, width, colours = model.input_shape[1:]
    drawn = rng.uniform(-high, high, (n, 1 + height * width, colours))
    tinted = (drawn[:, :1] + drawn[:, 1:]) / 2  # noise alone looks alike
    return tinted.reshape(n, height, width, colours).astype(np.float32)


def test_numbers_are_those_of_keras(computed: Any) -> None:
    mine, theirs = computed
    check_structure(mine, theirs)
    x = images(mine)
    with np.errstate(over="ignore"):  # the sigmoid of a number far below 0
        wanted = np.asarray(theirs(x, training=False))
    scale = np.abs(wanted).max()
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3 * scale, "says nothing"
    assert np.abs(mine(x) - wanted).max() <= 1e-4 * scale


def test_exports(computed: Any, tmp_path: Path) -> None:
    mine, _ = computed
    report = mine.export(tmp_path / "model.onnx", verify=True)
    assert report.nodes


def heads() -> list[Any]:
    """The first case of each function."""
    first = {case.function: case for case in reversed(COMPUTED)}
    return cases([replace(c, slow=c.function not in HEADS) for c in first.values()])


@pytest.mark.parametrize("case", heads())
def test_new_head_learns_on_frozen_features(case: Case) -> None:
    """One step of gradient descent is the one that NumPy takes."""
    arguments = {**case.arguments, "include_top": False, "pooling": "avg"}
    base = getattr(applications, case.function)(weights=None, **arguments)
    randomize(base)
    base.trainable = False
    before = base.get_weights()
    x, y = images(base, 4), np.array([0, 2, 1, 2])
    features = base.predict(x, verbose=0)
    head = layers.Dense(3, activation="softmax")
    inputs = seqir.Input(x.shape[1:])
    model = seqir.Model(inputs, head(base(inputs, training=False)))
    wanted, bias = np.random.default_rng(2).normal(size=(4, 3)), np.arange(3) / 10
    kernel = np.linalg.pinv(features) @ wanted  # of the size that suits the features
    head.set_weights([kernel, bias])
    model.compile(
        optimizer=seqir.optimizers.SGD(0.5), loss="sparse_categorical_crossentropy"
    )
    p = np.exp(features @ kernel + bias)
    p /= p.sum(-1, keepdims=True)
    loss = model.train_on_batch(x, y)
    np.testing.assert_allclose(loss, -np.log(p[range(4), y]).mean(), rtol=1e-3)
    slope = (p - np.eye(3)[y]) / 4
    new_kernel, new_bias = head.get_weights()
    np.testing.assert_allclose(new_bias, bias - 0.5 * slope.sum(0), atol=1e-4)
    step = -0.5 * features.T @ slope
    limit = 1e-3 * np.abs(step).max()
    np.testing.assert_allclose(new_kernel - kernel, step, atol=limit)
    for a, b in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_function_is_compared() -> None:
    assert {case.function for case in PUBLISHED} == set(FUNCTIONS)
    assert {case.function for case in COMPUTED} == set(FUNCTIONS) - LARGER


def test_there_is_what_keras_has() -> None:
    theirs = {name for name in dir(keras.applications) if not name.startswith("_")}
    assert theirs == set(applications.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_modules_have_what_keras_has_in_them(name: str) -> None:
    mine = getattr(applications, name)
    theirs = getattr(keras.applications, name)
    public = {n for n in dir(theirs) if not n.startswith("_")}
    assert public <= set(mine.__all__)
    for n in mine.__all__:
        found = getattr(mine, n)
        assert found is getattr(applications, n, found)
        assert found.__name__ == n
        assert found.__doc__.splitlines()[0].endswith(".")
    for n in public:
        assert arguments_of(getattr(mine, n)) == arguments_of(getattr(theirs, n))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_are_those_of_keras(name: str) -> None:
    mine = getattr(applications, name)
    assert arguments_of(mine) == arguments_of(getattr(keras.applications, name))
    assert mine.__name__ == name
    assert "Source:" in mine.__doc__


def arguments_of(function: Any) -> list[tuple[str, Any]]:
    parameters = inspect.signature(function).parameters
    return [(p.name, p.default) for p in parameters.values()]
