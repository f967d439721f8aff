"""What `compile` leaves behind, on models that are built and that are not."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers

X, Y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)


class Net(seqir.Model):
    """A model with a call of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def graph() -> Any:
    x = seqir.Input((3,))
    return seqir.Model(x, layers.Dense(2)(x))


MAKERS = {
    "late stack": lambda: seqir.Sequential([layers.Dense(2)]),
    "stack": lambda: seqir.Sequential([seqir.Input((3,)), layers.Dense(2)]),
    "graph": graph,
    "subclass": Net,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_compiled_is_a_bool(kind: str) -> None:
    model = MAKERS[kind]()
    assert model.compiled is False
    model.compile("sgd", "mse")
    assert model.compiled is True
    assert seqir.models.clone_model(graph()).compiled is False


@pytest.mark.parametrize("kind", MAKERS)
def test_compile_again_before_and_after_training(kind: str) -> None:
    model = MAKERS[kind]()
    for loss in ("mse", "mae", "mse"):
        model.compile("sgd", loss)
    first = model.optimizer
    model.fit(X, Y, verbose=0)
    assert int(first.iterations) == 1
    model.compile("adam", "mae", metrics=["mse"])
    assert [*model.fit(X, Y, verbose=0).history] == ["loss", "mse"]
    assert int(first.iterations) == 1
