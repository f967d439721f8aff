"""What layers assign to in `call` is kept, also when a model only runs."""

import json
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import state_cases
from beside_keras import run_keras
from state_cases import CASES, counter, last_row

import seqir
from seqir import layers, ops
from seqir.errors import ArgumentError, RunError
from seqir.runtime import Session

X = np.zeros((4, 2), np.float32)


class Counter(layers.Layer):
    """Adds how often it was called."""

    def build(self, input_shape: Any) -> None:
        self.n = self.add_weight((), "zeros", "int32", trainable=False, name="n")

    def call(self, x: Any) -> Any:
        self.n.assign_add(1)
        return x + ops.cast(self.n, x.dtype)


class Mean(layers.Layer):
    """Takes off a mean that it follows in training."""

    def build(self, input_shape: Any) -> None:
        self.mean = self.add_weight((2,), "zeros", trainable=False, name="mean")

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.mean.assign(ops.mean(x, 0))
        return x - self.mean


def counting(*before: Any) -> Any:
    model = seqir.Sequential([layers.Input((2,)), *before, Counter(name="count")])
    model.compile(seqir.optimizers.SGD(0.1), "mse")
    return model


def count(model: Any) -> int:
    return int(model.get_layer("count").n)


@pytest.mark.slow
def test_all_numbers_are_those_of_keras(tmp_path: Path) -> None:
    """Keras runs on JAX, in a process of its own."""
    path = tmp_path / "found.json"
    run_keras(state_cases.__file__, path)
    wanted = json.loads(path.read_text())
    for name in CASES:
        found = state_cases.trace(seqir, name)
        for mine, theirs in zip(found, wanted[name], strict=True):
            np.testing.assert_allclose(mine, theirs, 1e-5, 1e-5, err_msg=name)


RUNS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "call": (lambda model: model(X), 1),
    "call in training": (lambda model: model(X, training=True), 1),
    "call of the layer": (lambda model: model.layers[-1](X), 1),
    "predict": (lambda model: model.predict(X, batch_size=2, verbose=0), 2),
    "predict, a shorter batch": (lambda m: m.predict(X, batch_size=3, verbose=0), 2),
    "predict_on_batch": (lambda model: model.predict_on_batch(X), 1),
    "evaluate": (lambda model: model.evaluate(X, X, batch_size=2, verbose=0), 2),
    "test_on_batch": (lambda model: model.test_on_batch(X, X), 1),
    "fit": (lambda model: model.fit(X, X, batch_size=2, epochs=3, verbose=0), 6),
    "train_on_batch": (lambda model: model.train_on_batch(X, X), 1),
    "shapes": (lambda model: model.compute_output_shape((None, 2)), 0),
    "export": (lambda model: model.export("counting.onnx"), 0),
}


