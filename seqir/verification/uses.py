"""What a file does with its inputs, which says what values make sense for them."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seqir.ir import Array
from seqir.verification.file import OnnxFile
from seqir.verification.types import Types

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

_HANDS_ON: Final = (
    "Cast", "CastLike", "Concat", "Dropout", "Expand", "Flatten", "Gather", "Identity",
    "Max", "Min", "Pad", "ReduceMax", "ReduceMin", "Reshape", "Round", "Slice", "Split",
    "Squeeze", "Tile", "Transpose", "Unsqueeze", "Where",
)  # fmt: skip
"""Operators whose values are those of their operands, elsewhere or fewer."""

_CONSTANT: Final = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")

_WHOLE: Final = (6, 7, 12, 13)
"""ONNX's numbers of int32, int64, uint32 and uint64."""

_STEEP: Final = 1000.0
"""A larger scale is no unit: it makes of a mask what nothing adds up to."""

_FAR: Final = 10_000
"""How many tensors are looked at behind an input."""

_POSITIVE: Final = ("Log", "Sqrt", "Reciprocal")


Limit = tuple[float, float]


@dataclass
class Use:
    """What values an input may have."""

    limits: list[Limit] = field(default_factory=list[Limit])
    """From and to which whole numbers, the last one left out."""
    positive: bool = False
    centre: float = 0.0
    unit: float = 0.0
    """Where 0 and 1 are behind the first scale and shift; 0 if there is none."""
    known: list[Any] = field(default_factory=list[Any])
    """Values that the file looks up."""
    sizes: bool = False
    """Whether it says how large something becomes."""

    @property
    def limit(self) -> Limit | None:
        """The whole numbers that fit everywhere, None if any does.

        One limit that leaves nothing of the others is another way to the same table:
        where a negative index counts from the end, for example.
        """
        found: Limit | None = None
        for low, high in self.limits:
            if found is None:
                found = low, high
            elif max(low, found[0]) < min(high, found[1]):
                found = max(low, found[0]), min(high, found[1])
        return found


@dataclass(frozen=True)
class _Place:
    """A tensor that has the values of an input, as ``scale * x + shift``."""

    tensor: str
    scale: float = 1.0
    shift: float = 0.0


class Uses:
    """Follows the inputs of a file to where their values are looked at."""

    def __init__(self, file: OnnxFile, types: Types) -> None:
        self.types = types
        self.readers: defaultdict[str, list[tuple[onnx.NodeProto, int]]]
        self.readers = defaultdict(list)
        self.makers: dict[str, onnx.NodeProto] = {}
        self.stored: dict[str, onnx.TensorProto] = {}
        self.inside: defaultdict[str, list[str]] = defaultdict(list)
        for graph in file.graphs():
            self.stored |= {t.name: t for t in graph.initializer}
            for node in graph.node:
                self._add(node)
        self.found = {name: self._of(name) for name in file.inputs}

    def _add(self, node: onnx.NodeProto) -> None:
        for place, name in enumerate(node.input):
            self.readers[name].append((node, place))
        self.makers |= dict.fromkeys(filter(None, node.output), node)
        for attribute in node.attribute:
            if node.op_type in ("Loop", "Scan") and attribute.HasField("g"):
                carried = attribute.g.input[2 * (node.op_type == "Loop") :]
                given = node.input[2 * (node.op_type == "Loop") :]
                for outer, inner in zip(given, carried, strict=False):
                    self.inside[outer].append(inner.name)

    def _of(self, name: str) -> Use:
        use = Use()
        waiting = deque([_Place(name)])
        seen = set(waiting)
        while waiting and len(seen) < _FAR:
            place = waiting.popleft()
            inner = self.inside[place.tensor]
            after = [replace(place, tensor=tensor) for tensor in inner]
            for node, operand in self.readers[place.tensor]:
                after += self._reach(use, place, node, operand)
            for each in after:
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return use

    def _reach(
        self, use: Use, place: _Place, node: onnx.NodeProto, operand: int
    ) -> Iterator[_Place]:
        """Take note of what a node does with the values; where they go on to."""
        kind = node.op_type
        limit = LIMITS.get(kind)
        if limit is not None and (bounds := limit(self, node, operand)) is not None:
            ends = [(end - place.shift) / place.scale for end in bounds]
            found = (min(ends), max(ends))
            use.limits.insert(0 if not place.shift else len(use.limits), found)
            return
        if (kind, operand) in _SIZES:
            use.sizes = True
        elif kind == "Where" and operand == 0:
            return
        elif kind in _POSITIVE:
            use.positive = True
        elif kind in _KEYS:
            use.known += _keys(node)
        elif kind in _HANDS_ON or (kind == "Clip" and operand == 0):
            yield from (replace(place, tensor=made) for made in node.output)
        elif kind in ("Add", "Sub", "Mul", "Div"):
            yield from self._affine(use, place, node, operand)

    def _affine(
        self, use: Use, place: _Place, node: onnx.NodeProto, operand: int
    ) -> Iterator[_Place]:
        """Behind a sum, product or difference with a constant."""
        other = self.constant(node.input[1 - operand])
        if other is None and self.types.dtypes.get(place.tensor) in _WHOLE:
            if node.op_type in ("Add", "Mul"):  # a mask chooses where they stay
                yield replace(place, tensor=node.output[0])
            return
        if other is None or not other.size or other.dtype.kind not in "iuf":
            return
        by = float(np.mean(other))
        scale, shift = place.scale, place.shift
        if node.op_type == "Add":
            shift += by
        elif node.op_type == "Mul":
            scale, shift = scale * by, shift * by
        elif node.op_type == "Sub":
            scale, shift = (-scale, by - shift) if operand else (scale, shift - by)
        elif operand or not by:
            return
        else:
            scale, shift = scale / by, shift / by
        if scale and math.isfinite(scale) and math.isfinite(shift):
            alone = len(self.readers[place.tensor]) == 1
            if alone and 1 / _STEEP < abs(scale) < _STEEP:
                use.centre, use.unit = -shift / scale, 1 / abs(scale)
            yield _Place(node.output[0], scale, shift)

    def constant(self, name: str, depth: int = 8) -> Array | None:
        """The values of a small tensor that does not depend on inputs, or None."""
        from onnx import numpy_helper

        if name in self.stored:
            tensor = self.stored[name]
            external = tensor.data_location == tensor.EXTERNAL
            return None if external else numpy_helper.to_array(tensor)
        node = self.makers.get(name)
        if node is None or not depth:
            return None
        if node.op_type == "Constant":
            return _value(node)
        if node.op_type in _CONSTANT:
            return self.constant(node.input[0], depth - 1)
        return None

    def size(self, name: str, axis: int) -> int | None:
        """A size of a tensor, None where it is not known."""
        shape = self.types.shapes.get(name)
        return shape[axis] if shape and -len(shape) <= axis < len(shape) else None


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """An attribute of a node."""
    from onnx import helper

    for each in node.attribute:
        if each.name == name:
            return helper.get_attribute_value(each)
    return default


