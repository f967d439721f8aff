"""Layers of one's own that say themselves what a file keeps of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ShapeError, UnsupportedError
from seqir.models import load_model

pytest.importorskip("h5py")
X = np.ones((2, 3), np.float32)


class Counted(layers.Layer):
    """Keeps an array that is not a weight, and how often it was loaded."""

    loads = 0
    fails = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = np.zeros(3, np.float32)
        self.inner = layers.Dense(3)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((3,), "ones", name="scale")

    def call(self, x: Any) -> Any:
        return self.inner(x) * self.scale

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["table"] = self.table
        store["count"] = np.int64(7)

    def load_own_variables(self, store: Any) -> None:
        arrays = {key: store[key] for key in store.keys()}  # noqa: SIM118
        self.table = np.asarray(arrays.pop("table"))
        self.count = int(arrays.pop("count")[()])
        super().load_own_variables(arrays)
        type(self).loads += 1
        if self.fails:
            raise RuntimeError("not today")


def model_of(kind: Any = Counted) -> Any:
    return seqir.Sequential([seqir.Input((3,)), kind(name="own"), layers.Dense(2)])


def filled() -> Any:
    model = model_of()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.layers[0].table = np.arange(3, dtype=np.float32)
    return model


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "m.weights.json"])
def test_files_keep_what_layers_say(name: str, tmp_path: Path) -> None:
    model = filled()
    if name == "m.keras":
        model.save(tmp_path / name)
        twins = [load_model(tmp_path / name, {"Counted": Counted}), model_of()]
    else:
        model.save_weights(tmp_path / name)
        twins = [model_of()]
    twins[-1].load_weights(tmp_path / name)
    for twin in twins:
        np.testing.assert_array_equal(twin.layers[0].table, [0, 1, 2])
        assert twin.layers[0].count == 7
        np.testing.assert_array_equal(twin(X), model(X))


def test_keras_reads_and_writes_the_same(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")

    class Theirs(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

        def call(self, x: Any) -> Any:
            return x * self.scale

        def save_own_variables(self, store: Any) -> None:
            super().save_own_variables(store)
            store["table"] = self.table

        def load_own_variables(self, store: Any) -> None:
            self.table = np.asarray(store["table"])
            self.scale.assign(store["0"])

    class Theirs2(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight((3,), "ones", name="scale")

        call = Theirs.call
        load_own_variables = Theirs.load_own_variables

        def save_own_variables(self, store: Any) -> None:
            super().save_own_variables(store)
            store["table"] = self.table  # pyright: ignore[reportAttributeAccessIssue]

    Theirs2.__name__ = "Theirs"
    theirs = keras.Sequential([keras.Input((3,)), Theirs()])
    mine, again = (seqir.Sequential([seqir.Input((3,)), Theirs2()]) for _ in range(2))
    theirs.set_weights([np.array([1.0, 2, 3])])
    theirs.layers[0].table = np.array([4, 5])
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.load_weights(tmp_path / "theirs.weights.h5")
    mine.save_weights(tmp_path / "mine.weights.h5")
    theirs.layers[0].table = None
    theirs.load_weights(tmp_path / "mine.weights.h5")
    again.load_weights(tmp_path / "mine.weights.h5")
    for model in (theirs, mine, again):
        np.testing.assert_array_equal(model.layers[0].table, [4, 5])
        np.testing.assert_array_equal(model.get_weights()[0], [1, 2, 3])


def test_nothing_changes_unless_all_fits(tmp_path: Path) -> None:
    model = filled()
    model.save_weights(tmp_path / "m.weights.h5")
    narrow = seqir.Sequential([seqir.Input((3,)), Counted(), layers.Dense(5)])
    loads = Counted.loads
    with pytest.raises(ShapeError, match="belong to another model"):
        narrow.load_weights(tmp_path / "m.weights.h5")
    assert Counted.loads == loads
    twin = model_of()
    before = twin.get_weights()
    twin.layers[0].fails = True
    with pytest.raises(RuntimeError, match="not today"):
        twin.load_weights(tmp_path / "m.weights.h5")
    for mine, its in zip(twin.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    class Texts(layers.Layer):
        kept: Any = None

        def call(self, x: Any) -> Any:
            return x

        def save_own_variables(self, store: Any) -> None:
            store.update(self.kept)

    model = seqir.Sequential([seqir.Input((3,)), Texts(name="texts")])
    for kept, why in (
        (
            {"words": ["a", "b"]},
            "of layer 'texts' puts <U1 into 'words': a file",
        ),
        ({"a/b": [1]}, "of layer 'texts' uses the name 'a/b': names are"),
    ):
        model.layers[0].kept = kept
        with pytest.raises(UnsupportedError, match=why):
            model.save_weights(tmp_path / "m.weights.h5")
    model.layers[0].kept = {"more": [1.0]}
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ShapeError, match="has 0 weights, the file has 1 in its place"):
        model.load_weights(tmp_path / "m.weights.h5")
    store = {"0": np.ones(1)}
    with pytest.raises(ShapeError, match="'texts' has 0 weights of its own, and the"):
        model.layers[0].load_own_variables(store)


def test_assets_are_files_in_the_archive(tmp_path: Path) -> None:
    class Words(layers.Layer):
        words: Any = ()

        def call(self, x: Any) -> Any:
            return x

        def save_assets(self, folder: str) -> None:
            (Path(folder) / "words.txt").write_text("\n".join(self.words))
            (Path(folder) / "more").mkdir()
            (Path(folder) / "more" / "empty.bin").write_bytes(b"\0")

        def load_assets(self, folder: str) -> None:
            self.found = (Path(folder) / "words.txt").read_text().split("\n")
            self.more = (Path(folder) / "more" / "empty.bin").read_bytes()

    model = seqir.Sequential([seqir.Input((3,)), Words(["a", "b"]), Words(["c"])])
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras", {"Words": Words})
    assert [x.found for x in loaded.layers] == [["a", "b"], ["c"]]
    assert loaded.layers[0].more == b"\0"
