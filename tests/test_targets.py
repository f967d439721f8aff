"""What is written differently for different runtimes, fact by fact."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from corpus import MODELS, random_feeds, randomize
from other_runtimes import RUNTIMES

import seqir
from seqir import layers, ops
from seqir.errors import ArgumentError, ExportError
from seqir.ir import ONNX_RUNTIME, Target
from seqir.lower.targets import ANY, TARGETS

Shape = tuple[int | None, ...]
ODD: Shape = (None, None, 3)


def one(layer: Any, shape: Shape = (8, 6, 4), **kind: Any) -> seqir.Model:
    return randomize(seqir.Sequential([seqir.Input(shape, **kind), layer]))


def written(model: seqir.Model, path: Path, target: str | None) -> onnx.GraphProto:
    report = model.export(path, target=target)
    assert all(e.relative < 1e-4 for e in report.errors)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return onnx.load(path).graph


def kinds(graph: onnx.GraphProto) -> list[str]:
    return [node.op_type for node in graph.node]


def logsumexp(axis: Any) -> Any:
    return layers.Lambda(lambda x: ops.logsumexp(x, axis=axis))


CASES: dict[str, tuple[Callable[[], seqir.Model], str, str, set[str]]] = {
    "log_sum_exp": (
        lambda: one(logsumexp(-1)), "any", "web", {"ReduceLogSumExp"}
    ),
    "uneven_pads": (
        lambda: one(layers.Conv2DTranspose(3, 3, strides=2, padding="same")),
        "opencv", "any", set(),
    ),
    "auto_pad": (
        lambda: one(layers.Conv2D(3, 3, strides=2, padding="same"), ODD),
        "opencv", "any", set(),
    ),
    "size_checks": (
        lambda: one(layers.MaxPooling2D(3), ODD), "tract", "any", {"Where"}
    ),
    "spatial_reductions": (
        lambda: one(layers.GlobalMaxPooling2D()), "mobile", "any", {"ReduceMax"}
    ),
    "narrow_gemm": (
        lambda: one(layers.Dense(3, dtype="float64"), (5,), dtype="float64"),
        "tract", "any", {"Gemm"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fact", CASES)
def test_each_fact_says_how_operators_are_written(fact: str, tmp_path: Path) -> None:
    make, without, with_it, gone = CASES[fact]
    assert not getattr(TARGETS[without], fact)
    assert getattr(TARGETS[with_it], fact)
    plain = written(make(), tmp_path / "with.onnx", with_it)
    other = written(make(), tmp_path / "without.onnx", without)
    assert kinds(plain) != kinds(other)
    assert gone <= {*kinds(plain)}
    assert gone.isdisjoint(kinds(other))
    attributes = [a for node in other.node for a in node.attribute]
    if fact == "auto_pad":
        assert "auto_pad" not in {a.name for a in attributes}
    if fact == "uneven_pads":
        assert all(len({*a.ints}) < 2 for a in attributes if a.name == "pads")


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axes", [(1, 2, 3), (2, 3, 4), (1, 2, 4), (0, 1), (1, 3)])
@pytest.mark.parametrize("kind", [ops.mean, ops.max, ops.sum, ops.logsumexp])
def test_reductions_have_at_most_four_axes(
    kind: Any, axes: tuple[int, ...], keepdims: bool, tmp_path: Path
) -> None:
    layer = layers.Lambda(lambda x: kind(x, axis=axes, keepdims=keepdims))
    graph = written(one(layer, (2, 3, 4, 5)), tmp_path / "m.onnx", "any")
    ranks = {
        v.name: len(v.type.tensor_type.shape.dim)
        for v in (*graph.input, *graph.value_info, *graph.output)
    }
    neighbours = any(b - a == 1 for a, b in pairwise(axes))
    for node in graph.node:
        if node.op_type.startswith("Reduce"):
            assert ranks[node.input[0]] <= (4 if neighbours else 5) or axes[0] == 0


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["Max", "Average"])
@pytest.mark.parametrize("first", [False, True])
def test_global_pools_are_pools_for_mobile(
    name: str, keepdims: bool, first: bool, tmp_path: Path
) -> None:
    data_format = "channels_first" if first else "channels_last"
    layer = getattr(layers, f"Global{name}Pooling2D")
    model = one(layer(keepdims=keepdims, data_format=data_format))
    found = kinds(written(model, tmp_path / "m.onnx", "mobile"))
    assert f"Global{name}Pool" in found
    assert ("Flatten" in found) != keepdims


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_a_sum_of_exponentials_is_right_at_the_ends(dtype: str, tmp_path: Path) -> None:
    x = seqir.Input((4,), dtype=dtype)
    model = seqir.Model(x, ops.logsumexp(x, axis=-1, keepdims=True))
    model.export(tmp_path / "m.onnx", target="any")
    inf = np.inf
    rows = [[-inf] * 4, [inf, 0, -inf, 1], [600, 600, -600, 0], [np.nan, 1, 2, 3]]
    fed = np.array(rows, dtype)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: fed})
    wanted = [[-inf], [inf], [600 + np.log(2)], [np.nan]]
    np.testing.assert_allclose(found, np.array(wanted, dtype), rtol=1e-3)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("more", [None, 0, 1])
def test_transposed_convolutions_without_uneven_pads(
    rank: int, padding: str, strides: int, more: int | None, tmp_path: Path
) -> None:
    if more is not None and more >= strides:
        more = 0
    layer = getattr(layers, f"Conv{rank}DTranspose")
    made = layer(3, 4, strides=strides, padding=padding, output_padding=more)
    written(one(made, (5, 4, 6, 2)[-rank - 1 :]), tmp_path / "m.onnx", "tensorrt")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["guide_cnn", "unknown_sizes", "volumes", "sequence"])
def test_every_target_is_verified(name: str, target: str, tmp_path: Path) -> None:
    graph = written(randomize(MODELS[name]()), tmp_path / "m.onnx", target)
    batch = graph.input[0].type.tensor_type.shape.dim[0]
    assert bool(batch.dim_param) == TARGETS[target].free_batch
    assert batch.dim_value == (0 if TARGETS[target].free_batch else 1)


def test_a_batch_that_is_given_stays(tmp_path: Path) -> None:
    model = one(layers.Dense(3), (5,))
    report = model.export(tmp_path / "m.onnx", target="opencv", batch=4)
    assert [*report.inputs.values()] == ["f32[4, 5]"]
    fixed = seqir.Sequential([seqir.Input(batch_shape=(3, 5)), layers.Dense(2)])
    report = fixed.export(tmp_path / "m.onnx", target="mobile")
    assert [*report.inputs.values()] == ["f32[3, 5]"]
    said = "target='opencv' runs one batch size, got batch='n': give a number"
    with pytest.raises(ArgumentError, match=said):
        model.export(tmp_path / "m.onnx", target="opencv", batch="n")


@pytest.mark.parametrize("name", ["guide_cnn", "unknown_sizes", "functions", "shared"])
def test_sizes_have_names_at_inputs_and_outputs_only(name: str, tmp_path: Path) -> None:
    graph = written(randomize(MODELS[name]()), tmp_path / "m.onnx", None)
    for value in graph.value_info:
        assert not any(d.dim_param for d in value.type.tensor_type.shape.dim)
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_bicubic_enlarging_is_products_of_matrices(tmp_path: Path) -> None:
    model = one(layers.UpSampling2D((2, 3), interpolation="bicubic"))
    assert "Resize" not in kinds(written(model, tmp_path / "m.onnx", None))


def test_a_group_of_channels_is_normalized_with_four_axes(tmp_path: Path) -> None:
    for shape in ((6, 4), (5, 6, 4), (3, 5, 6, 4)):
        model = one(layers.GroupNormalization(2), shape)
        found = kinds(written(model, tmp_path / "m.onnx", None))
        assert found.count("Reshape") == 2
        assert "Unsqueeze" not in found


@pytest.mark.parametrize("target", ["opencv", "mobile"])
def test_types_that_a_target_lacks_are_refused(target: str, tmp_path: Path) -> None:
    model = one(layers.Dense(3, dtype="float64"), (5,), dtype="float64")
    said = f"target='{target}' has no float64, which model .* computes with: make its"
    with pytest.raises(ExportError, match=said):
        model.export(tmp_path / "m.onnx", target=target)
    assert not (tmp_path / "m.onnx").exists()


def test_unknown_targets_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"target must be 'any', 'web', .*'phone'"):
        one(layers.Dense(3), (5,)).export(tmp_path / "m.onnx", target="phone")


def test_the_table_differs_in_its_facts_only() -> None:
    assert replace(TARGETS["web"], name="onnxruntime") == ONNX_RUNTIME
    assert TARGETS["any"] is ANY
    assert Target("new") == replace(ONNX_RUNTIME, name="new")


ELSEWHERE: dict[str, Callable[[], seqir.Model]] = {
    **{name: make for name, make in MODELS.items() if name != "residual"},
    **{name: make for name, (make, *_) in CASES.items() if name != "narrow_gemm"},
    "groups": lambda: one(layers.GroupNormalization(2), (3, 5, 6, 4)),
    "bicubic": lambda: one(layers.UpSampling2D(2, interpolation="bicubic")),
    "volume": lambda: one(layers.GlobalMaxPooling3D(), (3, 5, 6, 4)),
}


@pytest.mark.parametrize("target", RUNTIMES)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_its_runtime_gets_it_right(name: str, target: str, tmp_path: Path) -> None:
    model = randomize(ELSEWHERE[name]())
    model.export(tmp_path / "m.onnx", target=target, verify=False)
    feeds = random_feeds(model.graph(), batch=1)
    wanted = RUNTIMES["web"](tmp_path / "m.onnx", feeds)
    found = RUNTIMES[target](tmp_path / "m.onnx", feeds)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("padded", [True, False])
def test_padding_is_not_taken_for_that_of_the_pool_behind_it(
    padded: bool, tmp_path: Path
) -> None:
    """Before 1.32 ONNX Runtime fuses zeros into a maximum, where pads never win."""
    image = seqir.Input((8, 8, 2), name="image")
    x = layers.Conv2D(2, 1)(image)
    x = layers.ZeroPadding2D(1)(x) if padded else x
    model = seqir.Model(image, layers.MaxPooling2D(3, 2)(x))
    (pool,) = (
        node
        for node in written(model, tmp_path / "pool.onnx", None).node
        if node.op_type == "MaxPool"
    )
    names = {attribute.name for attribute in pool.attribute}
    assert ("auto_pad" in names, "pads" in names) == (padded, not padded)
