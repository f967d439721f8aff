"""Recurrent networks as one operator, where there is one for what a layer computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from seqir import ops
from seqir.ir import Trace
from seqir.operators.gates import Activation, activation_of
from seqir.operators.recurrent import DIRECTIONS, Recurrent
from seqir.ops.apply import apply, as_tuple
from seqir.ops.tensor import Result, Traced
from seqir.tensortype import TensorType

_DIRECTIONS: Final = {ways: name for name, ways in DIRECTIONS.items()}


def known_activation(function: Callable[..., Any]) -> Activation | None:
    """The function as recurrent operators have it; None if they do not.

    What it computes says so: it may as well be a layer, or a function of the user's.
    """
    b = Trace("activation")
    x = Traced(b, b.input("x", TensorType("float32", ("batch", 3))))
    with b.active():
        y = function(x)
    if not isinstance(y, Traced) or b.params or b.losses:
        return None
    return activation_of(x.value, y.value, b.nodes)


@dataclass(frozen=True)
class Way:
    """One direction of a network: what goes into the operator for it."""

    op: Recurrent
    weights: dict[str, Result]
    """w[G*H, I], r[G*H, H] and perhaps bias[2*G*H]: with ONNX's order of the gates."""
    states: list[Result] | None
    """Those to begin with, None for 0."""
    reverse: bool


def together(ways: Sequence[Way]) -> bool:
    """Whether one operator runs both directions."""
    first, second = ways
    return (
        first.op == second.op
        and first.weights.keys() == second.weights.keys()
        and first.weights["r"].shape == second.weights["r"].shape
        and (first.states is None) == (second.states is None)
        and (first.reverse, second.reverse) in _DIRECTIONS
    )


def run(
    ways: Sequence[Way],
    x: Result,
    mask: Result | None,
    *,
    sequences: bool,
    zero: bool,
) -> tuple[Result, list[list[Result]]]:
    """The outputs of all directions side by side, and the last states of each.

    The output is y[N, T, D * units] in the order of the steps with `sequences`, else
    that of the last step, y[N, D * units]. Where a mask is False it is 0 with `zero`,
    else what it was a step before, for which there may be one direction.

    Shapes: x[N, T, n], mask[N, T].
    """
    op = ways[0].op
    x = ops.swapaxes(x, 0, 1)
    packing = None if mask is None else _Packing(ops.transpose(mask))
    given = {n: _stacked([w.weights[n] for w in ways]) for n in ways[0].weights}
    if packing is not None:
        x = packing.packed(x)
        given["lengths"] = packing.lengths
    firsts = [way.states for way in ways if way.states is not None]
    for name, states in zip(op.states, zip(*firsts, strict=True), strict=False):
        given[name] = _stacked(states)
    names = tuple(n for n in ("bias", "lengths", *op.states) if n in given)
    direction = _DIRECTIONS[tuple(way.reverse for way in ways)]
    op = replace(op, direction=direction, given=names)
    operands = [x, given["w"], given["r"], *(given[n] for n in names)]
    y, *found = as_tuple(apply(op, *operands))
    count = len(ways)
    last = [[_direction(s, d, count) for s in found] for d in range(count)]
    if not sequences:
        y = _side_by_side([states[0] for states in last])
        if packing is not None and zero:
            inside = packing.mask[0 if ways[0].reverse else -1]
            y = ops.where(ops.expand_dims(inside, -1), y, 0.0)
        return y, last
    if packing is None:
        return _joined(y, (2, 0, 1, 3)), last
    first = None if zero or not firsts else firsts[0][0]
    y = _joined(y, (0, 2, 1, 3))
    y = packing.unpacked(y, first, reverse=ways[0].reverse, zero=zero)
    return ops.swapaxes(y, 0, 1), last


def _joined(y: Result, order: tuple[int, ...]) -> Result:
    """y[T, D, N, units] in this order of axes, D and units, the last two, joined."""
    if y.shape[1] == 1:
        y = ops.squeeze(y, 1)
        return ops.swapaxes(y, 0, 1) if order[0] else y
    y = ops.transpose(y, order)
    *rest, count, units = ops.shape(y)
    return ops.reshape(y, (*rest, count * units))


def _stacked(parts: Sequence[Result]) -> Result:
    return ops.expand_dims(parts[0], 0) if len(parts) == 1 else ops.stack(parts)


def _side_by_side(parts: Sequence[Result]) -> Result:
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, -1)


def _direction(state: Result, d: int, count: int) -> Result:
    return ops.squeeze(state, 0) if count == 1 else state[d]


class _Packing:
    """The steps of each sequence that a mask leaves, moved to the front, and back.

    So a network runs over any mask as over sequences of several lengths.
    """

    def __init__(self, mask: Result) -> None:
        """Of mask[T, N]."""
        self.mask = mask
        self.steps, self.batch = ops.shape(mask)
        self.count = ops.cumsum(ops.cast(mask, "int32"), 0)
        """count[T, N]: how many steps there are up to this one."""
        self.lengths = self.count[-1]
        self.samples = ops.reshape(ops.arange(self.batch, dtype="int32"), (1, -1))

    def packed(self, x: Result) -> Result:
        """x[T, N, n] with the steps that are left in front, the others behind."""
        steps = ops.reshape(ops.arange(self.steps, dtype="int32"), (-1, 1))
        order = ops.argsort(ops.where(self.mask, steps, steps + self.steps), 0)
        return self._rows(x, order)

    def unpacked(
        self, y: Result, first: Result | None, *, reverse: bool, zero: bool
    ) -> Result:
        """y[T, N, n] of packed steps with all steps; `first` is that before all."""
        place = self.count - 1
        if reverse and not zero:
            place = self.count - ops.cast(self.mask, "int32")
        found = self._rows(y, ops.clip(place, 0, self.steps - 1))
        inside = self.mask
        if not zero:
            inside = place < self.lengths if reverse else place >= 0
        other = 0.0 if first is None else first
        return ops.where(ops.expand_dims(inside, -1), found, other)

    def _rows(self, x: Result, steps: Result) -> Result:
        """The rows of x[T, N, n] at steps[T, N]."""
        rows = ops.reshape(x, (-1, ops.shape(x)[-1]))
        return ops.take(rows, steps * self.batch + self.samples, 0)
