"""The code in figures: ``python -m tools.figures``.

By package: files, lines, the longest file, and the share of ``Any`` among annotations.
For all: files that import each other in a circle, and functions of eight lines or more
that equal another one but for names. `tests/test_figures.py` holds limits of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import networkx as nx

from tools import typing_share

ROOT: Final = Path(__file__).parent.parent / "seqir"
_LINES: Final = 8
"""A function as long as that should not be there twice."""


@dataclass(frozen=True)
class Package:
    """Figures of one package."""

    name: str
    files: int
    lines: int
    longest: int
    annotations: int
    untyped: int
    """Annotations with ``Any`` in them."""


def modules() -> dict[str, ast.Module]:
    """The syntax of all files, by module."""
    return {_module(path): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


def packages() -> list[Package]:
    """Figures by package, files of the first level together."""
    files: dict[str, list[Path]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        files.setdefault(parts[0] if len(parts) > 1 else "", []).append(path)
    return [_figures(name, paths) for name, paths in files.items()]


def circles() -> list[list[str]]:
    """Modules that import each other; imports in functions and for types count too."""
    known = modules()
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, tree in known.items():
        names = (name for node in ast.walk(tree) for name in _imported(node, known))
        graph.add_edges_from((module, name) for name in names if name != module)
    found = nx.strongly_connected_components(graph)
    return sorted(sorted(c) for c in found if len(c) > 1)


def repeated() -> list[list[str]]:
    """Functions that equal each other but for names."""
    by_form: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and _is_long(node):
                by_form.setdefault(_form(node), []).append(f"{module}.{node.name}")
    return sorted(sorted(names) for names in by_form.values() if len(names) > 1)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST, known: dict[str, ast.Module]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif isinstance(node, ast.ImportFrom) and node.module in known:
        full = (f"{node.module}.{alias.name}" for alias in node.names)
        yield from (name if name in known else node.module for name in full)


def _figures(name: str, paths: list[Path]) -> Package:
    lines = [len(path.read_text().splitlines()) for path in paths]
    found = [each for path in paths for each in typing_share.annotated(path)]
    untyped = sum(map(typing_share.says_any, found))
    return Package(name, len(paths), sum(lines), max(lines), len(found), untyped)


def _is_long(node: ast.FunctionDef) -> bool:
    """Whether a function does something, in so many lines without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if len(body) < 3:  # which hands arguments on
        return False
    return (body[-1].end_lineno or 0) - body[0].lineno >= _LINES - 1


def _form(function: ast.FunctionDef) -> str:
    """The text of a function's body with its names numbered in order."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    numbers: dict[str, str] = {}
    nodes = ast.parse(ast.unparse(ast.Module(body, [])))
    for node in ast.walk(nodes):
        for field in ("id", "attr", "arg"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                number = numbers.setdefault(name, f"n{len(numbers)}")
                setattr(node, field, number)
    return ast.unparse(nodes)


def main() -> None:
    """Print the figures as a table of Markdown."""
    found = packages()
    untyped, annotations = (
        sum(getattr(p, field) for p in found) for field in ("untyped", "annotations")
    )
    print("| package | files | lines | longest file | `Any` |")
    print("|---|---|---|---|---|")
    for p in found:
        share = p.untyped / max(p.annotations, 1)
        print(
            f"| {p.name or 'seqir itself'} | {p.files} | {p.lines:,} | {p.longest} | "
            f"{share:.0%} |"
        )
    files, lines = sum(p.files for p in found), sum(p.lines for p in found)
    longest = max(p.longest for p in found)
    share = untyped / annotations
    print(f"| **all** | {files} | {lines:,} | {longest} | {share:.1%} |")
    print()
    print(f"Circles of imports: {len(circles())}. ", end="")
    print(f"Functions that are there twice but for names: {len(repeated())}.")


if __name__ == "__main__":
    main()
