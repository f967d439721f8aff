"""Optimizers and schedules against Keras: at once, and as graphs of ONNX Runtime."""

import copy
import inspect
import re
from typing import Any

import keras
import numpy as np
import pytest
from optimizer_cases import (
    CASES,
    GRADIENTS,
    STEPS,
    WAYS,
    Make,
    array,
    at_once,
    check,
    in_keras,
    variables_of,
    vector,
)

from seqir import constraints, optimizers
from seqir.ops.variable import Variable


@WAYS
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_ten_steps_are_those_of_keras(name: str, run: Any) -> None:
    check(run(CASES[name]), in_keras(CASES[name]))


GOLDENS: dict[str, tuple[Make, list[float]]] = {
    "sgd": (lambda o: o.SGD(), [0.994, 2.12]),
    "sgd momentum": (lambda o: o.SGD(momentum=0.9), [0.9904900, 2.1902001]),
    "sgd nesterov": (
        lambda o: o.SGD(momentum=0.9, nesterov=True),
        [0.9854410, 2.2911801],
    ),
    "adam": (lambda o: o.Adam(), [0.9970769, 2.0029230]),
    "adamw": (lambda o: o.AdamW(), [0.9970649, 2.0028989]),
    "adamax": (lambda o: o.Adamax(), [0.9975468, 2.0024531]),
    "nadam": (lambda o: o.Nadam(), [0.9970676, 2.0029323]),
    "rmsprop": (lambda o: o.RMSprop(), [0.9913901, 2.0086102]),
    "rmsprop centered": (
        lambda o: o.RMSprop(momentum=0.9, centered=True),
        [0.9820414, 2.0179594],  # of the NumPy backend: v - mean² cancels
    ),
    "adagrad": (lambda o: o.Adagrad(), [0.9985697, 2.0026810]),
    "adadelta": (lambda o: o.Adadelta(), [0.9999946, 2.0000055]),
    "ftrl": (lambda o: o.Ftrl(), [0.0451071, 1.6903332]),
    "lion": (lambda o: o.Lion(), [0.9970000, 2.0029998]),
    "lamb": (lambda o: o.Lamb(), [0.9952551, 2.0047450]),
    "adafactor": (lambda o: o.Adafactor(), [0.9952551, 2.0047450]),
    "weight decay": (lambda o: o.SGD(weight_decay=0.1), [0.9910070, 2.1139262]),
    "accumulation": (
        lambda o: o.SGD(gradient_accumulation_steps=2),
        [0.9985, 2.03],
    ),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_three_steps_with_all_defaults(name: str) -> None:
    make, wanted = GOLDENS[name]
    optimizer, w = make(optimizers), vector(1.0, 2.0)
    for t in (1, 2, 3):
        optimizer.apply([t * array(0.1, -2.0)], [w])
    np.testing.assert_allclose(w.array, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in dir(optimizers) if n[0].isupper()])
def test_arguments_and_defaults_are_those_of_keras(name: str) -> None:
    mine, its = getattr(optimizers, name), getattr(keras.optimizers, name)
    wanted = inspect.signature(its).parameters
    for key, parameter in inspect.signature(mine).parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            assert parameter.default == wanted[key].default
    if not issubclass(mine, optimizers.Optimizer) or name == "Optimizer":
        return
    assert set(mine.arguments) <= set(wanted)


def test_positional_arguments_are_in_the_order_of_keras() -> None:
    names = [n for n in dir(optimizers) if n[0].isupper() and n != "Muon"]
    for name in names:
        mine = inspect.signature(getattr(optimizers, name)).parameters.values()
        its = inspect.signature(getattr(keras.optimizers, name)).parameters
        own = [p.name for p in mine if p.kind is not inspect.Parameter.VAR_KEYWORD]
        assert own == list(its)[: len(own)], name


