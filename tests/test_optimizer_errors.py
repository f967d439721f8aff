"""What optimizers refuse, and what they say."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optimizer_cases import Momentum, array, vector

from seqir import optimizers
from seqir.errors import (
    ArgumentError,
    NotBuiltError,
    ShapeError,
)


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
    "a former name": (
        lambda: optimizers.SGD(lr=0.1),  # type: ignore[call-arg]
        ArgumentError,
        "an optimizer has no argument 'lr'. Keras 3 calls it 'learning_rate'.",
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
    assert np.asarray(optimizer.iterations) == 1
