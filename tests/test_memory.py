"""What is freed, and what is never there twice."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers
from seqir.runtime import process, slot

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
Y = X.sum(1, keepdims=True)


def stack() -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])


def graph() -> Any:
    x = keras.Input((4,))
    y = layers.Dense(3)(x)
    return keras.Model(x, layers.Dense(1)(layers.Add()([y, layers.Dense(3)(y)])))


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def used(model: Any) -> Any:
    """The model, after all that makes sessions."""
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0, validation_data=(X, Y))
    model.train_on_batch(X, Y)
    model.predict(X, verbose=0)
    model.train_on_batch(X, Y)
    model.predict(X, verbose=0)
    model.evaluate(X, Y, verbose=0)
    return model


@pytest.mark.parametrize("make", [stack, graph])
def test_a_model_goes_with_its_last_name(make: Callable[[], Any]) -> None:
    gc.collect()
    before = len(process._owners)
    gc.disable()  # nothing is left to the collector
    try:
        model = used(make())
        assert len(process._owners) > before
        seen = weakref.ref(model)
        del model
        assert seen() is None
        assert len(process._owners) == before
    finally:
        gc.enable()


def test_models_that_form_circles_are_freed_before_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gc.collect()
    before, most = len(process._owners), 0
    monkeypatch.setattr(process, "_enough", before + 4)
    monkeypatch.setattr(process, "ENOUGH", before + 4)
    gc.disable()
    try:
        for _ in range(12):
            model = Own()
            model.predict(X, verbose=0)
            most = max(most, len(process._owners))
    finally:
        gc.enable()
    assert most <= max(before + 4, 2 * (before + 1))


def test_clear_session_frees_what_nobody_holds() -> None:
    kept = used(stack())
    wanted = kept.predict(X, verbose=0)
    seen = weakref.ref(used(Own()))
    keras.utils.clear_session()
    assert seen() is None
    np.testing.assert_array_equal(kept.predict(X, verbose=0), wanted)


def test_copies_have_their_own_trainings() -> None:
    model = used(stack())
    wanted = model.predict(X, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        found = other.predict(X, verbose=0)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        assert other.compilation.model is other
        other.fit(X, Y, verbose=0)
        assert other.history.model is other
    np.testing.assert_array_equal(model.predict(X, verbose=0), wanted)


def test_a_training_holds_its_numbers_once_beside_those_of_the_device() -> None:
    model = keras.Sequential([keras.Input((512,)), layers.Dense(512)])
    model.compile("adam", "mse")
    x = np.ones((4, 512), np.float32)
    model.predict(x, verbose=0)
    model.train_on_batch(x, x)
    for variable in model.compilation.variables:
        assert isinstance(variable.slot, slot.DeviceSlot)
        assert variable._array is None
    seen = model.weights[0].array
    assert model.weights[0].array is seen  # shared as long as somebody looks
    model.train_on_batch(x, x)
    assert np.abs(model.weights[0].array - seen).max() > 0


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64", ">f4"])
@pytest.mark.parametrize("mapped", [False, True])
def test_predict_converts_batch_by_batch(
    dtype: str, mapped: bool, tmp_path: Path
) -> None:
    model = keras.Sequential(
        [keras.Input((64, 64, 1)), layers.GlobalMaxPooling2D(), layers.Dense(1)]
    )
    x = np.random.default_rng(0).integers(0, 9, (600, 64, 64, 1)).astype(dtype)
    if mapped:
        path = os.fspath(tmp_path / "x.npy")
        np.save(path, x)
        x = np.load(path, mmap_mode="r")
    wanted = model.predict(np.asarray(x, np.float32), verbose=0)
    tracemalloc.start()
    found = model.predict(x, verbose=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(found, wanted)
    assert peak < 2**21  # 32 images are 512 KiB, all of them 9.4 MiB


def test_predict_converts_the_inputs_of_a_dict_batch_by_batch() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b", dtype="int32")
    model = keras.Model({"a": a, "b": b}, layers.Dense(1)(a))
    x = {"a": np.arange(210.0).reshape(70, 3), "b": np.ones((70, 3), np.uint8)}
    same = {"a": x["a"].astype(np.float32), "b": x["b"].astype(np.int32)}
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), model.predict(same, verbose=0)
    )


TRAINED = """
import resource, sys
import numpy as np
import seqir as keras
from seqir import layers

def trained(width, count):
    model = keras.Sequential([keras.Input((width,))])
    for _ in range(count):
        model.add(layers.Dense(width))
    model.compile("adam", "mse")
    x = np.zeros((64, width), np.float32)
    for _ in range(3):
        model.train_on_batch(x, x)
    return sum(w.nbytes for w in model.weights)

trained(4, 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = trained(1200, 6)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / size)
"""


def test_what_a_training_with_adam_takes() -> None:
    """Weights, two slots and gradients are four times the weights."""
    run = subprocess.run(
        [sys.executable, "-c", TRAINED], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 5.5
