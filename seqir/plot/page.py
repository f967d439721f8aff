"""A drawing as one HTML file, with all that is known of each layer beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from seqir.errors import SeqirError
from seqir.narrow import is_mapping, is_sequence
from seqir.plot.content import Content, Item, every_item, shapes_of, weights_of
from seqir.shapes import format_shape
from seqir.summary.summary import summary_of
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.model import Model

MOST_LINES = 200
"""Operators of one layer that are listed."""


def page_of(model: Model, content: Content, svg: str) -> str:
    """The text of the page; it loads nothing."""
    operators = operators_of(model)
    summary = summary_of(model)
    data = {
        "model": {
            "name": model.name,
            "class": type(model).__name__,
            "params": summary.total_params,
            "bytes": summary.total_bytes,
            "trainable": summary.trainable_params,
        },
        "layers": {i.path: i.page or _facts(i, operators) for i in every_item(content)},
    }
    text = json.dumps(_shown(data), default=str, ensure_ascii=False)
    template = resources.files("seqir.plot").joinpath("page.html").read_text("utf-8")
    before, middle, after = template.split("@@")
    return "".join(
        (
            before.replace("$title", escape(one_line(model.name))),
            svg,
            middle,
            text.replace("<", "\\u003c"),  # so that no text can end the script
            after,
        )
    )


def operators_of(model: Model) -> dict[str, list[str]]:
    """Lines of the graph's text by layer; a model has those of its layers, too."""
    try:
        graph = model.graph()
    except SeqirError:
        return {}
    lines = str(graph).splitlines()[2 if graph.params else 1 :]
    found: dict[str, list[str]] = {}
    for node, line in zip(graph.nodes, lines, strict=False):
        text = line.strip().removesuffix(f"# {one_line(node.source)}").rstrip()
        path = node.source
        while path:
            found.setdefault(one_line(path), []).append(text)
            path = path.rpartition("/")[0]
    return found


def _facts(item: Item, operators: Mapping[str, list[str]]) -> dict[str, object]:
    layer = item.layer
    inputs, outputs = shapes_of(item)
    if item.kind == "input" and layer is not None:
        outputs = [layer.output]
    weights = weights_of(layer)
    lines = operators.get(item.path, [])
    if len(lines) > MOST_LINES:
        rest = f"... and {len(lines) - MOST_LINES} more"
        lines = [*lines[:MOST_LINES], rest]
    return {
        "name": item.name,
        "class": item.class_name,
        "kind": item.kind,
        "inputs": [f"{format_shape(t.shape)} {t.dtype}" for t in inputs],
        "outputs": [f"{format_shape(t.shape)} {t.dtype}" for t in outputs],
        "calls": len(item.calls),
        "params": sum(w.size for w in weights),
        "trainable": bool(weights) and getattr(layer, "trainable", False),
        "weights": [
            [w.path, format_shape(w.shape), w.dtype, w.trainable] for w in weights
        ],
        "config": _config(layer),
        "operators": lines,
    }


def _config(layer: Any) -> dict[str, object]:
    try:
        return layer.get_config()
    except (AttributeError, NotImplementedError, SeqirError):
        return {}


def _shown(value: object) -> object:
    """Plain data, with all its texts harmless to look at."""
    if is_mapping(value):
        return {one_line(str(k)): _shown(v) for k, v in value.items()}
    if is_sequence(value):
        return [_shown(v) for v in value]
    return one_line(value) if isinstance(value, str) else value
