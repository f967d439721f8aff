"""Models that whole-model tests share: name to a function that makes one."""

from collections.abc import Callable
from typing import Any

import numpy as np

import seqir
from seqir import layers, ops

Make = Callable[[], seqir.Model]


def guide_cnn(size: int = 64) -> seqir.Model:
    return seqir.Sequential(
        [
            seqir.Input((size, size, 3)),
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ],
        name="guide_cnn",
    )


def mlp() -> seqir.Model:
    return seqir.Sequential(
        [
            seqir.Input((12,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(8, activation="gelu"),
            layers.LayerNormalization(),
            layers.Dense(4, activation="softmax"),
        ],
        name="mlp",
    )


def batch_normalized() -> seqir.Model:
    return seqir.Sequential(
        [
            seqir.Input((16, 16, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.SeparableConv2D(8, 3, strides=2, padding="same"),
            layers.BatchNormalization(scale=False),
            layers.LeakyReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.BatchNormalization(),
            layers.Activation("hard_silu"),
            layers.Flatten(),
            layers.Dense(6),
            layers.BatchNormalization(),
        ],
        name="batch_normalized",
    )


def residual() -> seqir.Model:
    x = seqir.Input((16, 16, 4), name="image")
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(4, 3, padding="same")(y)
    y = layers.Add()([x, y])
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Dense(4, activation="sigmoid")(gate)
    y = layers.Multiply()([y, gate])
    z = layers.AveragePooling2D(3, strides=1, padding="same")(y)
    y = layers.Concatenate()([y, z, y * 0.5])
    y = layers.UpSampling2D()(y)
    return seqir.Model(x, [layers.GlobalMaxPooling2D()(y), y], name="residual")


def unknown_sizes() -> seqir.Model:
    return seqir.Sequential(
        [
            seqir.Input((None, None, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.ELU(),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
            layers.ZeroPadding2D(1),
            layers.Cropping2D(((1, 0), (0, 1))),
        ],
        name="unknown_sizes",
    )


def sequence() -> seqir.Model:
    tokens = seqir.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 8, mask_zero=True)(tokens)
    x = layers.Dense(8, activation="tanh")(x)
    pooled = layers.GlobalAveragePooling1D()(x)
    all_tokens = layers.Embedding(20, 8)(tokens)  # windows have no use for a mask
    wide = layers.Conv1D(6, 3, padding="causal", activation="relu")(all_tokens)
    wide = layers.GlobalMaxPooling1D()(wide)
    y = layers.Concatenate()([pooled, wide])
    return seqir.Model(tokens, layers.Dense(3)(y), name="sequence")


def shared() -> seqir.Model:
    a, b = seqir.Input((6,), name="a"), seqir.Input((6,), name="b")
    encoder = seqir.Sequential(
        [layers.Dense(5, activation="relu"), layers.Dense(4)], name="encoder"
    )
    x, y = encoder(a), encoder(b)
    outputs = {"distance": layers.Subtract()([x, y]), "dot": layers.Dot(1)([x, y])}
    return seqir.Model({"a": a, "b": b}, outputs, name="shared")


def channels_first() -> seqir.Model:
    first = {"data_format": "channels_first"}
    return seqir.Sequential(
        [
            seqir.Input((3, 12, 12)),
            layers.Conv2D(4, 3, activation="relu", **first),
            layers.BatchNormalization(axis=1),
            layers.MaxPooling2D(2, **first),
            layers.PReLU(shared_axes=[2, 3]),
            layers.Flatten(**first),
            layers.Dense(3),
        ],
        name="channels_first",
    )


def functions() -> seqir.Model:
    x = seqir.Input((4, 6))
    y = ops.softmax(ops.matmul(x, ops.transpose(x, (0, 2, 1))) / 2.0)
    y = ops.concatenate([y, ops.reshape(x, (-1, 6, 4))[:, :3]], axis=1)
    return seqir.Model(x, ops.where(y > 0.2, y, ops.exp(-y)), name="functions")


def volumes() -> seqir.Model:
    return seqir.Sequential(
        [
            seqir.Input((6, 6, 6, 2)),
            layers.Conv3D(4, 2, activation="relu"),
            layers.MaxPooling3D(2, padding="same"),
            layers.GlobalAveragePooling3D(),
            layers.Reshape((2, 2)),
            layers.Permute((2, 1)),
            layers.Rescaling(0.5, offset=1.0),
        ],
        name="volumes",
    )


MODELS: dict[str, Make] = {
    make.__name__: make
    for make in (
        guide_cnn,
        mlp,
        batch_normalized,
        residual,
        unknown_sizes,
        sequence,
        shared,
        channels_first,
        functions,
        volumes,
    )
}


def randomize(model: seqir.Model, seed: int = 0) -> seqir.Model:
    """Give every weight numbers that matter (variances positive)."""
    rng = np.random.default_rng(seed)
    for w in model.weights:
        values = rng.normal(size=w.shape) * 0.3
        w.assign(values**2 + 0.5 if "variance" in w.name else values)
    return model


def random_feeds(graph: Any, seed: int = 1, batch: int = 3) -> dict[str, Any]:
    """Arrays for the inputs of a graph."""
    from seqir import dtypes, shapes

    rng = np.random.default_rng(seed)
    sizes = {
        s: batch if s == "batch" else 17
        for v in graph.inputs.values()
        for d in v.type.shape
        for s in shapes.symbols(d)
    }
    feeds = {}
    for name, value in graph.inputs.items():
        shape = [shapes.evaluate(d, sizes) for d in value.type.shape]
        if dtypes.is_float(value.type.dtype):
            feeds[name] = rng.normal(size=shape).astype(value.type.dtype)
        else:
            feeds[name] = rng.integers(0, 5, shape).astype(value.type.dtype)
    return feeds


def blobs(n: int = 120, classes: int = 3) -> tuple[Any, Any]:
    """Points around as many centres as there are classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n).astype(np.int32)
    centres = rng.normal(0, 2, (classes, 4))
    return (centres[y] + rng.normal(0, 0.4, (n, 4))).astype(np.float32), y
