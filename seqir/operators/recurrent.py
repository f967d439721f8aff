"""Recurrent networks, whole: LSTM, GRU and Elman's cell, as ONNX has them.

A runtime has them as one operator. Where a gradient is wanted they are loops with few
operators in a step, which `seqir.ops.recurrences` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Graph,
    Node,
    Op,
    Operand,
    Pruned,
    Results,
    Take,
    evaluate,
)
from seqir.operators.control import expect_inputs, part_of
from seqir.operators.gates import Activation, check_activation, read_activations
from seqir.operators.kinds import check_kind
from seqir.tensortype import TensorType

DIRECTIONS: Final[dict[str, tuple[bool, ...]]] = {
    "forward": (False,),
    "reverse": (True,),
    "bidirectional": (False, True),
}
"""For each direction that a network goes in, whether that is from the end."""

Item = TypeVar("Item")
OPTIONAL: Final = ("bias", "lengths", "h", "c")
"""The operands that need not be there, in ONNX's order."""


@dataclass(frozen=True)
class Recurrent(Op):
    """What the recurrent operators have in common.

    `given` says which of the operands behind w and r are there: "bias", "lengths" of
    the sequences, and the states "h" and "c" to begin with, which else are 0. `wanted`
    says which results there are, of all of them "y" and the last states "h" and "c".
    Behind the end of a sequence y is 0, and the states stay what they are.

    Shapes: x[T, N, I], w[D, G*H, I], r[D, G*H, H], bias[D, 2*G*H], lengths[N] (int32),
        h[D, N, H], c[D, N, H] -> y[T, D, N, H], h[D, N, H], c[D, N, H];
        D directions and G gates.
    """

    wide: ClassVar[bool] = True
    onnx: ClassVar[str]
    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h",)

    activations: tuple[Activation, ...] = ()
    """The functions of each direction, in ONNX's order; none for the usual ones."""
    direction: str = "forward"
    given: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ("y", "h")

    usual: ClassVar[tuple[str, ...]]
    """The activations where none are given."""

    def __init_subclass__(cls) -> None:
        cls.reads = (cls.onnx,)

    @classmethod
    def read(cls, take: Take) -> tuple[Recurrent, tuple[int, ...]] | None:
        lacking = ("clip", "input_forget", "layout")
        if take.given(7) or any(take.attribute(name, 0) for name in lacking):
            return None
        r = take[2]
        if r is None or not isinstance(r.type.shape[-1], int):
            return None  # the units, which the node has to name
        direction = take.attribute("direction", "forward")
        ways = len(DIRECTIONS[direction])
        functions = read_activations(take, ways)
        if functions is None:
            return None
        there = [i for i in range(2 + len(cls.states)) if take.given(3 + i)]
        given = tuple(OPTIONAL[i] for i in there)
        return cls(functions, direction, given), (0, 1, 2, *(3 + i for i in there))

    @property
    def functions(self) -> tuple[Activation, ...]:
        """The activations of one direction."""
        return self.activations or tuple(map(Activation, self.usual))

    @property
    def unpruned(self) -> Recurrent:
        return replace(self, wanted=("y", *self.states))

    def named(self, operands: Sequence[Item]) -> dict[str, Item]:
        """The operands by name, those that are there."""
        return dict(zip(("x", "w", "r", *self.given), operands, strict=True))

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        found = self.named(operands)
        x, r = found["x"], found["r"]
        check_kind(self.name, x.dtype, "float")
        if self.direction not in DIRECTIONS:
            raise ArgumentError(
                f"{self.name} goes {', '.join(DIRECTIONS)}, not {self.direction!r}"
            )
        for activation in self.functions:
            check_activation(self.name, activation)
        if len(self.functions) != len(self.usual):
            raise ArgumentError(
                f"{self.name} has {len(self.usual)} activations for each direction, "
                f"got {len(self.functions)}"
            )
        if x.rank != 3 or r.rank != 3:
            raise ShapeError(
                f"{self.name} takes x[time, batch, features] and r[directions, gates, "
                f"units], got {x} and {r}"
            )
        steps, batch, features = x.shape
        d, units = len(DIRECTIONS[self.direction]), r.shape[2]
        gates = shapes.mul(self.gates, units)
        state = x.with_shape((d, batch, units))
        wanted = {
            "w": x.with_shape((d, gates, features)),
            "r": x.with_shape((d, gates, units)),
            "bias": x.with_shape((d, shapes.mul(2, gates))),
            "lengths": TensorType("int32", (batch,)),
            "h": state,
            "c": state,
        }
        for name, type in found.items():
            if name != "x" and not _fits(type, wanted[name]):
                raise ShapeError(
                    f"{self.name} of {x} with {units} units needs {wanted[name]} "
                    f"for {name}, got {type}"
                )
        results = {"y": x.with_shape((steps, d, batch, units)), "h": state, "c": state}
        return tuple(results[name] for name in self.wanted)

    def must_equal(
        self, *operands: TensorType
    ) -> tuple[tuple[shapes.Dim, shapes.Dim], ...]:
        found = self.named(operands)
        _, batch, features = found["x"].shape
        others = [found[n].shape[-2] for n in ("h", "c") if n in found]
        others += [t.shape[0] for n, t in found.items() if n == "lengths"]
        pairs = ((batch, other) for other in others)
        return ((features, found["w"].shape[2]), *pairs)

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        given = self.named(operands)
        dtype = given["x"].dtype
        if dtype.itemsize < 4:  # as runtimes compute them
            narrow = {n: a for n, a in given.items() if n != "lengths"}
            given |= {n: a.astype(np.float32) for n, a in narrow.items()}
        ways = enumerate(DIRECTIONS[self.direction])
        runs = [self._run(given, d, reverse) for d, reverse in ways]
        ys, states = zip(*runs, strict=True)
        last = zip(*states, strict=True)
        found = dict(zip(self.states, map(np.stack, last), strict=True))
        found["y"] = np.stack(ys, 1)
        return tuple(found[n].astype(dtype, copy=False) for n in self.wanted)

    def _run(
        self, given: dict[str, Array], d: int, reverse: bool
    ) -> tuple[Array, list[Array]]:
        """y and the last states of one direction."""
        x, w, r = given["x"], given["w"][d], given["r"][d]
        steps, batch, _ = x.shape
        none = np.zeros((batch, r.shape[1]), x.dtype)
        own = [given[n][d] if n in given else none for n in self.states]
        bias = given["bias"][d] if "bias" in given else np.zeros(2 * len(r), x.dtype)
        before, after = np.split(bias, 2)
        lengths = given.get("lengths", np.full(batch, steps))
        ys = np.zeros((steps, *none.shape), x.dtype)
        for t in reversed(range(steps)) if reverse else range(steps):
            new = self.step(x[t] @ w.T + before, r, after, *own)
            inside = (t < lengths)[:, None]
            ys[t] = np.where(inside, new[0], ys[t])
            own = [np.where(inside, a, b) for a, b in zip(new, own, strict=True)]
        return ys, own

    def step(
        self, z: Array, r: Array, bias: Array, *states: Array
    ) -> tuple[Array, ...]:
        """The states after a step, h first; z is ``x W + b``."""
        raise NotImplementedError

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Results | None:
        if not shared and target != "plain":
            return None
        found = ops.recurrent_results(self, self.named(operands))
        return tuple(found[name] for name in self.wanted)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        found = self.named(operands)
        optional = [found.get(name, "") for name in OPTIONAL[: 2 + len(self.states)]]
        while optional and not optional[-1]:
            optional.pop()
        every = ("y", *self.states)
        results = emit.many(
            self.onnx,
            *operands[:3],
            *optional,
            outputs=len(every),
            unread=[i for i, name in enumerate(every) if name not in self.wanted],
            **self.attributes(node),
        )
        by_name = dict(zip(every, results, strict=True))
        if "lengths" in found:  # ONNX Runtime forgets the states where there is no step
            empty = emit.once("Equal", found["lengths"], emit.scalar(0, "int32"))
            empty = emit.once("Reshape", empty, emit.ints(1, -1, 1))
            for name in self.states:
                if name in found and by_name[name]:
                    by_name[name] = emit("Where", empty, found[name], by_name[name])
        return tuple(by_name[name] for name in self.wanted)

    def attributes(self, node: Node) -> dict[str, Any]:
        """ONNX attributes of the node."""
        found: dict[str, Any] = {"hidden_size": node.operands[2].type.shape[2]}
        if self.direction != "forward":
            found["direction"] = self.direction
        if self.activations:
            every = self.activations * len(DIRECTIONS[self.direction])
            found["activations"] = tuple(a.name for a in every)
            alphas = [a.known[0] for a in every if a.known]
            betas = [a.known[1] for a in every if len(a.known) > 1]
            found |= {"activation_alpha": tuple(alphas)} if alphas else {}
            found |= {"activation_beta": tuple(betas)} if betas else {}
        return found

    def pruned(self, used: Sequence[bool]) -> Pruned | None:
        if all(used):
            return None
        kept = tuple(i for i, read in enumerate(used) if read)
        op = replace(self, wanted=tuple(self.wanted[i] for i in kept))
        operands = tuple(range(3 + len(self.given)))
        return Pruned(op, operands, kept)

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        gs = g if isinstance(g, tuple) else (g,)
        pairs = zip(self.wanted, gs, strict=True)
        seeds = {name: each for name, each in pairs if each is not None}
        found = ops.recurrent_gradient(self, self.named(operands), seeds)
        return tuple(found.get(name) for name in self.named(operands))

    def cost(self, node: Node) -> int | str:
        x, w, r = (v.type for v in node.operands[:3])
        each = shapes.mul(x.shape[0], x.shape[1])
        return shapes.mul(each, shapes.add(w.size, r.size))


