"""Operators and graphs: what one operator is, and a list of nodes that apply some.

An operator is a frozen dataclass: its fields are its attributes, so that two equal
operators compare, hash and print equal. Everything that the rest of the program
wants to know about it is asked through the methods and facts below; no pass and no
other package holds a list of operator names. A graph is an immutable list of nodes in
the order of their computation. Operators hold graphs, and graphs operators: so both
stand here.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from typing import Any, ClassVar, NamedTuple, Protocol

from seqir.dtypes import OPAQUE, STRING
from seqir.errors import DTypeError, GraphError, UnsupportedError, did_you_mean
from seqir.ir.frozen import FrozenArray
from seqir.ir.printer import format_graph
from seqir.ir.reads import ForeignNode, Take
from seqir.ir.rules import Array, Cotangents, Functions, Operand, Results
from seqir.ir.target import Target
from seqir.shapes import Dim
from seqir.tensortype import TensorType

Perm = tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """One result of one node, or an input; it is itself and equals nothing else."""

    type: TensorType
    name: str = ""
    """What the ONNX file that it was read from calls it."""

    def __repr__(self) -> str:
        return f"<Value {self.type}>"


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """An operator applied to operands."""

    op: Op
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    source: str = ""
    """Path of the layer that asked for it, such as ``backbone/conv2d``."""

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value


@dataclass(frozen=True, eq=False, slots=True)
class Update:
    """A parameter and the value it takes after the graph has run (training only)."""

    param: str
    value: Value


@dataclass(frozen=True, eq=False)
class Graph:
    """A pure function from inputs and params to outputs.

    Made by `Builder`, changed only by `replay`. Nodes stand in an order in which
    every operand is computed before it is used; nothing walks it recursively.
    """

    name: str
    inputs: Mapping[str, Value]
    params: Mapping[str, Value]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Value]
    updates: tuple[Update, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """What each source is: layer path to class name."""
    scopes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the file that it was read from says that sources lie, in PyTorch's way."""

    @property
    def roots(self) -> tuple[Value, ...]:
        """Values that must be computed: outputs and the new values of updates."""
        return (*self.outputs.values(), *(u.value for u in self.updates))

    def values(self) -> Iterator[Value]:
        """Every value, inputs first, in order of computation."""
        yield from self.inputs.values()
        yield from self.params.values()
        for node in self.nodes:
            yield from node.results

    @cached_property
    def kinds(self) -> frozenset[type[Op]]:
        """The classes of its operators, those of bodies not included."""
        return frozenset([type(node.op) for node in self.nodes])

    def says(self, fact: str) -> bool:
        """Whether some operator may have more to say than `Op` does; see `Op.says`."""
        return any(kind.says(fact) for kind in self.kinds)

    def producers(self) -> Mapping[Value, Node]:
        """The node that computes each value."""
        return self._producers

    @cached_property
    def _producers(self) -> dict[Value, Node]:
        return {v: node for node in self.nodes for v in node.results}

    @cached_property
    def constants(self) -> Mapping[Value, FrozenArray]:
        """The values that are constants, with what they hold."""
        found = ((node, node.op.constant) for node in self.nodes)
        return {node.result: array for node, array in found if array is not None}

    @cached_property
    def readers(self) -> Mapping[Value, int]:
        """How many nodes, outputs and updates read each value."""
        counts = dict.fromkeys(self.values(), 0)
        for node in self.nodes:
            for value in dict.fromkeys(node.operands):
                counts[value] += 1
        for value in self.roots:
            counts[value] += 1
        return counts

    def users(self) -> dict[Value, list[Node]]:
        """The nodes that read each value."""
        users: dict[Value, list[Node]] = {v: [] for v in self.values()}
        for node in self.nodes:
            for operand in dict.fromkeys(node.operands):
                users[operand].append(node)
        return users

    def output_of(self, source: str) -> Value:
        """The value that leaves a layer: the last result of its last node.

        Raises: GraphError if no node comes from that layer.
        """
        for node in reversed(self.nodes):
            if node.source == source or node.source.startswith(source + "/"):
                return node.results[-1]
        known = dict.fromkeys(n.source for n in self.nodes)
        raise GraphError(
            f"no node of graph {self.name!r} comes from {source!r}."
            f"{did_you_mean(source, known)}"
        )

    def __str__(self) -> str:
        return format_graph(self)

    def fingerprint(self) -> str:
        """Hash of the structure: equal text form and equal constants, equal hash."""
        digest = hashlib.sha256(format_graph(self, digests=True).encode())
        return digest.hexdigest()

    def _repr_html_(self) -> str:
        import html  # it is slow to load, and only notebooks need it

        return f"<pre>{html.escape(str(self))}</pre>"


