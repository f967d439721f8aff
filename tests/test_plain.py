"""NumPy's numbers and arrays as settings mean what Python's numbers and tuples mean."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_pairs import CLASSES
from layer_samples import SAMPLES, LayerSample

import seqir
from seqir import layers, ops, plain

Int, F, B = np.int64, np.float32, np.bool_


def numpied(value: Any, *, arrays: bool) -> Any:
    """The value with NumPy's types in the place of Python's."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value)
    if isinstance(value, float):
        return np.float64(value)
    if isinstance(value, list | tuple):
        if arrays and value and isinstance(value[0], int):
            return np.array(value)
        return type(value)(numpied(v, arrays=arrays) for v in value)
    return value


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
def test_layers(sample: LayerSample) -> None:
    cls = CLASSES[sample.layer]
    wanted = as_json(sample.made(CLASSES, name="q").get_config())
    for arrays in (False, True):
        args, kwargs = sample.arguments(CLASSES)
        args = [numpied(a, arrays=arrays) for a in args]
        kwargs = {k: numpied(v, arrays=arrays) for k, v in kwargs.items()}
        found = cls(*args, **kwargs, name="q")
        assert as_json(found.get_config()) == wanted


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Reshape((Int(2), -1)),
        lambda: layers.Reshape(np.array([2, -1])),
        lambda: layers.BatchNormalization(axis=Int(-1)),
        lambda: layers.LayerNormalization(axis=np.array([1, 2])),
        lambda: layers.Permute(np.array([2, 1])),
        lambda: layers.Cropping1D(np.array([1, 0])),
        lambda: layers.Conv1D(np.int32(4), np.array([3]), strides=Int(2)),
        lambda: layers.AveragePooling1D(np.uint8(2), padding="same"),
        lambda: layers.Dropout(F(0.5), noise_shape=np.array([2, 1, 6]), seed=Int(3)),
        lambda: layers.Dense(np.array(3), trainable=B(False)),
        lambda: layers.PReLU(shared_axes=np.array([1])),
        lambda: layers.Softmax(axis=np.array([1, 2])),
        lambda: layers.Rescaling(np.array([1, 2, 3, 4, 5, 6]), Int(1)),
        lambda: layers.Normalization(axis=np.array([-1]), mean=F(1), variance=F(2)),
    ],
)
def test_layers_compute(make: Callable[[], Any]) -> None:
    layer = make()
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    again = type(layer).from_config(as_json(layer.get_config()))
    found = layer(x, training=True)
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(found, again(x, training=True))


def test_subclasses_get_what_they_are_given() -> None:
    class Wider(layers.Dense):
        def __init__(self, units: Any, table: Any, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)
            self.table = table

    class Table(layers.Layer):
        table: Any

    table = np.array([1, 2])
    assert Wider(Int(3), table).units == 3
    assert Wider(Int(3), table).table is table
    assert Table(table).table is table
    assert as_json(Wider(Int(3), table).get_config())["table"] == [1, 2]


@pytest.mark.parametrize(
    "shape", [np.array([4, 4, 1]), (Int(4), 4, Int(1)), [Int(4), 4, 1]]
)
def test_shapes_of_inputs_and_weights(shape: Any) -> None:
    assert seqir.Input(shape=shape, batch_size=Int(2)).shape == (2, 4, 4, 1)
    assert seqir.Input(batch_shape=shape).shape == (4, 4, 1)
    assert seqir.Input(shape=np.array([None, 3], object)).shape == (None, None, 3)
    dense = layers.Dense(2)
    assert dense.compute_output_shape(shape) == (4, 4, 2)
    assert dense.add_weight(shape, trainable=B(True)).shape == (4, 4, 1)
    assert layers.Dense(2).add_weight(Int(3)).shape == (3,)
    dense.build(shape)
    assert dense.kernel.shape == (1, 2)
    for given in (
        {"input_shape": shape},
        {"batch_input_shape": (Int(5), *shape)},
        {"input_shape": tuple(shape), "batch_size": Int(5)},
    ):
        model = seqir.Sequential([layers.Dense(2, **given)])
        assert model.input_shape[1:] == (4, 4, 1)
    assert seqir.Sequential([layers.Dense(2, input_dim=Int(3))]).input_shape == (
        None,
        3,
    )


def test_models_fit_with_numbers_of_numpy() -> None:
    x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
    model = seqir.Sequential([layers.Dense(1)], trainable=B(True))
    model.compile("sgd", "mse", steps_per_execution=Int(1), run_eagerly=B(False))
    counts = {"epochs": Int(2), "batch_size": np.int32(4), "verbose": Int(0)}
    model.fit(x, y, validation_split=F(0.25), initial_epoch=Int(0), **counts)
    model.fit(x, y, class_weight={Int(1): F(2)}, validation_freq=[Int(1)], verbose=0)
    model.evaluate(x, y, batch_size=Int(4), steps=Int(1), verbose=Int(0))
    assert model.predict(x, batch_size=Int(4), verbose=Int(0)).shape == (8, 1)
    assert model(x, training=B(True)).shape == (8, 1)
    seqir.utils.set_random_seed(Int(3))
    assert model.get_layer(index=Int(0)) is model.layers[0]


