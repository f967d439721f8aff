"""Nodes that hold graphs: branches and loops whose bodies are read come back as such.

A body is read into a region, so what it reads from around becomes an operand. A node
stays what it is where a body has a node without meaning here, where branches differ in
their types, and where a ``Loop`` stacks results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import onnx

from seqir.ir import Array, Builder, FrozenArray, Region, Value
from seqir.operators.arith import Add, And, Less
from seqir.operators.constant import Constant
from seqir.operators.control import Cond, Scan, While
from seqir.operators.foreign import Foreign
from seqir.operators.movement import Reshape, Transpose
from seqir.reading.take import FileNode, NotKnown
from seqir.tensortype import TensorType

_TRUTH = TensorType("bool", ())
_COUNT = TensorType("int64", ())


class Around(Protocol):
    """The walk that meets the node."""

    @property
    def b(self) -> Builder: ...

    def results_of(
        self,
        body: onnx.GraphProto,
        b: Builder,
        given: Sequence[Value],
        outputs: Sequence[str] = (),
    ) -> list[Value]:
        """What the nodes of a body make of its inputs, added to a builder.

        `outputs` are names that the results have outside.
        """
        ...

    def constant(self, name: str) -> Array | None:
        """The values of a tensor that is known before the model runs."""
        ...


def control(
    walk: Around, node: FileNode, operands: Sequence[Value | None]
) -> list[Value] | None:
    """The results of a branch or a loop, None if it has to stay what it is.

    Raises: SeqirError and NotKnown for bodies that cannot be read.
    """
    read = {"If": _branch, "Loop": _loop, "Scan": _scan}.get(node.kind)
    return None if read is None or node.domain else read(walk, node, operands)


def _branch(
    walk: Around, node: FileNode, operands: Sequence[Value | None]
) -> list[Value] | None:
    condition = _scalar(walk.b, operands[0])
    branches = [_graph(node, f"{name}_branch") for name in ("then", "else")]
    known = walk.constant(node.inputs[0])
    if known is not None:
        return walk.results_of(branches[not known.all()], walk.b, (), node.outputs)
    regions = [Region(walk.b) for _ in branches]
    found = [
        walk.results_of(body, region, ())
        for body, region in zip(branches, regions, strict=True)
    ]
    captured = _captured(*regions)
    bodies = (
        region.close((), results, captured)
        for region, results in zip(regions, found, strict=True)
    )
    return list(walk.b.emit(Cond(*bodies), condition, *captured))


def _loop(
    walk: Around, node: FileNode, operands: Sequence[Value | None]
) -> list[Value] | None:
    b, body = walk.b, _graph(node, "body")
    most, begin, *starts = operands
    carried = [v for v in starts if v is not None]
    if len(body.output) != len(carried) + 1 or len(carried) != len(starts):
        return None  # it stacks results, or lacks some
    first = Region(b, loop=True)
    step = Region(b, loop=True)
    place, goes_on = Value(_COUNT), Value(_TRUTH)
    inner = [Value(v.type) for v in carried]
    ends, *found = walk.results_of(body, step, [place, goes_on, *inner])
    limit = None if most is None else walk.constant(node.inputs[0])
    again = step(Add(), place, _number(step, 1, "int64"))
    state = [place, goes_on, *inner]
    goes = goes_on
    if most is not None and limit is None:
        below = first(Less(), place, first.capture(_scalar(b, most)))
        goes = first(And(), goes_on, below)
    captured = _captured(first, step)
    op = While(
        first.close(state, [goes], captured),
        step.close(state, [again, ends, *found], captured),
        len(state),
        None if limit is None else max(int(limit.reshape(())), 0),
    )
    start = _number(b, True, "bool") if begin is None else _scalar(b, begin)
    results = b.emit(op, _number(b, 0, "int64"), start, *carried, *captured)
    return list(results[2:])


def _scan(
    walk: Around, node: FileNode, operands: Sequence[Value | None]
) -> list[Value] | None:
    b, body = walk.b, _graph(node, "body")
    scanned = node.value("num_scan_inputs")
    given = [v for v in operands if v is not None]
    n = len(given) - scanned
    stacked = len(body.output) - n
    turned = {
        *node.value("scan_input_directions", (0,) * scanned),
        *node.value("scan_output_directions", (0,) * stacked),
    }
    if len(given) != len(operands) or len(turned) > 1 or not scanned:
        return None
    axes = node.value("scan_input_axes", (0,) * scanned)
    along = [_first(b, v, axis) for v, axis in zip(given[n:], axes, strict=True)]
    region = Region(b, loop=True)
    slices = [Value(v.type.with_shape(v.type.shape[1:])) for v in along]
    state = [Value(v.type) for v in given[:n]]
    found = walk.results_of(body, region, [*state, *slices])
    captured = _captured(region)
    graph = region.close([*state, *slices], found, captured)
    op = Scan(graph, n, scanned, turned == {1})
    results = [*b.emit(op, *given[:n], *along, *captured)]
    axes = node.value("scan_output_axes", (0,) * stacked)
    for i, axis in enumerate(axes, n):
        results[i] = _first(b, results[i], axis, back=True)
    return results


def _first(b: Builder, x: Value, axis: int, *, back: bool = False) -> Value:
    """The axis in front, or, with `back`, the first one there."""
    rank = x.type.rank
    axis %= rank
    if not axis:
        return x
    order = [*range(1, axis + 1), 0] if back else [axis, *range(axis)]
    return b(Transpose((*order, *range(axis + 1, rank))), x)


def _graph(node: FileNode, name: str) -> onnx.GraphProto:
    if name not in node.attributes:
        raise NotKnown
    return node.attributes[name].g


def _captured(*regions: Region) -> list[Value]:
    """What bodies take from around.

    Raises: NotKnown for bodies with nodes that are not computed here.
    """
    if any(type(each.op) is Foreign for region in regions for each in region.nodes):
        raise NotKnown
    return list(dict.fromkeys(v for region in regions for v in region.captured))


def _scalar(b: Builder, x: Value | None) -> Value:
    """One number without axes, which old files give one."""
    if x is None:
        raise NotKnown
    return b(Reshape(()), x) if x.type.rank else x


def _number(b: Builder, value: Any, dtype: str) -> Value:
    return b(Constant(FrozenArray(np.array(value, dtype))))
