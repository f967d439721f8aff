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
    CorruptFileError,
    ExportError,
    MissingPackageError,
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
        # Names behind "layers" come after it, and it has kept them all.
        assert set(file) == {"layers", "vars"}
        assert set(file["layers"]) == {"dense", "dense_1", "dense_2"}
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


# What the tests of what is refused start from.


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


# What is there already, and what is not installed.


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


def test_names_of_the_package() -> None:
    assert models.load_model is load_model
    assert seqir.saving.load_model is load_model
    assert seqir.saving.save_model is models.save_model
