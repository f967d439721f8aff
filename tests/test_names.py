"""Every public name of Keras exists here, or says what to use in its place."""

import importlib
import json
import logging
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras as real
import numpy as np
import pytest

import seqir as keras
from seqir import layers, naming, ops
from seqir.absent import ABSENT
from seqir.errors import (
    AbsentError,
    ArgumentError,
    CorruptFileError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.models import load_model


def names(module: Any, path: str, seen: set[str]) -> Iterator[str]:
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or name == "src":
            continue
        full = f"{path}.{name}".lstrip(".")
        if not isinstance(value, types.ModuleType):
            yield full
        elif value.__name__.startswith("keras") and value.__name__ not in seen:
            seen.add(value.__name__)
            yield from names(value, full, seen)


OWN_LISTS = ("ops.",)
"""The functions of `ops` have a table of their own."""
NAMES = [n for n in names(real, "", set()) if not n.startswith(OWN_LISTS)]


def found(name: str) -> Any:
    thing: Any = keras
    for part in name.split("."):
        try:
            thing = getattr(thing, part)
        except AbsentError:
            raise
        except AttributeError:
            thing = importlib.import_module(f"{thing.__name__}.{part}")
    return thing


def test_every_name_is_there_or_says_what_to_use() -> None:
    assert len(NAMES) > 700
    there, refused = 0, {}
    for name in NAMES:
        try:
            found(name)
            there += 1
        except AbsentError as error:
            refused[name] = str(error)
    assert there > 500
    assert len(refused) < 220
    for name, said in refused.items():
        assert re.match(r"seqir has no [\w.]+: .{20}", said), name


def test_what_is_refused_is_of_keras_and_not_there() -> None:
    for name in ABSENT:
        module, _, own = name.rpartition(".")
        packages = ("keras", "keras._tf_keras.keras")  # as `tf.keras`, too
        ours = [importlib.import_module(f"{p}.{module}".rstrip(".")) for p in packages]
        assert any(hasattr(package, own) for package in ours)
        with pytest.raises(AbsentError, match=f"seqir has no {name}: "):
            found(name)


def test_names_of_nobody() -> None:
    for name in ("layers.Nonsense", "nonsense", "random.nonsense", "utils.nonsense"):
        *module, own = name.split(".")
        package = importlib.import_module(".".join(["seqir", *module]))
        with pytest.raises(AttributeError, match=f"has no attribute '{own}'") as error:
            getattr(package, own)
        assert not isinstance(error.value, SeqirError)
    assert not hasattr(layers, "JaxLayer")
    with pytest.raises(ImportError):
        from seqir.layers import JaxLayer  # noqa: F401  # pyright: ignore[reportAttributeAccessIssue, reportUnusedImport]


def test_aliases_are_the_same_objects() -> None:
    assert keras.initializers.glorot_uniform is keras.initializers.GlorotUniform
    assert keras.initializers.zeros is keras.initializers.Zeros
    assert keras.constraints.max_norm is keras.constraints.MaxNorm
    assert keras.utils.Sequence is keras.utils.PyDataset
    assert keras.mixed_precision.Policy is keras.DTypePolicy
    assert layers.SeparableConvolution2D is layers.SeparableConv2D


# Settings.


def test_types() -> None:
    for dtype in ("float32", np.int8, None, "bfloat16", bool, float):
        assert keras.backend.standardize_dtype(dtype) == (
            real.backend.standardize_dtype(dtype)
        )
    for dtype in ("float16", "int32", "bool", "uint8", "bfloat16"):
        for name in ("is_float_dtype", "is_int_dtype"):
            ours, theirs = getattr(keras.backend, name), getattr(real.backend, name)
            assert ours(dtype) == theirs(dtype), (name, dtype)
    assert keras.backend.result_type("int32", "float16") == "float16"
    assert keras.backend.is_keras_tensor(keras.Input((3,)))
    assert not keras.backend.is_keras_tensor(np.ones(3))
    assert keras.backend.get_uid("some") == 1
    assert keras.backend.get_uid("some") == 2
    assert keras.config.backend() == "onnxruntime"


def test_lines_of_progress_go_to_a_logger(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    model = small()
    keras.utils.disable_interactive_logging()
    try:
        with caplog.at_level(logging.INFO, "seqir"):
            model.fit(X, Y, verbose=2)
        assert "loss" in caplog.text
        assert capfd.readouterr().err == ""
    finally:
        keras.utils.enable_interactive_logging()
    model.fit(X, Y, verbose=2)
    assert "loss" in capfd.readouterr().err


def test_limits_of_every_training() -> None:
    model = small()
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(3)
    try:
        history = model.fit(X, Y, epochs=9, batch_size=2, verbose=0)
        assert len(history.history["loss"]) == 2
        assert model.optimizer.iterations.array == 6
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
    with pytest.raises(ArgumentError, match="max_epochs must be an integer >= 1"):
        keras.config.set_max_epochs(0)


X, Y = np.ones((20, 3), np.float32), np.ones((20, 1), np.float32)


def small() -> Any:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


# What files may name.


@keras.saving.register_keras_serializable("mine")
class Doubled(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 2


@keras.saving.register_keras_serializable("mine", name="halved")
def halve(x: Any) -> Any:
    return x * 0.5


class Tripled(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 3


def test_what_is_registered_is_found(tmp_path: Path) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, activation=halve)(Doubled()(x)))
    model.save(tmp_path / "m.keras")
    text = json.dumps(json.loads(model.to_json()))
    assert '"registered_name": "mine>Doubled"' in text
    assert '"registered_name": "mine>halved"' in text
    again = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(X), model(X))
    saving = keras.saving
    assert saving.get_registered_name(Doubled) == "mine>Doubled"
    assert saving.get_registered_name(Tripled) == "Tripled"
    assert saving.get_registered_object("mine>halved") is halve
    assert saving.get_registered_object("Tripled") is None
    assert saving.get_registered_object("a", {"a": 1}) == 1
    assert saving.get_custom_objects()["mine>Doubled"] is Doubled


def test_a_scope_of_custom_objects(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), Tripled()])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError, match=r"it as custom_objects=.'Tripled'"):
        load_model(tmp_path / "m.keras")
    with keras.saving.custom_object_scope({"Tripled": Tripled}):
        assert np.array_equal(load_model(tmp_path / "m.keras")(X), 3 * X)
        with keras.utils.CustomObjectScope({}):
            load_model(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError):
        load_model(tmp_path / "m.keras")


