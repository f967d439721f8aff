"""What a layer of one's own says of its outputs, compared with what it computes."""

from __future__ import annotations

import warnings
from typing import Any

from seqir import nest
from seqir.layer.aliases import Shape
from seqir.layer.calling import Calling
from seqir.layer.checks import build_shapes, shapes_of
from seqir.narrow import is_dict, is_structure
from seqir.shapes import format_shape


def compare(layer: Calling, args: Any, kwargs: Any, outputs: Any) -> None:
    """Warn if the layer's own `compute_output_shape` or `_spec` says other shapes."""
    method = _own(type(layer))
    if method is None:
        return
    if method == "compute_output_spec":
        said = shapes_of(layer.compute_output_spec(*args, **kwargs))
    else:
        shapes = build_shapes(layer, args, kwargs, method)
        if shapes is None:
            first = args[0] if args else next(iter(kwargs.values()), None)
            said = layer.compute_output_shape(shapes_of(first))
        else:
            said = layer.compute_output_shape(**shapes)
    found = [t.shape for t in nest.flatten(outputs)]
    listed = _listed(said)
    if len(listed) != len(found) or not all(map(_may_be, listed, found)):
        warnings.warn(
            f"{method} of layer {layer.name!r} ({type(layer).__name__}) says "
            f"{', '.join(map(format_shape, listed))} and its call computes "
            f"{', '.join(map(format_shape, found))}, which is what counts",
            stacklevel=4,
        )


def _own(cls: type[Calling]) -> str | None:
    """The method by which a class of the user's says what comes out."""
    for name in ("compute_output_spec", "compute_output_shape"):
        module = getattr(getattr(cls, name), "__module__", "")
        if module.partition(".")[0] != "seqir":
            return name
    return None


def _listed(said: Any) -> list[Shape]:
    """The shapes in a structure of shapes, in the order of `nest.flatten`."""
    if is_dict(said):
        return [s for key in sorted(said) for s in _listed(said[key])]
    if any(is_structure(s) for s in said):
        return [s for each in said for s in _listed(each)]
    return [tuple(said)]


def _may_be(said: Shape, found: Shape) -> bool:
    return len(said) == len(found) and all(
        None in (a, b) or a == b for a, b in zip(said, found, strict=True)
    )
