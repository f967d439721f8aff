"""Drawings: every layer once, nothing on top of anything, edges that arrive."""

import json
import random
import re
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import seqir
from seqir import layers as nn
from seqir.errors import (
    ArgumentError,
    ExportError,
    MissingPackageError,
    NotBuiltError,
)
from seqir.plot import plot_model
from seqir.plot.layout import Edge, arrange, spread
from seqir.plot.scene import text_width

SVG = "{http://www.w3.org/2000/svg}"


def guide():
    model = seqir.Sequential([seqir.Input((250, 250, 3))], name="cnn")
    model.add(nn.Conv2D(32, 5, strides=2, activation="relu"))
    model.add(nn.Conv2D(32, 3, activation="relu"))
    model.add(nn.MaxPooling2D(3))
    model.add(nn.GlobalMaxPooling2D())
    model.add(nn.Dense(10, activation="softmax"))
    return model


def inception():
    x = seqir.Input((16, 16, 3), name="image")
    h = skip = nn.Conv2D(16, 3, padding="same", name="stem")(x)
    for _ in range(2):
        a = nn.Conv2D(8, 1)(h)
        b = nn.Conv2D(8, 3, padding="same")(nn.Conv2D(8, 1)(h))
        c = nn.MaxPooling2D(3, strides=1, padding="same")(h)
        c = nn.ReLU()(nn.BatchNormalization()(nn.Conv2D(4, 1)(c)))
        h = nn.Concatenate()([a, b, c])
    h = nn.Add()([nn.Conv2D(16, 1)(h), skip])
    return seqir.Model(x, nn.Dense(10)(nn.GlobalAveragePooling2D()(h)), name="mix")


def nested():
    i = seqir.Input((16, 16, 8), name="block_input")
    y = nn.ReLU()(nn.Conv2D(8, 3, padding="same", name="inner_conv")(i))
    block = seqir.Model(i, nn.Add()([y, i]), name="a_block_with_a_long_name")
    encoder = seqir.Sequential(
        [nn.Conv2D(8, 3, padding="same", name="first"), nn.MaxPooling2D(2)],
        name="encoder",
    )
    body = seqir.Sequential([seqir.Input((32, 32, 3)), encoder, block], name="body")
    x = seqir.Input((32, 32, 3), name="image")
    h = nn.Flatten()(body(x))
    outputs = [nn.Dense(4, name="class")(h), nn.Dense(4, name="box")(h)]
    return seqir.Model(x, outputs, name="detector")


def several():
    a, b = seqir.Input((4,), name="left"), seqir.Input((4,), name="right")
    late = seqir.Input((2,), name="late")
    tower = nn.Dense(8, name="tower")
    both = nn.Concatenate()([tower(a), tower(b)])
    joined = nn.Concatenate()([nn.Dense(4)(nn.Dense(4)(both)), late])
    i, j = seqir.Input((6,)), seqir.Input((16,))
    two = seqir.Model([i, j], [nn.Dense(3)(j), nn.Dense(2)(i)], name="two")
    p, q = two([joined, both])
    return seqir.Model([a, b, late], {"p": p, "q": q, "late": late}, name="several")


def loops():
    x = seqir.Input((4,))
    again, other = nn.Dense(4, name="again"), nn.Dense(4, name="other")
    return seqir.Model(x, nn.Dense(2)(again(other(again(again(x))))))


def functions():
    x = seqir.Input((4,))
    y = seqir.ops.relu(x) * nn.Dense(4, name='<b>&"')(x)
    return seqir.Model(x, seqir.ops.sum(y, axis=-1))


def dense_net():
    x = seqir.Input((8,))
    found = [x, nn.Dense(8)(x)]
    for _ in range(8):
        found.append(nn.Dense(8)(nn.Concatenate()([*found])))
    return seqir.Model(x, found[-1])


MODELS = [guide, inception, nested, several, loops, functions, dense_net]
ALL = {
    "show_shapes": True,
    "show_dtype": True,
    "show_params": True,
    "show_layer_activations": True,
    "show_trainable": True,
}


