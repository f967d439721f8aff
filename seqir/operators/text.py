"""Text: looked up, in small letters, without some characters, cut into words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.dtypes import STRING
from seqir.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from seqir.ir import Array, Builder, Emit, FrozenArray, Graph, Node, Op, Perm, Permuted
from seqir.operators.arith import Add, Less, Where
from seqir.operators.constant import Constant
from seqir.operators.movement import ExpandDims, Squeeze
from seqir.operators.sizes import SliceAt
from seqir.tensortype import TensorType

ML: str = "ai.onnx.ml"
"""The part of ONNX that has what machine learning had before networks."""


class _EachText(Op):
    """``y[i] = f(x[i])`` of text."""

    elementwise: ClassVar[bool] = True
    takes_text: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType]:
        _check_text(self.name, x)
        return (x,)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        return Permuted(self, perm)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return self


def _check_text(name: str, x: TensorType) -> None:
    if x.dtype != STRING:
        raise DTypeError(f"{name} takes text, got {x}")


def each(function: Callable[[str], Any], x: Array, dtype: Any = object) -> Array:
    """A function of every text."""
    found: Array = np.empty(x.size, dtype)
    found[:] = [function(text) for text in x.flat]
    return found.reshape(x.shape)


@dataclass(frozen=True)
class Lookup(_EachText):
    """y = the value that stands beside x among the keys, or else the default.

    Keys are text or int64, values too.

    Source: ONNX ``ai.onnx.ml.LabelEncoder`` (opset 2).
    """

    name: ClassVar[str] = "lookup"
    keys: FrozenArray
    values: FrozenArray
    default: int | str

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if x.dtype != self.keys.dtype:
            raise DTypeError(f"{self.name} takes {self.keys.dtype}, got {x}")
        return (x.with_dtype(self.values.dtype),)

    @functools.cached_property
    def table(self) -> dict[Any, Any]:
        """The value of each key; of a key that is there twice, the first one."""
        keys, values = self.keys.array.tolist(), self.values.array.tolist()
        return dict(reversed([*zip(keys, values, strict=True)]))

    @property
    def tells_apart(self) -> Array | None:
        return self.keys.array

    def evaluate(self, x: Array) -> tuple[Array]:
        table, default = self.table, self.default
        given = x.ravel().tolist()
        found = [table.get(key, default) for key in given]
        out: Array = np.empty(x.size, self.values.array.dtype)
        out[:] = found
        return (out.reshape(x.shape),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        kinds = {STRING: "string"}
        key, value = (kinds.get(a.dtype, a.dtype) for a in (self.keys, self.values))
        given: dict[str, Any] = {
            f"keys_{key}s": self.keys.array.tolist(),
            f"values_{value}s": self.values.array.tolist(),
            f"default_{value}": self.default,
        }
        return (emit("LabelEncoder", x, domain=ML, **given),)

    def __str__(self) -> str:
        digests = f"{self.keys.digest()}, {self.values.digest()}"
        return f"{self.name}({digests}, default={self.default!r})"


@dataclass(frozen=True)
class StrictLookup(Lookup):
    """As `Lookup`, where what is not among the keys is an error; a file cannot say so.

    Source: ONNX ``ai.onnx.ml.LabelEncoder`` (opset 2).
    """

    name: ClassVar[str] = "strict_lookup"
    on_host: ClassVar[bool] = True
    folds: ClassVar[bool] = False

    def evaluate(self, x: Array) -> tuple[Array]:
        unknown = [key for key in x.ravel().tolist() if key not in self.table]
        if unknown:
            raise ArgumentError(
                f"{unknown[:5]} are not in a vocabulary that has no place for what is "
                "unknown: make the lookup with num_oov_indices=1"
            )
        return super().evaluate(x)


@dataclass(frozen=True)
class Lower(_EachText):
    """y is x with a to z for A to Z; all other letters stay, as in TensorFlow.

    Source: ONNX ``StringNormalizer`` (opset 10), in the locale ``C``, which every
    machine has.
    """

    name: ClassVar[str] = "lower"

    def evaluate(self, x: Array) -> tuple[Array]:
        return (each(_lower, x),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        flat = emit("Reshape", x, emit.ints(-1))  # what it takes has one axis
        small = emit("StringNormalizer", flat, case_change_action="LOWER", locale="C")
        return (emit("Reshape", small, emit("Shape", x)),)


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text.encode().lower().decode()


@dataclass(frozen=True)
class Replace(_EachText):
    """y is x with another text for each of some characters.

    Source: ONNX ``StringSplit`` and ``StringConcat`` (opset 20) in a ``Loop``: ONNX has
    no operator that replaces. (In a ``Scan`` ONNX Runtime adds texts to themselves.)
    """

    name: ClassVar[str] = "replace"
    least_opset: ClassVar[int] = 20
    characters: str
    by: str = ""

    def evaluate(self, x: Array) -> tuple[Array]:
        table = dict.fromkeys(map(ord, self.characters), self.by)
        return (each(lambda text: text.translate(table), x),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        size = emit("Shape", x)
        flat = emit("Reshape", x, emit.ints(-1))
        blank = emit.constant(np.array([[""]], object))
        count = emit("Concat", emit("Shape", flat), emit.ints(1), axis=0)
        column = emit.once("Expand", blank, count)
        body, condition = _joining(self.by)
        one = emit.scalar(1, "int64")
        for character in self.characters:
            pieces, counts = emit.many(
                "StringSplit", flat, outputs=2, delimiter=character
            )
            pieces = emit("Concat", pieces, column, axis=1)
            first = emit("Slice", pieces, emit.ints(0), emit.ints(1), emit.ints(1))
            begin = emit("Squeeze", first, emit.ints(1))
            longest = emit("ReduceMax", counts, keepdims=0)
            captured = (pieces, counts, longest)
            (goes_on,) = emit.inline(condition, (begin, one, *captured))
            loop = emit.body(body, captured, until=condition)
            flat, _ = emit.many("Loop", "", goes_on, begin, one, outputs=2, body=loop)
        return (emit("Reshape", flat, size),)

    def __str__(self) -> str:
        return f"replace({self.characters!r}, {self.by!r})"


@functools.cache
def _joining(by: str) -> tuple[Graph, Graph]:
    """A step that adds one more piece to each text, and whether there is one more."""
    n = ("texts",)
    text, index = TensorType(STRING, n), TensorType("int64", ())
    types = {
        "text": text,
        "place": index,
        "pieces": TensorType(STRING, ("texts", "pieces")),
        "counts": TensorType("int64", n),
        "longest": index,
    }
    b = Builder("join")
    joined, place, pieces, counts, _ = (b.input(k, t) for k, t in types.items())
    one = b(Constant(FrozenArray(np.asarray(1, np.int64))))
    after = b(Add(), place, one)
    begin, end = (b(ExpandDims((0,)), v) for v in (place, after))
    piece = b(Squeeze((1,)), b(SliceAt(1, 1, 1), pieces, begin, end))
    if by:
        words = (b(Constant(FrozenArray(np.array(w, object)))) for w in (by, ""))
        joined = b(Join(), joined, b(Where(), b(Less(), place, counts), *words))
    body = b.finish({"text": b(Join(), joined, piece), "place": after})
    b = Builder("goes_on")
    _, place, _, _, longest = (b.input(k, t) for k, t in types.items())
    return body, b.finish({"goes_on": b(Less(), place, longest)})


@dataclass(frozen=True)
class Join(Op):
    """y = a + b, of text. Source: ONNX ``StringConcat`` (opset 20)."""

    name: ClassVar[str] = "join"
    elementwise: ClassVar[bool] = True
    takes_text: ClassVar[bool] = True
    least_opset: ClassVar[int] = 20

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType]:
        _check_text(self.name, a)
        _check_text(self.name, b)
        return (a.with_shape(shapes.broadcast(a.shape, b.shape)),)

    def evaluate(self, a: Array, b: Array) -> tuple[Array]:
        return (np.asarray(a + b, object),)

    def lower(self, emit: Emit, node: Node, a: str, b: str) -> tuple[str]:
        return (emit("StringConcat", a, b),)


@dataclass(frozen=True)
class Words(Op):
    """y = the words of each text, between spaces; empty texts where there are less.

    Shapes: x[n] -> y[n, count]; a name for count is the number of words of the longest.
    Source: ONNX ``StringSplit`` (opset 20).
    """

    name: ClassVar[str] = "words"
    takes_text: ClassVar[bool] = True
    least_opset: ClassVar[int] = 20
    splits: ClassVar[bool] = True
    count: shapes.Dim

    def infer(self, x: TensorType) -> tuple[TensorType]:
        _check_text(self.name, x)
        if x.rank != 1:
            raise ShapeError(f"words cuts a vector of texts, got {x}")
        return (x.with_shape((*x.shape, self.count)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        rows = [[word for word in text.split(" ") if word] for text in x.tolist()]
        return (filled(rows, self.count),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        words, _ = emit.many("StringSplit", x, outputs=2)
        if isinstance(self.count, str):
            return (words,)
        blank = emit.constant(np.array([[""]], object))
        size = emit("Concat", emit("Shape", x), emit.ints(self.count), axis=0)
        longer = emit("Concat", words, emit("Expand", blank, size), axis=1)
        ends = (emit.ints(0), emit.ints(self.count), emit.ints(1))
        return (emit("Slice", longer, *ends),)


def filled(rows: Sequence[Sequence[str]], count: shapes.Dim) -> Array:
    """Rows of words as an array of so many columns, or as many as the longest has."""
    width = count if isinstance(count, int) else max(map(len, rows), default=0)
    found = np.full((len(rows), width), "", object)
    for row, words in zip(found, rows, strict=True):
        kept = words[:width]
        row[: len(kept)] = kept
    return found


@dataclass(frozen=True)
class OnHost(Op):
    """y = function(x, ...), in Python, on the host and before a session runs.

    Shapes: operands of any -> y of `shape`, in which an int that is negative stands for
        a size of the first operand, counted from its front: -1 is that of axis 0.
    Source: none; ONNX has no operator for it.
    """

    name: ClassVar[str] = "on_host"
    takes_text: ClassVar[bool] = True
    folds: ClassVar[bool] = False
    on_host: ClassVar[bool] = True
    only_on_host: ClassVar[bool] = True
    function: Callable[..., Array]
    dtype: str
    shape: shapes.Shape
    label: str

    def infer(self, *operands: TensorType) -> tuple[TensorType]:
        first = operands[0].shape
        sizes = (first[~d] if isinstance(d, int) and d < 0 else d for d in self.shape)
        return (TensorType(self.dtype, tuple(sizes)),)

    def evaluate(self, *operands: Array) -> tuple[Array]:
        return (self.function(*operands),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        raise UnsupportedError(
            f"{self.label} is computed in Python, and only from what enters a model: "
            "ONNX has no operator for it"
        )

    @property
    def called(self) -> str:
        return self.label

    def __str__(self) -> str:
        return f"on_host({self.label})"


def sizes_of(rank: int) -> tuple[int, ...]:
    """The shape of the first operand, for `OnHost`."""
    return tuple(-1 - axis for axis in range(rank))


OPERATORS = (Lookup, StrictLookup, Lower, Replace, Join, Words, OnHost)
