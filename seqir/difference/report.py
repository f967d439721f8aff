"""What is different between two files, as data and as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seqir.text import one_line

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "="}
_MOST_LINES = 40


@dataclass(frozen=True)
class Change:
    """A node, input, output or opset that only one file has, or another one."""

    kind: str
    """"added", "removed", "changed" or "renamed"."""
    name: str
    operator: str = ""
    details: tuple[str, ...] = ()
    """What has changed: ``strides: [1, 1] -> [2, 2]``."""

    def __str__(self) -> str:
        what = f"{self.operator} {self.name}" if self.operator else self.name
        more = f": {'; '.join(self.details)}" if self.details else ""
        return f"{_SIGNS[self.kind]} {what}{more}"


@dataclass(frozen=True)
class WeightChange:
    """A tensor of weights or constants that is not the same in both files."""

    kind: str
    """"added", "removed", "changed" (other numbers), "retyped" or "renamed"."""
    name: str
    type: str
    """Of the second file; of the first where it is removed."""
    before: str = ""
    """Its type, or name, in the first file, where that is another."""
    largest: float | None = None
    """The largest difference of two numbers; None where nothing can be compared."""
    relative: float | None = None
    """The largest, relative to the larger of the two numbers."""
    differing: int = 0
    """How many numbers differ."""
    total: int = 0

    def __str__(self) -> str:
        if self.kind == "changed":
            far = "" if self.largest is None else f"by up to {self.largest:.3g}"
            ratio = "" if self.relative is None else f" (relative {self.relative:.3g})"
            count = f"{self.differing:,} of {self.total:,} numbers differ"
            return f"~ {self.name} {self.type}: {count} {far}{ratio}".rstrip()
        if self.kind in ("retyped", "renamed"):
            sign = "~" if self.kind == "retyped" else "="
            what = self.type if self.kind == "retyped" else self.name
            name = f"{self.name}: " if self.kind == "retyped" else ""
            return f"{sign} {name}{self.before} -> {what}"
        return f"{_SIGNS[self.kind]} {self.name} {self.type}"


@dataclass(frozen=True)
class Difference:
    """All that is different between two models; false if nothing is.

    It prints as a list, and `to_dict` gives it as plain data.
    """

    first: str
    second: str
    facts: tuple[Change, ...]
    """Opsets, inputs and outputs."""
    nodes: tuple[Change, ...]
    weights: tuple[WeightChange, ...]
    node_count: int
    """Nodes of the second model."""
    weight_count: int
    """Tensors of weights of the second model."""

    def __bool__(self) -> bool:
        return bool(self.facts or self.nodes or self.weights)

    def to_dict(self) -> dict[str, Any]:
        """The same as dicts, lists, strings and numbers."""
        return {"different": bool(self), **asdict(self)}

    def __str__(self) -> str:
        if not self:
            return one_line(
                f"{self.first} and {self.second} are the same: {self.node_count} "
                f"nodes, {self.weight_count} tensors of weights"
            )
        lines = [one_line(f"{self.first} -> {self.second}")]
        for title, changes, count in (
            ("Inputs, outputs and opsets", self.facts, None),
            ("Nodes", self.nodes, self.node_count),
            ("Weights", self.weights, self.weight_count),
        ):
            if not changes:
                lines.append(f"{title}: the same")
                continue
            of = "" if count is None else f" (of {count})"
            lines.append(f"{title}: {_counts(changes)}{of}")
            lines += [f"  {one_line(str(each))}" for each in changes[:_MOST_LINES]]
            if len(changes) > _MOST_LINES:
                lines.append(f"  ... and {len(changes) - _MOST_LINES} more")
        return "\n".join(lines)


def _counts(changes: tuple[Change, ...] | tuple[WeightChange, ...]) -> str:
    kinds = [change.kind for change in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