class Drawing:
    """What an SVG file shows."""

    def __init__(self, path):
        self.root = ET.parse(path).getroot()
        self.boxes = self._rectangles("layer")
        self.frames = self._rectangles("frame")
        self.names = [
            g.get("data-layer") for g in self.root.iter(f"{SVG}g") if g.get("data-kind")
        ]
        self.edges = [
            (p.get("data-from"), p.get("data-to"), points(p.get("d")))
            for p in self.root.iter(f"{SVG}path")
            if p.get("class") == "edge"
        ]
        self.arrows = len(list(self.root.iter(f"{SVG}polygon")))

    def _rectangles(self, kind):
        return {
            g.get("data-layer"): tuple(
                float(g.find(f"{SVG}rect").get(k))  # pyright: ignore[reportOptionalMemberAccess]
                for k in ("x", "y", "width", "height")
            )
            for g in self.root.iter(f"{SVG}g")
            if g.get("class") == kind
        }

    def text(self, layer):
        (group,) = (
            g for g in self.root.iter(f"{SVG}g") if g.get("data-layer") == layer
        )
        return [t.text for t in group.iter(f"{SVG}text")]


def points(path):
    """Many points along a path."""
    found, at = [], None
    for command, numbers in re.findall(r"([MLC])([-\d. ]+)", path):
        values = [float(n) for n in numbers.split()]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if command == "C":
            (x0, y0), (x1, y1), (x2, y2), (x3, y3) = at, *pairs  # pyright: ignore[reportGeneralTypeIssues]
            for i in range(1, 21):
                t = i / 20
                a, b, c, d = (
                    (1 - t) ** 3,
                    3 * t * (1 - t) ** 2,
                    3 * t**2 * (1 - t),
                    t**3,
                )
                found.append(
                    (
                        a * x0 + b * x1 + c * x2 + d * x3,
                        a * y0 + b * y1 + c * y2 + d * y3,
                    )
                )
        elif command == "L":
            (x1, y1), (x0, y0) = pairs[0], at  # pyright: ignore[reportGeneralTypeIssues]
            found += [
                (x0 + (x1 - x0) * i / 20, y0 + (y1 - y0) * i / 20) for i in range(1, 21)
            ]
        else:
            found.append(pairs[0])
        at = pairs[-1]
    return found


def overlap(a, b):
    (ax, ay, aw, ah), (bx, by, bw, bh) = a, b
    return ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah


def holds(outer, inner):
    (ax, ay, aw, ah), (bx, by, bw, bh) = outer, inner
    return ax <= bx and ay <= by and bx + bw <= ax + aw and by + bh <= ay + ah


def inside(box, point, margin=0.3):
    x, y, w, h = box
    return (
        x + margin < point[0] < x + w - margin
        and y + margin < point[1] < y + h - margin
    )


def on_border(box, point):
    return inside(box, point, -0.3) and not inside(box, point, 0.3)


@pytest.fixture(params=MODELS, ids=lambda f: f.__name__)
def model(request):
    return request.param()


def drawn(model, folder, **options):
    return Drawing(plot_model(model, folder / "model.svg", **options))


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
@pytest.mark.parametrize("options", [{}, ALL], ids=["short", "long"])
def test_boxes_and_edges(model, rankdir, options, tmp_path):
    drawing = drawn(model, tmp_path, rankdir=rankdir, expand_nested=True, **options)
    assert len(drawing.names) == len(set(drawing.names)) == len(drawing.boxes)
    boxes = list(drawing.boxes.items())
    for i, (_, box) in enumerate(boxes):
        assert not any(overlap(box, other) for _, other in boxes[i + 1 :])
    everything = {**drawing.boxes, **drawing.frames}
    for frame, place in drawing.frames.items():
        for name, box in everything.items():
            if name.startswith(f"{frame}/"):  # pyright: ignore[reportOptionalMemberAccess]
                assert holds(place, box)
            elif not frame.startswith(f"{name}/") and name != frame:  # pyright: ignore[reportOptionalMemberAccess]
                assert not overlap(place, box)
    paper = (0, 0, float(drawing.root.get("width")), float(drawing.root.get("height")))
    for source, target, path in drawing.edges:
        assert all(inside(paper, p) for p in path)
        assert on_border(everything[source], path[0]), source
        assert on_border(everything[target], path[-1]), target
        for name, box in drawing.boxes.items():
            if name not in (source, target):
                assert not any(inside(box, p) for p in path), (source, target, name)


