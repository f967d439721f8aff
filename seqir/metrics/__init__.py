"""Metrics: numbers that are gathered batch after batch, as IR.

`update_state` takes a batch into account and `result` says what came of it so far:
at once on arrays, and as part of the graph on traced values::

    >>> from seqir import metrics
    >>> metric = metrics.BinaryAccuracy()
    >>> metric.update_state([[1.0], [0.0]], [[0.9], [0.8]])
    >>> float(metric.result())
    0.5

Names, arguments, defaults and numbers are Keras's.
"""

from seqir.metrics import (
    accuracy,
    base,
    confusion,
    correlation,
    curves,
    f_score,
    iou,
    probabilistic,
    reduction,
    registry,
    regression,
    shared,
)
from seqir.metrics.accuracy import *
from seqir.metrics.base import *
from seqir.metrics.confusion import *
from seqir.metrics.correlation import *
from seqir.metrics.curves import *
from seqir.metrics.f_score import *
from seqir.metrics.iou import *
from seqir.metrics.probabilistic import *
from seqir.metrics.reduction import *
from seqir.metrics.registry import *
from seqir.metrics.regression import *
from seqir.metrics.shared import *

__all__: list[str] = []
__all__ += accuracy.__all__
__all__ += base.__all__
__all__ += confusion.__all__
__all__ += correlation.__all__
__all__ += curves.__all__
__all__ += f_score.__all__
__all__ += iou.__all__
__all__ += probabilistic.__all__
__all__ += reduction.__all__
__all__ += registry.__all__
__all__ += regression.__all__
__all__ += shared.__all__
