"""JSON for programs, and the report on a written file."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

import click

from seqir.console import is_terminal
from seqir.narrow import is_dict, is_sequence

if TYPE_CHECKING:
    from seqir.export.exporter import ExportReport

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on stdout, and nothing else."
)


def print_report(report: ExportReport, as_json: bool) -> None:
    """Say what has been written."""
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(str(report))


def print_json(data: Any) -> None:
    """One document on stdout: a line for programs, indented for people."""
    indent = 2 if is_terminal(sys.stdout) else None
    sys.stdout.write(json.dumps(_finite(data), indent=indent, allow_nan=False) + "\n")


def _finite(data: Any) -> Any:
    """The data with null in place of NaN and infinities, which JSON has not."""
    if is_dict(data):
        return {key: _finite(value) for key, value in data.items()}
    if is_sequence(data):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
