"""The functional model: topology, structures, order of layers, slices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.errors import ArgumentError, GraphError, ShapeError
from seqir.layers import Add, Concatenate, Dense, Input

keras = pytest.importorskip("keras")


def random(*shape: int) -> Any:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


# The order of layers is that of Keras: weights in files depend on it. Each function
# makes one model with the API that it is given.


def chain(k: Any) -> Any:
    x = k.Input((4,), name="x")
    y = k.layers.Dense(3, name="a")(x)
    return k.Model(x, k.layers.Dense(2, name="b")(y))


def diamond(k: Any) -> Any:
    x = k.Input((4,), name="x")
    left = k.layers.Dense(3, name="left")(x)
    right = k.layers.Dense(3, name="right")(x)
    return k.Model(x, k.layers.Add(name="sum")([right, left]))


def uneven(k: Any) -> Any:
    x = k.Input((4,), name="x")
    long = k.layers.Dense(3, name="l1")(x)
    long = k.layers.Dense(3, name="l2")(long)
    long = k.layers.Dense(3, name="l3")(long)
    short = k.layers.Dense(3, name="s1")(x)
    return k.Model(x, k.layers.Add(name="sum")([short, long]))


def two_inputs(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((5,), name="b")
    p, q = k.layers.Dense(3, name="p")(a), k.layers.Dense(3, name="q")(b)
    return k.Model([a, b], k.layers.Concatenate(name="join")([q, p]))


def two_outputs(k: Any) -> Any:
    x = k.Input((4,), name="x")
    body = k.layers.Dense(3, name="body")(x)
    one = k.layers.Dense(1, name="one")(body)
    two = k.layers.Dense(2, name="two")(k.layers.Dense(2, name="pre")(body))
    return k.Model(x, [two, one])


def shared(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    encoder = k.layers.Dense(4, name="encoder")
    deep = encoder(k.layers.Dense(4, name="before")(a))
    return k.Model([a, b], k.layers.Add(name="sum")([encoder(b), deep]))


def repeated(k: Any) -> Any:
    x = k.Input((4,), name="x")
    again = k.layers.Dense(4, name="again")
    y = again(again(again(x)))
    return k.Model(x, k.layers.Add(name="sum")([y, k.layers.Dense(4, name="skip")(x)]))


def residual(k: Any) -> Any:
    x = k.Input((6, 6, 2), name="x")
    y = x
    for i in range(3):
        z = k.layers.Conv2D(2, 3, padding="same", name=f"conv{i}a")(y)
        z = k.layers.BatchNormalization(name=f"norm{i}")(z)
        z = k.layers.Conv2D(2, 3, padding="same", name=f"conv{i}b")(z)
        if i % 2:
            y = k.layers.Conv2D(2, 1, name=f"project{i}")(y)
        y = k.layers.Add(name=f"add{i}")([y, z])
    pooled = k.layers.GlobalAveragePooling2D(name="pool")(y)
    return k.Model(x, [k.layers.Dense(3, name="out")(pooled), y])


def nested(k: Any) -> Any:
    inner_in = k.Input((4,), name="inner_in")
    inner = k.Model(inner_in, k.layers.Dense(3, name="inner_d")(inner_in), name="inner")
    x = k.Input((4,), name="x")
    left = k.layers.Dense(3, name="left")(x)
    return k.Model(x, k.layers.Concatenate(name="join")([left, inner(x)]))


def inception(k: Any) -> Any:
    x = k.Input((6, 6, 3), name="x")
    one = k.layers.Conv2D(2, 1, name="b1")(x)
    five = k.layers.Conv2D(2, 1, name="b5_1")(x)
    five = k.layers.Conv2D(2, 5, padding="same", name="b5_2")(five)
    three = k.layers.Conv2D(2, 1, name="b3_1")(x)
    three = k.layers.Conv2D(2, 3, padding="same", name="b3_2")(three)
    three = k.layers.Conv2D(2, 3, padding="same", name="b3_3")(three)
    pool = k.layers.AveragePooling2D(3, strides=1, padding="same", name="pool")(x)
    pool = k.layers.Conv2D(2, 1, name="b_pool")(pool)
    return k.Model(x, k.layers.Concatenate(name="mixed")([one, five, three, pool]))


def unused_output(k: Any) -> Any:
    x = k.Input((4,), name="x")
    y = k.layers.Dense(3, name="kept")(x)
    k.layers.Dense(3, name="dropped")(y)
    return k.Model(x, y)


def arithmetic(k: Any) -> Any:
    x = k.Input((4,), name="x")
    y = k.layers.Dense(4, name="a")(x) * 2.0 + x
    z = k.ops.concatenate([y, k.layers.Dense(3, name="b")(y)], axis=-1)
    return k.Model(x, k.layers.Dense(2, name="c")(z) - 1.0)


def from_the_middle(k: Any) -> Any:
    x = k.Input((4,), name="x")
    middle = k.layers.Dense(3, name="before")(x)
    y = k.layers.Dense(5, name="after")(middle)
    return k.Model(middle, k.layers.Dense(2, name="last")(y))


TOPOLOGIES: tuple[Callable[[Any], Any], ...] = (
    chain,
    diamond,
    uneven,
    two_inputs,
    two_outputs,
    shared,
    repeated,
    residual,
    nested,
    inception,
    unused_output,
    arithmetic,
    from_the_middle,
)


@pytest.mark.parametrize("make", TOPOLOGIES, ids=lambda f: f.__name__)
def test_topologies_are_those_of_keras(make: Callable[[Any], Any]) -> None:
    mine, wanted = make(seqir), make(keras)
    ours = [layer.name for layer in mine.layers]
    theirs = [layer.name for layer in wanted.layers]
    if make is from_the_middle:  # Keras makes an input layer for the tensor
        theirs = theirs[1:]
    assert ours == theirs
    assert [(w.name, w.shape) for w in mine.weights] == [
        (w.name, tuple(w.shape)) for w in wanted.weights
    ]
    assert [t.shape for t in mine.outputs] == [t.shape for t in wanted.outputs]
    assert [t.shape for t in mine.inputs] == [t.shape for t in wanted.inputs]
    assert mine.count_params() == wanted.count_params()
    assert len(mine.operations) == len(wanted.operations) - (make is from_the_middle)
    rng = np.random.default_rng(1)
    for w in mine.weights:
        w.assign(rng.random(w.shape))
    wanted.set_weights(mine.get_weights())
    xs = [random(2, *t.shape[1:]) for t in mine.inputs]
    given = xs if len(xs) > 1 else xs[0]
    found, expected = mine(given), wanted(given)
    if not isinstance(found, list):
        found, expected = [found], [expected]
    for y, z in zip(found, expected, strict=True):
        np.testing.assert_allclose(y, np.asarray(z), rtol=1e-5, atol=1e-5)


# Inputs and outputs in any structure.


def scaled(x: Any, by: float) -> Any:
    return layers.Rescaling(by)(x)


def test_lists_of_inputs_and_outputs() -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = seqir.Model([a, b], [scaled(b, 2.0), scaled(a, 3.0)])
    found = model([ones(1, 2), 10 * ones(1, 2)])
    assert isinstance(found, list)
    assert [y[0, 0] for y in found] == [20, 3]
    assert model.input_shape == [(None, 2), (None, 2)]
    assert model.output_shape == [(None, 2), (None, 2)]
    assert model.input_names == ["a", "b"]
    by_name = model({"b": 10 * ones(1, 2), "a": ones(1, 2)})
    assert [y[0, 0] for y in by_name] == [20, 3]


def test_tuples_stay_tuples() -> None:
    a, b = Input((2,)), Input((2,))
    model = seqir.Model((a, b), (scaled(a, 2.0), scaled(b, 3.0)))
    found = model((ones(1, 2), ones(1, 2)))
    assert isinstance(found, tuple)
    assert [y[0, 0] for y in found] == [2, 3]


def test_dicts_of_inputs_and_outputs() -> None:
    a, b = Input((2,), name="first"), Input((3,), name="second")
    outputs = {"z": scaled(a, 2.0), "y": scaled(b, 3.0)}
    model = seqir.Model({"right": b, "left": a}, outputs)
    found = model({"left": ones(1, 2), "right": ones(1, 3)})
    assert list(found) == ["z", "y"]
    assert found["z"].shape == (1, 2)
    assert found["z"][0, 0] == 2
    assert found["y"][0, 0] == 3
    assert [t.shape for t in model.inputs] == [(None, 2), (None, 3)]  # sorted keys
    assert model.output_shape == {"z": (None, 2), "y": (None, 3)}
    big = model.predict({"left": ones(50, 2), "right": ones(50, 3)}, batch_size=8)
    assert big["y"].shape == (50, 3)


def test_a_list_of_one_output_is_that_output() -> None:
    x = Input((2,))
    model = seqir.Model([x], [scaled(x, 2.0)])
    assert isinstance(model(ones(1, 2)), np.ndarray)
    assert isinstance(model([ones(1, 2)]), np.ndarray)


def test_one_tensor_as_two_outputs() -> None:
    x = Input((2,))
    y = scaled(x, 2.0)
    found = seqir.Model(x, [y, y])(ones(1, 2))
    assert [v[0, 0] for v in found] == [2, 2]


def test_an_input_as_an_output() -> None:
    x = Input((2,), name="x")
    found = seqir.Model(x, [x, scaled(x, 2.0)])(ones(1, 2))
    assert [v[0, 0] for v in found] == [1, 2]


def test_an_unused_input_is_allowed() -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = seqir.Model([a, b], scaled(a, 2.0))
    assert model([ones(1, 2), ones(1, 2)])[0, 0] == 2
    assert [layer.name for layer in model.layers] == [
        "a",
        "b",
        "rescaling",
    ]  # as in Keras


def test_different_sizes_of_one_name_are_equal() -> None:
    a, b = Input(("time", 3), name="a"), Input(("time", 3), name="b")
    model = seqir.Model([a, b], Add()([a, b]))
    assert model([ones(2, 5, 3), ones(2, 5, 3)]).shape == (2, 5, 3)
    assert model.outputs[0].type.shape == ("batch", "time", 3)


def test_scalars_per_sample() -> None:
    x = Input(())
    model = seqir.Model(x, x * 2.0)
    np.testing.assert_array_equal(model(np.float32([1, 2, 3])), [2, 4, 6])


# What a functional model refuses.


def test_disconnected_outputs_name_the_missing_input() -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    with pytest.raises(GraphError, match="they also need 'b'; add it to inputs="):
        seqir.Model(a, Add()([a, b]))


def test_layers_of_one_name() -> None:
    x = Input((2,))
    y = Dense(2, name="same")(Dense(2, name="same")(x))
    with pytest.raises(GraphError, match="Name 'same' is already the name"):
        seqir.Model(x, y)


@pytest.mark.parametrize("bad", [None, [], {}, np.ones((2, 2)), "x", [Dense(2)]])
def test_what_is_no_tensor_of_a_model(bad: Any) -> None:
    x = Input((2,))
    with pytest.raises(ArgumentError, match=r"outputs"):
        seqir.Model(x, bad)
    with pytest.raises(ArgumentError, match=r"inputs"):
        seqir.Model(bad, x)


def test_wrong_inputs() -> None:
    a, b = Input((2,), name="a"), Input((3,), name="b")
    model = seqir.Model([a, b], Concatenate()([a, b]), name="m")
    for bad, words in (
        (ones(1, 2), "2 inputs (a, b), got one array"),
        ([ones(1, 2)], "2 inputs (a, b), got a list of 1 arrays"),
        ({"a": ones(1, 2)}, "the given dict lacks 'b'"),
        (
            {"a": ones(1, 2), "b": ones(1, 3), "c": ones(1, 1)},
            "no input named 'c'; it has 'a', 'b'",
        ),
    ):
        with pytest.raises(ArgumentError) as caught:
            model(bad)
        assert words in str(caught.value)
        assert "'m'" in str(caught.value)
    with pytest.raises(ShapeError, match=r"input 'b' .* Expected shape \(None, 3\)"):
        model([ones(1, 2), ones(1, 2)])


# Layers in several places, models in models.


def test_a_shared_layer_has_one_set_of_weights() -> None:
    a, b = Input((4,)), Input((4,))
    layer = Dense(3)
    model = seqir.Model([a, b], Concatenate()([layer(a), layer(b)]))
    assert len(model.weights) == 2
    assert layer.input is a
    assert len(layer.calls) == 2
    xs = [random(2, 4), ones(2, 4)]
    wanted = np.concatenate([layer(x) for x in xs], axis=-1)
    np.testing.assert_allclose(model(xs), wanted, rtol=1e-5)


def test_a_shared_model_has_one_set_of_weights() -> None:
    encoder = seqir.Sequential([Dense(3), Dense(2)], name="encoder")
    a, b = Input((4,)), Input((4,))
    model = seqir.Model([a, b], layers.Subtract()([encoder(a), encoder(b)]))
    assert len(model.weights) == 4
    assert [layer.name for layer in model.layers].count("encoder") == 1
    x = random(2, 4)
    np.testing.assert_allclose(model([x, x]), np.zeros((2, 2)), atol=1e-6)


def test_models_in_models_in_models() -> None:
    def wrap(inner: Any, depth: int) -> Any:
        x = Input((3,))
        return seqir.Model(x, inner(x) + 1.0, name=f"level{depth}")

    model: Any = Dense(3, name="core")
    for depth in range(5):
        model = wrap(model, depth)
    x = random(2, 3)
    kernel, _ = model.get_weights()
    np.testing.assert_allclose(model(x), x @ kernel + 5, rtol=1e-5, atol=1e-5)
    names = [name for name in model.graph().params]
    assert names == [
        "level3/level2/level1/level0/core/kernel",
        "level3/level2/level1/level0/core/bias",
    ]


def test_a_deep_graph_needs_no_recursion() -> None:
    x = y = Input((1,))
    for _ in range(1500):
        y = layers.Rescaling(1.0, 1.0)(y)
    model = seqir.Model(x, y)
    assert model(np.zeros((1, 1), np.float32)).item() == 1500


def test_a_functional_model_on_new_tensors() -> None:
    x = Input((4,))
    model = seqir.Model(x, Dense(3)(x))
    z = Input((4,))
    y = model(z)
    assert y.shape == (None, 3)
    again = seqir.Model(z, y)
    value = random(2, 4)
    np.testing.assert_array_equal(again(value), model(value))


def test_trainable_of_a_functional_model() -> None:
    x = Input((4,))
    model = seqir.Model(x, Dense(3)(x), trainable=False)
    assert model.trainable_weights == []
    model.trainable = True
    assert len(model.trainable_weights) == 2


# Slices.


def branching() -> seqir.Model:
    x = Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    left = layers.Conv2D(4, 3, padding="same", name="block_left")(y)
    right = layers.Conv2D(4, 1, name="block_right")(y)
    y = Add(name="merged")([left, right])
    y = layers.GlobalMaxPooling2D(name="pool")(y)
    return seqir.Model(x, Dense(3, name="head")(y), name="net")


def test_a_slice_by_regular_expression() -> None:
    model = branching()
    part = model.slice("block_.*")
    assert part.output_names == ["block_left", "block_right"]
    assert len(part.weights) == 6
    full = seqir.Model(
        model.inputs, [model.get_layer(f"block_{s}").output for s in ("left", "right")]
    )
    x = random(2, 8, 8, 3)
    for a, b in zip(part(x), full(x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_slice_between_layers() -> None:
    model = branching()
    head = model.slice("head", inputs="merged")
    assert head.input_shape == (None, 8, 8, 4)
    body = model.slice("merged")
    x = random(2, 8, 8, 3)
    np.testing.assert_allclose(head(body(x)), model(x), rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in head.layers] == ["pool", "head"]


def test_slices_that_make_no_sense() -> None:
    model = branching()
    with pytest.raises(ArgumentError, match=r"matches outputs='heed'\. Did you mean"):
        model.slice("heed")
    with pytest.raises(ArgumentError, match="not a regular expression"):
        model.slice("(")
    with pytest.raises(GraphError, match="also need 'image'"):
        model.slice("head", inputs="block_left")


def test_cut_points_are_where_everything_passes() -> None:
    model = branching()
    assert model.cut_points() == ["stem", "merged", "pool"]
    x = random(2, 8, 8, 3)
    for name in model.cut_points():
        first, second = model.slice(name), model.slice("head", inputs=name)
        np.testing.assert_allclose(second(first(x)), model(x), rtol=1e-5, atol=1e-6)


# Functions on tensors of models.


def test_operators_on_symbolic_tensors() -> None:
    x = Input((4,), name="x")
    y = -(x + 1.0) * 2.0 / (x * x + 1.0) - abs(x) ** 2.0
    y = 1.0 - ops.concatenate([y, x[:, :2]], axis=-1)
    y = ops.where(y > 0.5, y, ops.exp(-ops.relu(y)))
    model = seqir.Model(x, [y, ops.transpose(x), ops.mean(x, -1)])
    v = random(3, 4)
    z = -(v + 1) * 2 / (v * v + 1) - abs(v) ** 2
    z = 1 - np.concatenate([z, v[:, :2]], -1)
    z = np.where(z > 0.5, z, np.exp(-np.maximum(z, 0)))
    found = model(v)
    np.testing.assert_allclose(found[0], z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], v.T)
    np.testing.assert_allclose(found[2], v.mean(-1), rtol=1e-5)


def test_a_function_is_an_operation_but_no_layer() -> None:
    x = Input((4,))
    model = seqir.Model(x, Dense(2)(x) + 1.0)
    assert [layer.name for layer in model.layers] == ["input_layer", "dense"]
    assert [op.name for op in model.operations] == ["input_layer", "dense", "add"]


def test_arrays_may_meet_symbolic_tensors() -> None:
    x = Input((3,))
    table = np.float32([1, 2, 3])
    model = seqir.Model(x, [table * x, x @ np.eye(3, dtype=np.float32), table + x])
    v = random(2, 3)
    for y, z in zip(model(v), [table * v, v, table + v], strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-6)
