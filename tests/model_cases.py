"""Models of every form, written once for seqir and Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def stack(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="photo"),
            layers.Conv2D(4, 3, kernel_regularizer="l2", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5, seed=3),
            layers.Dense(3, kernel_constraint="non_neg", trainable=False),
        ],
        name="stack",
    )


def deferred(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential([layers.Dense(5, "relu"), layers.Dense(2)])
    model.build((None, 4))
    return model


def several_inputs(keras: Any) -> Any:
    layers = keras.layers
    b, a = keras.Input((4,), name="b"), keras.Input((6,), name="a")
    x = layers.Concatenate(name="both")([layers.Dense(4)(a), b])
    y = layers.Dense(2, name="y")(x)
    return keras.Model({"a": a, "b": b}, {"z": layers.Dense(1, name="z")(y), "y": y})


def list_inputs(keras: Any) -> Any:
    layers = keras.layers
    b, a = keras.Input((4,)), keras.Input((4,))
    x = layers.Subtract()([layers.Dense(4)(a), b])
    return keras.Model([b, a], [layers.Add()([x, b, a]), x])


def shared(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((4,))
    inner, norm = layers.Dense(4), layers.BatchNormalization()
    y = inner(norm(inner(norm(x))))
    return keras.Model(x, layers.Add()([inner(x), y]))


def nested(keras: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Dense(3), layers.BatchNormalization()], name="inner"
    )
    x = keras.Input((4,))
    deep = keras.Model(x, layers.Dense(2)(inner(x)), name="deep")
    a = keras.Input((4,))
    y = layers.Add()([deep(a), deep(layers.Dense(4)(a))])
    outer = keras.Model(a, y, name="outer")
    return keras.Sequential([keras.Input((4,)), outer, layers.Dense(2)])


def models_at_the_end(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((4,))
    graph = keras.Model(x, [layers.Dense(4)(x), layers.Dense(4, "tanh")(x)])
    stack = keras.Sequential([keras.Input((4,)), layers.Dense(4, "tanh")])
    a, b = keras.Input((4,)), keras.Input((4,))
    first, second = graph(stack(a))
    third, fourth = graph(layers.Add()([first, stack(b)]))
    return keras.Model([a, b], [fourth, second, third, stack(stack(fourth))])


def frozen_inside(keras: Any) -> Any:
    model = nested(keras)
    model.layers[0].get_layer("deep").trainable = False
    return model


def functions(keras: Any) -> Any:
    ops = keras.ops
    x = keras.Input((4, 6))
    y = x[:, 1:3, ::2] * np.float32([1.0, 2.0, 3.0]) + 1.0
    y = ops.concatenate([y, ops.relu(y), 1.0 - y], axis=-1)
    y = ops.einsum("btf,fg->btg", y, np.ones((9, 2), np.float32))
    y = ops.sum(y, axis=1, keepdims=True) / ops.sqrt(ops.square(y) + 1.0)
    y = ops.where(y > 0.0, y, ops.leaky_relu(y, negative_slope=0.3))
    y = ops.reshape(ops.transpose(y, (0, 2, 1)), (-1, 4))
    y = ops.softmax(ops.clip(y, -1.0, 1.0), axis=-1)
    return keras.Model(x, [y, ops.stack([y, y], axis=1), ops.expand_dims(y, 1)])


def split(keras: Any) -> Any:
    ops = keras.ops
    x = keras.Input((6,))
    a, b, c = ops.split(x, 3, axis=-1)
    return keras.Model(x, [keras.layers.Dense(2)(a) + b, ops.maximum(b, c)])


def always_training(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((4,))
    y = layers.BatchNormalization()(x, training=True)
    return keras.Model(x, layers.Dropout(0.5)(y, training=False))


def residual(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    z = layers.SeparableConv2D(8, 3, padding="same")(layers.ReLU(6.0)(y))
    z = layers.DepthwiseConv2D(3, padding="same")(layers.PReLU(shared_axes=[1, 2])(z))
    y = layers.Add()([y, z])
    y = layers.Conv2DTranspose(4, 3, 2, "same", activation=layers.LeakyReLU(0.2))(y)
    return keras.Model(x, layers.GlobalAveragePooling2D()(y))


def words(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5,), dtype="int32")
    y = layers.Embedding(7, 4, mask_zero=True)(x)
    y = layers.GlobalAveragePooling1D()(y)
    return keras.Model(x, layers.LayerNormalization()(y))


def half(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, dtype="mixed_float16"),
            layers.Dense(2, dtype="float32"),
        ]
    )


def random_graph(keras: Any, seed: int, depth: int = 2) -> Any:
    """Layers, functions and models, called several times on what there is."""
    rng = np.random.default_rng(seed)
    layers = keras.layers
    inputs = [keras.Input((4,)) for _ in range(rng.integers(1, 4))]
    if len(inputs) == 1 and rng.integers(2) and depth < 2:
        stack = [inputs[0], layers.Dense(4), layers.ReLU()]
        return keras.Sequential(stack, name=f"stack{seed}")
    callables = [layers.Dense(4), layers.Dense(4, "tanh"), layers.BatchNormalization()]
    if depth:
        inner = rng.integers(1 << 16, size=rng.integers(1, 3))
        callables += [random_graph(keras, int(n), depth - 1) for n in inner]
    tensors = list(inputs)
    for _ in range(rng.integers(4, 10)):
        kind = rng.integers(6)
        one, two = (tensors[n] for n in rng.integers(len(tensors), size=2))
        if kind == 0:
            tensors.append(layers.Add()([one, two]))
        elif kind == 1:
            tensors.append(one * 0.5 - two)
        else:
            called = callables[rng.integers(len(callables))]
            count = len(getattr(called, "inputs", [one]))
            chosen = [tensors[n] for n in rng.integers(len(tensors), size=count)]
            made = called(chosen if count > 1 else chosen[0])
            tensors += made if isinstance(made, list) else [made]
    made = tensors[len(inputs) :]
    several = [made[n] for n in rng.integers(len(made), size=rng.integers(1, 4))]
    outputs = [*several, made[-1]]
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], outputs, name=f"graph{seed}"
    )


CASES: dict[str, Callable[[Any], Any]] = {
    case.__name__: case
    for case in (
        stack, deferred, several_inputs, list_inputs, shared, nested, models_at_the_end,
        frozen_inside, functions, split, always_training, residual, words, half,
    )
}  # fmt: skip
WITH_FUNCTIONS = ("functions", "split")
"""What the older format cannot keep; Keras writes files that it cannot read."""
WITH_MASKS = ("words",)
"""Keras puts the comparison that makes a mask between the layers, as a function."""