def _value(node: onnx.NodeProto) -> Array | None:
    from onnx import numpy_helper

    for name in ("value_int", "value_ints", "value_float", "value_floats"):
        if (found := attribute(node, name, None)) is not None:
            return np.asarray(found)
    tensor = attribute(node, "value", None)
    if tensor is None or tensor.data_location == tensor.EXTERNAL:
        return None
    return numpy_helper.to_array(tensor)


def _rows(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """Indices along one axis of the first operand."""
    if operand != 1:
        return None
    n = uses.size(node.input[0], attribute(node, "axis", 0))
    return (0, n) if n else (0, 1)


def _points(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """Indices along several axes of the first operand."""
    if operand != 1:
        return None
    axes = range(uses.size(node.input[1], -1) or 1)
    sizes = [uses.size(node.input[0], axis) or 1 for axis in axes]
    return (0, min(sizes, default=1))


def _classes(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """Classes of a loss."""
    n = uses.size(node.input[0], 1)
    return (0, n) if operand == 1 and n else None


def _depth(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """Places in a one-hot vector."""
    depth = uses.constant(node.input[1])
    if operand or depth is None or not depth.size:
        return None
    return (0, float(depth.ravel()[0]))


def _lengths(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """How long the sequences of a batch are."""
    place = 1 if node.op_type == "ReverseSequence" else 4
    time = attribute(node, "time_axis", 0)
    layout = attribute(node, "layout", 0)
    n = uses.size(node.input[0], 1 if layout else time)
    return (1, n + 1) if operand == place and n else None


def _embedded(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """Words and segments that have rows in tables."""
    table = {0: 2, 1: 4}.get(operand)
    n = uses.size(node.input[table], 0) if table is not None else None
    return (0, n) if n else None


def _largest(uses: Uses, node: onnx.NodeProto, operand: int) -> Limit | None:
    """How many of the largest values are wanted."""
    n = uses.size(node.input[0], attribute(node, "axis", -1))
    return (1, n + 1) if operand == 1 and n else None


LIMITS: Final[Mapping[str, Callable[[Uses, Any, int], Limit | None]]] = {
    "Gather": _rows,
    "GatherElements": _rows,
    "GatherND": _points,
    "Scatter": _rows,
    "ScatterElements": _rows,
    "ScatterND": _points,
    "OneHot": _depth,
    "NegativeLogLikelihoodLoss": _classes,
    "SoftmaxCrossEntropyLoss": _classes,
    "LSTM": _lengths,
    "GRU": _lengths,
    "RNN": _lengths,
    "ReverseSequence": _lengths,
    "EmbedLayerNormalization": _embedded,
    "TopK": _largest,
}
"""From and to which number an operand goes, None where it is not one of numbers."""

_SIZES: Final = frozenset(
    {
        ("Reshape", 1),
        ("Expand", 1),
        ("ConstantOfShape", 0),
        ("Tile", 1),
        ("Slice", 1),
        ("Slice", 2),
        ("Loop", 0),
        ("Range", 1),
        ("Resize", 3),
    }
)
"""Operands that say how large something becomes."""

_KEYS: Final = ("LabelEncoder", "CategoryMapper", "OneHotEncoder", "TfIdfVectorizer")


def _keys(node: onnx.NodeProto) -> list[Any]:
    """What a node of looking up knows."""
    names = (
        "keys_strings", "keys_int64s", "keys_floats", "cats_strings", "cats_int64s",
        "cats_strings", "pool_strings", "pool_int64s",
    )  # fmt: skip
    found = [key for name in names for key in attribute(node, name, ())]
    return [key.decode() if isinstance(key, bytes) else key for key in found]
