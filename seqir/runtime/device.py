"""Choosing a device, honestly: what was asked for, or an error.

An execution provider that is compiled in often does not work (no driver, another CUDA,
no GPU), and onnxruntime then goes on with the CPU. So everything but the CPU is probed
once by running a model of one node on it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from seqir.errors import ArgumentError, DeviceError, did_you_mean
from seqir.runtime import engine
from seqir.runtime.probe import Providers, probe

PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
NUMBERED: Final = ("cuda", "tensorrt", "rocm", "migraphx", "directml")
"""Kinds of which a machine can have several; cuda:1 is the second."""

_ALIASES: Final = {"gpu": "cuda", "dml": "directml", "trt": "tensorrt"}


@dataclass(frozen=True, slots=True)
class Device:
    """A device that models can run on.

    Attributes:
        kind: a key of `PROVIDERS`.
        index: which one of its kind; always 0 for a kind that is not numbered.
    """

    kind: str
    index: int = 0

    @property
    def name(self) -> str:
        """How users write it: ``cpu``, ``cuda:0``."""
        return f"{self.kind}:{self.index}" if self.kind in NUMBERED else self.kind

    @property
    def provider(self) -> str:
        """What onnxruntime calls it."""
        return PROVIDERS[self.kind]

    @property
    def providers(self) -> Providers:
        """What to pass to InferenceSession, the device itself first.

        The CPU is always last, because shape arithmetic belongs there.
        """
        found: Providers = []
        options = {"device_id": str(self.index)}
        if self.kind in NUMBERED:
            found.append((self.provider, options))
        elif self.kind != "cpu":
            found.append(self.provider)
        if self.kind == "tensorrt":
            found.append((PROVIDERS["cuda"], options))
        return [*found, PROVIDERS["cpu"]]


def resolve(device: str) -> Device:
    """The device of that name, which is known to work.

    "auto" is the first CUDA device if it works and otherwise the CPU.

    Raises:
        ArgumentError: there is no such name.
        DeviceError: the device is not there or does not work.
    """
    if device == "auto":
        cuda = Device("cuda")
        return cuda if fault(cuda) is None else Device("cpu")
    wanted = parse(device)
    reason = fault(wanted)
    if reason is None:
        return wanted
    works = ", ".join(other.name for other in working())
    raise DeviceError(
        f"device {device!r} does not work: {reason}; devices that work here: {works}. "
        f"{_advice(wanted)}"
    )


def parse(device: str) -> Device:
    """The device that a name means, whether it works or not.

    Raises: ArgumentError if it is not a device name.
    """
    kind, colon, number = str(device).partition(":")
    if kind in PROVIDERS and not colon:
        return Device(kind)
    if kind in NUMBERED and number.isascii() and number.isdigit():
        return Device(kind, int(number))
    known = ["auto", *PROVIDERS]
    if kind in known:
        hint = (
            f"{kind} takes a number, as in '{kind}:0'"
            if kind in NUMBERED
            else f"{kind} takes no number"
        )
        raise ArgumentError(f"{device!r} is not a device: {hint}")
    kind = kind.lower()
    near = _ALIASES.get(kind)
    hint = f" Did you mean {near!r}?" if near else did_you_mean(kind, known)
    raise ArgumentError(
        f"{device!r} is not a device; use one of {', '.join(known)}, "
        f"or a numbered one as in 'cuda:1'.{hint}"
    )


def working() -> list[Device]:
    """The first device of every kind that works here."""
    return [device for kind in PROVIDERS if fault(device := Device(kind)) is None]


_faults: dict[Device, str | None] = {}
_lock = threading.Lock()


def fault(device: Device) -> str | None:
    """Why a device does not work, or None if it does; probed once per process."""
    if device.kind == "cpu":
        return None
    with _lock:
        if device not in _faults:
            _faults[device] = probe(device.kind, device.provider, device.providers)
        return _faults[device]


def _advice(device: Device) -> str:
    """What to do about a device that does not work."""
    if device.kind not in ("cuda", "tensorrt"):
        return f"Install the onnxruntime that has {device.provider}, or use 'auto'."
    ort = engine.load()
    if device.provider not in ort.get_available_providers():
        return (
            "Type `pip uninstall onnxruntime` and then "
            "`pip install \"seqir[gpu]\"`, or use device='auto'."
        )
    built = getattr(ort, "cuda_version", "")
    return (
        f"This onnxruntime wants CUDA {built or '(unknown version)'} with cuDNN 9 "
        "and a driver for it; `seqir doctor` shows more."
    )
