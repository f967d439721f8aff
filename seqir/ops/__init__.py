"""The functions that users compose models with, by the names of ``keras.ops``.

They work on traced values (inside a layer), on tensors of a model (recording a call)
and on arrays. Each file lists its own at its end, in `__all__`; a file imports only
files below it. A function of Keras that is not here says why when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from seqir.operators import ALL
from seqir.ops import (
    activation,
    adaptive,
    arith,
    arrange,
    barrier,
    bessel,
    bits,
    complement,
    convert,
    create,
    custom,
    flow,
    fourier,
    gather,
    indexing,
    like,
    matrices,
    movement,
    neural,
    numbers,
    parts,
    patches,
    planes,
    products,
    quantiles,
    rearranging,
    reduce,
    running,
    segments,
    series,
    solving,
    sorting,
    spatial,
    statistics,
    unary,
)
from seqir.ops.activation import *
from seqir.ops.adaptive import *
from seqir.ops.arith import *
from seqir.ops.arrange import *
from seqir.ops.barrier import *
from seqir.ops.bessel import *
from seqir.ops.bits import *
from seqir.ops.complement import *
from seqir.ops.convert import *
from seqir.ops.create import *
from seqir.ops.custom import *
from seqir.ops.flow import *
from seqir.ops.fourier import *
from seqir.ops.gather import *
from seqir.ops.indexing import *
from seqir.ops.like import *
from seqir.ops.matrices import *
from seqir.ops.methods import install
from seqir.ops.movement import *
from seqir.ops.neural import *
from seqir.ops.numbers import *
from seqir.ops.parts import *
from seqir.ops.patches import *
from seqir.ops.planes import *
from seqir.ops.products import *
from seqir.ops.quantiles import *
from seqir.ops.rearranging import *
from seqir.ops.reduce import *
from seqir.ops.refused import refuse
from seqir.ops.running import *
from seqir.ops.segments import *
from seqir.ops.series import *
from seqir.ops.size import Size
from seqir.ops.solving import *
from seqir.ops.sorting import *
from seqir.ops.spatial import *
from seqir.ops.statistics import *
from seqir.ops.tensor import KerasTensor, Tensor, Traced
from seqir.ops.unary import *
from seqir.ops.variable import Variable

__all__: list[str] = [
    "ALL",
    "KerasTensor",
    "Size",
    "Tensor",
    "Traced",
    "Variable",
]
__all__ += activation.__all__
__all__ += adaptive.__all__
__all__ += arith.__all__
__all__ += arrange.__all__
__all__ += barrier.__all__
__all__ += bessel.__all__
__all__ += bits.__all__
__all__ += complement.__all__
__all__ += convert.__all__
__all__ += create.__all__
__all__ += custom.__all__
__all__ += flow.__all__
__all__ += fourier.__all__
__all__ += gather.__all__
__all__ += indexing.__all__
__all__ += like.__all__
__all__ += products.__all__
__all__ += matrices.__all__
__all__ += movement.__all__
__all__ += neural.__all__
__all__ += numbers.__all__
__all__ += parts.__all__
__all__ += patches.__all__
__all__ += planes.__all__
__all__ += quantiles.__all__
__all__ += rearranging.__all__
__all__ += reduce.__all__
__all__ += running.__all__
__all__ += segments.__all__
__all__ += series.__all__
__all__ += solving.__all__
__all__ += sorting.__all__
__all__ += spatial.__all__
__all__ += statistics.__all__
__all__ += unary.__all__


if TYPE_CHECKING:
    from seqir.ops import image as image
    from seqir.ops import linalg as linalg
    from seqir.ops import nn as nn
    from seqir.ops import numpy as numpy
else:

    def __getattr__(name: str) -> Any:
        if name in ("image", "linalg", "nn", "numpy"):
            return importlib.import_module(f"{__name__}.{name}")
        refuse(name)


install({name: globals()[name] for name in __all__})
