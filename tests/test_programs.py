"""Programs of the kinds that people write, whole: each trains and keeps its promise.

They are written as for Keras, `import seqir as keras` apart, with nothing that only
seqir has.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import seqir as keras
from seqir import layers, ops


@pytest.fixture(autouse=True)
def seeded() -> None:
    keras.utils.set_random_seed(3)


def shapes(count: int, size: int = 16, seed: int = 0) -> tuple[Any, Any]:
    """Pictures with a bright horizontal or vertical bar somewhere, and which it is."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.3, (count, size, size, 1)).astype("float32")
    y = rng.integers(0, 2, count)
    for image, kind, place in zip(x, y, rng.integers(2, size - 4, count), strict=True):
        band = (slice(place, place + 2), slice(2, -2))
        image[band if kind else band[::-1]] += 0.6
    return x, y


def test_pictures_in_folders_are_classified_with_augmentation(tmp_path: Path) -> None:
    x, y = shapes(160)
    for i, (image, kind) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / ("across" if kind else "down")
        folder.mkdir(exist_ok=True)
        keras.utils.save_img(folder / f"{i}.png", image * 255, scale=False)
    given = {
        "validation_split": 0.25,
        "seed": 1,
        "image_size": (16, 16),
        "color_mode": "grayscale",
        "batch_size": 16,
    }
    train, held = (
        keras.utils.image_dataset_from_directory(tmp_path, subset=subset, **given)
        for subset in ("training", "validation")
    )
    assert train.class_names == ["across", "down"]
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal_and_vertical"),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomContrast(0.1, value_range=(0, 255)),
        ]
    )
    train = train.map(lambda images, labels: (augment(images, training=True), labels))
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dropout(0.1),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.01
    model.fit(train, validation_data=held, epochs=12, verbose=0)
    assert model.evaluate(held, verbose=0)[1] > 0.9


def test_twins_learn_which_pictures_are_alike() -> None:
    """A siamese network with a contrastive loss."""
    x, y = shapes(256)
    rng = np.random.default_rng(1)
    other = rng.permutation(len(x))
    alike = (y == y[other]).astype("float32")

    image = keras.Input((16, 16, 1))
    h = layers.Conv2D(8, 3, activation="relu")(image)
    h = layers.Conv2D(16, 3, strides=2, activation="relu")(h)
    h = layers.GlobalMaxPooling2D()(h)
    tower = keras.Model(image, layers.Dense(8)(h), name="tower")

    def distance(vectors: Any) -> Any:
        a, b = vectors
        squared = ops.sum(ops.square(a - b), axis=1, keepdims=True)
        return ops.sqrt(ops.maximum(squared, keras.backend.epsilon()))

    def contrastive(y_true: Any, y_pred: Any) -> Any:
        far = ops.square(ops.maximum(1.0 - y_pred, 0.0))
        return ops.mean(y_true * ops.square(y_pred) + (1 - y_true) * far)

    left, right = keras.Input((16, 16, 1)), keras.Input((16, 16, 1))
    model = keras.Model([left, right], distance([tower(left), tower(right)]))
    model.compile(keras.optimizers.Adam(0.005), contrastive)
    model.fit([x, x[other]], alike, batch_size=32, epochs=12, verbose=0)

    fresh, kinds = shapes(64, seed=9)
    near = model.predict([fresh[:32], fresh[32:]], verbose=0)[:, 0] < 0.5
    assert (near == (kinds[:32] == kinds[32:])).mean() > 0.9


