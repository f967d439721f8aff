"""Models and weights in files: what comes back is what went in."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, losses, metrics, models, ops, optimizers
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    ExportError,
    MissingPackageError,
    NotBuiltError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.models import clone_model, load_model, model_from_json

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(0)


class Scale(layers.Layer):
    """A layer of the user's, with fields."""

    factor: float = 2.0

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight(input_shape[-1:], "ones", name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain * self.factor


class Silent(layers.Layer):
    """A layer that does not say its argument."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


class Odd(layers.Layer):
    """A layer with an argument that JSON does not have."""

    def call(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kinds": {1}}


class Block(layers.Layer):
    """A layer with layers inside, in attributes and lists."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inside = [layers.Dense(units), layers.Dense(units)]
        self.table = {"a": [layers.Dense(units)]}
        self.last = layers.Dense(units)

    def call(self, x: Any) -> Any:
        for layer in self.inside:
            x = layer(x)
        return self.last(self.table["a"][0](x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def doubled(x: Any) -> Any:
    """An activation of the user's."""
    return x * 2.0


def off_by_one(y_true: Any, y_pred: Any) -> Any:
    """A loss of the user's."""
    return ops.mean(ops.square(y_true - y_pred - 1.0), axis=-1)


def stack() -> Any:
    return seqir.Sequential(
        [
            seqir.Input((8, 8, 3)),
            layers.Conv2D(4, 3, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, kernel_constraint="non_neg", trainable=False),
        ],
        name="stack",
    )


def shared() -> Any:
    a, b = seqir.Input((4,), name="a"), seqir.Input((4,), name="b")
    twice = layers.Dense(4, name="twice")
    x = layers.Concatenate()([twice(a), twice(twice(b))])
    return seqir.Model({"a": a, "b": b}, {"out": x, "sum": ops.sum(x, axis=-1)})


def nested() -> Any:
    inner = seqir.Sequential([layers.Dense(3), layers.BatchNormalization()], name="in")
    x = seqir.Input((4,))
    deep = seqir.Model(x, layers.Dense(2)(inner(x)), name="deep")
    return seqir.Sequential([seqir.Input((4,)), deep, layers.Dense(2)])


def functions() -> Any:
    x = seqir.Input((4, 6))
    y = x[:, 1:3, ..., ::2] * np.float32([1.0, 2.0, 3.0]) + 1.0
    y = ops.concatenate([y, ops.relu(y)], axis=-1)
    y = ops.einsum("btf,fg->btg", y, np.ones((6, 2), np.float32))
    y = ops.pad(ops.max(y, axis=1, keepdims=True), ((0, 0), (0, 1), (0, 0)))
    return seqir.Model(x, ops.transpose(ops.log1p(ops.absolute(y)), (0, 2, 1)))


def cut() -> Any:
    whole = stack()
    return seqir.Model(whole.layers[0].output, whole.outputs[0])


def activations() -> Any:
    return seqir.Sequential(
        [
            seqir.Input((4,)),
            layers.Dense(3, activation=layers.LeakyReLU(0.3)),
            layers.Dense(3, activation=None, dtype="mixed_float16"),
        ]
    )


MODELS = [stack, shared, nested, functions, cut, activations]


def inputs(model: Any) -> Any:
    arrays = {
        name: RNG.normal(size=(2, *t.shape[1:])).astype(np.float32)
        for name, t in zip(model.input_names, model.inputs, strict=True)
    }
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))


def randomize(model: Any) -> Any:
    for weight in model.weights:
        weight.assign(np.abs(RNG.normal(size=weight.shape)) + 0.1)
    return model


def same(model: Any, other: Any) -> None:
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    x = inputs(model)
    for mine, its in zip(
        seqir.nest.flatten(model(x)), seqir.nest.flatten(other(x)), strict=True
    ):
        np.testing.assert_array_equal(mine, its)
    assert [w.trainable for w in model.weights] == [w.trainable for w in other.weights]
    assert [x.name for x in model.layers] == [x.name for x in other.layers]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_a_model_comes_back(make: Any, suffix: str, tmp_path: Path) -> None:
    model = randomize(make())
    path = tmp_path / f"m{suffix}"
    if suffix == ".h5" and make in (shared, functions):
        with pytest.raises(UnsupportedError, match="is a function between layers"):
            model.save(path)
        assert not path.exists()
        return
    model.save(path)
    again = load_model(path)
    if make is not cut:  # which gets an input of its own
        same(model, again)
    assert again.optimizer is None
    assert json.loads(again.to_json()) == json.loads(load_model(path).to_json())


@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "suffix", [".weights.h5", ".weights.json", ".safetensors", ".keras"]
)
def test_weights_come_back(make: Any, suffix: str, tmp_path: Path) -> None:
    model = randomize(make())
    path = tmp_path / f"m{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    other = make()
    other.load_weights(path)
    same_weights(model, other)


