"""The program around the commands: options all have, errors, exit codes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import click

from seqir import errors
from seqir.text import harmless
from seqir.version import VERSION

DONE, FAILED, MISUSED, MISSING = 0, 1, 2, 3
INTERRUPTED = 130

CODES: tuple[tuple[type[errors.SeqirError], int], ...] = (
    (errors.MissingPackageError, MISSING),
    (errors.DeviceError, MISSING),
    (errors.ExportError, FAILED),
    (errors.RunError, FAILED),
    (errors.UnsupportedError, FAILED),
    (errors.SeqirError, MISUSED),
)
"""Exit code of each error; the first class that matches counts."""

_OPTIONS: Final = {
    r"\bverify=False": "--no-verify",
    r"\bto inputs=$": "to --from",
    r"\bcustom_objects=\{'([^']*)': \.\.\.\}": r"--custom-objects MODULE:\1",
    r"\b(in|as) custom_objects\b": r"\1 --custom-objects",
}
"""Arguments in messages, and what the program has for them."""

EXIT_CODES = (
    (DONE, "done"),
    (FAILED, "it failed: verification, the runtime, or writing a file"),
    (MISUSED, "bad usage: an option, the target or its code, an input"),
    (MISSING, "this machine lacks a package or a device"),
)


@dataclass
class State:
    """What the error handler must know, whatever happens to a command."""

    debug: bool = False
    target: str = ""
    """Path of the user's file, to find the line where it failed."""
    shown: str = ""
    """That path as the user wrote it."""


def state() -> State:
    """The state of the program that is running."""
    found = click.get_current_context().find_object(State)
    assert found is not None
    return found


class ReaderGoneError(Exception):
    """Whoever read our output has closed the pipe."""


@contextmanager
def _watching_the_pipe() -> Generator[None]:
    """Keep click from turning a closed pipe into its own exit code."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error


class Command(click.Command):
    """A command with `--debug`, examples and exit codes in its help."""

    def __init__(self, *args: Any, examples: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_set_debug,
                help="Show the traceback of an error.",
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _section(formatter, "Examples", self.examples)
        _section(formatter, "Exit codes", _exit_codes())


class App(click.Group):
    """The group of commands; every error becomes one line and an exit code."""

    command_class = Command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _section(
            formatter,
            "A TARGET is",
            (
                "model.py:net       an object in a file: a model, or a function",
                "                   without required arguments that returns one",
                "pkg.module:net     an object in a module that can be imported",
                "model.keras        a file of Keras's, .keras or .h5",
                "model.onnx         an ONNX file of any tool",
            ),
        )
        _section(formatter, "Exit codes", _exit_codes())
        _section(
            formatter,
            "Shell completion",
            (
                'eval "$(_SEQIR_COMPLETE=bash_source seqir)"   in ~/.bashrc',
                "(zsh_source and fish_source for the other shells)",
            ),
        )

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _watching_the_pipe():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _watching_the_pipe():
            return super().invoke(ctx)

    def main(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run a command and exit; see `EXIT_CODES`."""
        state = State()
        extra["standalone_mode"] = False
        try:
            status = super().main(args, "seqir", obj=state, **extra)
            sys.stdout.flush()
        except BaseException as error:
            status = _report(error, state)
        sys.exit(status or DONE)


def version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Callback of ``--version``."""
    if wanted and not ctx.resilient_parsing:
        click.echo(f"seqir {VERSION}")
        ctx.exit()


def _set_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and isinstance(ctx.obj, State):
        ctx.obj.debug = True


def _exit_codes() -> Iterable[str]:
    return (f"{code}  {meaning}" for code, meaning in EXIT_CODES)


def _section(formatter: click.HelpFormatter, title: str, lines: Iterable[str]) -> None:
    with formatter.section(title):
        for line in lines:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _report(error: BaseException, state: State) -> int:
    """Say in one line what went wrong; the exit code."""
    if isinstance(error, BrokenPipeError | ReaderGoneError):
        # Who reads has seen enough; the interpreter must not flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo("seqir: interrupted", err=True)
        return INTERRUPTED
    return complain(error, state)[1]


def complain(error: BaseException, state: State, where: str = "") -> tuple[str, int]:
    """Say on stderr, in one line, what went wrong; that text and the exit code."""
    if state.debug:
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    text, status = _explain(error, state)
    say("error", where + text)
    return text, status


def say(kind: str, text: str) -> None:
    """A line on stderr: an error, a warning, a note."""
    click.echo(f"seqir: {kind}: {harmless(' '.join(text.split()))}", err=True)


def _with_options(text: str) -> str:
    """A text with the options of the program in the place of arguments in Python."""
    for argument, option in _OPTIONS.items():
        text = re.sub(argument, option, text)
    return text


def _explain(error: BaseException, state: State) -> tuple[str, int]:
    if isinstance(error, click.ClickException):
        where = getattr(error, "ctx", None)
        hint = f"; see `{where.command_path} --help`" if where else ""
        return error.format_message().rstrip(".") + hint, MISUSED
    place = _place(error, state)
    if isinstance(error, errors.SeqirError):
        status = next(code for kind, code in CODES if isinstance(error, kind))
        return place + _with_options(errors.explain(error)), status
    if isinstance(error, SyntaxError) and error.filename == state.target:
        return f"{state.shown}:{error.lineno}: SyntaxError: {error.msg}", MISUSED
    what = f"{type(error).__name__}: {errors.explain(error)}".rstrip(": ")
    if place:
        return place + what, MISUSED
    return f"unexpected {what} (--debug shows where)", FAILED


def _place(error: BaseException, state: State) -> str:
    """``model.py:12: `` if the error came out of the user's file."""
    place = ""
    frame = error.__traceback__
    while frame is not None and state.target:
        if frame.tb_frame.f_code.co_filename == state.target:
            place = f"{state.shown}:{frame.tb_lineno}: "
        frame = frame.tb_next
    return place
