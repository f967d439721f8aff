"""A drawing as rectangles, texts and curves with coordinates, for any output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from seqir.narrow import is_tuple
from seqir.plot.content import ENTRY, EXIT, Content, Item, Port
from seqir.plot.layering import Key
from seqir.plot.layout import LOOP, RANK_GAP, Arrangement, Edge, Run, arrange

Point = tuple[float, float]
Piece = tuple[Point, ...]
"""Points that a path goes to: one for a line, three for a Bezier curve."""
Place = Callable[[float, float], Point]
"""The point at a line across the ranks and a line along them."""

TITLE, SMALL, MARGIN, BAR = 13.0, 11.0, 12.0, 5.0
LINE_TITLE, LINE = 17.0, 15.0
FRAME, FRAME_TITLE = 18.0, 30.0
_NARROW, _WIDE = set("iljtfrI.,:;|!'()[]{} -/"), set("mwMWQO@%")


@dataclass(frozen=True)
class Label:
    """A text; `x` is its left or right edge."""

    x: float
    y: float
    text: str
    style: str
    """``title``, ``name``, ``what``, ``value``, ``frame`` or ``edge``."""
    right: bool = False


@dataclass
class Box:
    """A layer, or the frame around the layers of one."""

    item: Item
    x: float
    y: float
    width: float
    height: float
    labels: list[Label] = field(default_factory=list[Label])

    @property
    def is_frame(self) -> bool:
        """Whether other boxes lie inside."""
        return self.item.inner is not None


@dataclass
class Wire:
    """An edge: where it starts, and the pieces of its path."""

    source: str
    target: str
    start: Point
    pieces: list[Piece]
    arrow: bool
    backward: bool = False
    about: str = ""
    """What goes along it."""

    @property
    def end(self) -> Point:
        """Where it ends."""
        return self.pieces[-1][-1]


@dataclass
class Scene:
    """Everything in a drawing, frames before what lies in them."""

    width: float = 0.0
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list[Box])
    wires: list[Wire] = field(default_factory=list[Wire])
    labels: list[Label] = field(default_factory=list[Label])
    """Beside wires."""


def text_width(text: str, size: float, mono: bool = False) -> float:
    """Width of a text, on the safe side for common fonts."""
    if mono:
        return 0.61 * size * len(text)
    units = sum(
        0.4 if c in _NARROW else 0.93 if c in _WIDE else 0.72 if c.isupper() else 0.62
        for c in text
    )
    return units * size


def scene_of(content: Content, *, names: bool, across: bool) -> Scene:
    """The drawing; `across` from left to right instead of from top to bottom."""
    scene = Scene()
    block = _Block(content, names, across)
    block.draw(scene, "", (MARGIN, MARGIN))
    low = _extent(scene)
    scene.width, scene.height = low[0] + MARGIN, low[1] + MARGIN
    return scene


def _extent(scene: Scene) -> Point:
    xs = [b.x + b.width for b in scene.boxes]
    ys = [b.y + b.height for b in scene.boxes]
    xs += [t.x + _edge_width(t.text) for t in scene.labels if not t.right]
    for wire in scene.wires:
        for piece in wire.pieces:
            xs += [x for x, _ in piece]
            ys += [y for _, y in piece]
    return max(xs, default=0.0), max(ys, default=0.0)


class _Block:
    """The layers of one model, laid out; knows the places of its entries and exits."""

    def __init__(self, content: Content, names: bool, across: bool) -> None:
        self.across = across
        self.content = content
        self.names = names
        self.blocks = {
            path: _Block(item.inner, names, across)
            for path, item in content.items.items()
            if item.inner is not None
        }
        self.loops = {a[0] for a, b in content.edges if a[0] == b[0]}
        self.edges = [
            Edge(_key(a), _key(b), self._port(a, "out"), self._port(b, "in"))
            for a, b in content.edges
        ]
        first: list[Port] = [(ENTRY, i) for i in range(content.inputs)]
        last: list[Port] = [(EXIT, i) for i in range(content.outputs)]
        sizes: dict[Key, tuple[float, float]] = dict.fromkeys(first, (0.0, 0.0))
        sizes.update((p, self._size(item)) for p, item in content.items.items())
        sizes.update(dict.fromkeys(last, (0.0, 0.0)))
        self.sizes = sizes
        lines: dict[Key, float] = {
            path: self._port((path, 0), "in") or 0.0 for path in self.blocks
        }
        self.plan: Arrangement = arrange(
            sizes, self.edges, first=first, last=last, lines=lines, gap=self._gap()
        )

    def _gap(self) -> float:
        """Room between ranks, in which there is some for what stands beside edges."""
        texts = self.content.labels.values()
        if not texts:
            return RANK_GAP
        return max(map(_edge_width, texts)) + RANK_GAP if self.across else 2 * LINE + 14

    # Size and ports of the frame around the block.

    def frame(self, item: Item) -> tuple[float, float, float]:
        """Size of the frame (cross, main), and where in it the block begins."""
        name, kind = text_width(item.name, TITLE), text_width(item.class_name, SMALL)
        title = max(name, kind) + 2 * MARGIN
        if self.across:
            before = FRAME_TITLE + 8
            return (
                before + self.plan.width + FRAME,
                max(self.plan.height, title),
                before,
            )
        entries = [self.plan.cross[k] for k in self.plan.cross if _is(k, ENTRY)]
        before = max(FRAME, title - min(entries, default=0.0))
        return before + self.plan.width + FRAME, self.plan.height, before

    def _port(self, port: Port, side: str) -> float | None:
        """Fixed place of an edge at a frame, counted from its centre."""
        path, index = port
        if path not in self.blocks:
            return None
        block = self.blocks[path]
        width, _, before = block.frame(self.content.items[path])
        key = (ENTRY if side == "in" else EXIT, index)
        return before + block.plan.cross[key] - width / 2

    def _size(self, item: Item) -> tuple[float, float]:
        if item.inner is not None:
            cross, main, _ = self.blocks[item.path].frame(item)
        else:
            width, height = box_size(item, self.names)
            if not self.across:  # what stands beside edges is not to reach neighbours
                width = max(width, 2 * self._label_width(item.path) - 20)
            cross, main = (height, width) if self.across else (width, height)
        return cross, main

    def _label_width(self, path: str) -> float:
        own = [_edge_width(t) for p, t in self.content.labels.items() if p[0] == path]
        return max(own, default=0.0)

    # Drawing.

    def draw(self, scene: Scene, frame: str, origin: Point) -> None:
        """Add boxes and wires; `origin` is the corner of the block."""
        ox, oy = origin

        def at(cross: float, main: float) -> Point:
            return (ox + main, oy + cross) if self.across else (ox + cross, oy + main)

        for path, item in self.content.items.items():
            cross, main = self.sizes[path]
            corner = self.plan.cross[path] - cross / 2, self.plan.main[path] - main / 2
            width, height = (main, cross) if self.across else (cross, main)
            box = Box(item, *at(*corner), width, height)
            scene.boxes.append(box)
            if item.inner is None:
                box.labels = _labels(box, self.names)
            else:
                _, _, before = self.blocks[path].frame(item)
                box.labels = _frame_labels(box)
                inside = at(corner[0] + before, corner[1])
                self.blocks[path].draw(scene, path, inside)
            if path in self.loops:
                scene.wires.append(_loop(box, self.across))
        groups: dict[str, dict[str, list[Wire]]] = {}
        for edge, (port, _) in zip(self.edges, self.content.edges, strict=True):
            if edge.runs:
                wire = self._wire(edge, frame, at)
                scene.wires.append(wire)
                wire.about = self.content.labels.get(port, "")
                if wire.about:
                    wires = groups.setdefault(port[0], {})
                    wires.setdefault(wire.about, []).append(wire)
        for path, wires in groups.items():
            centre = at(self.plan.cross[path], 0)[0]
            scene.labels += _beside(wires, self.across, centre)

    def _wire(self, edge: Edge, frame: str, at: Place) -> Wire:
        start, pieces = _path(edge.runs, at)
        return Wire(
            frame if _is_port(edge.source) else str(edge.source),
            frame if _is_port(edge.target) else str(edge.target),
            start,
            pieces,
            arrow=not _is_port(edge.target) and edge.target not in self.blocks,
            backward=edge.runs[0][1] > edge.runs[-1][2],
        )


def _key(port: Port) -> Key:
    return port if port[0] in (ENTRY, EXIT) else port[0]


def _is_port(key: object) -> bool:
    return isinstance(key, tuple)


def _is(key: object, side: str) -> bool:
    return is_tuple(key) and key[0] == side


def _path(runs: Iterable[Run], at: Place) -> tuple[Point, list[Piece]]:
    """Straight along every run, curved in between, without a corner."""
    pieces: list[Piece] = []
    start: Point | None = None
    last: tuple[float, float] | None = None
    for cross, begin, end in runs:
        if last is None:
            start = at(cross, begin)
        elif abs(last[0] - cross) > 0.01:
            middle = (last[1] + begin) / 2
            pieces.append((at(last[0], middle), at(cross, middle), at(cross, begin)))
        elif abs(begin - last[1]) > 0.01:
            pieces.append((at(cross, begin),))
        if abs(begin - end) > 0.01:
            pieces.append((at(cross, end),))
        last = cross, end
    assert start is not None
    return start, pieces


def _edge_width(text: str) -> float:
    return text_width(text, SMALL, mono=True) + 6


def _beside(wires: dict[str, list[Wire]], across: bool, centre: float) -> list[Label]:
    """Texts beside the wires that leave one box: each once, at the outer ones."""
    place = 1 if across else 0
    starts = {text: [w.start for w in those] for text, those in wires.items()}
    ordered = sorted(starts, key=lambda text: max(s[place] for s in starts[text]))
    found: list[Label] = []
    for text in dict.fromkeys((ordered[-1], ordered[0])):
        last = text == ordered[-1]
        x, y = (max if last else min)(starts[text], key=lambda s: s[place])
        alone = len(ordered) == len(starts[text]) == 1
        if across:
            found.append(Label(x + 5, y + 12 if last else y - 4, text, "edge"))
        elif not last or (alone and x > centre + 1):
            found.append(Label(x - 6, y + 14, text, "edge", right=True))
        else:
            found.append(Label(x + 6, y + 14, text, "edge"))
    return found


def _loop(box: Box, across: bool) -> Wire:
    """From a box back to itself, at its side."""
    if across:
        x1, x2, y = box.x + box.width * 0.7, box.x + box.width * 0.3, box.y + box.height
        low = y + LOOP
        return Wire(
            box.item.path,
            box.item.path,
            (x1, y),
            [((x1, low), (x2, low), (x2, y))],
            True,
        )
    y1, y2, x = box.y + box.height * 0.75, box.y + box.height * 0.25, box.x + box.width
    far = x + LOOP * 1.3
    return Wire(
        box.item.path, box.item.path, (x, y1), [((far, y1), (far, y2), (x, y2))], True
    )


# Texts.


def box_size(item: Item, names: bool) -> tuple[float, float]:
    """Width and height of a box with its texts."""
    widths = [text_width(item.class_name, TITLE)]
    lines = 0.0
    if names:
        widths.append(text_width(item.name, SMALL))
        lines += LINE
    label = _label_width(item)
    widths += [label + text_width(v, SMALL, mono=True) for _, v in item.facts]
    facts = LINE * len(item.facts) + (7 if item.facts else 0)
    width = max(max(widths) + 2 * MARGIN + BAR, 96.0)
    return width, 8 + LINE_TITLE + lines + facts + 5


def _label_width(item: Item) -> float:
    return max((text_width(k, SMALL) for k, _ in item.facts), default=0.0) + 12


def _labels(box: Box, names: bool) -> list[Label]:
    left, y = box.x + BAR + MARGIN, box.y + 8 + 12
    labels = [Label(left, y, box.item.class_name, "title")]
    if names:
        y += LINE
        labels.append(Label(left, y, box.item.name, "name"))
    y += 7
    shown = ""
    for what, value in box.item.facts:
        y += LINE
        if what != shown:
            labels.append(Label(left, y, what, "what"))
        shown = what
        labels.append(Label(box.x + box.width - MARGIN, y, value, "value", right=True))
    return labels


def _frame_labels(box: Box) -> list[Label]:
    x, y = box.x + MARGIN, box.y + 16
    return [
        Label(x, y, box.item.name, "frame"),
        Label(x, y + 14, box.item.class_name, "name"),
    ]
