"""Products of matrices in other forms than the operators of the IR have."""

from __future__ import annotations

from typing import Any

from seqir.operators.movement import Reshape
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("Gemm")
def _gemm(take: Take) -> object:
    """``alpha * a @ b + beta * c``, with any c that broadcasts."""
    ops, a, b = take.ops, take.x(0), take.x(1)
    a = ops.transpose(a) if take.attribute("transA", 0) else a
    b = ops.transpose(b) if take.attribute("transB", 0) else b
    y = _scaled(ops.matmul(a, b), take.attribute("alpha", 1.0))
    c = take[2]
    return y if c is None else y + _scaled(c, take.attribute("beta", 1.0))


@reads("Einsum")
def _einsum(take: Take) -> object:
    """With an equation that leaves letters or the output to be thought of."""
    operands = [take.x(i) for i in range(len(take))]
    return take.ops.einsum(take.attribute("equation", ""), *operands)


@reads("Flatten", whole=False)
def _flatten(take: Take) -> object:
    """A matrix of the axes before one, and of those from it on."""
    x, ops = take.x(), take.ops
    axis = take.attribute("axis", 1)
    axis += x.ndim if axis < 0 else 0
    if axis == 0:
        return take.apply(Reshape((1, -1)), x)
    rows: Any = 1
    for size in ops.shape(x)[:axis]:
        rows = rows * size
    if axis == x.ndim:
        return take.apply(Reshape((-1, 1)), x)
    return ops.reshape(x, (rows, -1))


@reads("Det")
def _det(take: Take) -> object:
    return take.ops.det(take.x())


@reads("FusedMatMul", domain="com.microsoft")
@reads("TransposeMatMul", domain="com.microsoft")
def _fused_matmul(take: Take) -> object:
    ops, a, b = take.ops, take.x(0), take.x(1)
    if take.attribute("transBatchA", 0) or take.attribute("transBatchB", 0):
        return None
    a = ops.swapaxes(a, -1, -2) if take.attribute("transA", 0) else a
    b = ops.swapaxes(b, -1, -2) if take.attribute("transB", 0) else b
    return _scaled(ops.matmul(a, b), take.attribute("alpha", 1.0))


@reads("FusedGemm", domain="com.microsoft")
def _fused_gemm(take: Take) -> object:
    return activated(take, _gemm(take))


def activated(take: Take, y: Any) -> Any:
    """What an activation makes that follows inside of a node; None if not known."""
    ops, name = take.ops, take.attribute("activation", "")
    parameters = take.attribute("activation_params", ())
    match name:
        case "":
            return y
        case "Relu":
            return ops.relu(y)
        case "Sigmoid":
            return ops.sigmoid(y)
        case "Tanh":
            return ops.tanh(y)
        case "LeakyRelu" if len(parameters) == 1:
            return ops.leaky_relu(y, parameters[0])
        case "Clip" if len(parameters) == 2:
            return ops.clip(y, *parameters)
        case _:
            return None


def _scaled(x: Any, factor: float) -> Any:
    return x if factor == 1.0 else x * factor
