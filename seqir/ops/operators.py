"""The list of operators."""

from seqir.ir import Op
from seqir.ops.activation import (
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
from seqir.ops.arith import (
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
from seqir.ops.barrier import StopGradient
from seqir.ops.bits import Bitwise
from seqir.ops.constant import Constant
from seqir.ops.control import Cond, Scan, While
from seqir.ops.conv import Conv, ConvTranspose
from seqir.ops.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.ops.convert import Cast, FillLike
from seqir.ops.custom import CustomGradient
from seqir.ops.gather import (
    Gather,
    GatherElements,
    GatherND,
    OneHot,
    Scatter,
    ScatterElements,
)
from seqir.ops.like import ExpandLike, ReshapeLike, SplitLike, Unslice
from seqir.ops.linalg import Einsum, Gemm, MatMul
from seqir.ops.movement import Expand, ExpandDims, Reshape, Squeeze, Transpose
from seqir.ops.norm import BatchNorm, LayerNorm, TrainingBatchNorm
from seqir.ops.pieces import Concat, Pad, Slice, Tile
from seqir.ops.pool import AveragePool, MaxPool
from seqir.ops.pool_grad import AveragePoolGrad, MaxPoolGrad, MaxPoolPick
from seqir.ops.random import RandomBits
from seqir.ops.reduce import ArgReduce, Count, CumSum, Reduce
from seqir.ops.resize import Resize, Upsample
from seqir.ops.sizes import (
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
from seqir.ops.softmax import LogSoftmax, Softmax
from seqir.ops.sort import TopK
from seqir.ops.unary import Function, IsInf, IsNaN

ALL: tuple[type[Op], ...] = (
    Relu,
    Sigmoid,
    LeakyRelu,
    Elu,
    Selu,
    HardSigmoid,
    Softplus,
    Softsign,
    Gelu,
    Mish,
    HardSwish,
    Clip,
    PRelu,
    Softmax,
    LogSoftmax,
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Fmod,
    Mod,
    Pow,
    Maximum,
    Minimum,
    Equal,
    Less,
    LessEqual,
    And,
    Or,
    Xor,
    Not,
    Where,
    Bitwise,
    StopGradient,
    Constant,
    Conv,
    ConvTranspose,
    ConvKernelGrad,
    ConvInputGrad,
    Cast,
    FillLike,
    Gather,
    GatherElements,
    GatherND,
    OneHot,
    Scatter,
    ScatterElements,
    ExpandLike,
    ReshapeLike,
    SplitLike,
    Unslice,
    Sizes,
    ReshapeTo,
    ExpandTo,
    Fill,
    NonZero,
    Range,
    SliceAt,
    Unique,
    UnsliceAt,
    MatMul,
    Gemm,
    Einsum,
    Transpose,
    Reshape,
    ExpandDims,
    Squeeze,
    Expand,
    Slice,
    Pad,
    Concat,
    Tile,
    BatchNorm,
    TrainingBatchNorm,
    LayerNorm,
    MaxPool,
    AveragePool,
    MaxPoolGrad,
    MaxPoolPick,
    AveragePoolGrad,
    Reduce,
    ArgReduce,
    Count,
    CumSum,
    RandomBits,
    Upsample,
    Resize,
    TopK,
    Scan,
    Cond,
    While,
    CustomGradient,
    Function,
    IsNaN,
    IsInf,
)
"""Every operator class."""
