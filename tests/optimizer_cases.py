"""Optimizers with gradients to try them on: at once, and as graphs of ONNX Runtime."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest

from seqir import lower, ops, optimizers, passes, runtime
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
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


def vector(*values: float, name: str = "w") -> Variable:
    return Variable(np.array(values, np.float32), name=name)


def array(*values: float) -> Array:
    return np.array(values, np.float32)


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
