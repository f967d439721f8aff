"""Drawings of models: SVG, PNG, and a page to look around in.

Drawn here, without Graphviz; names of layers are text in them, never markup.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seqir.arguments import number, one_of
from seqir.errors import ArgumentError
from seqir.files import staged
from seqir.plot.content import Shown, content_of
from seqir.plot.scene import scene_of
from seqir.plot.svg import svg_of

if TYPE_CHECKING:
    from seqir.model import Model

__all__ = ["plot_model"]


def plot_model(
    model: Model,
    to_file: str | os.PathLike[str] = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: Literal["TB", "LR"] = "TB",
    expand_nested: bool = False,
    show_params: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    dpi: float = 200,
) -> Path:
    """Draw a model as a file; the suffix says what kind.

    ``.svg`` needs nothing, ``.png`` needs matplotlib, ``.html`` is a page to pan and
    zoom in, where a click on a layer shows its weights, configuration and operators.

    `rankdir`: "TB" from top to bottom, "LR" from left to right.
    `expand_nested`: draw the layers of models inside, in a frame.
    `dpi`: pixels per inch of a PNG; less if it would be too large.

    Raises: ArgumentError for an unknown suffix, NotBuiltError for a model without an
        input shape, MissingPackageError for a PNG without matplotlib, ExportError if
        the file cannot be written.
    Source: Keras 3 ``keras.utils.plot_model``.
    """
    path = Path(to_file)
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png", ".html"):
        raise ArgumentError(
            f"to_file must end in .svg, .png or .html, got {os.fspath(to_file)!r}"
        )
    one_of("rankdir", rankdir, ("TB", "LR"))
    number("dpi", dpi, above=0)
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
    content = content_of(model, shown)
    scene = scene_of(content, names=show_layer_names, across=rankdir == "LR")
    if suffix == ".png":
        from seqir.plot.png import png_of

        data = png_of(scene, dpi)
    elif suffix == ".html":
        from seqir.plot.page import page_of

        data = page_of(model, content, svg_of(scene, model.name)).encode()
    else:
        data = svg_of(scene, model.name).encode()
    with staged(path) as scratch:
        scratch.write_bytes(data)
    return path
