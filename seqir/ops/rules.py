"""What the rules of operators are written with: `Op.vjp` and `Op.expanded`.

All functions of `seqir.ops`, and those that only rules need. Whoever asks an operator
for a rule passes this module on, so that operators need not import a function. Those
that make each other, as a convolution and its gradients do, meet here too.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any, NoReturn

from seqir.operators.conv import Conv, static
from seqir.operators.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.operators.like import SplitLike, Unslice
from seqir.operators.pieces import Slice
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.pool_grad import AveragePoolGrad, MaxPoolGrad
from seqir.ops import *
from seqir.ops.apply import apply as apply
from seqir.ops.apply import coerce as coerce
from seqir.ops.like import reshape_like as reshape_like
from seqir.ops.loops import cond_gradient as cond_gradient
from seqir.ops.loops import inlined as inlined
from seqir.ops.loops import inlined_gradient as inlined_gradient
from seqir.ops.loops import scan_gradient as scan_gradient
from seqir.ops.loops import while_gradient as while_gradient
from seqir.ops.recurrences import recurrent_cotangents as recurrent_cotangents
from seqir.ops.recurrences import recurrent_gradient as recurrent_gradient
from seqir.ops.recurrences import recurrent_results as recurrent_results
from seqir.ops.reduce import count as count
from seqir.ops.refused import refuse
from seqir.ops.resize import along as along
from seqir.ops.tensor import Result, TensorLike
from seqir.shapes import Shape


def unslice(part: Slice, x: TensorLike, like: TensorLike) -> Result:
    """x where the slice takes from a tensor like that, 0 elsewhere."""
    return apply(Unslice(*astuple(part)), x, like)


def split_like(axis: int, x: TensorLike, *likes: Any) -> Result:
    """x cut along an axis into parts of the shapes of other tensors."""
    return apply(SplitLike(axis), x, *likes)


def conv_input_grad(conv: Conv, g: TensorLike, w: TensorLike, x: TensorLike) -> Result:
    """The gradient of a convolution with respect to its input x."""
    return apply(ConvInputGrad(conv), g, w, x)


def conv_kernel_grad(conv: Conv, x: TensorLike, g: TensorLike, kernel: Shape) -> Result:
    """The gradient of a convolution with respect to its kernel, of that shape."""
    return apply(ConvKernelGrad(conv, static(kernel)), x, g)


def max_pool_grad(pool: MaxPool, x: TensorLike, y: TensorLike, g: TensorLike) -> Result:
    """The gradient of a maximum over windows of x."""
    return apply(MaxPoolGrad(pool), x, y, g)


def average_pool_grad(pool: AveragePool, g: TensorLike, x: TensorLike) -> Result:
    """The gradient of a mean over windows of x."""
    return apply(AveragePoolGrad(pool), g, x)


def __getattr__(name: str) -> NoReturn:
    refuse(name)
