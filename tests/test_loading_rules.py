"""What reads files can run nothing that they say; the source shows it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqir

ROOT = Path(seqir.__file__).parent
ALSO = ("tensorfile.py", "files.py")
READERS = sorted(
    path
    for package in ("formats", "datasets", "downloads", "persistence")
    for path in (ROOT / package).rglob("*.py")
) + [ROOT / name for name in ALSO]

MODULES = {
    "pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle",
    "joblib", "importlib", "imp", "runpy", "pkgutil", "code", "codeop", "ctypes",
    "subprocess",
}  # fmt: skip
"""Modules that turn bytes into code or names into modules."""
CALLS = {
    "eval", "exec", "compile", "__import__", "globals", "locals", "setattr", "delattr",
    "extract", "extractall", "unpack_archive", "system", "popen", "load_module",
}  # fmt: skip
ALLOWED = {("re", "compile"), ("model", "compile")}


def sins(tree: ast.AST) -> Iterator[str]:
    """What a module does that no reader may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (f"imports {n}" for n in names if n.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield f"imports from {node.module}"
        elif isinstance(node, ast.Call):
            yield from _sins_of_call(node)


def _sins_of_call(node: ast.Call) -> Iterator[str]:
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    name = node.func.attr if owner is not None else ast.unparse(node.func)  # pyright: ignore[reportAttributeAccessIssue]
    if name in CALLS and (ast.unparse(owner or node), name) not in ALLOWED:
        yield f"calls {ast.unparse(node.func)}"
    if name == "getattr" and not isinstance(node.args[1], ast.Constant):
        yield f"looks a name up: {ast.unparse(node)}"
    for keyword in node.keywords:
        allowed = keyword.arg != "allow_pickle" or ast.unparse(keyword.value) == "False"
        if not allowed:
            yield f"allows pickles: {ast.unparse(node)}"
    if name == "load" and ast.unparse(owner or node) in ("np", "numpy"):
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if given.get("allow_pickle") != "False":
            yield f"does not forbid pickles: {ast.unparse(node)}"


@pytest.mark.parametrize("path", READERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_readers_run_nothing(path: Path) -> None:
    assert not list(sins(ast.parse(path.read_text())))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import importlib.util",
        "from marshal import loads",
        "import os, dill as d",
        "eval(text)",
        "builtins.exec(text)",
        "__import__(name)",
        "compile(text, '', 'exec')",
        "getattr(module, name)",
        "getattr(module, entry['class_name'])",
        "np.load(path, allow_pickle=True)",
        "np.load(path)",
        "read_array(file, allow_pickle=trusted)",
        "archive.extractall(folder)",
        "setattr(thing, key, value)",
        "os.system(command)",
    ],
)
def test_the_rule_sees_it(source: str) -> None:
    assert list(sins(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "re.compile('x')",
        "getattr(error, 'strerror', None)",
        "np.load(path, allow_pickle=False)",
        "import zipfile, json",
        "layer.compile",
    ],
)
def test_the_rule_does_not_see_too_much(source: str) -> None:
    assert not list(sins(ast.parse(source)))