class Emit(Protocol):
    """Writes ONNX nodes; `Op.lower` sees the target only through this."""

    opset: int
    target: Target
    """The runtime that the nodes are for."""

    def __call__(
        self, onnx_op: str, *inputs: str, outputs: int = 1, **attributes: Any
    ) -> str:
        """Add one node; the name of its (first) result."""
        ...

    def once(self, onnx_op: str, *inputs: str, **attributes: Any) -> str:
        """The result of such a node; it is added if there is none yet."""
        ...

    def maker(self, name: str) -> str:
        """The ONNX operator whose result it is; "" of an input or a constant."""
        ...

    def foreign(self, node: ForeignNode, *inputs: str) -> tuple[str, ...]:
        """Add a node as a file had it; the names of its results."""
        ...

    def many(
        self,
        onnx_op: str,
        *inputs: str,
        outputs: int,
        unread: Collection[int] = (),
        domain: str = "",
        **attributes: Any,
    ) -> tuple[str, ...]:
        """Add a node of that domain with several results; "" names those `unread`."""
        ...

    def constant(self, array: Any) -> str:
        """The name of an initializer that holds the array."""
        ...

    def ints(self, *values: int) -> str:
        """The name of an int64 vector."""
        ...

    def scalar(self, value: float, dtype: str) -> str:
        """The name of a rank-0 constant."""
        ...

    def body(
        self, graph: Graph, captured: Sequence[str], until: Graph | None = None
    ) -> Any:
        """A graph as the attribute of a node; its last inputs are what it captures.

        With `until`, a condition on its results, it is the body of an ONNX ``Loop``.
        """
        ...

    def inline(self, graph: Graph, inputs: Sequence[str]) -> tuple[str, ...]:
        """Add the nodes of a graph; the names of its outputs."""
        ...


class Permuted(NamedTuple):
    """How an operator looks on transposed operands, and what is left of the transpose.

    For ``T = transpose by perm`` of every operand of full rank:
    ``op(T(x)) == transpose(permuted.op(x), permuted.perm)``.
    """

    op: Op
    perm: Perm


class Receptive(NamedTuple):
    """What neighbouring positions of a result see of an operand, along one axis."""

    reach: int
    """Places from the first seen to the last, both included."""
    step: int
    """Places from the first that one position sees to that of the next."""


class Pruned(NamedTuple):
    """An operator without what nobody uses, and where the rest of it was."""

    op: Op
    operands: tuple[int, ...]
    results: tuple[int, ...]


