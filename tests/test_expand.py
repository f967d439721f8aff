"""Gradients of convolution and pooling, and how they are expanded for a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from graphs import graph_value
from operands import Operand, Sample, known
from samples import SAMPLES

from seqir import autodiff, ops, passes, shapes
from seqir.errors import ArgumentError
from seqir.ir import Graph, Op, Trace, evaluate
from seqir.lower import lower, to_proto
from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.operators.movement import Expand
from seqir.operators.norm import TrainingBatchNorm
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.pool_grad import AveragePoolGrad, MaxPoolGrad, MaxPoolPick
from seqir.operators.reduce import Reduce
from seqir.ops.apply import apply
from seqir.ops.bodies import scan
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

ort = pytest.importorskip("onnxruntime")

FORWARD = (Conv, ConvTranspose, MaxPool, AveragePool)
BACKWARD = (ConvKernelGrad, ConvInputGrad, MaxPoolGrad, MaxPoolPick, AveragePoolGrad)
samples = [s for s in SAMPLES if isinstance(s.op, FORWARD + BACKWARD)]
samples.append(
    Sample(Conv((2,), ((1, 1),), (1,), 3), (Operand((5, 3, 8)), Operand((3, 1, 3))))
)
forward = [s for s in samples if isinstance(s.op, FORWARD)]


def ids(s: Sample) -> str:
    return s.id


def gradients_of(op: Op, types: tuple[TensorType, ...]) -> Graph:
    """The operator's result and a gradient for each operand that has one."""
    b = Trace("gradients")
    xs = [b.input(f"x{i}", t) for i, t in enumerate(types)]
    (y,) = b.emit(op, *xs)
    g = b.input("g", y.type)
    traced = [Traced(b, x) for x in xs]
    found = autodiff.gradient(Traced(b, y), traced, Traced(b, g))
    outputs = {f"d{i}": d.value for i, d in enumerate(found) if d is not None}
    return b.finish({"y": y, **outputs})


def numbers(graph: Graph, seed: int = 0, **sizes: int) -> dict[str, Any]:
    """Numbers for the inputs, all apart, so that a maximum stays where it is."""
    rng = np.random.default_rng(seed)
    feed: dict[str, Any] = {}
    for name, value in {**graph.inputs, **graph.params}.items():
        shape = [shapes.evaluate(d, sizes) for d in value.type.shape]
        apart = rng.permutation(int(np.prod(shape))).reshape(shape)
        feed[name] = (apart / max(apart.size - 1, 1) * 4 - 2).astype(value.type.dtype)
    return feed


