"""Outputs of layers inside of models inside of models, and models called by `call`."""

import copy
import gc
import weakref
from pathlib import Path
from pickle import dumps, loads
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ArgumentError, GraphError, NotBuiltError

keras = pytest.importorskip("keras")

X = np.random.default_rng(3).normal(size=(2, 8, 8, 3)).astype(np.float32)


def backbone(k: Any, kind: str, name: str = "base") -> Any:
    """Two convolutions with a normalization, as a stack or as a graph."""
    parts = [
        k.layers.Conv2D(4, 3, name="c1"),
        k.layers.BatchNormalization(name="norm"),
        k.layers.Conv2D(5, 3, activation="relu", name="c2"),
        k.layers.GlobalAveragePooling2D(name="pool"),
    ]
    if kind == "deferred":
        return k.Sequential(parts, name=name)
    x = k.Input((8, 8, 3))
    if kind == "stack":
        return k.Sequential([x, *parts], name=name)
    y = x
    for part in parts:
        y = part(y)
    return k.Model(x, y, name=name)


def wrapped(k: Any, inner: Any, kind: str, name: str = "full") -> Any:
    """A model around another one: scaling before it, a classifier behind it."""
    x = k.Input((8, 8, 3), name="image")
    parts = [k.layers.Rescaling(0.5, name="scale"), inner]
    parts.append(k.layers.Dense(3, name="head"))
    if kind == "stack":
        return k.Sequential([x, *parts], name=name)
    y = x
    for part in parts:
        y = part(y)
    return k.Model(x, y, name=name)


def by_hand(full: Any, *path: str) -> Any:
    """What a layer inside gives, one model after the other."""
    x: Any = X
    model: Any = full
    for name in path:
        for layer in model.layers:
            if layer.name == name:
                break
            if type(layer).__name__ != "InputLayer":
                x = layer(x)
        model = model.get_layer(name)
    return np.asarray(model(x))


KINDS = ["graph", "stack", "deferred"]