@pytest.mark.parametrize("name", RUNS)
def test_every_run_counts(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run, steps = RUNS[name]
    model = counting(layers.Dense(2))
    for times in (1, 2):
        run(model)
        assert count(model) == times * steps
    assert model(X).shape == (4, 2)
    assert count(model) == 2 * steps + 1


def test_batches_go_on_from_each_other() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    model = seqir.Sequential([layers.Input((2,)), last_row(seqir)])
    found = model.predict(rows, batch_size=4, verbose=0)
    before = np.concatenate([np.ones((4, 2)), np.tile(rows[3], (2, 1))])
    np.testing.assert_array_equal(found, rows + before)
    np.testing.assert_array_equal(model.layers[0].row, rows[-1])
    batches = (batch for batch in np.split(rows, 3))
    found = model.predict(batches, verbose=0)
    before = np.repeat(rows[[5, 1, 3]], 2, axis=0)
    np.testing.assert_array_equal(found, rows + before)


def test_other_sizes_share_the_state() -> None:
    model = seqir.Sequential([Counter(name="count")])
    found = [model(np.zeros((1, n, 2), np.float32)).max() for n in (3, 5, 3, 7, 5)]
    assert found == [1, 2, 3, 4, 5]
    assert count(model) == 5


def test_variables_and_numbers_are_assigned_in_every_run() -> None:
    class Assigns(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.before = self.add_weight((2,), "zeros", trainable=False)
            self.now = self.add_weight((2,), "zeros", trainable=False)
            self.number = self.add_weight((), "zeros", "int32", trainable=False)

        def call(self, x: Any) -> Any:
            self.before.assign(self.now)
            self.now.assign(x[-1])
            self.number.assign(7)
            y = x + self.before + ops.cast(self.number, x.dtype)
            self.number.assign(np.int64(3))
            return y

    layer = Assigns()
    model = seqir.Sequential([layers.Input((2,)), layer])
    assert [w.role for w in layer.weights] == ["state"] * 3
    assert not any(np.any(w) for w in layer.get_weights())  # traced, and not run
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    for run, last in (
        (model, 3),
        (lambda x: model.predict(x, batch_size=2, verbose=0), 1),
        (layer, 3),
    ):
        model.reset_state()
        layer.number.assign(5)
        found = np.concatenate([run(rows), run(rows)])
        assert int(layer.number) == 3
        np.testing.assert_array_equal(found[-2:] - rows[2:] - 7, rows[[last, last]])


def test_what_is_said_of_roles() -> None:
    model = seqir.Sequential(
        [layers.Input((2,)), Mean(), layers.BatchNormalization(), Counter()]
    )
    model(X, training=True)
    roles = {w.name: w.role for w in model.weights}
    assert roles == {
        "mean": "statistic",
        "gamma": "weight",
        "beta": "weight",
        "moving_mean": "statistic",
        "moving_variance": "statistic",
        "n": "state",
    }
    layer = layers.Layer()
    assert layer.add_weight((), trainable=False).role == "statistic"
    said = layer.add_weight((), role="state")
    assert said.role == "state"
    assert not said.trainable
    layer.trainable = False
    layer.trainable = True
    assert [w.trainable for w in layer.weights] == [False, False]
    with pytest.raises(ArgumentError, match="'statistic' or 'state', got 'stat'"):
        layer.add_weight((), role="stat")  # type: ignore[arg-type]


def test_states_are_reset() -> None:
    class Several(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.inner = Counter()
            self.said = self.add_weight((2,), "random_normal", role="state")
            self.ones = self.add_weight(
                (2,), lambda shape, dtype: np.ones(shape, dtype), trainable=False
            )
            self.kept = self.add_weight((2,), "ones", trainable=False)
            self.own = seqir.Variable(np.float32([3, 4]), trainable=False)

        def call(self, x: Any) -> Any:
            self.ones.assign(x[0])
            self.own.assign_add(x[0])
            return self.inner(x) + self.kept

    layer = Several()
    model = seqir.Sequential([layers.Input((2,)), layer, layers.BatchNormalization()])
    begin = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(X + 5, X, verbose=0)
    layer.said.assign([7, 7])
    layer.kept.assign([8, 8])
    model.predict(X + 5, verbose=0)
    after = model.get_weights()
    model.reset_state()
    for now, first, last, weight in zip(
        model.get_weights(), begin, after, model.weights, strict=True
    ):
        wanted = first if weight.role == "state" else last
        np.testing.assert_array_equal(now, wanted, err_msg=weight.path)
    assert sum(w.role == "state" for w in model.weights) == 4


def test_a_loaded_state_is_reset_to_the_beginning(tmp_path: Path) -> None:
    model = counting()
    model(X)
    model.save(tmp_path / "model.keras")
    custom = {"Counter": Counter}
    again = seqir.models.load_model(tmp_path / "model.keras", custom_objects=custom)
    assert count(again) == 1
    again.reset_state()
    assert count(again) == 0
    copy = pickle.loads(pickle.dumps(model))
    copy(X)
    assert (count(copy), count(model)) == (2, 1)
    copy.reset_state()
    assert (count(copy), count(model)) == (0, 1)
    clone = seqir.models.clone_model(model)
    assert (count(clone), count(model)) == (0, 1)


@pytest.mark.parametrize("ending", [".weights.h5", ".weights.json", ".safetensors"])
def test_files_keep_states(tmp_path: Path, ending: str) -> None:
    model = counting(layers.Dense(2))
    model.predict(X, batch_size=1, verbose=0)
    model.save_weights(tmp_path / f"file{ending}")
    other = counting(layers.Dense(2))
    other.load_weights(tmp_path / f"file{ending}")
    assert count(other) == 4
    np.testing.assert_array_equal(other(X), model(X))


def test_a_training_that_goes_on_has_the_states_of_the_one_before(
    tmp_path: Path,
) -> None:
    def train(model: Any, epochs: int) -> Any:
        options: Any = {"batch_size": 2, "verbose": 0, "epochs": epochs}
        return model.fit(X + 1, X, resume=tmp_path, **options)

    seqir.utils.set_random_seed(1)
    model = counting(layers.Dense(2))
    train(model, 2)
    again = counting(layers.Dense(2))
    train(again, 4)
    assert count(again) == 8


def test_metrics_of_layers_gather_in_calls_and_not_in_predictions() -> None:
    class Watched(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.mean = seqir.metrics.Mean(name="mean_of_x")

        def call(self, x: Any) -> Any:
            self.mean.update_state(x)
            return x

    layer = Watched()
    model = seqir.Sequential([layers.Input((2,)), layer])
    model(X + 1)
    assert float(layer.mean.result()) == 1
    model.predict(X + 5, verbose=0)
    model.predict_on_batch(X + 5)
    assert float(layer.mean.result()) == 1
    model(X + 3)
    assert float(layer.mean.result()) == 2
    assert isinstance(model._layer_state.runner.form().session, Session)


def test_a_model_without_states_runs_in_a_plain_session() -> None:
    model = seqir.Sequential([layers.Input((2,)), Mean(), layers.BatchNormalization()])
    model(X)
    model.predict(X, verbose=0)
    assert len({id(form) for form in model._layer_state.runner._forms.values()}) == 1
    assert type(model._layer_state.runner.form().session) is Session


def test_a_run_that_fails_changes_no_state() -> None:
    class Gathers(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.n = self.add_weight((), "zeros", trainable=False)

        def call(self, x: Any) -> Any:
            self.n.assign_add(1)
            return ops.take(ops.convert_to_tensor(np.float32([1, 2])), x) + self.n

    layer = Gathers()
    model = seqir.Sequential([layers.Input((1,), dtype="int32"), layer])
    assert model(np.int32([[1]])) == 3
    with pytest.raises(RunError):
        model(np.int32([[9]]))
    assert float(layer.n) == 1
    assert model(np.int32([[0]])) == 3


def test_changed_weights_are_seen_beside_the_state() -> None:
    dense = layers.Dense(2, kernel_initializer="zeros")
    model = counting(dense)
    for value in range(40):
        dense.bias.assign([value, value])  # pyright: ignore[reportOptionalMemberAccess]
        np.testing.assert_array_equal(model(X), X + value + value + 1)
    for more in range(40):
        np.testing.assert_array_equal(model(X), X + 39 + 41 + more)
    model.get_layer("count").n.assign(-40)
    np.testing.assert_array_equal(model(X), X)


def test_a_part_of_a_model_shares_its_state() -> None:
    model = counting(layers.Dense(2))
    whole = seqir.Sequential(
        [layers.Input((2,)), *model.layers, Counter(name="second")]
    )
    part = whole.slice("count")
    assert part(X).shape == (4, 2)
    whole(X)
    part.predict(X, verbose=0)
    assert (count(part), int(whole.get_layer("second").n)) == (3, 1)
    name = model.layers[0].name
    whole.slice(name)(X)  # ends before the counter
    assert count(part) == 3


def test_a_prediction_of_another_model_sees_the_state() -> None:
    layer = Counter(name="count")
    model = seqir.Sequential([layers.Input((2,)), layer])

    class Reads(layers.Layer):
        def call(self, x: Any) -> Any:
            return x + ops.cast(layer.n, "float32")

    reader = seqir.Sequential([layers.Input((2,)), Reads()])
    for times in range(1, 6):
        model(X)
        np.testing.assert_array_equal(reader(X), X + times)


def test_threads_lose_no_change_and_see_no_half_of_one() -> None:
    """Of a counter and its square, by a model, one of the same layer, and the layer."""

    class Pair(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.n = self.add_weight((), "zeros", trainable=False)
            self.square = self.add_weight((64, 64), "zeros", trainable=False)

        def call(self, x: Any) -> Any:
            n = self.n.assign_add(1)
            square = self.square + 2 * n - 1
            self.square.assign(square)
            return ops.concatenate(
                [x + n, x + ops.max(square), x + ops.min(square)], -1
            )

    layer = Pair()
    model = seqir.Sequential([layers.Input((1,)), layer])
    other = seqir.Sequential([layers.Input((1,)), layers.Rescaling(1.0), layer])
    x = np.zeros((2, 1), np.float32)
    runs = [model, other, layer, lambda x: model.predict(x, verbose=0)]

    def work(thread: int) -> list[tuple[float, ...]]:
        run = runs[thread % len(runs)]
        return [tuple(np.unique(run(x))) for _ in range(25)]

    with ThreadPoolExecutor(8) as pool:
        found = [pair for pairs in pool.map(work, range(8)) for pair in pairs]
    assert sorted(found)[0] == (1.0,)
    assert sorted(found)[1:] == [(n, n * n) for n in range(2, 201)]
    assert float(layer.n) == 200


def test_what_a_thread_assigns_is_not_lost() -> None:
    model = counting()
    layer = model.get_layer("count")
    stop = threading.Event()
    seen: list[float] = []

    def run() -> None:
        while not stop.is_set():
            seen.append(float(model(X).max()))

    thread = threading.Thread(target=run)
    thread.start()
    for k in range(1, 41):
        layer.n.assign(k * 1_000_000)
        assert int(layer.n) >= k * 1_000_000
    stop.set()
    thread.join()
    assert seen == sorted(seen)


def test_a_state_below_cached_features_goes_on() -> None:
    def make() -> Any:
        seqir.utils.set_random_seed(3)
        frozen = layers.Dense(2)
        frozen.trainable = False
        model = seqir.Sequential(
            [layers.Input((2,)), frozen, last_row(seqir), layers.Dense(2)]
        )
        model.compile(seqir.optimizers.SGD(0.1), "mse")
        return model

    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    options: Any = {"batch_size": 2, "epochs": 2, "shuffle": False, "verbose": 0}
    plain, cached = make(), make()
    plain.fit(rows, X, **options)
    cached.fit(rows, X, cache_frozen="memory", **options)
    for a, b in zip(plain.get_weights(), cached.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, 1e-6)


def test_a_variable_may_have_the_name_of_an_output() -> None:
    class Steps(seqir.Model):
        def __init__(self) -> None:
            super().__init__(name="steps")
            self.steps = seqir.Variable(0.0, trainable=False, name="steps")
            self.batch_loss = seqir.Variable(0.0, trainable=False, name="batch_loss")

        def call(self, x: Any) -> Any:
            self.batch_loss.assign_add(1)
            return x + self.steps.assign_add(1)

    model = Steps()
    model.compile("sgd", "mse")
    assert model(X).max() == 1
    assert model.evaluate(X, X, verbose=0) == 4
    assert (float(model.steps), float(model.batch_loss)) == (2, 2)


def test_a_counter_of_any_library_is_one(tmp_path: Path) -> None:
    """The layer that the comparison uses, as Keras's users write it."""
    model = seqir.Sequential([layers.Input((2,)), counter(seqir)])
    assert [float(model(X).max()) for _ in range(3)] == [1, 2, 3]
