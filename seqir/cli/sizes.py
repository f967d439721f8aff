"""The option that says what unknown sizes of an ONNX file are."""

from __future__ import annotations

from collections.abc import Sequence

import click

from seqir.errors import ArgumentError

dims = click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=SIZE",
    help="What an unknown size of an ONNX file is, a number or another name; or "
    "INPUT=SIZE,SIZE,..., its shape. May be repeated.",
)


Size = int | str


def sizes_of(dims: Sequence[str]) -> dict[str, Size | tuple[Size, ...]]:
    """Sizes and shapes by name, of ``name=size`` and ``name=size,size``."""
    found: dict[str, Size | tuple[Size, ...]] = {}
    for text in dims:
        name, equals, size = text.rpartition("=")
        if not equals or not name or not size:
            raise ArgumentError(f"--dim {text} must be NAME=SIZE, such as batch=1")
        sizes = [int(d) if d.isdecimal() else d for d in size.split(",")]
        found[name] = sizes[0] if len(sizes) == 1 else tuple(sizes)
    return found
