"""ONNX's own test cases, as its package holds them, and what becomes of them here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import onnx.backend.test
from onnx import numpy_helper

from seqir import reading
from seqir.errors import UnsupportedError
from seqir.operators.foreign import Foreign, Whole
from seqir.reading import ReadGraph

DATA = Path(onnx.backend.test.__file__).parent / "data"
FOLDERS = ("simple", "pytorch-operator", "pytorch-converted")
STATES = ("typed", "whole", "foreign", "refused")


@dataclass(frozen=True)
class Case:
    """A model with inputs and the outputs that it has for them."""

    name: str
    model: onnx.ModelProto
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    rtol: float = 1e-3
    atol: float = 1e-7

    def __str__(self) -> str:
        return self.name

    @property
    def feeds(self) -> dict[str, Any]:
        """The inputs by their names."""
        names = [value.name for value in self.model.graph.input]
        return dict(zip(names, self.inputs, strict=False))


@cache
def cases() -> tuple[Case, ...]:
    """All of them: of single operators, of their expansions, and of small models."""
    return (*_of_operators(), *(case for each in FOLDERS for case in _of_folder(each)))


def _of_operators() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases overflow on purpose
        from onnx.backend.test.case.node import collect_testcases

        found: list[Any] = collect_testcases(None)
    for case in found:
        ((inputs, outputs),) = case.data_sets
        yield Case(case.name, case.model, inputs, outputs, case.rtol, case.atol)


def _of_folder(kind: str) -> Iterator[Case]:
    for folder in sorted((DATA / kind).iterdir()):
        data = folder / "test_data_set_0"
        model = onnx.ModelProto.FromString((folder / "model.onnx").read_bytes())
        inputs = _values(data, "input", model.graph.input)
        outputs = _values(data, "output", model.graph.output)
        yield Case(f"{kind}/{folder.name}", model, inputs, outputs)


def light_models() -> list[Path]:
    """Well-known networks whose weights the files make themselves."""
    return sorted((DATA / "light").glob("*.onnx"))


def _values(folder: Path, word: str, infos: Sequence[onnx.ValueInfoProto]) -> list[Any]:
    files = [(folder / f"{word}_{i}.pb", info) for i, info in enumerate(infos)]
    return [_value(file, info.type) for file, info in files if file.exists()]


def _value(file: Path, type: onnx.TypeProto) -> Any:
    data = file.read_bytes()
    if type.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


@cache
def read(place: int) -> ReadGraph | UnsupportedError:
    """The graph of a case, or why there is none."""
    try:
        return reading.read(reading.parse(cases()[place].model))
    except UnsupportedError as error:
        return error


def states(place: int) -> dict[str, str]:
    """What each operator of a case became, by its name."""
    found, graph = read(place), cases()[place].model.graph
    if isinstance(found, UnsupportedError):
        return {_called(node): "refused" for node in graph.node}
    kept = {
        value.name: "whole" if isinstance(node.op, Whole) else "foreign"
        for node in found.graph.nodes
        if isinstance(node.op, Foreign)
        for value in node.results
    }
    states: dict[str, str] = {}
    for node in graph.node:
        here = [kept[name] for name in node.output if name in kept]
        before = states.get(_called(node), STATES[0])
        states[_called(node)] = max((before, *here), key=STATES.index)
    return states


def _called(node: onnx.NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type
