"""``seqir convert``: Keras's files as ONNX files, one or a whole folder of them."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from seqir.cli import app as program
from seqir.cli import exporting
from seqir.cli.printing import as_json, print_json
from seqir.errors import ArgumentError, ExportError, VerificationError
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.export.exporter import ExportReport
    from seqir.model import Model


@dataclass
class Conversion:
    """A model, the file that is made of it, and how that went."""

    source: str
    output: str
    result: Literal["converted", "skipped", "failed"] = "failed"
    reason: str = ""
    """Why it was skipped, or what failed."""
    seconds: float = 0.0
    not_finite: list[str] = field(default_factory=list[str])
    """Names of the weights that hold NaN or infinite values."""
    report: ExportReport | None = None


@click.command(
    "convert",
    cls=program.Command,
    examples=(
        "seqir convert model.keras",
        "seqir convert model.h5 -o net.onnx --batch 1 --layout channels_first",
        "seqir convert resnet.keras -o net.onnx --preprocess caffe",
        "seqir convert model.json --weights model.weights.h5",
        "seqir convert own.keras --custom-objects layers.py:Scale",
        "seqir convert models/ -o converted --json | jq .failed",
    ),
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "-o",
    "--output",
    metavar="FILE|FOLDER",
    help="The .onnx file, or a folder for them; default: beside each model.",
)
@exporting.options
@click.option(
    "--custom-objects",
    "custom",
    multiple=True,
    metavar="MODULE:NAME",
    help="A class or function of your own that the file asks for: layers.py:Scale, or "
    "pkg.module:Scale. May be repeated.",
)
@click.option(
    "--weights",
    metavar="FILE",
    help="The weights of a model whose file is JSON text, or other ones than its own.",
)
@click.option(
    "--strict-finite", is_flag=True, help="Refuse weights that are NaN or infinite."
)
@as_json
@click.pass_context
def convert(
    ctx: click.Context,
    models: Sequence[str],
    output: str | None,
    custom: Sequence[str],
    weights: str | None,
    strict_finite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Convert Keras's .keras and .h5 files to ONNX, and check the results.

    A MODEL is a file or a folder, of which every .keras, .h5 and .hdf5 file is
    converted; hidden ones and those of weights alone are left out. Neither Keras nor
    TensorFlow is needed, and no code from the files is run. Of several models, those
    that can be converted are: net.keras to net.onnx, or to net.keras.onnx where there
    is a net.h5 as well. A model that is JSON text has its --weights elsewhere.
    """
    from seqir.cli.target import custom_objects

    arguments = exporting.arguments(**options)
    plan = list(_plan(models, output))
    objects = custom_objects(custom, program.state())
    alone = len(models) == 1 and not Path(models[0]).is_dir()
    if weights and not alone:
        raise ArgumentError("--weights is for one model, and several are converted")
    for conversion in plan:
        if conversion.result == "skipped":
            program.say("note", f"{conversion.source}: {conversion.reason}")
        elif alone:
            model = _convert(conversion, objects, arguments, strict_finite, weights)
            if not as_json:
                model.summary()
        else:
            _try(conversion, objects, arguments, strict_finite)
    failed = sum(c.result == "failed" for c in plan)
    if as_json:
        print_json({"files": [asdict(c) for c in plan], "failed": failed})
    elif alone:
        _print_report(plan[0])
    else:
        _print_table(plan)
    if failed:
        ctx.exit(program.FAILED)


# What to convert.


def _plan(models: Sequence[str], output: str | None) -> Iterator[Conversion]:
    """What is to be converted to what.

    Raises: ArgumentError for an output that cannot be, or a folder without models.
    """
    from seqir.cli.target import weights_alone

    taken: dict[Path, str] = {}
    pairs = list(_pairs(models, output))
    wanted = Counter(target for _, target in pairs)
    for source, target in pairs:
        if wanted[target] > 1:  # net.keras and net.h5: net.keras.onnx and net.h5.onnx
            target = target.with_name(f"{source.name}.onnx")
        found = Conversion(str(source), str(target))
        if str(source) not in models and weights_alone(source):
            found.result = "skipped"
            found.reason = "it holds weights alone, no model"
        elif target in taken:
            found.reason = (
                f"{target} is already the file for {taken[target]}: convert it alone, "
                "to a name of its own"
            )
        else:
            taken[target] = str(source)
        yield found