@dataclass(frozen=True)
class Lstm(Recurrent):
    """Long short-term memory, with the gates in ONNX's order: input, output, forget.

    ``i, o, f = f(x W + h R + b); c' = f * c + i * g(x W + h R + b); h' = o * h(c')``

    Raises: ShapeError or DTypeError if an operand does not fit.
    Source: ONNX ``LSTM`` (opset 14), without peepholes, clip and input_forget.
    """

    name: ClassVar[str] = "lstm"
    onnx: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    usual: ClassVar[tuple[str, ...]] = ("Sigmoid", "Tanh", "Tanh")
    wanted: tuple[str, ...] = ("y", "h", "c")

    def step(
        self, z: Array, r: Array, bias: Array, *states: Array
    ) -> tuple[Array, ...]:
        f, g, top = self.functions
        h, c = states
        i, o, keep, new = np.split(z + h @ r.T + bias, 4, -1)
        c = f(_apply, keep) * c + f(_apply, i) * g(_apply, new)
        return f(_apply, o) * top(_apply, c), c


@dataclass(frozen=True)
class Gru(Recurrent):
    """A gated recurrent unit, with the gates in ONNX's order: update, reset, hidden.

    ``z, r = f(x W + h R + b); h' = (1 - z) * g(x W + (r * h) R + b) + z * h``

    With `linear_before_reset` it is ``r * (h R + b)`` instead of ``(r * h) R + b``.

    Raises: ShapeError or DTypeError if an operand does not fit.
    Source: ONNX ``GRU`` (opset 14), without clip.
    """

    name: ClassVar[str] = "gru"
    onnx: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3
    usual: ClassVar[tuple[str, ...]] = ("Sigmoid", "Tanh")
    linear_before_reset: bool = False

    @classmethod
    def read(cls, take: Take) -> tuple[Recurrent, tuple[int, ...]] | None:
        found = super().read(take)
        if found is None:
            return None
        after = bool(take.attribute("linear_before_reset", 0))
        return replace(found[0], linear_before_reset=after), found[1]

    def step(
        self, z: Array, r: Array, bias: Array, *states: Array
    ) -> tuple[Array, ...]:
        f, g = self.functions
        (h,), units = states, r.shape[1]
        gated, hidden = z[:, : 2 * units], z[:, 2 * units :]
        gated = gated + h @ r[: 2 * units].T + bias[: 2 * units]
        update, reset = np.split(f(_apply, gated), 2, -1)
        r, bias = r[2 * units :].T, bias[2 * units :]
        if self.linear_before_reset:
            hidden = hidden + reset * (h @ r + bias)
        else:
            hidden = hidden + (reset * h) @ r + bias
        return ((1 - update) * g(_apply, hidden) + update * h,)

    def attributes(self, node: Node) -> dict[str, Any]:
        found = super().attributes(node)
        return found | ({"linear_before_reset": 1} if self.linear_before_reset else {})


