"""Functions of sizes that only the run knows, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import graph_value

from seqir import autodiff, ops, passes
from seqir.ir import Graph, Trace, evaluate, verify
from seqir.lower import lower, opsets, to_proto
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

ort = pytest.importorskip("onnxruntime")

OPSETS = sorted({17, 18, opsets.newest()})
SIZES = ((2, 6), (3, 5), (2, 1), (1, 8))
Function = Callable[[Any], Any]


def n(x: Any) -> Any:
    return ops.shape(x)[0]


def t(x: Any) -> Any:
    return ops.shape(x)[1]


def causal(x: Any) -> Any:
    scores = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
    places = ops.arange(t(x))
    seen = ops.greater_equal(ops.expand_dims(places, 1), places)
    return ops.softmax(ops.where(seen, scores, -1e9), -1)


def numpy_causal(x: Any) -> Any:
    scores = np.where(np.tri(x.shape[1], dtype=bool), x @ x.transpose(0, 2, 1), -1e9)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


CASES: dict[str, tuple[Function, Function]] = {
    "steps in one axis": (
        lambda x: ops.reshape(x, (n(x) * t(x), 4)),
        lambda x: x.reshape(-1, 4),
    ),
    "steps in one axis and back": (
        lambda x: ops.reshape(ops.reshape(x, (n(x) * t(x), 4)) * 2, (n(x), t(x), 2, 2)),
        lambda x: (x * 2).reshape(*x.shape[:2], 2, 2),
    ),
    "axes exchanged in a reshape": (
        lambda x: ops.reshape(x, (t(x), 2, n(x), 2)),
        lambda x: x.reshape(x.shape[1], 2, x.shape[0], 2),
    ),
    "one size left open": (
        lambda x: ops.reshape(x, (t(x), -1)),
        lambda x: x.reshape(x.shape[1], -1),
    ),
    "flat": (lambda x: ops.reshape(x, (n(x), -1)), lambda x: x.reshape(len(x), -1)),
    "repeated over steps": (
        lambda x: ops.broadcast_to(x[:, :1], (n(x), t(x), 4)),
        lambda x: np.broadcast_to(x[:, :1], x.shape),
    ),
    "repeated along a new axis": (
        lambda x: ops.broadcast_to(x, (t(x), n(x), t(x), 4)),
        lambda x: np.broadcast_to(x, (x.shape[1], *x.shape)),
    ),
    "zeros": (lambda x: ops.zeros((n(x), 3)), lambda x: np.zeros((len(x), 3), "f4")),
    "ones": (
        lambda x: ops.ones((t(x), n(x)), "int32"),
        lambda x: np.ones(x.shape[1::-1], "i4"),
    ),
    "filled": (
        lambda x: ops.full((n(x), t(x)), 2.5),
        lambda x: np.full(x.shape[:2], 2.5, "f4"),
    ),
    "filled with a tensor": (
        lambda x: ops.full((n(x), t(x)), ops.sum(x)),
        lambda x: np.full(x.shape[:2], x.sum()),
    ),
    "counted": (
        lambda x: ops.arange(t(x)),
        lambda x: np.arange(x.shape[1], dtype="i4"),
    ),
    "counted as fractions": (
        lambda x: ops.arange(t(x), dtype="float32"),
        lambda x: np.arange(x.shape[1], dtype="f4"),
    ),
    "counted from a start": (
        lambda x: ops.arange(2, t(x)),
        lambda x: np.arange(2, x.shape[1], dtype="i4"),
    ),
    "counted in steps": (
        lambda x: ops.arange(1, t(x) * 2, 3),
        lambda x: np.arange(1, x.shape[1] * 2, 3, dtype="i4"),
    ),
    "counted backwards": (
        lambda x: ops.arange(t(x) - 1, -1, -2),
        lambda x: np.arange(x.shape[1] - 1, -1, -2, dtype="i4"),
    ),
    "second half": (lambda x: x[:, t(x) // 2 :], lambda x: x[:, x.shape[1] // 2 :]),
    "first half": (lambda x: x[:, : t(x) // 2], lambda x: x[:, : x.shape[1] // 2]),
    "middle": (
        lambda x: x[:, t(x) // 4 : -(t(x) // 4) - 1],
        lambda x: x[:, x.shape[1] // 4 : -(x.shape[1] // 4) - 1],
    ),
    "all but the last": (lambda x: x[:, : t(x) - 1], lambda x: x[:, : x.shape[1] - 1]),
    "an end that may be negative": (
        lambda x: x[:, t(x) - 4 :],
        lambda x: x[:, x.shape[1] - 4 :],
    ),
    "every second of the second half": (
        lambda x: x[:, t(x) // 2 :: 2],
        lambda x: x[:, x.shape[1] // 2 :: 2],
    ),
    "backwards from the middle": (
        lambda x: x[:, t(x) // 2 :: -1],
        lambda x: x[:, x.shape[1] // 2 :: -1],
    ),
    "the first five": (lambda x: x[:, :5], lambda x: x[:, :5]),
    "all but the first two": (lambda x: x[:, 2:], lambda x: x[:, 2:]),
    "the last three": (lambda x: x[:, -3:], lambda x: x[:, -3:]),
    "without both ends": (lambda x: x[:, 1:-2], lambda x: x[:, 1:-2]),
    "every third": (lambda x: x[:, 1::3], lambda x: x[:, 1::3]),
    "a part backwards": (lambda x: x[:, 4:1:-1], lambda x: x[:, 4:1:-1]),
    "the end backwards": (lambda x: x[:, -2::-2], lambda x: x[:, -2::-2]),
    "all backwards": (lambda x: x[:, ::-1], lambda x: x[:, ::-1]),
    "one place": (lambda x: x[:, 0, -1], lambda x: x[:, 0, -1]),
    "a place that is a size": (
        lambda x: x[:, t(x) - 1, 1:3],
        lambda x: x[:, x.shape[1] - 1, 1:3],
    ),
    "a new axis beside a part": (
        lambda x: x[:, None, t(x) // 2 :, ..., None],
        lambda x: x[:, None, x.shape[1] // 2 :, ..., None],
    ),
    "two parts joined": (
        lambda x: ops.concatenate([x[:, :2], x[:, 2:]], 1),
        lambda x: x,
    ),
    "a block": (
        lambda x: ops.slice(x, (0, 0, 1), (n(x), (t(x) + 1) // 2, 2)),
        lambda x: x[:, : (x.shape[1] + 1) // 2, 1:3],
    ),
    "a block replaced": (
        lambda x: ops.slice_update(x, (0, t(x) // 2, 0), ops.zeros((n(x), 1, 4))),
        lambda x: np.where((np.arange(x.shape[1]) == x.shape[1] // 2)[:, None], 0, x),
    ),
    "the first one": (lambda x: x - x[:, :1], lambda x: x - x[:, :1]),
    "the last one": (lambda x: x - x[:, -1:], lambda x: x - x[:, -1:]),
    "differences": (lambda x: x[:, 1:] - x[:, :-1], lambda x: x[:, 1:] - x[:, :-1]),
    "a size as a number": (
        lambda x: ops.sum(x) / ops.cast(n(x), "float32"),
        lambda x: x.sum() / len(x),
    ),
    "divided by a size": (lambda x: ops.sum(x, 1) / t(x), lambda x: x.mean(1)),
    "a size by a size": (
        lambda x: x * (t(x) / n(x)),
        lambda x: x * (x.shape[1] / x.shape[0]),
    ),
    "a size with fractions": (
        lambda x: x * (1.0 / t(x) + 0.5 * n(x) - 2.5),
        lambda x: x * (1 / x.shape[1] + 0.5 * x.shape[0] - 2.5),
    ),
    "the root of a size": (
        lambda x: x / ops.sqrt(ops.cast(t(x), "float32")),
        lambda x: x / np.sqrt(x.shape[1]),
    ),
    "sizes that are numbers": (
        lambda x: ops.stack([n(x) + 1, t(x) % 2, t(x) // 2, 7, 3 - t(x), t(x) ** 2]),
        lambda x: np.array(
            [len(x) + 1, x.shape[1] % 2, x.shape[1] // 2, 7, 3 - x.shape[1],
             x.shape[1] ** 2], "i4"
        ),
    ),
    "a list of sizes": (
        lambda x: ops.cast(ops.shape(x), "float32")
        * ops.convert_to_tensor([n(x), 2, 3]),
        lambda x: np.array(x.shape, "f4") * np.array([len(x), 2, 3]),
    ),
    "causal attention": (causal, numpy_causal),
    "sorted": (lambda x: ops.sort(x, 1), lambda x: np.sort(x, 1)),
    "places in order": (
        lambda x: ops.argsort(x, 1),
        lambda x: np.argsort(x, 1).astype("i4"),
    ),
    "the largest half": (
        lambda x: ops.top_k(ops.transpose(x, (0, 2, 1)), (t(x) + 1) // 2)[0],
        lambda x: np.sort(x.transpose(0, 2, 1))[..., : x.shape[1] // 2 - 1 : -1]
        if x.shape[1] > 1
        else x.transpose(0, 2, 1),
    ),
    "median": (lambda x: ops.median(x, 1), lambda x: np.median(x, 1)),
    "median of everything": (lambda x: ops.median(x), lambda x: np.median(x)),
    "tiled": (
        lambda x: ops.tile(x[:, :1], (1, t(x), 1)),
        lambda x: np.tile(x[:, :1], (1, x.shape[1], 1)),
    ),
    "tiled by a number": (
        lambda x: ops.tile(x, (1, 2, 1)),
        lambda x: np.tile(x, (2, 1)),
    ),
    "repeated": (lambda x: ops.repeat(x, 2, 1), lambda x: np.repeat(x, 2, 1)),
    "repeated by a size": (
        lambda x: ops.repeat(x, t(x), 2),
        lambda x: np.repeat(x, x.shape[1], 2),
    ),
    "one hot": (
        lambda x: ops.one_hot(ops.argmax(x, 1), 9),
        lambda x: np.eye(9, dtype="f4")[np.argmax(x, 1)],
    ),
    "one hot over steps": (
        lambda x: ops.one_hot(ops.argmax(x, 1), t(x)),
        lambda x: np.eye(x.shape[1], dtype="f4")[np.argmax(x, 1)],
    ),
    "unit matrix": (lambda x: ops.eye(t(x)), lambda x: np.eye(x.shape[1], dtype="f4")),
    "unit matrix of two sizes": (
        lambda x: ops.eye(t(x), n(x), 1),
        lambda x: np.eye(x.shape[1], x.shape[0], 1, "f4"),
    ),
    "triangle": (lambda x: ops.tri(t(x), k=-1), lambda x: np.tri(x.shape[1], k=-1)),
    "lower triangle": (
        lambda x: ops.tril(ops.matmul(x, ops.transpose(x, (0, 2, 1))), -1),
        lambda x: np.tril(x @ x.transpose(0, 2, 1), -1),
    ),
    "upper triangle": (lambda x: ops.triu(x, 1), lambda x: np.triu(x, 1)),
    "diagonal": (lambda x: ops.diagonal(x, 1, 1, 2), lambda x: np.diagonal(x, 1, 1, 2)),
    "diagonal below": (
        lambda x: ops.diagonal(x, -1, 1, 2),
        lambda x: np.diagonal(x, -1, 1, 2),
    ),
    "matrix of a diagonal": (
        lambda x: ops.diag(x[0, :, 0], 1),
        lambda x: np.diag(x[0, :, 0], 1),
    ),
    "evenly spaced": (
        lambda x: ops.linspace(0.0, 1.0, t(x)),
        lambda x: np.linspace(0, 1, x.shape[1], dtype="f4"),
    ),
    "evenly spaced without the end": (
        lambda x: ops.linspace(x[0, 0], 1.0, t(x), endpoint=False),
        lambda x: np.linspace(x[0, 0], np.ones(4), x.shape[1], False),
    ),
    "powers": (
        lambda x: ops.logspace(0.0, 1.0, t(x), base=2.0),
        lambda x: np.logspace(0, 1, x.shape[1], base=2, dtype="f4"),
    ),
    "rolled": (lambda x: ops.roll(x, 1, 1), lambda x: np.roll(x, 1, 1)),
    "rolled around": (lambda x: ops.roll(x, -7, 1), lambda x: np.roll(x, -7, 1)),
    "rolled by a size": (
        lambda x: ops.roll(x, t(x) // 2, 1),
        lambda x: np.roll(x, x.shape[1] // 2, 1),
    ),
    "rolled flat": (lambda x: ops.roll(x, 3), lambda x: np.roll(x, 3)),
    "flipped": (lambda x: ops.flip(x, (0, 1)), lambda x: np.flip(x, (0, 1))),
    "padded": (
        lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0))),
        lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0))),
    ),
    "padded by sizes": (
        lambda x: ops.pad(
            x, ((0, 0), (9 - t(x), t(x) // 2), (0, 0)), constant_values=2
        ),
        lambda x: np.pad(
            x, ((0, 0), (9 - x.shape[1], x.shape[1] // 2), (0, 0)), constant_values=2
        ),
    ),
    "Kronecker product": (
        lambda x: ops.kron(x[0], x[:, 0]),
        lambda x: np.kron(x[0], x[:, 0]),
    ),
    "halves": (
        lambda x: ops.concatenate(ops.split(ops.tile(x, (1, 2, 1)), 2, 1)[::-1], 1),
        lambda x: np.tile(x, (2, 1)),
    ),
    "cut at places": (
        lambda x: ops.concatenate(ops.split(x, [1, 3], 1)[::-1], 1),
        lambda x: np.concatenate(np.split(x, [1, 3], 1)[::-1], 1),
    ),
    "cut at a size": (
        lambda x: ops.concatenate(ops.split(x, [t(x) // 2], 1)[::-1], 1),
        lambda x: np.concatenate(np.split(x, [x.shape[1] // 2], 1)[::-1], 1),
    ),
    "uneven parts": (
        lambda x: ops.concatenate(ops.array_split(x, 3, 1)[::-1], 1),
        lambda x: np.concatenate(np.array_split(x, 3, 1)[::-1], 1),
    ),
    "scattered": (
        lambda x: ops.scatter(np.array([[0]]), x[:1, :, 0], (n(x), t(x))),
        lambda x: np.where(np.arange(len(x))[:, None] == 0, x[0, :, 0], 0),
    ),
    "places of what is not 0": (
        lambda x: ops.stack(ops.nonzero(ops.relu(x)), 1),
        lambda x: np.argwhere(x > 0).astype("i4"),
    ),
    "the different ones": (
        lambda x: ops.unique(ops.argmax(x, 2)),
        lambda x: np.unique(np.argmax(x, 2)).astype("i4"),
    ),
    "as many different ones as wanted": (
        lambda x: ops.unique(x, size=5, fill_value=9),
        lambda x: np.pad(np.unique(x)[:5], (0, max(5 - x.size, 0)), constant_values=9),
    ),
    "places where it holds": (
        lambda x: ops.stack(ops.where(x[0] > 0)),
        lambda x: np.array(np.where(x[0] > 0), "i4"),
    ),
    "picked by a mask": (lambda x: x[x > 0], lambda x: x[x > 0]),
    "rows picked by a mask": (
        lambda x: x[ops.greater(ops.sum(x, (1, 2)), 0)],
        lambda x: x[x.sum((1, 2)) > 0],
    ),
    "zeros of a computed size": (
        lambda x: ops.zeros((ops.count_nonzero(x > 0), t(x))),
        lambda x: np.zeros(((x > 0).sum(), x.shape[1]), "f4"),
    ),
    "counted up to a computed number": (
        lambda x: ops.arange(1, ops.argmax(x[0, :, 0]) + 3, 2),
        lambda x: np.arange(1, np.argmax(x[0, :, 0]) + 3, 2, "i4"),
    ),
    "counted in steps of fractions": (
        lambda x: ops.arange(0.25, t(x), 0.5),
        lambda x: np.arange(0.25, x.shape[1], 0.5, "f4"),
    ),
    "a block that begins at a computed place": (
        lambda x: ops.slice(x, (0, ops.argmax(x[0, :, 0]), 1), (n(x), 1, 2)),
        lambda x: x[:, (i := np.argmax(x[0, :, 0])) : i + 1, 1:3],
    ),
    "a block that is moved back": (
        lambda x: ops.slice(x, (0, 0, ops.argmax(x[0, 0])), (n(x), t(x), 3)),
        lambda x: x[..., (i := min(np.argmax(x[0, 0]), 1)) : i + 3],
    ),
    "a block replaced at a computed place": (
        lambda x: ops.slice_update(
            x, (0, ops.argmax(x[0, :, 0]), 0), ops.flip(x, 1)[:, :1]
        ),
        lambda x: np.where(
            (np.arange(x.shape[1]) == np.argmax(x[0, :, 0]))[:, None], x[:, -1:], x
        ),
    ),
    "an end that is computed": (
        lambda x: x[:, : ops.argmax(x[0, :, 0]) + 1],
        lambda x: x[:, : np.argmax(x[0, :, 0]) + 1],
    ),
    "larger sizes of two": (
        lambda x: ops.zeros((ops.maximum(t(x), 4), ops.minimum(n(x), t(x)))),
        lambda x: np.zeros((max(x.shape[1], 4), min(x.shape[:2])), "f4"),
    ),
}  # fmt: skip

each_case = pytest.mark.parametrize("name", CASES)


def graph_of(function: Function, type: TensorType | None = None) -> Graph:
    b = Trace("sizes")
    type = type or TensorType("float32", ("batch", "time", 4))
    x = Traced(b, b.input("x", type))
    with b.active():
        y = ops.convert_to_tensor(function(x))
    return verify(b.finish({"y": graph_value(y)}))


def numbers(batch: int, time: int) -> Any:
    rng = np.random.default_rng(batch * 100 + time)
    return rng.permuted(np.linspace(-2, 2, batch * time * 4, dtype=np.float32)).reshape(
        batch, time, 4
    )


def run(graph: Graph, x: Any, opset: int | None = None) -> Any:
    proto = to_proto(lower(graph, opset=opset))
    onnx.checker.check_model(proto, full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [session.run(["y"], {"x": a})[0] for a in x]


@each_case
def test_functions_of_unknown_sizes_are_those_of_numpy(name: str) -> None:
    function, oracle = CASES[name]
    graph = graph_of(function)
    optimized = passes.run(graph, passes.INFERENCE, check=True)
    feeds = [numbers(*sizes) for sizes in SIZES]
    wanted = [oracle(x) for x in feeds]
    found = [
        [evaluate(graph, {"x": x})["y"] for x in feeds],
        *(run(graph, feeds, opset) for opset in OPSETS),
        run(optimized, feeds),
    ]
    for results in found:
        for y, w in zip(results, wanted, strict=True):
            assert y.shape == np.shape(w)
            assert y.dtype.kind == np.asarray(w).dtype.kind
            np.testing.assert_allclose(y, w, 2e-6, 2e-6)


GRADIENTS = [
    name
    for name, (function, _) in CASES.items()
    if graph_of(function).outputs["y"].type.dtype == "float32"
]


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_functions_of_unknown_sizes_are_their_slopes(name: str) -> None:
    function, oracle = CASES[name]
    b = Trace("slopes")
    x = Traced(b, b.input("x", TensorType("float32", ("batch", "time", 4))))
    with b.active():
        y = ops.convert_to_tensor(function(x))
        weights = ops.cos(
            ops.reshape(ops.arange(ops.size(y), dtype="float32"), ops.shape(y))
        )
        (dx,) = autodiff.gradient(ops.sum(y * weights), [x])
    if dx is None:
        return
    graph = verify(b.finish({"y": dx.value}))
    trained = passes.run(graph, passes.training("cpu"), check=True)
    for sizes in ((2, 6), (2, 1)):
        feed = numbers(*sizes)

        def loss(x: Any) -> float:
            y = np.asarray(oracle(x), np.float64)
            return float(np.sum(y * np.cos(np.arange(y.size)).reshape(y.shape)))

        slopes = np.zeros(feed.shape)
        wide = feed.astype(np.float64)
        for place in np.ndindex(feed.shape):
            step = np.zeros(feed.shape)
            step[place] = 1e-4
            slopes[place] = (loss(wide + step) - loss(wide - step)) / 2e-4
        np.testing.assert_allclose(
            evaluate(graph, {"x": feed})["y"], slopes, 2e-4, 2e-4
        )
        (found,) = run(trained, [feed])
        np.testing.assert_allclose(found, slopes, 2e-4, 2e-4)
