"""Products of matrices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError, ShapeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take
from seqir.operators.kinds import check_kind
from seqir.operators.reduce import CumSum
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class MatMul(Op):
    """y = a @ b, with NumPy's rules for stacks of matrices.

    Shapes: a[..., n, k], b[..., k, m] -> y[..., n, m].
    Source: ONNX ``MatMul`` (opset 13).
    """

    name: ClassVar[str] = "matmul"
    wide: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("MatMul",)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(), (0, 1)

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType]:
        _one_dtype(self.name, a, b)
        check_kind(self.name, a.dtype, "wide")
        if not a.rank or not b.rank:
            raise ShapeError(f"matmul needs operands with axes, got {a} and {b}")
        left = a.shape if a.rank > 1 else (1, *a.shape)
        right = b.shape if b.rank > 1 else (*b.shape, 1)
        if not _agree(left[-1], right[-2]):
            raise ShapeError(
                f"matmul needs the inner sizes to agree, got {left[-1]} of {a} "
                f"and {right[-2]} of {b}"
            )
        stack = shapes.broadcast(left[:-2], right[:-2])
        rows = (left[-2],) if a.rank > 1 else ()
        columns = (right[-1],) if b.rank > 1 else ()
        return (a.with_shape((*stack, *rows, *columns)),)

    def evaluate(self, a: Array, b: Array) -> tuple[Array]:
        return (np.matmul(a, b),)

    def lower(self, emit: Emit, node: Node, a: str, b: str) -> tuple[str]:
        return (emit("MatMul", a, b),)

    # y_ij = sum over k of a_ik b_kj, so da = g bᵀ and db = aᵀ g; a stack that was
    # broadcast is summed behind this.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
        rows = a if a.ndim > 1 else ops.expand_dims(a, 0)
        columns = b if b.ndim > 1 else ops.expand_dims(b, 1)
        g = g if b.ndim > 1 else ops.expand_dims(g, -1)
        g = g if a.ndim > 1 else ops.expand_dims(g, -2)
        da = g @ ops.swapaxes(columns, -1, -2)
        if rows.ndim > 2 and columns.ndim == 2 and None not in columns.shape:
            # One product over all rows of the stack, in place of a sum of products.
            k, m = columns.shape
            rows, g = ops.reshape(rows, (-1, k)), ops.reshape(g, (-1, m))
        db = ops.swapaxes(rows, -1, -2) @ g
        return (
            da if a.ndim > 1 else ops.squeeze(da, -2),
            db if b.ndim > 1 else ops.squeeze(db, -1),
        )

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        a, b = (x.rank for x in operands)
        # What has no axis of steps may have no more axes than what has one.
        fits = a == b if all(flags) else (a >= b if flags[0] else b >= a)
        return self if min(a, b) > 1 and fits else None

    channel_axis: ClassVar[int] = -1

    @property
    def contracted_axis(self) -> int | None:
        return -2

    def scaled(
        self, node: Node, weight: Array, bias: Array | None, scale: Array, shift: Array
    ) -> tuple[Op, Array, Array | None] | None:
        if weight.ndim != 2:
            return None
        if not shift.any() and not (scale == 1).all():
            return self, rescaled(weight, scale), None
        if node.operands[0].type.rank != 2:
            return None
        row = np.broadcast_to(shift, weight.shape[1:])
        return Gemm(), rescaled(weight, scale), row

    def cost(self, node: Node) -> int | str:
        inner = node.operands[0].type.shape[-1]
        return shapes.mul(node.result.type.size, inner)


@dataclass(frozen=True)
class Gemm(Op):
    """y = a @ b + c for matrices; c is a row that every row of the product gets.

    `trans_a` and `trans_b` say that a and b are stored transposed.

    Shapes: a[n, k], b[k, m], c[m] (optional) -> y[n, m].
    Source: ONNX ``Gemm`` (opset 13).
    """

    name: ClassVar[str] = "gemm"
    wide: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Gemm",)
    trans_a: bool = False
    trans_b: bool = False

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        factors = (take.attribute("alpha", 1.0), take.attribute("beta", 1.0))
        flags = (bool(take.attribute(name, 0)) for name in ("transA", "transB"))
        if factors != (1.0, 1.0):
            return None
        return cls(*flags), (0, 1, 2) if take.given(2) else (0, 1)

    def infer(
        self, a: TensorType, b: TensorType, c: TensorType | None = None
    ) -> tuple[TensorType]:
        _one_dtype(self.name, a, b, *([] if c is None else [c]))
        if a.rank != 2 or b.rank != 2:
            raise ShapeError(f"gemm needs matrices, got {a} and {b}")
        left = a.with_shape(a.shape[::-1]) if self.trans_a else a
        right = b.with_shape(b.shape[::-1]) if self.trans_b else b
        (y,) = MatMul().infer(left, right)
        if c is not None and (
            c.rank > 1 or shapes.broadcast(y.shape, c.shape) != y.shape
        ):
            raise ShapeError(f"gemm cannot add {c} to {y}")
        return (y,)

    def evaluate(self, a: Array, b: Array, c: Array | None = None) -> tuple[Array]:
        y = np.matmul(a.T if self.trans_a else a, b.T if self.trans_b else b)
        return (y if c is None else y + c,)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        if not emit.target.narrow_gemm and node.result.type.dtype != "float32":
            a, b, *c = operands
            a = emit("Transpose", a, perm=(1, 0)) if self.trans_a else a
            b = emit("Transpose", b, perm=(1, 0)) if self.trans_b else b
            y = emit("MatMul", a, b)
            return (emit("Add", y, *c) if c else y,)
        flags = {"transA": self.trans_a, "transB": self.trans_b}
        turned = {name: 1 for name, flag in flags.items() if flag}
        return (emit("Gemm", *operands, **turned),)

    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        a: Operand,
        b: Operand,
        *c: Operand,
    ) -> Cotangents:
        rows = ops.transpose(a) if self.trans_a else a
        columns = ops.transpose(b) if self.trans_b else b
        da, db = MatMul().vjp(ops, g, y, rows, columns)
        return (
            ops.transpose(da) if self.trans_a else da,
            ops.transpose(db) if self.trans_b else db,
            *(g for _ in c),
        )

    channel_axis: ClassVar[int] = -1

    @property
    def contracted_axis(self) -> int | None:
        if self.trans_a:
            return None
        return -1 if self.trans_b else -2

    def scaled(
        self, node: Node, weight: Array, bias: Array | None, scale: Array, shift: Array
    ) -> tuple[Op, Array, Array | None] | None:
        outputs = weight.shape[0 if self.trans_b else 1]
        per_output = np.broadcast_to(scale, (outputs,))
        bias = np.zeros((), weight.dtype) if bias is None else bias
        row = np.broadcast_to(bias * per_output + shift, (outputs,))
        factors = per_output[:, None] if self.trans_b else per_output
        return self, rescaled(weight, factors), row

    def cost(self, node: Node) -> int | str:
        inner = node.operands[0].type.shape[0 if self.trans_a else 1]
        return shapes.mul(node.result.type.size, inner)


@dataclass(frozen=True)
class Einsum(Op):
    """Sums of products by an equation such as ``"bij,bjk->bik"``.

    Source: ONNX ``Einsum`` (opset 12).
    """

    name: ClassVar[str] = "einsum"
    wide: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Einsum",)
    equation: str

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        equation: str = take.attribute("equation", "")
        if "->" not in equation or set(equation) & {" ", "."}:
            return None
        return cls(equation), tuple(range(len(take)))

    def infer(self, *operands: TensorType) -> tuple[TensorType]:
        _one_dtype(self.name, *operands)
        check_kind(self.name, operands[0].dtype, "wide")
        inputs, output = self.equation.split("->")
        terms = inputs.split(",")
        if len(terms) != len(operands):
            raise ShapeError(f"einsum {self.equation!r} takes {len(terms)} operands")
        sizes: dict[str, shapes.Dim] = {}
        for term, x in zip(terms, operands, strict=True):
            if len(term) != x.rank:
                raise ShapeError(f"einsum term {term!r} does not fit {x}")
            for letter, d in zip(term, x.shape, strict=True):
                known = sizes.setdefault(letter, d)
                if not _agree(known, d):
                    raise ShapeError(
                        f"einsum {self.equation!r}: {letter} is {known} and {d}"
                    )
                if isinstance(d, int):
                    sizes[letter] = d
        if not sizes.keys() >= set(output) or len(set(output)) < len(output):
            raise ShapeError(f"einsum {self.equation!r} makes an axis out of nothing")
        return (operands[0].with_shape(tuple(sizes[letter] for letter in output)),)

    def evaluate(self, *operands: Array) -> tuple[Array]:
        y = products(self.equation, *operands)
        return (np.asarray(y.astype(operands[0].dtype, copy=False), order="C"),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        terms, output = self.equation.split("->")
        pairs = list(zip(terms.split(","), operands, strict=True))
        if len(pairs) == 2:
            both = (pairs, pairs[::-1])
            pairs = min(both, key=lambda p: _moves(p[0][0], p[1][0], output))
        equation = f"{','.join(term for term, _ in pairs)}->{output}"
        return (emit("Einsum", *(x for _, x in pairs), equation=equation),)

    # y[out] is the sum, over all letters that are not in out, of the products of all
    # operands. Its derivative by one operand is the product of the others, so
    #   dx_i[term_i] = sum over all letters not in term_i of g[out] * the others:
    # an einsum in which the output and term i have changed places.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        inputs, output = self.equation.split("->")
        terms = inputs.split(",")
        cotangents: list[Operand] = []
        for i, x in enumerate(operands):
            others = [output, *terms[:i], *terms[i + 1 :]]
            known = set("".join(others))
            wanted = "".join(c for c in dict.fromkeys(terms[i]) if c in known)
            op = Einsum(f"{','.join(others)}->{wanted}")
            found = ops.apply(op, g, *operands[:i], *operands[i + 1 :])
            cotangents.append(_spread(ops, found, terms[i], wanted, x))
        return tuple(cotangents)

    def cost(self, node: Node) -> int | str:
        inputs = self.equation.split("->")[0].split(",")
        sizes: dict[str, shapes.Dim] = {}
        for term, v in zip(inputs, node.operands, strict=True):
            sizes.update(zip(term, v.type.shape, strict=True))
        return shapes.mul(*sizes.values())


def _moves(left: str, right: str, output: str) -> tuple[int, bool]:
    """What moving axes costs ONNX Runtime; the factors of a product may change places.

    It makes [shared, own, summed] of the left operand, [shared, summed, own] of the
    right one, multiplies, and moves the axes of the product where they belong. One
    axis is moved fast, and the product's best not at all.
    """
    summed = [c for c in left if c in right and c not in output]
    shared = [c for c in left if c in right and c in output]
    rows, columns = (
        [c for c in output if c in term and c not in shared] for term in (left, right)
    )
    product = [*shared, *rows, *columns]
    moves = (
        (left, [*shared, *rows, *summed]),
        (right, [*shared, *summed, *columns]),
        (output, product),
    )
    turned = bool(rows and columns) and output.index(rows[0]) > output.index(columns[0])
    return sum(not _one_moves(a, b) for a, b in moves), turned


def _one_moves(before: Iterable[str], after: Iterable[str]) -> bool:
    """Whether one letter at most has to change its place among the others."""
    a, b = list(before), list(after)
    return a == b or any(
        [x for x in a if x != c] == [x for x in b if x != c] for c in a
    )


def _spread(
    ops: Functions, found: Operand, term: str, wanted: str, x: Operand
) -> Operand:
    """What broadcasts to x, from a tensor that has the wanted letters of its term.

    A letter that is missing was summed alone: all its elements get the same. One that
    occurs twice names a diagonal: all off it get 0.
    """
    first = {c: term.index(c) for c in term}
    found = ops.expand_dims(
        found, [i for i, c in enumerate(term) if i != first[c] or c not in wanted]
    )
    for i, c in enumerate(term):
        if i != first[c]:
            ones = ops.ones_like(x)
            places = (ops.apply(CumSum(axis), ones) for axis in (first[c], i))
            found = found * ops.coerce(ops.equal(*places), x.dtype)
    return found


def rescaled(weight: Array, scale: Array) -> Array:
    """The weight times a factor per channel; the same array if every factor is 1."""
    return weight if (scale == 1).all() else weight * scale


def _agree(a: shapes.Dim, b: shapes.Dim) -> bool:
    """Whether two sizes can be equal: unknown ones are checked by the runtime."""
    return a == b or isinstance(a, str) or isinstance(b, str)


def _one_dtype(name: str, *operands: TensorType) -> None:
    if len({x.dtype for x in operands}) > 1:
        raise DTypeError(f"{name} needs one element type, got {_types(operands)}")


def _types(operands: tuple[TensorType, ...]) -> str:
    return " and ".join(map(str, operands))


def products(equation: str, *arrays: Array) -> Array:
    """``np.einsum`` in the order that takes the fewest multiplications."""
    return np.einsum(equation, *arrays, optimize=True)


OPERATORS = (
    MatMul,
    Gemm,
    Einsum,
)
