"""Variables as numbers: comparing them, NumPy's functions, and how they are made."""

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from graphs import graph_value

import seqir as keras
from seqir import initializers, layers, ops, optimizers
from seqir.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.random import SeedGenerator
from seqir.tensortype import TensorType

NUMBERS = np.array([[-1, 0, 2], [3, 1, -5]], np.float32)
OTHER = np.array([1, 0, 2], np.float32)


def variable(value: Any = NUMBERS, **arguments: Any) -> Variable:
    return Variable(value, **arguments)


class Function(layers.Layer):
    """What a function makes of the input and of a variable, in a trace."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.function = function

    def build(self, input_shape: Any) -> None:
        self.v = self.add_weight(shape=(3,), initializer=OTHER, name="v")

    def call(self, x: Any) -> Any:
        return self.function(x, self.v)


COMPARISONS = [
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(
    "other", [1, 1.5, True, np.float32(2), np.int64(1), OTHER, [1, 0, 2], NUMBERS]
)
def test_comparing_compares_numbers(compare: Any, other: Any) -> None:
    v = variable()
    np.testing.assert_array_equal(compare(v, other), compare(NUMBERS, other))
    if not isinstance(other, list):
        np.testing.assert_array_equal(compare(other, v), compare(other, NUMBERS))


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparing_in_a_trace_compares_numbers(compare: Any) -> None:
    for function, expected in [
        (lambda x, v: compare(x, 1), compare(NUMBERS, 1)),
        (lambda x, v: compare(x, v), compare(NUMBERS, OTHER)),
        (lambda x, v: compare(v, x), compare(OTHER, NUMBERS)),
        (lambda x, v: compare(x, x * x), compare(NUMBERS, NUMBERS * NUMBERS)),
        (lambda x, v: x * 0 + compare(v, 2), 0 * NUMBERS + compare(OTHER, 2)),
        (lambda x, v: compare(OTHER, x), compare(OTHER, NUMBERS)),
    ]:
        layer = Function(lambda x, v, f=function: ops.cast(f(x, v), "float32"))
        np.testing.assert_array_equal(layer(NUMBERS), np.float32(expected))


def test_tensors_of_a_model_compare_with_numbers() -> None:
    a, b = keras.Input((3,)), keras.Input((3,))
    assert (a == b) is False
    assert a in [b, a]
    model = keras.Model([a, b], [a == 2, a != b, a == OTHER, a != 0])
    found = model([NUMBERS, NUMBERS * [1, 0, 1]])
    expected = NUMBERS == 2, NUMBERS * [0, 1, 0] != 0, NUMBERS == OTHER, NUMBERS != 0
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_variables_are_members_and_keys() -> None:
    v, same, scalar = variable(), variable(), variable(0)
    assert v in [None, "a", same, scalar, v]
    assert v not in [None, "a", same, scalar]
    assert [same, scalar, v].index(v) == 2
    assert {v: 1, same: 2, scalar: 3}[same] == 2
    assert (v == same, v != same, v == v, v != v) == (False, True, True, False)
    assert (v == None, v == "a", v != None) == (False, False, True)  # noqa: E711


def test_iterations_count_as_numbers() -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "mse")
    assert model.optimizer.iterations == 0
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), batch_size=2, epochs=2, verbose=0)
    assert model.optimizer.iterations == 4
    assert model.optimizer.iterations != 3
    assert model.optimizer.iterations % 2 == 0


def test_variables_as_numbers_of_python() -> None:
    v, scalar = variable(), variable(2.25)
    assert (int(scalar), float(scalar), round(scalar, 1)) == (2, 2.25, np.float32(2.2))
    np.testing.assert_array_equal(+v, NUMBERS)
    np.testing.assert_array_equal(list(v), list(NUMBERS))
    old = v
    v += 1
    np.testing.assert_array_equal(v, NUMBERS + 1)
    np.testing.assert_array_equal(old, NUMBERS)
    with pytest.raises(TypeError, match=r"of shape \(2, 3\) is not a single number"):
        int(old)
    with pytest.raises(TypeError, match="has no truth; compare it with a number"):
        bool(scalar)
    with pytest.raises(TypeError, match="cannot be iterated over"):
        iter(scalar)


@pytest.mark.parametrize("take", [int, float, np.asarray, np.array])
def test_a_trace_does_not_freeze_numbers(take: Any) -> None:
    scalar = variable(1.0)
    layer = Function(lambda x, v: x * take(scalar))
    with pytest.raises(DTypeError, match="known when the model runs, not while it is"):
        layer(NUMBERS)


@pytest.mark.parametrize(
    "function",
    [
        np.min, np.max, np.sum, np.mean, np.exp, np.abs, np.argmax, np.linalg.norm,
        lambda v: np.add(v, 1), lambda v: np.add(1, v), lambda v: np.add.reduce(v, 1),
        lambda v: np.multiply(v, v, dtype="float64"), lambda v: np.clip(v, 0, 1),
        lambda v: np.concatenate([v, v]), lambda v: np.where(np.less(v, 1), v, 0),
        lambda v: np.float64(2) * v, lambda v: OTHER - v, lambda v: OTHER % np.abs(v),
        lambda v: np.stack([v, v]), lambda v: np.array_equal(v, v), np.round,
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*(divide|invalid):RuntimeWarning")
def test_functions_of_numpy_give_numpy_results(function: Any) -> None:
    found, expected = function(variable()), function(NUMBERS)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)


def test_variables_are_added_to_arrays_in_place() -> None:
    total = np.ones(3, np.float32)
    total += variable(OTHER)
    np.testing.assert_array_equal(total, 1 + OTHER)
    with pytest.raises(UnsupportedError, match=r"np.add cannot write to <Variable"):
        np.add(1, 2, out=variable(0.0))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.exp(x), lambda x: np.add(x, 1), lambda x: np.maximum(OTHER, x),
        lambda x: OTHER - x, lambda x: OTHER % (x * x + 1), lambda x: OTHER @ x.T
        if isinstance(x, np.ndarray) else OTHER @ ops.transpose(x),
        lambda x: np.array([True, False, True]) & (x > 0), lambda x: np.minimum(1, x),
        lambda x: np.int32(6) & np.abs(x).astype(np.int32)
        if isinstance(x, np.ndarray) else np.int32(6) & ops.cast(ops.abs(x), "int32"),
        lambda x: np.float32(2) ** x, lambda x: np.sqrt(np.abs(x)),
    ],
)  # fmt: skip
def test_functions_of_numpy_in_a_trace_are_those_of_ops(function: Any) -> None:
    layer = Function(lambda x, v: ops.cast(function(x), "float32"))
    expected = np.float32(function(NUMBERS))
    np.testing.assert_allclose(layer(NUMBERS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x, axis=-1, keepdims=True),
        np.mean,
        np.max,
        lambda x: np.concatenate([x, x], -1),
        lambda x: np.stack([x, NUMBERS]),
        lambda x: np.reshape(x, (-1, 1)),
        lambda x: np.transpose(x),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.clip(x, 0, 1),
        lambda x: np.where(x > 0, x, 0),
        lambda x: np.linalg.norm(x, axis=-1),
        lambda x: np.einsum("...a->...", x),
        lambda x: np.broadcast_to(x, (2, *np.shape(x))),
        np.ndim,
    ],
)
def test_other_functions_of_numpy_are_those_of_ops(function: Any) -> None:
    expected = np.float32(function(NUMBERS))
    layer = Function(lambda x, v: ops.cast(function(x), "float32"))
    np.testing.assert_allclose(layer(NUMBERS), expected, rtol=1e-6)
    symbol = keras.Input(batch_shape=NUMBERS.shape)
    assert getattr(function(symbol), "shape", ()) == expected.shape
    outside = keras.Variable(NUMBERS)
    np.testing.assert_allclose(function(outside), expected, rtol=1e-6)


def test_functions_of_numpy_with_other_arguments() -> None:
    text = r"np\.sum of <KerasTensor .* is ops\.sum, which has other arguments: .*where"
    with pytest.raises(UnsupportedError, match=text):
        np.sum(keras.Input((3,)), where=True)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.add.reduce, "np.add.reduce"), (np.gradient, "np.gradient"),
        (np.fft.fft, "np.fft"), (np.spacing, "np.spacing"),
        (lambda x: np.add(x, 1, dtype="float64"), "np.add"),
        (lambda x: np.add(1, x, out=np.zeros(3)), "np.add"),
    ],
)  # fmt: skip
def test_functions_of_numpy_without_their_like_are_refused(
    function: Any, name: str
) -> None:
    match = f"function {re.escape(name)} cannot compute with <.*use a function of seqir"
    with pytest.raises(UnsupportedError, match=match):
        function(keras.Input((3,)))
    with pytest.raises(UnsupportedError, match=match):
        Function(lambda x, v: function(x))(NUMBERS)
    with pytest.raises(UnsupportedError, match=match):
        Function(lambda x, v: function(v))(NUMBERS)


def test_values() -> None:
    v = variable(1, dtype="float32")
    np.testing.assert_array_equal(v.value, 1)
    assert v.assign(2) == 2
    assert v.assign_add(2) == 4
    assert v.assign_sub([0.5][0]).dtype == np.float32
    assert v.value == v.numpy() == 3.5
    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", ())))
        first = v.assign(x)
        assert isinstance(v.value, Traced)
        v.assign(x + 1)
        assert v.value.value is not graph_value(first)
        assert v.assign_add(1).dtype == "float32"
    assert Function(lambda x, v: x + v.value)(NUMBERS).tolist() == (
        (NUMBERS + OTHER).tolist()
    )
    assert not v.overwrite_with_gradient
    v.overwrite_with_gradient = False
    with pytest.raises(UnsupportedError, match=r"must be False, got True"):
        v.overwrite_with_gradient = True


def test_variables_are_made_as_in_keras() -> None:
    v = keras.Variable("ones", shape=(2, 3), dtype="int32", name="v")
    assert (v.shape, v.dtype, v.name, v.path) == ((2, 3), "int32", "v", "v")
    np.testing.assert_array_equal(v, np.ones((2, 3)))
    v = keras.Variable(initializers.Constant(3), (2,), None, False, False, "mean")
    np.testing.assert_array_equal(v, [3.0, 3.0])
    assert (v.trainable, v.autocast, v.aggregation) == (False, False, "mean")
    assert (v.dtype, v.synchronization) == ("float32", "auto")
    assert keras.Variable(lambda shape, dtype: np.full(shape, 2, dtype), (1,)) == [2]
    assert keras.Variable(0.5, aggregation=None).aggregation == "none"
    assert keras.Variable(v).numpy().tolist() == [3, 3]
    names = {keras.Variable(1).name, keras.Variable(1).name}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Variable("zeros"), ArgumentError, "needs a shape to be initialized"),
        (
            lambda: Variable("zero_s", (2,)),
            ArgumentError,
            "'zero_s' is not an initializer",
        ),
        (lambda: Variable("zeros", (None,)), ShapeError, "are integers, got shape"),
        (lambda: Variable(OTHER, (2,)), ShapeError, r"shape \(2,\), its initial value"),
        (
            lambda: Variable(1, name="a/b"),
            ArgumentError,
            "string without '/'",
        ),
        (lambda: Variable(1, aggregation="all"), ArgumentError, "aggregation must be"),
        (
            lambda: Variable(1, synchronization="all"),
            ArgumentError,
            "synchronization must be 'none', ",
        ),
        (
            lambda: initializers.get(OTHER)((2,)),  # pyright: ignore[reportOptionalCall]
            ShapeError,
            r"shape \(3,\) cannot initialize a weight of shape \(2,\); Constant",
        ),
        (
            lambda: initializers.serialize(initializers.get(OTHER)),
            ArgumentError,
            r"the array of shape \(3,\) has no config, .* use Constant",
        ),
    ],
)
def test_what_makes_no_variable(make: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


def test_weights_start_as_arrays() -> None:
    layer = layers.Layer()
    np.testing.assert_array_equal(layer.add_weight((3,), OTHER), OTHER)
    dense = layers.Dense(
        3, kernel_initializer=NUMBERS, bias_initializer=variable(OTHER)
    )
    found = dense(np.ones((1, 2), np.float32))
    np.testing.assert_array_equal(found, [NUMBERS.sum(0) + OTHER])


def test_seed_generators_of_initializers() -> None:
    seed = SeedGenerator(5)
    np.testing.assert_array_equal(seed.state, [5, 0])
    make = initializers.GlorotUniform(seed=seed)
    one, two = make((2, 3)), make((2, 3))
    np.testing.assert_array_equal(seed.state, [5, 2])
    assert (one != two).all()
    np.testing.assert_array_equal(one, initializers.GlorotUniform(seed=5)((2, 3)))
    again = initializers.get(initializers.serialize(make))
    assert again is not None
    np.testing.assert_array_equal(again((2, 3)), one)
    np.testing.assert_array_equal(again((2, 3)), two)
    config = initializers.RandomNormal(seed=seed).get_config()["seed"]
    assert config["module"] == "keras.random"
    assert (config["class_name"], config["config"]["seed"]) == ("SeedGenerator", 5)


def test_building_computes_at_once() -> None:
    class Scaled(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight((3,), OTHER)
            self.scale = ops.exp(np.asarray(self.w) * float(ops.sum(self.w + 1)))

        def call(self, x: Any) -> Any:
            return x * self.scale

    layer = Scaled()
    expected = NUMBERS * np.exp(6 * OTHER)
    np.testing.assert_allclose(layer(NUMBERS), expected, rtol=1e-6)
    model = keras.Sequential([layer])
    np.testing.assert_allclose(model(NUMBERS[:1]), expected[:1], rtol=1e-6)
    np.testing.assert_allclose(model.predict(NUMBERS, verbose=0), expected, rtol=1e-6)
