"""The commands that cut ONNX files, join them, and tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from seqir.cli import app as program
from seqir.cli.printing import as_json, print_json, print_report
from seqir.cli.sizes import dims, sizes_of
from seqir.errors import ArgumentError
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.model import OnnxModel

_verify = click.option(
    "--verify/--no-verify",
    default=True,
    help="Run what is written and compare it with the model [default: on].",
)


def _onnx_model(path: str, given: Sequence[str] = ()) -> OnnxModel:
    from seqir.model import load_onnx

    if not path.lower().endswith(".onnx"):
        raise ArgumentError(f"{path} is no ONNX file: give one that ends in .onnx")
    model = load_onnx(path)
    return model.with_dims(sizes_of(given)) if given else model


@click.command(
    cls=program.Command,
    examples=(
        "seqir extract any.onnx --to layer3 -o features.onnx",
        "seqir extract any.onnx --from layer3 --to logits -o head.onnx",
        "seqir extract any.onnx --to '.*/attn' --dim batch=1 -o attention.onnx",
    ),
)
@click.argument("file", metavar="FILE.onnx")
@click.option(
    "--to",
    "outputs",
    multiple=True,
    required=True,
    metavar="NAME",
    help="A tensor, node or scope that is wanted; may be repeated.",
)
@click.option(
    "--from",
    "inputs",
    multiple=True,
    metavar="NAME",
    help="A tensor, node or scope to begin with; default: the inputs.",
)
@click.option("-o", "--output", required=True, metavar="FILE.onnx", help="The file.")
@dims
@_verify
@as_json
def extract(
    file: str,
    outputs: Sequence[str],
    inputs: Sequence[str],
    output: str,
    dims: Sequence[str],
    verify: bool,
    as_json: bool,
) -> None:
    """Write the part of an ONNX file that computes some tensors from others.

    NAME is that of a tensor, of a node, of a scope (what names of nodes have before a
    "/"), or a regular expression for such names.
    """
    part = _onnx_model(file, dims).slice(outputs, inputs or None)
    print_report(part.export(output, verify=verify), as_json)


@click.command(
    cls=program.Command,
    examples=(
        "seqir split any.onnx --at layer3 -o edge.onnx server.onnx",
        "seqir split any.onnx --list",
        "seqir split any.onnx --list --json | jq 'min_by(.bytes)'",
    ),
)
@click.argument("file", metavar="FILE.onnx")
@click.option(
    "--at",
    multiple=True,
    metavar="NAME",
    help="A tensor, node or scope behind which to cut; may be repeated.",
)
@click.option("--list", "listed", is_flag=True, help="List where one tensor crosses.")
@click.option(
    "-o",
    "--output",
    nargs=2,
    metavar="FIRST.onnx SECOND.onnx",
    help="The two files.",
)
@dims
@_verify
@as_json
def split(
    file: str,
    at: Sequence[str],
    listed: bool,
    output: tuple[str, str] | None,
    dims: Sequence[str],
    verify: bool,
    as_json: bool,
) -> None:
    """Write an ONNX file as two that compute the same one after the other.

    All names are kept: outputs of the first are inputs of the second. Where more than
    the tensors --at must cross, it does.
    """
    model = _onnx_model(file, dims)
    if listed:
        _list(model, as_json)
        return
    if not at or output is None:
        raise ArgumentError(
            f"say where to cut and what to write: seqir split {file} --at NAME -o "
            "FIRST.onnx SECOND.onnx; --list shows where one tensor crosses"
        )
    parts = model.split(at)
    reports = [
        part.export(path, verify=verify)
        for part, path in zip(parts, output, strict=True)
    ]
    crossing = [n for n in parts[1].input_names if n in parts[0].output_names]
    if as_json:
        shown = [report.to_dict() for report in reports]
        print_json({"crossing": crossing, "files": shown})
        return
    for report in reports:
        click.echo(str(report))
    click.echo(f"crossing: {one_line(', '.join(crossing))}")


def _list(model: OnnxModel, as_json: bool) -> None:
    points = model.cut_points()
    if as_json:
        rows: list[dict[str, Any]] = [
            {"name": p, "shape": p.shape, "dtype": p.type.dtype, "bytes": p.bytes}
            for p in points
        ]
        print_json(rows)
        return
    names = [one_line(point) for point in points]
    width = max(map(len, names), default=0)
    for name, point in zip(names, points, strict=True):
        size = "?" if point.bytes is None else f"{point.bytes:,}"
        click.echo(f"{name:<{width}}  {size:>12} bytes  {point.type}")


@click.command(
    cls=program.Command,
    examples=(
        "seqir diff before.onnx after.onnx",
        "seqir diff before.onnx after.onnx --json | jq .weights",
        "seqir diff net.keras net.onnx",
    ),
)
@click.argument("first", metavar="FIRST")
@click.argument("second", metavar="SECOND")
@as_json
@click.pass_context
def diff(ctx: click.Context, first: str, second: str, as_json: bool) -> None:
    """Say how two ONNX files or models differ: in nodes, and in weights.

    Nodes of other names are found by what they compute. The exit code is 1 if anything
    is different.
    """
    from seqir.cli.target import load
    from seqir.difference import diff as compared

    sides = [
        path if path.lower().endswith(".onnx") else load(path, program.state())
        for path in (first, second)
    ]
    found = compared(*sides)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))
    ctx.exit(program.FAILED if found else program.DONE)


COMMANDS = (extract, split, diff)
