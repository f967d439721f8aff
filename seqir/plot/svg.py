"""A scene as SVG."""

from __future__ import annotations

from html import escape

from seqir.plot.scene import SMALL, TITLE, Box, Label, Point, Scene, Wire
from seqir.text import one_line

COLOURS = {
    "input": "#475569",
    "core": "#6d4bd8",
    "convolution": "#2563eb",
    "pooling": "#0b8a80",
    "normalization": "#c2740b",
    "activation": "#c9317e",
    "merging": "#2e8b3d",
    "reshaping": "#5b7083",
    "model": "#1f2a44",
    "function": "#7a6a53",
}
OTHER = "#7a6a53"
WIRE, BACKWARD, TEXT, MUTED = "#64748b", "#b45309", "#111827", "#6b7280"
SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
ARROW_LENGTH, ARROW_HALF = 8.0, 3.6


def colour_of(kind: str) -> str:
    """Colour of a family of layers."""
    return COLOURS.get(kind, OTHER)


def tint(colour: str, share: float) -> str:
    """The colour mixed with white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - p) * share):02x}" for p in parts)


def arrow_head(wire: Wire) -> list[Point]:
    """Corners of the triangle at the end of a wire."""
    x, y = wire.end
    before = wire.pieces[-1][-2] if len(wire.pieces[-1]) > 1 else _before(wire)
    dx, dy = x - before[0], y - before[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length, dy / length
    bx, by = x - dx * ARROW_LENGTH, y - dy * ARROW_LENGTH
    side = dy * ARROW_HALF, dx * ARROW_HALF
    return [(x, y), (bx + side[0], by - side[1]), (bx - side[0], by + side[1])]


def _before(wire: Wire) -> Point:
    return wire.pieces[-2][-1] if len(wire.pieces) > 1 else wire.start


def svg_of(scene: Scene, title: str) -> str:
    """The text of an SVG file."""
    w, h = f"{scene.width:.0f}", f"{scene.height:.0f}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="0 0 {w} {h}" font-family="{SANS}">',
        f"<title>{escape(one_line(title))}</title>",
        f'<rect class="paper" width="{w}" height="{h}" fill="#ffffff"/>',
        '<g class="drawing">',
    ]
    frames = [b for b in scene.boxes if b.is_frame]
    lines += [_frame(b) for b in frames]
    lines.append(f'<g fill="none" stroke="{WIRE}" stroke-width="1.4">')
    lines += [_wire(w) for w in scene.wires]
    lines.append("</g>")
    lines.append(f'<g class="heads" fill="{WIRE}">')
    lines += [_head(w) for w in scene.wires if w.arrow]
    lines.append("</g>")
    lines += [_box(b) for b in scene.boxes if not b.is_frame]
    lines += [_text(label) for label in scene.labels]
    lines += ["</g>", "</svg>", ""]
    return "\n".join(lines)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _attributes(**values: float) -> str:
    return " ".join(f'{name}="{_n(value)}"' for name, value in values.items())


def _frame(box: Box) -> str:
    colour = colour_of("model")
    place = _attributes(x=box.x, y=box.y, width=box.width, height=box.height)
    path = escape(box.item.path)
    return (
        f'<g class="frame" data-layer="{path}"><title>{path}</title>'
        f'<rect {place} rx="10" fill="{colour}" fill-opacity="0.035" '
        f'stroke="{colour}" stroke-opacity="0.45" stroke-dasharray="5 4"/>'
        f"{''.join(map(_text, box.labels))}</g>"
    )


def _box(box: Box) -> str:
    colour = colour_of(box.item.kind)
    place = _attributes(x=box.x, y=box.y, width=box.width, height=box.height)
    x, y, h = box.x, box.y, box.height
    bar = (
        f"M{_n(x + 5)} {_n(y)}v{_n(h)}h-1a4 4 0 0 1 -4 -4v-{_n(h - 8)}a4 4 0 0 1 4 -4z"
    )
    path = escape(box.item.path)
    border = 2.2 if box.item.is_output else 1.1
    parts = [
        f'<g class="layer" data-layer="{path}" data-kind="{box.item.kind}">',
        f"<title>{path} ({escape(box.item.class_name)})</title>",
        f'<rect {place} rx="4" fill="{tint(colour, 0.07)}" '
        f'stroke="{tint(colour, 0.75)}" stroke-width="{border}"/>',
        f'<path d="{bar}" fill="{colour}"/>',
    ]
    if box.item.facts:
        rule = next(t.y for t in box.labels if t.style == "what") - 14
        ends = _attributes(x1=x + 13, x2=x + box.width - 8, y1=rule, y2=rule)
        parts.append(f'<line {ends} stroke="{tint(colour, 0.25)}"/>')
    return "".join([*parts, *map(_text, box.labels), "</g>"])


def _text(label: Label) -> str:
    looks = {
        "title": f'font-size="{TITLE:g}" font-weight="600" fill="{TEXT}"',
        "name": f'font-size="{SMALL:g}" fill="{MUTED}"',
        "what": f'font-size="{SMALL:g}" fill="{MUTED}"',
        "value": f'font-size="{SMALL:g}" font-family="{MONO}" fill="{TEXT}"',
        "frame": f'font-size="{TITLE:g}" font-weight="600" fill="{colour_of("model")}"',
        "edge": f'font-size="{SMALL - 1:g}" font-family="{MONO}" fill="{MUTED}" '
        'stroke="#ffffff" stroke-width="3" paint-order="stroke"',
    }[label.style]
    end = ' text-anchor="end"' if label.right else ""
    place = _attributes(x=label.x, y=label.y)
    return f"<text {place} {looks}{end}>{escape(label.text)}</text>"


def _wire(wire: Wire) -> str:
    d = [f"M{_n(wire.start[0])} {_n(wire.start[1])}"]
    for piece in wire.pieces:
        points = " ".join(f"{_n(x)} {_n(y)}" for x, y in piece)
        d.append(f"{'C' if len(piece) == 3 else 'L'}{points}")
    look = f' stroke="{BACKWARD}" stroke-dasharray="5 3"' if wire.backward else ""
    ends = f'data-from="{escape(wire.source)}" data-to="{escape(wire.target)}"'
    about = f"<title>{escape(wire.about)}</title>" if wire.about else ""
    start = f'<path class="edge" {ends} d="{"".join(d)}"{look}'
    return f"{start}>{about}</path>" if about else f"{start}/>"


def _head(wire: Wire) -> str:
    corners = " ".join(f"{_n(x)},{_n(y)}" for x, y in arrow_head(wire))
    look = f' fill="{BACKWARD}"' if wire.backward else ""
    return f'<polygon points="{corners}"{look}/>'