@pytest.mark.parametrize("expand", [False, True])
def test_every_layer_is_drawn_once(model, expand, tmp_path):
    drawing = drawn(model, tmp_path, expand_nested=expand)
    wanted = [layer.name for layer in model.operations]
    if not expand:
        assert sorted(drawing.names) == sorted(wanted)
        assert not drawing.frames
        return
    paths, stack = [], [(op, op.name) for op in model.operations]
    while stack:
        op, path = stack.pop()
        inner = getattr(op, "layers", None)
        stack += [(x, f"{path}/{x.name}") for x in inner or ()]
        paths += [] if inner else [path]
    assert sorted(drawing.names) == sorted(paths)


def test_edges_are_those_of_the_model(tmp_path):
    drawing = drawn(inception(), tmp_path)
    edges = sorted((a, b) for a, b, _ in drawing.edges)
    assert ("image", "stem") in edges
    assert ("stem", "add") in edges
    assert sum(b == "concatenate_1" for _, b in edges) == 3
    assert drawing.arrows == len(edges)
    drawing = drawn(loops(), tmp_path)
    pairs = {(a, b) for a, b, _ in drawing.edges}
    assert {("again", "again"), ("other", "again"), ("again", "other")} <= pairs
    drawing = drawn(nested(), tmp_path, expand_nested=True)
    pairs = {(a, b) for a, b, _ in drawing.edges}
    assert ("image", "body") in pairs
    assert ("body", "body/encoder") in pairs
    assert ("body/encoder", "body/encoder/first") in pairs
    assert ("body/encoder", "body/a_block_with_a_long_name") in pairs


def test_chains_are_straight(tmp_path):
    for rankdir, axis in (("TB", 0), ("LR", 1)):
        drawing = drawn(guide(), tmp_path, rankdir=rankdir, show_shapes=True)
        places = [b[axis] + b[axis + 2] / 2 for b in drawing.boxes.values()]
        assert max(places) - min(places) < 0.2
        for _, _, path in drawing.edges:
            assert max(p[axis] for p in path) - min(p[axis] for p in path) < 0.2
        starts = [b[1 - axis] for b in drawing.boxes.values()]
        assert starts == sorted(starts)


def test_what_is_written(tmp_path):
    model = guide()
    model.layers[0].trainable = False
    assert drawn(model, tmp_path).text("conv2d") == ["Conv2D", "conv2d"]
    bare = drawn(model, tmp_path, show_layer_names=False)
    assert bare.text("conv2d") == ["Conv2D"]
    text = drawn(model, tmp_path, **ALL).text("conv2d")
    pairs = dict(zip(text[2::2], text[3::2], strict=True))
    assert pairs == {
        "activation": "relu",
        "in": "(None, 250, 250, 3)",
        "out": "(None, 123, 123, 32)",
        "dtype": "float32",
        "params": "2,432",
        "trainable": "no",
    }
    text = drawn(several(), tmp_path, show_shapes=True).text("concatenate")
    assert text[2:] == ["in", "(None, 8)", "(None, 8)", "out", "(None, 16)"]


def test_texts_fit_into_their_boxes(model, tmp_path):
    drawing = drawn(model, tmp_path, **ALL)
    for group in drawing.root.iter(f"{SVG}g"):
        if group.get("class") != "layer":
            continue
        x, y, w, h = drawing.boxes[group.get("data-layer")]
        for text in group.iter(f"{SVG}text"):
            mono = text.get("font-family") is not None
            size = float(text.get("font-size"))
            width = text_width(text.text, size, mono)
            end = float(text.get("x"))
            start = end - width if text.get("text-anchor") else end
            assert x <= start
            assert start + width <= x + w
            assert y < float(text.get("y")) < y + h


