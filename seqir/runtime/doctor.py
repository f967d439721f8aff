"""What this machine can run, as plain data."""

from __future__ import annotations

import os
import platform
from typing import Any

from seqir.errors import MissingPackageError
from seqir.runtime import device, engine
from seqir.runtime.session import get_threads


def report() -> dict[str, Any]:
    """Versions, devices and settings, ready for JSON; never fails.

    `problem` and `conflict` are None or say what to type; `devices` has for every kind
    whether it works and, if not, why.
    """
    try:
        ort: object = engine.load()
        problem = None
    except MissingPackageError as error:
        ort, problem = None, str(error)
    return {
        "versions": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "seqir": engine.version("seqir") or "unknown",
            "numpy": engine.version("numpy"),
            "onnx": engine.version("onnx"),
            "onnxruntime": ort.__version__ if ort else None,
            "cuda": (getattr(ort, "cuda_version", "") or None) if ort else None,
        },
        "wheels": engine.wheels(),
        "conflict": engine.conflict(),
        "problem": problem,
        "providers": list(ort.get_available_providers()) if ort else [],
        "devices": _devices(problem),
        "auto": device.resolve("auto").name if ort else None,
        "telemetry_off": os.environ.get(engine.TELEMETRY) == "1",
        "cpus": _cpus(),
        "threads": get_threads(),
    }


def _devices(problem: str | None) -> dict[str, dict[str, object]]:
    """For every kind of device whether it works, and the reason if not."""
    found: dict[str, dict[str, object]] = {}
    for kind in device.PROVIDERS:
        reason = problem or device.fault(device.Device(kind))
        found[kind] = {"works": reason is None, "reason": reason}
    return found


def _cpus() -> int | None:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
