"""Adds to `keras2.zip` what a release of Keras 2 writes of layers for sequences.

Run it after `keras2.py` with each release: ``python tests/data/keras2_layers.py``. The
tests need the archive alone. What is in it came from tf_keras 2.21.0, from Keras
2.15.0, 2.12.0, 2.9.0 and 2.4.0 in TensorFlow, and from Keras 2.2.5 alone; of two of
them, which differ in these alone, attention and what prepares inputs.

For each name there are RELEASE/NAME.h5, since 2.12 RELEASE/NAME.keras and weights alone
as RELEASE/NAME.weights.h5, and RELEASE/NAME.npz: inputs ``x0``... and outputs ``y0``...
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

try:
    import tf_keras as keras
except ImportError:
    try:
        import keras
    except ImportError:
        from tensorflow import keras

L = keras.layers
RELEASE = keras.__version__.split("-")[0]
NUMBER = tuple(map(int, RELEASE.split(".")))
ARCHIVE = Path(__file__).with_name("keras2.zip")
RNG = np.random.RandomState(0)
WORDS = ["on", "off", "left", "right", "up"]
TEXT = np.array([["Go left", "up, up!"], ["down right", "on off on"]], dtype=object)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def double(x: Any) -> Any:
    return x * 2.0


def only_last(x: Any) -> Any:
    return x[:, -1]


def keep(folder: Path, name: str, model: Any, inputs: list[Any]) -> None:
    arrays = [normal(*w.shape) * 0.5 for w in model.get_weights()]
    floats = [np.asarray(w).dtype.kind == "f" for w in model.get_weights()]
    if all(floats):
        model.set_weights(arrays)
    wanted = model.predict(inputs if len(inputs) > 1 else inputs[0])
    model.reset_states()
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if NUMBER >= (2, 12):
        form = "keras" if NUMBER >= (2, 13) else "keras_v3"
        model.save(folder / f"{name}.keras", save_format=form)
    if name != "learned":  # which Keras 2 keeps in no other file
        model.save(str(folder / f"{name}.h5"))
    if name != "learned" and NUMBER >= (2, 12):
        model.save_weights(str(folder / f"{name}.weights.h5"))
    kept = {f"x{i}": np.asarray(x) for i, x in enumerate(inputs)}
    kept = {k: x.astype("U") if x.dtype == object else x for k, x in kept.items()}
    kept.update({f"y{i}": np.asarray(y) for i, y in enumerate(wanted)})
    np.savez(folder / f"{name}.npz", **kept)


def recurrent(folder: Path) -> None:
    """Masked words, states from layer to layer, functions, both forms of a GRU."""
    ids, x = L.Input((None,), name="ids"), L.Input((5, 3), name="x")
    words = L.Embedding(6, 4, mask_zero=True)(ids)
    y, h, c = L.LSTM(
        4, return_sequences=True, return_state=True, recurrent_dropout=0.2, dropout=0.1
    )(words)
    outputs = [
        L.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid")(y),
        L.LSTM(4, return_sequences=True, unit_forget_bias=False)(
            x, initial_state=[h, c]
        ),
        L.GRU(3, reset_after=True, return_sequences=True, go_backwards=True)(words),
        L.GRU(3, reset_after=False, recurrent_activation="sigmoid")(y),
        L.GRU(3, use_bias=False, activation="elu", reset_after=True)(x),
        L.SimpleRNN(3, return_sequences=True, kernel_regularizer="l2")(y),
        L.SimpleRNN(3, activation="relu", unroll=True)(x),
    ]
    inputs = [np.array([[1, 2, 3, 0], [4, 0, 0, 0], [5, 5, 1, 2]]), normal(3, 5, 3)]
    keep(folder, "recurrent", keras.Model([ids, x], outputs), inputs)


def wrapped(folder: Path) -> None:
    """Layers of layers."""
    x, pictures = L.Input((6, 4), name="x"), L.Input((3, 5, 5, 2), name="pictures")
    masked = L.Masking(0.5)(x)
    zeroed = masked if NUMBER > (2, 3) else x  # before, masked steps were not zeros
    outputs = [
        L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode=mode)(zeroed)
        for mode in ("concat", "sum", "mul", "ave")
    ]
    first = L.Bidirectional(L.LSTM(2, return_sequences=True))(x)
    cells = [L.LSTMCell(3), L.GRUCell(4), L.SimpleRNNCell(2)]
    inner = keras.Sequential([L.Conv2D(2, 3, input_shape=(5, 5, 2)), L.Flatten()])
    outputs += [
        *L.Bidirectional(L.GRU(3, reset_after=True), merge_mode=None)(masked),
        L.Bidirectional(L.SimpleRNN(2))(first),
        L.RNN(cells, return_sequences=True)(masked),
        L.RNN(L.StackedRNNCells([L.GRUCell(3), L.LSTMCell(2)]))(x),
        L.TimeDistributed(L.Dense(3, activation="relu"))(masked),
        L.TimeDistributed(inner)(pictures),
        L.TimeDistributed(L.BatchNormalization())(pictures),
        L.Bidirectional(L.LSTM(2))(L.TimeDistributed(L.GlobalAveragePooling2D())(pictures)),
        L.ConvLSTM2D(3, 3, padding="same", return_sequences=True)(pictures),
        L.ConvLSTM2D(2, 2, recurrent_activation="sigmoid", dropout=0.1)(pictures),
    ]  # fmt: skip
    values = normal(2, 6, 4)
    values[0, 4:] = 0.5
    values[1, 2] = 0.5
    model = keras.Model([x, pictures], outputs)
    keep(folder, "wrapped", model, [values, normal(2, 3, 5, 5, 2)])


def stateful(folder: Path) -> None:
    """States stay from batch to batch; the last of these has fixed sizes."""
    layers = [
        L.LSTM(3, stateful=True, return_sequences=True, batch_input_shape=(2, 4, 3)),
        L.GRU(2, stateful=True, reset_after=True),
        L.Lambda(double, name="twice"),
        L.RepeatVector(2),
        L.Lambda(only_last, output_shape=(2,), name="last"),
        L.Dense(2),
    ]
    keep(folder, "stateful", keras.Sequential(layers), [normal(2, 4, 3)])


def attention(folder: Path) -> None:
    """Queries and values, with masks and without."""
    q, v, ids = L.Input((4, 6)), L.Input((5, 6)), L.Input((5,))
    words = L.Embedding(6, 6, mask_zero=True)(ids)
    outputs = [
        L.Attention()([q, v]),
        L.Attention(use_scale=True)([q, v, v]),
        L.AdditiveAttention()([q, words]),
        L.AdditiveAttention(use_scale=False)([q, v]),
    ]
    if hasattr(L, "MultiHeadAttention"):
        outputs += [
            L.MultiHeadAttention(2, 3)(q, v),
            L.MultiHeadAttention(2, 3, value_dim=2, use_bias=False)(q, v, key=v),
            L.MultiHeadAttention(2, 2, output_shape=5, name="named")(v, v),
            *L.MultiHeadAttention(1, 4)(q, v, return_attention_scores=True),
        ]
        normed = L.LayerNormalization(epsilon=1e-6)(L.Add()([q, outputs[-2]]))
        outputs.append(normed)
    values = [
        normal(2, 4, 6),
        normal(2, 5, 6),
        np.array([[1, 2, 3, 0, 0], [4, 5, 1, 2, 3]]),
    ]
    keep(folder, "attention", keras.Model([q, v, ids], outputs), values)


def prepared(folder: Path) -> None:
    """Words and numbers become numbers; vocabularies are given, or learned."""
    text, words = L.Input((1,), dtype="string"), L.Input((3,), dtype="string")
    whole, x = L.Input((3,), dtype="int64"), L.Input((2,))
    learned = L.TextVectorization(output_sequence_length=4)
    learned.adapt(TEXT.ravel())
    known = L.StringLookup()
    known.adapt(np.array(WORDS * 2 + ["up"], dtype=object))
    codes = L.IntegerLookup()
    codes.adapt(np.array([3, 3, 7, 9, 9, 9]))
    scaled = L.Normalization()
    scaled.adapt(np.array([[1.0, 2.0], [4.0, 8.0], [5.0, 2.0]], dtype=np.float32))
    outputs = [
        L.TextVectorization(vocabulary=WORDS, output_sequence_length=3)(text),
        L.TextVectorization(vocabulary=WORDS, ngrams=2, output_mode="multi_hot")(text),
        L.StringLookup(vocabulary=WORDS)(words),
        L.StringLookup(vocabulary=WORDS, mask_token="", num_oov_indices=2)(words),
        L.StringLookup(vocabulary=WORDS, output_mode="count")(words),
        L.IntegerLookup(vocabulary=[3, 5, 9])(whole),
        L.IntegerLookup(vocabulary=[3, 5, 9], output_mode="multi_hot")(whole),
        L.CategoryEncoding(num_tokens=12, output_mode="multi_hot")(whole),
        L.Hashing(num_bins=7)(words),
        L.Hashing(num_bins=7, salt=[133, 137])(words),
        L.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])(x),
        L.Discretization(bin_boundaries=[-0.5, 0.0, 1.0])(x),
        L.Rescaling(0.5, offset=1)(x),
        scaled(x),
    ]
    values = [
        TEXT.reshape(-1, 1),
        np.array([["up", "on", "?"], ["", "left", "on"]] * 2, dtype=object),
        np.array([[3, 9, 1], [5, 5, 0]] * 2, dtype=np.int64),
        normal(4, 2),
    ]
    inputs = [text, words, whole, x]
    keep(folder, "prepared", keras.Model(inputs, outputs), values)
    outputs = [learned(text), known(words), codes(whole), scaled(x)]
    if NUMBER >= (2, 12):
        keep(folder, "learned", keras.Model(inputs, outputs), values)


def main() -> None:
    makers = [] if RELEASE in ("2.9.0", "2.15.0") else [recurrent, wrapped, stateful]
    if hasattr(L, "Attention"):
        makers.append(attention)
    if hasattr(L, "TextVectorization"):
        makers.append(prepared)
    with tempfile.TemporaryDirectory() as name:
        for make in makers:
            keras.backend.clear_session()
            make(Path(name))
        with zipfile.ZipFile(str(ARCHIVE), "a", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(name).iterdir()):
                archive.write(str(file), f"{RELEASE}/{file.name}")


if __name__ == "__main__":
    main()
