"""ONNX Runtime, on the processor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

DISTRIBUTIONS: Final = (
    "onnxruntime",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-migraphx",
    "onnxruntime-openvino",
    "onnxruntime-rocm",
)
NPM: Final = ""
ALSO: Final[tuple[str, ...]] = ()
NEEDS: Final = frozenset[str]()
NUMPY_2_SINCE: Final = (1, 19)

BFLOAT16: Final = 16
"""The element type's number in ONNX."""


def unsupported(model: str) -> list[str]:
    """It says so when it loads the file."""
    return []


def load(
    model: str, *, optimize: bool = True
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run; whether the runtime may rewrite the graph before."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimize:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
    names = [each.name for each in session.get_outputs()]
    kinds = [each.type for each in (*session.get_inputs(), *session.get_outputs())]
    if "tensor(bfloat16)" not in kinds:
        return lambda feeds: dict(zip(names, session.run(names, feeds), strict=True))

    def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
        """By OrtValues, since arrays of NumPy have no bfloat16."""
        make = onnxruntime.OrtValue
        values = {
            name: make.ortvalue_from_numpy_with_onnx_type(x.view("u2"), BFLOAT16)
            if x.dtype.name == "bfloat16"
            else make.ortvalue_from_numpy(x)
            for name, x in feeds.items()
        }
        found = session.run_with_ort_values(names, values)
        return dict(zip(names, map(_array, found), strict=True))

    return run


def _array(value: Any) -> Any:
    if value.element_type() != BFLOAT16:
        return value.numpy()
    import ctypes

    import ml_dtypes
    import numpy as np

    count = int(np.prod(value.shape(), dtype=np.int64))
    bits = (ctypes.c_uint16 * count).from_address(value.data_ptr()) if count else ()
    return np.array(bits, "u2").view(ml_dtypes.bfloat16).reshape(value.shape())