def test_what_cannot_be_registered() -> None:
    register = keras.saving.register_keras_serializable()
    with pytest.raises(ArgumentError, match="a class or a function can be registered"):
        register(3)
    with pytest.raises(ArgumentError, match="it has no get_config, from which"):
        register(type("Bare", (), {}))


OBJECTS: dict[str, Any] = {
    "layer": layers.Dense(3, "relu", name="d"),
    "layer of one's own": Doubled(name="t"),
    "initializer": keras.initializers.HeNormal(seed=1),
    "regularizer": keras.regularizers.L2(0.1),
    "constraint": keras.constraints.MaxNorm(2),
    "loss": keras.losses.Huber(),
    "metric": keras.metrics.MeanSquaredError(name="m"),
    "optimizer": keras.optimizers.SGD(0.5),
    "policy": keras.DTypePolicy("mixed_float16"),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_as_dictionaries(kind: str) -> None:
    thing = OBJECTS[kind]
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(thing)))
    made = keras.saving.deserialize_keras_object(stored)
    assert type(made) is type(thing)
    assert made.get_config() == thing.get_config()
    if kind != "layer of one's own":
        theirs = real.saving.deserialize_keras_object(stored)
        assert type(theirs).__name__ == type(thing).__name__


def test_plain_values_as_dictionaries() -> None:
    values = {"a": [1, 2.5, None, "x", True], "b": {"c": np.arange(3)}, "n": np.int8(3)}
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(values)))
    made = keras.saving.deserialize_keras_object(stored)
    assert made["a"] == values["a"]
    np.testing.assert_array_equal(made["b"]["c"], np.arange(3))
    with pytest.raises(UnsupportedError, match="of type bytes cannot be kept"):
        keras.saving.serialize_keras_object(b"x")
    for module, error, words in (
        ("os", UnsafeFileError, "os.Evil is not a class of Keras"),
        ("keras.callbacks", CorruptFileError, "'Evil' of 'keras.callbacks' is none of"),
    ):
        with pytest.raises(error, match=words):
            keras.saving.deserialize_keras_object(
                {"class_name": "Evil", "module": module, "config": {}}
            )


def test_packages_have_deserialize() -> None:
    entry = layers.serialize(layers.Dense(2, name="d"))
    assert layers.deserialize(entry).units == 2
    assert keras.activations.deserialize("relu") is keras.activations.relu
    twice = keras.activations.deserialize("twice", {"twice": ops.square})
    assert twice is ops.square
    made = keras.initializers.deserialize(
        keras.initializers.serialize(keras.initializers.Constant(3.0))
    )
    assert made.value == 3.0
    assert keras.constraints.deserialize("non_neg").get_config() == {}
    assert float(keras.regularizers.deserialize("l1").l1) == pytest.approx(0.01)


