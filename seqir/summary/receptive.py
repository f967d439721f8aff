"""What one call of a layer sees of its input: the windows of its operators, joined."""

from __future__ import annotations

from typing import TypeAlias

from seqir import config, nest
from seqir.ir import Node, Op, Receptive, Value
from seqir.operators.movement import Transpose
from seqir.ops.call import traced_alone
from seqir.ops.tensor import Call, Traced

Windows = tuple[Receptive, ...]
"""One for each axis that windows slide over."""
Seen: TypeAlias = tuple[tuple[int, Receptive | None], ...] | None
"""For each axis of a value: which axis of the input it is, and the window, if one has
slid over it. None for a value that depends on the input in another way."""


def joined(first: Receptive, then: Receptive) -> Receptive:
    """What is seen through one window after another."""
    reach = first.reach + (then.reach - 1) * first.step
    return Receptive(reach, first.step * then.step)


def seen_by(call: Call) -> Windows | None:
    """The windows through which the results of a call see its inputs.

    Empty if each position depends on the same position of the input alone; None if
    positions are mixed in any other way, or results differ.
    """
    trace, results = traced_alone(call.target, call.args, call.kwargs)
    known: dict[Value, Seen] = {
        x: tuple((axis, None) for axis in range(x.type.rank))
        for x in trace.inputs.values()
        if x.type.rank > 2
    }
    for node in trace.nodes:
        if any(v in known for v in node.operands):
            known.update(dict.fromkeys(node.results, _through(node, known)))
    ends = {known.get(y.value) for y in nest.flatten(results) if isinstance(y, Traced)}
    seen = ends.pop() if len(ends) == 1 else None
    if seen is None or [axis for axis, _ in seen] != list(range(len(seen))):
        return None
    return tuple(window for _, window in seen if window)


def _through(node: Node, known: dict[Value, Seen]) -> Seen:
    """What the results of a node see, given what its operands do."""
    op, given = node.op, {known[v] for v in node.operands if v in known}
    seen = given.pop()
    if given or seen is None:
        return None
    if isinstance(op, Transpose):
        return tuple(seen[axis] for axis in op.perm)
    windows = op.receptive(*(v.type for v in node.operands))
    if windows is not None:
        if any(v in known for v in node.operands[1:]):
            return None
        pairs = zip(seen[2:], windows, strict=True)
        slid = ((a, joined(w, new) if w else new) for (a, w), new in pairs)
        return *seen[:2], *slid
    same_rank = node.results[0].type.rank == len(seen)
    return seen if same_rank and _positionwise(node) else None


def _positionwise(node: Node) -> bool:
    """Whether an operator mixes nothing, or channels alone."""
    op = node.op
    if op.elementwise or type(op).channelwise is not Op.channelwise:
        return True
    axes = getattr(op, "axes", getattr(op, "axis", None))
    axes = (axes,) if isinstance(axes, int) else axes
    rank = node.operands[0].type.rank
    if not axes or node.results[0].type.rank != rank or rank < 3:
        return False
    channels = 1 if config.image_data_format() == "channels_first" else rank - 1
    return all(axis % rank == channels for axis in axes)
