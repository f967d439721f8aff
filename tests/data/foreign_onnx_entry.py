"""One model of the archive, as the scripts that make them hand it over."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from sklearn.datasets import load_digits


@dataclass(frozen=True)
class Entry:
    name: str
    model: onnx.ModelProto
    inputs: list[Any]
    """Arrays in the order of the graph's inputs that no initializer fills."""
    outputs: list[Any]
    """Arrays in the order of the graph's outputs; a list of arrays is a sequence."""
    tool: str
    kind: str
    data: bytes = field(default=b"", repr=False)
    """What lies beside the model, in NAME.data."""


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 1, 8, 8] from 0 to 1, and their labels."""
    found: Any = load_digits()
    return (found.images[:, None] / 16).astype(np.float32), found.target.astype(int)


def run(entry: Entry) -> list[Any]:
    """What ONNX Runtime makes of it."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{entry.name}.onnx"
        path.write_bytes(entry.model.SerializeToString())
        if entry.data:
            path.with_suffix(".data").write_bytes(entry.data)
        session = ort.InferenceSession(path, options)
    names = [i.name for i in session.get_inputs()]
    found = session.run(None, dict(zip(names, entry.inputs, strict=True)))
    return [plain(value) for value in found]


def plain(value: Any) -> Any:
    """An array, or a list of arrays; a list of maps is one array, keys in order."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([[one[k] for k in sorted(one)] for one in value], np.float32)
    return value


def worst(entry: Entry, found: list[Any]) -> float:
    """The largest difference to what was expected."""
    assert len(found) == len(entry.outputs), (len(found), len(entry.outputs))
    most = 0.0
    for got, expected in zip(found, entry.outputs, strict=True):
        pairs = [(got, expected)]
        if isinstance(expected, list):
            pairs = list(zip(got, expected, strict=True))
        for a, b in pairs:
            a, b = np.asarray(a), np.asarray(b)
            assert a.shape == b.shape, (a.shape, b.shape)
            assert (a.dtype == b.dtype) or a.dtype == object, (a.dtype, b.dtype)
            if b.dtype.kind in "OUS":
                assert (a.astype(str) == b.astype(str)).all()
            elif b.size:
                gap = np.abs(a.astype(np.float64) - b.astype(np.float64))
                most = max(most, float(gap.max()))
    return most
