"""The commands. Everything heavy is imported when a command runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from seqir.cli import app as program
from seqir.cli import exporting, parts
from seqir.cli.convert import convert
from seqir.cli.printing import as_json, print_json, print_report
from seqir.cli.sizes import dims, sizes_of
from seqir.cli.verifying import verify
from seqir.errors import ArgumentError
from seqir.narrow import is_list
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.cli.running import Runnable
    from seqir.model import Model

_SHOWN = 256
"""Outputs of at most that many numbers are printed as a whole with --json."""


@click.group(
    "seqir",
    cls=program.App,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=program.version,
    help="Show the version and exit.",
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Keras-style models as verified ONNX files and running models."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


app.add_command(convert)
for command in parts.COMMANDS:
    app.add_command(command)
app.add_command(verify)

target = click.argument("target")


def model_of(name: str, dims: Sequence[str] = ()) -> Model:
    """The model that a TARGET names; `dims` are sizes of an ONNX file."""
    from seqir.cli.target import load

    return load(name, program.state(), sizes_of(dims))


@app.command(
    examples=(
        "seqir summary model.py:net",
        "seqir summary model.py:net --cost --expand-nested",
        "seqir summary any.onnx --depth 2 --cost --dim time=128",
        "seqir summary model.py:net --json | jq .total_params",
    )
)
@target
@click.option("--expand-nested", is_flag=True, help="List layers of models inside.")
@click.option("--trainable", is_flag=True, help="Say what training would change.")
@click.option("--cost", is_flag=True, help="Multiply-accumulates and output sizes.")
@click.option(
    "--depth",
    type=click.IntRange(1),
    help="Levels of models inside, or of scopes of an ONNX file, that are listed.",
)
@dims
@click.option("--plain", is_flag=True, help="Without boxes, as Keras 2 printed it.")
@as_json
def summary(
    target: str,
    expand_nested: bool,
    trainable: bool,
    cost: bool,
    depth: int | None,
    dims: Sequence[str],
    plain: bool,
    as_json: bool,
) -> None:
    """Print the layers of TARGET with output shapes and parameter counts.

    An ONNX file has scopes instead: what names of its nodes have before a "/".
    """
    from seqir.summary.summary import summary_of

    model = model_of(target, dims)
    options: dict[str, Any] = {
        "expand_nested": expand_nested,
        "show_trainable": trainable,
        "show_cost": cost,
        "depth": depth,
    }
    if as_json:
        print_json(summary_of(model, **options).to_dict())
    else:
        model.summary(**options, style="plain" if plain else "rich")


@app.command(
    examples=(
        "seqir export model.py:net -o net.onnx",
        "seqir export model.py:net -o net.onnx --batch 1 --layout channels_first",
        "seqir export model.py:net -o net.onnx --input-name image --output-name scores",
        "seqir export model.py:net -o net.onnx --metadata author=me --json",
        "seqir export any.onnx -o fixed.onnx --dim batch=1",
        "seqir export any.onnx -o free.onnx --dim image=batch,3,224,224",
    )
)
@target
@click.option("-o", "--output", required=True, metavar="FILE.onnx", help="The file.")
@exporting.options
@dims
@as_json
def export(
    target: str, output: str, dims: Sequence[str], as_json: bool, **options: Any
) -> None:
    """Write TARGET as an ONNX file and check that it computes the same."""
    arguments = exporting.arguments(**options)
    print_report(model_of(target, dims).export(output, **arguments), as_json)


def _input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the commands that compute something."""
    for option in (
        click.option("--threads", type=click.IntRange(1), help="Threads to use."),
        click.option(
            "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ..."
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            help="Samples in one run [default: 32]; with --random: how many there are "
            "[default: 1].",
        ),
        click.option("--random", is_flag=True, help="Use random numbers as inputs."),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="[NAME=]FILE",
            help=".npy, .npz or a picture; one for each input. A picture is resized to "
            "the model's input and has numbers from 0 to 255.",
        ),
    ):
        command = option(command)
    return command


