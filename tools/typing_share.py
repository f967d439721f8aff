"""How many annotations of each package are `Any`: the table in docs/architecture.md.

    python -m tools.typing_share            # print the table
    python -m tools.typing_share layers     # and where `Any` stands in one package

An annotation is that of an argument, a result or an attribute; it counts as `Any` if
the word is in it anywhere (``list[Any]`` says little more than ``Any``).
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "seqir"


def annotated(path: Path) -> Iterator[ast.expr]:
    """The annotations of arguments, results and attributes in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        found = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(found, ast.expr):
            yield found


def says_any(annotation: ast.expr) -> bool:
    """Whether the word is in it."""
    return any(
        isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation)
    )


def shares() -> dict[str, tuple[int, int]]:
    """For each package and for "all": how many annotations are `Any`, and how many."""
    total: Counter[str] = Counter()
    vague: Counter[str] = Counter()
    for path in sorted(ROOT.rglob("*.py")):
        inside = path.relative_to(ROOT).parts
        for annotation in annotated(path):
            for name in (inside[0].removesuffix(".py"), "all"):
                total[name] += 1
                vague[name] += says_any(annotation)
    return {name: (vague[name], total[name]) for name in sorted(total)}


def table() -> str:
    """The packages with more than 40 annotations, as Markdown."""
    rows = ["| package | annotations | with `Any` |", "|---|---|---|"]
    for name, (vague, total) in shares().items():
        if total > 40:
            rows.append(f"| `{name}` | {total} | {vague / total:.0%} |")
    return "\n".join(rows)


def main() -> None:
    """Print the table, and the annotations of the packages that are asked for."""
    print(table())
    for name in sys.argv[1:]:
        for path in sorted((ROOT / name).rglob("*.py")):
            for annotation in annotated(path):
                if says_any(annotation):
                    line = path.read_text().splitlines()[annotation.lineno - 1]
                    print(f"{path.relative_to(ROOT)}:{annotation.lineno}: {line}")


if __name__ == "__main__":
    main()
