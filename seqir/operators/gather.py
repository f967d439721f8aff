"""Looking things up by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import DTypeError, ShapeError, UnsupportedError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take, Value
from seqir.operators.kinds import ONNX_CODE
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Gather(Op):
    """y = the slices of x at the indices along an axis; negative ones count back.

    Shapes: x[a, n, b], indices[*i] -> y[a, *i, b].
    Source: ONNX ``Gather`` (opset 13).
    """

    name: ClassVar[str] = "gather"
    reads: ClassVar[tuple[str, ...]] = ("Gather",)
    axis: int = 0

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(take.attribute("axis", 0)), (0, 1)

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType]:
        check_indices(self.name, indices)
        axis = shapes.normalize_axis(self.axis, x.rank)
        return (x.with_shape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])),)

    def evaluate(self, x: Array, indices: Array) -> tuple[Array]:
        return (np.take(x, indices.astype(np.int64), axis=self.axis),)

    def lower(self, emit: Emit, node: Node, x: str, indices: str) -> tuple[str]:
        return (emit("Gather", x, indices, axis=self.axis),)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        taken, indices = flags
        same = (
            indices
            and not taken
            and not shapes.normalize_axis(self.axis, operands[0].rank)
        )
        return self if same else None

    def row_counts(self, *operands: TensorType) -> tuple[int | None, ...]:
        return None, _known(operands[0].shape[self.axis])

    # A slice of x gets the sum of g over all places that it was taken to: g is
    # scattered back into zeros and added, for which the axis of the slices has to come
    # first.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, indices: Operand
    ) -> Cotangents:
        axis, count = shapes.normalize_axis(self.axis, x.ndim), indices.ndim
        g = ops.moveaxis(g, range(axis, axis + count), range(count)) if axis else g
        zeros = ops.zeros_like(ops.moveaxis(x, axis, 0) if axis else x)
        dx = ops.apply(Scatter("add"), zeros, ops.expand_dims(indices, -1), g)
        return ops.moveaxis(dx, 0, axis) if axis else dx, None


@dataclass(frozen=True)
class GatherElements(Op):
    """y[i] = x[..., indices[i], ...]: one lookup per element along an axis.

    Shapes: x and indices of one rank -> y of the indices' shape.
    Source: ONNX ``GatherElements`` (opset 13).
    """

    name: ClassVar[str] = "gather_elements"
    reads: ClassVar[tuple[str, ...]] = ("GatherElements",)
    axis: int

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(take.attribute("axis", 0)), (0, 1)

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType]:
        check_indices(self.name, indices)
        shapes.normalize_axis(self.axis, x.rank)
        if x.rank != indices.rank:
            raise ShapeError(f"gather_elements needs one rank, got {x} and {indices}")
        return (x.with_shape(indices.shape),)

    def evaluate(self, x: Array, indices: Array) -> tuple[Array]:
        grid: list[Array] = [*np.indices(indices.shape)]
        grid[self.axis] = indices.astype(np.int64)
        return (x[tuple(grid)],)

    def lower(self, emit: Emit, node: Node, x: str, indices: str) -> tuple[str]:
        return (emit("GatherElements", x, indices, axis=self.axis),)

    def row_counts(self, *operands: TensorType) -> tuple[int | None, ...]:
        return None, _known(operands[0].shape[self.axis])

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, indices: Operand
    ) -> Cotangents:
        axis = shapes.normalize_axis(self.axis, x.ndim)
        return ops.apply(ScatterElements(axis), ops.zeros_like(x), indices, g), None


@dataclass(frozen=True)
class ScatterElements(Op):
    """y is x with updates[i] added at [..., indices[i], ...] along an axis.

    Shapes: x, indices and updates of one rank, updates of the indices' shape -> y as x.
    Source: ONNX ``ScatterElements`` (opset 16, reduction ``add``).
    """

    name: ClassVar[str] = "scatter_elements"
    reads: ClassVar[tuple[str, ...]] = ("ScatterElements",)
    axis: int

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        if take.attribute("reduction", "none") != "add":
            return None
        return cls(take.attribute("axis", 0)), (0, 1, 2)

    def infer(
        self, x: TensorType, indices: TensorType, updates: TensorType
    ) -> tuple[TensorType]:
        if x.dtype != updates.dtype:
            raise DTypeError(f"scatter_elements into {x} got updates {updates}")
        if GatherElements(self.axis).infer(x, indices) != (updates,):
            raise ShapeError(
                f"scatter_elements at {indices} needs as many updates, got {updates}"
            )
        return (x,)

    def evaluate(self, x: Array, indices: Array, updates: Array) -> tuple[Array]:
        y = x.copy()
        grid: list[Array] = [*np.indices(indices.shape)]
        grid[self.axis] = indices.astype(np.int64)
        np.add.at(y, tuple(grid), updates)
        return (y,)

    def lower(
        self, emit: Emit, node: Node, x: str, indices: str, updates: str
    ) -> tuple[str]:
        how: dict[str, Any] = {"axis": self.axis, "reduction": "add"}
        return (emit("ScatterElements", x, indices, updates, **how),)

    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        x: Operand,
        indices: Operand,
        updates: Operand,
    ) -> Cotangents:
        return g, None, ops.apply(GatherElements(self.axis), g, indices)


@dataclass(frozen=True)
class OneHot(Op):
    """y is 1 at the place that the index names, else 0; a new last axis.

    An index out of range gives zeros (ONNX counts negative indices back from the
    end: the lowering compares instead).
    Source: ONNX ``Equal`` and ``Cast``.
    """

    name: ClassVar[str] = "one_hot"
    depth: int
    dtype: str = "float32"

    def infer(self, indices: TensorType) -> tuple[TensorType]:
        check_indices(self.name, indices)
        return (TensorType(self.dtype, (*indices.shape, self.depth)),)

    def evaluate(self, indices: Array) -> tuple[Array]:
        places = np.arange(self.depth, dtype=indices.dtype)
        return ((indices[..., None] == places).astype(dtypes.to_numpy(self.dtype)),)

    def lower(self, emit: Emit, node: Node, indices: str) -> tuple[str]:
        kind = dtypes.to_numpy(node.operands[0].type.dtype)
        places = emit.constant(np.arange(self.depth, dtype=kind))
        same = emit("Equal", emit("Unsqueeze", indices, emit.ints(-1)), places)
        return (emit("Cast", same, to=ONNX_CODE[self.dtype]),)

    def row_counts(self, *operands: TensorType) -> tuple[int | None, ...]:
        return (self.depth,)


@dataclass(frozen=True)
class Scatter(Op):
    """y is x with updates put in (or added, multiplied, ...) where the indices say.

    Shapes: x[*size], indices[*n, k], updates[*n, *size[k:]] -> y as x.
    Source: ONNX ``ScatterND`` (opset 16; ``max`` and ``min`` 18). Without a reduction
        places must differ.
    """

    name: ClassVar[str] = "scatter"
    reads: ClassVar[tuple[str, ...]] = ("ScatterND",)
    reduction: str = "none"

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(take.attribute("reduction", "none")), (0, 1, 2)

    UFUNCS: ClassVar[dict[str, np.ufunc]] = {
        "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    }  # fmt: skip

    @property
    def adds_slices(self) -> bool:
        return self.reduction == "add"

    def infer(
        self, x: TensorType, indices: TensorType, updates: TensorType
    ) -> tuple[TensorType]:
        if x.dtype != updates.dtype:
            raise DTypeError(f"scatter into {x} got updates {updates}")
        wanted = slices_at(self.name, x, indices)
        if updates.shape != wanted:
            raise ShapeError(f"scatter needs updates {wanted}, got {updates}")
        return (x,)

    def evaluate(self, x: Array, indices: Array, updates: Array) -> tuple[Array]:
        y, places = x.copy(), tuple(np.moveaxis(indices, -1, 0))
        if self.reduction == "none":
            y[places] = updates
        else:
            self.UFUNCS[self.reduction].at(y, places, updates)
        return (y,)

    def lower(
        self, emit: Emit, node: Node, x: str, indices: str, updates: str
    ) -> tuple[str]:
        if self.reduction in ("max", "min") and emit.opset < 18:
            raise UnsupportedError(
                f"scatter_update with reduction {self.reduction!r} needs opset 18, "
                f"got {emit.opset}: export with opset=18"
            )
        indices = int64(emit, node.operands[1], indices)
        how: dict[str, Any] = (
            {} if self.reduction == "none" else {"reduction": self.reduction}
        )
        return (emit("ScatterND", x, indices, updates, **how),)

    # At a place with value x and updates u_1, u_2, ...:
    #   add: y = x + sum(u), so all of them get g.
    #   max, min: y is one of them; those that are equal to it share g evenly.
    #   mul: y = x prod(u), so dx = g prod(u), which is g with the updates multiplied
    #        in, and du_j = g y / u_j.
    #   none: y = u, so x gets 0 there and u gets g.
    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        x: Operand,
        indices: Operand,
        updates: Operand,
    ) -> Cotangents:
        if self.reduction == "add":
            return g, None, ops.apply(GatherND(), g, indices)
        if self.reduction in ("max", "min"):  # equal values share, as in JAX
            kept = ops.coerce(x == y, g.dtype)
            taken = ops.coerce(updates == ops.apply(GatherND(), y, indices), g.dtype)
            share = g / ops.apply(Scatter("add"), kept, indices, taken)
            return share * kept, None, ops.apply(GatherND(), share, indices) * taken
        if self.reduction == "mul":  # an update of 0 hides what the others would do
            dx = ops.apply(self, g, indices, updates)
            return dx, None, ops.apply(GatherND(), g * y, indices) / updates
        dx = ops.apply(self, g, indices, ops.zeros_like(updates))
        return dx, None, ops.apply(GatherND(), g, indices)


@dataclass(frozen=True)
class GatherND(Op):
    """y = the slices of x where the indices say; negative ones count back.

    Shapes: x[*size], indices[*n, k] -> y[*n, *size[k:]].
    Source: ONNX ``GatherND`` (opset 13).
    """

    name: ClassVar[str] = "gather_nd"
    reads: ClassVar[tuple[str, ...]] = ("GatherND",)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return None if take.attribute("batch_dims", 0) else (cls(), (0, 1))

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType]:
        return (x.with_shape(slices_at(self.name, x, indices)),)

    def evaluate(self, x: Array, indices: Array) -> tuple[Array]:
        return (x[tuple(np.moveaxis(indices, -1, 0))],)

    def lower(self, emit: Emit, node: Node, x: str, indices: str) -> tuple[str]:
        return (emit("GatherND", x, int64(emit, node.operands[1], indices)),)

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, indices: Operand
    ) -> Cotangents:
        return ops.apply(Scatter("add"), ops.zeros_like(x), indices, g), None


def slices_at(name: str, x: TensorType, indices: TensorType) -> shapes.Shape:
    """The shape of the slices of x[*size] at indices[*n, k]: [*n, *size[k:]].

    Raises: ShapeError if x has no k axes.
    """
    check_indices(name, indices)
    depth = indices.shape[-1] if indices.rank else 0
    if not isinstance(depth, int) or not 0 < depth <= x.rank:
        raise ShapeError(f"{name} of {x} got indices {indices}")
    return (*indices.shape[:-1], *x.shape[depth:])


def int64(emit: Emit, value: Value, name: str) -> str:
    """Indices in the only type that ONNX's ``ND`` operators take."""
    if value.type.dtype == "int64":
        return name
    return emit("Cast", name, to=ONNX_CODE["int64"])


def _known(dim: shapes.Dim) -> int | None:
    return dim if isinstance(dim, int) else None


def check_indices(name: str, indices: TensorType) -> None:
    """DTypeError unless the indices are int32 or int64, as ONNX has them."""
    if indices.dtype not in ("int32", "int64"):
        raise DTypeError(f"{name} needs int32 or int64 indices, got {indices.dtype}")


OPERATORS = (
    Gather,
    GatherElements,
    ScatterElements,
    OneHot,
    Scatter,
    GatherND,
)
