"""State, learning rates and configurations of optimizers against Keras."""

import copy
import json
from typing import Any

import keras
import numpy as np
import pytest
from optimizer_cases import (
    CASES,
    FIRST,
    GRADIENTS,
    WAYS,
    Graph,
    Momentum,
    array,
    as_graph,
    at_once,
    check,
    in_keras,
    variables_of,
    vector,
)

from seqir import ops, optimizers
from seqir.errors import (
    ArgumentError,
    DTypeError,
    UnsupportedError,
)
from seqir.ops.variable import Variable
from seqir.optimizers import schedules


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
    assert np.asarray(optimizer.iterations) == 0


@WAYS
def test_numbers_and_variables_can_be_assigned(run: Any) -> None:
    class Odd(optimizers.Optimizer):
        def add_slots(self, variables: Any) -> None:
            self.last = self.add_optimizer_variables(variables, "last")  # pyright: ignore[reportAttributeAccessIssue]
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
    assert np.asarray(optimizer.iterations) == 1
    with pytest.raises(ArgumentError, match="are chosen by a function"):
        optimizer.get_config()
    with pytest.raises(UnsupportedError, match="has no learning rate of its own"):
        _ = optimizer.learning_rate
    with pytest.raises(
        UnsupportedError, match="'multi_optimizer' has no learning rate"
    ):
        optimizer.learning_rate = 0.1