def test_a_map_shows_where_the_network_looked() -> None:
    """Grad-CAM: the last feature maps, weighted by the slopes of the winning score."""
    x, y = shapes(256)
    image = keras.Input((16, 16, 1))
    h = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    h = layers.Conv2D(8, 3, padding="same", activation="relu", name="last")(h)
    scores = layers.Dense(2)(layers.GlobalAveragePooling2D()(h))
    model = keras.Model(image, scores)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=32, epochs=10, verbose=0).history
    assert history["accuracy"][-1] > 0.95

    class Looking(layers.Layer):
        """The map of each image, from its features."""

        def __init__(self, head: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.head = head

        def call(self, features: Any) -> Any:
            best = ops.max(self.head(features), axis=-1)
            slopes = keras.gradient(ops.sum(best), features)
            weights = ops.mean(slopes, axis=(1, 2), keepdims=True)
            return ops.relu(ops.sum(weights * features, axis=-1))

    last = model.get_layer("last")
    head = keras.Sequential(model.layers[-2:])
    features = keras.Model(model.inputs, last.output)
    maps = keras.Model(model.inputs, Looking(head)(features(model.inputs)))
    seen = maps.predict(x[:8], verbose=0)
    assert seen.shape == (8, 16, 16)
    bright = x[:8, ..., 0] > 0.55
    assert seen[bright].mean() > 2 * seen[~bright].mean()


def test_a_backbone_is_frozen_and_then_fine_tuned() -> None:
    """Transfer learning: a new head first, then everything with a small step."""
    x, y = shapes(256)
    base = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(16, 3, activation="relu"),
        ]
    )
    base.trainable = False
    inputs = keras.Input((16, 16, 1))
    h = layers.GlobalMaxPooling2D()(base(inputs, training=False))
    model = keras.Model(inputs, layers.Dense(1)(h))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    accuracy = keras.metrics.BinaryAccuracy(threshold=0)
    before = base.get_weights()
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=[accuracy])
    model.fit(x, y, epochs=2, verbose=0)
    assert all(map(np.array_equal, before, base.get_weights()))
    frozen = model.evaluate(x, y, verbose=0)[0]

    base.trainable = True
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=[accuracy])
    model.fit(x, y, epochs=6, verbose=0)
    assert model.evaluate(x, y, verbose=0)[0] < 0.7 * frozen
    moving = [
        not np.array_equal(*p) for p in zip(before, base.get_weights(), strict=True)
    ]
    assert moving == [True] * 4 + [False] * 2 + [True] * 2


class Patches(layers.Layer):
    """Squares of an image as rows of a matrix, each with where it was."""

    def __init__(self, size: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.project = layers.Dense(width)
        self.places = layers.Embedding(16, width)

    def call(self, images: Any) -> Any:
        found = ops.image.extract_patches(images, self.size)
        rows = ops.reshape(found, (ops.shape(images)[0], -1, self.size * self.size))
        return self.project(rows) + self.places(ops.arange(16))

    def get_config(self) -> Any:
        return {**super().get_config(), "size": self.size, "width": self.project.units}


def test_a_vision_transformer_learns_and_is_kept(tmp_path: Path) -> None:
    x, y = shapes(384)
    image = keras.Input((16, 16, 1))
    h = Patches(4, 16)(image)
    for _ in range(2):
        normed = layers.LayerNormalization(epsilon=1e-6)(h)
        seen = layers.MultiHeadAttention(num_heads=2, key_dim=8, dropout=0.1)
        h = layers.Add()([h, seen(normed, normed)])
        normed = layers.LayerNormalization(epsilon=1e-6)(h)
        wide = layers.Dense(32, activation="gelu")(normed)
        h = layers.Add()([h, layers.Dropout(0.1)(layers.Dense(16)(wide))])
    h = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(h))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(h))
    loss = "sparse_categorical_crossentropy"
    schedule = keras.optimizers.schedules.CosineDecay(0.005, 240)
    model.compile(keras.optimizers.AdamW(schedule), loss, metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=20, verbose=0)
    fresh, kinds = shapes(64, seed=5)
    assert model.evaluate(fresh, kinds, verbose=0)[1] > 0.9

    model.save(tmp_path / "vit.keras")
    own = {"Patches": Patches}
    again = keras.models.load_model(tmp_path / "vit.keras", custom_objects=own)
    np.testing.assert_array_equal(again(fresh), model(fresh))
    assert model.export(tmp_path / "vit.onnx").verified == "unoptimized"


