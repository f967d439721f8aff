"""The page of ONNX's operators: ``python -m tools.onnx_coverage``.

Writes docs/onnx_coverage.md from ONNX's own test cases; a test compares the page with
what this makes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import onnx

from tools.backend_cases import STATES, cases, states

PAGE = Path(__file__).parents[1] / "docs" / "onnx_coverage.md"
HEAD = """# Which ONNX operators are read

Made by `python -m tools.onnx_coverage` from the test cases in the package onnx
{version}: {total} models of one operator or a few. `seqir.load_onnx` makes of a node:

- **typed**: operators of the IR. They have NumPy's values, gradients, and passes that
  make them faster; a changed opset or target is spelled as it needs.
- **whole**: the node as it was, of which it is known which operators it means: it has
  values, gradients and costs by these, and is written again untouched.
- **foreign**: the node as it was, with the types that ONNX's own inference finds. It is
  summarized, cut, joined and exported; it has no gradient.
- **refused**: an `UnsupportedError` that says what to do.

All {total} compute after reading, passes and writing what they computed before,
wherever ONNX Runtime computes the original (`tests/test_backend_cases.py`).
Of the models, {typed} are typed throughout, {whole} have whole nodes, {foreign} have
foreign ones and {refused} are refused. A line counts the models that have the operator;
those that ONNX makes by expanding an operator count for what they are made of.

| operator | typed | whole | foreign | refused |
|---|---|---|---|---|
"""


def rows() -> tuple[dict[str, Counter[str]], Counter[str]]:
    """How many cases of each operator are what, and how many are that altogether."""
    operators: dict[str, Counter[str]] = defaultdict(Counter)
    models: Counter[str] = Counter(dict.fromkeys(STATES, 0))
    for place in range(len(cases())):
        found = states(place)
        models[max(found.values(), key=STATES.index)] += 1
        for name, state in found.items():
            operators[name][state] += 1
    return operators, models


def without_cases(known: set[str]) -> list[str]:
    """Operators that no case has, of all domains, those in use today."""
    schemas = onnx.defs.get_all_schemas()
    names = {f"{s.domain}.{s.name}" if s.domain else s.name for s in schemas}
    return sorted(names - known)


def page() -> str:
    """The whole text of docs/onnx_coverage.md."""
    operators, models = rows()
    total = sum(models.values())
    head = HEAD.format(version=onnx.__version__, total=total, **models)
    lines = [
        f"| {name} | {' | '.join(str(found[s] or '') for s in STATES)} |"
        for name, found in sorted(operators.items())
    ]
    rest = ", ".join(without_cases(set(operators)))
    return head + "\n".join(lines) + f"\n\nNo case has: {rest}.\n"


if __name__ == "__main__":
    PAGE.write_text(page())