def doubled(types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
    return tuple(t.with_dtype("float64") for t in types)


@pytest.mark.parametrize("s", samples, ids=ids)
def test_gradients_are_the_differences_of_the_result(s: Sample) -> None:
    graph = gradients_of(s.op, doubled(s.types))
    feed = numbers(graph)
    found = evaluate(graph, feed)
    rng = np.random.default_rng(1)
    step = 1e-6
    for i in range(len(s.types)):
        if f"d{i}" not in found:
            continue
        assert found[f"d{i}"].dtype == np.float64
        direction = rng.uniform(-1, 1, known(s.types[i]))
        moved = [
            s.op.evaluate(
                *(
                    feed[f"x{j}"] + (sign * step * direction if i == j else 0)
                    for j in range(len(s.types))
                )
            )[0]
            for sign in (1, -1)
        ]
        wanted = np.sum((moved[0] - moved[1]) * feed["g"]) / (2 * step)
        np.testing.assert_allclose(
            np.sum(found[f"d{i}"] * direction), wanted, 1e-6, 1e-6
        )


def run_ort(graph: Graph, feed: dict[str, Any]) -> dict[str, Any]:
    model = to_proto(lower(graph)).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return dict(zip(graph.outputs, session.run(None, feed), strict=True))


def unknown(s: Sample) -> tuple[TensorType, ...]:
    """The operand types, with batch and spatial sizes of the image unknown."""
    image, *rest = s.types
    names = ("batch", image.shape[1], "depth", "height", "width")
    return image.with_shape(names[: image.rank]), *rest


def half_known(s: Sample) -> tuple[TensorType, ...]:
    """The operand types, with batch and the first spatial size unknown."""
    image, *rest = s.types
    _, c, _, *others = image.shape
    return image.with_shape(("batch", c, "depth", *others)), *rest


def sizes_of(s: Sample) -> dict[str, int]:
    names = ("batch", "_", "depth", "height", "width")
    return dict(zip(names, known(s.types[0]), strict=False))


def assert_equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, y in wanted.items():
        assert found[name].shape == y.shape, name
        np.testing.assert_allclose(found[name], y, 1e-5, 1e-5, err_msg=name)


@pytest.mark.parametrize("s", forward, ids=ids)
def test_gradients_of_images_of_unknown_size(s: Sample) -> None:
    graph = gradients_of(s.op, unknown(s))
    feed = numbers(graph, **sizes_of(s))
    assert_equal(run_ort(graph, feed), evaluate(graph, feed))


@pytest.mark.parametrize("target", passes.TARGETS)
@pytest.mark.parametrize("s", forward, ids=ids)
def test_expanded_is_what_it_was(s: Sample, target: str) -> None:
    for types in (s.types, unknown(s), half_known(s)):
        whole = gradients_of(s.op, types)
        feed = numbers(whole, **sizes_of(s))
        wanted = evaluate(whole, feed)
        graph = passes.run(whole, passes.training(target), check=True)
        assert_equal(evaluate(graph, feed), wanted)
        assert_equal(run_ort(graph, feed), wanted)


def traced(b: Trace, name: str, *shape: int | str) -> Traced:
    type = TensorType("float32", shape)
    made = b.param if name not in ("image", "g") else b.input
    return Traced(b, made(name, type))


def convnet() -> Graph:
    """Convolution, bias, relu, pool, convolution; and the gradients of its weights."""
    b = Trace("net")
    image = traced(b, "image", "batch", 7, 7, 1)
    x = ops.conv(image, traced(b, "kernel", 2, 2, 1, 3))
    x = ops.max_pool(ops.relu(x + traced(b, "bias", 3)), 2)
    y = ops.conv(x, traced(b, "kernel_2", 2, 1, 3, 2))
    names = ["bias", "kernel", "kernel_2"]
    forward = passes.pool_early(names)(b.finish({"y": graph_value(y)}))
    return autodiff.gradient_graph(forward, names)


GOLDEN = """\
slice(1: 0:6, 2: 0:6) f32[batch, 6, 6, 1]
slice(1: 0:6, 2: 1:) f32[batch, 6, 6, 1]
slice(1: 1:, 2: 0:6) f32[batch, 6, 6, 1]
slice(1: 1:, 2: 1:) f32[batch, 6, 6, 1]
concat(axis=3) f32[batch, 6, 6, 4]
reshape(4, 3) f32[4, 3]
matmul f32[batch, 6, 6, 3]
slice(1: 0:, 2: 0:5:2) f32[batch, 6, 3, 3]
slice(1: 0:, 2: 1::2) f32[batch, 6, 3, 3]
maximum f32[batch, 6, 3, 3]
slice(1: 0:5:2, 2: 0:) f32[batch, 3, 3, 3]
slice(1: 1::2, 2: 0:) f32[batch, 3, 3, 3]
maximum f32[batch, 3, 3, 3]
add f32[batch, 3, 3, 3]
relu f32[batch, 3, 3, 3]
slice(1: 0:2, 2: 0:) f32[batch, 2, 3, 3]
slice(1: 1:, 2: 0:) f32[batch, 2, 3, 3]
concat(axis=3) f32[batch, 2, 3, 6]
reshape(6, 2) f32[6, 2]
matmul f32[batch, 2, 3, 2]
"""
"""The forward pass: channels last, one matrix for each convolution, no transposes."""


def test_golden_graph_of_a_small_net() -> None:
    graph = passes.run(convnet(), passes.training("cpu"), check=True)
    lines = [f"{node.op} {node.result.type}\n" for node in graph.nodes]
    assert "".join(lines[: GOLDEN.count("\n")]) == GOLDEN
    backward = "".join(lines[GOLDEN.count("\n") :])
    # The matrices of the forward pass are read again, not made again.
    assert "slice" not in backward
    assert backward.count("gemm(trans_a=True)") == 2
    # Around the transposed convolution, and of its kernel.
    assert backward.count("transpose(") == 3 + backward.count("conv_transpose(")
    assert backward.count("conv_transpose(") == 1
    # The last tap takes what is left: one comparison for the two taps of each axis.
    assert backward.count("equal") == 2


@pytest.mark.parametrize("target", passes.TARGETS)
def test_net_computes_the_same_for_each_target(target: str) -> None:
    whole = convnet()
    feed = numbers(whole, seed=3, batch=3)  # no two sums of a window are nearly equal
    wanted = evaluate(whole, feed)
    graph = passes.run(whole, passes.training(target), check=True)
    assert_equal(evaluate(graph, feed), wanted)
    assert_equal(run_ort(graph, feed), wanted)


def onnx_ops(graph: Graph) -> set[str]:
    return {node.op_type for node in lower(graph).nodes}


def test_web_needs_no_scatter_and_no_transposed_convolution() -> None:
    whole = convnet()
    found = onnx_ops(passes.run(whole, passes.training("web")))
    assert not found & {"ConvTranspose", "Conv", "ScatterElements", "MaxPool"}
    whole_ops = onnx_ops(passes.run(whole, passes.training("cuda")))
    assert {"ConvTranspose", "Conv", "ScatterElements", "MaxPool"} <= whole_ops


def test_convolution_that_is_not_trained_stays_whole() -> None:
    b = Trace("frozen")
    image = traced(b, "image", "batch", 7, 7, 1)
    y = ops.max_pool(ops.conv(image, traced(b, "kernel", 2, 2, 1, 3)), 2)
    graph = passes.run(b.finish({"y": graph_value(y)}), passes.training("cpu"))
    assert {"Conv", "MaxPool"} <= onnx_ops(graph)


def test_large_matrices_are_made_in_blocks() -> None:
    op = Conv((1, 1), ((0, 0),) * 2, (1, 1))
    image, kernel = Operand((1, 96, 40, 40)), Operand((2, 96, 3, 3))
    whole = gradients_of(op, (image.type, kernel.type))
    graph = passes.run(whole, passes.training("cpu"), check=True)
    names = [str(node.op) for node in graph.nodes]
    assert sum(n.startswith("gemm") for n in names) == 3
    assert sum(n.startswith("conv(") for n in names) == 1
    feed = numbers(whole)
    found, wanted = run_ort(graph, feed), evaluate(whole, feed)
    np.testing.assert_allclose(found["d1"], wanted["d1"], 1e-4, 1e-3)


def test_long_pixels_are_gathered() -> None:
    op = Conv((2, 1), ((1, 0), (0, 2)), (1, 2))
    types = (Operand((2, 16, 6, 7)).type, Operand((3, 16, 3, 2)).type)
    whole = gradients_of(op, types)
    graph = passes.run(whole, passes.training("cpu"), check=True)
    names = [node.op.name for node in graph.nodes]
    assert names.count("gather") == 1
    assert "slice" not in names
    feed = numbers(whole)
    wanted = evaluate(whole, feed)
    assert_equal(evaluate(graph, feed), wanted)
    assert_equal(run_ort(graph, feed), wanted)


def expanded_shapes(graph: Graph) -> list[tuple[int, ...]]:
    return [node.op.shape for node in graph.nodes if isinstance(node.op, Expand)]


def test_vectors_are_repeated_to_long_rows() -> None:
    b = Trace("rows")
    image, bias = traced(b, "image", "batch", 9, 32, 32), traced(b, "bias", 32)
    y = (image + bias) * bias
    whole = b.finish({"y": y.value})
    graph = passes.run(whole, (passes.lengthen_rows,), check=True)
    assert expanded_shapes(graph) == [(32, 32)]
    feed = numbers(whole, batch=2)
    np.testing.assert_array_equal(
        evaluate(graph, feed)["y"], evaluate(whole, feed)["y"]
    )
    assert_equal(run_ort(graph, feed), evaluate(whole, feed))


@pytest.mark.parametrize(
    ("image", "other"),
    [
        (("batch", 9, 2, 512), (512,)),  # long enough
        (("batch", 512), (512,)),  # no axis to repeat along
        (("batch", 9, "width", 8), (8,)),  # of unknown size
        (("batch", 4, 4, 8), (8,)),  # a small image
        (("batch", 9, 32, 32), ("batch", 1, 1, 32)),  # a vector for each sample
        (("batch", 9, 32, 1), (1,)),  # a number
    ],
)
def test_other_rows_stay(image: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    b = Trace("rows")
    y = traced(b, "image", *image) + traced(b, "other", *other)
    graph = b.finish({"y": y.value})
    assert passes.lengthen_rows(graph) is graph


def test_first_of_equal_maxima_takes_all() -> None:
    for window, stride in ((2, 2), (3, 2), (3, 1)):
        op = MaxPool((window,) * 2, (stride,) * 2, ((0, 0),) * 2)
        whole = gradients_of(op, (Operand((2, 3, 7, 7)).type,))
        feed = numbers(whole)
        feed["x0"] = np.random.default_rng(0).integers(0, 3, (2, 3, 7, 7)).astype("f4")
        wanted = evaluate(whole, feed)
        np.testing.assert_allclose(wanted["d0"].sum(), feed["g"].sum(), 1e-4, 1e-4)
        for target in passes.TARGETS:
            graph = passes.run(whole, passes.training(target))
            assert_equal(run_ort(graph, feed), wanted)


@pytest.mark.parametrize(
    "op",
    [Reduce("sum", (0, 1, 2)), Reduce("sum", (0, -1)), Reduce("mean", (1, 0), True)],
)
def test_sums_over_samples_and_places_take_two_steps(op: Reduce) -> None:
    b = Trace("sums")
    x = b.input("x", TensorType("float32", ("batch", 4, 3, 2)))
    whole = b.finish({"y": b(op, x)})
    graph = passes.run(whole, passes.training("cpu"), check=True)
    axes = [node.op.axes for node in graph.nodes if isinstance(node.op, Reduce)]
    assert len(axes) == 2
    assert axes[1] == (0,)
    feed = numbers(whole, batch=3)
    assert_equal(run_ort(graph, feed), evaluate(whole, feed))


def test_batch_normalization_takes_few_passes_over_the_image() -> None:
    types = (TensorType("float32", ("batch", 4, 3, 2)), *[Operand((4,)).type] * 2)
    whole = gradients_of(TrainingBatchNorm(1e-3), types)
    graph = passes.run(whole, passes.training("cpu"), check=True)
    image = [
        node for node in graph.nodes if node.result.type.shape == ("batch", 4, 3, 2)
    ]
    # Forward: centred, squared, scaled, shifted; five more for the gradient.
    assert len(image) == 9
    # A sum inside of what an operator expands to is expanded, too.
    axes = [node.op.axes for node in graph.nodes if isinstance(node.op, Reduce)]
    assert axes.count((0,)) == axes.count((2, 3)) == 4
    assert len(axes) == 8
    feed = numbers(whole, batch=3)
    assert_equal(run_ort(graph, feed), evaluate(whole, feed))


@dataclass(frozen=True)
class Signs(Op):
    """An operator of two results that is fast in plainer operators."""

    name: ClassVar[str] = "signs"

    def infer(self, x: TensorType) -> tuple[TensorType, TensorType]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return x, x

    def evaluate(self, x: Any) -> tuple[Any, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return x, -x

    def lower(self, emit: Any, node: Any, x: str) -> tuple[str, str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return x, emit("Neg", x)

    def expanded(self, ops: Any, target: str, *operands: Any, shared: bool) -> Any:
        return operands[0] * 1.0, -operands[0]


def test_operators_of_several_results_are_decomposed_also_in_bodies() -> None:
    b = Trace("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n", 2))))
    _, once = apply(Signs(), x)
    last, each = scan(
        lambda h, row: [h + apply(Signs(), row)[1], apply(Signs(), row)[0]],
        [once[0] * 0.0],
        [x],
    )
    whole = b.finish({"once": once.value, "last": last.value, "each": each.value})
    graph = passes.run(whole, passes.training("cpu"))
    assert "neg" in str(graph)
    assert "signs" not in str(graph)
    feed = numbers(whole, n=3)
    assert_equal(evaluate(graph, feed), evaluate(whole, feed))


def test_unknown_target() -> None:
    with pytest.raises(ArgumentError, match=r"target 'cdua'[.] Did you mean 'cuda'"):
        passes.expand("cdua")


def test_pooling_comes_before_bias_and_activation() -> None:
    b = Trace("early")
    x = traced(b, "image", "batch", 7, 7, 3)
    y = ops.max_pool(ops.relu(ops.conv(x, traced(b, "kernel", 2, 2, 3, 4))
                              + traced(b, "bias", 4)), 3)  # fmt: skip
    graph = b.finish({"y": graph_value(y)})
    early = passes.pool_early(["kernel"])
    assert passes.pool_early(["other"])(graph) is graph  # frozen: left as it is
    early = passes.run(graph, (early, *passes.STRUCTURE), check=True)
    names = [node.op.name for node in early.nodes]
    assert names.index("max_pool") < names.index("add") < names.index("relu")
    feed = numbers(graph, batch=2)
    np.testing.assert_array_equal(
        evaluate(early, feed)["y"], evaluate(graph, feed)["y"]
    )


def test_pooling_stays_where_something_else_reads_or_differs_within_a_window() -> None:
    b = Trace("late")
    x = traced(b, "image", "batch", 7, 7, 3)
    read = ops.relu(x)
    falling = -ops.relu(x)
    uneven = x + traced(b, "map", 7, 7, 1)
    outputs = {
        "y0": ops.max_pool(read, 2),
        "read": read,
        "y1": ops.max_pool(falling, 2),
        "y2": ops.max_pool(uneven, 2),
        "y3": ops.max_pool(x, 2),
    }
    graph = b.finish({name: graph_value(y) for name, y in outputs.items()})
    assert passes.pool_early(["image"])(graph) is graph


def test_monotone_operators_never_fall() -> None:
    monotone = [s for s in SAMPLES if s.op.monotone and "int" not in str(s.types[0])]
    assert {s.op.name for s in monotone} >= {"relu", "sigmoid", "clip", "add"}
    for s in monotone:
        x, *rest = s.arrays()
        low, high = (s.op.evaluate(v, *rest)[0] for v in (x, x + x.dtype.type(0.25)))
        assert s.op.elementwise
        assert (low <= high).all()
