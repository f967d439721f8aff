"""Operators: one frozen dataclass for each, with all that is known about it.

They know no tensors: rules that build graph (`vjp`, `expanded`) get the functions to
do it with as an argument. Each file lists its own at its end, in `OPERATORS`.
"""

from seqir.ir import Op
from seqir.operators import (
    activation,
    arith,
    barrier,
    bits,
    constant,
    control,
    conv,
    conv_grad,
    convert,
    custom,
    gather,
    like,
    linalg,
    movement,
    norm,
    pieces,
    pool,
    pool_grad,
    random,
    recurrent,
    reduce,
    resize,
    sizes,
    softmax,
    sort,
    text,
    unary,
)

ALL: tuple[type[Op], ...] = (
    *activation.OPERATORS,
    *arith.OPERATORS,
    *barrier.OPERATORS,
    *bits.OPERATORS,
    *constant.OPERATORS,
    *control.OPERATORS,
    *conv.OPERATORS,
    *conv_grad.OPERATORS,
    *convert.OPERATORS,
    *custom.OPERATORS,
    *gather.OPERATORS,
    *like.OPERATORS,
    *linalg.OPERATORS,
    *movement.OPERATORS,
    *norm.OPERATORS,
    *pieces.OPERATORS,
    *pool.OPERATORS,
    *pool_grad.OPERATORS,
    *random.OPERATORS,
    *recurrent.OPERATORS,
    *reduce.OPERATORS,
    *resize.OPERATORS,
    *sizes.OPERATORS,
    *softmax.OPERATORS,
    *sort.OPERATORS,
    *text.OPERATORS,
    *unary.OPERATORS,
)
"""Every operator class."""

__all__ = ["ALL"]
