"""Arithmetic, reductions along axes, products of matrices."""

import numpy as np

from tests.read_samples.sample import integers, node

_NARROW = integers([-7, 5, 3], [4, -2, 7], dtype="int8")
_PLAIN = integers([2, 3, -4], [3, 5, 2], dtype="int8")
_BYTES = integers([7, 200, 3], [4, 2, 255], dtype="uint8")
_TIES = np.array([[1, 3, 3], [2, 2, 0]], np.float32)

SAMPLES = [
    node("Mod", _NARROW, _PLAIN),
    node("Mod", _NARROW.astype("int32"), _PLAIN.astype("int32"), fmod=1),
    node("Pow", np.abs(np.float32(_NARROW)), _PLAIN.astype("int64"), smooth=True),
    node("Pow", _BYTES.astype("int32"), integers(2, 1, 0).astype("float32")),
    node("Div", _NARROW.astype("int32"), _PLAIN.astype("int32")),
    node("BitShift", _BYTES, integers(1, 2, 3, dtype="uint8"), direction="LEFT"),
    node("BitShift", _BYTES, integers(1, 2, 3, dtype="uint8"), direction="RIGHT"),
    node("BitwiseAnd", _NARROW, _PLAIN),
    node("BitwiseXor", _NARROW, _PLAIN),
    node("BitwiseNot", _NARROW),
    node("Clip", [2, 3], np.float32(-0.5), np.float32(0.5)),
    node("Clip", _NARROW, np.int8(-3), None),
    node("Shrink", [2, 3], lambd=0.3, bias=0.1),
    node("ReduceMax", _NARROW, integers(1), constants=(1,)),
    node("ReduceSumSquare", [2, 3], integers(0), constants=(1,), smooth=True),
    node("ArgMax", _BYTES, axis=1),
    node("ArgMax", _TIES, axis=1, select_last_index=1, keepdims=0),
    node("ArgMin", _TIES, axis=0, select_last_index=1),
    node("CumSum", [2, 3], integers(1), constants=(1,), exclusive=1, smooth=True),
    node("CumSum", [2, 3], integers(0), constants=(1,), reverse=1),
    node("CumSum", [2, 3], integers(-1), constants=(1,), reverse=1, exclusive=1),
    node("Gemm", [2, 3], [3, 4], [2, 1], alpha=0.5, beta=2.0, smooth=True),
    node("Gemm", [3, 2], [4, 3], transA=1, transB=1, alpha=3.0),
    node("Einsum", [2, 3, 4], [2, 4, 5], equation="...ij, ...jk", smooth=True),
    node("Einsum", [2, 3], [3, 4], equation="ij,jk->ik", smooth=True),
    node("Flatten", [2, 3, 4], axis=2),
    node("Flatten", [2, 3, 4], axis=0),
    node("Flatten", [2, 3, 4], axis=-1),
    node("Flatten", [2, 3], axis=2),
    node("Det", [2, 3, 3], smooth=True, static=True),
    node("FusedMatMul", [2, 3, 4], [2, 5, 4], domain="com.microsoft", transB=1,
         alpha=0.5, smooth=True),
    node("FusedGemm", [2, 3], [3, 4], [4], domain="com.microsoft", activation="Relu"),
]  # fmt: skip
