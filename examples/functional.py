"""What no stack of layers can be: several inputs and outputs, one layer used twice.

Two sentences go through one and the same encoder, which is a model of its own. What
they have in common and what not gives two outputs: how alike they are, and which of
them is the more positive one.

Run: ``python examples/functional.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

import seqir as keras
from seqir import layers, ops

WORDS, LENGTH = 100, 12


def encoder() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32", name="words"),
            layers.Embedding(WORDS, 16),
            layers.Conv1D(24, 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(8, activation="tanh"),
        ],
        name="encoder",
    )


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.clear_session()
    keras.utils.set_random_seed(11)

    print("1. A Sequential model refuses, and names what can")
    first = keras.Input((LENGTH,), dtype="int32", name="first")
    second = keras.Input((LENGTH,), dtype="int32", name="second")
    try:
        keras.Sequential([first, second])
    except keras.errors.GraphError as error:
        print(f"   {error}")

    print("2. The functional model: one encoder, used twice")
    shared = encoder()
    a, b = shared(first), shared(second)
    alike = layers.Dot(axes=-1, normalize=True, name="alike")([a, b])
    both = ops.concatenate([a - b, a * b], axis=-1)
    positive = layers.Dense(2, activation="softmax", name="positive")(both)
    model = keras.Model(
        inputs=[first, second], outputs={"alike": alike, "positive": positive}
    )
    model.summary(expand_nested=True)
    head = model.get_layer("positive")
    assert shared.count_params() + head.count_params() == model.count_params()

    print("3. Arrays in, in order or by name; arrays out, by name")
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, WORDS, (6, LENGTH)) for _ in range(2))
    result = model.predict([x, y])
    by_name = model.predict({"second": y, "first": x}, batch_size=4)
    for name, array in result.items():
        np.testing.assert_allclose(array, by_name[name], rtol=1e-5, atol=1e-6)
        print(f"   {name:<9} {array.shape} {np.round(array[0], 3)}")
    same = model.predict([x, x])["alike"]
    np.testing.assert_allclose(same, 1, rtol=1e-5)
    print("   a sentence and itself are alike: 1.0")

    print("4. The file has the encoder's weights once")
    report = model.export(out / "functional.onnx")
    print(report)
    session = onnxruntime.InferenceSession(report.path)
    feeds = {"first": x.astype(np.int32), "second": y.astype(np.int32)}
    for (name, array), found in zip(
        sorted(result.items()), session.run(None, feeds), strict=True
    ):
        np.testing.assert_allclose(found, array, rtol=1e-5, atol=1e-6)
        print(f"   onnxruntime agrees on {name}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
