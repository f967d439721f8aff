"""An ONNX node that is being read, as readers see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import onnx
from onnx import helper

from seqir import dtypes, shapes
from seqir.errors import SeqirError
from seqir.ir import Array, Builder, FrozenArray, Op, Value
from seqir.operators.constant import Constant
from seqir.ops import rules
from seqir.ops.several import followed, sizes_of
from seqir.ops.size import Size, size_dim
from seqir.ops.tensor import Result, Traced
from seqir.reading.parse import as_array

_MOST = 1 << 24
"""Numbers of the largest array that a reader makes."""


@dataclass
class FileNode:
    """A node of a file before it is read; older forms are changed in it."""

    kind: str
    domain: str
    version: int
    """Of its domain."""
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, onnx.AttributeProto]
    name: str = ""
    scope: str = ""
    constants: dict[str, Array] = field(default_factory=dict[str, Array])
    """Inputs that an older form had as attributes."""

    def value(self, name: str, default: Any = None) -> Any:
        """An attribute as Python's number, text, list or array."""
        proto = self.attributes.get(name)
        if proto is None:
            return default
        if proto.type == onnx.AttributeProto.TENSOR:
            return as_array(proto.t)
        found: Any = helper.get_attribute_value(proto)
        if proto.type < onnx.AttributeProto.FLOATS:
            return _text(found)
        return tuple(map(_text, found))

    def add_input(self, place: int, name: str, values: Any, dtype: Any) -> None:
        """Make an input of what an older form had as an attribute."""
        self.inputs += [""] * (place + 1 - len(self.inputs))
        self.inputs[place] = unique = f"{self.outputs[0]}/{name}/moved"
        self.constants[unique] = np.array(values, dtype)

    def set(self, name: str, value: Any) -> None:
        """Give it an attribute; None takes it away."""
        self.attributes.pop(name, None)
        if value is not None:
            self.attributes[name] = helper.make_attribute(name, value)


class Known(Protocol):
    """Values that are known before the model runs, by their names in the file."""

    def get(self, name: str) -> Array | None: ...


class Take:
    """A node with its operands; see `seqir.ir.Take`.

    `ops` and `apply` are for readers that build what a node means of several operators.
    """

    ops = rules

    def __init__(
        self,
        node: FileNode,
        b: Builder,
        operands: Sequence[Value | None],
        known: Known,
        around: tuple[Builder, Sequence[Value | None]] | None = None,
    ) -> None:
        self.node = node
        self.kind = node.kind
        self.version = node.version
        self.fixed: set[str] = set()
        """Names of the operands that are part of what is read, and not learned."""
        self._b = b
        self._operands = operands
        self._known = known
        """Values of operands that are known, by their names in the file."""
        self._around = around or (b, operands)
        """The graph around a meaning, and the operands in it: what computes them."""

    def attribute(self, name: str, default: Any) -> Any:
        return self.node.value(name, default)

    def __len__(self) -> int:
        return len(self._operands)

    def __getitem__(self, place: int) -> Traced | None:
        value = self._operands[place] if place < len(self._operands) else None
        return None if value is None else Traced(self._b, value)

    def x(self, place: int = 0) -> Traced:
        """An operand that is always there."""
        found = self[place]
        assert found is not None, f"{self.kind} lacks operand {place}"
        return found

    def given(self, place: int) -> bool:
        return place < len(self._operands) and self._operands[place] is not None

    def wants(self, place: int) -> bool:
        """Whether the file reads that result."""
        return place < len(self.node.outputs) and bool(self.node.outputs[place])

    def constant(self, place: int) -> Array | None:
        if place >= len(self.node.inputs):
            return None
        name = self.node.inputs[place]
        self.fixed.add(name)
        return self._known.get(name)

    def hold(self, *places: int) -> None:
        """Say that no training changes these operands: they were not learned."""
        self.fixed.update(self.node.inputs[place] for place in places)

    def ints(self, place: int) -> tuple[int, ...] | None:
        array = self.constant(place)
        if array is not None:
            whole = array.dtype.kind in "iu"
            return tuple(int(i) for i in array.reshape(-1)) if whole else None
        x = self[place]
        if x is None or x.ndim > 1 or not dtypes.is_integer(x.dtype):
            return None
        b, operands = self._around
        value = operands[place]
        assert value is not None
        found = followed(Traced(b, value))
        if found is None or not all(isinstance(i, int) for i in found.flat):
            return None
        return tuple(int(i) for i in found.flat)

    def option(self, name: str, place: int, default: Any = None) -> Any:
        """Integers that are an attribute in some opsets and an operand in others.

        `NotKnown` if it is an operand that only the run knows.
        """
        if name in self.node.attributes:
            return self.attribute(name, default)
        if not self.given(place):
            return default
        found = self.ints(place)
        if found is None:
            raise NotKnown
        return found

    def around(self, place: int) -> tuple[shapes.Dim, ...] | None:
        """What the sizes in an operand are called outside of a meaning."""
        known = self.ints(place)
        if known is not None:
            return known
        b, operands = self._around
        value = operands[place] if place < len(operands) else None
        found = None if value is None else followed(Traced(b, value))
        if found is None or found.ndim != 1:
            return None
        return tuple(size_dim(n) if isinstance(n, Size) else n for n in found)

    def sizes(self, place: int) -> tuple[Any, ...]:
        """The sizes in a vector: integers, sizes of tensors, numbers of the run."""
        found = self.ints(place)
        return self.sizes_of(self.x(place)) if found is None else found

    def sizes_of(self, x: Traced) -> tuple[Any, ...]:
        """The sizes in a vector that is computed."""
        return sizes_of(x)

    def apply(self, op: Op, *operands: Result) -> Any:
        """The result of an operator."""
        return rules.apply(op, *operands)

    def expect_room(self, *sizes: int | None) -> None:
        """End the reader, with `NotKnown`, where it would make too large an array.

        A file of some bytes may ask for any size; sizes that are unknown count as 1.
        """
        if math.prod(size for size in sizes if size) > _MOST:
            raise NotKnown

    def array(self, values: Any) -> Traced:
        """A constant."""
        return Traced(self._b, self._b(Constant(FrozenArray(np.asarray(values)))))

    def unknown(self, name: str) -> str:
        """A name for a size that the run finds out."""
        return self._b.unknown(name)


def _text(found: Any) -> Any:
    """Text as Python has it; anything else as it is."""
    bytes_ = isinstance(found, bytes)
    return found.decode(errors="surrogateescape") if bytes_ else found


MALFORMED: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a node leads to that lacks an operand, or has an attribute of another type."""


class NotKnown(Exception):  # noqa: N818  # it never leaves a reader
    """An operand that a reader needs is known to the run only."""


UNREADABLE: Final = (SeqirError, NotKnown, *MALFORMED)
"""What a reader meets in a node that it does not know, or that breaks ONNX's rules."""