def same_weights(model: Any, other: Any) -> None:
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_a_clone_has_the_same_layers_and_new_weights(make: Any) -> None:
    model = randomize(make())
    for again in (clone_model(model), model_from_json(model.to_json())):
        assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
        assert again.count_params() == model.count_params()
        again.set_weights(model.get_weights())
        x = inputs(model)
        for mine, its in zip(
            seqir.nest.flatten(model(x)), seqir.nest.flatten(again(x)), strict=True
        ):
            np.testing.assert_array_equal(mine, its)


def test_flags_come_back_layer_by_layer(tmp_path: Path) -> None:
    """Keras's own reader of configurations drops the flag of a stack."""
    model = nested()
    model.layers[0].trainable = False
    model.layers[0].get_layer("in").layers[1].trainable = True
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    flags = [w.trainable for w in model.weights]
    assert [w.trainable for w in again.weights] == flags
    assert True in flags
    assert False in flags
    frozen = seqir.Sequential([seqir.Input((2,)), layers.Dense(1)], trainable=False)
    frozen.save(tmp_path / "f.keras")
    assert load_model(tmp_path / "f.keras").trainable_weights == []


def test_files_do_not_change_from_one_save_to_the_next(tmp_path: Path) -> None:
    model = stack()
    model.save_weights(tmp_path / "a.weights.h5")
    model.save_weights(tmp_path / "b.weights.h5")
    a, b = (tmp_path / "a.weights.h5"), (tmp_path / "b.weights.h5")
    assert a.read_bytes() == b.read_bytes()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == [
            "metadata.json",
            "config.json",
            "model.weights.h5",
        ]
        assert {info.compress_type for info in archive.infolist()} == {0}
        assert archive.read("model.weights.h5") == a.read_bytes()
        saved = json.loads(archive.read("metadata.json"))["date_saved"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d", saved)


# Training settings.


def trained(model: Any, steps: int = 3) -> Any:
    x = np.ones((4, *model.input_shape[1:]), np.float32)
    y = np.zeros((4, *model.output_shape[1:]), np.float32)
    for _ in range(steps):
        model.train_on_batch(x, y)
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_was_compiled_comes_back(suffix: str, tmp_path: Path) -> None:
    model = stack()
    model.compile(
        optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
        losses.Huber(0.5),
        metrics=["mae", metrics.MeanSquaredError(name="m")],
        weighted_metrics=["mse"],
        loss_weights=[2.0],
    )
    trained(model)
    model.save(tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    objective = again.compilation.objective
    assert objective.loss.get_config() == losses.Huber(0.5).get_config()
    assert objective.given_metrics[0] == "mae"
    assert objective.given_metrics[1].name == "m"
    assert objective.given_weighted == ["mse"]
    assert objective.loss_weights == [2.0]
    for mine, its in zip(
        model.optimizer.variables, again.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(mine.array, its.array)
    trained(model)
    trained(again)
    same_weights(model, again)
    assert load_model(tmp_path / f"m{suffix}", compile=False).optimizer is None
    model.save(tmp_path / f"plain{suffix}", include_optimizer=False)
    assert load_model(tmp_path / f"plain{suffix}").optimizer is None


def compiled(optimizer: str) -> Any:
    model = stack()
    model.compile(optimizer, "mse")
    return model


def test_the_state_of_a_training_is_in_the_weights_too(tmp_path: Path) -> None:
    model, other = compiled("adam"), compiled("adam")
    trained(model).save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    same_weights(trained(model), trained(other))
    stack().load_weights(tmp_path / "m.weights.h5")  # which is not compiled


def test_an_optimizer_that_made_no_step_starts_anew(tmp_path: Path) -> None:
    model = compiled("adam")
    model.save(tmp_path / "m.keras")
    same_weights(trained(load_model(tmp_path / "m.keras")), trained(model))


def test_the_product_of_nadam_came_first_once(tmp_path: Path) -> None:
    model, other = compiled("nadam"), compiled("nadam")
    trained(model).save_weights(tmp_path / "m.weights.h5")
    last = len(model.optimizer.variables) - 1
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        state = file["optimizer/vars"]
        assert state[str(last)].shape == ()
        state.move(str(last), "product")
        for place in reversed(range(2, last)):
            state.move(str(place), str(place + 1))
        state.move("product", "2")
    other.load_weights(tmp_path / "m.weights.h5")
    same_weights(trained(model), trained(other))


def test_the_state_of_another_optimizer_is_left_with_a_warning(tmp_path: Path) -> None:
    model, other = compiled("adam"), compiled("sgd")
    trained(model).save_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="another optimizer, it starts anew: it has 2"):
        other.load_weights(tmp_path / "m.weights.h5")
    same_weights(model, other)


def test_a_home_folder_is_known(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = randomize(stack())
    model.save("~/m.keras")
    model.save_weights("~/m.weights.h5")
    same_weights(load_model("~/m.keras"), model)
    other = stack()
    other.load_weights("~/m.weights.h5")
    same_weights(other, model)


# What is the caller's.


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_custom_objects_are_what_the_caller_passes(suffix: str, tmp_path: Path) -> None:
    model = seqir.Sequential(
        [
            seqir.Input((3,)),
            Scale(3.0),
            layers.Dense(2, activation=doubled),
            Block(2),
        ]
    )
    model.compile("sgd", off_by_one, metrics=[off_by_one])
    trained(randomize(model))
    path = tmp_path / f"m{suffix}"
    model.save(path)
    known = {"Scale": Scale, "doubled": doubled, "Block": Block}
    with pytest.raises(UnsupportedError, match=r"'.*/scale'.*'.*/block'") as caught:
        load_model(path)
    assert "custom_objects={'Scale': ...}" in str(caught.value)
    assert "no function 'doubled'" in str(caught.value)
    with pytest.raises(UnsupportedError, match="for 'Scale', so it must be a class"):
        load_model(path, {**known, "Scale": doubled})
    with pytest.raises(UnsupportedError, match="no function 'off_by_one'"):
        load_model(path, known)
    again = load_model(path, {**known, "off_by_one": off_by_one})
    same(model, again)
    assert again.loss is off_by_one
    clone = clone_model(model, custom_objects=known)
    clone.load_weights(path)
    same_weights(model, clone)


class Forked(seqir.Model):
    """A model with a call of its own."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.left = layers.Dense(units)
        self.right = [layers.Dense(units), layers.Dense(units)]

    def call(self, inputs: Any) -> Any:
        a, b = inputs
        return self.left(a) + self.right[1](self.right[0](b))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_a_model_with_a_call_of_its_own(tmp_path: Path) -> None:
    model = Forked(3, name="forked")
    x = [np.ones((2, 4), np.float32), np.ones((2, 5), np.float32)]
    wanted = model(x)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", {"Forked": Forked})
    np.testing.assert_array_equal(again(x), wanted)
    with h5py.File(model_weights(tmp_path / "m.keras")) as file:
        assert set(file) == {"left", "right", "vars"}
        assert set(file["right"]) == {"dense", "dense_1"}
    rewrite(tmp_path / "m.keras", lambda c: c["build_config"].update(input_shape=[9]))
    with pytest.raises(CorruptFileError, match=r"m.keras cannot be loaded: model 'fo"):
        load_model(tmp_path / "m.keras", {"Forked": Forked})


def model_weights(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read("model.weights.h5"))


def test_layers_inside_of_layers_have_paths(tmp_path: Path) -> None:
    model = seqir.Sequential([seqir.Input((3,)), Block(3), Block(3)])
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        found: list[str] = []
        file.visit(found.append)
    groups = {f.rsplit("/", 1)[0] for f in found if f.endswith("/0")}
    assert groups == {
        f"layers/{block}/{inner}/vars"
        for block in ("block", "block_1")
        for inner in (
            "inside/dense",
            "inside/dense_1",
            "table/container/dense",
            "last",
        )
    }


# Errors: loading.


def saved(tmp_path: Path, model: Any = None) -> Path:
    path = tmp_path / "m.keras"
    (model or stack()).save(path)
    return path


def rewrite(path: Path, change: Any) -> Path:
    """The archive with another configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    members["config.json"] = json.dumps(change(config) or config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def at(config: Any, index: int) -> Any:
    return config["config"]["layers"][index]


def entry(kind: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": {"name": "x", **config}}


def replaced(new: Any) -> Any:
    def change(config: Any) -> None:
        config["config"]["layers"][3] = new

    return change


BAD: list[tuple[Any, type[Exception], str]] = [
    (entry("Lambda"), UnsafeFileError, r"'stack/x' \(Lambda\): Lambda runs Python"),
    (entry("TFSMLayer"), UnsupportedError, "TFSMLayer wraps a TensorFlow SavedModel"),
    (entry("Fancy"), UnsupportedError, "has no layer 'Fancy'"),
    (
        {"module": None, "class_name": "Fancy", "config": {}},
        UnsupportedError,
        r"layer 'stack/Fancy' \(Fancy\): seqir has no layer 'Fancy'",
    ),
    (entry("Foo", "my.pkg"), UnsafeFileError, "my.pkg.Foo is not a class of Keras"),
    (
        {**entry("Foo", "my.pkg"), "registered_name": "pkg>Foo"},
        UnsupportedError,
        r"'Foo' is a class of my.pkg: pass it as custom_objects=\{'Foo'",
    ),
    (
        entry("StringLookup", vocabulary="/etc/passwd"),
        UnsafeFileError,
        "its vocabulary='/etc/passwd' names a file",
    ),
    (
        entry("Dense", units=-1),
        CorruptFileError,
        r"'stack/x' \(Dense\): units must be a positive integer, got -1",
    ),
    (entry("Dense", unit=1), CorruptFileError, "unit"),
    (entry("Dense", units=[1]), CorruptFileError, "units"),
    (
        entry("Dense", units=1, quantization_config={"a": 1}),
        UnsupportedError,
        "Dense of seqir has no 'quantization_config'",
    ),
    (
        entry("Dense", units=1, dtype={"class_name": "QuantizedDTypePolicy"}),
        UnsupportedError,
        "dtype policy 'QuantizedDTypePolicy'",
    ),
    (
        entry("Activation", activation={"class_name": "__lambda__", "config": {}}),
        UnsafeFileError,
        "it holds a lambda",
    ),
    (
        entry(
            "Activation",
            activation={
                "class_name": "function",
                "module": "os",
                "config": "system",
            },
        ),
        UnsafeFileError,
        "the function os.'system' is not one of Keras",
    ),
    (
        entry("Activation", activation=entry("Nope")),
        CorruptFileError,
        "activation 'Nope' is no layer of seqir",
    ),
    (
        entry("Rescaling", scale={"class_name": "__tensor__", "config": 3}),
        CorruptFileError,
        "an array is stored as value and dtype, got 3",
    ),
    (entry("Fancy", "keras.src.ops.numpy"), UnsupportedError, "operation 'Fancy'"),
    ("Dense", CorruptFileError, "a layer is stored as"),
]


@pytest.mark.parametrize(("new", "error", "words"), BAD)
def test_layers_that_cannot_be(
    new: Any, error: Any, words: str, tmp_path: Path
) -> None:
    path = rewrite(saved(tmp_path), replaced(new))
    with pytest.raises(error, match=words) as caught:
        load_model(path)
    assert type(caught.value) is error
    assert str(caught.value).startswith("m.keras cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_all_reasons_are_given_at_once(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        for index, kind in enumerate(("Fancy", "Fancier", "Fanciest"), 1):
            config["config"]["layers"][index] = entry(kind)

    path = rewrite(saved(tmp_path), change)
    with pytest.raises(UnsupportedError, match=r"'Fancy'.*'Fancier'.*'Fanciest'"):
        load_model(path)

    def many(config: Any) -> None:
        config["config"]["layers"][1:] = [entry("Fancy")] * 30

    with pytest.raises(UnsupportedError, match="; and 10 more"):
        load_model(rewrite(path, many))


GRAPH = {
    "a layer twice": (
        lambda c: c["config"]["layers"].append(c["config"]["layers"][1]),
        "two layers have the name",
    ),
    "no inputs": (lambda c: c["config"].pop("input_layers"), "has no input_layers"),
    "no layers": (lambda c: c["config"].pop("layers"), "has no list of layers"),
    "places": (
        lambda c: c["config"].update(output_layers=["twice", 9, 0]),
        "there is no output 0 of call 9 of layer 'twice'",
    ),
    "another form": (
        lambda c: c["config"].update(output_layers=["twice", "0"]),
        "is no place",
    ),
    "a number": (lambda c: c["config"].update(output_layers=3), "3 is no place"),
    "a call": (
        lambda c: at(c, 2).update(inbound_nodes=["x"]),
        "a call of layer 'twice' is stored as 'x'",
    ),
    "no calls": (
        lambda c: at(c, 2).update(inbound_nodes=None),
        "no list of inbound_nodes",
    ),
    "a circle": (
        lambda c: at(c, 2)["inbound_nodes"].__setitem__(
            0, {"args": [place("twice", 2)], "kwargs": {}}
        ),
        "layer 'twice' needs call 2 of layer 'twice', which is not there or needs",
    ),
    "nothing": (
        lambda c: at(c, -1).update(inbound_nodes=[{"args": [[1.0]], "kwargs": {}}]),
        "function 'sum' is called on no tensor",
    ),
    "too many parts": (
        lambda c: at(c, -1).update(
            class_name="ArraySplit",
            config={"name": "sum", "indices_or_sections": 10**7, "axis": 1},
        ),
        "array_split into 10,000,000 parts, as no model does",
    ),
    "no such argument": (
        lambda c: at(c, -1)["config"].update(where=3),
        "ops.sum has no argument 'where', which is 3 here",
    ),
}


def place(name: str, call: int) -> dict[str, Any]:
    found = {"keras_history": [name, call, 0], "shape": [None, 4], "dtype": "float32"}
    return {"class_name": "__keras_tensor__", "config": found}


@pytest.mark.parametrize("case", GRAPH)
def test_graphs_that_cannot_be(case: str, tmp_path: Path) -> None:
    change, words = GRAPH[case]
    path = rewrite(saved(tmp_path, shared()), lambda c: change(c) and None)
    refused = (CorruptFileError, UnsafeFileError, UnsupportedError)
    with pytest.raises(refused, match=words):
        load_model(path)


def test_what_is_no_model(tmp_path: Path) -> None:
    path = rewrite(saved(tmp_path), lambda c: entry("Dense", units=3))
    with pytest.raises(CorruptFileError, match="does not hold a model"):
        load_model(path)
    unbuilt = {"name": "s", "layers": [entry("Dense", units=3)]}
    path = rewrite(
        saved(tmp_path), lambda c: {**c, "config": unbuilt, "build_config": 3}
    )
    with pytest.raises(UnsupportedError, match=r"'s' in m.keras was saved before it"):
        load_model(path)
    path = rewrite(path, lambda c: [1])
    with pytest.raises(CorruptFileError, match="a layer is stored as"):
        load_model(path)


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    model = stack()
    model.compile("adam", "mse")
    path = saved(tmp_path, model)
    rewrite(path, lambda c: c["compile_config"].update(loss="mystery"))
    with pytest.raises(UnsupportedError, match=r"compile=False.*function 'mystery'"):
        load_model(path)
    assert load_model(path, compile=False).count_params() == model.count_params()
    rewrite(path, lambda c: c.update(compile_config=[3]))
    with pytest.raises(CorruptFileError, match=r"are no dictionary: \[3\]"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.pt", "m.pt is not read: PyTorch's files hold pickled Python objects"),
        ("m.pkl", "run code when they are read"),
        ("m.onnx", "no Keras layers"),
        ("m.tflite", "compiled model"),
        ("m", "seqir reads Keras's"),
    ],
)
def test_other_kinds_of_files(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UnsupportedError, match=words):
        load_model(tmp_path / name)
    with pytest.raises(UnsupportedError, match=words):
        stack().load_weights(tmp_path / name)


def test_folders_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="it is a folder: a SavedModel or an"):
        load_model(tmp_path)


def test_a_file_of_weights_is_no_model(tmp_path: Path) -> None:
    stack().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnsupportedError, match="holds weights and no model: make the"):
        load_model(tmp_path / "m.weights.h5")


def test_json_that_is_no_model() -> None:
    with pytest.raises(CorruptFileError, match="the JSON text"):
        model_from_json("{")
    with pytest.raises(UnsupportedError, match=r"TensorFlow function 'math.igamma'"):
        model_from_json(json.dumps(entry("TFOpLambda", function="math.igamma")))


# Errors: weights.


def test_weights_of_another_model_change_nothing(tmp_path: Path) -> None:
    model = randomize(stack())
    before = model.get_weights()
    other = seqir.Sequential([seqir.Input((4,)), layers.Dense(3), layers.Dense(2)])
    for suffix in (".weights.h5", ".weights.json", ".h5", ".safetensors"):
        path = tmp_path / f"o{suffix}"
        (other.save if suffix == ".h5" else other.save_weights)(path)
        with pytest.raises(ShapeError, match="another model"):
            model.load_weights(path)
        for mine, its in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, its)


def test_both_sides_of_a_misfit_are_named(tmp_path: Path) -> None:
    model = stack()
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        file.move("layers/dense/vars", "layers/densest/vars")
        del file["layers/conv2d/vars/1"]
    with pytest.raises(ShapeError) as caught:
        model.load_weights(tmp_path / "m.weights.h5")
    words = str(caught.value)
    assert "'dense' is not there, it would be 'layers/dense/vars'" in words
    assert "the file has 'layers/densest/vars', which the model has not" in words
    assert "layer 'conv2d' (layers/conv2d) has 2 weights, the file has 1" in words


def test_what_fits_can_be_taken(tmp_path: Path) -> None:
    model = randomize(stack())
    for suffix in (".weights.h5", ".h5"):
        path = tmp_path / f"m{suffix}"
        (model.save if suffix == ".h5" else model.save_weights)(path)
        x = seqir.Sequential(
            [
                seqir.Input((8, 8, 3)),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(7),
            ]
        )
        head = x.layers[-1].get_weights()
        with pytest.raises(ShapeError, match="skip_mismatch=True"):
            x.load_weights(path)
        with pytest.warns(UserWarning, match=r"left out of m.*layer 'dense"):
            x.load_weights(path, skip_mismatch=True)
        same_weights(x.layers[0], model.layers[0])
        same_weights(x.layers[1], model.layers[1])
        np.testing.assert_array_equal(x.layers[-1].get_weights()[0], head[0])


def test_layers_by_name(tmp_path: Path) -> None:
    model = randomize(stack())
    model.save(tmp_path / "m.h5")
    other = seqir.Sequential(
        [
            seqir.Input((8, 8, 3)),
            layers.Conv2D(9, 3, name="first"),
            layers.Conv2D(4, 3, name=model.layers[0].name),
        ]
    )
    with pytest.raises(ShapeError, match=r"\(4, 4, 3, 9\)|3, 3, 9, 4"):
        other.load_weights(tmp_path / "m.h5", by_name=True)
    other = seqir.Sequential(
        [
            seqir.Input((8, 8, 3)),
            layers.Conv2D(3, 3, name="first"),
            layers.Conv2D(4, 3, name=model.layers[0].name),
        ]
    )
    other.load_weights(tmp_path / "m.h5", by_name=True)
    same_weights(other.layers[1], model.layers[0])
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ArgumentError, match=r"by_name=True is for the older .h5 files"):
        other.load_weights(tmp_path / "m.weights.h5", by_name=True)
    with pytest.raises(ShapeError, match=r"has 2 layers with weights .*the file 3"):
        other.load_weights(tmp_path / "m.h5")


def test_older_files_without_their_attributes(tmp_path: Path) -> None:
    model = stack()
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        group = file["model_weights"]
        names = group.attrs["layer_names"]
        del group.attrs["layer_names"]
    with pytest.raises(
        CorruptFileError, match=r"'model_weights' in m.h5 has no layer_"
    ):
        model.load_weights(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:  # in parts, as long lists are kept
        file["model_weights"].attrs["layer_names0"] = names[:2]
        file["model_weights"].attrs["layer_names1"] = names[2:]
    model.load_weights(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file["model_weights"].attrs["layer_names"] = np.arange(3)
        file.attrs["model_config"] = 3
    with pytest.raises(CorruptFileError, match=r"layer_names in m.h5 is no list of"):
        model.load_weights(tmp_path / "m.h5")
    with pytest.raises(CorruptFileError, match=r"model_config in m.h5 is no text"):
        load_model(tmp_path / "m.h5")


def test_long_lists_of_names_are_kept_in_parts(tmp_path: Path) -> None:
    many = [layers.Dense(1, name=f"a_name_of_a_layer_{i:060}") for i in range(900)]
    model = randomize(seqir.Sequential([seqir.Input((1,)), *many]))
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    same_weights(load_model(tmp_path / "m.h5"), model)


def test_shards(tmp_path: Path) -> None:
    model = seqir.Sequential([seqir.Input((64,)), layers.Dense(64), layers.Dense(64)])
    randomize(model)
    path = tmp_path / "m.weights.json"
    size = 20_000 / 2**30
    model.save_weights(path, max_shard_size=size)
    table = json.loads(path.read_text())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.weights.json",
        "m_00000.weights.h5",
        "m_00001.weights.h5",
    ]
    assert table["metadata"]["total_size"] == sum(w.nbytes for w in model.weights)
    other = clone_model(model)
    other.load_weights(path)
    same_weights(model, other)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    model.save_weights(path, max_shard_size=size)  # beside those that are there
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names[0] == "m.weights.json"
    shards = [name for name in names if re.fullmatch(r"m_[0-9a-f]{8}_0.*h5", name)]
    assert names[1:] == shards
    plain = sorted(before)[1:]
    assert [(tmp_path / n).read_bytes() for n in shards] == [before[n] for n in plain]
    other.load_weights(path)
    model.save_weights(path, max_shard_size=size)  # whose names are free again
    assert {p.name for p in tmp_path.iterdir()} == before.keys()
    with pytest.raises(ArgumentError, match="more than max_shard_size="):
        model.save_weights(path, max_shard_size=size / 10)
    other.load_weights(path)  # the old ones are there still

    def broken(table: Any) -> None:
        path.write_text(json.dumps(table))
        other.load_weights(path)

    with pytest.raises(CorruptFileError, match="has no weight_map"):
        broken({})
    with pytest.raises(CorruptFileError, match="a weight_map that names no files: 3"):
        broken({"weight_map": {"/layers/dense/vars": 3}})
    for name in ("../m_00000.weights.h5", "/etc/hostname", "a\\b.h5", "m.txt"):
        with pytest.raises(UnsafeFileError, match=r"which is no .h5 file beside it"):
            broken({"weight_map": {"/layers/dense/vars": [name]}})
    with h5py.File(tmp_path / "m_00000.weights.h5", "a") as file:
        file.move("layers/dense/vars/1", "layers/dense/vars/x")
    path.write_text(json.dumps(table))
    with pytest.raises(CorruptFileError, match="there is no 'layers/dense/vars/1'"):
        other.load_weights(path)


# Errors: saving.


def test_saving_what_cannot_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.raises(NotBuiltError, match="is not built yet and has no weights to s"):
        seqir.Sequential([layers.Dense(3)]).save(path)
    with pytest.raises(NotBuiltError, match="has no weights to load"):
        seqir.Sequential([layers.Dense(3)]).load_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnsupportedError, match=r"cannot save a model as '.*m.pt'"):
        stack().save(tmp_path / "m.pt")
    with pytest.raises(UnsupportedError, match=r"cannot save weights as '.*m.h5'"):
        stack().save_weights(tmp_path / "m.h5")
    silent = seqir.Sequential([seqir.Input((3,)), Silent(2.0, name="s")])
    with pytest.raises(UnsupportedError, match="layer 's' does not have 'factor'"):
        silent.save(path)
    nameless = stack()
    nameless.compile("sgd", lambda y, p: ops.mean(y - p, axis=-1))
    with pytest.raises(UnsupportedError, match="no name that a file could keep"):
        nameless.save(path)
    x = seqir.Input((3,))
    mish = seqir.Model(x, ops.mish(x))
    with pytest.raises(UnsupportedError, match="is a call of mish, which Keras has no"):
        mish.save(path)
    odd = seqir.Sequential([seqir.Input((3,)), Odd()])
    with pytest.raises(UnsupportedError, match=r"\{1\} of type set cannot be kept in"):
        odd.save(path)
    assert not list(tmp_path.iterdir())


def test_overwriting(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ExportError, match="is there already, and overwrite=False"):
        stack().save(path, overwrite=False)
    assert path.read_bytes() == before
    stack().save(path)


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading needs nothing, writing says what to install."""
    path = saved(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'seqir\[keras\]'"):
        stack().save(path)
    assert load_model(path).built


def test_names_of_the_room() -> None:
    assert models.load_model is load_model
    assert seqir.saving.load_model is load_model
    assert seqir.saving.save_model is models.save_model
