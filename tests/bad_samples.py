"""Operands that operators refuse, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from movement_samples import ENDS
from operands import BadSample, i, same

from seqir.errors import DTypeError
from seqir.operators.activation import (
    PRelu,
)
from seqir.operators.arith import (
    Add,
    And,
    Div,
    Fmod,
    Mod,
    Pow,
    Where,
)
from seqir.operators.bits import Bitwise
from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.conv_grad import ConvKernelGrad
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
from seqir.operators.pool_grad import AveragePoolGrad
from seqir.operators.random import RandomBits
from seqir.operators.reduce import ArgReduce, Count, CumSum, Reduce
from seqir.operators.resize import Resize, Upsample
from seqir.operators.sizes import (
    ExpandTo,
    NonZero,
    Range,
    ReshapeTo,
    Sizes,
    Unique,
    UnsliceAt,
)
from seqir.operators.softmax import Softmax
from seqir.operators.sort import TopK
from seqir.operators.unary import Function
from seqir.tensortype import TensorType

END = Slice.END


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
