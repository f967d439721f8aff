"""What happens beside a training: stopping, saving, showing, reporting.

A callback stands between batches and epochs: it reads logs, assigns to variables and
asks to stop. It never becomes part of the graph of a step.
"""

from typing import NoReturn

from seqir import absent
from seqir.callbacks.backup import BackupAndRestore
from seqir.callbacks.base import Callback
from seqir.callbacks.container import CallbackList
from seqir.callbacks.csv_logger import CSVLogger
from seqir.callbacks.early_stopping import EarlyStopping
from seqir.callbacks.ema import SwapEMAWeights
from seqir.callbacks.history import History
from seqir.callbacks.lambda_callback import LambdaCallback
from seqir.callbacks.lr import LearningRateScheduler, ReduceLROnPlateau
from seqir.callbacks.model_checkpoint import ModelCheckpoint
from seqir.callbacks.progbar import ProgbarLogger
from seqir.callbacks.remote_monitor import RemoteMonitor
from seqir.callbacks.tensorboard import TensorBoard
from seqir.callbacks.terminate import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("callbacks", name)
