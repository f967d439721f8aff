"""What all elementwise operators share: broadcasting, one dtype, free transposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from seqir import shapes
from seqir.errors import DTypeError
from seqir.ir import (
    Array,
    Emit,
    Functions,
    Node,
    Op,
    Operand,
    Perm,
    Permuted,
    Take,
)
from seqir.operators.kinds import check_kind
from seqir.tensortype import TensorType


class Elementwise(Op):
    """``y[i] = f(a[i], b[i], ...)`` with NumPy's broadcasting and one element type."""

    elementwise: ClassVar[bool] = True
    onnx: ClassVar[str]
    kinds: ClassVar[str] = "number"
    """Accepted element types; see `check_kind`."""
    result_dtype: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        onnx = cls.__dict__.get("onnx")
        if isinstance(onnx, str):
            cls.reads = (onnx,)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls.taken(take), tuple(range(len(take)))

    @classmethod
    def taken(cls, take: Take) -> Op:
        """The operator with the attributes of an ONNX node."""
        return cls()

    def infer(self, *operands: TensorType) -> tuple[TensorType]:
        found = {x.dtype for x in operands}
        if len(found) != 1:
            raise DTypeError(
                f"{self.name} needs operands of one element type, "
                f"got {' and '.join(sorted(found))}"
            )
        (dtype,) = found
        check_kind(self.name, dtype, self.kinds)
        shape = shapes.broadcast(*[x.shape for x in operands])
        return (TensorType(self.result_dtype or dtype, shape),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        return (emit(self.onnx, *operands, **self.attributes()),)

    def attributes(self) -> dict[str, Any]:
        """ONNX attributes of the node."""
        return {}

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        # An operand of lower rank counts as one with leading axes of size 1.
        return Permuted(self, perm)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return self


class Unary(Elementwise):
    """``y[i] = f(x[i])``."""

    kinds: ClassVar[str] = "float"

    def evaluate(self, x: Array) -> tuple[Array]:
        return (self.compute(x).astype(x.dtype, copy=False),)

    def compute(self, x: Array) -> Array:
        """The function itself, in NumPy."""
        raise NotImplementedError

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        """The function in plainer ones, for a runtime that has not this one."""
        return None

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        return self.plain(ops, operands[0]) if target == "plain" else None
