"""Every operator keeps the promises of `seqir.ir.Op`, on samples of everything."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import os
import pkgutil
import re
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import pytest
from bad_samples import BAD_SAMPLES
from onnx.reference import ReferenceEvaluator
from operands import BATCH, BadSample, Sample
from operands import x as operand
from recurrent_samples import BAD_RECURRENT, RECURRENT, RECURRENT_GRADIENTS
from region_samples import BAD_REGIONS, REGIONS
from samples import SAMPLES as PLAIN
from text_samples import BAD_TEXT, TEXT

from seqir import operators as package
from seqir import ops, shapes
from seqir.errors import SeqirError
from seqir.ir import Graph, Op, Trace, Value
from seqir.lower import lower, opsets, to_proto
from seqir.operators.control import Scan
from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.operators.convert import Cast
from seqir.operators.foreign import Foreign
from seqir.operators.gather import GatherElements
from seqir.operators.kinds import ONNX_CODE
from seqir.operators.linalg import Einsum, Gemm, MatMul
from seqir.operators.movement import Expand, ExpandDims, Reshape, Squeeze, Transpose
from seqir.operators.pieces import Concat, Pad, Slice, Tile
from seqir.operators.pool import MaxPool
from seqir.operators.pool_grad import MaxPoolGrad, MaxPoolPick
from seqir.operators.recurrent import Gru, Lstm, Recurrent, RecurrentGrad, Rnn
from seqir.operators.reduce import Reduce
from seqir.operators.text import Lower
from seqir.operators.unary import Function
from seqir.tensortype import TensorType, type_of

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
ort = pytest.importorskip("onnxruntime")

SAMPLES = (*PLAIN, *REGIONS, *RECURRENT, *RECURRENT_GRADIENTS, *TEXT)
BAD = (*BAD_SAMPLES, *BAD_REGIONS, *BAD_RECURRENT, *BAD_TEXT)

OPSETS = sorted({17, 18, 20, 21, opsets.newest()})
TOLERANCE = {"float16": 4e-3, "bfloat16": 2e-2, "float64": 1e-6}

UNEVEN = ConvTranspose((2, 3), ((0, 1), (1, 0)), (1, 1), (0, 0), 2)
LOPSIDED = MaxPool((3,), (1,), ((1, 0),))
ORT_GAPS = {
    Sample(Cast("bfloat16"), (operand(BATCH, 3),)).id: "no bfloat16 in Python",
}
REFERENCE_GAPS = {
    Sample(
        GatherElements(-1), (operand(2, 3, 4), operand(2, 3, 1, dtype="int32"))
    ).id: "takes no negative axis",
    Sample(
        UNEVEN, (operand(BATCH, 4, 3, 6), operand(4, 3, 2, 3), operand(6))
    ).id: "unequal pads with groups",
    Sample(LOPSIDED, (operand(BATCH, 2, 7),)).id: "unequal pads",
    **{
        s.id: "unequal pads"
        for s in SAMPLES
        if isinstance(s.op, MaxPoolGrad | MaxPoolPick) and s.op.pool == LOPSIDED
    },
    **{
        s.id: "groups of ConvTranspose"
        for s in SAMPLES
        if isinstance(s.op, ConvInputGrad) and s.op.conv.groups > 1
    },
    **{
        s.id: "Scan goes forwards only"
        for s in REGIONS
        if isinstance(s.op, Scan) and s.op.reverse
    },
    **{s.id: "Scan goes forwards only" for s in RECURRENT_GRADIENTS},
    **{
        s.id: "takes all sequences for equally long"
        for s in RECURRENT
        if isinstance(s.op, Recurrent) and "lengths" in s.op.given
    },
    **{
        s.id: "has the usual activations only"
        for s in RECURRENT
        if isinstance(s.op, Recurrent)
        and not {f.name for f in s.op.activations} <= {"Affine", "Tanh"}
    },
}
"""Why a runtime has no right numbers for a sample; the test insists that it still has
none."""

each_sample = pytest.mark.parametrize("s", SAMPLES, ids=lambda s: s.id)
each_lowered_sample = pytest.mark.parametrize(
    "s", [s for s in SAMPLES if not s.op.only_on_host], ids=lambda s: s.id
)
each_bad_sample = pytest.mark.parametrize("s", BAD, ids=lambda s: s.id)


def graph_of(s: Sample, types: tuple[TensorType, ...] | None = None) -> Graph:
    b = Trace("sample")
    types = s.types if types is None else types
    values = [b.input(f"x{i}", t) for i, t in enumerate(types)]
    results = b.emit(s.op, *values)
    return b.finish({f"y{i}": v for i, v in enumerate(results)})


def assert_close(found: Any, wanted: Any) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if wanted.dtype.kind in "biuO":
        np.testing.assert_array_equal(found, wanted)
        return
    rtol = TOLERANCE.get(wanted.dtype.name, 1e-5)
    np.testing.assert_allclose(
        found.astype(np.float64), wanted.astype(np.float64), rtol, rtol
    )


@each_sample
def test_inferred_type_is_the_type_of_the_value(s: Sample) -> None:
    results = s.op.evaluate(*s.arrays())
    assert s.op.infer(*s.types) == tuple(map(type_of, results))


def perms(rank: int) -> list[tuple[int, ...]]:
    every = list(itertools.permutations(range(rank)))
    return every if len(every) <= 6 else every[1 :: len(every) // 6]


@each_sample
def test_permuted_commutes_with_transpose(s: Sample) -> None:
    arrays = s.arrays()
    rank = max((a.ndim for a in arrays), default=0)
    if s.op.elementwise:
        arrays = tuple(a.reshape((1,) * (rank - a.ndim) + a.shape) for a in arrays)
    wanted = s.op.evaluate(*arrays)
    for perm in perms(rank):
        back = np.argsort(perm)
        before = [np.transpose(a, back) if a.ndim == rank else a for a in arrays]
        permuted = s.op.permuted(perm, *map(type_of, before))
        if permuted is None:
            continue
        (inferred,) = permuted.op.infer(*map(type_of, before))
        (y,) = permuted.op.evaluate(*before)
        assert inferred == type_of(y)
        assert_close(np.transpose(y, permuted.perm), *wanted)


@each_sample
def test_stacked_does_for_all_places_what_the_operator_does_for_one(s: Sample) -> None:
    """One operand has one more axis in front, or all of them have it."""
    arrays = s.arrays()
    rank = max((a.ndim for a in arrays), default=0)
    every = [(True,) * len(arrays)]
    every += [tuple(i == place for i in range(len(arrays))) for place in range(2)]
    for flags in every:
        if not any(flags):
            continue
        stacked = s.op.stacked(flags, *s.types)
        if stacked is None:
            continue
        given = [
            np.stack([along(a, rank if s.op.elementwise else 0)] * 3) if f else a
            for a, f in zip(arrays, flags, strict=True)
        ]
        found = stacked.evaluate(*given)
        types = stacked.infer(*map(type_of, given))
        for y, all_steps, type in zip(
            s.op.evaluate(*arrays), found, types, strict=True
        ):
            assert type == type_of(all_steps)
            assert_close(all_steps, np.stack([y] * 3))


def along(array: Any, rank: int) -> Any:
    """An array with axes of size 1 in front, up to a rank."""
    return array.reshape((1,) * (rank - array.ndim) + array.shape)


@each_lowered_sample
def test_onnx_checks_and_runs_to_the_same_numbers(s: Sample) -> None:
    arrays = s.arrays()
    feed = {f"x{i}": a for i, a in enumerate(arrays)}
    wanted = s.op.evaluate(*arrays)
    failed: set[Any] = set()
    for opset in filter(s.op.least_opset.__le__, OPSETS):
        proto = to_proto(lower(graph_of(s), opset=opset))
        onnx.checker.check_model(proto, full_check=True)
        for runtime, gaps in RUNTIMES:
            if runtime is run_reference and isinstance(s.op, Lower):
                continue  # it changes the locale of the whole process
            try:
                for y, reference in zip(runtime(proto, feed), wanted, strict=True):
                    assert_close(y, reference)
            except Exception:
                if s.id not in gaps:
                    raise
                failed.add(runtime)
    gapped = {f for f, g in RUNTIMES if s.id in g}
    assert failed == gapped, "the runtime has learned it: take it off the list"


def run_ort(proto: onnx.ModelProto, feed: dict[str, Any]) -> list[Any]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed)


def run_reference(proto: onnx.ModelProto, feed: dict[str, Any]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its formulas overflow on the way
        found = ReferenceEvaluator(proto).run(None, feed)
    return [y.astype(object) if y.dtype.kind == "U" else y for y in found]  # pyright: ignore[reportAttributeAccessIssue]


RUNTIMES = ((run_ort, ORT_GAPS), (run_reference, REFERENCE_GAPS))


def test_gaps_are_gaps_of_samples() -> None:
    assert {*ORT_GAPS, *REFERENCE_GAPS} <= {s.id for s in SAMPLES}


@each_lowered_sample
@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_onnx_infers_the_same_type(s: Sample, opset: int) -> None:
    opset = max(opset, s.op.least_opset)
    for types in dict.fromkeys((s.types, s.symbolic)):
        proto = to_proto(lower(graph_of(s, types), opset=opset))
        wanted = s.op.infer(*types)
        found = onnx_types(proto)
        assert len(found) == len(wanted)
        for (code, sizes), y in zip(found, wanted, strict=True):
            assert code == ONNX_CODE[y.dtype]
            assert sizes is None or len(sizes) == y.rank
            for theirs, ours in zip(sizes or (), y.shape, strict=False):
                if isinstance(ours, int):
                    assert theirs is None or theirs == ours
                else:
                    assert not isinstance(theirs, int)
                    assert theirs in (None, ours) or not ours.isidentifier()


def onnx_types(proto: onnx.ModelProto) -> list[tuple[int, list[Any] | None]]:
    """What onnx makes of the outputs when nobody tells it their shapes."""
    del proto.graph.value_info[:]
    for y in proto.graph.output:
        y.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(
        proto, check_type=True, strict_mode=True, data_prop=True
    )
    found: list[tuple[int, list[Any] | None]] = []
    for y in inferred.graph.output:
        t = y.type.tensor_type
        known = t.HasField("shape")
        dims = [
            d.dim_value if d.HasField("dim_value") else d.dim_param or None
            for d in t.shape.dim
        ]
        # A name that onnx made up itself says only that the size is unknown.
        dims = [None if str(d).startswith("unk__") else d for d in dims]
        found.append((t.elem_type, dims if known else None))
    return found


@each_sample
def test_unknown_sizes_stand_for_the_known_ones(s: Sample) -> None:
    known = s.op.infer(*s.types)
    for a, b in zip(s.op.infer(*s.symbolic), known, strict=True):
        sizes = tuple(shapes.evaluate(d, {"batch": BATCH}) for d in a.shape)
        assert a.with_shape(sizes) == b


@each_sample
def test_simplified_is_an_operand_that_equals_the_result(s: Sample) -> None:
    for types in (s.types, s.symbolic):
        operands = [Value(t) for t in types]
        y = s.op.simplified(*operands)
        if y is None:
            continue
        ys = y if isinstance(y, tuple) else (y,)
        assert s.op.infer(*types) == tuple(each.type for each in ys)
        for each, found in zip(ys, s.op.evaluate(*s.arrays()), strict=True):
            same = s.arrays()[operands.index(each)]
            np.testing.assert_array_equal(found, same, strict=True)


def test_operators_that_do_nothing_say_so() -> None:
    x = Value(TensorType("float32", ("batch", 3, 4)))
    for op in (
        Transpose((0, 1, 2)),
        Reshape((0, 3, -1)),
        Reshape((-1, 3, 4)),
        Expand((1, 3, 1)),
        Slice((0,), (0,), (Slice.END,), (1,)),
        Pad((0, 0, 0), (0, 0, 0)),
        Concat(1),
        Cast("float32"),
        Reduce("sum", ()),
        Squeeze(()),
        ExpandDims(()),
        Tile((1, 1, 1)),
    ):
        assert op.simplified(x) is x


def inside(op: Op) -> Iterator[Op]:
    """The operator, and all in its bodies."""
    yield op
    for body in op.bodies:
        for node in body.nodes:
            yield from inside(node.op)


@each_sample
def test_cost_counts_multiply_accumulates(s: Sample) -> None:
    graph = graph_of(s)
    (node,) = graph.nodes
    cost = s.op.cost(node)
    products = (
        *(MatMul, Gemm, Einsum, Conv, ConvTranspose),
        *(ConvKernelGrad, ConvInputGrad, Lstm, Gru, Rnn, RecurrentGrad),
    )
    assert isinstance(cost, int)
    assert (cost > 0) == any(isinstance(op, products) for op in inside(s.op))
    (node,) = graph_of(s, s.symbolic).nodes
    assert shapes.evaluate(s.op.cost(node), {"batch": BATCH}) == cost


def spread(vector: Any, rank: int, axis: int) -> Any:
    """A vector (or one number) along an axis of that rank."""
    return vector.reshape(tuple(-1 if i == axis % rank else 1 for i in range(rank)))


@each_sample
def test_scaled_folds_an_affine_map_of_the_channels(s: Sample) -> None:
    arrays = s.arrays()
    if len(arrays) < 2 or "float" not in arrays[1].dtype.name:
        return
    y, *_ = s.op.evaluate(*arrays)
    (node,) = graph_of(s).nodes
    channels = y.shape[s.op.channel_axis] if y.ndim > 1 else 1
    rng = np.random.default_rng(0)
    scale, shift = rng.uniform(0.5, 2, (2, channels)).astype(y.dtype)
    for move in (shift, np.zeros_like(shift)):
        bias = arrays[2] if len(arrays) > 2 else None
        folded = s.op.scaled(node, arrays[1], bias, scale, move)
        if folded is None:
            continue
        op, weight, new_bias = folded
        operands = [arrays[0], weight, *([] if new_bias is None else [new_bias])]
        (found,) = op.evaluate(*operands)
        axis = s.op.channel_axis
        wanted = y * spread(scale, y.ndim, axis) + spread(move, y.ndim, axis)
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-4)


@each_sample
def test_channelwise_is_the_affine_map_that_it_says(s: Sample) -> None:
    arrays = s.arrays()
    y = s.op.evaluate(*arrays)[0]
    for place, axis in itertools.product(range(len(arrays)), (1, -1)):
        x = arrays[place]
        if x.shape != y.shape or x.ndim < 2:
            continue
        constants = [None if i == place else a for i, a in enumerate(arrays)]
        affine = s.op.channelwise(x.ndim, axis % x.ndim, *constants)
        if affine is not None:
            scale, shift = (spread(np.asarray(v), x.ndim, axis) for v in affine)
            np.testing.assert_allclose(x * scale + shift, y, 1e-4, 1e-4)


def test_channels_of_a_dense_layer_and_of_a_normalization_fold() -> None:
    scaled = [c for c in ops.ALL if c.scaled is not Op.scaled]
    assert set(scaled) == {Conv, ConvTranspose, MatMul, Gemm}
    affine = {
        type(s.op) for s in SAMPLES if type(s.op).channelwise is not Op.channelwise
    }
    assert {c.__name__ for c in affine} == {"Add", "Mul", "BatchNorm"}


@each_sample
def test_operators_compare_hash_and_print_by_their_fields(s: Sample) -> None:
    twin = dataclasses.replace(s.op)
    assert twin is not s.op
    assert twin == s.op
    assert hash(twin) == hash(s.op)
    assert str(twin) == str(s.op)
    assert "\n" not in str(s.op)


@each_bad_sample
def test_bad_operands_say_what_is_wrong(s: BadSample) -> None:
    with pytest.raises(s.error, match=re.escape(s.match)):
        s.op.infer(*s.types)
    operands = map(Value, s.types)
    with pytest.raises(s.error) as caught:
        Trace().emit(s.op, *operands)
    assert f"in {s.op}(" in caught.value.__notes__[0]


def operators() -> list[type[Op]]:
    """Every class that a module of `seqir.operators` makes and that can be applied."""
    modules = pkgutil.iter_modules(package.__path__, "seqir.operators.")
    names = (m.name for m in modules)
    modules = map(importlib.import_module, names)
    found = {
        c
        for m in modules
        for c in vars(m).values()
        if inspect.isclass(c) and issubclass(c, Op) and "name" in vars(c)
        if not issubclass(c, Foreign)  # files bring those
    }
    return sorted(found, key=lambda c: c.__name__)


def test_all_lists_every_operator() -> None:
    assert sorted(c.__name__ for c in ops.ALL) == [c.__name__ for c in operators()]


@pytest.mark.parametrize("kind", ops.ALL, ids=lambda c: c.__name__)
def test_every_operator_has_a_sample(kind: type[Op]) -> None:
    assert any(type(s.op) is kind for s in SAMPLES)


@pytest.mark.parametrize("kind", ops.ALL, ids=lambda c: c.__name__)
def test_every_operator_says_where_it_comes_from(kind: type[Op]) -> None:
    assert "Source:" in inspect.getdoc(kind)  # pyright: ignore[reportOperatorIssue]
    assert kind.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("f", Function.TABLE)
def test_every_function_has_a_sample(f: str) -> None:
    assert any(s.op == Function(f) for s in SAMPLES)


@pytest.mark.parametrize("kind", Reduce.TABLE)
def test_every_reduction_has_a_sample(kind: str) -> None:
    assert any(isinstance(s.op, Reduce) and s.op.kind == kind for s in SAMPLES)


def test_operator_names_are_unique() -> None:
    assert len({c.name for c in ops.ALL}) == len(ops.ALL)


def test_sample_ids_are_unique() -> None:
    for samples in (SAMPLES, BAD):
        assert len({s.id for s in samples}) == len(samples)


def test_every_raise_of_an_operator_has_a_bad_sample() -> None:
    """The lines that raise in the operators' own methods, against those reached."""
    wanted = set(raises())
    reached: set[tuple[str, int]] = set()
    for s in BAD:
        try:
            s.op.infer(*s.types)
        except SeqirError as error:
            for frame in traceback.extract_tb(error.__traceback__):
                reached.add((Path(frame.filename).name, frame.lineno))
    missing = {f"{name}:{line}" for name, line in wanted if (name, line) not in reached}
    assert not missing


def raises() -> Iterator[tuple[str, int]]:
    """File and line of every ``raise`` in an `infer` or in what it calls."""
    reached, helpers = definitions()
    for _, function in reached:  # grows while it is walked
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                helper = helpers.pop(node.func.id, None)
                reached += [helper] if helper else []
    for name, function in reached:
        for node in ast.walk(function):
            if isinstance(node, ast.Raise):
                yield name, node.lineno


Definition: TypeAlias = tuple[str, ast.FunctionDef]


def definitions() -> tuple[list[Definition], dict[str, Definition]]:
    """The `infer` methods, and all plain functions by name, each with its file."""
    infers: list[Definition] = []
    helpers: dict[str, Definition] = {}
    for path in sorted(Path(ops.__file__).parent.glob("*.py")):
        if path.stem in ("apply", "call", "flow", "tensor"):
            continue  # they speak before there is an operator
        for top in ast.parse(path.read_text()).body:
            if isinstance(top, ast.FunctionDef):
                helpers[top.name] = (path.name, top)
            for node in top.body if isinstance(top, ast.ClassDef) else ():
                if isinstance(node, ast.FunctionDef) and node.name == "infer":
                    infers.append((path.name, node))
    return infers, helpers