def test_a_slice_shows_where_it_begins(tmp_path):
    model = guide().slice("dense", inputs="conv2d_1")
    drawing = drawn(model, tmp_path)
    assert drawing.names == [
        "conv2d_1",
        "max_pooling2d",
        "global_max_pooling2d",
        "dense",
    ]
    assert len(drawing.edges) == 3


# Other files.


def page(model, folder, **options):
    return plot_model(model, folder / "m.html", **options).read_text()


def test_page_is_one_file(model, tmp_path):
    text = page(model, tmp_path, expand_nested=True)
    assert not re.search(r"""(?:src|href)\s*=|url\(|@import|fetch\(|import\s""", text)
    links = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert links <= {"http://www.w3.org/2000/svg"}
    assert text.count("<script") == text.count("</script>") == 2


def page_data(text):
    found = re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])  # pyright: ignore[reportOptionalSubscript]


def test_page_knows_the_layers(tmp_path):
    model = nested()
    data = page_data(page(model, tmp_path, expand_nested=True))
    assert data["model"]["params"] == sum(w.size for w in model.weights)
    layer = data["layers"]["body/a_block_with_a_long_name/inner_conv"]
    assert layer["class"] == "Conv2D"
    assert [w[1:] for w in layer["weights"]] == [
        ["(3, 3, 8, 8)", "float32", True],
        ["(8,)", "float32", True],
    ]
    assert layer["config"]["filters"] == 8
    assert layer["inputs"] == ["(None, 16, 16, 8) float32"]
    assert any("conv(" in line for line in layer["operators"])
    assert not any("#" in line for line in layer["operators"])
    graph = str(model.graph())
    assert all(line in graph for line in layer["operators"])
    assert data["layers"]["image"]["outputs"] == ["(None, 32, 32, 3) float32"]


def test_no_name_ends_the_script(tmp_path):
    layer = nn.Dense(1, name="<&script>")
    text = page(seqir.Sequential([seqir.Input((2,)), layer], name="<!--x"), tmp_path)
    assert text.count("<script") == 2
    assert "<!--x" not in text
    assert "<&script>" in page_data(text)["layers"]


def test_picture(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    for build in (nested, loops):
        path = plot_model(build(), tmp_path / "m.PNG", expand_nested=True, dpi=96)
        root = Drawing(plot_model(build(), tmp_path / "m.svg", expand_nested=True)).root
        height, width, _ = image.imread(path, format="png").shape
        assert abs(width - float(root.get("width"))) <= 2
        assert abs(height - float(root.get("height"))) <= 2
        assert image.imread(path, format="png")[..., :3].std() > 0.02


def test_a_huge_picture_gets_fewer_pixels(tmp_path, monkeypatch):
    image = pytest.importorskip("matplotlib.image")
    monkeypatch.setattr("seqir.plot.png.LARGEST_SIDE", 400)
    path = plot_model(guide(), tmp_path / "m.png", dpi=20_000)
    assert 390 <= image.imread(path).shape[0] <= 400
    monkeypatch.setattr("seqir.plot.png.LARGEST_AREA", 10_000)
    height, width, _ = image.imread(plot_model(guide(), path)).shape
    assert 9_000 <= height * width <= 10_000


def test_picture_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r'pip install "seqir\[plot\]"'):
        plot_model(guide(), tmp_path / "m.png")
    assert not list(tmp_path.iterdir())


# Errors and files.