# Data.


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 2, 5])
def test_pad_sequences(padding: Any, truncating: Any, maxlen: int | None) -> None:
    for lists in ([[1], [2, 3, 4], []], [[[1, 2]], [[3, 4], [5, 6]]]):
        options = {"maxlen": maxlen, "padding": padding, "truncating": truncating}
        ours = keras.utils.pad_sequences(lists, **options, value=9)
        theirs = real.utils.pad_sequences(lists, **options, value=9)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_pad_sequences_of_nonsense() -> None:
    pad = keras.utils.pad_sequences
    with pytest.raises(ArgumentError, match="padding must be 'pre' or 'post'"):
        pad([[1]], padding="left")
    with pytest.raises(ArgumentError, match="sequences must be a list of lists"):
        pad([1, 2])
    with pytest.raises(SeqirError, match=r"items of sequences have shape \(2,\)"):
        pad([[[1, 2]], [[1, 2, 3]]])


def test_windows_of_a_series() -> None:
    data = np.arange(20)
    make = keras.utils.timeseries_dataset_from_array
    batches = list(make(data, data * 10, 3, 2, 2, batch_size=4))
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    np.testing.assert_array_equal(x[0], [0, 2, 4])
    np.testing.assert_array_equal(x[:, 0] * 10, y)
    np.testing.assert_array_equal(y // 10, np.arange(0, 16, 2))
    (only,) = make(data, None, 4, start_index=5, end_index=10)
    np.testing.assert_array_equal(only, [[5, 6, 7, 8], [6, 7, 8, 9]])
    single = make(data, data, 3, batch_size=None)
    assert len(single) == 18
    assert single[2][0].shape == (3,)
    shuffled = make(data, data, 3, shuffle=True, seed=1)
    first = np.concatenate([y for _, y in shuffled])
    assert sorted(first) == list(range(18))
    assert list(first) != sorted(first)
    again = np.concatenate([y for _, y in shuffled])
    assert list(again) != list(first)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(make(data / 20, data / 20, 3), verbose=0)
    for wrong in ({"sequence_length": 99}, {"sequence_stride": 0}):
        with pytest.raises(
            ArgumentError, match=f"{next(iter(wrong))} must be an integer from 1"
        ):
            make(data, data, **{"sequence_length": 3, **wrong})
    with pytest.raises(ArgumentError, match="start_index and end_index must be"):
        make(data, data, 3, start_index=9, end_index=4)


def test_split_dataset() -> None:
    split = keras.utils.split_dataset
    left, right = split({"x": np.arange(10), "y": np.arange(10)[:, None]}, 0.7)
    assert left["x"].tolist() == list(range(7))
    assert right["y"].shape == (3, 1)
    left, right = split(np.arange(10), right_size=2, shuffle=True, seed=0)
    assert sorted([*left, *right]) == list(range(10))
    assert len(right) == 2
    for wrong, words in (
        ((np.arange(3),), "needs left_size or right_size"),
        ((np.arange(3), 5), "are more than 3"),
        ((np.arange(3), 1.5), "left_size must be a number from 0 to 1, got 1.5"),
        ((np.arange(3), -1), "left_size must be an integer >= 0, got -1"),
        ((np.arange(3), "1"), "left_size must be an integer >= 0, got '1'"),
        (([np.arange(3), np.arange(4)], 1), "arrays of one length"),
    ):
        with pytest.raises(ArgumentError, match=words):
            split(*wrong)


def test_normalize_and_batches() -> None:
    x = np.array([[3.0, 4], [0, 0]])
    for order in (1, 2):
        ours = keras.utils.normalize(x, 1, order)
        np.testing.assert_allclose(ours, real.utils.normalize(x, 1, order))
    np.testing.assert_allclose(keras.utils.normalize(x), x / 5)
    np.testing.assert_allclose(keras.utils.normalize(x, 0), [[1, 1], [0, 0]])
    pack, unpack = (
        keras.utils.pack_x_y_sample_weight,
        keras.utils.unpack_x_y_sample_weight,
    )
    assert pack(1) == 1
    assert pack((1,)) == ((1,),)
    assert pack(1, 2) == (1, 2)
    assert unpack((1, 2)) == (1, 2, None)
    assert unpack(1) == (1, None, None)
    with pytest.raises(ArgumentError, match="got 4 parts"):
        unpack((1, 2, 3, 4))
    a, b = keras.Input((2,)), keras.Input((2,))
    assert keras.utils.get_source_inputs(layers.Add()([a, layers.ReLU()(b)])) == [a, b]


def test_smart_resize() -> None:
    picture = np.random.default_rng(0).uniform(size=(6, 9, 3)).astype(np.float32)
    resize = keras.preprocessing.image.smart_resize
    theirs = np.asarray(real.preprocessing.image.smart_resize(picture, (4, 4)))
    np.testing.assert_allclose(resize(picture, (4, 4)), theirs, atol=1e-6)
    assert resize(np.stack([picture] * 2), (4, 4)).shape == (2, 4, 4, 3)


def test_a_bar_of_ones_own(capfd: pytest.CaptureFixture[str]) -> None:
    bar = keras.utils.Progbar(3, stateful_metrics=["rate"])
    for step, loss in enumerate((4.0, 2.0, 0.0)):
        bar.update(step + 1, [("loss", loss), ("rate", loss)])
    assert "loss: 2.0" in (err := capfd.readouterr().err)
    assert "3/3" in err
    assert "rate: 0.0" in err
    bar = keras.utils.Progbar(None, verbose=0)
    bar.add(1, [("loss", 1)])
    assert capfd.readouterr().err == ""


# Structures and random numbers.


def test_structures() -> None:
    tree, theirs = keras.tree, real.tree
    one = {"b": [1, (2, 3)], "a": 4}
    assert tree.flatten(one) == theirs.flatten(one)
    assert tree.map_structure(lambda v: v + 1, one) == (
        theirs.map_structure(lambda v: v + 1, one)
    )
    assert tree.map_structure(max, [1, 5], [3, 2]) == [3, 5]
    assert tree.pack_sequence_as(one, [7, 8, 9, 10]) == (
        theirs.pack_sequence_as(one, [7, 8, 9, 10])
    )
    assert tree.flatten_with_path(one) == theirs.flatten_with_path(one)
    assert tree.lists_to_tuples(one) == theirs.lists_to_tuples(one)
    for value in (1, [1], (1,), {"a": 1}, "x", np.ones(2), None):
        assert tree.is_nested(value) == theirs.is_nested(value)
    halve_lists = lambda v: 0 if isinstance(v, tuple) else None  # noqa: E731
    for top_down in (True, False):
        assert tree.traverse(halve_lists, one, top_down) == (
            theirs.traverse(halve_lists, one, top_down)
        )
    for a, b in (([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ([1], 1)):
        with pytest.raises(ArgumentError, match="structures differ"):
            tree.assert_same_structure(a, b)
    with pytest.raises(ArgumentError, match="has 4 leaves, got 1"):
        tree.pack_sequence_as(one, [1])
    with pytest.raises(ArgumentError, match="needs at least one structure"):
        tree.map_structure(max)


def test_random_numbers() -> None:
    random = keras.random
    drawn = np.asarray(random.randint((4000,), -2, 3, seed=1))
    assert drawn.dtype == np.int32
    assert set(drawn) == {-2, -1, 0, 1, 2}
    assert np.bincount(drawn + 2).min() > 600
    with pytest.raises(ArgumentError, match="gives integers, not float32"):
        random.randint((2,), 0, 2, "float32")
    with pytest.raises(ArgumentError, match="no integer from 2 up to 2 - 1"):
        random.randint((2,), 2, 2)
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.0001, 0.0001, 0.9998]], np.float32))
    classes = np.asarray(random.categorical(logits, 3000, seed=2))
    assert classes.shape == (2, 3000)
    np.testing.assert_allclose(
        np.bincount(classes[0]) / 3000, [0.7, 0.2, 0.1], atol=0.05
    )
    assert (classes[1] == 2).mean() > 0.99
    with pytest.raises(SeqirError, match=r"logits must be \(n, classes\)"):
        random.categorical(logits[0], 2)
    x = np.arange(12).reshape(3, 4)
    for axis in (0, 1, -1):
        mixed = np.asarray(random.shuffle(x, axis, seed=3))
        np.testing.assert_array_equal(np.sort(mixed, axis), x)
    assert not np.array_equal(random.shuffle(np.arange(50), seed=3), np.arange(50))


def test_a_free_name() -> None:
    assert naming.free("x", ()) == "x"
    assert naming.free("x", {"x", "x_1", "x_3"}) == "x_2"
