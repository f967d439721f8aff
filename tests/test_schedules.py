"""Learning-rate schedules against Keras: on numbers, arrays and as graphs."""

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from seqir import lower, runtime
from seqir.errors import ArgumentError
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.optimizers import schedules
from seqir.tensortype import TensorType

Make = Callable[[Any], Any]
SCHEDULES: dict[str, Make] = {
    "exponential": lambda s: s.ExponentialDecay(0.1, 7, 0.5),
    "exponential staircase": lambda s: s.ExponentialDecay(0.1, 7, 0.5, staircase=True),
    "inverse": lambda s: s.InverseTimeDecay(0.1, 3, 0.7),
    "inverse staircase": lambda s: s.InverseTimeDecay(0.1, 3, 0.7, True),
    "piecewise": lambda s: s.PiecewiseConstantDecay([3, 10], [1.0, 0.5, 0.1]),
    "piecewise of one": lambda s: s.PiecewiseConstantDecay([5], [1.0, 0.5]),
    "piecewise fractions": lambda s: s.PiecewiseConstantDecay([2.5, 9.9], [3.0, 2, 1]),
    "polynomial": lambda s: s.PolynomialDecay(0.1, 20, 0.01),
    "polynomial power": lambda s: s.PolynomialDecay(0.1, 20, 0.01, power=2.5),
    "polynomial cycle": lambda s: s.PolynomialDecay(0.1, 10, 0.02, 0.5, cycle=True),
    "cosine": lambda s: s.CosineDecay(0.1, 20),
    "cosine alpha": lambda s: s.CosineDecay(0.1, 20, alpha=0.2),
    "cosine warmup": lambda s: s.CosineDecay(
        0.1, 20, 0.1, warmup_target=0.5, warmup_steps=6
    ),
    "cosine warmup of none": lambda s: s.CosineDecay(0.1, 20, warmup_target=0.5),
    "restarts": lambda s: s.CosineDecayRestarts(0.1, 5),
    "restarts of one length": lambda s: s.CosineDecayRestarts(0.1, 5, t_mul=1.0),
    "restarts of all": lambda s: s.CosineDecayRestarts(0.1, 4, 3.0, 0.8, 0.05),
}
MANY = [*range(46), 60, 69, 70, 71, 149, 150, 160, 1000, 12345]


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_keras(name: str) -> None:
    mine = SCHEDULES[name](schedules)
    its = SCHEDULES[name](keras.optimizers.schedules)
    wanted = np.array([float(its(step)) for step in MANY])
    found = [mine(step) for step in MANY]
    assert {np.asarray(rate).dtype.name for rate in found} == {"float32"}
    np.testing.assert_allclose(np.array(found), wanted, rtol=1e-5, atol=1e-8)
    steps = np.array(MANY, np.int32)
    np.testing.assert_allclose(mine(steps), wanted, rtol=1e-5, atol=1e-8)
    b = Trace("rate")
    with b.active():
        step = Traced(b, b.input("step", TensorType("int32", ())))
        graph = b.finish({"rate": mine(step).value})
    proto = lower.to_proto(lower.lower(graph))
    session = runtime.Session(proto.SerializeToString(), device="cpu")
    run = [session.run({"step": np.array(n)})[0] for n in steps]
    np.testing.assert_allclose(np.array(run), wanted, rtol=1e-5, atol=1e-8)
    assert mine.get_config() == its.get_config()


def test_restarts_are_sharp_however_long_the_periods() -> None:
    for growth in (1.5, 2.0, 3.0, 10.0):
        schedule = schedules.CosineDecayRestarts(1.0, 1000, t_mul=growth)
        start, period = 0.0, 1000.0
        while start < 2e6:
            step = np.ceil(start)
            assert schedule(step) == pytest.approx(1.0, abs=1e-5), (growth, step)
            start, period = start + period, period * growth
            assert schedule(np.floor(start) - 1) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_stored_as_by_keras(name: str) -> None:
    mine = SCHEDULES[name](schedules)
    its = SCHEDULES[name](keras.optimizers.schedules)
    stored = schedules.serialize(mine)
    assert stored == keras.optimizers.schedules.serialize(its)
    again = schedules.deserialize(stored)
    assert type(again) is type(mine)
    assert again.get_config() == mine.get_config()


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "decay_steps": (
        lambda: schedules.CosineDecay(0.1, 0),
        ArgumentError,
        "decay_steps must be a number > 0, got 0",
    ),
    "first_decay_steps": (
        lambda: schedules.CosineDecayRestarts(0.1, -1),
        ArgumentError,
        "first_decay_steps must be a number > 0, got -1",
    ),
    "boundaries": (
        lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
        ArgumentError,
        "there must be one value more than boundaries, got 2 values for 2 boundaries",
    ),
    "no __call__": (
        lambda: schedules.LearningRateSchedule()(1),
        NotImplementedError,
        "LearningRateSchedule has no __call__",
    ),
    "name": (
        lambda: schedules.deserialize({"class_name": "CosineDecai", "config": {}}),
        ArgumentError,
        "seqir has no 'CosineDecai' in optimizers.schedules. Did you mean "
        "'cosinedecay'?",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    act, error, text = REFUSED[name]
    with pytest.raises(error, match=re.escape(text)):
        act()