def _pairs(models: Sequence[str], output: str | None) -> Iterator[tuple[Path, Path]]:
    folder = None if output is None else Path(output)
    if len(models) == 1 and not Path(models[0]).is_dir():
        source = Path(models[0])
        whole = folder is not None and not folder.is_dir()
        target = folder if whole and folder else _beside(source, folder)
        _check_target(source, target)
        yield source, target
        return
    if folder is not None and (folder.suffix == ".onnx" or folder.is_file()):
        raise ArgumentError(
            f"-o {output} is one file, and what is converted are several: give a folder"
        )
    for name in models:
        place = Path(name)
        if not place.is_dir():
            yield place, _beside(place, folder)
            continue
        sources = _models_in(place)
        if not sources:
            raise ArgumentError(
                f"there is no .keras, .h5 or .hdf5 file in the folder {name}"
            )
        for source in sources:
            kept = (folder or place) / source.relative_to(place).parent
            yield source, _beside(source, kept)


def _beside(source: Path, folder: Path | None) -> Path:
    return (folder or source.parent) / f"{source.stem}.onnx"


def _check_target(source: Path, target: Path) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise ArgumentError(
            f"the output {target} is the model itself: give it another name"
        )
    if target.suffix != ".onnx":
        raise ArgumentError(
            f"the output must end in .onnx, or be a folder that is there: {target}"
        )


def _models_in(folder: Path) -> list[Path]:
    """Keras's files below a folder by name; of one name, the newest kind first."""
    from seqir.cli.target import KERAS

    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in KERAS
        and not any(p.startswith(".") for p in path.relative_to(folder).parts)
        and path.is_file()
    ]
    return sorted(
        found, key=lambda p: (p.with_suffix(""), KERAS.index(p.suffix.lower()))
    )


# Converting.


def _try(conversion: Conversion, *how: Any) -> None:
    """Convert; whatever goes wrong is said, and the next file's turn comes."""
    try:
        if conversion.reason:
            raise ArgumentError(conversion.reason)
        _make_folder(Path(conversion.output).parent)
        _convert(conversion, *how)
    except Exception as error:
        where = f"{conversion.source}: "
        conversion.reason, _ = program.complain(error, program.state(), where)


def _convert(
    conversion: Conversion,
    objects: Mapping[str, Any],
    arguments: Mapping[str, Any],
    strict_finite: bool,
    weights: str | None = None,
) -> Model:
    """Convert one model.

    Raises: ArgumentError, LoadError, UnsupportedError, ExportError.
    """
    from seqir.cli.target import load_keras

    start = time.perf_counter()
    with redirect_stdout(sys.stderr):  # what classes of the user's may print
        model = load_keras(conversion.source, objects, weights)
        conversion.not_finite = _not_finite(model)
        if conversion.not_finite:
            said = _say_not_finite(conversion.not_finite)
            if strict_finite:
                raise VerificationError(f"{said}, which --strict-finite refuses")
            program.say("warning", f"{conversion.source}: {said}")
        conversion.report = model.export(conversion.output, **arguments)
    conversion.result = "converted"
    conversion.seconds = time.perf_counter() - start
    return model


def _make_folder(folder: Path) -> None:
    """A folder like that of the source, for the file that is made of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            f"cannot make the folder {folder}: {error.strerror}"
        ) from error


def _not_finite(model: Model) -> list[str]:
    """Names of the weights that hold NaN or infinite values."""
    import numpy as np

    from seqir import dtypes

    return [
        weight.path
        for weight in model.weights
        if dtypes.is_float(weight.dtype) and not np.isfinite(weight.array).all()
    ]


def _say_not_finite(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"weight {names[0]!r} holds NaN or infinite values"
    return f"{len(names)} weights hold NaN or infinite values, first {names[0]!r}"


# What is shown.


def _print_report(conversion: Conversion) -> None:
    report = conversion.report
    assert report is not None
    click.echo(str(report))
    passes = (f"{name} {a} -> {b}" for name, (a, b) in report.passes.items())
    click.echo(f"  passes   {', '.join(passes) or 'changed nothing'}")
    click.echo(f"  seconds  {conversion.seconds:.1f}")


def _print_table(plan: Sequence[Conversion]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("File", overflow="fold")
    table.add_column("Result")
    for name in ("Nodes", "Bytes", "Largest error", "Seconds"):
        table.add_column(name, justify="right")
    for conversion in plan:
        words = (conversion.source, conversion.result)
        table.add_row(*(Text(one_line(w)) for w in words), *_facts(conversion))
    Console(file=sys.stdout).print(table)


def _facts(conversion: Conversion) -> Iterator[str]:
    report = conversion.report
    if report is None:
        return
    yield str(report.node_count)
    yield f"{report.bytes:,}"
    errors = [error.relative for error in report.errors]
    yield f"{max(errors):.2g}" if errors else "not verified"
    yield f"{conversion.seconds:.1f}"
