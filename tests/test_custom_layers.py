"""Layers that users write: weights, layers inside, arguments, outputs, names."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import seqir
from seqir import layers, nest, ops
from seqir.errors import ArgumentError, GraphError, NotBuiltError, ShapeError
from seqir.layers import Dense, Input, Layer


def random(*shape: int) -> Any:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


class Linear(Layer):
    """In the style of Keras: its own __init__, build, add_weight, call."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.w) + self.b


class Scale(Layer):
    """In the style of fields."""

    factor: float = 1.0
    power: int = 1

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight(input_shape[-1:], "ones", name="gain")

    def call(self, x: Any) -> Any:
        return x**self.power * self.gain * self.factor


class Block(Layer):
    """Layers inside: by attribute, in a list, in a dict."""

    def __init__(self, width: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = Dense(width, activation="relu", name="first")
        self.stack = [Dense(width, name=f"stack{i}") for i in range(2)]
        self.heads = {"out": Linear(width, name="head")}

    def call(self, x: Any) -> Any:
        x = self.first(x)
        for layer in self.stack:
            x = layer(x)
        return self.heads["out"](x)


def test_a_layer_with_build_and_call() -> None:
    layer = Linear(3)
    assert layer.name == "linear"
    x = random(2, 4)
    y = layer(x)
    assert [(w.name, w.shape) for w in layer.weights] == [("w", (4, 3)), ("b", (3,))]
    np.testing.assert_allclose(y, x @ layer.w.numpy(), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    model = seqir.Sequential([Input((4,)), layer])
    np.testing.assert_array_equal(model(x), y)


def test_a_layer_with_fields() -> None:
    layer = Scale(2.0, power=2, name="s")
    assert (layer.factor, layer.power, layer.name) == (2.0, 2, "s")
    assert Scale().factor == 1.0
    np.testing.assert_allclose(layer(np.float32([[3]])), [[18]])
    assert layer.get_config()["power"] == 2
    assert type(layer).from_config(layer.get_config()).factor == 2.0
    with pytest.raises(ArgumentError, match=r"to Scale: .*Did you mean 'factor'"):
        Scale(facter=1.0)
    with pytest.raises(ArgumentError, match="takes 2 positional arguments"):
        Scale(1.0, 2, 3)
    with pytest.raises(ArgumentError, match="'factor' twice"):
        Scale(1.0, factor=2.0)


def test_a_field_without_default_is_required() -> None:
    class Needs(Layer):
        size: int

        def call(self, x: Any) -> Any:
            return x * float(self.size)

    assert Needs(3).size == Needs(size=3).size == 3
    with pytest.raises(ArgumentError, match="Needs needs the argument 'size'"):
        Needs()


def test_fields_of_a_class_with_its_own_init() -> None:
    class Base(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = Dense(2)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    class Derived(Base):
        by: float = 2.0

        def call(self, x: Any) -> Any:
            return super().call(x) * self.by

    layer = Derived(by=3.0)
    x = random(2, 4)
    np.testing.assert_allclose(layer(x), layer.inner(x) * 3, rtol=1e-5)


def test_setup_checks_fields() -> None:
    class Positive(Layer):
        size: int

        def setup(self) -> None:
            if self.size < 1:
                raise ArgumentError(f"size must be positive, got {self.size}")

        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ArgumentError, match="got 0") as caught:
        Positive(0, name="p")
    assert caught.value.__notes__ == ["in layer 'p' (Positive)"]


def test_layers_inside_are_found() -> None:
    block = Block()
    x = random(2, 4)
    y = block(x)
    assert y.shape == (2, 3)
    assert [w.path for w in block.weights] == [
        "block/first/kernel",
        "block/first/bias",
        "block/stack0/kernel",
        "block/stack0/bias",
        "block/stack1/kernel",
        "block/stack1/bias",
        "block/head/w",
        "block/head/b",
    ]
    assert block.count_params() == 15 + 12 + 12 + 12
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.stack[0].trainable


@pytest.mark.parametrize(
    "nested",
    [
        lambda layer: [{"a": layer}],
        lambda layer: {"a": {"b": layer}},
        lambda layer: ({"a": [layer]}, "text", 3, None),
    ],
    ids=["dict in list", "dict in dict", "list in dict"],
)
def test_layers_in_nested_data_are_found(nested: Callable[[Layer], object]) -> None:
    class Holding(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = nested(Dense(3, name="inner"))

        def call(self, x: Any) -> Any:
            return nest.flatten(self.inner)[0](x)

    layer = Holding(name="holding")
    layer(random(2, 4))
    paths = [w.path for w in layer.weights]
    assert paths == ["holding/inner/kernel", "holding/inner/bias"]


def test_parameters_of_the_graph_have_the_path_of_their_layer() -> None:
    model = seqir.Sequential([Input((4,)), Block(name="one"), Block(name="two")])
    graph = model.graph()
    assert list(graph.params)[:2] == ["one/first/kernel", "one/first/bias"]
    assert "two/head/w" in graph.params
    sources = {node.source for node in graph.nodes}
    assert "one/stack0" in sources
    assert graph.sources["one"] == "Block"
    assert graph.sources["one/head"] == "Linear"
    assert model.weights[0].path == "sequential/one/first/kernel"


def test_layers_made_in_build() -> None:
    class Late(Layer):
        def build(self, input_shape: Any) -> None:
            self.inner = Dense(input_shape[-1], name="inner")
            self.inner.build(input_shape)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    layer = Late()
    assert layer(random(2, 4)).shape == (2, 4)
    assert [w.path for w in layer.weights] == ["late/inner/kernel", "late/inner/bias"]


def test_a_shared_layer_inside_is_counted_once() -> None:
    class Twice(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.a = Dense(4)
            self.b = self.a

        def call(self, x: Any) -> Any:
            return self.b(self.a(x))

    layer = Twice()
    layer(random(2, 4))
    assert len(layer.weights) == 2


def test_a_model_inside_a_layer() -> None:
    class Wrapped(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.net = seqir.Sequential([Dense(3, name="d"), layers.ReLU()], name="net")

        def call(self, x: Any) -> Any:
            return self.net(x) + 1.0

    layer = Wrapped(name="w")
    x = random(2, 4)
    np.testing.assert_allclose(layer(x), layer.net(x) + 1, rtol=1e-5)
    assert [w.path for w in layer.weights] == ["w/net/d/kernel", "w/net/d/bias"]


def test_build_makes_a_layer_built_and_is_run_once() -> None:
    layer = Dense(3)
    layer.build((None, 4))
    assert layer.built
    kernel = layer.kernel
    layer.build((None, 4))
    layer(random(2, 4))
    assert layer.weights[0] is kernel
    assert len(layer.weights) == 2


def test_a_failed_build_leaves_nothing() -> None:
    class Fails(Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight((2,), "zeros", name="w")
            self.inner = Dense(2)
            if input_shape[-1] == 3:
                raise ShapeError("not three")

        def call(self, x: Any) -> Any:
            return x * self.w

    layer = Fails()
    with pytest.raises(ShapeError, match="not three"):
        layer(random(1, 3))
    assert layer.weights == []
    assert not layer.built
    assert layer(random(1, 2)).shape == (1, 2)
    assert len(layer.weights) == 1


def test_weights_of_other_types_and_without_arguments() -> None:
    class Odd(Layer):
        def build(self, input_shape: Any) -> None:
            self.n = self.add_weight((), "ones", dtype="int32", trainable=False)
            self.scalar = self.add_weight()

        def call(self, x: Any) -> Any:
            return x * ops.cast(self.n, "float32") + 0.0 * self.scalar

    layer = Odd()
    np.testing.assert_allclose(layer(np.float32([2])), [2])
    assert [(w.name, w.dtype) for w in layer.weights] == [
        ("variable_1", "float32"),
        ("variable_0", "int32"),
    ]


def test_variables_as_attributes() -> None:
    class Offset(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.by = seqir.Variable(np.float32([1, 2]), name="by")

        def call(self, x: Any) -> Any:
            return x + self.by

    layer = Offset()
    np.testing.assert_allclose(layer(np.float32([[1, 1]])), [[2, 3]])
    assert [w.name for w in layer.weights] == ["by"]


def test_the_training_argument() -> None:
    class Mode(Layer):
        def call(self, x: Any, training: Any = None) -> Any:
            return x + (100.0 if training else 0.0)

    layer = Mode()
    x = np.zeros((1, 1), np.float32)
    assert layer(x).item() == 0
    assert layer(x, training=True).item() == 100
    with pytest.raises(ArgumentError, match="place, got True: write training=True"):
        layer(x, True)
    outer = seqir.Sequential([Input((1,)), layer])
    assert outer(x).item() == 0
    assert outer(x, training=True).item() == 100
    symbol = Input((1,))
    assert seqir.Model(symbol, layer(symbol, training=True))(x).item() == 100


def test_several_outputs_and_inputs() -> None:
    class Split(Layer):
        def call(self, x: Any) -> Any:
            return {"low": x[:, :2], "high": x[:, 2:]}

    class Join(Layer):
        def call(self, parts: Any, by: Any = 1.0) -> Any:
            return ops.concatenate([parts["high"], parts["low"]], -1) * by

    x = random(2, 4)
    parts = Split()(x)
    assert {k: v.shape for k, v in parts.items()} == {"low": (2, 2), "high": (2, 2)}
    np.testing.assert_allclose(Join()(parts), x[:, [2, 3, 0, 1]])
    symbol = Input((4,))
    model = seqir.Model(symbol, Join()(Split()(symbol), by=2.0))
    np.testing.assert_allclose(model(x), 2 * x[:, [2, 3, 0, 1]])


def test_named_tuples_stay_named_tuples() -> None:
    class Pair(NamedTuple):
        first: Any
        second: Any

    class Make(Layer):
        def call(self, x: Any) -> Any:
            return Pair(x, -x)

    x = random(1, 2)
    found = Make()(x)
    np.testing.assert_allclose(found.second, -found.first)
    symbol = Input((2,))
    pair = Make()(symbol)
    np.testing.assert_allclose(seqir.Model(symbol, pair.second)(x), -x)


def test_tensors_as_keyword_arguments() -> None:
    class Attend(Layer):
        def call(self, query: Any, *, key: Any) -> Any:
            return ops.matmul(query, ops.transpose(key, (0, 2, 1)))

    a, b = Input((2, 4)), Input((3, 4))
    model = seqir.Model([a, b], Attend()(a, key=b))
    xs = [random(2, 2, 4), random(2, 3, 4)]
    np.testing.assert_allclose(
        model(xs), xs[0] @ xs[1].transpose(0, 2, 1), rtol=1e-4, atol=1e-5
    )


def test_positional_tensors() -> None:
    class Both(Layer):
        def call(self, a: Any, b: Any) -> Any:
            return a - b

    a, b = Input((2,)), Input((2,))
    x = random(1, 2)
    np.testing.assert_allclose(seqir.Model([a, b], Both()(a, b))([x, 2 * x]), -x)
    np.testing.assert_allclose(Both()(x, 2 * x), -x)


def test_state_that_a_call_changes() -> None:
    class Counter(Layer):
        def build(self, input_shape: Any) -> None:
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

        def call(self, x: Any) -> Any:
            self.count.assign(self.count + 1.0)
            return x

    layer = Counter()
    for _ in range(3):
        layer(random(1, 2))
    assert layer.count.numpy() == 3


def test_mixed_precision_reaches_custom_layers() -> None:
    layer = Linear(3, dtype="mixed_float16")
    y = layer(random(2, 4))
    assert y.dtype == np.float16
    assert [w.dtype for w in layer.weights] == ["float32", "float32"]
    kept = Linear(3, dtype="mixed_float16", autocast=False)
    assert kept(random(2, 4)).dtype == np.float32


def test_an_attribute_changed_later_counts() -> None:
    layer = Scale(2.0)
    x = np.float32([[1, 2]])
    np.testing.assert_allclose(layer(x), 2 * x)
    layer.factor = 3.0
    np.testing.assert_allclose(layer(x), 3 * x)
    model = seqir.Sequential([Input((2,)), layer])
    np.testing.assert_allclose(model(x), 3 * x)
    layer.factor = 4.0
    np.testing.assert_allclose(model(x), 4 * x)


def test_what_a_layer_inside_changes_counts() -> None:
    block = Block()
    x = random(2, 4)
    block(x)
    block.first.activation = seqir.activations.linear
    found = block(x)
    wanted = x @ block.first.kernel.numpy()
    for layer in (*block.stack, block.heads["out"]):
        wanted = layer(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_functions_of_ops_are_a_vocabulary_of_their_own() -> None:
    class Norm(Layer):
        def call(self, x: Any) -> Any:
            mean = ops.mean(x, axis=-1, keepdims=True)
            size = ops.shape(x)[-1]
            centred = x - mean
            length = ops.sqrt(ops.sum(centred**2, -1, keepdims=True))
            return centred / length * float(size) ** 0.5

    x = random(3, 5)
    found = seqir.Sequential([Input((5,)), Norm()])(x)
    wanted = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_subclassed_model() -> None:
    class Net(seqir.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.hidden = Dense(5, activation="relu")
            self.head = Dense(2)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.head(self.hidden(x))

    model = Net(name="net")
    with pytest.raises(NotBuiltError, match="model 'net' is not built yet"):
        _ = model.weights
    x = random(3, 4)
    y = model(x)
    np.testing.assert_allclose(y, model.head(model.hidden(x)), rtol=1e-5, atol=1e-6)
    assert [w.path for w in model.weights][:2] == ["net/dense/kernel", "net/dense/bias"]
    assert model.count_params() == 25 + 12
    np.testing.assert_allclose(model.predict(np.tile(x, (20, 1)))[:3], y, rtol=1e-5)


# What goes wrong, and what it says.


def test_a_layer_without_call() -> None:
    class Nothing(Layer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no call method"):
        Nothing()(random(1, 2))


def test_errors_name_the_layers_that_they_lie_in() -> None:
    class Outer(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = Dense(2, name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x) @ x

    with pytest.raises(ShapeError) as caught:
        Outer(name="outer")(random(3, 4))
    notes = " | ".join(caught.value.__notes__)
    assert "in layer 'outer' (Outer), input f32[3, 4]" in notes


def test_a_tensor_of_a_model_inside_call() -> None:
    outside = Input((2,))

    class Leaks(Layer):
        def call(self, x: Any) -> Any:
            return x + outside

    with pytest.raises(GraphError, match="pass it as an argument"):
        Leaks()(random(1, 2))


def test_numpy_inside_call() -> None:
    class Wrong(Layer):
        def call(self, x: Any) -> Any:
            return np.asarray(x)

    with pytest.raises(TypeError, match=r"use seqir\.ops instead"):
        Wrong()(random(1, 2))


def test_truth_of_a_tensor_inside_call() -> None:
    class Wrong(Layer):
        def call(self, x: Any) -> Any:
            return x if ops.mean(x) > 0 else -x

    with pytest.raises(TypeError, match=r"use ops\.where to choose"):
        Wrong()(random(1, 2))


def test_a_weight_of_unknown_size() -> None:
    layer = Linear(3, name="lin")
    with pytest.raises(ShapeError, match=r"weight 'w' of layer 'lin' .*known size"):
        layer(Input((None,)))


def test_methods_take_what_kerass_take() -> None:
    layer = Layer(name="own")
    w = layer.add_variable((2,), "ones", trainable=False, name="w")
    assert (w.path, w.trainable, layer.weights == [w]) == ("own/w", False, True)
    embedding = seqir.layers.Embedding(3, 2, mask_zero=True)
    embedding.build()
    assert embedding.embeddings.shape == (3, 2)
    np.testing.assert_array_equal(embedding.compute_mask([[2, 0]]), [[True, False]])
    assert layer.compute_mask(np.ones((1, 2))) is None


def test_layers_inside_are_called_on_arrays_too() -> None:
    """Positions, say, which `ops.arange` gives as an array of known size."""

    class Placed(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.places = layers.Embedding(5, 3)
            self.scale = layers.Dense(3)

        def call(self, x: Any) -> Any:
            size = x.shape[1]
            shift = self.scale(np.ones((1, 2)))
            return (
                x + self.places(ops.arange(size)) + self.places(np.arange(size)) + shift
            )

    x = np.ones((2, 4, 3), np.float32)
    layer = Placed()
    model = seqir.Sequential([seqir.Input((4, 3)), layer])
    table, kernel, bias = layer.get_weights()
    wanted = x + 2 * table[:4] + kernel.sum(0) + bias
    np.testing.assert_allclose(model(x), wanted, rtol=1e-5)
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-5)
