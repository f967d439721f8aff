"""`clone_model`: new weights, other inputs, other layers, other calls."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ArgumentError
from seqir.models import clone_model

keras = pytest.importorskip("keras")

X = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


def stack(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((4,), name="i"),
            k.layers.Dense(3, name="d"),
            k.layers.Dense(2, name="e"),
        ],
        name="stack",
    )


def graph(k: Any) -> Any:
    """A layer, a stack, functions, and a skip around them."""
    x = k.Input((4,), name="x")
    h = k.layers.Dense(4, name="h")(x)
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(4, name="q")], name="inner")
    return k.Model(x, k.layers.Dense(2, name="z")(inner(h) * 2 + h), name="graph")


def twins(k: Any) -> Any:
    x = k.Input((4,), name="x")
    shared = k.layers.Dense(4, name="shared")
    return k.Model(x, {"out": shared(shared(x))}, name="twins")


MAKERS = {"stack": stack, "graph": graph, "twins": twins}


def names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def values(y: Any) -> Any:
    return y["out"] if isinstance(y, dict) else y


def same_numbers(model: Any, clone: Any) -> None:
    """The same function, once the weights are the same."""
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(values(clone(X)), values(model(X)), rtol=1e-6)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("recursive", [False, True])
def test_a_clone_shares_nothing(kind: str, recursive: bool) -> None:
    model = MAKERS[kind](seqir)
    clone = clone_model(model, recursive=recursive)
    other = keras.models.clone_model(MAKERS[kind](keras), recursive=recursive)
    assert names(clone) == names(other)
    assert clone.name == model.name
    assert clone.input_names == model.input_names
    assert not {*map(id, model.weights)} & {*map(id, clone.weights)}
    same_numbers(model, clone)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_clone_starts_at_the_tensors_given(kind: str) -> None:
    model = MAKERS[kind](seqir)
    start = seqir.Input((4,), name="start")
    for given in (start, [start], (start,)):
        clone = clone_model(model, given)  # the second argument, as in Keras
        assert clone.inputs == [start]
        same_numbers(model, clone)
    joined = seqir.Model(start, [*clone.outputs, start * 2.0])
    np.testing.assert_allclose(joined(X)[0], values(model(X)), rtol=1e-6)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_clone_starts_in_the_middle_of_a_model(kind: str) -> None:
    model = MAKERS[kind](seqir)
    middle = layers.Dense(4)(seqir.Input((9,)))
    clone = clone_model(model, input_tensors=middle)
    assert clone.input_shape == (None, 4)
    same_numbers(model, clone)


def test_a_clone_starts_at_a_dict_of_tensors() -> None:
    a, b = seqir.Input((4,), name="a"), seqir.Input((4,), name="b")
    model = seqir.Model({"b": b, "a": a}, layers.Subtract()([b, a]))
    given = {key: seqir.Input((4,)) for key in "ab"}
    clone = clone_model(model, given)
    assert clone.input == given
    np.testing.assert_allclose(clone({"a": X, "b": 3 * X}), 2 * X, rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"in the structure of the inputs of model"):
        clone_model(model, [a, b])


def record(layer: Any, seen: list[str]) -> Any:
    seen.append(layer.name)
    return type(layer).from_config(layer.get_config())


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("recursive", [False, True])
def test_clone_function_makes_each_layer_once(kind: str, recursive: bool) -> None:
    ours: list[str] = []
    theirs: list[str] = []
    model = MAKERS[kind](seqir)
    clone = clone_model(
        model, clone_function=lambda x: record(x, ours), recursive=recursive
    )
    keras.models.clone_model(
        MAKERS[kind](keras),
        clone_function=lambda x: record(x, theirs),
        recursive=recursive,
    )
    functions = ("multiply", "add")  # Keras gives its operations to it, too
    assert ours == [name for name in theirs if not name.startswith(functions)]
    same_numbers(model, clone)


def test_clone_function_replaces_and_shares_layers() -> None:
    def wider(layer: Any) -> Any:
        return (
            layers.Dense(7, name="wide")
            if layer.name == "d"
            else layer.from_config(layer.get_config())
        )

    model = stack(seqir)
    assert [w.shape for w in clone_model(model, clone_function=wider).weights] == [
        (4, 7), (7,), (7, 2), (2,),
    ]  # fmt: skip
    same = clone_model(model, clone_function=lambda layer: layer)
    assert same.layers == model.layers
    np.testing.assert_array_equal(same(X), model(X))


def test_call_function_inserts_layers() -> None:
    def with_relu(k: Any) -> Any:
        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            y = layer(*args, **kwargs)
            if isinstance(layer, k.layers.Dense):
                return k.layers.ReLU(name=f"{layer.name}_relu")(y)
            return y

        return call

    model, other = graph(seqir), graph(keras)
    other.set_weights(model.get_weights())
    clone = clone_model(
        model, clone_function=lambda layer: layer, call_function=with_relu(seqir)
    )
    theirs = keras.models.clone_model(
        other, clone_function=lambda layer: layer, call_function=with_relu(keras)
    )
    assert names(clone) == names(theirs)
    np.testing.assert_allclose(clone(X), np.asarray(theirs(X)), rtol=1e-5, atol=1e-6)


def test_a_clone_is_compiled_as_the_model_is() -> None:
    model = graph(seqir)
    assert clone_model(model).optimizer is None
    metric = seqir.metrics.MeanAbsoluteError()
    model.compile(seqir.optimizers.SGD(0.3), "mse", metrics=[metric, "mae"])
    model.fit(X, X[:, :2], verbose=0)
    for clone in (clone_model(model), clone_model(model, seqir.Input((4,)))):
        assert clone.loss == "mse"
        assert float(clone.optimizer.learning_rate) == pytest.approx(0.3)
        assert clone.optimizer is not model.optimizer
        assert int(clone.optimizer.iterations) == 0
        clone.set_weights(model.get_weights())
        assert clone.evaluate(X, X[:, :2], verbose=0) == pytest.approx(
            model.evaluate(X, X[:, :2], verbose=0)
        )


class Doubled(layers.Dense):
    """A layer of the user's own."""

    def call(self, x: Any) -> Any:
        return 2 * super().call(x)


