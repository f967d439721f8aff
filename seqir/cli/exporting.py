"""The options of the commands that write ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from seqir.errors import ArgumentError


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how a model is exported; `arguments` makes them arguments."""
    for option in (
        click.option(
            "--verify-reference",
            is_flag=True,
            help="Compare with the slow NumPy reference instead.",
        ),
        click.option(
            "--verify/--no-verify",
            default=True,
            help="Run the file and compare it with the model [default: on].",
        ),
        click.option(
            "--state",
            type=click.Choice(["inputs", "constant"]),
            default="inputs",
            help="What a run changes: inputs of the file, with the new values as "
            "outputs, or constants [default: inputs].",
        ),
        click.option(
            "--metadata",
            multiple=True,
            metavar="KEY=VALUE",
            help="An entry for the file's metadata; may be repeated.",
        ),
        click.option(
            "--external-data/--no-external-data",
            default=None,
            help="Weights in a file beside it; default: only where one file cannot "
            "hold them.",
        ),
        click.option(
            "--output-name",
            "output_names",
            multiple=True,
            metavar="NAME",
            help="Name of an output; repeat it in the order of the outputs.",
        ),
        click.option(
            "--input-name",
            "input_names",
            multiple=True,
            metavar="NAME",
            help="Name of an input; repeat it in the order of the inputs.",
        ),
        click.option(
            "--preprocess",
            type=click.Choice(["tf", "torch", "caffe"]),
            help="Images enter as bytes and are scaled in the file, as for the models "
            "of ImageNet.",
        ),
        click.option(
            "--layout",
            type=click.Choice(["channels_last", "channels_first"]),
            help="Where image inputs of the file have their channels.",
        ),
        click.option(
            "--batch",
            metavar="N|NAME",
            help="A fixed batch size, or a name for a free one.",
        ),
        click.option(
            "--target",
            "runtime",
            metavar="NAME",
            help="The runtime that the file is for: web, openvino, opencv, tensorrt, "
            "tract or mobile; default: any.",
        ),
        click.option(
            "--opset",
            type=int,
            help="ONNX opset; default: 17, which all runtimes take.",
        ),
    ):
        command = option(command)
    return command


def arguments(
    *,
    opset: int | None,
    runtime: str | None,
    batch: str | None,
    layout: str | None,
    preprocess: str | None,
    input_names: Sequence[str],
    output_names: Sequence[str],
    external_data: bool | None,
    metadata: Sequence[str],
    state: str,
    verify: bool,
    verify_reference: bool,
) -> dict[str, Any]:
    """The arguments of `Model.export` for the values of `options`.

    Raises: UsageError, ArgumentError for values that make no sense.
    """
    if verify_reference and not verify:
        raise click.UsageError(
            "--no-verify and --verify-reference exclude each other",
            click.get_current_context(),
        )
    return {
        "opset": opset,
        "target": runtime,
        "batch": _batch(batch),
        "layout": layout,
        "preprocess": preprocess,
        "input_names": list(input_names) or None,
        "output_names": list(output_names) or None,
        "external_data": external_data,
        "metadata": _pairs(metadata),
        "state": state,
        "verify": "reference" if verify_reference else verify,
    }


def _batch(text: str | None) -> int | str | None:
    return int(text) if text and text.lstrip("-").isdecimal() else text


def _pairs(items: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ArgumentError(f"--metadata takes KEY=VALUE, got {item!r}")
        if key in pairs:
            raise ArgumentError(f"--metadata has {key!r} twice")
        pairs[key] = value
    return pairs
