"""What nodes mean: ONNX's own cases of each operator, computed by NumPy from the IR.

Sizes, axes and the like, which the cases have as inputs, are constants here, as they
are in files of models.
"""

import functools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from seqir import reading
from seqir.ir import evaluate, verify
from seqir.operators.foreign import Foreign

KINDS = (
    "Attention", "AveragePool", "Celu", "CenterCropPad", "DepthToSpace", "Div",
    "Expand", "GRU", "GlobalAveragePool", "GlobalMaxPool", "Greater", "GreaterOrEqual",
    "GroupNormalization", "Hardmax", "InstanceNormalization", "LRN", "LSTM",
    "LayerNormalization", "LessOrEqual", "LpNormalization", "Max", "MaxPool", "Mean",
    "MeanVarianceNormalization", "Min", "NegativeLogLikelihoodLoss", "RMSNormalization",
    "RNN", "ReduceL1", "ReduceLogSum", "ReduceSumSquare", "Resize", "SpaceToDepth",
    "SoftmaxCrossEntropyLoss", "Split", "Sum", "SwiGLU", "Swish", "ThresholdedRelu",
    "Trilu", "ArgMax", "ArgMin", "BatchNormalization", "BitShift", "BitwiseAnd",
    "BitwiseNot", "BitwiseOr", "BitwiseXor", "Clip", "Compress", "Conv", "ConvInteger",
    "ConvTranspose", "CumProd", "CumSum", "Det", "DynamicQuantizeLinear", "Einsum",
    "EyeLike", "Flatten", "GatherND", "Gemm", "LpPool", "MatMulInteger", "MaxUnpool",
    "Mod", "Pow", "ReduceMax", "ReduceMin", "ReverseSequence", "RotaryEmbedding",
    "ScatterElements", "ScatterND", "Shrink", "TensorScatter", "TopK", "Unique",
    "AffineGrid", "Col2Im", "DFT", "GridSample", "Pad", "Range", "STFT",
)  # fmt: skip

LEFT: dict[str, str] = {
    "Attention": "nonpad padded_kv 4d_causal_with_past causal_boolmask ext_cache "
    "24_fullymasked_qk 24_qk_matmul_output_mode3_softmax window_rank1 gqa_rank4 "
    "window_with_past",
    "Col2Im": "5d",
    "DFT": "irfft inverse_onesided",
    "LSTM": "peepholes",
    "MaxUnpool": "with_output_shape",
    "ReduceMax": "empty_set",
    "ReduceMin": "empty_set",
    "Unique": "with_axis negative_axis not_sorted bfloat16",
    "Mod": "fmod_0",
    "Resize": "downsample_scales_linear_align downsample_scales_cubic_align",
}
"""Parts of names of those cases of an operator that need not be understood."""


@functools.cache
def cases() -> dict[str, list[Any]]:
    """The cases of one node, by their operators."""
    found: dict[str, list[Any]] = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for case in collect_testcases(None):
            nodes = case.model.graph.node  # pyright: ignore[reportOptionalMemberAccess]
            if len(nodes) == 1 and "_expanded" not in case.name:
                found.setdefault(nodes[0].op_type, []).append(case)
    return found


def baked(case: Any) -> onnx.ModelProto:
    """The model of a case, with constants for all inputs of numbers but the first."""
    model = onnx.ModelProto.FromString(case.model.SerializeToString())
    kind, inputs = model.graph.node[0].op_type, list(model.graph.input)
    settings = kind in ("Clip", "Dropout", "OneHot", "Pad", "Resize")
    for info, x in list(zip(inputs, case.data_sets[0][0], strict=True))[1:]:
        array = np.asarray(x)
        if array.dtype.kind in "iub" or (array.dtype.kind == "f" and settings):
            model.graph.initializer.append(numpy_helper.from_array(array, info.name))
            model.graph.input.remove(info)
    return model


def understood(kind: str) -> Iterator[tuple[Any, reading.ReadGraph]]:
    """The cases of an operator that are understood, at least those not in `LEFT`."""
    for case in cases()[kind]:
        read = reading.read(reading.parse(baked(case)))
        foreign = any(type(n.op) is Foreign for n in read.graph.nodes)
        left = any(part in case.name for part in LEFT.get(kind, "").split())
        assert left or not foreign, case.name
        if not foreign:
            yield case, read


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_means_what_onnx_says(kind: str) -> None:
    for case, read in understood(kind):
        verify(read.graph)
        names = [i.name for i in case.model.graph.input]
        for inputs, outputs in case.data_sets:
            given = dict(zip(names, map(np.asarray, inputs), strict=True))
            feed = {n: given[n] for n in read.graph.inputs} | read.weights
            found = evaluate(read.graph, feed)
            for value, expected in zip(found.values(), outputs, strict=True):
                assert value.dtype == np.asarray(expected).dtype, case.name
                narrow = value.dtype.itemsize < 4
                rtol, atol = (1e-2, 2e-3) if narrow else (1e-3, 1e-6)
                np.testing.assert_allclose(
                    np.asarray(value, float), np.asarray(expected, float), rtol, atol
                )


HUGE = {
    "ConstantOfShape": "s = Constant <value = int64[2] {100000000, 100000000}> ()"
    " y = ConstantOfShape (s)",
    "Resize": "s = Constant <value = float[4] {1, 1, 20000.5, 1}> ()"
    ' y = Resize <mode = "linear"> (x, , s)',
    "EyeLike": "s = Constant <value = int64[2] {-1, 40000}> () r = Reshape (x, s)"
    " e = Transpose (r) f = MatMul (e, r) y = EyeLike (f)",
    "Trilu": "s = Constant <value = int64[2] {-1, 40000}> () r = Reshape (x, s)"
    " e = Transpose (r) f = MatMul (e, r) y = Trilu (f)",
    "LRN": "y = LRN <size = 100000000> (x)",
}


@pytest.mark.parametrize("kind", HUGE)
def test_what_would_be_large_while_it_is_read_stays_a_node(kind: str) -> None:
    head = '<ir_version: 8, opset_import: ["": 17]> g (float[1, 1, 40000, 4] x) => (y)'
    proto = onnx.parser.parse_model(f"{head} {{ {HUGE[kind]} }}")
    graph = reading.read(reading.parse(proto)).graph
    left = {n.op.kind for n in graph.nodes if type(n.op) is Foreign}
    assert left == {kind}
