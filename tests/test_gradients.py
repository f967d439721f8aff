"""Gradients against differences of values, for every operator that has one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from graphs import graph_value
from operands import Sample
from recurrent_samples import RECURRENT, RECURRENT_GRADIENTS
from region_samples import REGIONS
from samples import SAMPLES

from seqir import autodiff, dtypes, ops, passes
from seqir.ir import Cotangents, Functions, Graph, Op, Operand, Trace, evaluate
from seqir.lower import lower, to_proto
from seqir.operators.arith import Pow
from seqir.operators.barrier import StopGradient
from seqir.operators.control import While
from seqir.operators.custom import CustomGradient
from seqir.operators.unary import Function
from seqir.ops.apply import apply
from seqir.ops.tensor import Traced
from seqir.passes.widen import widened
from seqir.tensortype import TensorType

ort = pytest.importorskip("onnxruntime")

WITHOUT = {
    "And", "ArgReduce", "Bitwise", "Constant", "Equal", "Fill", "FloorDiv", "IsInf",
    "IsNaN", "Join", "Less", "LessEqual", "Lookup", "Lower", "Mod", "NonZero", "Not",
    "OnHost", "OneHot", "Or", "RandomBits", "Range", "Replace", "Sizes", "StrictLookup",
    "Words", "Xor",
}  # fmt: skip
"""Operators of integers, truth values and text: no cotangent ever reaches them."""

STEPS = np.array([1, -1, 2, -2])
WEIGHTS = np.array([8, -8, -1, 1]) / 12
H = 2e-5
"""Central difference of fourth order: the error is of the order of H⁴."""


def doubled(op: Op, types: tuple[TensorType, ...]) -> tuple[Op, tuple[TensorType, ...]]:
    """Operator and operand types in float64."""
    changed = {
        f.name: "float64"
        for f in dataclasses.fields(op)  # type: ignore[arg-type]
        if getattr(op, f.name) == "float32"
    }
    op = dataclasses.replace(op, **changed)  # type: ignore[type-var]
    op = op.with_bodies([widened(body) for body in op.bodies])
    wide = (t.with_dtype("float64") if t.dtype == "float32" else t for t in types)
    return op, tuple(wide)


def floats(types: tuple[TensorType, ...]) -> bool:
    return any(dtypes.is_float(t.dtype) for t in types)


def differentiable() -> Iterator[Sample]:
    """Samples of float32 operands that give float32 results."""
    kinds = {"float32", "int32", "int64", "bool"}
    for s in (*SAMPLES, *REGIONS, *RECURRENT[:8], *RECURRENT_GRADIENTS[:2]):
        results = s.op.infer(*s.types)
        types = (*s.types, *results)
        plain = {t.dtype for t in types} <= kinds and all(t.size for t in types)
        if plain and floats(s.types) and floats(results):
            yield s


def has_slope(s: Sample) -> bool:
    """Not so where gradients stop, or by the exponent of a negative number.

    Loops whose number of steps is not known have none either.
    """
    negative_base = s.op == Pow() and bool(s.operands[0].values)
    endless = isinstance(s.op, While) and s.op.limit is None
    own = isinstance(s.op, StopGradient | CustomGradient)
    return not (own or negative_base or endless)


each = pytest.mark.parametrize(
    "s", [s for s in differentiable() if has_slope(s)], ids=lambda s: s.id
)


def numbers(s: Sample) -> dict[str, Any]:
    """The sample's numbers in float64, moved away from integers and from each other."""
    rng = np.random.default_rng(4)
    feed: dict[str, Any] = {}
    for i, x in enumerate(s.arrays()):
        if x.dtype == np.float32:
            places = rng.permutation(x.size).reshape(x.shape)
            x = x.astype(np.float64) + 0.01 * (1 + places / max(x.size, 1))
        feed[f"x{i}"] = x
    return feed


