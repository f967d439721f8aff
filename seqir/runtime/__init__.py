"""Running a model: sessions, devices, and what this machine can do.

This package is the only one that imports onnxruntime, and it does so when a session
is made or a device is probed, never when it is itself imported.
"""

from seqir.runtime.device import Device, resolve
from seqir.runtime.doctor import report
from seqir.runtime.hosted import HostedSession as HostedSession
from seqir.runtime.hosted import session_of as session_of
from seqir.runtime.process import making as making
from seqir.runtime.session import Session, get_threads, set_threads
from seqir.runtime.slot import DeviceSlot as DeviceSlot
from seqir.runtime.slot import Held as Held
from seqir.runtime.slot import placed as placed
from seqir.runtime.stateful import StatefulSession as StatefulSession
from seqir.runtime.step import StepSession as StepSession

__all__ = [
    "Device",
    "Session",
    "get_threads",
    "report",
    "resolve",
    "set_threads",
]
"""What users may rely on; the other names are for the package itself."""
