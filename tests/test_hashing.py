"""Hashes are those of FarmHash and SipHash, and buckets those that Keras documents."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.layers.hashes import fingerprint, siphash

LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]
NAMES = np.array([["omar"], ["stringer"], ["marlo"], ["wire"], ["skywalker"]])

FARM = {
    "1footrue": -1541654101129638711,
    "2applefalse": 2794438866806483259,
    "3true": -4880158226897771312,
    "alphabet": -2427165924636348523,
    "Amazon Redshift": 8085098817162212970,
    "aaaaaaaaaaaaaaaaa": 17591810127221272131,
    "The quick brown fox jumps": 1503448500679765431,
    "x" * 32: 12901576723999808517,
    "abcdefghij" * 4: 6504876685642412861,
    "y" * 64: 4471793200125962424,
    "z" * 65: 8299915583762718517,
    "0123456789" * 20: 9663085027203515285,
    "é" * 40: 9929455074797365145,
}
"""What the library itself, BigQuery and Redshift make of texts of all lengths."""


@pytest.mark.parametrize("text", FARM)
def test_fingerprints_are_those_of_farmhash(text: str) -> None:
    assert fingerprint(text.encode()) == FARM[text] % 2**64


def test_salted_hashes_are_those_of_the_paper() -> None:
    k0, k1 = 0x0706050403020100, 0x0F0E0D0C0B0A0908
    assert siphash(bytes(range(15)), k0, k1) == 0xA129CA6149BE45E5


@pytest.mark.parametrize(
    ("given", "x", "wanted"),
    [
        ({"num_bins": 3}, LETTERS, [1, 0, 1, 1, 2]),
        ({"num_bins": 3, "mask_value": ""}, [["A"], ["B"], [""], ["C"], ["D"]],
         [1, 1, 0, 2, 2]),
        ({"num_bins": 3, "salt": [133, 137]}, LETTERS, [1, 2, 1, 0, 2]),
        ({"num_bins": 3, "salt": 133}, LETTERS, [0, 0, 2, 1, 0]),
        ({"num_bins": 1}, LETTERS, [0, 0, 0, 0, 0]),
        ({"num_bins": 2}, NAMES, [0, 0, 1, 0, 0]),
        ({"num_bins": 3, "mask_value": "omar"}, NAMES, [0, 1, 2, 1, 1]),
        ({"num_bins": 2, "salt": (211, 137)}, NAMES, [1, 0, 1, 0, 1]),
        ({"num_bins": 3}, [[0], [1], [2], [3], [4]], [1, 0, 1, 0, 2]),
        ({"num_bins": 3, "salt": [133, 137]}, [[0], [1], [2], [3], [4]],
         [1, 1, 2, 0, 1]),
    ],
)  # fmt: skip
def test_documented_buckets(given: Any, x: Any, wanted: list[int]) -> None:
    found = layers.Hashing(**given)(x)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found[:, 0], wanted)
    config = layers.Hashing(**given).get_config()
    np.testing.assert_array_equal(layers.Hashing.from_config(config)(x), found)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_buckets_are_encoded(mode: str) -> None:
    x = np.array([["A", "A"], ["B", "E"]])
    one_hot = np.eye(3)[[[1, 1], [0, 2]]]
    wanted = {"one_hot": one_hot, "multi_hot": one_hot.max(1), "count": one_hot.sum(1)}
    found = layers.Hashing(3, output_mode=mode)(x)
    np.testing.assert_array_equal(found, wanted[mode])
    masked = layers.Hashing(3, mask_value=2, output_mode="count")(np.array([[2, 2, 1]]))
    assert masked[0, 0] == 2


def test_documented_crosses() -> None:
    pair = np.array(list("ABABA")), np.array([101, 101, 101, 102, 102])
    wanted = [1, 4, 1, 1, 3]
    layer = layers.HashedCrossing(5)
    np.testing.assert_array_equal(layer(pair), wanted)
    columns = [pair[0][:, None], pair[1][:, None]]
    np.testing.assert_array_equal(layer(columns)[:, 0], wanted)
    hot = layers.HashedCrossing(5, "one_hot")
    np.testing.assert_array_equal(hot(pair), np.eye(5)[wanted])
    np.testing.assert_array_equal(hot(columns), np.eye(5)[wanted])
    again = layers.HashedCrossing.from_config(layer.get_config())
    np.testing.assert_array_equal(again(pair), wanted)


def test_models_hash_and_train(tmp_path: Any) -> None:
    name, number = seqir.Input((1,), dtype="string"), seqir.Input((1,), dtype="int64")
    crossed = layers.HashedCrossing(7, name="crossed")([name, number])
    hashed = layers.Hashing(4, output_mode="one_hot", name="hashed")(name)
    vectors = layers.Flatten()(layers.Embedding(7, 2)(crossed))
    y = layers.Dense(1)(layers.Concatenate()([vectors, hashed]))
    model = seqir.Model([name, number], y)
    model.compile("sgd", "mse")
    x = [NAMES, np.arange(5)[:, None]]
    losses = model.fit(x, np.ones((5, 1)), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "hash.keras")
    opened = seqir.models.load_model(tmp_path / "hash.keras")
    np.testing.assert_array_equal(opened(x), model(x))
    report = model.export(tmp_path / "hash.onnx")
    assert set(report.before) == {"crossed", "hashed"}