def test_a_student_learns_from_a_teacher(tmp_path: Path) -> None:
    """Knowledge distillation, with `compute_loss` of one's own."""
    x, y = shapes(256)

    def network(filters: int) -> Any:
        return keras.Sequential(
            [
                keras.Input((16, 16, 1)),
                layers.Conv2D(filters, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(filters, 3, activation="relu"),
                layers.GlobalMaxPooling2D(),
                layers.Dense(2),
            ]
        )

    teacher = network(12)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    teacher.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    teacher.fit(x, y, epochs=10, verbose=0)
    teacher.trainable = False

    class Distiller(keras.Model):
        def __init__(self, student: Any, teacher: Any) -> None:
            super().__init__()
            self.student, self.teacher = student, teacher

        def call(self, x: Any, training: bool = False) -> Any:
            return self.student(x, training=training)

        def compute_loss(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, **kwargs: Any
        ) -> Any:
            soft = ops.softmax(self.teacher(x, training=False) / 3)
            mine = ops.softmax(y_pred / 3)
            divergence = keras.losses.KLDivergence()(soft, mine) * 9
            return 0.2 * self.loss_of_classes(y, y_pred) + 0.8 * divergence  # pyright: ignore[reportAttributeAccessIssue]

    student = Distiller(network(4), teacher)
    student.loss_of_classes = loss
    student.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"])
    before = teacher.get_weights()
    history = student.fit(x, y, epochs=15, verbose=0).history
    assert all(map(np.array_equal, before, teacher.get_weights()))
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert student.evaluate(x, y, return_dict=True, verbose=0)["accuracy"] > 0.9


def test_rows_of_words_and_values_are_classified(tmp_path: Path) -> None:
    """Structured data: words by a vocabulary, values in bins, one file for all."""
    rng = np.random.default_rng(4)
    towns = np.array(["north", "south", "east", "west"])
    town, age = rng.choice(towns, (512, 1)), rng.uniform(18, 80, (512, 1))
    code, income = rng.integers(100, 104, (512, 1)), rng.normal(3, 1, (512, 1))
    y = ((town == "north") & (age > 40) | (code == 102)).astype("float32")
    rows = {
        "town": town,
        "code": code,
        "age": age.astype("float32"),
        "income": income.astype("float32"),
    }

    words = layers.StringLookup(output_mode="one_hot")
    codes = layers.IntegerLookup(output_mode="one_hot")
    bins = layers.Discretization(num_bins=8, output_mode="one_hot")
    scaled = layers.Normalization()
    makers = {"town": words, "code": codes, "age": bins, "income": scaled}
    for name, layer in makers.items():
        layer.adapt(rows[name])
    assert sorted(words.get_vocabulary()) == sorted(["[UNK]", *towns])

    dtypes = {"town": "string", "code": "int64"}
    inputs = {
        name: keras.Input((1,), name=name, dtype=dtypes.get(name, "float32"))
        for name in rows
    }
    parts = [makers[name](inputs[name]) for name in inputs]
    h = layers.Dense(16, activation="relu")(layers.Concatenate()(parts))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(rows, y, epochs=15, verbose=0)
    right = (model.predict(rows, verbose=0) > 0.5) == y
    assert right.mean() > 0.95

    model.save(tmp_path / "rows.keras")
    again = keras.models.load_model(tmp_path / "rows.keras")
    fresh = {name: values[:5] for name, values in rows.items()} | {
        "town": np.array([["nowhere"]] * 5)
    }
    np.testing.assert_array_equal(
        again.predict(fresh, verbose=0), model.predict(fresh, verbose=0)
    )
    report = model.export(tmp_path / "rows.onnx")
    assert report.inputs["town"] == "str[batch, 1]"
    session = onnxruntime.InferenceSession(tmp_path / "rows.onnx")
    feeds = {name: fresh[name].astype(object) for name in ("town",)}
    (found,) = session.run(None, {**fresh, **feeds})
    np.testing.assert_allclose(found, model.predict(fresh, verbose=0), rtol=1e-5)