def loss_graph(op: Op, types: tuple[TensorType, ...], *, weighted: bool) -> Graph:
    """The sum of all results, each element weighted by an input ``w*`` of its own."""
    b = Trace("loss")
    xs = [Traced(b, b.input(f"x{i}", t)) for i, t in enumerate(types)]
    with b.active(), b.source("layer"):
        ys = apply(op, *xs)
        ys = [y for y in (ys if isinstance(ys, tuple) else (ys,)) if is_float(y)]
        if weighted:
            ws = [Traced(b, b.input(f"w{i}", y.type)) for i, y in enumerate(ys)]
            ys = [y * w for y, w in zip(ys, ws, strict=True)]
        loss = ops.add_n([ops.sum(y) for y in ys])
    return b.finish({"loss": graph_value(loss)})


def is_float(x: Any) -> bool:
    return dtypes.is_float(x.type.dtype)


def gradients(graph: Graph, *, moved: bool = False) -> Graph:
    """The graph with its gradients as outputs ``d/x*``.

    If `moved`, the loss becomes the sum of the gradients, each element weighted by an
    input ``v/x*`` of its own: what to differentiate for second derivatives.
    """
    b = Trace.resume(graph)
    xs = {n: Traced(b, v) for n, v in graph.inputs.items() if n[0] == "x"}
    xs = {n: x for n, x in xs.items() if is_float(x)}
    loss = Traced(b, graph.outputs["loss"])
    found = autodiff.gradient(loss, list(xs.values()))
    given = {n: d for n, d in zip(xs, found, strict=True) if d is not None}
    for name, d in given.items():
        assert d.type == xs[name].type
    if not moved:
        outputs = {f"d/{n}": d.value for n, d in given.items()}
        return clean(b.finish({"loss": loss.value, **outputs}))
    with b.active():
        moves = {n: Traced(b, b.input(f"v/{n}", d.type)) for n, d in given.items()}
        terms = [ops.sum(d * moves[n]) for n, d in given.items()]
        total = ops.add_n(terms) if terms else loss * 0.0
    return clean(b.finish({"loss": graph_value(total)}))


def clean(graph: Graph) -> Graph:
    return passes.run(graph, (passes.simplify, passes.eliminate_dead), check=True)


def feed_for(graph: Graph, given: dict[str, Any], sizes: Graph) -> dict[str, Any]:
    """Numbers for all inputs, random ones for those that are not given."""
    rng = np.random.default_rng(2)
    feed: dict[str, Any] = {}
    for name in graph.inputs:
        shape = sizes.inputs[name].type.shape
        feed[name] = given.get(name, rng.uniform(0.5, 1.5, shape))
    return feed


def assert_gradient(graph: Graph, feed: dict[str, Any]) -> None:
    """``<gradient, v>`` is the slope of the loss along a random direction v."""
    with_gradient = gradients(graph)
    found = evaluate(with_gradient, feed)
    rng = np.random.default_rng(3)
    move = {
        n: rng.uniform(-1, 1, np.shape(feed[n]))
        for n, v in graph.inputs.items()
        if n[0] == "x" and dtypes.is_float(v.type.dtype)
    }
    values = [
        evaluate(graph, feed | {n: feed[n] + k * H * v for n, v in move.items()})
        for k in STEPS
    ]
    slope = WEIGHTS @ [float(v["loss"]) for v in values] / H
    terms = [
        np.ravel(found[f"d/{n}"] * v) for n, v in move.items() if f"d/{n}" in found
    ]
    every = np.concatenate([*terms, [0.0]])
    assert np.isfinite(every).all()
    noise = 1e-9 * (np.abs(every).sum() + np.abs(values[0]["loss"]) + 1e-3)
    np.testing.assert_allclose(every.sum(), slope, rtol=1e-6, atol=noise)


@pytest.mark.parametrize("weighted", [True, False])
@each
def test_gradient_is_the_slope(s: Sample, weighted: bool) -> None:
    graph = loss_graph(*doubled(s.op, s.types), weighted=weighted)
    assert_gradient(graph, feed_for(graph, numbers(s), graph))