@dataclass(frozen=True)
class Rnn(Recurrent):
    """Elman's network: ``h' = f(x W + h R + b)``.

    Raises: ShapeError or DTypeError if an operand does not fit.
    Source: ONNX ``RNN`` (opset 14), without clip.
    """

    name: ClassVar[str] = "rnn"
    onnx: ClassVar[str] = "RNN"
    gates: ClassVar[int] = 1
    usual: ClassVar[tuple[str, ...]] = ("Tanh",)

    def step(
        self, z: Array, r: Array, bias: Array, *states: Array
    ) -> tuple[Array, ...]:
        (f,) = self.functions
        return (f(_apply, z + states[0] @ r.T + bias),)


@dataclass(frozen=True)
class RecurrentGrad(Op):
    """The gradients of a recurrent operator with respect to its operands.

    The operands are those of the operator, and cotangents of its results `seeds`; the
    results are the cotangents of the operands `wanted`, which the body computes.

    Source: ONNX ``Scan`` (opset 11) and ``Gemm`` (13); backpropagation through time,
    Werbos 1990.
    """

    name: ClassVar[str] = "recurrent_grad"
    of: Recurrent
    seeds: tuple[str, ...]
    wanted: tuple[str, ...]
    body: Graph

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.body,)

    def with_bodies(self, bodies: Sequence[Graph]) -> RecurrentGrad:
        (body,) = bodies
        return replace(self, body=body)

    @property
    def own_operands(self) -> int:
        return len(self.body.inputs)

    @property
    def forward(self) -> Op | None:
        return self.of

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        expect_inputs(self, self.body, operands)
        return tuple(v.type for v in self.body.outputs.values())

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        found = evaluate(self.body, dict(zip(self.body.inputs, operands, strict=True)))
        return tuple(found[name] for name in self.body.outputs)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        return emit.inline(self.body, operands)

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Results | None:
        own = 3 + len(self.of.given)
        seeds = dict(zip(self.seeds, operands[own:], strict=True))
        given = self.of.named(operands[:own])
        found = ops.recurrent_cotangents(self.of, given, seeds)
        return tuple(found[name] for name in self.wanted)

    def pruned(self, used: Sequence[bool]) -> Pruned | None:
        if all(used):
            return None
        kept = tuple(i for i, read in enumerate(used) if read)
        operands = tuple(range(self.own_operands))
        wanted = tuple(self.wanted[i] for i in kept)
        body = part_of(self.body, operands, kept)
        return Pruned(replace(self, wanted=wanted, body=body), operands, kept)

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        gs = g if isinstance(g, tuple) else (g,)
        return ops.inlined_gradient(ops, self.body, operands, gs)

    def cost(self, node: Node) -> int | str:
        x, w, r = (v.type for v in node.operands[:3])
        each = shapes.mul(x.shape[0], x.shape[1])
        return shapes.mul(each, shapes.mul(2, shapes.add(w.size, r.size)))

    def __str__(self) -> str:
        seeds, wanted = ", ".join(self.seeds), ", ".join(self.wanted)
        return f"recurrent_grad({self.of}, of={seeds}, by={wanted})"


def _apply(op: Op, *arrays: Array) -> Array:
    return op.evaluate(*arrays)[0]


def _fits(found: TensorType, wanted: TensorType) -> bool:
    """Whether a type is another, as far as sizes are known."""
    return (
        found.dtype == wanted.dtype
        and found.rank == wanted.rank
        and all(map(shapes.may_equal, found.shape, wanted.shape))
    )


OPERATORS = (Lstm, Gru, Rnn, RecurrentGrad)
