"""From ``model.py:net`` on the command line to a model."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from seqir.cli.app import State
from seqir.errors import ArgumentError, SeqirError, did_you_mean

if TYPE_CHECKING:
    from seqir.model import Model


class TargetError(SeqirError):
    """The user's file stopped in a way that is no exception of its own."""


def load(target: str, state: State) -> Model:
    """The model that a target names.

    What the user's file prints goes to stderr, so that stdout is ours.

    Raises: ArgumentError if there is no such thing or it is no model; whatever the
        user's code raises.
    """
    place, colon, name = target.rpartition(":")
    if not colon or name.startswith(("/", "\\")):  # no object, or a drive's colon
        place, name = target, ""
    path = Path(place)
    is_file = path.suffix == ".py" or path.exists()
    if place.endswith(".onnx"):
        raise ArgumentError(
            f"{place} is an ONNX file; only `seqir run` takes one, the other commands "
            "take a model in Python, such as model.py:net"
        )
    try:
        with redirect_stdout(sys.stderr):
            module = _from_file(path, place, state) if is_file else _by_name(place)
            found = _find(module, place, name, state)
    except SystemExit as error:
        raise TargetError(
            f"{place} ended the program while it was imported (exit code {error.code})"
        ) from error
    return found


def _from_file(path: Path, shown: str, state: State) -> ModuleType:
    if not path.is_file():
        raise ArgumentError(f"there is no file {shown}")
    state.target, state.shown = str(path.resolve()), shown
    name = f"seqir_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, state.target)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{shown} is no Python file")
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _by_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ArgumentError(
            f"{name!r} is neither a file nor a module; a target is written model.py:net"
        )
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ArgumentError(
                f"there is no module {error.name!r}, and no file {name}"
            ) from error
        raise


def _find(module: ModuleType, place: str, name: str, state: State) -> Model:
    from seqir.model import Model

    if not name:
        raise ArgumentError(
            f"which object of {place}? write {place}:NAME; {_available(module)}"
        )
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = did_you_mean(name, _models(module))
            raise ArgumentError(
                f"{place} has no object {name!r}.{near} {_available(module)}"
            )
        found = getattr(found, part)
    if module.__file__ and not state.target:
        state.target = state.shown = module.__file__
    if isinstance(found, Model):
        return found
    if not callable(found):
        raise ArgumentError(
            f"{place}:{name} is of type {type(found).__name__}, no model; "
            f"{_available(module)}"
        )
    if needed := _required(found):
        raise ArgumentError(
            f"{place}:{name} needs the arguments {', '.join(needed)}; a target is a "
            "model or a function without required arguments that returns one"
        )
    made = found()
    if not isinstance(made, Model):
        raise ArgumentError(
            f"{place}:{name}() returned an object of type {type(made).__name__}, "
            "no model"
        )
    return made


def _required(function: Any) -> list[str]:
    """Names of the arguments that a call must give."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    empty, optional = inspect.Parameter.empty, ("VAR_POSITIONAL", "VAR_KEYWORD")
    return [
        p.name for p in parameters if p.default is empty and p.kind.name not in optional
    ]


def _models(module: ModuleType) -> list[str]:
    """Names in a module that may be targets: models, and functions of its own."""
    from seqir.model import Model

    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (
            isinstance(value, Model)
            or (
                inspect.isfunction(value)
                and value.__module__ == module.__name__
                and not _required(value)
            )
        )
    ]


def _available(module: ModuleType) -> str:
    names = _models(module)
    return f"models there: {', '.join(names)}" if names else "there is no model in it"
