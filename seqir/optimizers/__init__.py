"""Optimizers and learning-rate schedules, with Keras 3's names and values.

An update is assignments to variables: nodes of the graph of a step, or computed at once
on arrays. Whatever an optimizer remembers is a variable, so checkpoints and files hold
all of it.
"""

from seqir.optimizers import (
    adafactor,
    adam,
    descent,
    legacy,
    loss_scale,
    multi,
    muon,
    registry,
    schedules,
)
from seqir.optimizers.adafactor import *
from seqir.optimizers.adam import *
from seqir.optimizers.base import Optimizer
from seqir.optimizers.descent import *
from seqir.optimizers.loss_scale import *
from seqir.optimizers.multi import *
from seqir.optimizers.muon import *
from seqir.optimizers.registry import *

__all__ = ["Optimizer", "legacy", "schedules"]
__all__ += adafactor.__all__
__all__ += adam.__all__
__all__ += descent.__all__
__all__ += loss_scale.__all__
__all__ += multi.__all__
__all__ += muon.__all__
__all__ += registry.__all__