@each
def test_gradient_of_the_gradient_is_its_slope(s: Sample) -> None:
    graph = loss_graph(*doubled(s.op, s.types), weighted=True)
    moved = gradients(graph, moved=True)
    assert_gradient(moved, feed_for(moved, numbers(s), moved))


@each
def test_runtime_and_unknown_batch_give_the_same(s: Sample) -> None:
    """NumPy in float64, ONNX Runtime in float32, with the batch known and unknown."""
    wide = loss_graph(*doubled(s.op, s.types), weighted=True)
    feed = feed_for(wide, numbers(s), wide)
    wanted = evaluate(gradients(wide), feed)
    op, symbolic = doubled(s.op, s.symbolic)
    unknown = gradients(loss_graph(op, symbolic, weighted=True))
    for name, array in evaluate(unknown, feed).items():
        np.testing.assert_allclose(array, wanted[name], 1e-12, 1e-12)
    narrow = {
        n: np.asarray(x, np.float32) if np.asarray(x).dtype == np.float64 else x
        for n, x in feed.items()
    }
    for types in dict.fromkeys((s.types, s.symbolic)):
        graph = gradients(loss_graph(s.op, types, weighted=True))
        for name, array in run(graph, narrow).items():
            rounding = 2e-7 + 2e-5 * np.abs(wanted[name]).max(initial=0.0)
            np.testing.assert_allclose(array, wanted[name], 2e-4, rounding)


def run(graph: Graph, feed: dict[str, Any], opset: int | None = None) -> dict[str, Any]:
    """What ONNX Runtime makes of the graph."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    proto = to_proto(lower(graph, opset=opset))
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    needed = {i.name for i in session.get_inputs()}
    names = list(graph.outputs)
    given = {n: x for n, x in feed.items() if n in needed}
    return dict(zip(names, session.run(names, given), strict=True))


def test_every_other_operator_is_known_to_have_none() -> None:
    assert {c.__name__ for c in ops.ALL if c.vjp is Op.vjp} == WITHOUT


def test_every_gradient_is_tested() -> None:
    tested = {type(s.op).__name__ for s in differentiable()}
    assert {c.__name__ for c in ops.ALL} - WITHOUT == tested


@pytest.mark.parametrize("f", Function.TABLE)
def test_every_function_is_tested(f: str) -> None:
    assert any(s.op == Function(f) for s in differentiable())


@dataclass(frozen=True)
class Off(Op):
    """y = x³, whose gradient is wrong by one in a thousand."""

    name: ClassVar[str] = "off"
    error: float

    def infer(self, x: TensorType) -> tuple[TensorType]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (x,)

    def evaluate(self, x: Any) -> tuple[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (x**3,)

    def lower(self, *_: Any) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (g * (x * x * (3.0 + self.error)),)


def test_the_check_finds_an_error_of_one_in_a_thousand() -> None:
    types = (TensorType("float64", (5, 3)),)
    rng = np.random.default_rng(0)
    for weighted in (True, False):
        graph = loss_graph(Off(0.0), types, weighted=weighted)
        feed = feed_for(graph, {"x0": rng.normal(size=(5, 3))}, graph)
        assert_gradient(graph, feed)
        graph = loss_graph(Off(3e-3), types, weighted=weighted)
        with pytest.raises(AssertionError, match="Mismatched elements"):
            assert_gradient(graph, feed)


def test_power_of_negative_numbers_by_its_base() -> None:
    b = Trace("cube")
    x = Traced(b, b.input("x", TensorType("float64", (3,))))
    (d,) = autodiff.gradient(ops.sum(x**3.0), [x])
    assert isinstance(d, Traced)
    graph = clean(b.finish({"d": d.value}))
    found = evaluate(graph, {"x": np.array([-2.0, 0.0, 3.0])})["d"]
    np.testing.assert_allclose(found, [12.0, 0.0, 27.0])
