"""Makes `tables.zip`: features and vocabularies that Keras 3 has learned and written.

Run it where Keras 3 and TensorFlow are, which alone learns them there:
``KERAS_BACKEND=tensorflow python tests/data/tables.py``. The tests need the archive
alone. What is in it came from Keras 3.15.1 and TensorFlow 2.21.0.

For each name there are NAME.keras and NAME.npz: inputs ``x_...`` and outputs ``y_...``
by their names, ``x`` and ``y`` where there is one.
"""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

ARCHIVE = Path(__file__).with_suffix(".zip")
RAW = {
    "plain": [0.0, 0.1, 0.2, 0.3],
    "normed": [1.0, 2.0, 3.0, 4.0],
    "scaled": [1.0, 2.0, 3.0, 4.0],
    "binned": [1.0, 2.0, 3.0, 4.0],
    "word": ["a", "b", "cé", "a"],
    "number": [3, 4, 3, 9],
    "hashed": [1, 2, 3, 4],
    "text": ["x", "y", "z", "w"],
}
FEW = {name: RAW[name] for name in ("word", "number", "normed")}
TEXTS = ["The cat sat.", "the CAT ate a mouse!", "a mouse\tsat", "", "Ünï dog dog"]
Space = keras.utils.FeatureSpace


def concat() -> Any:
    return Space(
        {
            "word": "string_categorical",
            "plain": "float",
            "normed": "float_normalized",
            "scaled": Space.float_rescaled(scale=0.5, offset=1.0),
            "binned": Space.float_discretized(num_bins=3),
            "number": Space.integer_categorical(max_tokens=5, num_oov_indices=2),
            "hashed": "integer_hashed",
            "text": Space.string_hashed(num_bins=7),
        },
        crosses=[("word", "number"), Space.cross(("text", "hashed"), crossing_dim=5)],
        hashing_dim=4,
        crossing_dim=6,
    )


def apart() -> Any:
    return Space(
        {
            "word": "string_categorical",
            "normed": "float_normalized",
            "number": Space.integer_categorical(output_mode="int"),
        },
        output_mode="dict",
        crosses=[("word", "number")],
    )


def columns(raw: Any) -> Any:
    return {name: tf.constant(values)[:, None] for name, values in raw.items()}


@keras.saving.register_keras_serializable()
def without_vowels(x: Any) -> Any:
    return tf.strings.regex_replace(tf.strings.lower(x), "[aeiou]", "")


@keras.saving.register_keras_serializable()
def at_letters(x: Any) -> Any:
    return tf.strings.unicode_split(x, "UTF-8")


VECTORIZED: dict[str, dict[str, Any]] = {
    "words": {},
    "fixed": {"max_tokens": 6, "output_sequence_length": 3},
    "weighted": {"output_mode": "tf_idf", "ngrams": 2},
    "padded": {"output_mode": "count", "max_tokens": 20, "pad_to_max_tokens": True},
    "functions": {"standardize": without_vowels, "split": at_letters},
}
LOOKUPS: dict[str, tuple[Any, Any]] = {
    "strings": (lambda: layers.StringLookup(mask_token=""), ["b", "a", "b", "cé"]),
    "integers": (lambda: layers.IntegerLookup(num_oov_indices=2), [7, 9, 7, -3]),
    "counts": (
        lambda: layers.StringLookup(output_mode="tf_idf"),
        [["b", "a"], ["b", "b"], ["cé", "a"]],
    ),
}


def keep(folder: Path, name: str, thing: Any, x: Any, y: Any) -> None:
    thing.save(folder / f"{name}.keras")
    arrays = {f"x_{k}": v for k, v in x.items()} if isinstance(x, dict) else {"x": x}
    y = {f"y_{k}": v for k, v in y.items()} if isinstance(y, dict) else {"y": y}
    np.savez(
        folder / f"{name}.npz",
        **{k: np.array(v) for k, v in arrays.items()},
        **{k: np.asarray(v) for k, v in y.items()},
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        space = concat()
        space.adapt(RAW)
        keep(folder, "space", space, RAW, space(RAW))
        inputs = space.get_inputs()
        model = keras.Model(inputs, layers.Dense(2)(space.get_encoded_features()))
        keep(folder, "space_model", model, RAW, model(columns(RAW)))
        space = apart()
        space.adapt(tf.data.Dataset.from_tensor_slices(FEW).batch(3))
        keep(folder, "space_dict", space, FEW, space(FEW))
        for key, (make, values) in LOOKUPS.items():
            layer, x = make(), tf.constant(values)
            layer.adapt(x)
            start = keras.Input(x.shape[1:] or (1,), dtype=x.dtype.name)
            x = x if x.shape.rank == 2 else x[:, None]
            model = keras.Model(start, layer(start))
            keep(folder, key, model, np.array(values).reshape(x.shape), model(x))
        for key, options in VECTORIZED.items():
            layer, x = layers.TextVectorization(**options), tf.constant(TEXTS)[:, None]
            layer.adapt(x)
            model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
            keep(folder, key, model, np.array(TEXTS)[:, None], model(x))
        with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)


if __name__ == "__main__":
    main()
