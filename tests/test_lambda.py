"""Lambda: a layer of a function, beside Keras; no file ever brings code with it."""

import functools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose as assert_close

import seqir
from seqir import layers, ops
from seqir.errors import ArgumentError, UnsafeFileError, UnsupportedError
from seqir.models import clone_model, load_model, model_from_json
from seqir.saving import register_keras_serializable

keras = pytest.importorskip("keras")
# Keras's NumPy backend finds shapes with arrays of any numbers.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


def halves(x: Any, factor: float = 0.5) -> Any:
    return x * factor


@register_keras_serializable("mine")
def registered_cube(x: Any) -> Any:
    return x * x * x


def relu(x: Any) -> Any:
    """Not the function that Keras knows by that name."""
    return x - 1.0


def same(x: Any) -> Any:
    return x


def same_mask(x: Any, mask: Any) -> Any:
    del x
    return mask


def plus_one(x: Any) -> Any:
    return x + 1.0


def times(x: Any, w: Any) -> Any:
    return x * w


def nearly(x: Any, w: Any) -> Any:
    return x / float(w.sum())


def curve(x: Any) -> Any:
    return ops.tanh(x) * x


def ten_times(x: Any, w: Any) -> Any:
    return x * w * 10.0


def nameless(function: Any) -> Any:
    """The function as a lambda."""
    found: Any = types.FunctionType(function.__code__, globals(), "<lambda>")
    return found


def made(function: Any, library: Any = seqir, **more: Any) -> Any:
    """A model of one Lambda called 'own'."""
    x = library.Input((3, 4))
    return library.Model(x, library.layers.Lambda(function, name="own", **more)(x))


