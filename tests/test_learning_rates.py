"""Learning rates that callbacks set, of one optimizer and of several."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, layers, optimizers
from seqir.errors import ArgumentError, NotBuiltError, ShapeError
from seqir.ops.variable import Variable

X = np.ones((8, 2), np.float32)


def several() -> Any:
    model = seqir.Sequential([seqir.Input((2,)), layers.Dense(2), layers.Dense(1)])
    first = optimizers.SGD(0.5, name="first")
    default = optimizers.Adam(0.25, name="rest")
    kernel = model.layers[0].kernel.path
    shared = optimizers.OptimizerMap(default, {kernel: first})
    model.compile(optimizers.MultiOptimizer(shared), "mse")
    return model


def test_a_schedule_sets_the_rates_of_several_optimizers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = several()
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    history = model.fit(X, X[:, :1], epochs=2, verbose=0, callbacks=[halve])
    assert history.history["learning_rate_first"] == [0.25, 0.125]
    assert history.history["learning_rate_rest"] == [0.125, 0.0625]
    assert "learning rate of first set to 0.25" in capsys.readouterr().err
    json.dumps(history.history)


def test_a_plateau_reduces_the_rates_of_several_optimizers() -> None:
    model = several()
    flat = callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, min_delta=1e9, min_lr=0.2
    )
    history = model.fit(X, X[:, :1], epochs=3, verbose=0, callbacks=[flat])
    rates = {o.name: float(o.learning_rate) for o in model.optimizer.optimizers}
    assert rates == pytest.approx({"first": 0.2, "rest": 0.2})
    assert history.history["learning_rate_first"] == [0.5, 0.5, 0.25]


def test_the_argument_decay_is_told_to_do_nothing() -> None:
    with pytest.warns(UserWarning, match="argument decay of optimizers does nothing"):
        optimizers.Adam(0.1, decay=1e-6)
    optimizers.Adam(0.1, decay=None)


def test_an_optimizer_takes_numbers() -> None:
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    with pytest.raises(NotBuiltError, match=r"call build\(variables\) before set_wei"):
        optimizer.set_weights([])
    optimizer.build([Variable(np.zeros(3, np.float32), name="w")])
    given = [np.int32(7), np.float32(0.5), np.arange(3, dtype=np.float32)]
    optimizer.set_weights(given)
    for variable, wanted in zip(optimizer.variables, given, strict=True):
        np.testing.assert_array_equal(variable.array, wanted)
    with pytest.raises(ArgumentError, match="has 3 variables, set_weights got 1"):
        optimizer.set_weights(given[:1])
    with pytest.raises(ShapeError, match="has shape"):
        optimizer.set_weights([*given[:2], np.zeros(4)])
