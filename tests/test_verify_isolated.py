"""Files that nobody vouches for, verified in a process with limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import model, node, saved
from test_cli import Outcome

import seqir
from seqir.errors import ArgumentError, CorruptFileError, RunError

pytest.importorskip("onnxruntime")

ENDS = {"x": ("f32", ["n", 3])}, {"y": ("f32", ["n", 3])}


def test_the_report_is_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [node("Relu", "x", "y")], *ENDS)
    x = np.linspace(-1, 1, 12, dtype="f").reshape(4, 3)
    here = seqir.verify(path, "onnxruntime", {"x": x}).to_dict()
    apart = seqir.verify(path, "onnxruntime", {"x": x}, isolated=True).to_dict()
    for report in (here, apart):
        report["runtimes"][0]["seconds"] = 0
    assert apart == here
    assert apart["passed"]
    found = Outcome("verify", str(path), "--on", "onnxruntime", "--isolated", "--json")
    assert found.json["inputs"] == {"x": "f32[2, 3]"}


def test_errors_are_those_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(CorruptFileError, match=r"m\.onnx is no ONNX model"):
        seqir.verify(tmp_path / "m.onnx", "onnxruntime", isolated=True)


def endless(path: Path) -> Path:
    """A loop of as many rounds as there are numbers."""
    nodes = [node("Add", "a a", "b"), node("Identity", "c", "d")]
    inputs: dict[str, Any] = {"i": ("i64", []), "c": ("b1", []), "a": ENDS[0]["x"]}
    outputs: dict[str, Any] = {"d": ("b1", []), "b": ENDS[0]["x"]}
    body = model(nodes, inputs, outputs).graph
    nodes = [node("Loop", "rounds yes x", "y", body=body)]
    weights = {"rounds": np.int64(2**62), "yes": np.array(True)}
    return saved(path, nodes, *ENDS, weights)


def test_a_loop_without_an_end_is_stopped(tmp_path: Path) -> None:
    path = endless(tmp_path / "m.onnx")
    with pytest.raises(RunError, match=r"its time was up after 3 s, while it"):
        seqir.verify(path, "onnxruntime", isolated=True, timeout=3)


def test_memory_is_limited(tmp_path: Path) -> None:
    nodes = [
        node("ConstantOfShape", "size", "much"),
        node("ReduceMax", "much", "most", keepdims=0),
        node("Add", "x most", "y"),
    ]
    path = saved(tmp_path / "m.onnx", nodes, *ENDS, {"size": np.array([2**33])})
    with pytest.raises(RunError, match=r"ran out of memory while|Failed to allocate"):
        seqir.verify(path, "onnxruntime", isolated=True, memory=1)


def test_a_process_that_dies_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "m.onnx", [node("Relu", "x", "y")], *ENDS)
    with pytest.raises(RunError, match=r"m\.onnx was not verified: it .*memory|code"):
        seqir.verify(path, "onnxruntime", isolated=True, memory=0.001)


@pytest.mark.parametrize("limit", ["timeout", "memory"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_limits_are_positive_numbers(limit: str, value: float) -> None:
    limits: dict[str, Any] = {limit: value}
    with pytest.raises(ArgumentError, match=rf"{limit} is .*; use a positive number"):
        seqir.verify("m.onnx", "onnxruntime", **limits)