@pytest.mark.parametrize("inner", KINDS)
@pytest.mark.parametrize("outer", ["graph", "stack"])
def test_features_of_a_nested_model(inner: str, outer: str, tmp_path: Path) -> None:
    full = wrapped(seqir, backbone(seqir, inner), outer)
    features = seqir.Model(full.input, full.get_layer("base").get_layer("c2").output)
    expected = by_hand(full, "base", "c2")
    assert features.output_shape == (None, 4, 4, 5)
    np.testing.assert_allclose(features.predict(X), expected, rtol=1e-5, atol=1e-6)
    sliced = full.slice("base/c2")
    np.testing.assert_array_equal(sliced(X), features(X))
    report = features.export(tmp_path / "features.onnx")
    assert "Gemm" not in report.nodes
    # The weights are those of the whole model.
    full.get_layer("base").get_layer("c2").set_weights(
        [2 * w for w in full.get_layer("base").get_layer("c2").get_weights()]
    )
    np.testing.assert_allclose(features(X), 2 * expected, rtol=1e-5, atol=1e-6)
    features.save(tmp_path / "features.keras")
    again: Any = seqir.models.load_model(tmp_path / "features.keras")
    # Weights that have changed are inputs here, and constants there.
    np.testing.assert_allclose(again(X), features(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("inner", KINDS)
@pytest.mark.parametrize("outer", ["graph", "stack"])
def test_features_together_with_the_prediction(inner: str, outer: str) -> None:
    full = wrapped(seqir, backbone(seqir, inner), outer)
    base = full.get_layer("base")
    cam = seqir.Model(full.input, [base.get_layer("c2").output, full.output])
    found, prediction = cam.predict(X)
    np.testing.assert_allclose(found, by_hand(full, "base", "c2"), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(prediction, full(X), rtol=1e-6)
    # The model inside runs once: its statistics move once, its layers count once.
    assert [layer.name for layer in cam.layers].count("base") == 1
    norm = base.get_layer("norm")
    cam(X, training=True)
    once = [np.array(w) for w in norm.non_trainable_weights]
    norm.set_weights([w * 0 + (i in (0, 3)) for i, w in enumerate(norm.get_weights())])
    full(X, training=True)
    for moved, expected in zip(norm.non_trainable_weights, once, strict=True):
        np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-6)
    assert cam.count_params() == full.count_params()
    assert cam.graph().nodes[-1].source == "head"


def test_features_train_as_any_model() -> None:
    full = wrapped(seqir, backbone(seqir, "graph"), "graph")
    y = full.get_layer("base").get_layer("c2").output
    model = seqir.Model(full.input, layers.Flatten()(y))
    model.compile(seqir.optimizers.SGD(0.1), "mse")
    before = full.get_layer("base").get_layer("c1").get_weights()[0]
    first, *_, last = model.fit(X, np.ones((2, 80)), epochs=5, verbose=0).history[
        "loss"
    ]
    assert last < first
    assert not np.array_equal(
        before, full.get_layer("base").get_layer("c1").get_weights()[0]
    )


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("kind", ["graph", "stack"])
def test_features_at_any_depth(depth: int, kind: str) -> None:
    model, names = backbone(seqir, kind), ["base"]
    for level in range(depth - 1):
        model = wrapped(seqir, model, kind, name=f"level{level}")
        names.append(model.name)
    full = wrapped(seqir, model, kind)
    path = [*reversed(names), "c2"]
    layer: Any = full
    for name in path:
        layer = layer.get_layer(name)
    expected = by_hand(full, *path)
    features = seqir.Model(full.input, [layer.output, full.output])
    found, prediction = features(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(prediction, full(X), rtol=1e-5)
    np.testing.assert_allclose(
        full.slice("/".join(path))(X), expected, rtol=1e-5, atol=1e-6
    )


def test_several_layers_inside_of_several_models() -> None:
    left, right = backbone(seqir, "graph", "left"), backbone(seqir, "stack", "right")
    x = seqir.Input((8, 8, 3))
    joined = layers.Concatenate()([left(x), right(x * 2.0)])
    full = seqir.Model(x, layers.Dense(2)(joined))
    inner = [m.get_layer(n).output for m in (left, right) for n in ("c1", "c2")]
    found = seqir.Model(x, {"inner": inner, "out": full.output})(X)
    expected = [
        seqir.Model(m.input, m.get_layer(n).output)(X * f)
        for m, f in ((left, 1), (right, 2))
        for n in ("c1", "c2")
    ]
    for one, other in zip(found["inner"], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["out"], full(X), rtol=1e-5)
    sliced = full.slice(["left/c1", "right/c2"])(X)
    np.testing.assert_allclose(sliced[1], expected[3], rtol=1e-5, atol=1e-6)


def test_ends_of_a_nested_model() -> None:
    full = wrapped(seqir, backbone(seqir, "graph"), "graph")
    base = full.get_layer("base")
    pooled, scaled = seqir.Model(full.input, [base.output, base.input])(X)
    np.testing.assert_allclose(pooled, by_hand(full, "base"), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scaled, X * 0.5)


def shared() -> tuple[Any, Any]:
    base = backbone(seqir, "graph")
    a, b = seqir.Input((8, 8, 3), name="a"), seqir.Input((8, 8, 3), name="b")
    full = seqir.Model([a, b], layers.Subtract()([base(a), base(b)]), name="siamese")
    return base, full


def test_a_model_that_is_called_twice_has_two_values() -> None:
    base, full = shared()
    message = (
        r"the output of 'c2' inside of model 'base' has 2 values there, since the "
        r"model is called on 2 different inputs: make features = Model\(base.input, "
        r"that output\) and call it on the input that you mean"
    )
    with pytest.raises(GraphError, match=message):
        seqir.Model(full.input, base.get_layer("c2").output)
    with pytest.raises(GraphError, match=message):
        full.slice("base/c2")
    # What the message says, done.
    features = seqir.Model(base.input, base.get_layer("c2").output)
    model = seqir.Model(full.input[1], features(full.input[1]))
    np.testing.assert_array_equal(model(X), features(X))
    # With one of the two inputs given there is one value.
    one = seqir.Model(full.input[0], base.get_layer("c2").output)
    np.testing.assert_array_equal(one(X), features(X))


def test_calls_on_the_same_tensor_have_one_value() -> None:
    base = backbone(seqir, "graph")
    x = seqir.Input((8, 8, 3))
    full = seqir.Model(x, layers.Add()([base(x), base(x)]))
    found = seqir.Model(x, base.get_layer("c2").output)(X)
    expected = seqir.Model(base.input, base.get_layer("c2").output)(X)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(full.slice("base/c2")(X), expected)


def test_the_call_that_other_outputs_need_is_meant() -> None:
    base = backbone(seqir, "graph")
    x = seqir.Input((8, 8, 3))
    half, double = base(x * 0.5), base(x * 2.0)
    features = seqir.Model(base.input, base.get_layer("c2").output)
    for end, factor in ((half, 0.5), (double, 2.0)):
        found, _ = seqir.Model(x, [base.get_layer("c2").output, end])(X)
        np.testing.assert_allclose(found, features(X * factor), rtol=1e-5, atol=1e-6)


def test_a_nested_model_with_several_inputs() -> None:
    a, b = seqir.Input((3,), name="a"), seqir.Input((3,), name="b")
    total = layers.Add(name="total")([a, layers.Dense(3, name="d")(b)])
    inner = seqir.Model({"b": b, "a": a}, layers.Dense(2)(total), name="inner")
    x, y = seqir.Input((3,)), seqir.Input((3,))
    full = seqir.Model([x, y], inner({"a": x * 2.0, "b": y}))
    p, q = X[0, 0, :2], X[0, 1, :2]
    found = full.slice("inner/total")([p, q])
    expected = 2 * p + inner.get_layer("d")(q)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_names_of_a_nested_model_stay_out_of_patterns_without_a_slash() -> None:
    full = wrapped(seqir, backbone(seqir, "graph"), "graph")
    assert full.slice("h.*d").output_shape == (None, 3)
    found = full.slice(r"base/c\d")(X)
    assert [y.shape for y in found] == [(2, 6, 6, 4), (2, 4, 4, 5)]
    with pytest.raises(ValueError, match=r"no layer of model 'full' .*base/c9.*c1"):
        full.slice("base/c9")


def test_a_tensor_of_another_model_stays_unconnected() -> None:
    full = wrapped(seqir, backbone(seqir, "graph"), "graph")
    other = backbone(seqir, "graph", "other")
    with pytest.raises(GraphError, match="they also need"):
        seqir.Model(full.input, other.get_layer("c2").output)


def test_models_are_freed_though_their_inputs_know_them() -> None:
    x = seqir.Input((3,))
    model = seqir.Model(x, layers.Dense(2)(x))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("kind", ["graph", "stack"])
def test_a_slice_that_starts_inside_of_a_nested_model(depth: int, kind: str) -> None:
    model, path = backbone(seqir, kind), "base"
    for level in range(depth - 1):
        model = wrapped(seqir, model, kind, name=f"level{level}")
        path = f"{model.name}/{path}"
    full = wrapped(seqir, model, kind)
    first = full.slice(f"{path}/c1")(X)
    rest = full.slice("head", f"{path}/c1")
    np.testing.assert_allclose(rest(first), full(X), rtol=1e-4, atol=1e-6)
    middle = full.slice(f"{path}/c2", f"{path}/c1")
    np.testing.assert_allclose(
        middle(first), full.slice(f"{path}/c2")(X), rtol=1e-5, atol=1e-6
    )


def test_slices_that_start_at_no_one_place() -> None:
    _, full = shared()
    with pytest.raises(GraphError, match="model 'base' is called 2 times in 'siamese'"):
        full.slice("subtract", "base/c1")
    with pytest.raises(ArgumentError, match=r"lie in one model.*got a, base/c1"):
        full.slice("subtract", ["a", "base/c1"])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: loads(dumps(m))])
def test_features_of_copies(copied: Any) -> None:
    full = wrapped(seqir, backbone(seqir, "stack"), "graph")
    expected = full.slice("base/c2")(X)
    again = copied(full)
    inner = again.get_layer("base").get_layer("c2").output
    np.testing.assert_array_equal(seqir.Model(again.input, inner)(X), expected)


# Inputs and outputs of stacks, and `call` as a function.


@pytest.mark.parametrize("how", ["input", "build", "array", "symbolic", "shape"])
def test_a_built_stack_has_an_input_and_an_output(how: str) -> None:
    first: dict[str, Any] = {"input_shape": (4,)} if how == "shape" else {}
    parts: list[Any] = [layers.Dense(3, name="d", **first), layers.Dense(2)]
    start = [seqir.Input((4,))] if how == "input" else []
    model = seqir.Sequential([*start, *parts])
    if how == "build":
        model.build((None, 4))
    elif how == "array":
        model(np.ones((5, 4)))
    elif how == "symbolic":
        model(seqir.Input((4,)))
    x = X.reshape(-1, 4)
    np.testing.assert_allclose(
        seqir.Model(model.input, model.output)(x), model(x), rtol=1e-6
    )
    features = seqir.Model(model.input, model.get_layer("d").output)
    assert features(x).shape == (96, 3)
    # Whatever it is called on later.
    outer = seqir.Input((4,))
    y = model(outer)
    np.testing.assert_allclose(seqir.Model(outer, model.output)(x), model(x), rtol=1e-6)
    np.testing.assert_allclose(seqir.Model(outer, y)(x), model(x), rtol=1e-6)


def test_a_stack_that_is_not_built_has_none() -> None:
    model = seqir.Sequential([layers.Dense(3)], name="late")
    with pytest.raises(NotBuiltError, match="'late' has no defined outputs yet: call"):
        model.output  # noqa: B018
    with pytest.raises(NotBuiltError, match="'late' has no defined inputs yet: call"):
        model.input  # noqa: B018


@pytest.mark.parametrize("kind", ["graph", "stack"])
def test_call_makes_the_layers_part_of_another_model(kind: str) -> None:
    base = backbone(seqir, kind)
    outer = seqir.Input((8, 8, 3))
    model = seqir.Model(outer, base.call(outer * 0.5))
    np.testing.assert_allclose(model(X), base(X * 0.5), rtol=1e-5, atol=1e-6)
    assert model.get_layer("c2") is base.get_layer("c2")
    np.testing.assert_array_equal(base.call(X), base(X))
    assert base.call(X, training=True).shape == base(X).shape


def test_call_repeats_functions_and_inner_models() -> None:
    base = backbone(seqir, "stack")
    full = wrapped(seqir, base, "graph")
    doubled = seqir.Model(full.input, full.output * 2.0 + 1.0)
    outer = seqir.Input((8, 8, 3))
    model = seqir.Model([outer, doubled.input], [doubled.call(outer), doubled.output])
    one, other = model([X, X])
    np.testing.assert_allclose(one, doubled(X), rtol=1e-6)
    np.testing.assert_allclose(other, doubled(X), rtol=1e-6)
    assert model.get_layer("base") is base


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mask_given_to_a_functional_model_reaches_its_layers() -> None:
    def pooled(k: Any) -> Any:
        x = k.Input((4, 3))
        return k.Model(x, k.layers.GlobalAveragePooling1D()(x))

    x, mask = X[0, :2, :4], np.array([[True, True, False, False], [True] * 4])
    found = pooled(seqir)(x, mask=mask)
    np.testing.assert_allclose(
        found, np.asarray(pooled(keras)(x, mask=mask)), rtol=1e-6
    )
    with pytest.raises(ArgumentError, match="has 1 inputs, got 2 masks"):
        pooled(seqir)(x, mask=[mask, mask])
