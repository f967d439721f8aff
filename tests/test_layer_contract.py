"""What every layer promises: gradients, training, files of each opset, and its page."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_pairs import CLASSES, make
from layer_samples import SAMPLES, LayerSample

import seqir
from seqir import layers, nest, ops
from seqir.autodiff import gradient, gradient_graph
from seqir.errors import AbsentError, UnsupportedError
from seqir.ir import Graph, Trace, evaluate
from seqir.lower import opsets
from seqir.network.base import arrays_of
from seqir.ops.tensor import Traced
from tools import layers_table

FLOATS = [s for s in SAMPLES if s.dtype == "float32" and "dtype" not in s.kwargs]
SIMPLEST: dict[str, LayerSample] = {}
for one in sorted(FLOATS, key=lambda s: len(s.args) + len(s.kwargs)):
    SIMPLEST.setdefault(one.layer, one)
_SIMPLE = {s.id for s in SIMPLEST.values()}
CHOSEN = [*SIMPLEST.values(), *(s for s in FLOATS[::9] if s.id not in _SIMPLE)]
each = pytest.mark.parametrize("sample", CHOSEN, ids=lambda s: s.id)


def model_of(sample: LayerSample, dtype: str, *, weighted: bool = False) -> Any:
    """A model of one layer; if `weighted`, of a weighted sum of what comes out."""
    own = sample.dtype if sample.high else dtype
    inputs = [seqir.Input(s[1:], s[0], dtype=own) for s in sample.shapes]
    before = seqir.config.dtype_policy()
    seqir.config.set_dtype_policy(dtype)  # also of layers inside
    try:
        outputs = sample.called(make(sample), inputs)
    finally:
        seqir.config.set_dtype_policy(before)
    if weighted:
        parts = [ops.cast(y, dtype) for y in nest.flatten(outputs)]
        outputs = ops.add_n([ops.sum(y * weights(y)) for y in parts])
    model = seqir.Model(inputs, outputs)
    rng = np.random.default_rng(5)
    for w in model.trainable_variables:
        w.assign(rng.normal(size=w.shape))
    return model


def weights(y: Any) -> Any:
    return np.random.default_rng(6).normal(size=y.shape).astype(y.dtype)


def feeds_of(model: Any, sample: LayerSample) -> dict[str, Any]:
    arrays = [x if sample.high else x.astype(np.float64) for x in sample.arrays()]
    return dict(zip(model.input_names, arrays, strict=True))


def gradients_of(graph: Graph, names: list[str]) -> dict[str, Any]:
    """The graph of each gradient that there is."""
    b = Trace.resume(graph)
    (y,) = (Traced(b, value) for value in graph.outputs.values())
    values = {**graph.inputs, **graph.params}
    found = gradient(y, [Traced(b, values[name]) for name in names])
    there = [n for n, g in zip(names, found, strict=True) if g is not None]
    return {name: gradient_graph(graph, [name]) for name in there}


@each
def test_gradients_are_slopes(sample: LayerSample) -> None:
    model = model_of(sample, "float64", weighted=True)
    graph, variables = model.trace_graph()
    params = arrays_of(variables)
    feeds = feeds_of(model, sample)
    trained = {n for n, v in variables.items() if v in set(model.trainable_variables)}
    names = [*trained, *(feeds if sample.high is None else ())]
    step, rng = 1e-6, np.random.default_rng(7)
    for name, found in gradients_of(graph, names).items():
        place = params if name in params else feeds
        x = place[name]
        way = rng.normal(size=x.shape)
        given = [
            evaluate(graph, *with_(feeds, params, name, x + sign * step * way))
            for sign in (1, -1)
        ]
        up, down = (float(next(iter(values.values()))) for values in given)
        slope = evaluate(found, feeds, params)[f"d/{name}"]
        wanted = (up - down) / (2 * step)
        room = 1e-6 * np.abs(slope).sum() + 1e-8
        np.testing.assert_allclose(np.sum(slope * way), wanted, rtol=1e-5, atol=room)


def with_(feeds: Any, params: Any, name: str, value: Any) -> tuple[Any, Any]:
    """Inputs and weights, one of them another."""
    if name in params:
        return feeds, {**params, name: value}
    return {**feeds, name: value}, params


@pytest.mark.parametrize("sample", SIMPLEST.values(), ids=lambda s: s.layer)
def test_a_loss_falls_in_20_steps(sample: LayerSample) -> None:
    seqir.utils.set_random_seed(9)
    inputs = [seqir.Input(s[1:], dtype=sample.dtype) for s in sample.shapes]
    found = nest.flatten(sample.called(make(sample), inputs))[0]
    found = ops.reshape(found, (-1, math.prod(found.shape[1:])))
    model = seqir.Model(inputs, layers.Dense(1)(found))
    rate = 0.3 / found.shape[1]  # each step may move the sum of so many features  # pyright: ignore[reportOperatorIssue]
    model.compile(seqir.optimizers.Adam(rate), "mse")
    arrays = sample.arrays()
    y = 3 + np.random.default_rng(8).normal(size=(len(arrays[0]), 1))
    losses = [model.train_on_batch(arrays, y) for _ in range(21)]
    assert losses[-1] < 0.95 * losses[0]


@each
def test_files_of_the_lowest_and_the_newest_opset(
    sample: LayerSample, tmp_path: Path
) -> None:
    """From the lowest that has all operators on; each file is verified."""
    model = model_of(sample, "float32")
    for opset in range(opsets.LOWEST, opsets.newest()):
        try:
            lowest = model.export(tmp_path / "lowest.onnx", opset=opset)
        except UnsupportedError as error:
            refused = str(error)
            assert "opset" in refused
        else:
            break
    newest = model.export(tmp_path / "newest.onnx", opset=opsets.newest())
    assert (lowest.opset, newest.opset) == (opset, opsets.newest())  # pyright: ignore[reportPossiblyUnboundVariable]


def test_the_page_of_layers_is_true() -> None:
    text = layers_table.PAGE.read_text()
    made = layers_table.page(layers_table.differences_of(text))
    assert made == text, "run python -m tools.layers_table"


def test_every_layer_of_keras_is_there_or_refused() -> None:
    keras = pytest.importorskip("keras")
    for name in dir(keras.layers):
        if name.startswith("_") or name in CLASSES or hasattr(layers, name):
            continue
        with pytest.raises(AbsentError, match=f"seqir has no layers.{name}: .*; "):
            getattr(layers, name)
