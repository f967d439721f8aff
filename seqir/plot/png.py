"""A scene as PNG, drawn by matplotlib."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from seqir.errors import MissingPackageError
from seqir.plot.scene import SMALL, TITLE, Box, Label, Scene, Wire
from seqir.plot.svg import (
    BACKWARD,
    MUTED,
    TEXT,
    WIRE,
    arrow_head,
    colour_of,
    tint,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

LARGEST_SIDE, LARGEST_AREA = 32_000, 80_000_000
"""Pixels that a picture may have; above that its resolution is lowered."""
UNITS = 96.0
"""Units of a scene in an inch."""
POINT = 72 / UNITS


def png_of(scene: Scene, dpi: float) -> bytes:
    """The bytes of a PNG file.

    Raises: MissingPackageError without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            "a PNG is drawn by matplotlib, which is not installed: "
            'pip install "seqir[plot]", or write an .svg or .html file'
        ) from error
    width, height = scene.width / UNITS, scene.height / UNITS
    dpi = min(
        dpi,
        LARGEST_SIDE / max(width, height),
        (LARGEST_AREA / (width * height)) ** 0.5,
    )
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    axes.axis("off")
    for box in scene.boxes:
        if box.is_frame:
            _frame(axes, box)
    for wire in scene.wires:
        _wire(axes, wire)
    for box in scene.boxes:
        if not box.is_frame:
            _box(axes, box)
    for label in scene.labels:
        _text(axes, label)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _rounded(box: Box, radius: float, **look: Any) -> Patch:
    from matplotlib.patches import FancyBboxPatch

    style = f"round,pad=0,rounding_size={radius}"
    corner = box.x, box.y
    return FancyBboxPatch(corner, box.width, box.height, boxstyle=style, **look)


def _frame(axes: Axes, box: Box) -> None:
    colour = colour_of("model")
    axes.add_patch(
        _rounded(
            box,
            10,
            facecolor=(*_rgb(colour), 0.035),
            edgecolor=tint(colour, 0.45),
            linewidth=POINT,
            linestyle=(0, (5, 4)),
        )
    )
    for label in box.labels:
        _text(axes, label)


def _box(axes: Axes, box: Box) -> None:
    colour = colour_of(box.item.kind)
    border = (2.2 if box.item.is_output else 1.1) * POINT
    edge = tint(colour, 0.75)
    look = {"facecolor": tint(colour, 0.07), "edgecolor": edge, "linewidth": border}
    axes.add_patch(_rounded(box, 4, **look))
    axes.add_patch(_bar(box, colour))
    what = next((t for t in box.labels if t.style == "what"), None)
    if what is not None:
        y, ends = what.y - 14, (box.x + 13, box.x + box.width - 8)
        axes.plot(ends, (y, y), color=tint(colour, 0.25), linewidth=POINT)
    for label in box.labels:
        _text(axes, label)


def _bar(box: Box, colour: str) -> Patch:
    """The strip at the left side, with the corners of the box."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x, top, low, right = box.x, box.y, box.y + box.height, box.x + 5
    points = [(right, top), (right, low), (x + 4, low), (x, low), (x, low - 4)]
    points += [(x, top + 4), (x, top), (x + 4, top), (right, top)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.CURVE3, Path.CURVE3]
    codes += [Path.LINETO, Path.CURVE3, Path.CURVE3, Path.CLOSEPOLY]
    return PathPatch(Path(points, codes), facecolor=colour, linewidth=0)


def _text(axes: Axes, label: Label) -> None:
    size, colour, weight, family = {
        "title": (TITLE, TEXT, "bold", "DejaVu Sans"),
        "name": (SMALL, MUTED, "normal", "DejaVu Sans"),
        "what": (SMALL, MUTED, "normal", "DejaVu Sans"),
        "value": (SMALL, TEXT, "normal", "DejaVu Sans Mono"),
        "frame": (TITLE, colour_of("model"), "bold", "DejaVu Sans"),
        "edge": (SMALL - 1, MUTED, "normal", "DejaVu Sans Mono"),
    }[label.style]
    axes.text(
        label.x,
        label.y,
        label.text,
        fontsize=size * POINT * 0.94,
        color=colour,
        weight=weight,
        family=family,
        ha="right" if label.right else "left",
        va="baseline",
        parse_math=False,
    )


def _wire(axes: Axes, wire: Wire) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    points, codes = [wire.start], [Path.MOVETO]
    for piece in wire.pieces:
        points += piece
        codes += [Path.CURVE4] * 3 if len(piece) == 3 else [Path.LINETO]
    colour = BACKWARD if wire.backward else WIRE
    line = (0, (5, 3)) if wire.backward else "solid"
    axes.add_patch(
        PathPatch(
            Path(points, codes),
            facecolor="none",
            edgecolor=colour,
            linewidth=1.4 * POINT,
            linestyle=line,
        )
    )
    if wire.arrow:
        axes.add_patch(Polygon(arrow_head(wire), facecolor=colour, linewidth=0))


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