@WAYS
def test_weight_decay_leaves_out_what_is_excluded(run: Any) -> None:
    def make(o: Any) -> Any:
        optimizer = o.AdamW(0.01, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias", "^gain$"])
        return optimizer

    check(run(make), in_keras(make))


def test_weight_decay_leaves_out_a_variable() -> None:
    a, b = vector(1.0, name="a"), vector(1.0, name="b")
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([b])
    optimizer.apply([array(0.0), array(0.0)], [a, b])
    assert a.array == 0.75
    assert b.array == 1.0


@WAYS
def test_constraints_come_last(run: Any, monkeypatch: Any) -> None:
    plain = variables_of

    def constrained(kind: Any) -> list[Any]:
        package = constraints if kind is Variable else keras.constraints
        found = plain(kind)
        found[0].constraint = package.NonNeg()
        found[1].constraint = package.MaxNorm(0.5)
        found[2].constraint = package.UnitNorm(axis=1)
        return found

    monkeypatch.setitem(globals(), "variables_of", constrained)
    make = CASES["ema overwrite"]
    check(run(make), in_keras(make))


@WAYS
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_step_that_is_not_finite_is_skipped(run: Any, bad: float) -> None:
    def make(o: Any) -> Any:
        inner = o.AdamW(
            0.05, use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=2
        )
        return o.LossScaleOptimizer(inner, initial_scale=8.0, dynamic_growth_steps=2)

    gradients = copy.deepcopy(GRADIENTS)
    for step, place in ((0, 1), (3, 0), (4, 5), (7, 4)):
        gradients[step][place].flat[0] = bad
    with np.errstate(invalid="ignore"):
        wanted = in_keras(make, gradients)
    found = run(make, gradients)
    check(found, wanted)
    assert found[0].dynamic_scale.array == 8.0 / 2 * 2 / 2 / 2 * 2 / 2 * 2
    assert found[0].inner_optimizer.variables[0].array == STEPS - 4


def test_the_loss_is_scaled() -> None:
    w = vector(2.0)
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=16.0)
    assert optimizer.scale_loss(array(3.0)) == 48.0
    optimizer.build([w])
    optimizer.dynamic_scale.assign(4.0)
    assert optimizer.scale_loss(array(3.0)) == 12.0
    optimizer.apply([array(4.0)])
    assert w.array == 1.5
    assert np.asarray(optimizer.iterations) == 1
    assert optimizers.SGD(0.5).scale_loss(3.0) == 3.0
    assert optimizers.SGD(0.5, loss_scale_factor=2.0).scale_loss(3.0) == 6.0


def test_an_inner_optimizer_does_not_scale_too() -> None:
    inner = optimizers.SGD(0.5, loss_scale_factor=2.0)
    optimizer = optimizers.LossScaleOptimizer(inner)
    assert inner.loss_scale_factor is None
    assert optimizer.learning_rate is inner.learning_rate
    optimizer.learning_rate = 0.25
    assert inner.learning_rate.array == 0.25


@pytest.mark.parametrize("name", ["ema", "loss scale", "multi"])
def test_after_training_the_weights_are_the_averages(name: str) -> None:
    def make(o: Any) -> Any:
        ema = o.SGD(0.1, use_ema=True, ema_momentum=0.8)
        return {
            "ema": lambda: ema,
            "loss scale": lambda: o.LossScaleOptimizer(ema, initial_scale=2.0),
            "multi": lambda: o.MultiOptimizer(
                o.OptimizerMap(o.SGD(0.1), {".*/b.*": ema})
            ),
        }[name]()

    found, wanted = at_once(make), in_keras(make)
    before = [v.array for v in found[1]]
    for optimizer, variables in (found, wanted):
        optimizer.finalize_variable_values(variables)
    check(found, wanted)
    assert not np.array_equal(before[0], found[1][0].array)


def test_without_averages_the_weights_stay() -> None:
    optimizer, variables = at_once(CASES["sgd"], GRADIENTS[:1])
    before = [v.array for v in variables]
    optimizer.finalize_variable_values(variables)
    assert all(v.array is old for v, old in zip(variables, before, strict=True))