class Net(seqir.Model):
    """A model of the user's own."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "name": self.name}


def test_classes_of_ones_own_are_known_to_the_clone() -> None:
    x = seqir.Input((4,))
    inner = seqir.Sequential([seqir.Input((4,)), Doubled(3)])
    model = seqir.Model(x, inner(x))
    for recursive in (False, True):
        same_numbers(model, clone_model(model, recursive=recursive))
    net = Net(5)
    net(X)
    clone = clone_model(net)
    assert clone.units == 5
    clone(X)
    same_numbers(net, clone)


def test_what_is_frozen_stays_frozen() -> None:
    for make in MAKERS.values():
        model = make(seqir)
        model.layers[-1].trainable = False
        assert len(clone_model(model).trainable_weights) == len(model.trainable_weights)
        model.trainable = False
        assert clone_model(model).trainable_weights == []


def test_stacks_without_an_input() -> None:
    model = seqir.Sequential([layers.Dense(3)])
    assert not clone_model(model).built
    assert clone_model(model, seqir.Input((4,))).output_shape == (None, 3)
    model.build((None, 4))
    same_numbers(model, clone_model(model))


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (stack, {"call_function": lambda f, *a: f(*a)},
         "call_function is for functional models: the layers of the Sequential model "
         "'stack' are listed"),
        (stack, {"input_tensors": "x"}, "of the Sequential model 'stack' must be one"),
        (stack, {"input_tensors": X}, "must be one tensor, made by Input, got"),
        (graph, {"input_tensors": X}, "structure of the inputs of model .graph."),
        (graph, {"clone_function": 3}, "clone_function must be a function, got 3"),
        (graph, {"call_function": "f"}, "call_function must be a function, got 'f'"),
        (graph, {"clone_function": lambda _: None},
         "clone_function must give a layer, and gave None for layer 'h'"),
        (lambda _: Net(3, name="net"), {"clone_function": lambda f: f},
         "are for Sequential and functional models; 'net' is a Net, which is copied"),
        (lambda k: k.layers.Dense(3), {}, "takes a model, got Dense; copy a layer by"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit(make: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        clone_model(make(seqir), **arguments)
