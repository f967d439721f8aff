"""Text: opinions on films, where the order of the words decides.

A small grammar writes the sentences. "not" turns an opinion into its opposite, and of
two opinions with "but" between them the latter counts, so counting words is not enough.
A bidirectional LSTM learns this from the words; vocabulary and network together become
one ONNX file, from strings to probabilities, which is run by plain onnxruntime.

Run: ``python examples/text.py [FOLDER]``
"""

import random
import sys
from pathlib import Path

import numpy as np
import onnxruntime

import seqir as keras
from seqir import layers

THINGS = ["film", "story", "music", "plot", "ending", "cast", "camera", "dialogue"]
WORDS = {
    True: ["good", "great", "lovely", "clever", "funny", "moving"],
    False: ["bad", "dull", "awful", "boring", "weak", "tedious"],
}


def clause(rng: random.Random) -> tuple[str, bool]:
    """One opinion on one thing, and whether it is a good one."""
    good, turned = rng.random() < 0.5, rng.random() < 0.5
    how = rng.choice(["", "really ", "so "])
    verb = rng.choice(["is", "was"]) + (" not" if turned else "")
    text = f"the {rng.choice(THINGS)} {verb} {how}{rng.choice(WORDS[good])}"
    return text, good != turned


def sentence(rng: random.Random) -> tuple[str, bool]:
    """One opinion, or two of which the latter counts."""
    text, good = clause(rng)
    if rng.random() < 0.6:
        latter, good = clause(rng)
        text = f"{text}, but {latter}"
    return text.capitalize() + rng.choice([".", "!"]), good


def sentences(count: int) -> dict[str, bool]:
    """Different sentences, each with whether it praises."""
    rng, written = random.Random(1), dict[str, bool]()
    while len(written) < count:
        text, good = sentence(rng)
        written[text] = good
    return written


def main(folder: str = "out") -> None:
    """Write, learn, ask, export, and run the file."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    written = sentences(3000)
    texts = np.array(list(written))[:, None]
    labels = np.array(list(written.values()), np.float32)[:, None]

    words = layers.TextVectorization()
    words.adapt(texts[:2000])
    model = keras.Sequential(
        [
            keras.Input((1,), dtype="string", name="text"),
            words,
            layers.Embedding(words.vocabulary_size(), 16, mask_zero=True),
            layers.Bidirectional(layers.LSTM(16)),
            layers.Dense(1, activation="sigmoid", name="praise"),
        ],
        name="opinions",
    )
    model.summary()
    model.compile(
        keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"]
    )
    model.fit(texts[:2000], labels[:2000], epochs=8, verbose=0)
    _, right = model.evaluate(texts[2000:], labels[2000:], verbose=0)
    print(f"{right:.1%} of {len(texts) - 2000} new sentences right")
    assert right > 0.95

    asked = np.array(
        [
            ["The film is good."],
            ["The film is not good!"],
            ["The film is not good, but the music was really great."],
            ["The music was really great, but the film is not good."],
        ]
    )
    praise = model.predict(asked, verbose=0)
    for text, value in zip(asked[:, 0], praise[:, 0], strict=True):
        print(f"{value:6.1%} {text}")

    report = model.export(out / "text.onnx")
    print(report)
    session = onnxruntime.InferenceSession(out / "text.onnx")
    (same,) = session.run(None, {"text": asked.astype(object)})
    np.testing.assert_allclose(same, praise, rtol=1e-5, atol=1e-6)
    print("plain onnxruntime says the same of the strings")


if __name__ == "__main__":
    main(*sys.argv[1:])