@pytest.mark.parametrize("name", ["adam", "accumulation of all", "loss scale", "multi"])
def test_variables_without_gradient_stay(name: str) -> None:
    gradients: list[list[Any]] = [list(step) for step in GRADIENTS]
    for step in gradients:
        step[1] = None
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        wanted = in_keras(CASES[name], gradients)
    with pytest.warns(
        UserWarning,
        match=re.escape("the loss does not depend on ['net/dense/kernel']"),
    ):
        found = at_once(CASES[name], gradients)
    check(found, wanted)


def test_some_of_the_variables() -> None:
    a, b = vector(1.0, name="a"), vector(1.0, name="b")
    optimizer = optimizers.SGD(1.0)
    optimizer.build([a, b])
    assert optimizer.trainable_variables == [a, b]
    optimizer.apply([array(0.5)], [b])
    assert a.array == 1.0
    assert b.array == 0.5
    optimizer.apply([], [])
    assert np.asarray(optimizer.iterations) == 1
    optimizers.LossScaleOptimizer(optimizer).apply([])
    optimizers.MultiOptimizer(lambda _: optimizer).apply([])
    assert np.asarray(optimizer.iterations) == 1


def test_pairs_of_gradients_and_variables() -> None:
    w = vector(1.0)
    optimizer = optimizers.SGD(0.5)
    iterations = optimizer.apply_gradients([(array(1.0), w)])
    assert w.array == 0.5
    assert iterations is optimizer.iterations
    assert iterations.array == 1


def test_accumulated_steps_count_once() -> None:
    w = vector(1.0)
    optimizer = optimizers.SGD(0.5, gradient_accumulation_steps=3)
    for _ in range(5):
        optimizer.apply([array(1.0)], [w])
    assert optimizer.iterations == 1
    assert optimizer.variables[0].array == 5


@WAYS
def test_infinities_between_updates_are_clipped_as_in_keras(run: Any) -> None:
    def make(o: Any) -> Any:
        return o.SGD(0.1, clipvalue=0.5, gradient_accumulation_steps=2)

    gradients = copy.deepcopy(GRADIENTS)
    gradients[2][0][:] = np.inf
    check(run(make, gradients), in_keras(make, gradients))


def test_a_global_norm_that_is_not_finite_makes_nan_of_all() -> None:
    variables = [vector(1.0), vector(1.0, 2.0)]
    optimizer = optimizers.SGD(0.1, global_clipnorm=1.0)
    optimizer.apply([array(np.inf), array(1.0, 2.0)], variables)
    assert all(np.isnan(v.array).all() for v in variables)


def test_clipping_does_nothing_to_zeros() -> None:
    for option in ("clipnorm", "global_clipnorm", "clipvalue"):
        w = vector(1.0, 2.0)
        optimizers.SGD(0.1, **{option: 0.5}).apply([array(0.0, 0.0)], [w])
        np.testing.assert_array_equal(w.array, [1.0, 2.0])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["sgd momentum", "adam", "nadam", "lamb", "adafactor"])
def test_slots_are_of_the_type_of_the_weight(name: str, dtype: str) -> None:
    w = Variable(np.array([1.0, 2.0]), dtype=dtype, name="w")
    optimizer = CASES[name](optimizers)
    g = w.array * np.asarray(0.5, w.array.dtype)
    optimizer.apply([g], [w])
    assert w.dtype == dtype
    assert {v.dtype for v in optimizer.variables if v.shape == (2,)} == {dtype}
    reference = vector(1.0, 2.0)
    CASES[name](optimizers).apply([array(0.5, 1.0)], [reference])
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2, "float64": 1e-6}[dtype]
    np.testing.assert_allclose(
        w.array.astype(np.float64), reference.array, rtol=tolerance
    )


def test_gradients_in_half_precision_train_whole_weights() -> None:
    w = vector(1.0, 2.0)
    optimizer = optimizers.LossScaleOptimizer(optimizers.Adam(0.1), initial_scale=4.0)
    optimizer.apply([array(0.4, 0.8).astype(np.float16)], [w])
    np.testing.assert_allclose(w.array, [0.9, 1.9], rtol=1e-5)
    assert w.dtype == "float32"
