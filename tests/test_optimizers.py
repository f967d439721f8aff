"""Optimizers and schedules against Keras: at once, and as graphs of ONNX Runtime."""

import copy
import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest

from seqir import constraints, lower, ops, optimizers, passes, runtime
from seqir.errors import (
    ArgumentError,
    DTypeError,
    NotBuiltError,
    ShapeError,
    UnsupportedError,
)
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.optimizers import schedules
from seqir.tensortype import TensorType

Array = np.ndarray[Any, Any]
STEPS = 10
SHAPES = {
    "net/dense/bias": (3,),
    "net/dense/kernel": (4, 3),
    "net/wide/kernel": (2, 5),
    "net/embedding/embeddings": (6, 2),
    "net/conv/kernel": (2, 3, 4),
    "net/scale/gain": (),
}


def numbers(seed: int, scale: float = 1.0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [
        np.asarray(rng.normal(size=shape) * scale, np.float32)
        for shape in SHAPES.values()
    ]


FIRST = numbers(0)
GRADIENTS = [numbers(step, 0.5 + step / 4) for step in range(1, STEPS + 1)]

Make = Callable[[Any], Any]
CASES: dict[str, Make] = {
    "sgd": lambda o: o.SGD(0.1),
    "sgd momentum": lambda o: o.SGD(0.1, momentum=0.9),
    "sgd nesterov": lambda o: o.SGD(0.1, 0.9, True),
    "rmsprop": lambda o: o.RMSprop(0.01),
    "rmsprop centered": lambda o: o.RMSprop(0.01, momentum=0.9, centered=True),
    "adam": lambda o: o.Adam(0.01),
    "adam amsgrad": lambda o: o.Adam(0.01, beta_1=0.8, beta_2=0.9, amsgrad=True),
    "adamw": lambda o: o.AdamW(0.01, weight_decay=0.1),
    "adamax": lambda o: o.Adamax(0.01),
    "nadam": lambda o: o.Nadam(0.01),
    "adagrad": lambda o: o.Adagrad(0.1),
    "adadelta": lambda o: o.Adadelta(1.0),
    "adafactor": lambda o: o.Adafactor(0.1),
    "adafactor absolute": lambda o: o.Adafactor(0.1, relative_step=False),
    "ftrl": lambda o: o.Ftrl(0.1),
    "ftrl penalties": lambda o: o.Ftrl(
        0.1,
        l1_regularization_strength=0.1,
        l2_regularization_strength=0.2,
        l2_shrinkage_regularization_strength=0.05,
        beta=0.3,
        learning_rate_power=-0.7,
    ),
    "lion": lambda o: o.Lion(0.01),
    "lamb": lambda o: o.Lamb(0.01),
    "muon": lambda o: o.Muon(0.01),
    "muon plain": lambda o: o.Muon(
        0.01,
        nesterov=False,
        rms_rate=None,
        adam_lr_ratio=0.5,
        exclude_layers=["wide"],
        exclude_embeddings=False,
        weight_decay=None,
        adam_weight_decay=0.1,
    ),
    "schedule free": lambda o: o.ScheduleFreeAdamW(0.01),
    "schedule free warmup": lambda o: o.ScheduleFreeAdamW(0.01, warmup_steps=4),
    "clipnorm": lambda o: o.Adam(0.01, clipnorm=0.5),
    "clipvalue": lambda o: o.SGD(0.1, clipvalue=0.3),
    "global_clipnorm": lambda o: o.Adam(0.01, global_clipnorm=2.0),
    "weight_decay": lambda o: o.SGD(0.1, weight_decay=0.1),
    "ema": lambda o: o.SGD(0.1, use_ema=True, ema_momentum=0.8),
    "ema overwrite": lambda o: o.Adam(
        0.05, use_ema=True, ema_momentum=0.6, ema_overwrite_frequency=3
    ),
    "accumulation": lambda o: o.Adam(0.05, gradient_accumulation_steps=3),
    "accumulation of all": lambda o: o.AdamW(
        0.05,
        gradient_accumulation_steps=2,
        clipnorm=0.7,
        use_ema=True,
        ema_momentum=0.7,
        ema_overwrite_frequency=2,
    ),
    "accumulation of nadam": lambda o: o.Nadam(0.05, gradient_accumulation_steps=4),
    "loss_scale_factor": lambda o: o.SGD(0.1, loss_scale_factor=8.0),
    "schedule": lambda o: o.AdamW(o.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "schedule and accumulation": lambda o: o.SGD(
        o.schedules.CosineDecay(0.1, 6), gradient_accumulation_steps=2
    ),
    "callable": lambda o: o.SGD(lambda: 0.2),
    "loss scale": lambda o: o.LossScaleOptimizer(
        o.Adam(0.01), initial_scale=4.0, dynamic_growth_steps=3
    ),
    "multi": lambda o: o.MultiOptimizer(
        o.OptimizerMap(o.SGD(0.1), {".*/kernel": o.Adam(0.01)}), loss_scale_factor=2.0
    ),
}


def variables_of(kind: Any, values: Sequence[Array] = FIRST) -> list[Any]:
    found = []
    for path, value in zip(SHAPES, values, strict=True):
        variable = kind(value, name=path.rsplit("/", 1)[-1])
        if kind is Variable:
            variable.path = path
        else:
            variable._path = path
        found.append(variable)
    return found


def in_keras(make: Make, gradients: Sequence[Sequence[Any]] = GRADIENTS) -> Any:
    optimizer, variables = make(keras.optimizers), variables_of(keras.Variable)
    for step in gradients:
        optimizer.apply(step, variables)
    return optimizer, variables


def at_once(make: Make, gradients: Sequence[Sequence[Any]] = GRADIENTS) -> Any:
    optimizer, variables = make(optimizers), variables_of(Variable)
    for step in gradients:
        optimizer.apply(step, variables)
    return optimizer, variables


class Graph:
    """A step of an optimizer as a graph: gradients in, state in and out."""

    def __init__(self, optimizer: Any, variables: list[Variable]) -> None:
        b = Trace("step")
        with b.active():
            inputs = [
                Traced(b, b.input(f"g{i}", TensorType("float32", v.array.shape)))
                for i, v in enumerate(variables)
            ]
            optimizer.apply(inputs, variables)
        self.traced = b.finish({})
        self.graph = passes.run(self.traced, passes.training("cpu"), check=True)
        self.variables = {name: variable for variable, name in b.bindings.items()}
        proto = lower.to_proto(lower.lower(self.graph, opset=18))
        self.session = runtime.Session(proto.SerializeToString(), device="cpu")

    def step(self, gradients: Sequence[Array]) -> None:
        feeds = {f"g{i}": g for i, g in enumerate(gradients)}
        feeds |= {name: self.variables[name].array for name in self.graph.params}
        given = {name: feeds[name] for name in self.session.input_names}
        for name, new in zip(
            self.session.output_names, self.session.run(given), strict=True
        ):
            self.variables[name.removesuffix(":new")].assign(new)


def as_graph(make: Make, gradients: Sequence[Sequence[Any]] = GRADIENTS) -> Any:
    optimizer, variables = make(optimizers), variables_of(Variable)
    graph = Graph(optimizer, variables)
    for step in gradients:
        graph.step(step)
    return optimizer, variables


WAYS = pytest.mark.parametrize("run", [at_once, as_graph])


def check(found: Any, wanted: Any) -> None:
    """Weights and state of two runs are the same."""
    optimizer, variables = found
    keras_optimizer, keras_variables = wanted
    for mine, its in zip(variables, keras_variables, strict=True):
        np.testing.assert_allclose(
            mine.array, its.numpy(), rtol=1e-5, atol=1e-6, err_msg=mine.path
        )
    for mine, its in zip(optimizer.variables, keras_optimizer.variables, strict=True):
        assert mine.array.dtype == its.numpy().dtype
        np.testing.assert_allclose(
            mine.array, its.numpy(), rtol=1e-5, atol=1e-6, err_msg=mine.path
        )


@WAYS
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_ten_steps_are_those_of_keras(name: str, run: Any) -> None:
    check(run(CASES[name]), in_keras(CASES[name]))


# What a step means

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


def vector(*values: float, name: str = "w") -> Variable:
    return Variable(np.array(values, np.float32), name=name)


def array(*values: float) -> Array:
    return np.array(values, np.float32)


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
        room = constraints if kind is Variable else keras.constraints
        found = plain(kind)
        found[0].constraint = room.NonNeg()
        found[1].constraint = room.MaxNorm(0.5)
        found[2].constraint = room.UnitNorm(axis=1)
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
    assert optimizer.iterations.array == 1
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
    assert optimizer.iterations.array == 1
    optimizers.LossScaleOptimizer(optimizer).apply([])
    optimizers.MultiOptimizer(lambda _: optimizer).apply([])
    assert optimizer.iterations.array == 1


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


# State


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_state_has_the_names_and_order_of_keras(name: str) -> None:
    keras.utils.clear_session(free_memory=False)
    optimizer, variables = CASES[name](optimizers), variables_of(Variable)
    its, its_variables = CASES[name](keras.optimizers), variables_of(keras.Variable)
    optimizer.build(variables)
    its.build(its_variables)
    found = [v.path for v in optimizer.variables]
    wanted = [v.path for v in its.variables]
    # Keras has no name for the product of Nadam's momentums, and here and there no
    # name of the optimizer.
    named = [p.replace("variable", "u_product") for p in wanted]
    assert found == [p if "/" in p else f"{its.name}/{p}" for p in named]
    state = list(optimizer.variables)
    optimizer.build(variables)
    assert optimizer.variables == state


def test_slots_of_users() -> None:
    optimizer = optimizers.SGD(0.1, name="mine")
    w = vector(1.0, 2.0)
    w.path = "net/w"
    one = optimizer.add_variable((2, 3), "ones", "float64", "one")
    assert (one.path, one.dtype, one.shape) == ("mine/one", "float64", (2, 3))
    assert one.array.all()
    assert not one.trainable
    assert optimizer.add_variable(()).path == "mine/variable"
    assert optimizer.add_variable((), initializer=None).array == 0.0
    like = optimizer.add_variable_from_reference(w)
    assert (like.path, like.shape) == ("mine/net_w_var", (2,))
    firsts, seconds = optimizer.add_optimizer_variables([w, w], ["a", "b"], "ones")
    assert [len(firsts), len(seconds)] == [2, 2]
    assert firsts[0].array.all()
    assert optimizer.variables[2:] == [
        one, *optimizer.variables[3:5], like, firsts[0], seconds[0], firsts[1],
        seconds[1],
    ]  # fmt: skip


class Momentum(optimizers.Optimizer):
    """Written as for Keras."""

    def __init__(self, learning_rate: Any = 0.1, momentum: float = 0.9, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = [
            self.add_variable_from_reference(reference_variable=v, name="momentum")
            for v in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.momentum, variable.dtype)
        self.assign(
            m,
            ops.subtract(
                ops.multiply(m, momentum), ops.multiply(gradient, learning_rate)
            ),
        )
        self.assign_add(variable, m)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@WAYS
def test_an_optimizer_of_users(run: Any) -> None:
    wanted = in_keras(CASES["sgd momentum"])
    found = run(lambda _: Momentum())
    check(found, wanted)
    again = Momentum.from_config(found[0].get_config())
    assert again.get_config() == found[0].get_config()


@WAYS
def test_a_build_of_users_is_asked_once(run: Any) -> None:
    class Careless(Momentum):
        def build(self, variables: Any) -> None:
            optimizers.Optimizer.build(self, variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    check(run(lambda _: Careless()), in_keras(CASES["sgd momentum"]))


def test_an_update_by_itself() -> None:
    w = vector(1.0, 2.0)
    optimizer = optimizers.Adam()
    optimizer.build([w])
    optimizer.update_step(array(100.0, -200.0), w, 0.25)
    np.testing.assert_allclose(w.array, [0.75, 2.25], rtol=1e-5)
    assert optimizer.iterations.array == 0


@WAYS
def test_numbers_and_variables_can_be_assigned(run: Any) -> None:
    class Odd(optimizers.Optimizer):
        def add_slots(self, variables: Any) -> None:
            self.last = self.add_optimizer_variables(variables, "last")
            self.count = self.add_variable((), "zeros", "int32", "count")

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign(self.last[self._get_variable_index(variable)], variable)
            self.assign(self.count, 7)
            self.assign_sub(variable, gradient)

    optimizer, variables = run(lambda _: Odd(0.1), GRADIENTS[:2])
    np.testing.assert_allclose(
        optimizer.last[1].array, FIRST[1] - GRADIENTS[0][1], rtol=1e-6
    )
    assert optimizer.count.array == 7
    assert variables[1].version


def test_scalars_are_computed_once_for_all_variables() -> None:
    def powers(count: int) -> int:
        variables = [vector(1.0, 2.0, name=f"w{i}") for i in range(count)]
        graph = Graph(optimizers.AdamW(0.01), variables).traced
        scalar = [n for n in graph.nodes if not n.result.type.shape]
        return sum(bool(n.operands) for n in scalar)

    assert powers(1) == powers(5)


PASSES = {
    "sgd": 2,
    "sgd momentum": 4,
    "sgd nesterov": 6,
    "rmsprop": 9,
    "adam": 12,
    "adamw": 14,
    "adamax": 10,
    "adagrad": 7,
    "ftrl": 12,
    "lion": 9,
    "lamb": 13,
    "clipnorm": 13,
    "global_clipnorm": 13,
    "ema": 5,
    "loss scale": 17,  # Adam's, 1 to look for infinities, 1 to unscale, 3 to choose
}


@pytest.mark.parametrize(("name", "passes_"), PASSES.items())
def test_passes_over_the_weights(name: str, passes_: int) -> None:
    w = vector(1.0, 2.0)
    graph = Graph(CASES[name](optimizers), [w]).graph
    assert sum(n.result.type.shape == (2,) for n in graph.nodes) == passes_


# Learning rates


def test_the_learning_rate_is_a_variable() -> None:
    w = vector(1.0)
    optimizer = optimizers.SGD(0.5)
    assert optimizer.learning_rate.path == "sgd/learning_rate"
    assert optimizer.learning_rate.dtype == "float32"
    optimizer.learning_rate = 0.25
    optimizer.apply([array(1.0)], [w])
    assert w.array == 0.75
    optimizer.learning_rate = schedules.ExponentialDecay(0.5, 1, 0.5)
    assert [v.name for v in optimizer.variables] == ["iteration"]
    np.testing.assert_allclose(optimizer.learning_rate, 0.25)
    optimizer.apply([array(1.0)])
    assert w.array == 0.5
    with pytest.raises(
        DTypeError, match=r"is ExponentialDecay, it cannot be set to 0\.1"
    ):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = lambda: 1.0
    optimizer.apply([array(1.0)])
    assert w.array == -0.5
    with pytest.raises(TypeError, match=r"is function, it cannot be set to 0\.1"):
        optimizer.learning_rate = 0.1


def test_a_schedule_of_users() -> None:
    class Halves(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 1.0 / (ops.cast(step, "float32") + 1.0)

    for run in (at_once, as_graph):
        optimizer, variables = run(lambda _: optimizers.SGD(Halves()), GRADIENTS[:2])
        wanted = FIRST[1] - GRADIENTS[0][1] - GRADIENTS[1][1] / 2
        np.testing.assert_allclose(variables[1].array, wanted, rtol=1e-5)
    stored = optimizers.serialize(optimizer)["config"]["learning_rate"]
    assert stored["class_name"] == stored["registered_name"] == "Halves"
    with pytest.raises(
        ArgumentError, match=r"Halves is not one of seqir's optimizers\.sch"
    ):
        schedules.deserialize(stored)


# Configurations


@pytest.mark.parametrize("name", CASES)
def test_configurations_are_those_of_keras(name: str) -> None:
    if name == "callable":
        return
    mine = CASES[name](optimizers)
    stored = optimizers.serialize(mine)
    keras.utils.clear_session(free_memory=False)
    its = CASES[name](keras.optimizers)
    wanted = keras.optimizers.serialize(its)
    assert stored == wanted
    assert json.loads(json.dumps(stored)) == stored
    again = optimizers.deserialize(stored)
    assert type(again) is type(mine)
    assert optimizers.serialize(again) == stored
    assert optimizers.serialize(optimizers.get(wanted)) == stored
    if name != "lamb":  # which Keras cannot read back
        theirs = keras.optimizers.deserialize(copy.deepcopy(stored))
        assert keras.optimizers.serialize(theirs) == stored


def test_optimizers_by_name() -> None:
    for name in ("adam", "Adam", "ADAM"):
        assert type(optimizers.get(name)) is optimizers.Adam
    for cls in ("SGD", "RMSprop", "AdamW", "ScheduleFreeAdamW", "Lamb", "Muon"):
        assert type(optimizers.get(cls.lower())) is getattr(optimizers, cls)
    given = optimizers.SGD(0.1)
    assert optimizers.get(given) is given


def test_names_count_up() -> None:
    assert [optimizers.RMSprop().name for _ in range(2)] == ["rm_sprop", "rm_sprop_1"]
    assert optimizers.Adam(name="mine").name == "mine"


def test_copies_go_on_alone() -> None:
    optimizer, variables = at_once(CASES["nadam"], GRADIENTS[:3])
    other, others = copy.deepcopy((optimizer, variables))
    before = [v.array for v in optimizer.variables]
    other.apply(GRADIENTS[3], others)
    assert all(
        v.array is old for v, old in zip(optimizer.variables, before, strict=True)
    )
    optimizer.apply(GRADIENTS[3], variables)
    for mine, its in zip(optimizer.variables, other.variables, strict=True):
        np.testing.assert_array_equal(mine.array, its.array)


# Several optimizers


def test_optimizers_by_path() -> None:
    default, exact, pattern = (optimizers.SGD(0.1) for _ in range(3))
    chosen = optimizers.OptimizerMap(default, {"encoder/.*": pattern})
    chosen["encoder/dense/kernel"] = exact
    assert chosen["encoder/dense/kernel"] is exact
    assert chosen["encoder/dense/bias"] is pattern
    assert chosen["decoder"] is default
    assert chosen(vector(1.0, name="w")) is default
    assert list(chosen) == ["encoder/.*", "encoder/dense/kernel"]
    assert len(chosen) == 2
    del chosen["encoder/.*"]
    assert chosen["encoder/dense/bias"] is default


def test_a_function_chooses_optimizers() -> None:
    slow, fast = optimizers.SGD(0.5), optimizers.SGD(1.0)
    a, b = vector(1.0, name="a"), vector(1.0, name="b")
    optimizer = optimizers.MultiOptimizer(lambda v: slow if v.name == "a" else fast)
    optimizer.apply([array(1.0), array(1.0)], [a, b])
    assert a.array == 0.5
    assert b.array == 0.0
    assert optimizer.optimizers == [slow, fast]
    assert optimizer.iterations.array == 1
    with pytest.raises(ArgumentError, match="are chosen by a function"):
        optimizer.get_config()
    with pytest.raises(UnsupportedError, match="has no learning rate of its own"):
        _ = optimizer.learning_rate
    with pytest.raises(
        UnsupportedError, match="'multi_optimizer' has no learning rate"
    ):
        optimizer.learning_rate = 0.1


# What is refused


def refused_step(grads: Any, variables: Any = None, **options: Any) -> None:
    optimizers.SGD(0.1, **options).apply(grads, variables)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "int": (
        lambda: optimizers.SGD(1),
        ArgumentError,
        "learning_rate must be a float, a LearningRateSchedule or a function without "
        "arguments, got 1 of type int",
    ),
    "unknown": (
        lambda: optimizers.Adam(0.1, clip_norm=1.0),  # type: ignore[call-arg]
        ArgumentError,
        "an optimizer has no argument 'clip_norm'. Did you mean 'clipnorm'?",
    ),
    "two clippings": (
        lambda: optimizers.Adam(clipnorm=1.0, clipvalue=0.5),
        ArgumentError,
        "only one of clipnorm, clipvalue, global_clipnorm can be set, got "
        "clipnorm=1.0 and clipvalue=0.5",
    ),
    "negative clipping": (
        lambda: optimizers.Adam(global_clipnorm=-1.0),
        ArgumentError,
        "global_clipnorm must be a number >= 0, got -1.0",
    ),
    "steps": (
        lambda: optimizers.Adam(gradient_accumulation_steps=1),
        ArgumentError,
        "gradient_accumulation_steps must be an integer >= 2, got 1",
    ),
    "momentum of averages": (
        lambda: optimizers.Adam(use_ema=True, ema_momentum=1.5),
        ArgumentError,
        "ema_momentum must be a number from 0 to 1, got 1.5",
    ),
    "frequency": (
        lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=2.5),  # type: ignore[arg-type]
        ArgumentError,
        "ema_overwrite_frequency must be an integer >= 1, got 2.5",
    ),
    "momentum": (
        lambda: optimizers.SGD(momentum=1.5),
        ArgumentError,
        "momentum must be a number from 0 to 1, got 1.5",
    ),
    "lion": (
        lambda: optimizers.Lion(beta_1=0.0),
        ArgumentError,
        "beta_1 must be a number > 0 and <= 1, got 0.0",
    ),
    "adamw": (
        lambda: optimizers.AdamW(weight_decay=None),
        ArgumentError,
        "weight_decay of AdamW must be a float, got None",
    ),
    "power": (
        lambda: optimizers.Ftrl(learning_rate_power=0.5),
        ArgumentError,
        "learning_rate_power must be a number <= 0, got 0.5",
    ),
    "strength": (
        lambda: optimizers.Ftrl(l2_regularization_strength=-1.0),
        ArgumentError,
        "l2_regularization_strength must be a number >= 0, got -1.0",
    ),
    "no variables": (
        lambda: refused_step([array(1.0)]),
        NotBuiltError,
        "optimizer 'sgd' does not know the variables yet: pass trainable_variables",
    ),
    "arrays": (
        lambda: refused_step([array(1.0)], [array(1.0)]),
        ArgumentError,
        "an optimizer updates variables, got ndarray",
    ),
    "too few": (
        lambda: refused_step([array(1.0)], [vector(1.0), vector(2.0)]),
        ArgumentError,
        "there must be one gradient for each variable, got 1 gradients for 2",
    ),
    "none": (
        lambda: refused_step([None, None], [vector(1.0), vector(2.0)]),
        ArgumentError,
        "no variable has a gradient: the loss depends on none of ['w', 'w']",
    ),
    "none, scaled": (
        lambda: optimizers.LossScaleOptimizer(optimizers.SGD()).apply(
            [None], [vector(1.0)]
        ),
        ArgumentError,
        "no variable has a gradient",
    ),
    "shape": (
        lambda: refused_step([array(1.0, 2.0)], [vector(1.0)]),
        ShapeError,
        "variable 'w' has shape (1,), its gradient (2,)",
    ),
    "rank": (
        lambda: refused_step([array(1.0)[0]], [vector(1.0)]),
        ShapeError,
        "variable 'w' has shape (1,), its gradient ()",
    ),
    "initializers": (
        lambda: optimizers.SGD().add_optimizer_variables(
            [vector(1.0)], ["a", "b"], ["zeros"]
        ),
        ArgumentError,
        "2 slots need one initializer or 2, got 1",
    ),
    "function": (
        lambda: optimizers.SGD(lambda: 0.1).get_config(),
        ArgumentError,
        "the learning rate of 'sgd' is a function, which has no config",
    ),
    "inner": (
        lambda: optimizers.LossScaleOptimizer("adam"),  # type: ignore[arg-type]
        ArgumentError,
        "inner_optimizer must be an optimizer, got 'adam'",
    ),
    "several": (
        lambda: optimizers.OptimizerMap("adam"),  # type: ignore[arg-type]
        ArgumentError,
        "'adam' is not an optimizer",
    ),
    "several of several": (
        lambda: optimizers.OptimizerMap(
            optimizers.LossScaleOptimizer(optimizers.SGD())
        ),
        ArgumentError,
        "LossScaleOptimizer cannot be for some of the variables only",
    ),
    "key": (
        lambda: optimizers.OptimizerMap(
            optimizers.SGD(), {"a": optimizers.SGD()}
        ).__setitem__("a", optimizers.SGD()),
        ArgumentError,
        "there is an optimizer for 'a' already",
    ),
    "patterns": (
        lambda: optimizers.OptimizerMap(
            optimizers.SGD(), {"a.*": optimizers.SGD(), ".*b": optimizers.SGD()}
        )["ab"],
        ArgumentError,
        "'ab' is matched by a.* and by .*b",
    ),
    "name": (
        lambda: optimizers.get("adan"),
        ArgumentError,
        "seqir has no 'adan' in optimizers. Did you mean 'adam'?",
    ),
    "class": (
        lambda: optimizers.get(optimizers.SGD),
        ArgumentError,
        "an optimizer is a name, an Optimizer or a dictionary, got <class "
        "'seqir.optimizers.descent.SGD'>: make an object of the class",
    ),
    "nothing": (
        lambda: optimizers.get(None),
        ArgumentError,
        "an optimizer is a name, an Optimizer or a dictionary, got None",
    ),
    "stored": (
        lambda: optimizers.get({"config": {}}),
        ArgumentError,
        "what is stored for optimizers is {'class_name': ..., 'config': {...}}, got",
    ),
    "of others": (
        lambda: optimizers.deserialize(optimizers.serialize(Momentum())),
        ArgumentError,
        "Momentum is not one of seqir's optimizers: pass the object itself",
    ),
    "no update_step": (
        lambda: optimizers.Optimizer(0.1).apply([array(1.0)], [vector(1.0)]),
        NotImplementedError,
        "Optimizer has no update_step",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    act, error, text = REFUSED[name]
    with pytest.raises(error, match=re.escape(text)):
        act()


def test_a_built_optimizer_keeps_its_variables() -> None:
    optimizer, other = optimizers.SGD(0.1), vector(1.0, name="other")
    optimizer.apply([array(1.0)], [vector(1.0)])
    with pytest.raises(ArgumentError, match="'sgd' was not built for variable 'other'"):
        optimizer.apply([array(1.0)], [other])
    with pytest.raises(ArgumentError, match="must be called before the optimizer is b"):
        optimizer.exclude_from_weight_decay([other])


def test_a_failed_step_leaves_nothing_behind() -> None:
    optimizer, w = optimizers.Adam(0.1), vector(1.0)
    with pytest.raises(ShapeError):
        optimizer.apply([array(1.0, 2.0)], [w])
    optimizer.apply([array(1.0)], [w])
    np.testing.assert_allclose(w.array, 0.9, rtol=1e-5)
    assert optimizer.iterations.array == 1
