"""Tables through FeatureSpace: numbers, vocabularies, models, data sets and files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, utils
from seqir.data import Dataset
from seqir.models import load_model

Space = utils.FeatureSpace
RAW: dict[str, Any] = {
    "age": np.array([30.0, 40.0, 50.0, 60.0]),
    "town": np.array(["ulm", "bonn", "ulm", "kiel"]),
    "rooms": np.array([2, 3, 2, 5]),
}


def space(**options: Any) -> Any:
    what = {"age": "float_normalized", "town": "string_categorical", "rooms": "float"}
    return Space(what, crosses=[("town", "age")], crossing_dim=4, **options)


def adapted(what: Any, data: Any = RAW, **options: Any) -> Any:
    found = Space(what, **options)
    found.adapt({name: data[name] for name in what} if isinstance(data, dict) else data)
    return found


def test_features_stand_in_the_order_of_their_names() -> None:
    found = adapted({"town": "string_categorical", "age": "float_normalized",
                     "rooms": "float"})  # fmt: skip
    y = found(RAW)
    assert (y.shape, y.dtype) == ((4, 6), np.float32)
    ages = RAW["age"]
    expected = np.stack(((ages - ages.mean()) / ages.std(), RAW["rooms"]), 1)
    np.testing.assert_allclose(y[:, :2], expected, rtol=1e-6)
    vocabulary = found.preprocessors["town"].get_vocabulary()
    assert vocabulary == ["[UNK]", "ulm", "kiel", "bonn"]
    places = [vocabulary.index(town) for town in RAW["town"]]
    np.testing.assert_array_equal(y[:, 2:], np.eye(4)[places])
    unseen = found({"age": [45], "town": ["rom"], "rooms": [0]})
    assert unseen.tolist() == [[0, 0, 1, 0, 0, 0]]


def test_values_come_as_columns_lists_rows_and_single() -> None:
    found = adapted({"age": "float_normalized", "town": "string_categorical"})
    data = {name: RAW[name] for name in ("age", "town")}
    y = found(data)
    columns = {name: values[:, None] for name, values in data.items()}
    lists = {name: values.tolist() for name, values in data.items()}
    for same in (columns, lists, {"age": data["age"], "town": columns["town"]}):
        np.testing.assert_array_equal(found(same), y)
    for place in range(4):
        one = found({name: values[place] for name, values in data.items()})
        np.testing.assert_array_equal(one, y[place])
    apart = adapted({"town": Space.string_categorical(output_mode="int")},
                    output_mode="dict")  # fmt: skip
    assert apart({"town": "ulm"})["town"].tolist() == [1]
    assert apart({"town": ["ulm", "rom"]})["town"].tolist() == [[1], [0]]


def test_each_kind_is_the_layer_that_it_says() -> None:
    x = np.array([1, 2, 3, 9])
    what = {
        "a_scaled": Space.float_rescaled(scale=0.5, offset=1.0),
        "b_binned": Space.float_discretized(num_bins=None, bin_boundaries=[1.5, 4.0]),
        "c_place": Space.integer_categorical(num_oov_indices=2),
        "d_hash": "integer_hashed",
        "e_text": Space.string_hashed(3),
        "f_own": Space.feature("int32", layers.CategoryEncoding(10), "float"),
        "g_words": Space.feature(
            "string", layers.TextVectorization(output_mode="count"), "float"
        ),
    }
    data: dict[str, Any] = dict.fromkeys(what, x)
    data |= {"e_text": ["a", "b", "c", "a"], "g_words": ["a b", "b", "", "c"]}
    found = adapted(what, data, hashing_dim=5)
    y = found(data)
    cuts = np.cumsum([1, 3, 6, 5, 3, 10])
    scaled, binned, place, hashed, text, own, words = np.split(y, cuts, 1)
    np.testing.assert_array_equal(scaled[:, 0], x * 0.5 + 1)
    np.testing.assert_array_equal(binned, np.eye(3)[[0, 1, 1, 2]])
    assert place[:, :2].sum() == 0
    assert (place.sum(0)[2:] == 1).all()
    hashes = layers.Hashing(5, output_mode="one_hot")(x[:, None])
    np.testing.assert_array_equal(hashed, hashes)
    assert (text.sum(1) == 1).all()
    np.testing.assert_array_equal(own, np.eye(10)[x])
    assert words.sum(1).tolist() == [2, 1, 0, 1]
    names = ["float_rescaled_preprocessor", "d_hash_preprocessor"]
    assert [found.preprocessors[k].name for k in ("a_scaled", "d_hash")] == names


def test_crosses_count_together() -> None:
    what = {"town": "string_categorical",
            "rooms": Space.integer_categorical(output_mode="int")}  # fmt: skip
    crosses = [("town", "rooms"), Space.cross(["rooms", "town"], 7, output_mode="int")]
    found = adapted(what, crosses=crosses, output_mode="dict", crossing_dim=6)
    y = found({name: RAW[name] for name in what})
    assert {k: v.shape for k, v in y.items()} == {
        "rooms": (4, 1), "town": (4, 4), "town_X_rooms": (4, 6), "rooms_X_town": (4, 1),
    }  # fmt: skip
    towns = found.preprocessors["town"](RAW["town"][:, None])
    pair = [towns, y["rooms"]]
    ones = layers.HashedCrossing(6, output_mode="one_hot")(pair)
    np.testing.assert_array_equal(y["town_X_rooms"], ones)
    assert [*found.crossers] == ["town_X_rooms", "rooms_X_town"]


class Table:
    """What iterates over dicts, as loaders of other libraries do."""

    def __iter__(self) -> Any:
        for at in (0, 3):
            yield {name: values[at : at + 3] for name, values in RAW.items()}, 0


def test_all_kinds_of_data_teach_the_same() -> None:
    what = {"age": "float_normalized", "town": "string_categorical"}
    expected = adapted(what)
    sources = (
        Dataset.from_tensor_slices(RAW),
        Dataset.from_tensor_slices((RAW, RAW["rooms"])).batch(3),
        Table(),
        ({"age": row[0], "town": row[1]} for row in zip(RAW["age"], RAW["town"],
                                                         strict=True)),
    )  # fmt: skip
    data = {name: RAW[name] for name in what}
    for source in sources:
        found = adapted(what, source)
        np.testing.assert_allclose(found(data), expected(data), rtol=1e-6)
    other = {"age": np.array([0.0, 1.0]), "town": ["rom", "rom"]}
    expected.adapt(other)  # learns anew
    assert expected(other).tolist() == [[-1, 0, 1], [1, 0, 1]]


def test_what_was_given_is_not_learned() -> None:
    what = {
        "age": Space.feature("float32", layers.Normalization(mean=1.0, variance=4.0),
                             "float"),
        "town": Space.feature("string", layers.StringLookup(vocabulary=["ulm"]),
                              "one_hot"),
    }  # fmt: skip
    found = Space(what)
    assert found({"age": [3.0], "town": ["ulm"]}).tolist() == [[1, 0, 1]]
    found.adapt({"age": RAW["age"], "town": RAW["town"]})
    assert found({"age": 3.0, "town": "bonn"}).tolist() == [1, 1, 0]


def model_on(found: Any) -> Any:
    """A model that takes raw values."""
    y = layers.Dense(1, activation="sigmoid")(found.get_encoded_features())
    return seqir.Model(found.get_inputs(), y)


@pytest.mark.parametrize("where", ["in the model", "in the map"])
def test_a_model_learns_from_a_table(where: str) -> None:
    rng = np.random.default_rng(0)
    towns = rng.choice(["ulm", "bonn", "kiel"], 64)
    data = {"age": rng.normal(50, 9, 64), "town": towns}
    labels = ((towns == "ulm") ^ (data["age"] > 60)).astype(np.float32)
    rows = Dataset.from_tensor_slices((data, labels)).shuffle(64, seed=1).batch(16)
    found = Space({"age": Space.float_discretized(8), "town": "string_categorical"},
                  crosses=[("age", "town")])  # fmt: skip
    found.adapt(rows.map(_inputs))

    def encoded(x: Any, y: Any) -> Any:
        return found(x), y

    if where == "in the model":
        model = model_on(found)
    else:
        rows = rows.map(encoded)
        model = seqir.Sequential([seqir.Input((44,)), layers.Dense(1, "sigmoid")])
    model.compile(
        seqir.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(rows, epochs=15, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert model.evaluate(rows, verbose=0)[1] > 0.9


def _inputs(x: Any, y: Any) -> Any:
    return x


def test_files_keep_what_was_learned(tmp_path: Path) -> None:
    what = {"age": Space.float_discretized(2), "town": "string_categorical",
            "rooms": "float_normalized"}  # fmt: skip
    found = adapted(what, crosses=[("age", "town")])
    expected = found(RAW)
    found.save(tmp_path / "space.keras")
    again = load_model(tmp_path / "space.keras")
    assert type(again) is Space
    assert again.get_config() == found.get_config()
    np.testing.assert_array_equal(again(RAW), expected)
    model = model_on(again)
    wanted = model.predict(RAW, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(RAW, verbose=0), wanted)
    fresh = Space.from_config(found.get_config())
    fresh.adapt(RAW)
    np.testing.assert_array_equal(fresh(RAW), expected)


class TwiceTheAge(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 2.0


def test_layers_of_the_users_own_come_back(tmp_path: Path) -> None:
    found = Space({"age": Space.feature("float32", TwiceTheAge(), "float")})
    assert found({"age": [1.0, 2.0]}).tolist() == [[2], [4]]
    found.save(tmp_path / "own.keras")
    again = load_model(
        tmp_path / "own.keras", custom_objects={"TwiceTheAge": TwiceTheAge}
    )
    assert again({"age": [1.0, 2.0]}).tolist() == [[2], [4]]
    with pytest.raises(
        seqir.errors.UnsupportedError, match=r"custom_objects=\{'TwiceT"
    ):
        load_model(tmp_path / "own.keras")


class Scores(layers.Layer):
    """A space inside of a layer that computes with it."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, data: Any) -> Any:
        return seqir.ops.sum(self.inner(data), axis=-1)


def test_a_space_stands_in_models_and_layers() -> None:
    what = {"age": "float_normalized", "rooms": "float"}
    found = adapted(what)
    data = {name: RAW[name] for name in what}
    sums = found(data).sum(1)
    np.testing.assert_allclose(Scores(adapted(what))(data), sums, rtol=1e-6)
    inputs = {name: seqir.Input((), name=name) for name in what}
    model = seqir.Model(inputs, found(inputs))
    np.testing.assert_array_equal(model.predict(data, verbose=0), found(data))


def test_an_exported_model_says_what_it_takes(tmp_path: Path) -> None:
    found = adapted({"age": "float_normalized", "town": "string_categorical"})
    data = {name: RAW[name] for name in ("age", "town")}
    report = model_on(found).export(tmp_path / "text.onnx", opset=20)
    assert "town str[batch, 1]" in str(report)
    hashed = adapted({"age": "float_normalized", "town": Space.string_hashed(3)})
    report = str(model_on(hashed).export(tmp_path / "hashed.onnx"))
    made = "hash (string_hashed_preprocessor) in Python, of town str[batch, 1]\n"
    assert made in report
    assert data["age"].shape == (4,)