class Op(ABC):
    """An operator: attributes are its dataclass fields, meaning is its methods.

    Methods see operands in declaration order and return one item per result. None
    of them mutates anything; `vjp` and `lower` build through what they are given.
    """

    name: ClassVar[str]
    elementwise: ClassVar[bool] = False
    """Each result element depends only on the operand elements it broadcasts from."""
    monotone: ClassVar[bool] = False
    """Elementwise, and no result falls when the first operand grows."""
    takes_maxima: ClassVar[bool] = False
    """Each result is the largest of some elements of one sample and channel."""
    moves: ClassVar[bool] = False
    """Each result element is an element of the first operand, perhaps rounded."""
    takes_text: ClassVar[bool] = False
    """Has operands or results of the element type ``string``."""
    takes_opaque: ClassVar[bool] = False
    """Has operands or results that only a runtime knows."""
    only_runtime: ClassVar[bool] = False
    """Has no `evaluate`: a runtime alone knows what it computes."""
    on_host: ClassVar[bool] = False
    """Whether Python computes it, where it can before a session runs."""
    splits: ClassVar[bool] = False
    """Cuts each text into words."""
    only_on_host: ClassVar[bool] = False
    """Whether there are no ONNX operators for it."""
    least_opset: ClassVar[int] = 17
    """The lowest opset that has what it is written with."""
    wide: ClassVar[bool] = False
    """Adds up many numbers: half-precision operands are computed with in float32, and
    the results rounded (`computed`). Rules of the operator need not see to it."""
    statistics: ClassVar[tuple[int, ...]] = ()
    """Operands that hold statistics of the data: no gradient changes them."""
    needs_room: ClassVar[bool] = False
    """`infer` refuses a first operand of too small spatial axes, which runtimes may
    not do: it is asked again about the sizes of each run."""

    @classmethod
    @cache
    def says(cls, fact: str) -> bool:
        """Whether operators of this class answer a question in a way of their own.

        `fact` names one below. Where no class in a graph does, no node need be asked.
        """
        own: Collection[str] = getattr(cls, "__dataclass_fields__", ())
        return fact in own or getattr(cls, fact) is not getattr(Op, fact)

    def typed(self, *operands: TensorType) -> tuple[TensorType, ...]:
        """What `infer` gives, for operands of an element type that is taken.

        Raises: what `infer` raises, DTypeError for text that is not taken.
        """
        results = () if self._refuses(operands) else self.infer(*operands)
        if self._refuses((*operands, *results)):
            raise DTypeError(
                f"{self.name} computes with numbers, not with text: make numbers of it "
                "first, with StringLookup, TextVectorization or Hashing"
            )
        return results

    def _refuses(self, types: Sequence[TensorType]) -> bool:
        if self.takes_opaque:
            return False
        found = [t.dtype for t in types]
        return OPAQUE in found or (STRING in found and not self.takes_text)

    @abstractmethod
    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        """Result types, or ShapeError/DTypeError: the operator's only shape rule."""

    @abstractmethod
    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        """Result values in NumPy: the reference every other path is tested against."""

    @abstractmethod
    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        """ONNX names of the results, emitting ONNX nodes through `emit`."""

    reads: ClassVar[tuple[str, ...]] = ()
    """The ONNX operators that `read` makes this one of."""

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        """The operator that an ONNX node of `reads` is, and which operands it has.

        None where the node is of a form that this operator has not. What `lower`
        writes as one node is read as the same operator.
        """
        return None

    pure: ClassVar[bool] = True
    """Equal operands give equal results, and nothing else happens: nodes that apply it
    to the same operands may be merged, and computed before the model runs."""
    folds: ClassVar[bool] = True
    """Pure, and worth computing before the model runs where operands are constants."""

    @property
    def constant(self) -> FrozenArray | None:
        """The array that the only result is, whatever happens."""
        return None

    @property
    def uniform(self) -> float | None:
        """The number that all elements of the only result are, whatever happens."""
        return None

    @property
    def adds_slices(self) -> bool:
        """Whether the result is the first operand with slices, the third, added.

        The second says where, in its last axis.
        """
        return False

    def vjp(
        self,
        ops: Functions,
        g: Operand | Cotangents,
        y: Results,
        *operands: Operand,
    ) -> Cotangents:
        """Cotangents of the operands, given the cotangent `g` of the result `y`.

        All of them are traced tensors, so a rule is written with Python's operators
        and the functions `ops`. For an operator of several results `g` and
        `y` are tuples, with None in `g` where nothing depends on a result. Returned
        is one item for each operand: None if its gradient is 0 everywhere, else a
        tensor of the operand's element type, of the result's shape or one that
        broadcasts to the operand's (`seqir.autodiff` sums what was repeated). An
        elementwise operator may get a `g` that still has to be broadcast to `y`.
        Operators that no fraction passes through have no rule.
        """
        raise UnsupportedError(f"the operator {self.name!r} has no gradient")

    @property
    def forward(self) -> Op | None:
        """The operator that this is a gradient of, if both can share work.

        Both have the shared work's input as their first operand.
        """
        return None

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Results | None:
        """The result in plainer operators, where a target computes those faster.

        Written like `vjp`: a tuple for an operator of several results. `shared` says
        that a gradient of this operator (see `forward`) reads the same first operand.
        None leaves the operator whole. The target "plain" asks for products of
        matrices, sums and what moves values.
        """
        return None

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        """How a transpose moves through the operator; None if it does not.

        `operands` are the types before the transpose. See `Permuted`.
        """
        return None

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """Graphs inside, which run as part of the operator.

        The last inputs of each are the operands behind the first `own_operands`.
        """
        return ()

    @property
    def own_operands(self) -> int:
        """How many operands are not there for the bodies to capture."""
        assert not self.bodies
        return 0

    def with_bodies(self, bodies: Sequence[Graph]) -> Op:
        """The operator with other graphs inside."""
        assert not bodies
        return self

    @property
    def unpruned(self) -> Op:
        """The operator with all of its results, whatever `pruned` took from it."""
        return self

    def pruned(self, used: Sequence[bool]) -> Pruned | None:
        """What is left where only some results are used; None if all is needed."""
        return None

    def must_equal(self, *operands: TensorType) -> tuple[tuple[Dim, Dim], ...]:
        """Pairs of sizes that the operator needs to be equal, as far as types tell.

        Where their names differ, the run finds out, and fails if they are not.
        """
        return ()

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        """The operator on operands with one more axis in front, where flags say so.

        It does for all places of that axis what it does for one, and its results have
        the axis in front, too. None if there is no such operator.
        """
        return None

    def never_zero(self, *operands: TensorType) -> tuple[Dim, ...]:
        """Sizes that no runtime can take if they turn out to be 0."""
        return ()

    def simplified(self, *operands: Value) -> Value | tuple[Value, ...] | None:
        """An operand that the result always equals, if the operator does nothing.

        Of an operator of several results, one for each.
        """
        return None

    def channelwise(
        self, rank: int, axis: int, *operands: Array | None
    ) -> tuple[Array, Array] | None:
        """Scale and shift, if the result is ``scale * x + shift`` per channel.

        `operands` holds the arrays of constant operands and None for x, the only
        other one; channels lie on `axis` of `rank`. None if it is anything else.
        """
        return None

    def row_counts(self, *operands: TensorType) -> tuple[int | None, ...]:
        """For each operand that holds row numbers, how many rows there are.

        Nothing is said of operands at the end that hold something else.
        """
        return ()

    @property
    def tells_apart(self) -> Array | None:
        """Values of the first operand that each give another result, if it has such."""
        return None

    def receptive(self, *operands: TensorType) -> tuple[Receptive, ...] | None:
        """The window that slides over the first operand, for each of its axes from 2.

        The operands after it say the same to every position. None for what has no
        window.
        """
        return None

    @property
    def contracted_axis(self) -> int | None:
        """Axis of the second operand that is summed with the last axis of the first."""
        return None

    channel_axis: ClassVar[int] = 1
    """Where an operator with `scaled` has its output channels."""

    def scaled(
        self, node: Node, weight: Array, bias: Array | None, scale: Array, shift: Array
    ) -> tuple[Op, Array, Array | None] | None:
        """Fold ``scale * y + shift`` per output channel into weight and bias.

        Scale, shift and bias are float64. A weight that stays as it is comes back as
        the same array. None for operators that are not an affine map of their first
        operand by a weight (the second) and a bias (the third).
        """
        return None

    def cost(self, node: Node) -> int | str:
        """Multiply-accumulates of one evaluation; 0 for what only moves data."""
        return 0

    @property
    def called(self) -> str:
        """The name in reports: that of the function, where one class has several."""
        return str(self).partition("(")[0]

    def __str__(self) -> str:
        values = [(f, getattr(self, f.name)) for f in fields(self)]  # pyright: ignore[reportArgumentType]
        shown = [f"{f.name}={_show(v)}" for f, v in values if v != f.default]
        return f"{self.name}({', '.join(shown)})" if shown else self.name


def _show(value: object) -> str:
    return str(value) if isinstance(value, str | Op) else repr(value)
