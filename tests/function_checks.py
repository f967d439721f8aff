"""What a function of `seqir.ops` must do, whatever it computes.

A check takes the function and one `Case`: arrays become inputs of a graph, lists and
numbers stay what they are. A size of `BATCH` can be unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
from function_cases import Case
from graphs import graph_value

from seqir import autodiff, nest, ops, passes
from seqir.ir import Graph, Trace, evaluate, verify
from seqir.lower import lower, opsets, to_proto
from seqir.ops.tensor import Traced
from seqir.tensortype import type_of

BATCH = 5
Function = Callable[..., Any]


def arrays(case: Case) -> list[Any]:
    leaves = nest.flatten((case.args, case.kwargs))
    return [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]


def has_slope(case: Case) -> bool:
    """Whether numbers of the case can move a little."""
    return arrays(case)[0].dtype.kind == "f"


def feed(case: Case) -> dict[str, Any]:
    return {f"x{i}": x for i, x in enumerate(arrays(case))}


def doubled(case: Case) -> Case:
    """The case with numbers of float64."""

    def wide(leaf: Any) -> Any:
        is_float = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
        return leaf.astype(np.float64) if is_float else leaf

    args, kwargs = nest.map_structure(wide, (case.args, case.kwargs))
    return Case(args, kwargs)


def trace(function: Function, case: Case, *, unknown: bool = False) -> Graph:
    """The graph of one call; sizes of `BATCH` are unknown if asked for."""
    b = Trace("call")

    def traced(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        t = type_of(leaf)
        if unknown:
            t = t.with_shape(tuple("batch" if d == BATCH else d for d in t.shape))
        return Traced(b, b.input(f"x{len(b.inputs)}", t))

    args, kwargs = nest.map_structure(traced, (case.args, case.kwargs))
    with b.active():
        results = nest.flatten(function(*args, **kwargs))
    return verify(b.finish({f"y{i}": y.value for i, y in enumerate(results)}))


def same(found: Any, wanted: Any, rtol: float) -> None:
    """The numbers, types and shapes of two results agree."""
    ours, theirs = nest.flatten(found), nest.flatten(wanted)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        whole = b.dtype.kind != "f"
        scale = 0 if whole else float(np.abs(b[np.isfinite(b)]).max(initial=1))
        np.testing.assert_allclose(a, b, rtol, rtol * scale)


def same_when_traced(function: Function, case: Case) -> None:
    """Traced values give what arrays give, with known and unknown sizes."""
    wanted = function(*case.args, **case.kwargs)
    for unknown in (False, True):
        graph = trace(function, case, unknown=unknown)
        same(list(evaluate(graph, feed(case)).values()), wanted, max(case.rtol, 1e-6))


def same_in_files(function: Function, case: Case) -> None:
    """ONNX Runtime gives what arrays give, at the lowest and the newest opset."""
    wanted = function(*case.args, **case.kwargs)
    graph = passes.run(trace(function, case, unknown=True), passes.INFERENCE)
    for opset in (opsets.LOWEST, opsets.newest()):
        proto = to_proto(lower(graph, opset=opset)).SerializeToString()
        session = ort.InferenceSession(proto, providers=["CPUExecutionProvider"])
        names = {x.name for x in session.get_inputs()}
        given = {n: a for n, a in feed(case).items() if n in names}
        same(session.run(None, given), wanted, max(case.rtol, 5e-6))


def slope_of_values(function: Function, case: Case, rtol: float = 1e-6) -> None:
    """The gradient of a weighted sum is the slope of its values in one direction."""
    case = doubled(case)
    graph = trace(function, case)
    b = Trace.resume(graph)
    xs = [Traced(b, x) for x in b.inputs.values()]
    xs = [x for x in xs if x.dtype == "float64"]
    rng = np.random.default_rng(3)
    with b.active():
        ys = [Traced(b, y) for y in graph.outputs.values()]
        ys = [y for y in ys if y.dtype == "float64"]
        loss = ops.add_n([ops.sum(y * rng.normal(size=y.shape)) for y in ys])
        found = autodiff.gradient(loss, xs)
    outputs = {"loss": graph_value(loss)}
    outputs |= {f"d{i}": d.value for i, d in enumerate(found) if d is not None}
    graph = verify(b.finish(outputs))
    given = feed(case)
    floats = [n for n, a in given.items() if a.dtype == np.float64]
    ways = {n: rng.normal(size=given[n].shape) for n in floats}
    at = evaluate(graph, given)
    slope = sum(
        (at[f"d{i}"] * ways[n]).sum() for i, n in enumerate(floats) if f"d{i}" in at
    )
    ends = [
        evaluate(graph, given | {n: given[n] + h * ways[n] for n in floats})["loss"]
        for h in (1e-5, -1e-5)
    ]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol, rtol)
