"""Makes `keras2.zip`: models and trainings that Keras 2 wrote, with what they compute.

Run it where TensorFlow and tf_keras are: ``python tests/data/keras2.py``. The tests
need the archive alone. What is in it came from tf_keras 2.21.0.

For each name there are NAME.h5, mostly NAME.keras, and NAME.npz: inputs ``x0``, ... and
outputs ``y0``, ...; for trainings weights when it was saved ``v0``, ..., after three
more epochs ``w0``, ..., and what they are evaluated to then.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import backend as K
from tf_keras import layers as L
from tf_keras.src.applications.inception_resnet_v2 import CustomScaleLayer

ARCHIVE = Path(__file__).with_suffix(".zip")
RNG = np.random.default_rng(0)
KINDS = (".h5", ".keras")


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def randomize(model: Any) -> Any:
    for variable in model.weights:
        if variable.dtype.is_floating:
            value = normal(*variable.shape)
            positive = "variance" in variable.name
            variable.assign(abs(value) + 0.2 if positive else value * 0.5)
    return model


def keep(
    folder: Path, name: str, model: Any, inputs: list[Any], kinds: Any = KINDS
) -> None:
    randomize(model)
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    flat = outputs if isinstance(outputs, list) else [outputs]
    for kind in kinds:
        model.save(folder / f"{name}{kind}")
    model.save_weights(folder / f"{name}.weights.h5")
    arrays = {f"x{i}": x for i, x in enumerate(inputs)}
    arrays |= {f"y{i}": np.asarray(y) for i, y in enumerate(flat)}
    np.savez(folder / f"{name}.npz", **arrays)


# Layers: a stack of them for each input.

STACKS: dict[tuple[int, ...], list[list[Any]]] = {
    (12, 10, 3): [
        [
            L.Conv2D(4, 3, activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dropout(0.3),
            L.Dense(3, activation="softmax"),
        ],
        [
            L.SeparableConv2D(4, 3, padding="same", depth_multiplier=2),
            L.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
            L.Conv2DTranspose(4, 3, strides=2, padding="same"),
            L.LeakyReLU(alpha=0.2),
            L.PReLU(shared_axes=[1, 2]),
            L.ELU(),
            L.GlobalMaxPooling2D(),
        ],
        [
            L.LayerNormalization(axis=[2, 3]),
            L.GroupNormalization(3),
            L.UnitNormalization(),
            L.BatchNormalization(axis=1, scale=False),
            L.SpatialDropout2D(0.2),
            L.GaussianNoise(0.1),
        ],
        [
            L.Rescaling(1 / 25, -1),
            L.Normalization(mean=[1.0, 2, 3], variance=[1.0, 2, 1]),
            L.Resizing(8, 9),
            L.CenterCrop(6, 6),
            L.UpSampling2D(2, interpolation="bilinear"),
            L.ZeroPadding2D(((1, 2), (0, 1))),
            L.Cropping2D(1),
        ],
    ],
    (16, 4): [
        [
            L.Conv1D(6, 3, padding="causal", dilation_rate=2),
            L.SeparableConv1D(5, 3),
            L.Conv1DTranspose(3, 2, strides=2),
            L.AveragePooling1D(2),
            L.UpSampling1D(2),
            L.ZeroPadding1D(2),
            L.Cropping1D(1),
            L.Permute((2, 1)),
            L.Reshape((-1, 3)),
            L.GlobalAveragePooling1D(),
        ]
    ],
    (5, 5, 5, 2): [
        [L.Conv3D(3, 2), L.MaxPooling3D(2), L.UpSampling3D(2), L.ZeroPadding3D(1)]
    ],
    (4,): [
        [
            L.Dense(3, kernel_regularizer="l2", kernel_constraint="non_neg"),
            L.Activation("swish"),
            L.ReLU(max_value=2, negative_slope=0.1, threshold=0.1),
            L.ActivityRegularization(0.1),
            L.RepeatVector(3),
            L.Softmax(),
        ],
        [
            L.Dense(3, activation=L.LeakyReLU(0.1), bias_initializer="ones"),
            L.Activation(tf.nn.tanh),
            L.Dense(2, activation=tf.nn.relu, activity_regularizer="l1"),
        ],
    ],
}


def layers(folder: Path) -> None:
    inputs: list[Any] = []
    outputs: list[Any] = []
    for shape, stacks in STACKS.items():
        x = L.Input(shape)
        inputs.append(x)
        outputs += [keras.Sequential([L.Input(shape), *stack])(x) for stack in stacks]
    keep(
        folder, "layers", keras.Model(inputs, outputs), [normal(3, *s) for s in STACKS]
    )


def connected(folder: Path) -> None:
    """Shared layers, merges, models in models; a stack without an input of its own."""
    a, b = L.Input((4,), name="a"), L.Input((4,), name="b")
    ids = L.Input((7,), name="ids", dtype="int32")
    shared = L.Dense(4, activation="tanh", name="shared")
    u, v = shared(a), shared(b)
    inner = keras.Sequential([L.Input((4,)), L.Dense(4), L.BatchNormalization()])
    x = L.Input((4,))
    block = keras.Model(x, L.Add()([x, L.Dense(4)(inner(x))]), name="block")
    both = (L.Add, L.Subtract, L.Multiply, L.Maximum, L.Minimum, L.Average)
    merged = [kind()([u, v]) for kind in (*both, L.Concatenate)]
    scaled = CustomScaleLayer(0.5)([u, v])
    bias = tf.constant_initializer(0.1)  # not Keras's, as in EfficientNetV2
    slashed = L.Dense(4, bias_initializer=bias, name="left/side")(scaled)
    slashed = L.Activation("relu", name="left/relu")(slashed)
    words = L.GlobalAveragePooling1D()(L.Embedding(10, 4)(ids))
    late = keras.Sequential([L.Dense(3), L.Dense(2, name="late")], name="stack")
    outputs = [*merged, L.Dot(1)([u, v]), block(block(u)), late(words), slashed]
    inputs = [normal(3, 4), normal(3, 4), RNG.integers(0, 10, (3, 7), dtype="int32")]
    keep(folder, "connected", keras.Model([a, b, ids], outputs), inputs)
    stack = keras.Sequential([L.Dense(3, input_shape=(4,)), L.Dense(2)])
    keep(folder, "stack", stack, [normal(3, 4)])


# Functions between layers.

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sums": lambda a, b: (a + b) * 1.5 - (2.0 + a) / (b * b + 1) + (1.0 - b) - 0.5 * a,
    "powers": lambda a, b: (a * a + 1) ** 2.0 + abs(b) - (-a) + a // 0.3 + b % 0.3,
    "constants": lambda a, b: a * np.arange(3, dtype="f4") + np.ones((5, 3), "f4"),
    "compared": lambda a, b: tf.cast(a > b, tf.float32) + tf.cast(a <= 0.1, "float32"),
    "where": lambda a, b: tf.where(tf.logical_and(a > 0.0, b <= 0.5), a, 0.0),
    "or": lambda a, b: tf.where(tf.logical_or(a < 0.0, tf.logical_not(b >= 0.5)), a, b),
    "equal": lambda a, b: tf.cast(tf.equal(a, b), "float32"),
    "matmul": lambda a, b: a @ tf.transpose(b, [0, 2, 1]),
    "slices": lambda a, b: a[:, 1:, 0] + b[:, :-1, 2],
    "steps": lambda a, b: a[:, ::2, ::-1],
    "new axis": lambda a, b: a[:, None, -1],
    "mean": lambda a, b: tf.reduce_mean(a, axis=[1]) + K.mean(b, axis=1),
    "sum": lambda a, b: tf.reduce_sum(a, -1, keepdims=True) + K.sum(a - b, 2, True),
    "max": lambda a, b: tf.reduce_max(a, axis=[1, 2]) + tf.reduce_min(b, axis=[1, 2]),
    "prod": lambda a, b: tf.reduce_prod(a, 2) + tf.reduce_logsumexp(b, -1),
    "std": lambda a, b: tf.math.reduce_std(a, 1) + tf.math.reduce_variance(b, 1),
    "any": lambda a, b: tf.cast(tf.reduce_any(a > 1.0, axis=1), "float32"),
    "all": lambda a, b: tf.cast(tf.reduce_all(a > -1.0, axis=1), "float32"),
    "unit": lambda a, b: tf.math.l2_normalize(a, axis=-1) + K.l2_normalize(b, axis=1),
    "relu": lambda a, b: tf.nn.relu(a) + tf.nn.relu6(b * 9) + tf.nn.leaky_relu(a),
    "leaky": lambda a, b: tf.nn.leaky_relu(a, 0.1) + K.relu(b, alpha=0.1, max_value=1),
    "softmax": lambda a, b: tf.nn.softmax(a, axis=1) + tf.nn.softmax(b) + K.softmax(a),
    "log softmax": lambda a, b: tf.nn.log_softmax(a),
    "gelu": lambda a, b: tf.nn.gelu(a) + tf.nn.gelu(b, approximate=True),
    "elu": lambda a, b: tf.nn.elu(a) + tf.nn.selu(b) + tf.nn.silu(a) + tf.nn.swish(b),
    "tanh": lambda a, b: tf.tanh(a) + tf.sigmoid(b) + tf.nn.tanh(a) + tf.nn.sigmoid(b),
    "softplus": lambda a, b: tf.nn.softplus(a) + tf.math.softplus(b),
    "softsign": lambda a, b: tf.nn.softsign(b),
    "hard sigmoid": lambda a, b: keras.activations.hard_sigmoid(a),
    "exp": lambda a, b: tf.exp(a) + tf.math.log(b * b + 1) + tf.math.log1p(a * a),
    "roots": lambda a, b: tf.sqrt(a * a) + tf.square(b) + tf.math.rsqrt(a * a + 1),
    "waves": lambda a, b: tf.sin(a) + tf.cos(b) + tf.math.erf(a),
    "rounded": lambda a, b: tf.floor(a) + tf.math.ceil(b) + tf.round(a) + tf.sign(b),
    "reciprocal": lambda a, b: tf.math.reciprocal(b * b + 1.0),
    "maximum": lambda a, b: tf.maximum(a, b) + tf.minimum(a, 0.5) + tf.maximum(0.1, b),
    "clip": lambda a, b: tf.clip_by_value(a, -0.5, 0.5) + K.clip(b, -0.1, 0.1),
    "reshape": lambda a, b: tf.reshape(a, [-1, 15]) + K.reshape(b, (-1, 15)),
    "transpose": lambda a, b: tf.transpose(a, perm=[0, 2, 1]),
    "permute": lambda a, b: K.permute_dimensions(a, (0, 2, 1)),
    "expand": lambda a, b: tf.expand_dims(a, 1) + K.expand_dims(b, 1),
    "squeeze": lambda a, b: tf.squeeze(a[:, None], axis=[1]) + K.squeeze(b[:, None], 1),
    "concat": lambda a, b: tf.concat([a, b], axis=-1) + K.concatenate([b, a]),
    "stack": lambda a, b: tf.stack([a, b], axis=1),
    "tile": lambda a, b: tf.tile(a, [1, 2, 1]) + tf.repeat(b, 2, axis=1),
    "pad": lambda a, b: tf.pad(a, [[0, 0], [1, 2], [0, 0]]),
    "reflect": lambda a, b: tf.pad(a, [[0, 0], [1, 2], [0, 0]], mode="REFLECT"),
    "split": lambda a, b: tf.split(a, 3, axis=2)[1],
    "parts": lambda a, b: tf.split(a, [1, 2, 2], 1)[1],
    "unstack": lambda a, b: tf.unstack(a, axis=2)[1],
    "cast": lambda a, b: tf.cast(tf.cast(a * 3, "int32"), tf.float32),
    "argmax": lambda a, b: tf.cast(tf.argmax(a, -1) + tf.argmin(b, -1), tf.float32),
    "divided": lambda a, b: tf.divide(a, 2.0) + tf.math.floordiv(b, 0.3),
    "not equal": lambda a, b: tf.cast(tf.not_equal(a, tf.abs(a)), "float32"),
    "gather": lambda a, b: tf.gather(a, [0, 2], axis=2),
    "one hot": lambda a, b: tf.one_hot(tf.cast(abs(a), "int32"), 4),
    "like": lambda a, b: tf.identity(a) + tf.zeros_like(b) + tf.ones_like(b),
    "cumsum": lambda a, b: tf.cumsum(a, axis=1),
    "order": lambda a, b: tf.reverse(a, axis=[1]) + tf.roll(b, 1, axis=1),
    "stop": lambda a, b: tf.stop_gradient(a) * b,
    "bias": lambda a, b: tf.nn.bias_add(a, np.ones(3, "f4")),
    "top k": lambda a, b: tf.math.top_k(a, k=2)[0],
    "torch": lambda a, b: keras.applications.densenet.preprocess_input(a),
    "prepared": lambda a, b: keras.applications.mobilenet_v2.preprocess_input(a),
}  # fmt: skip
NOT_HERE: dict[str, Callable[[Any, Any], Any]] = {
    "transposed": lambda a, b: tf.linalg.matmul(a, b, transpose_b=True),
    "shape": lambda a, b: tf.reshape(a, [tf.shape(a)[0], 15]),
    "sum of all": lambda a, b: tf.add_n([a, b, a]),
}


def functions(folder: Path) -> None:
    a, b = L.Input((5, 3), name="a"), L.Input((5, 3), name="b")
    outputs = [function(a, b) for function in FUNCTIONS.values()]
    inputs = [normal(2, 5, 3), normal(2, 5, 3)]
    keep(folder, "functions", keras.Model([a, b], outputs), inputs)
    others = [function(a, b) for function in NOT_HERE.values()]
    keep(folder, "others", keras.Model([a, b], others), inputs)
    # What Keras cannot keep in .keras, and Keras 3 cannot compute with NumPy.
    caffe = keras.applications.resnet50.preprocess_input(a)
    outputs = [a[..., ::2] + b[..., 1:], tf.norm(a, axis=-1), caffe]
    more = keras.Model([a, b], outputs)
    keep(folder, "more", more, inputs, kinds=[".h5"])


# Trainings.

LABELS = RNG.integers(0, 3, 40)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
YES = RNG.integers(0, 2, (40, 1)).astype(np.float32)
NUMBERS = normal(40, 1)
TASKS: dict[str, tuple[int, str | None, Any, dict[str, Any]]] = {
    "sparse": (3, "softmax", LABELS, {
        "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"],
    }),
    "categorical": (3, "softmax", ONE_HOT, {
        "loss": "categorical_crossentropy",
        "metrics": ["acc", keras.metrics.Precision(), "cosine_similarity"],
    }),
    "binary": (1, "sigmoid", YES, {
        "loss": keras.losses.BinaryCrossentropy(label_smoothing=0.1),
        "metrics": ["accuracy", keras.metrics.AUC(name="auc")],
        "weighted_metrics": [keras.metrics.BinaryAccuracy(threshold=0.4, name="least")],
    }),
    "logits": (3, None, LABELS, {
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": [
            keras.metrics.SparseCategoricalAccuracy(name="right"),
            keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
        ],
    }),
    "regression": (1, None, NUMBERS, {
        "loss": keras.losses.Huber(0.5),
        "metrics": ["mse", keras.metrics.RootMeanSquaredError(), keras.losses.log_cosh],
    }),
    "sums": (1, None, NUMBERS, {
        "loss": keras.losses.MeanSquaredError(reduction="sum"), "loss_weights": 0.01,
    }),
}  # fmt: skip
OPTIMIZERS: dict[str, Any] = {
    "sgd": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adamw": keras.optimizers.AdamW(0.01, clipnorm=1.0),
    "schedule": keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9), amsgrad=True
    ),
    "ema": keras.optimizers.Adam(0.01, use_ema=True),
    "nadam": keras.optimizers.Nadam(0.01),
}
LEGACY: dict[str, Any] = {
    "decay": keras.optimizers.legacy.Adam(0.01, decay=0.1, clipnorm=1.0),
    "amsgrad": keras.optimizers.legacy.Adam(0.01, amsgrad=True),
    "momentum": keras.optimizers.legacy.SGD(0.1, momentum=0.9, nesterov=True),
    "centered": keras.optimizers.legacy.RMSprop(0.01, momentum=0.5, centered=True),
    "adadelta": keras.optimizers.legacy.Adadelta(0.5),
    "adagrad": keras.optimizers.legacy.Adagrad(0.1),
    "adamax": keras.optimizers.legacy.Adamax(0.1),
    "ftrl": keras.optimizers.legacy.Ftrl(0.1),
}


def train(
    folder: Path, name: str, task: str = "regression", optimizer: Any = "adam"
) -> None:
    units, activation, y, settings = TASKS[task]
    x = normal(40, 4)
    first = L.Dense(6, activation="tanh")
    last = L.Dense(units, activation=activation)
    model = keras.Sequential([L.Input((4,)), first, L.BatchNormalization(), last])
    model.compile(optimizer, **settings)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for kind in KINDS:
        model.save(folder / f"{name}{kind}")
    before = {f"v{i}": v for i, v in enumerate(model.get_weights())}
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    after = {f"w{i}": v for i, v in enumerate(model.get_weights())}
    found = json.dumps(model.evaluate(x, y, verbose=0, return_dict=True))
    np.savez(folder / f"{name}.npz", x=x, y=y, found=found, **before, **after)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for make in (layers, connected, functions):
            make(folder)
        for task in TASKS:
            train(folder, f"task {task}", task)
        for kind, optimizers in (("", OPTIMIZERS), ("legacy ", LEGACY)):
            for own, optimizer in optimizers.items():
                train(folder, f"optimizer {kind}{own}", optimizer=optimizer)
        with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)


if __name__ == "__main__":
    main()
