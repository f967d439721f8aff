"""The one place that imports onnxruntime."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Final

from seqir.errors import MissingPackageError

TELEMETRY: Final = "ORT_DISABLE_TELEMETRY"
INSTALL: Final = '`pip install "seqir[cpu]"` or `pip install "seqir[gpu]"`'
WHEELS: Final = (
    "onnxruntime",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-migraphx",
    "onnxruntime-openvino",
    "onnxruntime-rocm",
)
"""The distributions that all install the same package, `onnxruntime`."""


def load() -> ModuleType:
    """The onnxruntime module, imported with its telemetry off.

    A value that the user gave to ORT_DISABLE_TELEMETRY is left alone.

    Raises: MissingPackageError, with the command to type.
    """
    late = TELEMETRY not in os.environ and sys.modules.get("onnxruntime") is not None
    os.environ.setdefault(TELEMETRY, "1")
    try:
        import onnxruntime as ort
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise _broken(str(error)) from error
        raise MissingPackageError(
            f"running a model needs onnxruntime, which is not installed; type {INSTALL}"
        ) from error
    except ImportError as error:
        raise _broken(str(error)) from error
    # Uninstalling one of two wheels leaves an empty folder that still imports.
    if not hasattr(ort, "InferenceSession"):
        raise _broken("the package is an empty folder")
    if late:
        # It read the variable when someone imported it before us.
        ort.disable_telemetry_events()
    return ort


def wheels() -> dict[str, str]:
    """Installed distributions that bring onnxruntime, with their versions."""
    return {name: found for name in WHEELS if (found := version(name)) is not None}


def conflict() -> str | None:
    """What is wrong with the installed wheels, or None: at most one may be there."""
    found = sorted(wheels())
    if len(found) < 2:
        return None
    return (
        f"{' and '.join(found)} are installed together and overwrite each other; type "
        f"`pip uninstall {' '.join(found)}` and then one of {INSTALL}"
    )


def version(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _broken(why: str) -> MissingPackageError:
    """The error for an onnxruntime that is there and cannot be imported."""
    advice = conflict() or (
        "type `pip uninstall onnxruntime onnxruntime-gpu` and then one of " + INSTALL
    )
    return MissingPackageError(f"onnxruntime cannot be imported ({why}); {advice}")
