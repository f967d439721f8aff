"""Operators that arrange, look up and place values, with operands to try them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np
from operands import BATCH, Operand, Sample, flag, i, known, x

from seqir.ir import FrozenArray
from seqir.operators.barrier import StopGradient
from seqir.operators.constant import Constant
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
from seqir.operators.movement import Expand, ExpandDims, Reshape, Squeeze, Transpose
from seqir.operators.pieces import Concat, Pad, Slice, Tile
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
from seqir.tensortype import TensorType

END = Slice.END


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


MOVEMENT_SAMPLES: tuple[Sample, ...] = (
    *movement(),
    *likes(),
    *sized(),
    *lookups(),
)
