"""Losses: functions and classes of labels and predictions, as IR.

A function gives a value for each sample; a class has its arguments, weights the values
and reduces them to one number. Both compute at once on arrays, and become part of the
graph on traced values::

    >>> from seqir import losses
    >>> float(losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5

Names, arguments, defaults and numbers are Keras's.
"""

from seqir.losses import (
    base,
    crossentropy,
    embedding,
    focal,
    labels,
    margin,
    overlap,
    probabilistic,
    registry,
    regression,
    sequence,
)
from seqir.losses.base import *
from seqir.losses.crossentropy import *
from seqir.losses.embedding import *
from seqir.losses.focal import *
from seqir.losses.labels import *
from seqir.losses.margin import *
from seqir.losses.overlap import *
from seqir.losses.probabilistic import *
from seqir.losses.registry import *
from seqir.losses.regression import *
from seqir.losses.sequence import *

__all__: list[str] = []
__all__ += base.__all__
__all__ += crossentropy.__all__
__all__ += embedding.__all__
__all__ += focal.__all__
__all__ += labels.__all__
__all__ += margin.__all__
__all__ += overlap.__all__
__all__ += probabilistic.__all__
__all__ += registry.__all__
__all__ += regression.__all__
__all__ += sequence.__all__
