"""OpenVINO, on the processor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

DISTRIBUTIONS: Final = ("openvino",)
NPM: Final = ""
ALSO: Final[tuple[str, ...]] = ()
NEEDS: Final = frozenset[str]()
NUMPY_2_SINCE: Final = (0,)

MISSING: Final = re.compile(r"No conversion rule found for operations: (.+)")
"""What it says of operators that it has not, with the version behind each."""


def unsupported(model: str) -> list[str]:
    """The operators that its reader of ONNX does not know."""
    import openvino  # pyright: ignore[reportMissingModuleSource]

    try:
        openvino.Core().read_model(model)
    except Exception as error:
        found = MISSING.search(str(error))
        names = found[1].split(", ") if found else []
        return sorted({name.rpartition("-")[0] or name for name in names})
    return []


def load(model: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run, in the precision that it has."""
    import openvino  # pyright: ignore[reportMissingModuleSource]

    core = openvino.Core()
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [port.get_any_name() for port in compiled.outputs]
    takes = {name for port in compiled.inputs for name in port.get_names()}

    def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
        # An input that nothing reads is not there any more.
        found = compiled({name: x for name, x in feeds.items() if name in takes})
        return {name: found[i].copy() for i, name in enumerate(names)}

    return run