@app.command(
    examples=(
        "seqir run model.py:net --input photo.png",
        "seqir run net.onnx --input x.npy -o y.npz",
        "seqir run net.onnx --input left=a.npy --input right=b.npy --device cuda",
        "seqir run net.onnx --random --json | jq .outputs",
    )
)
@target
@click.option("-o", "--output", metavar="FILE", help="Write the outputs: .npz or .npy.")
@_input_options
@as_json
def run(
    target: str,
    output: str | None,
    inputs: Sequence[str],
    random: bool,
    batch_size: int | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Run TARGET, or a file that ends in .onnx, on arrays or a picture."""
    from seqir import runtime
    from seqir.cli import arrays, running

    if output is not None:
        arrays.check_output(output)
    runtime.set_threads(threads)
    if target.endswith(".onnx"):
        runnable = running.of_file(target, device)
    else:
        runnable = running.of_model(model_of(target), device)
    _compute(runnable, inputs, random, batch_size, output, as_json)


@app.command(
    examples=(
        "seqir features model.py:net --layers conv2d_1 -o feats.onnx",
        "seqir features model.py:net --layers 'conv.*' -o feats.npz --input photo.png",
        "seqir features model.py:net --layers dense --inputs flatten -o head.onnx",
    )
)
@target
@click.option(
    "--layers",
    required=True,
    multiple=True,
    metavar="REGEX",
    help="Layers whose outputs are wanted; may be repeated.",
)
@click.option(
    "--inputs",
    "starts",
    multiple=True,
    metavar="REGEX",
    help="Layers whose outputs are the inputs; default: the model's inputs.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help=".onnx: the part of the model; .npz or .npy: the features of the inputs.",
)
@_input_options
@as_json
def features(
    target: str,
    layers: Sequence[str],
    starts: Sequence[str],
    output: str,
    inputs: Sequence[str],
    random: bool,
    batch_size: int | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Cut the part of TARGET out that computes some layers' outputs.

    A layer is given by its name or by a regular expression for the whole name.
    """
    from seqir import runtime
    from seqir.cli import arrays, running

    if output.endswith(".onnx"):
        if inputs or random:
            raise ArgumentError(
                "--input and --random are for features in an .npz; an .onnx file "
                "holds the part of the model itself"
            )
    else:
        arrays.check_output(output)
    part = model_of(target).slice(list(layers), list(starts) or None)
    if output.endswith(".onnx"):
        print_report(part.export(output), as_json)
        return
    runtime.set_threads(threads)
    runnable = running.of_model(part, device)
    _compute(runnable, inputs, random, batch_size, output, as_json)


@app.command(
    examples=(
        "seqir plot model.py:net -o net.svg",
        "seqir plot model.py:net -o net.png --params --rankdir LR",
        "seqir plot model.py:net -o net.html --expand-nested",
        "seqir plot any.onnx -o any.svg --depth 2",
    )
)
@target
@click.option("-o", "--output", required=True, metavar="FILE", help=".svg, .png, .html")
@click.option("--shapes/--no-shapes", default=True, help="Shapes of outputs.")
@click.option("--params", is_flag=True, help="Parameter counts.")
@click.option("--expand-nested", is_flag=True, help="Draw layers of models inside.")
@click.option(
    "--rankdir",
    type=click.Choice(["TB", "LR"]),
    default="TB",
    show_default=True,
    help="From top to bottom, or from left to right.",
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    help="Levels of scopes of an ONNX file that have boxes of their own.",
)
@dims
@as_json
def plot(
    target: str,
    output: str,
    shapes: bool,
    params: bool,
    expand_nested: bool,
    rankdir: Literal["TB", "LR"],
    depth: int | None,
    dims: Sequence[str],
    as_json: bool,
) -> None:
    """Draw TARGET: one box a layer, one line a tensor."""
    from pathlib import Path

    from seqir.plot import plot_model

    plot_model(
        model_of(target, dims),
        output,
        show_shapes=shapes,
        show_params=params,
        expand_nested=expand_nested,
        rankdir=rankdir,
        depth=depth,
    )
    size = Path(output).stat().st_size
    if as_json:
        print_json({"path": output, "bytes": size})
    else:
        click.echo(f"{one_line(output)}: {size:,} bytes")


@app.command(examples=("seqir doctor", "seqir doctor --json | jq .devices"))
@as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Show versions and devices, and what is wrong with this machine."""
    from seqir.runtime import report

    found = report()
    if as_json:
        print_json(found)
    else:
        _print_doctor(found)
    if found["problem"] or found["conflict"]:
        ctx.exit(program.MISSING)


def _print_doctor(found: dict[str, Any]) -> None:
    for name, version in found["versions"].items():
        click.echo(f"{name:<12} {version or 'not there'}")
    click.echo(f"{'cpus':<12} {found['cpus']}")
    click.echo(f"{'telemetry':<12} {'off' if found['telemetry_off'] else 'on'}")
    click.echo(f"{'auto':<12} {found['auto'] or 'nothing can run'}")
    for name, device in found["devices"].items():
        state = "works" if device["works"] else f"no: {device['reason']}"
        click.echo(f"{name:<12} {state}")
    for what in ("problem", "conflict"):
        if found[what]:
            click.echo(f"{what:<12} {found[what]}")


def _compute(
    runnable: Runnable,
    inputs: Sequence[str],
    random: bool,
    batch_size: int | None,
    output: str | None,
    as_json: bool,
) -> None:
    from seqir.cli import arrays

    if random and inputs:
        raise ArgumentError("--input and --random exclude each other")
    if random:
        feeds = arrays.random(runnable.inputs, batch_size or 1)
    else:
        feeds = arrays.read(inputs, runnable.inputs)
    start = time.perf_counter()
    results = runnable.run(feeds, batch_size or 32)
    seconds = time.perf_counter() - start
    if output is not None:
        arrays.write(output, results)
    limit = 0 if output else _SHOWN if as_json else 12
    facts = arrays.describe(results, limit)
    if as_json:
        print_json(
            {
                "device": runnable.device,
                "seconds": seconds,
                "path": output,
                "outputs": facts,
            }
        )
        return
    for name, each in facts.items():
        line = f"{one_line(name)}: {arrays.shown_shape(each)}"
        if "values" in each:
            line += f" = {_rounded(each['values'])}"
        elif "min" in each:
            line += " from {min:.5g} to {max:.5g}, mean {mean:.5g}".format(**each)
        if "not_finite" in each:
            line += f", {each['not_finite']} not finite"
        click.echo(line)
    where = f"{one_line(output)}: written; " if output else ""
    click.echo(f"{where}on {runnable.device} in {seconds * 1000:.1f} ms")


def _rounded(values: Any) -> str:
    if is_list(values):
        return f"[{', '.join(map(_rounded, values))}]"
    return f"{values:.5g}" if isinstance(values, float) else str(values)


def main() -> NoReturn:
    """The console script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # started without a console
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    app.main()
