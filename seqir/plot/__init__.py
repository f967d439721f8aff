"""Drawings of models: SVG, PNG, and a page to look around in.

Drawn here, without Graphviz; names of layers are text in them, never markup.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from seqir.arguments import integer, number, one_of
from seqir.errors import ArgumentError
from seqir.files import staged
from seqir.network.onnx_graph import graph_layer_of
from seqir.plot.content import Shown, content_of
from seqir.plot.graphs import content_of_graph
from seqir.plot.scene import scene_of
from seqir.plot.svg import svg_of

if TYPE_CHECKING:
    from seqir.model import Model

__all__ = ["Drawing", "model_to_dot", "plot_model"]

_SUFFIXES: Final = (".svg", ".png", ".html")
Direction = Literal["TB", "LR"]


def plot_model(
    model: Model,
    to_file: str | os.PathLike[str] = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: Direction = "TB",
    expand_nested: bool = False,
    show_params: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    dpi: float = 200,
    *,
    depth: int | None = None,
) -> Path:
    """Draw a model as a file; the suffix says what kind.

    ``.svg`` needs nothing, ``.png`` needs matplotlib, ``.html`` is a page to pan and
    zoom in, where a click on a layer shows its weights, configuration and operators.

    `rankdir`: "TB" from top to bottom, "LR" from left to right.
    `expand_nested`: draw the layers of models inside, in a frame.
    `dpi`: pixels per inch of a PNG; less if it would be too large.
    `depth`: how many levels of scopes of an ONNX file have boxes of their own.

    A model of an ONNX file is drawn with its scopes or nodes as boxes, and with the
    shapes beside its edges.

    Raises: ArgumentError for an unknown suffix, NotBuiltError for a model without an
        input shape, MissingPackageError for a PNG without matplotlib, ExportError if
        the file cannot be written.
    Source: Keras 3 ``keras.utils.plot_model``.
    """
    path = Path(to_file)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ArgumentError(
            f"to_file must end in .svg, .png or .html, got {os.fspath(to_file)!r}"
        )
    drawing = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        show_params=show_params,
        depth=depth,
    )
    drawing.write(path)
    return path


@dataclass(frozen=True)
class Drawing:
    """A drawing of a model, with what programs call of a graph of pydot."""

    model: Model
    shown: Shown
    across: bool
    dpi: float
    depth: int | None = None

    def create(self, prog: object = None, format: str = "svg") -> bytes:
        """The drawing as "svg", "png" or "html"; `prog` changes nothing.

        Raises: ArgumentError for another format, MissingPackageError for a PNG without
            matplotlib.
        """
        one_of("format", format, [suffix[1:] for suffix in _SUFFIXES])
        graph = graph_layer_of(self.model)
        if graph is None:
            content = content_of(self.model, self.shown)
        else:
            content = content_of_graph(graph, self.shown, self.depth)
        scene = scene_of(content, names=self.shown.names, across=self.across)
        if format == "png":
            from seqir.plot.png import png_of

            return png_of(scene, self.dpi)
        svg = svg_of(scene, self.model.name)
        if format == "svg":
            return svg.encode()
        from seqir.plot.page import page_of

        return page_of(self.model, content, svg).encode()

    def write(
        self,
        path: str | os.PathLike[str],
        prog: object = None,
        format: str | None = None,
    ) -> bool:
        """Write the drawing to a file, in the format of its suffix if none is given.

        Raises: as `create`; ExportError if the file cannot be written.
        """
        data = self.create(prog, format or Path(path).suffix[1:].lower())
        with staged(path) as scratch:
            scratch.write_bytes(data)
        return True


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: Direction = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    *,
    show_params: bool = False,
    depth: int | None = None,
) -> Drawing:
    """A drawing of a model, to be written or shown; made without Graphviz.

    Its `create(format="svg")` gives what IPython's ``SVG`` shows. See `plot_model`.

    Raises: ArgumentError for `subgraph`, which only Graphviz has; as `plot_model`.
    Source: Keras 3 ``keras.utils.model_to_dot``.
    """
    if subgraph:
        raise ArgumentError(
            "a drawing has no subgraph=True: expand_nested=True draws models inside"
        )
    one_of("rankdir", rankdir, ("TB", "LR"))
    number("dpi", dpi, above=0)
    if depth is not None:
        depth = integer("depth", depth, least=1)
    model.require_built("drawing")
    shown = Shown(
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        params=show_params,
        activations=show_layer_activations,
        trainable=show_trainable,
        expand=expand_nested,
    )
    return Drawing(model, shown, rankdir == "LR", dpi, depth)
