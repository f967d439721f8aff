"""Weights in files: written in three formats, read from all that have some."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from seqir.errors import (
    ArgumentError,
    ExportError,
    NotBuiltError,
    UnsupportedError,
)
from seqir.files import staged
from seqir.formats import archive, kinds, legacy, safetensors, shards, tensors, weights
from seqir.formats.fitting import Fitting
from seqir.formats.hdf5 import open_hdf5
from seqir.layer.state import state_of
from seqir.layers import Layer
from seqir.narrow import is_a
from seqir.network.base import Network


def target(filepath: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path of a file that is to be written.

    Raises: ExportError if it is there, and `overwrite` is False.
    """
    path = Path(filepath).expanduser()
    if not overwrite and path.exists():
        raise ExportError(f"{path} is there already, and overwrite=False")
    return path


def save_weights(
    model: Network,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Iterable[Layer] | None = None,
) -> None:
    """Write weights: ``.weights.h5``, ``.weights.json`` (in shards), ``.safetensors``.

    Keras's two kinds also hold the state of the optimizer, and can leave layers out.

    Units: `max_shard_size`: GiB, 5 for shards unless given.
    Raises: NotBuiltError before the model is built, UnsupportedError for another
        kind of file, ExportError if it cannot be written.
    Source: Keras 3 ``keras.Model.save_weights``.
    """
    model.require_built("weights to save")
    path = target(filepath, overwrite)
    name = path.name.lower()
    skip = _skipped(path, objects_to_skip)
    if name.endswith(".safetensors"):
        safetensors.write(path, model.weights)
    elif name.endswith(".weights.json"):
        size = 5.0 if max_shard_size is None else max_shard_size
        shards.write_shards(path, model, state_of(model).optimizer, size, skip)
    elif name.endswith(".weights.h5"):
        with staged(path) as scratch:
            weights.write(scratch, model, state_of(model).optimizer, skip)
    else:
        raise UnsupportedError(
            f"cannot save weights as {str(filepath)!r}: the name must end in "
            ".weights.h5, .weights.json (shards) or .safetensors"
        )


def load_weights(
    model: Network,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
    objects_to_skip: Iterable[Layer] | None = None,
) -> None:
    """Read weights from any file that has some; all of them are replaced, or none.

    Layers of file and model belong together by place and class in Keras 3's files, by
    order in the older ones; `by_name` (for the older ones): those of equal name alone.
    `skip_mismatch` leaves out, with a warning, what does not fit, and what is in
    `objects_to_skip` stays as it is.

    Raises: ShapeError for weights that do not fit, LoadError for a file that is
        missing, CorruptFileError or UnsafeFileError for a bad one, UnsupportedError
        for another kind of file.
    Source: Keras 3 ``keras.Model.load_weights``.
    """
    path = Path(filepath).expanduser()
    if not model.built:
        raise NotBuiltError(
            f"model {model.name!r} is not built yet and has no weights to load: call "
            "it on an array, call build(input_shape), or start it with an Input"
        )
    skip = _skipped(path, objects_to_skip)
    fitting = Fitting(path.name, skip_mismatch=skip_mismatch)
    if path.suffix.lower() == ".safetensors":
        _refuse_names(path, by_name)
        if not skip_mismatch:
            safetensors.read(path, model.weights)
            return
        tensors.fit(path, fitting, model)
    else:
        _read(path, fitting, model, by_name, skip)
    fitting.finish()


def _read(
    path: Path, fitting: Fitting, model: Network, by_name: bool, skip: list[Layer]
) -> None:
    """Read one of Keras's files; `fitting` keeps the weights."""
    in_shards = path.name.lower().endswith(".weights.json")
    kind = None if in_shards else kinds.kind_of(path)
    if kind == "hdf5":
        with open_hdf5(path) as reader:
            if legacy.is_legacy(reader):
                if skip:
                    raise _no_skipping(path)
                legacy.fit(reader, fitting, model, by_name=by_name)
                return
    _refuse_names(path, by_name)
    if kind is None and not in_shards:
        raise UnsupportedError(kinds.no_model_in(path))
    opened = {"hdf5": weights.open_weights, "archive": weights_of_archive}
    with opened[kind](path) if kind else shards.open_shards(path) as kept:
        weights.fit(kept, fitting, model, state_of(model).optimizer, skip)


@contextlib.contextmanager
def weights_of_archive(path: Path) -> Generator[weights.Shards]:
    """The weights in a ``.keras`` file, for the duration of a block."""
    with archive.open_archive(path) as found, weights_in(found, path) as kept:
        yield kept


def weights_in(found: archive.Archive, path: Path) -> Any:
    """The weights in an archive that is open, in a with statement."""
    where = f"{kinds.WEIGHTS} in {path.name}"
    return weights.open_weights(found.stream(kinds.WEIGHTS), where)


def _skipped(path: Path, objects: Iterable[Layer] | None) -> list[Layer]:
    skip = list(objects or ())
    if wrong := next((x for x in skip if not is_a(x, Layer)), None):
        raise ArgumentError(
            f"objects_to_skip takes layers, got {wrong!r} of type "
            f"{type(wrong).__name__}"
        )
    if skip and path.suffix.lower() == ".safetensors":
        raise _no_skipping(path)
    return skip


def _no_skipping(path: Path) -> ArgumentError:
    return ArgumentError(
        f"objects_to_skip is for .weights.h5, .weights.json and .keras files, whose "
        f"weights are kept layer by layer; those of {path.name} are in one order"
    )


def _refuse_names(path: Path, by_name: bool) -> None:
    if by_name:
        raise ArgumentError(
            "by_name=True is for the older .h5 files, where layers have names; in "
            f"{path.name} they are found by their place"
        )
