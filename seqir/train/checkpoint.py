"""The whole state of a training in one file, and folders of such files.

A file holds weights, optimizer slots and accumulators of metrics; its note holds
where the training stands: epoch, batch, number of steps, seed, and what the callbacks
know. Nothing else is needed to go on exactly as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqir import dtypes, tensorfile
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    DTypeError,
    ExportError,
    LoadError,
    NonFiniteLossError,
    ShapeError,
)
from seqir.files import try_lock
from seqir.formats.safetensors import check_fit, check_suffix, in_order, keys_of
from seqir.ir import Array
from seqir.layer.state import walk
from seqir.narrow import is_dict
from seqir.ops.variable import Variable, assign_all
from seqir.runtime import engine
from seqir.train import settings
from seqir.train.byhand import is_by_hand
from seqir.train.compilation import Compilation
from seqir.train.position import Notes, Position, Settings
from seqir.version import VERSION

KIND: Final = "seqir checkpoint"
_NOTED: Final[dict[str, type]] = {
    "order": dict,
    "model": str,
    "seed": int,
    "steps": int,
    "fits": int,
    "position": dict,
    "callbacks": list,
}
_NAME: Final = re.compile(r"step-(\d+)\.safetensors")


def save_checkpoint(compiled: Compilation, path: str | os.PathLike[str]) -> None:
    """Write the state of the training, and of the `fit` that is under way, if any.

    Raises: NonFiniteLossError if a weight is NaN or infinite: such a state is not
        worth going back to; ExportError if the file cannot be written.
    """
    check_suffix(path)
    run = compiled.run
    position, notes = (run.position, run.notes()) if run else (Position(), Notes())
    arrays: dict[str, Array] = {}
    order: dict[str, list[str]] = {}
    for part, variables in _parts(compiled).items():
        keys = [f"{part}/{key}" for key in keys_of(variables)]
        order[part] = keys
        for key, variable in zip(keys, variables, strict=True):
            arrays[key] = variable.array
    for key in order["weights"]:
        _check_finite(key.removeprefix("weights/"), arrays[key], compiled.steps)
    for i, own in enumerate(notes.arrays):
        arrays.update({f"callbacks/{i}/{name}": a for name, a in own.items()})
    note = {
        "kind": KIND,
        "order": order,
        "model": model_hash(compiled),
        "seed": compiled.seed,
        "steps": compiled.steps,
        "fits": compiled.fits,
        "position": asdict(position),
        "callbacks": notes.states,
        "settings": run.settings if run else None,
        "versions": _versions(),
    }
    tensorfile.write(path, arrays, note)


def load_checkpoint(compiled: Compilation, path: str | os.PathLike[str]) -> None:
    """Take over the state of a checkpoint, all of it or nothing.

    A `fit` that is under way goes on from where the checkpoint was written.

    Raises: LoadError if it is damaged or of another model.
    """
    take_over(compiled, path, *read_checkpoint(path))


def read_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Array], dict[str, object]]:
    """The arrays and the note of a checkpoint.

    Raises: LoadError if it is damaged, or no checkpoint.
    """
    arrays, note = tensorfile.read(path)
    if note.get("kind") != KIND:
        raise LoadError(f"{path} holds a {note.get('kind')}, not a checkpoint")
    missing = sorted(_NOTED.keys() - note.keys())
    if missing:
        raise LoadError(
            f"{path} was written by another version of seqir: it lacks "
            f"{', '.join(missing)}"
        )
    _check_kinds(path, note, _NOTED)
    wanted: dict[str, type[object]] = {
        name: value.__class__ for name, value in asdict(Position()).items()
    }
    _check_kinds(path, {**dict.fromkeys(wanted), **note["position"]}, wanted)
    for state in note["callbacks"]:
        if [type(part) for part in state] != [str, dict]:
            raise _odd(path, "callbacks", note["callbacks"])
    return arrays, note


def _check_kinds(
    path: str | os.PathLike[str], note: Mapping[str, object], kinds: Mapping[str, type]
) -> None:
    for key, value in note.items():
        if key in kinds and type(value) is not kinds[key]:
            raise _odd(path, key, value)


def _odd(path: str | os.PathLike[str], key: str, value: object) -> CorruptFileError:
    return CorruptFileError(
        f"{path} is damaged, or of another version of seqir: its note says {key}="
        f"{str(value)[:80]!r}"
    )


def take_over(
    compiled: Compilation,
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    note: Mapping[str, Any],
) -> None:
    """Take over the state that was read from `path`, all of it or nothing.

    Raises: LoadError if it is of another model.
    """
    if note["model"] != model_hash(compiled):
        raise LoadError(
            f"{path} is a checkpoint of another model: its layers, weights, optimizer "
            f"or losses are not those of model {compiled.model.name!r}"
        )
    run, before = compiled.run, note.get("settings")
    position = Position(**{f.name: note["position"][f.name] for f in fields(Position)})
    now = run.settings if run is not None else None
    optimizer, trained = compiled.optimizer, compiled.model.trainable_weights
    by_hand = is_by_hand(compiled.model, training=True)
    if optimizer is not None and not (optimizer.built or by_hand) and trained:
        optimizer.build(list(trained))
    parts = _parts(compiled)
    if not parts["metrics"] or (run is not None and not position.batch):
        parts.pop("metrics")  # they start anew
    pairs: list[tuple[Variable, Array]] = []
    for part, variables in parts.items():
        order = note["order"]
        names = order.get(part) if is_dict(order) else None
        values = in_order(f"{path}", arrays, names)
        try:
            check_fit(f"{path}", variables, values)
        except (ShapeError, DTypeError) as error:
            raise LoadError(
                f"{path} is a checkpoint of a model that was compiled in another way; "
                f"its {part} are not those of model {compiled.model.name!r}: {error}"
            ) from error
        pairs += zip(variables, values, strict=True)
    notes = _notes(path, arrays, note)
    if before and now:
        pairs = _without_new_rates(path, compiled, before, now, position, pairs)
    if run is not None:
        run.check(notes)
        run.take_over(position, notes)
    # Nothing can fail any more.
    assign_all([v for v, _ in pairs], (value for _, value in pairs))
    compiled.seed = note["seed"]
    compiled.steps = note["steps"]
    compiled.fits = note["fits"]


def _without_new_rates(
    path: str | os.PathLike[str],
    compiled: Compilation,
    before: Settings,
    now: Settings,
    position: Position,
    pairs: list[tuple[Variable, Array]],
) -> list[tuple[Variable, Array]]:
    """The pairs without learning rates that `compile` was given anew.

    Raises: LoadError for settings that must not change.
    """
    rates = settings.rates(compiled)
    saved = {variable: float(value) for variable, value in pairs if variable in rates}
    anew = settings.compare(
        path, before, now, [saved[r] for r in rates], inside=bool(position.batch)
    )
    stay = {rate for rate, new in zip(rates, anew, strict=True) if new}
    return [(variable, value) for variable, value in pairs if variable not in stay]


def _notes(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], note: Mapping[str, Any]
) -> Notes:
    """What the callbacks have known: ``callbacks/<number>/<name>`` are their arrays."""
    states = [(name, state) for name, state in note["callbacks"]]
    own: list[dict[str, Array]] = [{} for _ in states]
    numbers = {str(i): i for i in range(len(states))}
    for key, array in arrays.items():
        part, _, rest = key.partition("/")
        if part == "callbacks":
            i, _, name = rest.partition("/")
            if i not in numbers:
                raise _odd(path, "callbacks", note["callbacks"])
            own[numbers[i]][name] = array
    return Notes(states, own)


def model_hash(compiled: Compilation) -> str:
    """A hash of what a checkpoint must agree with: layers, weights, optimizer.

    Names are not part of it: automatic ones differ from run to run.
    """
    kinds = [type(layer).__name__ for layer in walk(compiled.model)]
    weights = [str(w.type) for w in compiled.model.weights]
    kinds_of_optimizers = [type(each).__name__ for each in compiled.optimizers]
    text = "\n".join((*kinds, *weights, *(kinds_of_optimizers or ["NoneType"])))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _has_metrics(compiled: Compilation) -> bool:
    """Whether the metrics are made: those of `compile` are by the first batch."""
    own = compiled.model
    return compiled.objective.built or is_by_hand(own, training=True)


def _parts(compiled: Compilation) -> dict[str, list[Variable]]:
    return {
        "weights": compiled.model.weights,
        "optimizer": compiled.optimizer_variables,
        "metrics": compiled.metric_variables if _has_metrics(compiled) else [],
    }


def _check_finite(name: str, array: Array, step: int) -> None:
    if not dtypes.is_float(dtypes.canonical(array.dtype)):
        return
    if not np.isfinite(array.astype(np.float32, copy=False)).all():
        raise NonFiniteLossError(
            f"weight {name!r} is NaN or infinite after {step} steps: no checkpoint is "
            "written, the last one stays",
            step=step,
        )


def _versions() -> dict[str, str]:
    return {
        "seqir": VERSION,
        "numpy": np.__version__,
        "onnxruntime": str(engine.load().__version__),
    }


class Checkpoints:
    """A folder of checkpoints: the newest ones stay, damaged ones are passed over.

    Attributes:
        folder: where they are.
        keep: how many stay.
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 2) -> None:
        self.folder = Path(folder)
        self.keep = keep
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ExportError(f"cannot make the folder {folder}: {reason}") from error

    @contextmanager
    def locked(self) -> Generator[None]:
        """No other training uses the folder while the block runs.

        Raises: ArgumentError if one does, ExportError if it cannot be written to.
        """
        path = self.folder / ".lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ExportError(f"cannot write {path}: {reason}") from error
        try:
            if try_lock(handle) is False:
                raise ArgumentError(
                    f"another training uses the checkpoints in {self.folder}: give "
                    "this one a folder of its own"
                )
            self._sweep()
            yield
        finally:
            os.close(handle)  # which unlocks, as the end of the process does

    def save(self, compiled: Compilation) -> None:
        """Write a checkpoint named by the number of steps, and drop old ones."""
        path = self.folder / f"step-{compiled.steps:010d}.safetensors"
        save_checkpoint(compiled, path)
        for _, old in self._found()[self.keep :]:
            with suppress(OSError):
                old.unlink()

    def load(self, compiled: Compilation) -> bool:
        """Take over the newest checkpoint that is whole; False if there is none.

        Raises: LoadError if there are some and not one is whole, or it is of another
            model.
        """
        found = self._found()
        for step, path in found:
            try:
                whole = read_checkpoint(path)
            except LoadError as error:
                warnings.warn(
                    f"checkpoint of step {step} is passed over: {error}", stacklevel=4
                )
                continue
            take_over(compiled, path, *whole)
            return True
        if found:
            raise LoadError(f"no checkpoint in {self.folder} is whole")
        return False

    def _found(self) -> list[tuple[int, Path]]:
        """Steps and files, the newest first."""
        matches = ((_NAME.fullmatch(p.name), p) for p in self.folder.iterdir())
        return sorted(((int(m[1]), p) for m, p in matches if m), reverse=True)

    def _sweep(self) -> None:
        """Remove what a killed training was still writing."""
        for path in self.folder.glob(".step-*.safetensors.*"):
            shutil.rmtree(path, ignore_errors=True)