CASES: dict[str, tuple[Callable[[Any], Callable[[Any], Any]], dict[str, Any]]] = {
    "operators": (lambda ops: lambda x: x**2 + 1.0, {}),
    "ops": (lambda ops: lambda x: ops.mean(x, axis=1), {}),
    "function": (lambda ops: ops.square, {}),
    "arguments": (lambda ops: halves, {"arguments": {"factor": 3.0}}),
    "array": (
        lambda ops: nameless(times),
        {"arguments": {"w": np.arange(4, dtype="float32")}},
    ),
    "whole numbers": (
        lambda ops: nameless(nearly),
        {"arguments": {"w": np.arange(4, dtype="int32")}},
    ),
    "partial": (lambda ops: functools.partial(halves, factor=2.0), {}),
    "shape": (lambda ops: lambda x: x[:, 0], {"output_shape": (4,)}),
    "integers": (lambda ops: lambda x: ops.argmax(x, axis=-1), {}),
    "half": (lambda ops: lambda x: x * 3.0, {"dtype": "mixed_float16"}),
    "list": (lambda ops: lambda x: [x, ops.sum(x, axis=-1)], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_shapes_are_those_of_keras(case: str) -> None:
    function, more = CASES[case]
    mine = layers.Lambda(function(ops), **more)
    theirs = keras.layers.Lambda(function(keras.ops), **more)
    for found, wanted in ((mine(X), theirs(X)), (made(function(ops), **more)(X),) * 2):
        for a, b in zip(
            seqir.nest.flatten(found), seqir.nest.flatten(wanted), strict=True
        ):
            assert a.dtype == np.asarray(b).dtype
            assert_close(a, np.asarray(b), rtol=1e-5)
    shape = mine.compute_output_shape((None, 3, 4))
    assert shape == theirs.compute_output_shape((None, 3, 4))
    assert mine.supports_masking == theirs.supports_masking


def test_training_and_masks_reach_the_function() -> None:
    def told(x: Any, mask: Any = None, training: Any = None) -> Any:
        y = x if mask is None else x * ops.cast(mask, x.dtype)[..., None]
        return y * (10.0 if training else 1.0)

    layer = layers.Lambda(told, mask=nameless(same_mask))
    mask = np.array([[True, False, True]] * 2)
    wanted = X * mask[..., None]
    assert_close(layer(X, mask=mask), wanted, rtol=1e-6)
    assert_close(layer(X, mask=mask, training=True), 10 * wanted, rtol=1e-6)
    x = seqir.Input((3, 4))
    masked = layers.Masking(0.0)(x)
    model = seqir.Model(x, layers.GlobalAveragePooling1D()(layer(masked)))
    zeros = X.copy()
    zeros[:, 1] = 0
    assert_close(model(zeros), zeros[:, [0, 2]].mean(1), rtol=1e-5)


def test_a_mask_that_is_an_array() -> None:
    kept = np.array([[True, False, True]] * 2)
    results = []
    for library in (seqir, keras):
        x = library.Input((3, 4), batch_size=2)
        y = library.layers.Lambda(nameless(plus_one), mask=kept)(x)
        model = library.Model(x, library.layers.GlobalAveragePooling1D()(y))
        results.append(np.asarray(model(X)))
    assert_close(*results, rtol=1e-5)


def test_training_and_export(tmp_path: Path) -> None:
    model: Any = seqir.Sequential(
        [
            seqir.Input((4,)),
            layers.Dense(3),
            layers.Lambda(nameless(curve)),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    x, y = X[0], np.ones((3, 1), "float32")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    assert "lambda" in "".join(layer.name for layer in model.layers)
    model.export(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    found: Any = session.run(None, {session.get_inputs()[0].name: x})[0]
    assert_close(found, model(x), rtol=1e-5)
    copy: Any = clone_model(model)
    copy.set_weights(model.get_weights())
    assert_close(copy(x), model(x))


@pytest.mark.parametrize("function", [ops.square, ops.gelu, registered_cube])
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_known_functions_are_kept_by_name(
    tmp_path: Path, name: str, function: Any
) -> None:
    model = made(function)
    model.save(tmp_path / name)
    assert_close(load_model(tmp_path / name)(X), model(X))
    if name == "m.keras" and function is not registered_cube:
        theirs = keras.models.load_model(tmp_path / name)
        assert_close(model(X), np.asarray(theirs(X)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_other_functions_come_by_the_name_of_the_layer(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    for function in (halves, nameless(plus_one), functools.partial(halves), relu):
        model = made(function, mask=nameless(same_mask))
        model.save(path)
        assert b"<lambda>" not in path.read_bytes()
        with pytest.raises(UnsupportedError, match=r"custom_objects=\{'own': your_fun"):
            load_model(path)
        given = {"own": function, "own_mask": nameless(same_mask)}
        assert_close(load_model(path, custom_objects=given)(X), model(X))
        if name == "m.keras" and function is not halves:
            theirs = keras.models.load_model(path, custom_objects=given)
            assert_close(model(X), np.asarray(theirs(X)), rtol=1e-6)
    made(halves).save(path)
    found = load_model(path, custom_objects={"halves": halves})
    assert_close(found(X), X / 2)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_files_of_keras_take_functions_of_the_caller(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    more = {"output_shape": nameless(same), "arguments": {"w": 2.0}}
    theirs = made(nameless(times), keras, **more)
    theirs.save(path)
    for safe in (True, False):
        with pytest.raises(
            UnsafeFileError,
            match=r"Python code .* custom_objects=\{'own': your_function\}",
        ):
            load_model(path, safe_mode=safe)
    given = {"own": ten_times}
    assert_close(load_model(path, custom_objects=given)(X), X * 20.0, rtol=1e-6)
    text = theirs.to_json()
    assert_close(model_from_json(text, custom_objects=given)(X), X * 20.0, rtol=1e-6)
    made(halves, keras).save(path)
    found = load_model(path, custom_objects={"halves": halves})
    assert_close(found(X), X / 2)


def test_configurations_of_keras_2() -> None:
    code: dict[str, object]
    code = {"name": "own", "function": ["4wEA", None, None], "function_type": "lambda"}
    code |= {"module": "__main__", "output_shape": None, "output_shape_type": "raw"}
    code |= {"output_shape_module": None, "arguments": {}}
    with pytest.raises(UnsafeFileError, match="as its function, which seqir never"):
        layers.Lambda.from_config(code)
    made_of = layers.Lambda.from_config({**code, "function": "halves"}, {"own": halves})
    assert_close(made_of(X), X / 2)
    named = {**code, "function": "relu", "function_type": "function"}
    assert_close(layers.Lambda.from_config(named)(X), np.maximum(X, 0))
    with pytest.raises(UnsupportedError, match="seqir has no function 'eval'"):
        layers.Lambda.from_config({**named, "function": "eval"})


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match=r"'own' \(Lambda\) must be a function, go"):
        layers.Lambda("relu", name="own")
    with pytest.raises(ArgumentError, match=r"output_shape of layer 'own' .* got 3"):
        layers.Lambda(halves, output_shape=3, name="own")
