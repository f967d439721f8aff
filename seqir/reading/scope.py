"""What names of a file mean at a place of it: in the graph, or in a body inside."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np

from seqir.errors import SeqirError
from seqir.ir import Array, Builder, Node, Region, Value
from seqir.reading.parse import Parsed
from seqir.reading.take import MALFORMED

_FEW = 64
"""Numbers of the largest array that is computed on the way: shapes are short."""


class Known:
    """Values that are known by name: constants, and initializers when asked for."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._tensors = {t.name: t for t in parsed.initializers}
        self._arrays: ChainMap[str, Array] = ChainMap()
        self._folded: dict[Value, Array] = {}

    def inside(self) -> Known:
        """What is known in a body: all this, and what it adds for itself."""
        known = copy(self)
        known._arrays = self._arrays.new_child()
        return known

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Some more of them."""
        self._arrays.update(arrays)

    def get(self, name: str) -> Array | None:
        """The values of that name, if they are known."""
        if name not in self._arrays and name in self._tensors:
            self._arrays[name] = self._parsed.array(self._tensors[name])
        return self._arrays.get(name)

    def fold(self, node: Node) -> None:
        """Compute the results of a node whose operands are a few known numbers."""
        if node.op.constant is not None:
            found: tuple[Array, ...] = (node.op.constant.array,)
        elif (
            not node.op.folds
            or not self._folded.keys() >= {*node.operands}
            or not all(_is_short(value) for value in node.results)
        ):
            return
        else:
            try:
                with np.errstate(all="ignore"):
                    found = node.op.evaluate(*(self._folded[v] for v in node.operands))
            except (SeqirError, *MALFORMED):
                return
        for value, array in zip(node.results, found, strict=True):
            if array.size <= _FEW and array.dtype != object:
                self._folded[value] = array

    def of(self, value: Value) -> Array | None:
        """What a value is, as far as it was computed."""
        return self._folded.get(value)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays or name in self._tensors


def _is_short(value: Value) -> bool:
    sizes = [d for d in value.type.shape if isinstance(d, int)]
    return len(sizes) == value.type.rank and math.prod(sizes) <= _FEW


@dataclass
class Scope:
    """The values behind names, and the builder that new ones go to."""

    b: Builder
    known: Known
    outer: Scope | None = None
    called: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names inside that are other ones outside."""
    values: dict[str, Value] = field(default_factory=dict[str, Value])

    @property
    def root(self) -> Scope:
        """That of the whole graph."""
        return self if self.outer is None else self.outer.root

    def inside(self, b: Builder, called: Mapping[str, str]) -> Scope:
        """That of a body, whose nodes a builder gets."""
        return replace(
            self, b=b, known=self.known.inside(), outer=self, called=called, values={}
        )

    def __contains__(self, name: str) -> bool:
        """Whether a name means something here."""
        if name in self.values or name in self.known:
            return True
        return self.outer is not None and name in self.outer

    def get(self, name: str) -> Value | None:
        """The value of a name; one of the graph around a region is captured."""
        if name not in self.values:
            found = None if self.outer is None else self.outer.get(name)
            if self.outer is None or found is None:
                return None
            if isinstance(self.b, Region) and self.b is not self.outer.b:
                found = self.b.capture(found)
            self.values[name] = found
        return self.values[name]
