"""What tf2onnx writes of Keras models, and Keras's own `export` with TensorFlow."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from foreign_onnx_entry import Entry, digits
from keras import layers


def mlp() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6,), name="x"),
            layers.Dense(16, activation="elu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(8, activation="selu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="swish"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def separable() -> keras.Model:
    image = keras.Input((8, 8, 1), name="image")
    x = layers.SeparableConv2D(8, 3, padding="same")(image)
    x = layers.LeakyReLU(0.1)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x)
    y = layers.Conv2DTranspose(16, 3, strides=2, padding="same")(x)
    y = layers.AveragePooling2D(2)(layers.UpSampling2D(2, interpolation="bilinear")(y))
    y = layers.ZeroPadding2D(((1, 0), (0, 1)))(y)
    y = layers.Concatenate()([layers.Cropping2D(((1, 0), (0, 1)))(y), image])
    y = layers.Flatten()(layers.MaxPooling2D(3, 2, padding="same")(y))
    return keras.Model(image, layers.Dense(10, activation="softmax")(y))


def lstm() -> keras.Model:
    steps = keras.Input((None, 4), name="steps")
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(steps)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.SimpleRNN(4)(x)
    return keras.Model(steps, layers.Dense(2)(x))


def attention() -> keras.Model:
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 8)(tokens)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    y = layers.Dense(8)(layers.Dense(16, activation="relu")(x))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + y))
    return keras.Model(tokens, layers.Dense(3, activation="softmax")(x))


def two() -> keras.Model:
    left = keras.Input((4,), name="left")
    right = keras.Input((4,), name="right")
    shared = layers.Dense(4, activation="tanh")
    both = [shared(left), shared(right)]
    out = [layers.Dot(1)(both), layers.Dense(2)(layers.Maximum()(both))]
    return keras.Model([left, right], out)


class Case(NamedTuple):
    make: Callable[[], Any]
    inputs: Callable[[np.random.Generator], list[Any]]
    forms: str
    """Opsets; `k` is Keras's own export."""
    kind: str = "numbers"


def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], list[Any]]:
    return lambda rng: [rng.normal(size=s).astype(np.float32) for s in shapes]


def images(rng: np.random.Generator) -> list[Any]:
    return [digits()[0][rng.integers(0, 1000, 3)].transpose(0, 2, 3, 1)]


CASES = {
    "mlp": Case(mlp, normal((5, 6)), "9 13 17 k"),
    "cnn": Case(cnn, images, "8 11 13 17 k", "image"),
    "separable": Case(separable, images, "13 17", "image"),
    "lstm": Case(lstm, normal((3, 5, 4)), "13 17", "sequence"),
    "attention": Case(attention, lambda rng: [rng.integers(0, 20, (3, 7), np.int32)],
                      "13 17", "sequence"),
    "two": Case(two, normal((3, 4), (3, 4)), "15"),
}  # fmt: skip


def exported(model: Any, form: str) -> onnx.ModelProto:
    if form == "k":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            model.export(path, format="onnx", verbose=False)
            return onnx.load(path)
    signature = [
        tf.TensorSpec((None, *i.shape[1:]), i.dtype, name=i.name) for i in model.inputs
    ]

    @tf.function(input_signature=signature)  # pyright: ignore[reportUntypedFunctionDecorator]
    def call(*inputs: Any) -> Any:
        return model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)  # pyright: ignore[reportGeneralTypeIssues]

    return tf2onnx.convert.from_function(call, signature, opset=int(form))[0]


def entries() -> Iterator[Entry]:
    for name, case in CASES.items():
        keras.utils.set_random_seed(0)
        model = case.make()
        if case.kind == "image":
            x, y = digits()
            model.compile("adam", "sparse_categorical_crossentropy")
            x = x[:1024].transpose(0, 2, 3, 1)
            model.fit(x, y[:1024], batch_size=64, epochs=1, verbose=0)
        inputs = case.inputs(np.random.default_rng(1))
        found = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        flat = found if isinstance(found, list) else [found]
        for form in case.forms.split():
            tool = f"tf2onnx {tf2onnx.__version__}"
            yield Entry(
                f"keras_{name}_{form}",
                exported(model, form),
                inputs,
                [np.asarray(a) for a in flat],
                f"keras {keras.__version__} export" if form == "k" else tool,
                case.kind,
            )
