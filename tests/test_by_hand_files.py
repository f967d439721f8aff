"""Models that are trained by hand: files, checkpoints, bundles, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import seqir as keras
from seqir import layers, ops, tensorfile
from seqir.errors import (
    ArgumentError,
    DTypeError,
    GraphError,
    ShapeError,
    UnsupportedError,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Pair(keras.Model):
    """Two networks that learn from each other, with an optimizer each."""

    def __init__(self, width: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        first = [keras.Input((3,)), layers.Dense(width), layers.BatchNormalization()]
        self.first = keras.Sequential([*first, layers.Dense(3)])
        self.second = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        self.tracker = keras.metrics.Mean(name="second")
        self.seeds = keras.random.SeedGenerator(5)

    def compile(self, one: Any = "adam", two: Any = "adam") -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().compile()
        self.optimizers = [keras.optimizers.get(one), keras.optimizers.get(two)]

    def train_step(self, x: Any) -> Any:
        noise = keras.random.normal(ops.shape(x), seed=self.seeds)
        found = self.second(self.first(x + noise, training=True))
        losses = ops.mean(ops.square(found)), ops.mean(ops.square(found - 1.0))
        networks = (self.first, self.second)
        for net, loss, optimizer in zip(networks, losses, self.optimizers, strict=True):
            weights = net.trainable_weights
            optimizer.apply(keras.gradient(loss, weights), weights)
        self.tracker.update_state(losses[1])
        return {"first": losses[0], "second": self.tracker.result()}


def pair(seed: int = 3) -> Pair:
    keras.utils.set_random_seed(seed)
    model = Pair()
    model.compile(keras.optimizers.Adam(0.05), keras.optimizers.RMSprop(0.05))
    return model


def same(a: Any, b: Any) -> None:
    for own, wanted in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(own, wanted)


class KilledError(Exception):
    pass


class Killer(keras.callbacks.Callback):
    """Ends the process, as far as a test goes, after some batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            raise KilledError


