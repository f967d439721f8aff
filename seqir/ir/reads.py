"""What reading an ONNX file is written with: its nodes, read and written again."""

from __future__ import annotations

from typing import Any, Protocol

from seqir.ir.rules import Array, Operand


class ForeignNode(Protocol):
    """A node of an ONNX file, as `Emit` writes it again."""

    @property
    def kind(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def attributes(self) -> tuple[tuple[str, bytes], ...]: ...
    @property
    def captured(self) -> tuple[str, ...]: ...
    @property
    def given(self) -> tuple[bool, ...]: ...
    @property
    def wanted(self) -> tuple[bool, ...]: ...


class Take(Protocol):
    """An ONNX node that is being read; `Op.read` sees the file only through this.

    Old forms of an operator come as the newest one.
    """

    kind: str
    """Its ONNX operator."""

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute, or what ONNX says it is where it is not given."""
        ...

    def __len__(self) -> int:
        """How many operands there are, those left out in between counted."""
        ...

    def __getitem__(self, place: int) -> Operand | None:
        """An operand; None where it is left out."""
        ...

    def constant(self, place: int) -> Array | None:
        """The values of an operand that is known; None if it is not, or left out."""
        ...

    def ints(self, place: int) -> tuple[int, ...] | None:
        """The integers of an operand that is known; None if it is not, or left out."""
        ...

    def given(self, place: int) -> bool:
        """Whether an operand is there."""
        ...

    def option(self, name: str, place: int, default: Any = None) -> Any:
        """Integers that are an attribute in some opsets and an operand in others.

        The reader ends where that is an operand which only the run knows.
        """
        ...
