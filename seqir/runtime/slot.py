"""Memory of a device for the values of variables."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.ir import Array
from seqir.ops.changes import together
from seqir.ops.variable import Variable
from seqir.runtime import engine
from seqir.runtime.device import resolve
from seqir.runtime.process import Native, make_room
from seqir.runtime.values import to_array, to_ort
from seqir.tensortype import TensorType

HOST: Final = ("cpu",)
"""Kinds of devices whose memory is the host's."""


class Buffer:
    """Memory of a device for one tensor."""

    __slots__ = ("array", "readers", "value")

    def __init__(self, type: TensorType, device: str) -> None:
        ort, target = engine.load(), resolve(device)
        shape = tuple(d for d in type.shape if isinstance(d, int))
        array = np.zeros(shape, dtypes.to_numpy(type.dtype))
        make_room(array.nbytes)
        # On the host we own the memory, so that reading needs no call.
        self.array: Array | None = array if target.kind in HOST else None
        self.value: Any = (
            to_ort(ort, array)
            if target.kind in HOST
            else ort.OrtValue.ortvalue_from_numpy(array, target.kind, target.index)
        )
        """The memory as a value of onnxruntime."""
        self.readers = 0
        """How many runs read it now that a step must not overtake."""

    def read(self) -> Array:
        """A copy of the values."""
        return to_array(self.value) if self.array is None else self.array.copy()

    def write(self, array: Array) -> None:
        """Replace the values."""
        if self.array is not None:
            self.array[...] = array
        else:
            self.value.update_inplace(np.ascontiguousarray(array))


_remote: weakref.WeakSet[DeviceSlot] = weakref.WeakSet()
"""Slots whose memory a forked child cannot read."""


class DeviceSlot(Native):
    """One tensor of state: its values on a device, and room for the next ones."""

    __slots__ = (
        "_seen",
        "_spare",
        "current",
        "device",
        "generation",
        "type",
    )

    def __init__(self, type: TensorType, device: str = "cpu") -> None:
        self.type = type
        self.device = device
        self.generation = 0
        self.current = Buffer(type, device)
        """Where the present values are."""
        self._spare: Buffer | None = None
        """Where the last values were, or the next are to go."""
        self._seen: weakref.ReferenceType[Array] | None = None
        if self.current.array is None:
            _remote.add(self)
        self.adopt()

    def natives(self) -> Iterable[object]:
        """What lies on a device; memory of the host is freed as any other."""
        found = (b for b in (self.current, self._spare) if b and self in _remote)
        return [b.value for b in found]

    @property
    def spare(self) -> Buffer:
        """Where the next values go: memory that nobody reads."""
        if self._spare is None or self._spare.readers:
            self._spare = Buffer(self.type, self.device)
        return self._spare

    def show(self, buffer: Buffer) -> None:
        """One of the buffers has been written: it holds the present values now.

        If it is the other one, the values of before can be shown again.
        """
        if buffer is not self.current:
            self._spare, self.current = self.current, buffer
        self.generation += 1
        self._seen = None

    def read(self) -> Array:
        """A read-only copy of the present values; who asks again shares it."""
        with together():
            array = None if self._seen is None else self._seen()
            if array is None:
                array = self.current.read()
                array.flags.writeable = False
                self._seen = weakref.ref(array)
            return array

    def write(self, array: Array) -> None:
        """Replace the present values."""
        with together():
            if self.current.readers:
                self.current = Buffer(self.type, self.device)
            self.current.write(np.asarray(array, dtypes.to_numpy(self.type.dtype)))
            self._seen = None


def placed(
    variables: Mapping[str, Variable], device: str = "cpu"
) -> dict[str, DeviceSlot]:
    """Slots on a device that hold variables; what lies elsewhere is moved there."""
    found: dict[str, DeviceSlot] = {}
    for name, variable in variables.items():
        slot = variable.slot
        if not (isinstance(slot, DeviceSlot) and slot.device == device and slot.usable):
            slot = DeviceSlot(variable.type, device)
            variable.move_to(slot)
        found[name] = slot
    return found


class Held:
    """The values of variables at one moment, as inputs of runs, until released.

    Nothing is copied: steps and assignments go to other memory meanwhile.
    """

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        ort = engine.load()
        self.values: dict[str, Any] = {}
        self._buffers: list[Buffer] = []
        with together():
            for name, variable in variables.items():
                slot = variable.slot
                if isinstance(slot, DeviceSlot) and slot.usable:
                    slot.current.readers += 1
                    self._buffers.append(slot.current)
                    self.values[name] = slot.current.value
                else:
                    self.values[name] = to_ort(ort, variable.array)

    def release(self) -> None:
        """Let others have the memory."""
        with together():
            for buffer in self._buffers:
                buffer.readers -= 1
        self._buffers.clear()


def _before_fork() -> None:
    for slot in list(_remote):
        slot.current.array = np.array(slot.read())


def _in_parent() -> None:
    for slot in list(_remote):
        slot.current.array = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent)
