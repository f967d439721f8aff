"""Threads that build, load, call and train models at once do not see each other."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, naming, ops
from seqir.layers import Dense, Input, Layer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6)).astype(np.float32)
Y = RNG.normal(size=(8, 2)).astype(np.float32)
IMAGES = RNG.normal(size=(2, 8, 8, 3)).astype(np.float32)
THREADS = 8


class Block(Layer):
    """Layers in a layer, made when it is built."""

    def build(self, input_shape: Any) -> None:
        self.inner = Dense(input_shape[-1], name="inner", kernel_initializer="ones")
        self.inner.build(input_shape)

    def call(self, x: Any) -> Any:
        return ops.tanh(self.inner(x)) + x


class Follows(Layer):
    """Takes off what it has seen last."""

    def build(self, input_shape: Any) -> None:
        self.last = self.add_weight(input_shape[1:], "zeros", trainable=False)
        self.gain = self.add_weight((), "ones")

    def call(self, x: Any) -> Any:
        y = self.gain * x - self.last
        self.last.assign(0.5 * self.last + ops.mean(x, 0))
        return y


def stack(name: str) -> Any:
    return seqir.Sequential(
        [
            Input((6,)),
            Dense(5, "relu", kernel_initializer=seqir.initializers.GlorotUniform(1)),
            Block(name="block"),
            Dense(2, kernel_initializer=seqir.initializers.GlorotUniform(2)),
        ],
        name=name,
    )


def build(name: str, path: Path) -> Any:
    """A model with another inside, by its weights and outputs."""
    inputs = Input((8, 8, 3))
    y = layers.Conv2D(4, 3, kernel_initializer=seqir.initializers.HeNormal(3))(inputs)
    y = Block(name="block")(layers.BatchNormalization(name="bn")(y))
    model = seqir.Model(inputs, layers.GlobalAveragePooling2D()(y), name=name)
    assert model.compute_output_shape((None, 8, 8, 3)) == (None, 4)
    assert all(w.path.startswith(f"{name}/") or "/" in w.path for w in model.weights)
    return facts(model, name), model(IMAGES)


def load(name: str, path: Path) -> Any:
    model = seqir.models.load_model(path, custom_objects={"Block": Block})
    return [w.path for w in model.weights], model.get_weights(), model(X)


def call(name: str, path: Path) -> Any:
    model = stack(name)
    layer = Block(name="alone")
    return facts(model, name), model(X), layer(X), facts(layer, "alone")


def train(name: str, path: Path) -> Any:
    model = stack(name)
    model.compile("sgd", "mse")
    losses = model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return facts(model, name), losses.history["loss"], model.predict(X, verbose=0)


def advance(name: str, path: Path) -> Any:
    """A model with a state, in every way that changes it."""
    layer = Follows(name="follows")
    model = seqir.Sequential([Input((6,)), layer], name=name)
    model.compile("sgd", "mse")
    found = [model(X), model.predict(X, batch_size=3, verbose=0), layer(X[:2])]
    found.append(model.evaluate(X, X, batch_size=4, verbose=0))
    model.fit(X, X, batch_size=4, verbose=0, shuffle=False)
    return facts(model, name), found, layer.last.numpy()


def facts(layer: Any, name: str) -> Any:
    """Paths without the numbers of automatic names, and numbers of weights."""
    paths = [w.path.replace(name, "it", 1).split("/") for w in layer.weights]
    plain = [["".join(c for c in part if not c.isdigit()) for part in p] for p in paths]
    return [[part.rstrip("_") for part in p] for p in plain], layer.get_weights()


def at_once(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run the work in threads, and raise what one of them raised."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("seconds", [1.5, pytest.param(10, marks=pytest.mark.slow)])
def test_threads_that_build_load_call_and_train(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "model.keras"
    stack("saved").save(path)
    kinds = [build, load, call, train, advance]
    wanted = [kind("model", path) for kind in kinds]
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        rounds = 0
        while time.monotonic() < end or rounds < len(kinds):
            which = (number + rounds) % len(kinds)
            found = kinds[which](f"model{'abcdefgh'[number]}", path)
            np.testing.assert_equal(found, wanted[which])
            rounds += 1

    at_once(work)


def test_weights_made_while_another_thread_loads(tmp_path: Path) -> None:
    """The moment that matters, held open."""
    inside, done = threading.Event(), threading.Event()

    class Waits(Layer):
        def build(self, input_shape: Any) -> None:
            inside.set()
            assert done.wait(20)

        def call(self, x: Any) -> Any:
            return x

    path = tmp_path / "waits.keras"
    done.set()
    seqir.Sequential([Input((3,)), Waits(), Dense(2)], name="outer").save(path)
    done.clear()
    inside.clear()
    loaded: list[Any] = []
    custom = {"Waits": Waits}
    loading = threading.Thread(
        target=lambda: loaded.append(seqir.models.load_model(path, custom))
    )
    loading.start()
    assert inside.wait(20)
    own = Dense(3, name="own")
    kernel = own.add_weight((2, 3), "ones", name="kernel")
    done.set()
    loading.join()
    assert kernel.path == "own/kernel"
    np.testing.assert_array_equal(kernel.numpy(), np.ones((2, 3)))
    assert [w.path for w in loaded[0].weights] == [
        "outer/dense/kernel",
        "outer/dense/bias",
    ]


def test_automatic_names_are_given_once() -> None:
    names: list[str] = []

    def work(number: int) -> None:
        for count in range(300):
            names.append(naming.auto_name("Dense"))
            if count % 50 == number:
                assert Dense(3).compute_output_shape((None, 2)) == (None, 3)

    naming.reset()
    at_once(work)
    made = THREADS * 300
    assert len(set(names)) == made
    assert Dense(3).name == f"dense_{made + 6 * THREADS}"


def test_names_used_for_a_shape_are_free_again() -> None:
    block = Block()
    assert block.compute_output_shape((None, 4)) == (None, 4)
    assert Dense(2).name == "dense"


def test_a_shared_layer_is_built_once() -> None:
    for _ in range(20):
        layer = Block()
        start = threading.Barrier(THREADS)

        def work(number: int, layer: Any = layer, start: Any = start) -> None:
            start.wait()
            layer.build((None, 6))
            assert len(layer.weights) == 2

        at_once(work)
