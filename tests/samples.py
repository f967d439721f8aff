"""Operators with operands to try them on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from movement_samples import MOVEMENT_SAMPLES
from operands import BATCH, Sample, flag, i, known, same, x

from seqir.operators.activation import (
    Clip,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Mish,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softplus,
    Softsign,
)
from seqir.operators.arith import (
    Add,
    And,
    Div,
    Equal,
    FloorDiv,
    Fmod,
    Less,
    LessEqual,
    Maximum,
    Minimum,
    Mod,
    Mul,
    Not,
    Or,
    Pow,
    Sub,
    Where,
    Xor,
)
from seqir.operators.bits import Bitwise
from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.operators.linalg import Einsum, Gemm, MatMul
from seqir.operators.norm import BatchNorm, LayerNorm, TrainingBatchNorm
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.pool_grad import AveragePoolGrad, MaxPoolGrad, MaxPoolPick
from seqir.operators.random import RandomBits
from seqir.operators.reduce import ArgReduce, Count, CumSum, Reduce
from seqir.operators.resize import Resize, Upsample
from seqir.operators.softmax import LogSoftmax, Softmax
from seqir.operators.sort import TopK
from seqir.operators.unary import Function, IsInf, IsNaN

NAN, INF = math.nan, math.inf

RANGES = {
    "log": (0.1, 4),
    "sqrt": (0.1, 4),
    "reciprocal": (0.5, 2),
    "tan": (-1.2, 1.2),
    "asin": (-0.9, 0.9),
    "acos": (-0.9, 0.9),
    "acosh": (1.1, 4),
    "atanh": (-0.9, 0.9),
}
HALVES = (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.0, 3.2)
EXTREMES = (-90.0, -30.0, -1e-8, 0.0, 1e-8, 30.0, 90.0, 1.0)


def unary() -> Iterator[Sample]:
    for f, row in Function.TABLE.items():
        low, high = RANGES.get(f, (-3, 3))
        op = Function(f)
        yield Sample(op, (x(BATCH, 3, 4, low=low, high=high),))
        yield Sample(op, (x(2, 3, low=low, high=high, dtype="float64"),))
        if row.kinds != "float":
            yield Sample(op, (i(BATCH, 3),))
            yield Sample(op, (i(2, 3, dtype="int64"),))
    for f in ("exp", "sqrt", "tanh", "abs", "neg"):
        yield Sample(Function(f), (x(2, 3, dtype="float16", low=0.5),))
    yield Sample(Function("round"), (x(8, values=HALVES),))
    yield Sample(Function("sign"), (x(8, values=HALVES),))
    yield Sample(Function("erf"), (x(8, values=EXTREMES),))
    yield Sample(Function("tanh"), (x(8, values=EXTREMES),))
    yield Sample(Function("exp"), (x(),))
    for op in (IsNaN(), IsInf()):
        yield Sample(op, (x(BATCH, 3),))
        yield Sample(op, (x(2, 2, values=(NAN, INF, -INF, 1.0)),))
        yield Sample(op, (x(3, dtype="float64", values=(NAN, -INF, 0.0)),))


def binary() -> Iterator[Sample]:
    for op in (Add(), Sub(), Mul(), Div(), Maximum(), Minimum()):
        yield Sample(op, (x(BATCH, 3, 4), x(BATCH, 3, 4, low=0.5)))
        yield Sample(op, (x(BATCH, 3, 4), x(4, low=0.5)))
        yield Sample(op, (x(3, 1), x(1, 4, low=0.5)))
        yield Sample(op, (x(), x(2, 3, low=0.5)))
        yield Sample(op, (x(2, 3, dtype="float64"), x(3, dtype="float64", low=0.5)))
        yield Sample(op, (x(2, 3, dtype="float16"), x(3, dtype="float16", low=0.5)))
        if op.kinds == "number":
            yield Sample(op, (i(BATCH, 3), i(3)))
            yield Sample(op, (i(2, 3, dtype="int64"), i(dtype="int64")))
    for dtype in ("int32", "int64"):
        for op in (FloorDiv(), Mod()):
            yield Sample(op, (i(BATCH, 8, low=-9, high=9, dtype=dtype),
                              i(8, low=1, dtype=dtype)))  # fmt: skip
            yield Sample(op, (i(3, 8, low=-9, high=9, dtype=dtype),
                              i(8, low=-4, high=-1, dtype=dtype)))  # fmt: skip
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        ends = x(4, dtype=dtype, values=(least, -1, 0, most))
        for op in (Bitwise("and"), Bitwise("or"), Bitwise("xor")):
            yield Sample(op, (i(BATCH, 8, low=-99, high=99, dtype=dtype),
                              i(8, low=-99, high=99, dtype=dtype)))  # fmt: skip
            yield Sample(op, (x(4, 1, dtype=dtype, values=ends.values), ends))
        yield Sample(Pow(), (i(2, 3, dtype=dtype), i(3, low=0, high=3, dtype=dtype)))
    for dtype in ("float32", "float64", "float16"):
        yield Sample(Fmod(), (x(BATCH, 8, low=-9, high=9, dtype=dtype),
                              x(8, low=1, high=3, dtype=dtype)))  # fmt: skip
    for shape in ((BATCH, 3), (3,), ()):
        yield Sample(Pow(), (x(BATCH, 3, low=0.1), x(*shape)))
    yield Sample(Pow(), (x(2, 2, values=(-2.0, -3.0, 4.0, 0.0)), x(values=(3.0,))))
    for op in (Equal(), Less(), LessEqual()):
        yield Sample(op, (x(BATCH, 3, 4), x(4)))
        yield Sample(op, (i(BATCH, 6), i(BATCH, 6)))
        yield Sample(op, (i(3, 1, dtype="int64"), i(4, dtype="int64")))
    yield Sample(Equal(), (flag(BATCH, 3), flag(3)))
    for dtype in ("uint8", "int8", "int16", "uint16", "uint32", "uint64"):
        most = int(np.iinfo(dtype).max)
        ends = x(4, dtype=dtype, values=(most, most // 2, 5, 0))
        for op in (Bitwise("and"), Bitwise("or"), Bitwise("xor")):
            yield Sample(op, (x(4, 1, dtype=dtype, values=ends.values), ends))
    for op in (And(), Or(), Xor()):
        yield Sample(op, (flag(BATCH, 4), flag(BATCH, 4)))
        yield Sample(op, (flag(3, 1), flag(4)))
    yield Sample(Not(), (flag(BATCH, 3),))
    yield Sample(Where(), (flag(BATCH, 3), x(BATCH, 3), x(BATCH, 3)))
    yield Sample(Where(), (flag(BATCH, 1), x(), x(3)))
    yield Sample(Where(), (flag(2, 3), i(3, dtype="int64"), i(2, 1, dtype="int64")))


def activations() -> Iterator[Sample]:
    for op in (
        Relu(),
        Sigmoid(),
        LeakyRelu(),
        LeakyRelu(0.3),
        Elu(),
        Elu(0.5),
        Selu(),
        HardSigmoid(),
        HardSigmoid(0.2, 0.5),
        Softplus(),
        Softsign(),
        Gelu(),
        Gelu(approximate=True),
        Mish(),
        HardSwish(),
        Clip(-1.0, 0.5),
        Clip(0.0),
        Clip(high=1.0),
        Clip(),
    ):
        yield Sample(op, (x(BATCH, 3, 4, low=-4, high=4),))
        yield Sample(op, (x(8, values=EXTREMES),))
    for op in (Relu(), Sigmoid(), Clip(-1.0, 1.0), LeakyRelu(), Gelu()):
        yield Sample(op, (x(2, 3, dtype="float16"),))
        yield Sample(op, (x(2, 3, dtype="float64"),))
    yield Sample(Clip(-1.0, 2.0), (i(BATCH, 3),))
    yield Sample(Clip(0.0), (i(2, 3, dtype="int64"),))
    yield Sample(PRelu(), (x(BATCH, 3, 4), x(4)))
    yield Sample(PRelu(), (x(BATCH, 3, 4), x(3, 1)))
    yield Sample(PRelu(), (x(BATCH, 3), x(1, 1)))
    for kind in (Softmax, LogSoftmax):
        yield Sample(kind(), (x(BATCH, 3, 4),))
        yield Sample(kind(1), (x(BATCH, 3, 4),))
        yield Sample(kind(0), (x(3, 4, dtype="float64"),))
        yield Sample(kind(-2), (x(2, 3, 4, low=-40, high=40),))
        yield Sample(kind(), (x(2, 3, dtype="float16"),))


def reductions() -> Iterator[Sample]:
    for kind, row in Reduce.TABLE.items():
        for axes, keep in (
            ((1,), False),
            ((-1,), True),
            ((1, 2), False),
            ((0, -1), True),
            ((0, 1, 2), False),
            ((), False),
        ):
            yield Sample(Reduce(kind, axes, keep), (x(BATCH, 3, 4),))
        yield Sample(Reduce(kind, (2,), False), (x(2, 3, 4, 6),))
        yield Sample(Reduce(kind, (0,)), (x(3, 2, dtype="float64"),))
        if row.kinds != "float":
            yield Sample(Reduce(kind, (1,)), (i(BATCH, 3),))
            yield Sample(Reduce(kind, (0,)), (i(3, 2, dtype="int64"),))
    for kind in ("max", "min"):
        for axis, keep in ((0, False), (1, True), (-1, False)):
            yield Sample(ArgReduce(kind, axis, keep), (x(3, 2, 4),))
        yield Sample(ArgReduce(kind, 1), (i(BATCH, 8, low=0, high=2),))
    for exclusive in (False, True):
        for reverse in (False, True):
            op = CumSum(1, exclusive, reverse)
            yield Sample(op, (x(BATCH, 4, 3),))
            yield Sample(CumSum(-1, exclusive, reverse), (i(2, 4),))
    for axes in ((0,), (-1, 0), (1, 2), ()):
        yield Sample(Count(axes), (x(BATCH, 3, 4),))
    yield Sample(Count((0,), "float64"), (i(BATCH),))
    yield Sample(CumSum(), (x(4, dtype="float64"),))
    key = [x(dtype="int64", values=(v,)) for v in (2**62 + 99, 7)]
    for sizes in ((BATCH, 7, 3), (BATCH,), (4, 6), (), (2, 0, 3)):
        yield Sample(RandomBits(3), (*key, x(*sizes)))
    yield Sample(RandomBits(0, (2, BATCH)), (*key,))
    yield Sample(CumSum(0), (i(4, 2, dtype="int64"),))
    for k, axis, largest in ((1, -1, True), (3, -1, True), (4, 1, False), (2, 0, True)):
        yield Sample(TopK(k, axis, largest), (x(3, 4),))
    yield Sample(TopK(2), (x(BATCH, 3, 4),))
    yield Sample(TopK(6), (i(2, 6, low=0, high=2),))
    yield Sample(TopK(2), (x(BATCH, 3), x(1, dtype="int64", values=(2,))))
    yield Sample(TopK(6, -1, False), (i(2, 6, low=0, high=2, dtype="int64"),))


def products() -> Iterator[Sample]:
    for a, b in (
        ((BATCH, 3), (3, 4)),
        ((BATCH, 2, 3), (3, 4)),
        ((BATCH, 2, 3), (BATCH, 3, 4)),
        ((2, 1, 2, 3), (4, 3, 2)),
        ((3,), (3, 4)),
        ((BATCH, 3), (3,)),
        ((3,), (3,)),
    ):
        yield Sample(MatMul(), (x(*a), x(*b)))
    yield Sample(MatMul(), (x(2, 3, dtype="float64"), x(3, 2, dtype="float64")))
    yield Sample(MatMul(), (i(2, 3), i(3, 2)))
    for c in ((4,), (1,), ()):
        yield Sample(Gemm(), (x(BATCH, 3), x(3, 4), x(*c)))
    yield Sample(Gemm(), (x(BATCH, 3), x(3, 4)))
    yield Sample(Gemm(trans_a=True), (x(3, BATCH), x(3, 4)))
    yield Sample(Gemm(trans_b=True), (x(BATCH, 3), x(4, 3), x(4)))
    yield Sample(Gemm(True, True), (x(3, 2), x(4, 3), x()))
    for equation, *operands in (
        ("bij,bjk->bik", (BATCH, 2, 3), (BATCH, 3, 4)),
        ("bihd,bjhd->bhij", (BATCH, 2, 3, 4), (BATCH, 6, 3, 4)),
        ("ij->ji", (BATCH, 3)),
        ("bij->b", (BATCH, 2, 3)),
        ("i,j->ij", (BATCH,), (3,)),
        ("ii->i", (3, 3)),
        ("i,i->", (3,), (3,)),
    ):
        yield Sample(Einsum(equation), tuple(x(*shape) for shape in operands))
    yield Sample(Einsum("ij,jk->ik"), (i(2, 3), i(3, 2)))


def convolutions() -> Iterator[Sample]:
    image = x(BATCH, 4, 7, 6)
    for strides, pads, dilations, groups, kernel, bias in (
        ((1, 1), same(0, 0), (1, 1), 1, (6, 4, 3, 3), True),
        ((2, 1), same(1, 1), (1, 1), 1, (6, 4, 3, 2), False),
        ((1, 2), ((0, 1), (2, 0)), (1, 1), 2, (6, 2, 2, 3), True),
        ((1, 1), same(2, 2), (2, 2), 4, (8, 1, 3, 3), False),
        ((3, 3), same(0, 0), (1, 1), 1, (2, 4, 1, 1), True),
    ):
        op = Conv(strides, pads, dilations, groups)
        b = (x(kernel[0]),) if bias else ()
        yield Sample(op, (image, x(*kernel), *b))
    line, volume = x(BATCH, 3, 9), x(2, 2, 4, 6, 4)
    yield Sample(Conv((1,), same(1), (1,)), (line, x(4, 3, 3), x(4)))
    yield Sample(Conv((2,), ((4, 0),), (2,)), (line, x(4, 3, 3)))
    yield Sample(
        Conv((1, 2, 1), same(0, 1, 0), (1, 1, 2)), (volume, x(3, 2, 2, 3, 2), x(3))
    )
    for strides, pads, dilations, extra, groups, kernel, bias in (
        ((1, 1), same(0, 0), (1, 1), (0, 0), 1, (4, 3, 3, 3), True),
        ((2, 2), same(1, 0), (1, 1), (1, 0), 1, (4, 3, 3, 2), False),
        ((2, 3), ((0, 1), (1, 0)), (1, 1), (0, 0), 2, (4, 3, 2, 3), True),
        ((1, 1), same(0, 0), (2, 2), (0, 0), 1, (4, 2, 2, 2), False),
        ((3, 2), same(0, 0), (1, 1), (0, 1), 1, (4, 2, 2, 1), True),
    ):
        op = ConvTranspose(strides, pads, dilations, extra, groups)
        b = (x(kernel[1] * groups),) if bias else ()
        yield Sample(op, (x(BATCH, 4, 3, 6), x(*kernel), *b))
    yield Sample(ConvTranspose((2,), same(1), (1,), (1,)), (line, x(3, 2, 3), x(2)))
    yield Sample(
        ConvTranspose((1, 2, 1), same(0, 0, 1), (1, 1, 1), (0, 1, 0)),
        (volume, x(2, 3, 2, 2, 2)),
    )


def gradients() -> Iterator[Sample]:
    """Gradients of the convolutions and pools among the other samples."""
    uneven = Conv((3, 2), (), (1, 1), 2, same=True)
    for s in (
        *convolutions(),
        Sample(uneven, (x(BATCH, 4, 7, 6), x(6, 2, 2, 3))),
        Sample(Conv((1,), (), (2,), same=True), (x(BATCH, 3, 9), x(4, 3, 3))),
    ):
        if isinstance(s.op, Conv):
            image, kernel, *_ = s.operands
            g = x(*known(s.op.infer(image.type, kernel.type)[0]))
            yield Sample(ConvKernelGrad(s.op, kernel.shape), (image, g))
            yield Sample(ConvInputGrad(s.op), (g, kernel, image))
    steps = x(BATCH, 1, 8, values=(0.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0, -1.0) * BATCH)
    for s in (
        *pools(),
        Sample(MaxPool((3,), (2,), same(1)), (steps,)),
        Sample(MaxPool((2, 3), (3, 2), (), same=True), (x(BATCH, 2, 7, 6),)),
        Sample(AveragePool((2, 3), (3, 2), (), same=True), (x(BATCH, 2, 7, 6),)),
    ):
        (image,) = s.operands
        g = x(*known(s.op.infer(image.type)[0]))
        if isinstance(s.op, MaxPool):
            yield Sample(MaxPoolGrad(s.op), (image, g, g))
            yield Sample(MaxPoolPick(s.op), (image, x(*image.shape)))
        elif isinstance(s.op, AveragePool):
            yield Sample(AveragePoolGrad(s.op), (g, image))


def pools() -> Iterator[Sample]:
    for kind in (MaxPool, AveragePool):
        for window, strides, pads, size in (
            ((2,), (2,), same(0), (7,)),
            ((3,), (1,), ((1, 0),), (7,)),
            ((2, 2), (2, 2), same(0, 0), (7, 6)),
            ((3, 2), (1, 2), ((1, 1), (0, 1)), (7, 6)),
            ((2, 3, 2), (2, 1, 2), same(0, 1, 0), (4, 6, 4)),
        ):
            yield Sample(kind(window, strides, pads), (x(BATCH, 2, *size),))


def images() -> Iterator[Sample]:
    for shape in ((BATCH, 3), (BATCH, 3, 4), (2, 3, 4, 6)):
        vectors = (x(3), x(3), x(3), x(3, low=0.1))
        yield Sample(BatchNorm(1e-3), (x(*shape), *vectors))
        yield Sample(TrainingBatchNorm(1e-3), (x(*shape), *vectors[:2]))
    yield Sample(LayerNorm(-1, 1e-3), (x(BATCH, 3, 4), x(4), x(4)))
    yield Sample(LayerNorm(-2, 1e-5), (x(BATCH, 3, 4), x(3, 4), x(3, 4)))
    yield Sample(LayerNorm(1, 1e-5), (x(BATCH, 3, 4), x(3, 4), x(3, 4)))
    yield Sample(Upsample((2,)), (x(BATCH, 3, 4),))
    yield Sample(Upsample((2, 3)), (x(BATCH, 2, 3, 4),))
    yield Sample(Upsample((2, 1, 2)), (x(2, 2, 3, 2, 4),))
    yield Sample(Upsample((2, 2), "linear"), (x(BATCH, 2, 3, 4),))
    yield Sample(Upsample((3, 1), "linear"), (x(2, 2, 3, 4),))
    yield Sample(Upsample((2, 2), "cubic"), (x(BATCH, 2, 4, 4),))
    yield Sample(Upsample((2, 3), "cubic"), (x(2, 2, 6, 7),))
    yield Sample(Resize((5, 2)), (x(BATCH, 2, 3, 7),))
    yield Sample(Resize((7, 9)), (x(2, 2, 6, 4),))


SAMPLES: tuple[Sample, ...] = (
    *unary(),
    *binary(),
    *activations(),
    *reductions(),
    *MOVEMENT_SAMPLES,
    *products(),
    *convolutions(),
    *pools(),
    *gradients(),
    *images(),
)
