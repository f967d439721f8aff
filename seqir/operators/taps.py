"""The taps of a sliding window: what convolution, pooling and their gradients share.

Tap k of position p looks at place ``p*s + k*d - pad``. Everything here is one of two
adjoint maps: `cut` takes from an image what each tap sees, `spread` adds up what each
tap gives back to the places it saw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqir import shapes
from seqir.ir import Array, Emit, Functions, Operand, Receptive, Take, Target
from seqir.operators.gather import Gather
from seqir.operators.linalg import products
from seqir.operators.pieces import Concat, Pad, Slice
from seqir.shapes import known_shape
from seqir.tensortype import TensorType

Ints = tuple[int, ...]


Pairs = tuple[tuple[int, int], ...]


_BLOCK = 2**21
"""Bytes that a block of `Taps.columns` may have per sample."""


_PIXEL = 64
"""Bytes from which the channels of one place are copied one place at a time."""


class Window(NamedTuple):
    """The attributes that convolutions and pools of ONNX have in common."""

    strides: Ints
    pads: Pairs
    dilations: Ints
    same: bool


def read_window(take: Take, kernel: Ints | None) -> Window | None:
    """The window of an ONNX node; None if the IR has no such padding."""
    if kernel is None:
        return None
    ones = (1,) * len(kernel)
    pads = take.attribute("pads", (0,) * 2 * len(kernel))
    pairs = tuple(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
    auto = take.attribute("auto_pad", "NOTSET")
    if auto == "SAME_LOWER":
        return None
    if auto != "NOTSET":
        pairs = ((0, 0),) * len(kernel)
    strides = tuple(take.attribute("strides", ones))
    dilations = tuple(take.attribute("dilations", ones))
    return Window(strides, pairs, dilations, auto == "SAME_UPPER")


@dataclass(frozen=True)
class Taps:
    """Where a window of a kernel's size lies on the spatial axes of an image."""

    kernel: Ints
    strides: Ints
    dilations: Ints
    pads: Pairs
    same: bool = False
    """Pad to ``positions = ceil(size / s)``, whatever the size; `pads` do not count."""

    @property
    def reach(self) -> Ints:
        """Places from the first tap to the last, both included."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return tuple((k - 1) * d + 1 for k, d in pairs)

    @property
    def receptive(self) -> tuple[Receptive, ...]:
        """What each position sees."""
        return tuple(map(Receptive, self.reach, self.strides))

    def positions(self, size: shapes.Shape) -> shapes.Shape:
        """How many windows fit on each axis.

        Raises: ShapeError if a window is larger than the padded size.
        """
        if self.same:
            return tuple(map(shapes.ceildiv, size, self.strides))
        axes = zip(
            size, self.kernel, self.strides, self.pads, self.dilations, strict=True
        )
        return tuple(shapes.window(*axis) for axis in axes)

    def padding(self, size: shapes.Shape) -> Pairs | None:
        """The pads of an image; None if they depend on an unknown size."""
        if not self.same:
            return self.pads
        axes = zip(size, self.kernel, self.strides, self.dilations, strict=True)
        pads = [shapes.same_pads(*axis) for axis in axes]
        known = tuple(pair for pair in pads if pair is not None)
        return known if len(known) == len(pads) else None

    def known_padding(self, size: shapes.Shape) -> Pairs:
        """The pads of an image of known or `placed` size."""
        pads = self.padding(size)
        assert pads is not None, "the padding depends on an unknown size"
        return pads

    def placed(self, size: shapes.Shape) -> bool:
        """Whether it is known where the last window ends, counted from an end."""
        pairs = zip(size, self.strides, strict=True)
        return all(isinstance(n, int) or s == 1 for n, s in pairs)

    def left_over(self, size: shapes.Shape) -> Ints:
        """Places at the end that no window sees, if the size is `placed`."""
        pads = self.known_padding(size)
        axes = zip(size, pads, self.reach, self.strides, strict=True)
        return tuple(
            (n + sum(p) - r) % s if isinstance(n, int) else 0 for n, p, r, s in axes
        )

    def places(self) -> Iterator[Ints]:
        """The taps in row-major order, each as its place in the first window."""
        for tap in np.ndindex(*self.kernel):
            yield tuple(k * d for k, d in zip(tap, self.dilations, strict=True))

    # NumPy, channels first.

    def patches(self, x: Array, fill: float = 0.0) -> Array:
        """All windows: x[N, C, *size] -> [N, C, *positions, *kernel]."""
        pads = self.known_padding(x.shape[2:])
        x = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=fill)
        windows = sliding_window_view(x, self.reach, axis=tuple(range(2, x.ndim)))
        steps = (slice(None, None, s) for s in (*self.strides, *self.dilations))
        return windows[:, :, *steps]

    def add_back(self, parts: Array, size: Ints) -> Array:
        """The adjoint of `patches`: [N, C, *positions, *kernel] -> [N, C, *size]."""
        pads = self.known_padding(size)
        rank = len(size)
        full = [n + sum(p) for n, p in zip(size, pads, strict=True)]
        y = np.zeros((*parts.shape[:2], *full), parts.dtype)
        positions = parts.shape[2 : 2 + rank]
        for tap, place in zip(np.ndindex(*self.kernel), self.places(), strict=True):
            where = tuple(
                slice(i, i + (n - 1) * s + 1, s)
                for i, n, s in zip(place, positions, self.strides, strict=True)
            )
            y[:, :, *where] += parts[..., *tap]
        crop = (slice(p, p + n) for (p, _), n in zip(pads, size, strict=True))
        return np.ascontiguousarray(y[:, :, *crop])

    # Traced tensors, channels last: x[N, *size, C]. Needs `placed` sizes.

    def cut(self, ops: Functions, x: Operand, fill: float = 0.0) -> list[Operand]:
        """What each tap sees: one [N, *positions, C] for each."""
        size = x.type.shape[1:-1]
        padded = self._padded(ops, x, fill)
        axes = tuple(range(1, len(size) + 1))
        positions = self.positions(size)
        parts: list[Operand] = []
        for place in self.places():
            ends = tuple(
                i + (n - 1) * s + 1 if isinstance(n, int) else i - r + 1 or Slice.END
                for i, n, s, r in zip(
                    place, positions, self.strides, self.reach, strict=True
                )
            )
            whole = padded.type.shape[1:-1]
            ends = tuple(
                Slice.END if n == e else e for n, e in zip(whole, ends, strict=True)
            )
            parts.append(
                ops.apply(Slice(axes, place, ends, self.strides, inside=True), padded)
            )
        return parts

    def columns(self, ops: Functions, x: Operand) -> list[Operand]:
        """What the taps see side by side, in blocks of a bounded size (im2col).

        Each block is [N, *positions, taps*C]; `places` says in which order. Long
        pixels are gathered; short ones cost more to look up than to cut and join.
        """
        type = x.type
        pixel = type.with_shape(type.shape[-1:]).nbytes or 0
        positions = known_shape(self.positions(type.shape[1:-1]))
        taps = together = math.prod(self.kernel)
        if positions is not None:
            together = max(_BLOCK // max(math.prod(positions) * pixel, 1), 1)
        blocks = [slice(i, i + together) for i in range(0, taps, together)]
        if positions is None or pixel < _PIXEL or taps == 1:
            parts = self.cut(ops, x)
            return [ops.apply(Concat(type.rank - 1), *parts[block]) for block in blocks]
        return self._gathered(ops, self._padded(ops, x), positions, blocks)

    def _gathered(
        self, ops: Functions, padded: Operand, positions: Ints, blocks: list[slice]
    ) -> list[Operand]:
        """Columns of a padded image, each place looked up in the flattened image."""
        *size, c = padded.type.shape[1:]
        whole = known_shape(tuple(size))
        assert whole is not None, "windows of known number in an image of unknown size"
        corners = np.indices(positions).reshape(len(whole), -1, 1)
        starts = corners * np.reshape(self.strides, (-1, 1, 1))
        offsets = np.transpose(list(self.places()))[:, None, :]
        seen = np.array(np.ravel_multi_index(tuple(starts + offsets), whole), np.int32)
        flat = ops.reshape(padded, (-1, math.prod(whole), c))
        columns: list[Operand] = []
        for block in blocks:
            places = seen[:, block]
            pixels = ops.apply(Gather(1), flat, places.reshape(-1))
            columns.append(ops.reshape(pixels, (-1, *positions, places.shape[1] * c)))
        return columns

    def _padded(self, ops: Functions, x: Operand, fill: float = 0.0) -> Operand:
        pads = self.known_padding(x.type.shape[1:-1])
        before, after = zip((0, 0), *pads, (0, 0), strict=True)
        return ops.apply(Pad(before, after, value=fill), x)

    def spread(
        self, ops: Functions, parts: Sequence[Operand], size: shapes.Shape
    ) -> Operand:
        """The adjoint of `cut`: parts[N, *positions, C] -> [N, *size, C].

        Tap k of position p gives to place ``i = p*s + k*d`` of the padded image: phase
        ``i % s = k*d % s`` of cell ``i // s = p + k*d // s``. So a tap gives to one
        phase only, shifted by whole cells, and no zeros are put between the positions:
        the phases are added up, and interleaved at the end.
        """
        reach = [r - 1 for r in self.reach]
        most = [r // s for r, s in zip(reach, self.strides, strict=True)]
        phases: dict[Ints, Operand] = {}
        for place, part in zip(self.places(), parts, strict=True):
            pairs = list(zip(place, self.strides, strict=True))
            phase = tuple(i % s for i, s in pairs)
            before = (0, *(i // s for i, s in pairs), 0)
            after = tuple(m - b for m, b in zip((0, *most, 0), before, strict=True))
            moved = ops.apply(Pad(before, after), part)
            phases[phase] = phases[phase] + moved if phase in phases else moved
        return self._cropped(ops, self._interleaved(ops, phases), size)

    def _interleaved(self, ops: Functions, phases: dict[Ints, Operand]) -> Operand:
        """The phases of each axis side by side, the last axis first."""
        empty = ops.zeros_like(next(iter(phases.values())))
        for axis in reversed(range(len(self.strides))):
            s = self.strides[axis]
            if s == 1:
                phases = {phase[:axis]: x for phase, x in phases.items()}
                continue
            joined: dict[Ints, Operand] = {}
            for prefix in dict.fromkeys(phase[:axis] for phase in phases):
                row = [phases.get((*prefix, r), empty) for r in range(s)]
                sizes = list(ops.shape(row[0]))
                sizes[axis + 1] = sizes[axis + 1] * s
                joined[prefix] = ops.reshape(ops.apply(Concat(axis + 2), *row), sizes)
            phases = joined
            empty = ops.zeros_like(next(iter(phases.values())))
        (whole,) = phases.values()
        return whole

    def _cropped(self, ops: Functions, x: Operand, size: shapes.Shape) -> Operand:
        """The image without its padding, and with what no window saw."""
        pads = self.known_padding(size)
        found = x.type.shape[1:-1]
        ends: list[int] = []
        missing: list[int] = []
        for n, z, (p, q) in zip(found, size, pads, strict=True):
            if isinstance(n, int) and isinstance(z, int):
                ends.append(p + z if p + z < n else Slice.END)
                missing.append(max(p + z - n, 0))
            else:
                ends.append(-q or Slice.END)
                missing.append(0)
        axes = tuple(range(1, len(size) + 1))
        begins = tuple(p for p, _ in pads)
        ones = (1,) * len(size)
        x = ops.apply(Slice(axes, begins, tuple(ends), ones, inside=True), x)
        none = (0,) * (len(size) + 2)
        return ops.apply(Pad(none, (0, *missing, 0)), x)

    # ONNX, where a size is known to the runtime only.

    def emit_padding(self, emit: Emit, x: str) -> tuple[str, str]:
        """The vectors of pads before and after each axis of x[N, C, *size]."""
        if not self.same:
            before, after = zip(*self.pads, strict=True)
            return emit.ints(*before), emit.ints(*after)
        size, strides = emit("Shape", x, start=2), emit.ints(*self.strides)
        last = emit("Div", emit("Sub", size, emit.ints(1)), strides)
        needed = emit("Add", emit("Mul", last, strides), emit.ints(*self.reach))
        total = emit("Max", emit("Sub", needed, size), emit.ints(0))
        before = emit("Div", total, emit.ints(2))
        return before, emit("Sub", total, before)

    def emit_padded(
        self, emit: Emit, type: TensorType, x: str, fill: float = 0.0
    ) -> str:
        """x[N, C, *size] with its padding."""
        none = emit.ints(0, 0)
        before, after = self.emit_padding(emit, x)
        pads = emit("Concat", none, before, none, after, axis=0)
        return emit("Pad", x, pads, emit.scalar(fill, type.dtype))

    def emit_window(
        self, emit: Emit, type: TensorType, x: str, fill: float = 0.0
    ) -> tuple[str, dict[str, Any]]:
        """x[N, C, *size] for an operator with windows, and how it is told to pad."""
        size = type.shape[2:]
        if self.padded_by_hand(size, emit.target):
            x, pads = self.emit_padded(emit, type, x, fill), ((0, 0),) * len(size)
        else:
            pads = self.padding(size)
        if pads is None:
            return x, {"auto_pad": "SAME_UPPER"}
        before, after = zip(*pads, strict=True)
        return x, {"pads": (*before, *after)}

    def padded_by_hand(self, size: shapes.Shape, target: Target) -> bool:
        """Whether no attribute can tell a runtime how to pad an image of that size.

        Where ONNX Runtime is to find the pads, it takes places off between windows
        that do not touch, and refuses dilations.
        """
        touching = all(k >= s for k, s in zip(self.kernel, self.strides, strict=True))
        found = target.auto_pad and touching and max(self.dilations) == 1
        return self.padding(size) is None and not found

    def emit_fitting(self, emit: Emit, size: shapes.Shape, x: str) -> str:
        """x[N, C, *size]; the run fails if a window is larger than an unknown size.

        ONNX Runtime would pool what lies behind the image. A shape with -2 in it is
        one that no runtime gives an array.
        """
        if self.same or not emit.target.size_checks:
            return x
        axes = zip(size, self.reach, self.pads, strict=True)
        least = [0 if isinstance(n, int) else r - sum(p) for n, r, p in axes]
        if max(least) <= 1:
            return x
        found = emit("Shape", x)
        short = emit("Less", found, emit.ints(0, 0, *least))
        return emit("Reshape", x, emit("Where", short, emit.ints(-2), found))

    def emit_spread(
        self, emit: Emit, size: shapes.Shape, g: str, w: str, x: str, groups: int
    ) -> str:
        """``ConvTranspose`` of g[N, M, *positions] by w, of the sizes of x."""
        common: dict[str, Any] = {
            "kernel_shape": self.kernel,
            "strides": self.strides,
            "dilations": self.dilations,
            "group": groups,
        }
        pads = self.padding(size)
        if pads is not None and self.placed(size):
            before, after = zip(*pads, strict=True)
            left = self.left_over(size)
            pads = (*before, *after)
            return emit("ConvTranspose", g, w, pads=pads, output_padding=left, **common)
        left = [s - 1 for s in self.strides]
        full = emit("ConvTranspose", g, w, output_padding=left, **common)
        return self.emit_cropped(emit, full, x)

    def emit_cropped(self, emit: Emit, padded: str, x: str) -> str:
        """A padded image without its padding, of the sizes of x[N, C, *size]."""
        begin, _ = self.emit_padding(emit, x)
        end = emit("Add", begin, emit("Shape", x, start=2))
        axes = emit.ints(*range(2, len(self.kernel) + 2))
        return emit("Slice", padded, begin, end, axes)


def tap_parts(g: Array, w: Array, groups: int) -> Array:
    """What each tap of a kernel gives back.

    Shapes: g[N, M, *out], w[M, C/groups, *kernel] -> [N, C, *out, *kernel].
    """
    rank = g.ndim - 2
    o, k = "pqr"[:rank], "uvw"[:rank]
    g = g.reshape(g.shape[0], groups, -1, *g.shape[2:])
    w = w.reshape(groups, -1, *w.shape[1:])
    parts = products(f"ngm{o},gmc{k}->ngc{o}{k}", g, w)
    return parts.reshape(g.shape[0], -1, *parts.shape[3:])


def channels_last(ops: Functions, x: Operand) -> Operand:
    """x[N, C, *size] -> [N, *size, C]."""
    return ops.moveaxis(x, 1, -1)


def channels_first(ops: Functions, x: Operand) -> Operand:
    """x[N, *size, C] -> [N, C, *size]."""
    return ops.moveaxis(x, -1, 1)
