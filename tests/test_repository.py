"""The rules that the tree itself must keep."""

import ast
import importlib
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqir

ROOT = Path(seqir.__file__).parent
FLOORS = (
    "text errors absent registered dtypes shapes tensortype naming nest plain config "
    "dtype_policies files tensorfile stored downloads version console weak",
    "ir initializers",
    "ops",
    "passes activations regularizers constraints autodiff losses data",
    "lower optimizers metrics callbacks random images",
    "runtime",
    "layers",
    "train",
    "formats",
    "model",
    "models saving utils plot applications datasets",
    "backend mixed_precision preprocessing tree",
    "cli",
)
RANK = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
OWNER = {"onnx": "lower", "onnxruntime": "runtime"}
FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def imported(path: Path) -> Iterator[list[str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (node.module or "").split(".")
            yield from ([*base, alias.name] for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for package, *rest in imported(path):
        if package == "seqir" and rest and rest[0] != room and rest[0] in RANK:
            # seqir.plot is what utils.plot_model calls: the one import on a floor.
            allowed = (room, rest[0]) == ("utils", "plot")
            below = RANK[rest[0]] < RANK[room] or RANK[room] == 0
            assert below or allowed, f"{room} imports {rest[0]}, which is above it"
        owner = OWNER.get(package, room)
        doctor = path.name == "doctor.py"  # asks for versions
        assert owner == room or doctor, f"only {owner}/ may import {package}"


def test_every_room_has_a_floor() -> None:
    rooms = {p.relative_to(ROOT).parts[0].removesuffix(".py") for p in FILES}
    assert rooms <= set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 620


def test_importing_seqir_loads_nothing_heavy() -> None:
    code = (
        "import sys, json, seqir\n"
        "from seqir import layers\n"
        "seqir.Sequential([seqir.Input((4,)), layers.Dense(2)])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(run.stdout))
    heavy = {"onnx", "onnxruntime", "networkx", "rich", "click", "h5py", "matplotlib"}
    assert not loaded & heavy


def test_public_names_are_sorted_and_exist() -> None:
    assert sorted(seqir.__all__) == seqir.__all__
    for name in seqir.__all__:
        assert getattr(seqir, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = seqir.nonsense
    assert dir(seqir) == seqir.__all__


@pytest.mark.parametrize("name", ["layers", "ops", "model", "passes", "ir", "runtime"])
def test_rooms_export_what_they_say(name: str) -> None:
    room = importlib.import_module(f"seqir.{name}")
    public = [n for n in room.__all__ if n != "ALL"]
    assert sorted(public) == sorted(set(public))
    for public_name in public:
        assert not isinstance(getattr(room, public_name), types.ModuleType)


def test_passes_know_operators_by_their_facts() -> None:
    """No pass compares the name of an operator."""
    for path in (ROOT / "passes").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "name":
                owner = ast.unparse(node.value)
                assert not owner.endswith(".op"), f"{path.name}: {owner}.name"
