"""The command ``seqir verify``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from seqir.cli import app as program
from seqir.cli.printing import as_json, print_json
from seqir.text import harmless, one_line

if TYPE_CHECKING:
    from seqir.cli.arrays import Array, Wanted
    from seqir.model import Model
    from seqir.verification import Report


@click.command(
    "verify",
    cls=program.Command,
    examples=(
        "seqir verify net.onnx",
        "seqir verify net.onnx --on onnxruntime,openvino --json",
        "seqir verify model.py:net --on reference --tol 1e-5",
        "seqir verify net.onnx --on openvino --input photo.png",
        "seqir verify net.onnx --on onnxruntime==1.20.1,onnxruntime-web --install",
    ),
)
@click.argument("target")
@click.option(
    "--on",
    multiple=True,
    metavar="RUNTIME",
    help="A runtime, or several with commas; may be repeated. Default: all that are "
    "installed.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="[NAME=]FILE",
    help=".npy, .npz or a picture; one for each input. Default: inputs are drawn.",
)
@click.option(
    "--tol",
    type=float,
    help="Largest error, relative to the largest magnitude of the output.",
)
@click.option(
    "--install",
    is_flag=True,
    help="Install runtimes that are not there, each into an environment of its own.",
)
@click.option(
    "--isolated",
    is_flag=True,
    help="For a file of strangers: read it in a process of its own, with limits.",
)
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    help="GiB that each process may have [default: 4 with --isolated].",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds that a runtime may take.",
)
@as_json
@click.pass_context
def verify(
    ctx: click.Context,
    target: str,
    on: Sequence[str],
    inputs: Sequence[str],
    tol: float | None,
    install: bool,
    isolated: bool,
    memory: float | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Run TARGET, or a file that ends in .onnx, on other runtimes and compare."""
    from seqir import verification
    from seqir.cli.target import load

    names = [name.strip() for each in on for name in each.split(",")]
    model = target if target.endswith(".onnx") else load(target, program.state())
    data = _data(inputs, model) if inputs else None
    report = verification.verify(
        model,
        names or None,
        data,
        tol,
        install=install,
        isolated=isolated,
        timeout=timeout,
        memory=memory,
    )
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    if not report.passed:
        ctx.exit(program.FAILED)


def _data(inputs: Sequence[str], model: str | Model) -> dict[str, Array]:
    """The arrays of the option ``--input``."""
    from seqir.cli import arrays

    return arrays.read(inputs, _wanted(model))


def _wanted(model: str | Model) -> list[Wanted]:
    from seqir.cli import arrays, running
    from seqir.verification.file import OnnxFile

    if not isinstance(model, str):
        return running.of_model(model, "cpu").inputs
    found = OnnxFile.read(model).inputs.values()
    return [arrays.Wanted(each.name, each.dtype, each.shape) for each in found]


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seqir.verification.report import HEADINGS

    click.echo(one_line(report.head()))
    table = Table()
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if place > 3 else "left")
    for row in report.rows():
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console(file=sys.stdout).print(table)
    for note in report.notes():
        click.echo(harmless(note))