@pytest.mark.parametrize("batches", [2, 5, 6])
def test_a_killed_training_ends_as_an_unbroken_one(
    batches: int, tmp_path: Path
) -> None:
    options: Any = {"epochs": 3, "batch_size": 6, "verbose": 0}
    whole = pair()
    wanted = whole.fit(X, **options)
    options |= {"resume": tmp_path, "checkpoint_freq": 1}
    with pytest.raises(KilledError):
        pair().fit(X, callbacks=[Killer(batches)], **options)
    again = pair()
    history = again.fit(X, **options)
    same(again, whole)
    assert history.history == wanted.history
    for own, other in zip(again.optimizers, whole.optimizers, strict=True):
        for a, b in zip(own.variables, other.variables, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_checkpoint_goes_back(tmp_path: Path) -> None:
    model = pair()
    model.fit(X, verbose=0)
    model.save_checkpoint(tmp_path / "a.safetensors")
    runs: list[Any] = []
    for _ in range(2):
        history = model.fit(X, epochs=2, batch_size=8, verbose=0).history
        runs.append((history, model.get_weights()))
        model.load_checkpoint(tmp_path / "a.safetensors")
    assert runs[0][0] == runs[1][0]


def test_a_file_keeps_weights_and_states_of_the_optimizers(tmp_path: Path) -> None:
    model = pair()
    model.fit(X, verbose=0)
    model.save(tmp_path / "a.keras")
    with pytest.warns(UserWarning, match="compile of Pair takes arguments of its own"):
        again = keras.saving.load_model(tmp_path / "a.keras")
    same(again, model)
    again.compile()
    again.fit(X, verbose=0)
    plain = keras.saving.load_model(tmp_path / "a.keras", compile=False)
    same(plain, model)


def test_compile_settings_of_the_users(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("tests")
    class Compiled(Pair):
        def get_compile_config(self) -> Any:
            each = map(keras.optimizers.serialize, self.optimizers)
            return dict(zip(("one", "two"), each, strict=True))

        def compile_from_config(self, config: Any) -> None:
            deserialize = keras.optimizers.deserialize
            self.compile(**{k: deserialize(v) for k, v in config.items()})

    keras.utils.set_random_seed(3)
    model = Compiled()
    model.compile(keras.optimizers.Adam(0.25), keras.optimizers.SGD(0.5))
    model.fit(X, verbose=0)
    model.save(tmp_path / "a.keras")
    with pytest.warns(UserWarning, match="starts anew"):
        again = keras.saving.load_model(tmp_path / "a.keras")
    same(again, model)
    assert float(again.optimizers[0].learning_rate) == 0.25
    assert type(again.optimizers[1]) is keras.optimizers.SGD


def game(package: Any) -> Any:
    """A class with two networks, a metric, a seed and two optimizers, of a package."""

    class Game(package.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            inside = package.layers
            first = [inside.Dense(3), inside.BatchNormalization(), inside.Dropout(0.5)]
            self.first = package.Sequential([package.Input((2,)), *first])
            self.second = package.Sequential([package.Input((3,)), inside.Dense(1)])
            self.tracker = package.metrics.Mean(name="tracker")
            self.seeds = package.random.SeedGenerator(3)

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

        def compile(self, one: Any, two: Any) -> None:
            super().compile()
            self.one, self.two = one, two

    return Game


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
@pytest.mark.parametrize("writes", ["keras", "seqir"])
@pytest.mark.filterwarnings("ignore")
def test_keras_reads_and_writes_the_same(
    writes: str, suffix: str, tmp_path: Path
) -> None:
    keras3 = pytest.importorskip("keras")
    writer, reader = (keras3, keras) if writes == "keras" else (keras, keras3)
    x, path = np.ones((4, 2), "float32"), tmp_path / f"model{suffix}"
    model = game(writer)()
    make = writer.optimizers
    model.compile(make.Adam(), make.SGD(momentum=0.9))
    expected = model(x)
    model.one.build(model.first.trainable_variables)
    model.two.build(model.second.trainable_variables)
    if suffix == ".keras":
        model.save(path)
        cls = game(reader)
        again = reader.saving.load_model(path, custom_objects={"Game": cls})
    else:
        model.save_weights(path)
        again = game(reader)()
        again(x)
        again.load_weights(path)
    np.testing.assert_allclose(again(x), expected, atol=1e-6)


def test_a_bundle_trains_elsewhere(tmp_path: Path) -> None:
    model = pair()
    model.export_training(tmp_path, X)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    step = manifest["programs"]["train_step"]
    assert list(manifest["programs"]) == ["train_step"]
    state, _ = tensorfile.read(tmp_path / "init.safetensors")
    session = onnxruntime.InferenceSession(tmp_path / step["file"])
    feeds = {row["input"]: state[row["name"]] for row in step["state"]}
    feeds |= {step["batch"][0]["input"]: X, step["seed"]: np.asarray(manifest["seed"])}
    feeds[step["step"]] = np.asarray(0)
    names = [row["output"] for row in step["state"] if row["output"]]
    found = dict(zip(names, session.run(names, feeds), strict=True))
    keys = [row["name"] for row in step["state"] if row["output"]]
    model.fit(X, batch_size=24, shuffle=False, verbose=0)
    model.save_checkpoint(tmp_path / "after.safetensors")
    kernel = model.first.layers[0].kernel
    key = next(k for k in keys if k.endswith(kernel.path))
    np.testing.assert_allclose(found[names[keys.index(key)]], kernel, atol=1e-6)


def test_a_large_step_is_cut_in_two_halves() -> None:
    found: list[Any] = []
    for width in (4, 600):
        keras.utils.set_random_seed(1)
        model = Pair(width)
        model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
        model.first.add(layers.Dense(width))
        model.first.add(layers.Dense(3))
        history = model.fit(X, epochs=4, verbose=0).history
        found.append(history["second"])
        assert np.isfinite(history["second"]).all()
        assert model.optimizers[0].iterations == 4


# What is refused.


class Stepping(keras.Model):
    """A step that a test says."""

    def __init__(self, step: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.w = self.add_weight((), initializer="ones", name="w")

    def train_step(self, data: Any) -> Any:
        return self.step(self, data)


def refused(step: Any, **options: Any) -> None:
    model = Stepping(step)
    model.compile()
    model.fit(X, verbose=0, **options)


WRONG: dict[str, tuple[Any, Any, str]] = {
    "no logs": (lambda m, x: None, ArgumentError, "a dictionary.*, got nothing"),
    "a loss": (lambda m, x: ops.mean(x), ArgumentError, "names and numbers.*Traced"),
    "a number for a name": (lambda m, x: {1: 2.0}, ArgumentError, "are text, got 1"),
    "a number a sample": (
        lambda m, x: {"loss": x[:, 0]},
        ShapeError,
        r"of model 'stepping.*' \(Stepping\): 'loss' in the logs has shape",
    ),
    "a decision": (
        lambda m, x: {"a": 1} if ops.mean(x) > 0 else {},
        DTypeError,
        "the truth of",
    ),
    "no variables": (
        lambda m, x: keras.gradient(ops.mean(x), []),
        ArgumentError,
        "gradient got no variables",
    ),
    "an array": (
        lambda m, x: keras.gradient(ops.mean(x), [X]),
        ArgumentError,
        "traced tensors and variables, got",
    ),
    "a number": (
        lambda m, x: keras.gradient(1.0, m.w),
        GraphError,
        "gradient takes a loss that .* got a float",
    ),
    "a conversion": (
        lambda m, x: {"loss": float(ops.mean(x))},
        DTypeError,
        "is no number while a model is built or a step is traced",
    ),
    "a count": (lambda m, x: {"a": int(ops.mean(x))}, DTypeError, "is no number while"),
    "NumPy": (lambda m, x: {"loss": ops.mean(x).numpy()}, AttributeError, "numpy"),  # pyright: ignore[reportAttributeAccessIssue]
    "the usual step": (
        lambda m, x: keras.Model.train_step(m, x),
        NotImplementedError,
        "Stepping has no call",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_steps_that_are_wrong_say_so(kind: str) -> None:
    step, error, text = WRONG[kind]
    with pytest.raises(error, match=text):
        refused(step)


def test_a_gradient_needs_a_step() -> None:
    x = keras.Input((3,))
    with pytest.raises(GraphError, match="got a symbolic tensor of a model: override"):
        keras.gradient(ops.mean(x), [x])
    model = pair()
    with pytest.raises(GraphError, match="got a EagerTensor, which does not know"):
        keras.gradient(ops.mean(model.second(X)), model.second.trainable_weights)


def test_parts_of_a_step_are_called_in_one() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(GraphError, match=r"compute_loss of model .* on tensors"):
        model.compute_loss(X, X[:, :1], model(X))
    with pytest.raises(GraphError, match=r"compute_metrics of model .* train_on_batch"):
        model.compute_metrics(X, X[:, :1], model(X))
    with pytest.raises(GraphError, match=r"a step of model .* is called by fit"):
        model.train_step((X, X[:, :1]))


def test_a_loss_that_is_not_returned() -> None:
    class Silent(keras.Sequential):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            super().compute_loss(*args, **kwargs)

    model = Silent([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(GraphError, match=r"compute_loss of .*Silent\) returned"):
        model.fit(X, X[:, :1], verbose=0)


def test_features_are_not_kept_for_a_step_by_hand() -> None:
    with pytest.raises(UnsupportedError, match="cache_frozen keeps what the frozen"):
        refused(lambda m, x: {}, cache_frozen="memory")


def test_a_step_by_hand_learns_from_text() -> None:
    texts = np.array([["a fine day"], ["what a film"], ["a dull film"], ["dull"]])

    class Reader(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.words = layers.TextVectorization(output_sequence_length=4)
            self.words.adapt(texts)
            self.table, self.head = layers.Embedding(20, 4), layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.head(ops.mean(self.table(self.words(x)), axis=1))

        def train_step(self, data: Any) -> Any:
            x, y = data
            loss = ops.mean(ops.square(self(x) - y))
            weights = self.trainable_weights
            self.optimizer.apply(keras.gradient(loss, weights), weights)
            return {"loss": loss}

    model = Reader()
    model.compile(keras.optimizers.Adam(0.1))
    y = np.array([[1.0], [1.0], [0.0], [0.0]])
    history = model.fit(texts, y, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert ((model.predict(texts, verbose=0) > 0.5) == (y > 0.5)).all()
    assert Reader()(texts).shape == (4, 1)
