"""Optimizers and learning-rate schedules, with Keras 3's names and numbers."""

from seqir.optimizers import legacy, schedules
from seqir.optimizers.adafactor import Adafactor
from seqir.optimizers.adam import (
    Adam,
    Adamax,
    AdamW,
    Lamb,
    Nadam,
    ScheduleFreeAdamW,
)
from seqir.optimizers.base import Optimizer
from seqir.optimizers.descent import SGD, Adadelta, Adagrad, Ftrl, Lion, RMSprop
from seqir.optimizers.loss_scale import LossScaleOptimizer
from seqir.optimizers.multi import MultiOptimizer, OptimizerMap
from seqir.optimizers.muon import Muon
from seqir.optimizers.registry import deserialize, get, serialize

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
