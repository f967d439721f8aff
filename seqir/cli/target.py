"""From ``model.py:net`` on the command line to a model."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from seqir.cli.app import State
from seqir.errors import ArgumentError, SeqirError, did_you_mean
from seqir.files import open_file
from seqir.narrow import is_dict

if TYPE_CHECKING:
    from seqir.model import Model

KERAS: Final = (".keras", ".h5", ".hdf5")
"""Endings of the files that hold a model of Keras."""
ONNX: Final = ".onnx"
JSON: Final = ".json"


class TargetError(SeqirError):
    """The user's file exited instead of raising."""


def load(
    target: str,
    state: State,
    dims: Mapping[str, int | str | Sequence[int | str]] | None = None,
) -> Model:
    """The model that a target names; `dims` are sizes of an ONNX file.

    What the user's file prints goes to stderr, so that stdout is ours.

    Raises: ArgumentError if there is no such thing or it is not a model; LoadError,
        UnsupportedError for Keras's files; whatever the user's code raises.
    """
    if target.lower().endswith(ONNX):
        from seqir.model import load_onnx

        model = load_onnx(target)
        return model.with_dims(dims) if dims else model
    if dims:
        raise ArgumentError(f"--dim is for ONNX files, and {target} is none")
    if target.lower().endswith(KERAS):
        return load_keras(target)
    place, name = _parts(target)
    with _importing(place):
        return _find(_module(place, state), place, name, state)


def load_keras(
    path: str,
    custom_objects: Mapping[str, Any] | None = None,
    weights: str | None = None,
) -> Model:
    """The model in one of Keras's files, without what it was compiled with.

    `weights` are in another file, as those of a JSON text must be.

    Raises: ArgumentError for a JSON text without weights, and as
        `seqir.models.load_model`.
    """
    from seqir.models import load_model, model_from_json

    if not path.lower().endswith(JSON):
        model = load_model(path, custom_objects, compile=False)
    elif weights is None:
        raise ArgumentError(
            f"{path} describes a model and holds no weights: give their file with "
            "--weights"
        )
    else:
        model = model_from_json(_text(path), custom_objects)
    if weights is not None:
        model.load_weights(weights)
    return model


def _text(path: str) -> str:
    from seqir.formats import jsontext

    with open_file(path) as file:
        return file.read(jsontext.MAX_BYTES + 1).decode(errors="replace")


def weights_alone(path: Path) -> bool:
    """Whether it is a file of Keras's that holds weights and no model."""
    from seqir.formats import hdf5, kinds

    try:
        if kinds.kind_of(path) != "hdf5":
            return False
        with hdf5.open_hdf5(path) as reader:
            return reader.attribute("", "model_config") is None
    except SeqirError:
        return False  # which says what is wrong when it is converted


def custom_objects(names: Sequence[str], state: State) -> dict[str, Any]:
    """The user's classes and functions, by the names that Keras's files have for them.

    Each is written like a target; a dictionary has several of them.

    Raises: ArgumentError if there is no such thing; whatever the user's code raises.
    """
    found: dict[str, Any] = {}
    for target in names:
        place, name = _parts(target)
        with _importing(place):
            module = _module(place, state)
        value = vars(module).get(name)
        if value is None:
            near = did_you_mean(name, vars(module))
            raise ArgumentError(
                f"{place} has no object {name!r}.{near}"
                if name
                else f"which object of {place}? write {place}:NAME"
            )
        if is_dict(value):
            found.update(value)
        else:
            found[getattr(value, "__name__", name)] = value
    return found


def _parts(target: str) -> tuple[str, str]:
    """A file or module, and the object in it; that is empty if none is named."""
    place, colon, name = target.rpartition(":")
    if not colon or name.startswith(("/", "\\")):  # no object, or a drive's colon
        return target, ""
    return place, name


@contextmanager
def _importing(place: str) -> Generator[None]:
    """Keep the user's file from printing on stdout and from ending the program."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        raise TargetError(
            f"{place} ended the program while it was imported (exit code {error.code})"
        ) from error


def _module(place: str, state: State) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py" or path.exists():
        return _from_file(path, place, state)
    return _by_name(place)


def _from_file(path: Path, shown: str, state: State) -> ModuleType:
    if not path.is_file():
        raise ArgumentError(f"there is no file {shown}")
    state.target, state.shown = str(path.resolve()), shown
    name = f"seqir_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, state.target)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{shown} is not a Python file")
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
