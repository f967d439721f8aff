"""What a model knows of itself is one object; its attributes are the user's."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, models

X = np.arange(12, dtype="float32").reshape(4, 3)
Y = np.ones((4, 2), "float32")

NAMES = (
    *("_built_by", "_runner", "_start", "_starts", "_calls", "_training", "_tensors"),
    *("_names", "_operations", "_input_structure", "_stop_predicting", "_optimizer"),
    *("calls", "inputs", "outputs", "operations", "directions", "loss"),
    *("input_shape", "output_shape", "_loss", "_metrics", "_layers", "_graph"),
)


class Mine(seqir.Model):
    """Two layers, and an attribute of some name."""

    def __init__(self, own: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.own = own
        setattr(self, own, 7.0)
        self.dense = layers.Dense(2, name="dense")

    def call(self, x: Any) -> Any:
        return self.dense(x) * getattr(self, self.own)


@pytest.mark.parametrize("name", NAMES)
def test_attributes_of_the_user_are_in_nobodys_way(name: str, tmp_path: Path) -> None:
    model = Mine(name, name="mine")
    before = model(X)
    np.testing.assert_allclose(before, 7 * model.dense(X), rtol=1e-6)
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y))
    assert set(history.history) >= {"loss", "mae", "val_loss"}
    expected = model.predict(X, verbose=0)
    assert getattr(model, name) == 7
    path = tmp_path / "model.keras"
    model.save(path)
    again = models.load_model(path, custom_objects={"Mine": Mine})
    np.testing.assert_allclose(again.predict(X, verbose=0), expected, rtol=1e-5)
    model.export(tmp_path / "model.onnx")
    model.summary(print_fn=lambda _: None)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(twin.predict(X, verbose=0), expected, rtol=1e-5)
        assert getattr(twin, name) == 7
    setattr(model, name, 8.0)
    np.testing.assert_allclose(model(X), expected * (8 / 7), rtol=1e-5)


@pytest.mark.parametrize("kind", ["subclass", "functional", "sequential"])
def test_the_attributes_of_a_model_are_those_that_were_set(kind: str) -> None:
    x = seqir.Input((3,))
    model: Any = {
        "subclass": lambda: Mine("note"),
        "functional": lambda: seqir.Model(x, layers.Dense(2)(x)),
        "sequential": lambda: seqir.Sequential([x, layers.Dense(2)]),
    }[kind]()
    model(X)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    own = {"own", "note", "dense"} if kind == "subclass" else set()
    assert vars(model).keys() == {"_layer_state", *own}


def test_an_optimizer_that_is_set_before_compile_is_an_attribute() -> None:
    model = Mine("note")
    model.optimizer = adam = seqir.optimizers.Adam(0.25)
    assert model.optimizer is adam
    model.compile("sgd", "mse")
    assert type(model.optimizer) is seqir.optimizers.SGD
    model.optimizer = adam
    model.fit(X, Y, verbose=0)
    assert int(np.asarray(adam.iterations)) == 1