GIVEN = {
    "num_classes": Int(3), "decay_steps": Int(10), "initial_learning_rate": F(0.5),
    "decay_rate": F(0.5), "boundaries": np.array([1, 2]), "first_decay_steps": Int(5),
    "values": np.array([0.5, 0.25, 0.125]), "precision": F(0.5), "recall": F(0.5),
    "specificity": F(0.5), "sensitivity": F(0.5), "target_class_ids": np.array([0]),
    "seed": Int(3), "clipnorm": F(1), "weight_decay": F(0.5), "ignore_class": Int(1),
    "gradient_accumulation_steps": np.int32(2), "thresholds": np.array([0.25, 0.5]),
    "class_id": Int(1), "top_k": Int(2), "num_thresholds": Int(20), "patience": Int(2),
}  # fmt: skip
PACKAGES = (
    seqir.optimizers,
    seqir.optimizers.schedules,
    seqir.losses,
    seqir.metrics,
    seqir.initializers,
    seqir.regularizers,
    seqir.constraints,
)
ABSTRACT = {
    "Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap",
    "LossFunctionWrapper", "MeanMetricWrapper",
}  # fmt: skip
CONFIGURED = {
    f"{package.__name__}.{name}": cls
    for package in PACKAGES
    for name in vars(package)
    if inspect.isclass(cls := getattr(package, name))
    and cls.__module__.startswith(package.__name__)
    and name not in ABSTRACT
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_everything_else_that_is_configured(name: str) -> None:
    cls = CONFIGURED[name]
    for arrays in (False, True):
        given: dict[str, Any] = {}
        for p in inspect.signature(cls).parameters.values():
            if p.name in GIVEN and "FBeta" not in name and "F1Score" not in name:
                given[p.name] = GIVEN[p.name]
            elif not isinstance(p.default, str | None) and p.default is not p.empty:
                given[p.name] = numpied(p.default, arrays=arrays)
        usual = {k: np.asarray(v).tolist() for k, v in given.items()}
        found, wanted = cls(**given), cls(**usual)
        if hasattr(wanted, "get_config"):
            theirs = {k: v for k, v in wanted.get_config().items() if k != "name"}  # pyright: ignore[reportAttributeAccessIssue]
            mine = {k: v for k, v in found.get_config().items() if k != "name"}  # pyright: ignore[reportAttributeAccessIssue]
            assert as_json(mine) == as_json(theirs)


def settings_of(function: Callable[..., Any]) -> frozenset[int | str]:
    return plain.settings(inspect.unwrap(function))


FUNCTIONS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    *((f, (), {"axis": 1}) for f in (
        ops.argmax, ops.argsort, ops.cumsum, ops.diff, ops.expand_dims, ops.flip,
        ops.log_softmax, ops.logsumexp, ops.mean, ops.median, ops.softmax, ops.sort,
        ops.std, ops.unstack,
    )),
    *((f, (), {"axis": (0, 2), "keepdims": True}) for f in (
        ops.any, ops.max, ops.mean, ops.sum, ops.var,
    )),
    (ops.normalize, (), {"axis": 1, "order": 2}),
    (ops.repeat, (2,), {"axis": 1}),
    (ops.reshape, ((4, -1),), {}),
    (ops.broadcast_to, ((2, 2, 3, 4),), {}),
    (ops.transpose, ((2, 0, 1),), {}),
    (ops.moveaxis, ((0, 1), (1, 0)), {}),
    (ops.swapaxes, (0, 1), {}),
    (ops.split, (3,), {"axis": 1}),
    (ops.split, ((1, 2),), {"axis": 1}),
    (ops.array_split, (2,), {"axis": 1}),
    (ops.tile, ((2, 1, 3),), {}),
    (ops.pad, (((1, 0), (0, 2), (0, 0)),), {}),
    (ops.roll, (1,), {"axis": 1}),
    (ops.rot90, (), {"k": 3, "axes": (0, 2)}),
    (ops.take, (1,), {"axis": 1}),
    (ops.clip, (0.25, 0.75), {}),
    (ops.tril, (), {"k": 1}),
    (ops.norm, (), {"ord": 2, "axis": 1}),
    (ops.trace, (), {"offset": 1, "axis1": 1, "axis2": 2}),
    (ops.moments, ((0, 1),), {"keepdims": True}),
    (ops.leaky_relu, (0.25,), {}),
    (ops.top_k, (2,), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "args", "kwargs"), FUNCTIONS, ids=lambda v: getattr(v, "__name__", "")
)
def test_functions(function: Any, args: Any, kwargs: Any) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32)
    wanted = function(x, *args, **kwargs)
    for arrays in (False, True):
        mine = [numpied(a, arrays=arrays) for a in args]
        named = {k: numpied(v, arrays=arrays) for k, v in kwargs.items()}
        np.testing.assert_equal(function(x, *mine, **named), wanted)
        symbol = function(seqir.Input((3, 4), batch_size=2), *mine, **named)
        shapes = [tuple(t.shape) for t in seqir.nest.flatten(symbol)]
        assert shapes == [np.shape(y) for y in seqir.nest.flatten(wanted)]


def test_functions_that_make_arrays() -> None:
    for shape in ((Int(2), 3), np.array([2, 3]), [2, np.int32(3)]):
        assert ops.zeros(shape).shape == ops.full(shape, F(1)).shape == (2, 3)
        assert seqir.random.normal(shape, mean=F(0), seed=Int(1)).shape == (2, 3)
    assert ops.ones(Int(3)).shape == (3,)
    assert ops.eye(Int(3), Int(2), k=Int(1)).shape == (3, 2)


def test_operands_keep_their_types() -> None:
    """A number of NumPy that is computed with has a type; a setting has none."""
    x = np.ones(2, np.float16)
    assert ops.add(x, np.float32(1)).dtype == np.float32
    assert settings_of(ops.add) == frozenset()
    assert settings_of(ops.clip) == frozenset()
    assert settings_of(ops.expand_dims) == {1, "axis"}
    assert plain.python({"a": [F(0.5), (Int(1), None)]}) == {"a": [0.5, (1, None)]}
    same = [1, (2, "x")]
    assert plain.python(same) is same
