"""Running a model: sessions, devices, and what this machine can do.

This package is the only one that imports onnxruntime, and it does so when a session
is made or a device is probed, never when it is itself imported.
"""

from seqir.runtime.device import Device, resolve
from seqir.runtime.doctor import report
from seqir.runtime.process import making
from seqir.runtime.session import Session, get_threads, set_threads
from seqir.runtime.slot import DeviceSlot, Held, placed
from seqir.runtime.stateful import StatefulSession, session_of
from seqir.runtime.step import StepSession

__all__ = [
    "Device",
    "DeviceSlot",
    "Held",
    "Session",
    "StatefulSession",
    "StepSession",
    "get_threads",
    "making",
    "placed",
    "report",
    "resolve",
    "session_of",
    "set_threads",
]
