"""Operators with operands to try them on, and operands that they must refuse.

A size of `BATCH` stands for the unknown size "batch" where a test asks for one, so
that every other size in a sample is something else.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import DTypeError, ShapeError
from seqir.ir import FrozenArray, Op
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
from seqir.operators.barrier import StopGradient
from seqir.operators.bits import Bitwise
from seqir.operators.constant import Constant
from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.operators.convert import Cast, FillLike
from seqir.operators.gather import (
    Gather,
    GatherElements,
    GatherND,
    OneHot,
    Scatter,
    ScatterElements,
)
from seqir.operators.like import ExpandLike, ReshapeLike, SplitLike, Unslice
from seqir.operators.linalg import Einsum, Gemm, MatMul
from seqir.operators.movement import Expand, ExpandDims, Reshape, Squeeze, Transpose
from seqir.operators.norm import BatchNorm, LayerNorm, TrainingBatchNorm
from seqir.operators.pieces import Concat, Pad, Slice, Tile
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.pool_grad import AveragePoolGrad, MaxPoolGrad, MaxPoolPick
from seqir.operators.random import RandomBits
from seqir.operators.reduce import ArgReduce, Count, CumSum, Reduce
from seqir.operators.resize import Resize, Upsample
from seqir.operators.sizes import (
    ExpandTo,
    Fill,
    NonZero,
    Range,
    ReshapeTo,
    Sizes,
    SliceAt,
    Unique,
    UnsliceAt,
)
from seqir.operators.softmax import LogSoftmax, Softmax
from seqir.operators.sort import TopK
from seqir.operators.unary import Function, IsInf, IsNaN
from seqir.tensortype import TensorType

BATCH = 5
NAN, INF = math.nan, math.inf
END = Slice.END


@dataclass(frozen=True)
class Operand:
    """Shape, element type and range of the numbers, or the numbers themselves."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = -2.0
    high: float = 2.0
    values: tuple[Any, ...] = ()
    named: tuple[int | str, ...] = ()
    """The shape with the batch unknown, where sizes are made of the batch."""

    @property
    def type(self) -> TensorType:
        return TensorType(self.dtype, self.shape)

    @property
    def symbolic(self) -> TensorType:
        """The type with the batch unknown."""
        sizes = tuple("batch" if d == BATCH else d for d in self.shape)
        return TensorType(self.dtype, self.named or sizes)

    def array(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        dtype = dtypes.to_numpy(self.dtype)
        if self.values:
            return np.array(self.values, dtype).reshape(self.shape)
        if dtype.kind in "iu":
            low = 0 if dtype.kind == "u" and self.low < 0 else int(self.low)
            return np.asarray(rng.integers(low, int(self.high) + 1, self.shape), dtype)
        if dtype.kind == "b":
            return np.asarray(rng.random(self.shape) < 0.5)
        return np.asarray(rng.uniform(self.low, self.high, self.shape), dtype)


@dataclass(frozen=True)
class Sample:
    """An operator and operands that it takes."""

    op: Op
    operands: tuple[Operand, ...]

    @property
    def id(self) -> str:
        types = "-".join(str(x.type).replace(" ", "") for x in self.operands)
        return f"{type(self.op).__name__}:{self.op}-{types}"

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(x.type for x in self.operands)

    @property
    def symbolic(self) -> tuple[TensorType, ...]:
        return tuple(x.symbolic for x in self.operands)

    def arrays(self) -> tuple[np.ndarray[Any, Any], ...]:
        """The same numbers every time."""
        rng = np.random.default_rng(zlib.crc32(self.id.encode()))
        return tuple(x.array(rng) for x in self.operands)


@dataclass(frozen=True)
class BadSample:
    """Operand types that an operator refuses, and a part of what it says."""

    op: Op
    types: tuple[TensorType, ...]
    match: str
    error: type[Exception] = ShapeError

    @property
    def id(self) -> str:
        types = "-".join(str(x).replace(" ", "") for x in self.types)
        return f"{type(self.op).__name__}:{self.op}-{types}"


def x(
    *shape: int,
    dtype: str = "float32",
    low: float = -2,
    high: float = 2,
    values: tuple[Any, ...] = (),
    named: tuple[int | str, ...] = (),
) -> Operand:
    return Operand(shape, dtype, low, high, values, named)


def i(*shape: int, low: float = -4, high: float = 4, dtype: str = "int32") -> Operand:
    return Operand(shape, dtype, low, high)


def flag(*shape: int) -> Operand:
    return Operand(shape, "bool")


def same(*sizes: int) -> tuple[tuple[int, int], ...]:
    """As much padding on both sides of each axis."""
    return tuple((p, p) for p in sizes)


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


def movement() -> Iterator[Sample]:
    yield Sample(Transpose((1, 0)), (x(BATCH, 3),))
    yield Sample(Transpose((0, 3, 1, 2)), (x(BATCH, 3, 4, 2),))
    yield Sample(Transpose((0, 1)), (i(2, 3),))
    yield Sample(Transpose(()), (x(),))
    for shape in ((0, -1), (-1, 12), (-1,), (0, 2, 6), (0, 0, 2, 2), (0, 1, -1)):
        yield Sample(Reshape(shape), (x(BATCH, 3, 4),))
    yield Sample(Reshape((2, 6)), (i(3, 4),))
    yield Sample(Reshape((0, 0)), (x(3, 4),))
    yield Sample(Reshape(()), (x(1, 1),))
    yield Sample(Reshape((0, -1)), (x(2, 0),))
    for axes in ((0,), (1,), (-1,), (0, 2), (1, 2)):
        yield Sample(ExpandDims(axes), (x(BATCH, 3),))
    yield Sample(ExpandDims((0,)), (flag(),))
    for axes in ((1,), (1, 3), (-1,), ()):
        yield Sample(Squeeze(axes), (x(BATCH, 1, 3, 1),))
    yield Sample(Expand((1, 3, 4)), (x(BATCH, 3, 1),))
    yield Sample(Expand((2, 1, 3)), (x(BATCH, 3),))
    yield Sample(Expand((1, 1)), (i(2, 3),))
    yield Sample(Expand((3,)), (x(2, 1),))
    yield Sample(Expand((2, 3)), (flag(),))
    yield from slices()
    yield Sample(Pad((0, 1, 2), (0, 2, 0)), (x(BATCH, 3, 4),))
    yield Sample(Pad((0, 1), (0, 1), "constant", -3.5), (x(BATCH, 3),))
    yield Sample(Pad((1, 0), (1, 3), "reflect"), (x(3, 4),))
    yield Sample(Pad((0, 2), (0, 3), "edge"), (x(BATCH, 4),))
    yield Sample(Pad((1,), (2,), "constant", 7), (i(3),))
    yield Sample(Pad((0, 0), (0, 0)), (x(BATCH, 3),))
    yield Sample(Concat(1), (x(BATCH, 3), x(BATCH, 2), x(BATCH, 1)))
    yield Sample(Concat(-1), (i(2, 3), i(2, 1)))
    yield Sample(Concat(0), (x(BATCH, 3), x(2, 3)))
    yield Sample(Concat(0), (flag(3),))
    yield Sample(Tile((1, 2)), (x(BATCH, 3),))
    yield Sample(Tile((2, 1, 3)), (x(2, 3, 4),))
    yield Sample(Tile((2,)), (i(3),))


def likes() -> Iterator[Sample]:
    for small, large in (
        ((), (2, 3)),
        ((3,), (BATCH, 3)),
        ((BATCH, 1, 4), (BATCH, 3, 4)),
        ((1, 3), (BATCH, 3)),
        ((2, 3), (2, 3)),
    ):
        yield Sample(ExpandLike(), (x(*small), x(*large)))
    yield Sample(ExpandLike(), (flag(1), i(4)))
    yield Sample(ReshapeLike(), (x(BATCH, 12), x(BATCH, 3, 4)))
    yield Sample(ReshapeLike(), (x(2 * 3), i(3, 2)))
    yield Sample(ReshapeLike(), (x(2, 0), x(0, 3)))
    yield Sample(SplitLike(1), (x(BATCH, 6), x(BATCH, 3), x(BATCH, 2), x(BATCH, 1)))
    yield Sample(SplitLike(-1), (x(2, 4), flag(2, 1), i(2, 3)))
    twice = x(2 * BATCH, 3, named=("2*batch", 3))
    yield Sample(SplitLike(0), (twice, x(BATCH, 3), x(BATCH, 3)))
    for s in (*slices(), Sample(Slice((1,), (-9,), (-3,), (2,)), (x(2, 7),))):
        (whole,) = s.operands
        assert isinstance(s.op, Slice)
        (part,), (named,) = s.op.infer(whole.type), s.op.infer(whole.symbolic)
        op = Unslice(*astuple(s.op))
        part = x(*known(part), dtype=whole.dtype, named=named.shape)
        yield Sample(op, (part, whole))


def sized() -> Iterator[Sample]:
    """Operators whose sizes are operands."""

    def n(*numbers: int) -> Operand:
        return x(len(numbers), dtype="int64", values=numbers)

    yield Sample(Sizes(("a", 3, 4, "b"), (("a", 0, 0), ("b", 0, 2))), (x(BATCH, 2, 4),))
    yield Sample(Sizes(("a", "b"), (("a", 0, 0), ("b", 0, 1))), (x(BATCH, 2, 4),))
    names = (("a", 0, 0), ("b", 1, 2))
    sums = ("a*b//2 - 1", 3, "min(2, b)", "(a - 9)//b", "-a", "2*a + b")
    yield Sample(Sizes(sums, names), (x(BATCH, 3), i(2, 1, 4)))
    yield Sample(Sizes(("a//b",), names), (x(BATCH), i(2, 1, 0)))
    yield Sample(ReshapeTo((3, 2 * 2)), (x(2, 6), n(3, 4)))
    yield Sample(ReshapeTo((0, 2)), (x(2, 0, dtype="int32"), n(0, 2)))
    yield Sample(ExpandTo((4, 2, 3)), (x(2, 1), n(4, 2, 3)))
    yield Sample(ExpandTo((BATCH, 2)), (x(BATCH, 2), n(BATCH, 2)))
    yield Sample(Fill((2, 3), 1.5, "float32"), (n(2, 3),))
    yield Sample(Fill((2,), 1, "bool"), (n(2),))
    for size in (4, 0):
        yield Sample(Range(size), (n(size),))
    yield Sample(NonZero(2), (x(2, 3, dtype="bool", values=(0, 1, 0, 0, 0, 1)),))
    yield Sample(Unique(6), (x(6),))
    yield Sample(Unique(3), (x(6, dtype="int64", values=(4, 1, 4, 1, 1, 2)),))
    yield Sample(NonZero(0), (x(4, dtype="bool", values=(0, 0, 0, 0)),))
    for op, begin, end in (
        (SliceAt(1, 1, 3), 2, 5),
        (SliceAt(1, 1, 2), -3, -1),
        (SliceAt(1, 2, 3), 1, 9),
        (SliceAt(-1, 3, 0), 4, 4),
    ):
        ends = (n(begin), n(end))
        for whole in (x(BATCH, 7), x(7)) if op.axis < 0 else (x(BATCH, 7, 2),):
            (part,), (named,) = (
                op.infer(t, *ENDS) for t in (whole.type, whole.symbolic)
            )
            back = UnsliceAt(op.axis, op.step, op.size)
            yield Sample(op, (whole, *ends))
            yield Sample(back, (x(*known(part), named=named.shape), whole, *ends))


ENDS = (TensorType("int64", (1,)),) * 2


def slices() -> Iterator[Sample]:
    yield Sample(Slice((1,), (1,), (3,), (1,)), (x(BATCH, 4, 3),))
    yield Sample(Slice((1, 2), (0, -2), (END, END), (2, 1)), (x(BATCH, 7, 3),))
    yield Sample(Slice((-1,), (-1,), (-END,), (-1,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (-1,), (-END,), (-1,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (-1,), (-END,), (-3,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (1,), (END,), (1,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (1,), (-2,), (1,), inside=True), (x(BATCH, 4),))
    yield Sample(Slice((0,), (0,), (9,), (1,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (7,), (END,), (2,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (0,), (-1,), (2,)), (x(BATCH, 4),))
    yield Sample(Slice((0,), (-1,), (END,), (1,)), (x(BATCH, 4),))
    yield Sample(Slice((0, 1), (-4, 1), (-1, 8), (2, 3)), (x(BATCH, 7),))
    yield Sample(Slice((1,), (6,), (0,), (-2,)), (x(2, 7),))
    yield Sample(Slice((1,), (3,), (1,), (1,)), (x(2, 7),))
    yield Sample(Slice((0,), (0,), (END,), (1,)), (i(BATCH, 2, dtype="int64"),))


def lookups() -> Iterator[Sample]:
    def places(*shape: int, n: int, dtype: str = "int64") -> Operand:
        return i(*shape, low=-n, high=n - 1, dtype=dtype)

    yield Sample(Gather(), (x(7, 3), places(BATCH, n=7)))
    yield Sample(Gather(0), (x(7, 3), places(BATCH, 4, n=7, dtype="int32")))
    yield Sample(Gather(1), (x(BATCH, 4, 3), places(2, 2, n=4)))
    yield Sample(Gather(-1), (i(2, 4), places(n=4)))
    yield Sample(GatherElements(1), (x(BATCH, 4), places(BATCH, 2, n=4)))
    yield Sample(GatherElements(-1), (x(2, 3, 4), places(2, 3, 1, n=4, dtype="int32")))
    yield Sample(GatherElements(0), (i(3, 2), places(4, 2, n=3)))
    for axis, full, part in ((1, (BATCH, 4), (BATCH, 2)), (0, (3, 4), (6, 4))):
        op = ScatterElements(axis)
        spots = places(*part, n=full[axis])
        yield Sample(op, (x(*full), spots, x(*part)))
    spots = places(2, 3, 4, n=3, dtype="int32")
    yield Sample(ScatterElements(1), (i(2, 3, 4), spots, i(2, 3, 4)))
    yield Sample(GatherND(), (x(7, 3), places(BATCH, 2, 1, n=7)))
    yield Sample(GatherND(), (x(3, 3, 2), places(BATCH, 2, n=3, dtype="int32")))
    yield Sample(GatherND(), (i(3, 2), places(2, n=2)))
    for how in ("none", "add", "mul"):
        spots = Operand((4, 1), "int64", values=(0, 3, 1, 4))
        yield Sample(Scatter(how), (x(6, 3), spots, x(4, 3)))
    spots = Operand((3, 1), "int64", values=(2, 0, 2))
    yield Sample(Scatter("add"), (x(4), spots, x(3)))
    yield Sample(Scatter("mul"), (x(4), spots, x(3)))
    spots = Operand((3, 2), "int32", values=(0, 1, 2, 2, 0, 1))
    yield Sample(Scatter("add"), (x(3, 4, 2), spots, x(3, 2)))
    yield Sample(Scatter("add"), (i(3, 4), spots, i(3)))
    yield Sample(StopGradient(), (x(BATCH, 3),))
    yield Sample(StopGradient(), (flag(2),))
    yield Sample(OneHot(4), (i(BATCH, 3, low=-1, high=4),))
    yield Sample(OneHot(3, "int32"), (i(4, low=0, high=2, dtype="int64"),))
    yield Sample(OneHot(3, "bool"), (i(low=0, high=2),))
    for a, b in (("float32", "int32"), ("int32", "float32"), ("float32", "bool"),
                 ("bool", "float32"), ("int64", "int32"), ("float32", "float64"),
                 ("float32", "float16"), ("float16", "float32"), ("int32", "int8"),
                 ("float32", "float32"), ("uint8", "float32"), ("int32", "bool"),
                 ("float32", "bfloat16"), ("bool", "int64")):  # fmt: skip
        yield Sample(Cast(b), (x(BATCH, 3, dtype=a, low=-3, high=3),))
    yield Sample(FillLike(1.5, "float32"), (x(BATCH, 3),))
    yield Sample(FillLike(0, "int64"), (x(BATCH, 3),))
    yield Sample(FillLike(1, "bool"), (i(2),))
    for array in (
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array(3, np.int64),
        np.array([True, False]),
        np.zeros((0, 2), np.float64),
    ):
        yield Sample(Constant(FrozenArray(array)), ())


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


def known(type: TensorType) -> tuple[int, ...]:
    return tuple(d for d in type.shape if isinstance(d, int))


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
    *movement(),
    *likes(),
    *sized(),
    *lookups(),
    *products(),
    *convolutions(),
    *pools(),
    *gradients(),
    *images(),
)


def bad() -> Iterator[BadSample]:
    def f(*shape: int | str, dtype: str = "float32") -> TensorType:
        return TensorType(dtype, shape)

    kind: Any = {"error": DTypeError}
    whole, truth = f(2, 3, dtype="int32"), f(2, 3, dtype="bool")

    yield BadSample(Add(), (f(2), f(3)), "shapes (2,) and (3,) do not broadcast")
    yield BadSample(Add(), (f(2), f(2, dtype="float64")), "one element type", **kind)
    yield BadSample(Add(), (truth, truth), "add takes numbers, got bool", **kind)
    yield BadSample(And(), (f(2), f(2)), "and takes bool, got float32", **kind)
    yield BadSample(Div(), (whole, whole), "div takes floating-point", **kind)
    yield BadSample(Mod(), (f(2), f(2)), "mod takes integers, got float32", **kind)
    yield BadSample(Bitwise("or"), (f(2), f(2)), "takes integers, got float32", **kind)
    whole_numbers = (i(2), i(2))
    yield BadSample(Fmod(), whole_numbers, "fmod takes floating-point", **kind)
    yield BadSample(Function("exp"), (whole,), "takes floating-point numbers", **kind)
    narrow = f(2, dtype="uint8")
    yield BadSample(Function("neg"), (narrow,), "takes signed numbers", **kind)
    yield BadSample(Pow(), (narrow, narrow), "int32 or int64, got uint8", **kind)
    yield BadSample(Where(), (f(2), f(2), f(2)), "the condition of where", **kind)
    yield BadSample(Where(), (truth, f(), whole), "float32 and int32", **kind)
    yield BadSample(
        PRelu(), (f(2, 1), f(2, 3)), "slope f32[2, 3] does not broadcast to f32[2, 1]"
    )
    yield BadSample(Softmax(2), (f(2, 3),), "axis 2 is out of range for rank 2")
    yield BadSample(Softmax(), (whole,), "softmax takes floating-point", **kind)
    yield BadSample(Reduce("sum", (3,)), (f(2, 3),), "axis 3 is out of range")
    yield BadSample(Reduce("sum", (0,)), (truth,), "reduce_sum takes", **kind)
    yield BadSample(Reduce("max", (0,)), (f(0, 3),), "has no number along (0,): no max")
    yield BadSample(ArgReduce("max", 0), (truth,), "argmax takes", **kind)
    yield BadSample(CumSum(2), (f(2, 3),), "axis 2 is out of range for rank 2")
    yield BadSample(
        RandomBits(0), (f(), f(), f(3)), "need a seed and a step of type i64[]", **kind
    )
    yield BadSample(TopK(4), (f(2, 3),), "top_k of 4 from an axis of size 3")
    yield BadSample(Transpose((0, 0)), (f(2, 3),), "(0, 0) does not order the 2 axes")
    yield BadSample(Reshape((-1, -1)), (f(2, 3),), "more than one size open")
    yield BadSample(Reshape((2, 3, 0)), (f(2, 3),), "keeps an axis that f32[2, 3]")
    yield BadSample(Reshape((4, -1)), (f(2, 3),), "cannot be reshaped to (4, -1)")
    yield BadSample(Reshape((4, 2)), (f(2, 3),), "cannot be reshaped to (4, 2)")
    yield BadSample(Reshape((4,)), (f("n", 3),), "cannot be reshaped to (4,)")
    yield BadSample(ExpandDims((0, 0)), (f(2),), "axes (0, 0) name one place twice")
    yield BadSample(Squeeze((1,)), (f(2, 3),), "axis 1 of f32[2, 3] is not of size 1")
    yield BadSample(Expand((4, 3)), (f(2, 3),), "do not broadcast together")
    yield BadSample(
        Slice((0,), (-2,), (-END,), (-1,)), (f("n"),), "must be the whole axis"
    )
    yield BadSample(Pad((1,), (1,)), (f(2, 3),), "a pair of sizes for each axis")
    yield BadSample(Pad((-1,), (1,)), (f(2),), "pad cannot take away")
    yield BadSample(Pad((3,), (1,), "reflect"), (f(3),), "be reflected by 3")
    yield BadSample(Concat(0), (f(2), whole), "one element type", **kind)
    yield BadSample(Concat(0), (f(2), f(2, 3)), "one rank, got f32[2] and f32[2, 3]")
    yield BadSample(Concat(0), (f(2, 3), f(2, 4)), "equal sizes elsewhere")
    yield BadSample(Tile((2,)), (f(2, 3),), "tile needs 2 repeats, got (2,)")
    places = f(2, dtype="int64")
    yield BadSample(Gather(), (f(2), f(2)), "int32 or int64 indices", **kind)
    yield BadSample(Gather(1), (f(2), places), "axis 1 is out of range for rank 1")
    yield BadSample(GatherElements(0), (f(2, 3), places), "needs one rank")
    yield BadSample(OneHot(3), (f(2),), "int32 or int64 indices", **kind)
    spots = f(3, 1, dtype="int64")
    yield BadSample(Scatter(), (f(6), spots, whole), "got updates i32[2, 3]", **kind)
    yield BadSample(Scatter(), (f(), spots, f(3)), "scatter of f32[] got indices")
    yield BadSample(GatherND(), (f(6), f(3, 2, dtype="int64")), "gather_nd of f32[6]")
    put = ScatterElements(0)
    yield BadSample(put, (f(6), places, whole), "got updates i32[2, 3]", **kind)
    yield BadSample(put, (f(6), places, f(3)), "needs as many updates, got f32[3]")
    yield BadSample(Count((2,)), (f(2, 3),), "axis 2 is out of range for rank 2")
    yield BadSample(ExpandLike(), (f(2, 3), f(3)), "f32[2, 3] does not broadcast to")
    yield BadSample(ExpandLike(), (f(2, 3), f(1, 3)), "does not broadcast to f32[1, 3]")
    yield BadSample(ReshapeLike(), (f("n", 3), f(4)), "cannot be reshaped like f32[4]")
    two = f(2, dtype="int64")
    yield BadSample(
        Sizes(("n",), (("n", 1, 0),)), (f(3),), "axis 0 of operand 1, which"
    )
    yield BadSample(Sizes(("m",), (("n", 0, 0),)), (f(3),), "no axis has the size m")
    yield BadSample(Range("n"), (f(2),), "range needs int64 sizes, got f32[2]", **kind)
    yield BadSample(Range("n"), (two,), "range needs 1 sizes, got i64[2]")
    yield BadSample(Unique("n"), (f(2, dtype="int32"),), "got i32[2]", **kind)
    yield BadSample(Unique("n"), (f(2, 3),), "unique takes a vector, got f32[2, 3]")
    yield BadSample(NonZero("n"), (f(2),), "nonzero takes truth values", **kind)
    yield BadSample(NonZero("n"), (f(dtype="bool"),), "a tensor with axes, got b1[]")
    yield BadSample(ReshapeTo(("n", 3)), (f("n", 4), two), "cannot be reshaped to")
    yield BadSample(ExpandTo(("n", 1)), (f(2, 3), two), "does not broadcast to")
    undo_at = UnsliceAt(0, 1, "n//2")
    yield BadSample(undo_at, (f(3), f("n"), *ENDS), "needs f32[n//2], got f32[3]")
    yield BadSample(SplitLike(0), (f(4), f(2), f(3)), "be cut into f32[2] and f32[3]")
    undo = Unslice((0,), (1,), (END,), (1,))
    yield BadSample(undo, (f(3), f(3)), "unslice to f32[3] needs f32[2], got f32[3]")
    yield BadSample(Scatter(), (f(6), spots, f(2)), "needs updates (3,), got f32[2]")
    yield BadSample(MatMul(), (f(2), whole), "matmul needs one element type", **kind)
    yield BadSample(MatMul(), (f(), f(2)), "matmul needs operands with axes")
    yield BadSample(MatMul(), (f(2, 3), f(2, 3)), "inner sizes to agree, got 3 of")
    yield BadSample(MatMul(), (truth, truth), "int64, got bool", **kind)
    yield BadSample(Gemm(), (f(2, 3), f(3), f()), "gemm needs matrices")
    yield BadSample(Gemm(), (f(2, 3), f(3, 4), f(2)), "do not broadcast together")
    yield BadSample(
        Gemm(), (f(1, 3), f(3, 4), f(2, 4)), "cannot add f32[2, 4] to f32[1, 4]"
    )
    yield BadSample(Einsum("ij,jk->ik"), (f(2, 3),), "takes 2 operands")
    yield BadSample(Einsum("ij->i"), (f(2),), "term 'ij' does not fit f32[2]")
    yield BadSample(Einsum("ij,jk->ik"), (f(2, 3), f(4, 2)), "j is 3 and 4")
    yield BadSample(Einsum("i->ij"), (f(2),), "makes an axis out of nothing")
    flat = Conv((1, 1), same(0, 0), (1, 1))
    image, kernel = f(1, 3, 8, 8), f(4, 3, 3, 3)
    yield BadSample(flat, (f(1, 3, 8), kernel), "conv with 2 spatial axes got")
    yield BadSample(flat, (image, f(4, 3, 3, 3, dtype="float16")), "one el", **kind)
    yield BadSample(
        flat, (f(1, 3, 8, 8, dtype="int32"), f(4, 3, 3, 3, dtype="int32")),
        "conv takes floating-point", **kind,
    )  # fmt: skip
    yield BadSample(flat, (f(1, 2, 8, 8), kernel), "expects 3 input channels, got 2")
    yield BadSample(flat, (image, f(4, 3, 9, 3)), "a window of 9 does not fit into a")
    yield BadSample(flat, (image, f(4, 3, "k", 3)), "a kernel must have a known shape")
    yield BadSample(flat, (image, kernel, f(3)), "the bias of 4 filters has shape (3,)")
    yield BadSample(
        Conv((1, 1), same(0, 0), (1, 1), 3),
        (image, f(4, 1, 3, 3)),
        "4 filters cannot be divided into 3 groups",
    )
    back = ConvTranspose((1, 1), same(0, 0), (1, 1), (0, 0))
    yield BadSample(back, (image, f(2, 4, 3, 3)), "expects 2 input channels, got 3")
    yield BadSample(
        back, (image, f(3, 4, 3, 3), f(3)), "the bias of 4 filters has shape (3,)"
    )
    yield BadSample(
        ConvTranspose((2, 2), same(0, 0), (1, 3), (0, 2)),
        (image, f(3, 4, 3, 3)),
        "an output padding of 2 must be less than the stride of 2",
    )
    yield BadSample(
        ConvTranspose((1, 1), same(0, 0), (1, 1), (0, 0), 2),
        (image, f(3, 4, 3, 3)),
        "3 channels cannot be divided into 2 groups",
    )
    yield BadSample(
        ConvTranspose((1, 1), same(5, 5), (1, 1), (0, 0)),
        (image, f(3, 4, 3, 3)),
        "padding ((5, 5), (5, 5)) leaves nothing",
    )
    dw = ConvKernelGrad(flat, (4, 3, 3, 3))
    yield BadSample(dw, (image, f(1, 4, 8, 8)), "cotangent f32[1, 4, 8, 8] of a result")
    yield BadSample(dw, (image, f(1, 4, 6)), "2 spatial axes got")
    yield BadSample(
        AveragePoolGrad(AveragePool((2, 2), (2, 2), same(0, 0))),
        (f(1, 3, 4, 4, dtype="float16"), image),
        "average_pool_grad needs one element type",
        **kind,
    )
    yield BadSample(MaxPool((2,), (2,), same(0)), (image,), "of 1 spatial axes got")
    yield BadSample(MaxPool((9, 2), (2, 2), same(0, 0)), (image,), "a window of 9")
    yield BadSample(
        MaxPool((9,), (2,), same(2)), (f(1, 1, 3),), "size of 3 padded by (2, 2)"
    )
    yield BadSample(BatchNorm(1e-3), (image, f(4), f(3), f(3), f(3)), "a vector f32[4]")
    yield BadSample(TrainingBatchNorm(1e-3), (image, f(4), f(3)), "a vector f32[4]")
    yield BadSample(LayerNorm(-1, 1e-3), (image, f(3), f(3)), "from axis -1 got f32[3]")
    yield BadSample(LayerNorm(-5, 1e-3), (image, f(8), f(8)), "axis -5 is out of range")
    yield BadSample(Upsample((2,)), (image,), "upsample by (2,) got f32[1, 3, 8, 8]")
    yield BadSample(Resize((2,)), (image,), "resize to (2,) got f32[1, 3, 8, 8]")


BAD_SAMPLES: tuple[BadSample, ...] = tuple(bad())
