"""The rules that the tree itself must keep."""

import ast
import importlib
import json
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

import seqir

ROOT = Path(seqir.__file__).parent
FLOORS = (
    "text errors absent registered dtypes shapes tensortype naming narrow nest "
    "plain config dtype_policies files tensorfile stored downloads version console "
    "weak wire fields registry arguments numerals progress collector contexts",
    "ir initializers",
    "operators",
    "ops",
    "passes activations regularizers constraints autodiff losses data",
    "lower reading optimizers metrics callbacks random images gradients",
    "runtime runtimes",
    "layer",
    "layers",
    "formats network",
    "train summary export difference",
    "persistence verification",
    "model",
    "models",
    "saving utils plot applications datasets",
    "backend mixed_precision preprocessing tree wrappers",
    "cli",
    "__main__",
)
RANK = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
OWNER = {
    "onnx": ("lower", "reading", "difference", "runtimes", "verification"),
    "onnxruntime": ("runtime", "runtimes"),
}
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
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for package, *rest in imported(path):
        if package == "seqir" and rest and rest[0] != own and rest[0] in RANK:
            # seqir.plot is what utils.plot_model calls: the one import on a floor.
            allowed = (own, rest[0]) == ("utils", "plot")
            below = RANK[rest[0]] < RANK[own] or RANK[own] == 0
            assert below or allowed, f"{own} imports {rest[0]}, which is above it"
        owners = OWNER.get(package, (own,))
        doctor = path.name == "doctor.py"  # asks for versions
        assert own in owners or doctor, f"{own}/ may not import {package}"


def test_every_package_has_a_floor() -> None:
    packages = {p.relative_to(ROOT).parts[0].removesuffix(".py") for p in FILES}
    assert packages <= set(RANK)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in ROOT.rglob("*.py")}


def imports_of(module: str) -> Iterator[tuple[str, str]]:
    """Modules of seqir that a module imports, and when."""
    tree = ast.parse(MODULES[module].read_text())
    when = dict.fromkeys(ast.walk(tree), "loading")
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            when |= dict.fromkeys(ast.walk(block), "checking")
        elif isinstance(block, ast.FunctionDef):
            when |= dict.fromkeys(ast.walk(block), "calling")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in full]
        else:
            continue
        for name in names:
            if name in MODULES and name != module:
                yield name, when[node]


def test_files_import_each_other_in_no_circle() -> None:
    """Imports for type checking and inside of functions count, too."""
    graph = nx.DiGraph((m, name) for m in MODULES for name, _ in imports_of(m))
    for circle in filter(lambda c: len(c) > 1, nx.strongly_connected_components(graph)):
        raise AssertionError(f"a circle: {sorted(circle)}")


def test_imports_inside_of_functions_are_lazy() -> None:
    """What they import is not loaded by the file anyway.

    They are there so that `import seqir`, `seqir --help` and the definition of a model
    do not load what only some calls need: a package that is slow to load, or a whole
    package of seqir that stands on one (onnxruntime, rich, h5py) or on many files. So
    an import inside of a function that loads nothing new belongs to the top.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(MODULES)
    for module in MODULES:
        now = [name for name, when in imports_of(module) if when == "loading"]
        package = module.rpartition(".")[0]
        graph.add_edges_from((module, name) for name in [*now, package] if name)
    for module in MODULES:
        loaded = nx.descendants(graph, module)
        late = {name for name, when in imports_of(module) if when == "calling"}
        assert not late & loaded, f"{module} imports {late & loaded} in a function"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_docstrings_write_arguments_as_they_are(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            names = {a.arg for a in (*node.args.posonlyargs, *node.args.args)}
            first = re.match(r"[B-Z]\b", ast.get_docstring(node) or "")
            capital = first and first[0] not in names and first[0].lower() in names
            assert not capital, f"{node.name} begins with {first and first[0]}"


TESTS = sorted(Path(__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda p: p.stem)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600


MODEL = """
import json, sys, numpy, seqir
from seqir import layers
m = seqir.Sequential([seqir.Input((4,)), layers.Dense(2)])
"""


def loaded(code: str) -> set[str]:
    """The modules that some code loads in a new interpreter."""
    code = f"{MODEL}{code}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(run.stdout))


def test_importing_seqir_loads_nothing_heavy() -> None:
    heavy = {"onnx", "onnxruntime", "networkx", "rich", "click", "h5py", "matplotlib"}
    slow = {"difflib", "html", "logging", "string"}
    assert not loaded("") & (heavy | slow)


def test_a_single_batch_loads_no_callbacks() -> None:
    found = loaded(
        "m.compile('adam', 'mse')\n"
        "m.train_on_batch(numpy.zeros((8, 4)), numpy.zeros((8, 2)))"
    )
    assert "onnxruntime" in found
    assert not {"seqir.callbacks", "onnx"} & found


def test_public_names_are_sorted_and_exist() -> None:
    assert sorted(seqir.__all__) == seqir.__all__
    for name in seqir.__all__:
        assert getattr(seqir, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = seqir.nonsense
    assert dir(seqir) == seqir.__all__


NESTED = ("applications", "datasets", "optimizers", "preprocessing")
"""Modules that list modules."""


@pytest.mark.parametrize(
    "name", [*seqir._MODULES, "operators", "model", "passes", "ir"]
)
def test_packages_export_what_they_say(name: str) -> None:
    package = importlib.import_module(f"seqir.{name}")
    public = [n for n in package.__all__ if n != "ALL"]
    assert sorted(public) == sorted(set(public))
    for public_name in public:
        inner = isinstance(getattr(package, public_name), types.ModuleType)
        assert not inner or name in NESTED


def test_passes_know_operators_by_their_facts() -> None:
    """No pass compares the name of an operator."""
    for path in (ROOT / "passes").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "name":
                owner = ast.unparse(node.value)
                assert not owner.endswith(".op"), f"{path.name}: {owner}.name"


def test_what_the_type_checker_ignores_has_a_name() -> None:
    """``pyright: ignore[rule]``: pyright itself refuses those that are not needed."""
    for path in FILES:
        for line in path.read_text().splitlines():
            assert "# type: ignore" not in line, f"{path.name}: {line}"
            assert "pyright: ignore" not in line or "ignore[report" in line, line
