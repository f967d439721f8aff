"""Nodes of ONNX files that are kept as they stand in the file.

They are no operators of the IR with rules of their own: a file brings them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from seqir import dtypes, shapes
from seqir.errors import ShapeError, UnsupportedError
from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Graph,
    Node,
    Op,
    Operand,
    Results,
    evaluate,
)
from seqir.operators.control import cost_of
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Foreign(Op):
    """An ONNX node that the IR has no operators for, written again as it was.

    Shapes: those that ONNX's own inference found when the file was read; sizes that
        the operands' had names for are renamed with them.
    Raises: ShapeError for operands of another rank or known size.
    Source: any ONNX operator of any domain.
    """

    name: ClassVar[str] = "foreign"
    takes_text: ClassVar[bool] = True
    takes_opaque: ClassVar[bool] = True
    only_runtime: ClassVar[bool] = True
    pure: ClassVar[bool] = False
    folds: ClassVar[bool] = False
    kind: str
    domain: str
    version: int
    """Of its domain, in which the node is written."""
    attributes: tuple[tuple[str, bytes], ...]
    """Names, and each as an ``AttributeProto``."""
    captured: tuple[str, ...]
    """What graphs among the attributes read from around; the last operands are that."""
    given: tuple[bool, ...]
    """Which of the inputs are there."""
    wanted: tuple[bool, ...]
    """Which of the outputs are."""
    taken: tuple[TensorType, ...]
    """Types of the operands."""
    types: tuple[TensorType, ...]
    """Types of the results."""

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        names: dict[str, shapes.Dim] = {}
        for found, taken in zip(operands, self.taken, strict=True):
            if found == taken:
                continue
            if found.dtype != taken.dtype or found.rank != taken.rank:
                raise ShapeError(
                    f"{self.called} was read for {taken} and cannot take {found}"
                )
            for new, old in zip(found.shape, taken.shape, strict=True):
                if isinstance(old, str):
                    names.setdefault(old, new)
                elif isinstance(new, int) and new != old:
                    raise ShapeError(
                        f"{self.called} was read for {taken} and cannot take {found}"
                    )
        if not names:
            return self.types
        return tuple(
            t.with_shape(tuple(shapes.rename(d, names) for d in t.shape))
            if t.dtype != dtypes.OPAQUE
            else t
            for t in self.types
        )

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        raise UnsupportedError(
            f"{self.called} is known to ONNX Runtime alone: run the model instead of "
            "the reference"
        )

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        return emit.foreign(self, *operands)

    @property
    def least_opset(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Op.least_opset if self.domain else max(Op.least_opset, self.version)

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        raise UnsupportedError(
            f"{self.called} has no gradient: freeze what lies before it "
            "(variable.trainable = False), or take the part of the model behind it"
        )

    @property
    def called(self) -> str:
        return f"{self.domain}.{self.kind}" if self.domain else self.kind

    def __str__(self) -> str:
        return self.called


@dataclass(frozen=True)
class Whole(Foreign):
    """An ONNX node that is several operators of the IR, and stays one.

    `meaning` computes the same. It says what the results and the gradients are; the
    file keeps the node, for which runtimes have one fast kernel.
    """

    name: ClassVar[str] = "whole"
    only_runtime: ClassVar[bool] = False
    pure: ClassVar[bool] = True
    folds: ClassVar[bool] = True
    meaning: Graph

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        found = evaluate(self.meaning, self._named(operands))
        return tuple(found[name] for name in self.meaning.outputs)

    def _named(self, operands: Sequence[Array]) -> dict[str, Array]:
        return dict(zip(self.meaning.inputs, operands, strict=True))

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Results | None:
        found = ops.inlined(self.meaning, operands)
        return found[0] if len(found) == 1 else tuple(found)

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        gs = g if isinstance(g, tuple) else (g,)
        return ops.inlined_gradient(ops, self.meaning, operands, gs)

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.meaning,)

    @property
    def own_operands(self) -> int:
        return len(self.taken)

    def with_bodies(self, bodies: Sequence[Graph]) -> Whole:
        (meaning,) = bodies
        taken, types = (
            tuple(v.type for v in values.values())
            for values in (meaning.inputs, meaning.outputs)
        )
        return replace(self, meaning=meaning, taken=taken, types=types)

    def cost(self, node: Node) -> int | str:
        return cost_of(self.meaning)
