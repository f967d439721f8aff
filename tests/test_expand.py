"""Gradients of convolution and pooling, and how they are spelled for a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import SAMPLES, Sample

from seqir import autodiff, passes, shapes
from seqir.ir import Builder, Graph, Op, evaluate
from seqir.lower import lower, to_proto
from seqir.ops.conv import Conv, ConvTranspose
from seqir.ops.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.ops.pool import AveragePool, MaxPool
from seqir.ops.pool_grad import AveragePoolGrad, MaxPoolGrad, MaxPoolPick
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

ort = pytest.importorskip("onnxruntime")

FORWARD = (Conv, ConvTranspose, MaxPool, AveragePool)
BACKWARD = (ConvKernelGrad, ConvInputGrad, MaxPoolGrad, MaxPoolPick, AveragePoolGrad)
samples = [s for s in SAMPLES if isinstance(s.op, FORWARD + BACKWARD)]
forward = [s for s in samples if isinstance(s.op, FORWARD)]


def ids(s: Sample) -> str:
    return s.id


def gradients_of(op: Op, types: tuple[TensorType, ...]) -> Graph:
    """The operator's result and a gradient for each operand that has one."""
    b = Builder("gradients")
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
        direction = rng.uniform(-1, 1, s.types[i].shape)
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


def sizes_of(s: Sample) -> dict[str, int]:
    shape = s.types[0].shape
    return dict(zip(("batch", "_", "depth", "height", "width"), shape, strict=False))


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
    for types in (s.types, unknown(s)):
        whole = gradients_of(s.op, types)
        feed = numbers(whole, **sizes_of(s))
        wanted = evaluate(whole, feed)
        graph = passes.run(whole, passes.training(target), check=True)
        assert_equal(evaluate(graph, feed), wanted)
        assert_equal(run_ort(graph, feed), wanted)