def test_errors(tmp_path):
    with pytest.raises(ArgumentError, match=r"must end in \.svg, \.png or \.html"):
        plot_model(guide(), tmp_path / "model.pdf")
    with pytest.raises(ArgumentError, match=r"got 'model'"):
        plot_model(guide(), "model")
    with pytest.raises(ArgumentError, match="rankdir must be 'TB' or 'LR', got 'BT'"):
        plot_model(guide(), tmp_path / "m.svg", rankdir="BT")
    with pytest.raises(ArgumentError, match="dpi must be a number > 0"):
        plot_model(guide(), tmp_path / "m.svg", dpi=0)
    with pytest.raises(NotBuiltError, match=r"not built .* no drawing: .* build\("):
        plot_model(seqir.Sequential([nn.Dense(2)]), tmp_path / "m.svg")
    with pytest.raises(ExportError, match="there is no folder"):
        plot_model(guide(), tmp_path / "nowhere" / "m.svg")
    assert not list(tmp_path.iterdir())


def test_files_are_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "m.svg"
    path.write_text("old")
    model = guide()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(ExportError, match="No space left"):
        plot_model(model, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.svg"]
    monkeypatch.undo()
    assert seqir.utils.plot_model(model, path, show_shapes=True) == path
    assert Drawing(path).text("dense")[-1] == "(None, 10)"


# Layout.


def random_graph(seed):
    rng = random.Random(seed)
    n = rng.randrange(2, 60)
    sizes = {i: (rng.uniform(20, 200), rng.uniform(20, 90)) for i in range(n)}
    edges = [
        Edge(rng.randrange(max(0, b - 8), b), b)
        for b in range(1, n)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3]))
    ]
    edges += [Edge(rng.randrange(n), rng.randrange(n)) for _ in range(rng.randrange(4))]
    return sizes, edges


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_have_no_overlaps(seed):
    sizes, edges = random_graph(seed)
    plan = arrange(sizes, edges)
    boxes = {
        k: (plan.cross[k] - w / 2, plan.main[k] - h / 2, w, h)
        for k, (w, h) in sizes.items()
    }
    places = list(boxes.values())
    for i, box in enumerate(places):
        assert holds((-0.01, -0.01, plan.width + 0.02, plan.height + 0.02), box)
        assert not any(overlap(box, other) for other in places[i + 1 :])
    for edge in edges:
        assert bool(edge.runs) == (edge.source != edge.target)
        for cross, begin, end in edge.runs:
            for i in range(11):
                point = cross, begin + (end - begin) * i / 10
                for key, box in boxes.items():
                    if key not in (edge.source, edge.target):
                        assert not inside(box, point)


def test_spread():
    assert spread([0, 0, 0], [10, 10], [1, 1, 1]) == [-10, 0, 10]
    assert spread([0, 50, 20], [10, 10], [1, 9, 1]) == [0, 50, 60]
    assert spread([], [], []) == []


def test_a_thousand_layers(tmp_path):
    model = seqir.Sequential([seqir.Input((2,))])
    for i in range(1000):
        model.add(nn.Identity(name=f"layer_{i}"))
    x = h = seqir.Input((2,))
    for _ in range(200):
        h = nn.Add()([nn.Identity()(h), h])
    residual = seqir.Model(x, h)
    start = time.perf_counter()
    assert len(drawn(model, tmp_path, show_shapes=True).names) == 1001
    assert time.perf_counter() - start < 3
    assert len(drawn(residual, tmp_path).edges) == 600
    assert page(model, tmp_path).count('"operators"') == 1001


def test_a_drawing_is_shown_without_graphviz(tmp_path: Path) -> None:
    model = seqir.Sequential([seqir.Input((4,)), nn.Dense(2)], name="small")
    drawing = seqir.utils.model_to_dot(model, show_shapes=True, dpi=65)
    svg = drawing.create(prog="dot", format="svg")
    seqir.utils.plot_model(model, tmp_path / "a.svg", show_shapes=True)
    assert svg == (tmp_path / "a.svg").read_bytes()
    assert drawing.write(tmp_path / "b.html")
    assert b"small" in (tmp_path / "b.html").read_bytes()
    assert drawing.create(format="png")[:4] == b"\x89PNG"
    with pytest.raises(ArgumentError, match="format must be 'svg', 'png' or 'html'"):
        drawing.create(format="pdf")
    with pytest.raises(ArgumentError, match="a drawing has no subgraph=True: expand_"):
        seqir.utils.model_to_dot(model, subgraph=True)
