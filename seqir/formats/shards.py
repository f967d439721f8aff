"""Weights in several files, and a ``.weights.json`` that says what is where."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    SeqirError,
    UnsafeFileError,
)
from seqir.files import open_file, staged
from seqir.formats import jsontext, own
from seqir.formats.hdf5 import create_hdf5, open_hdf5
from seqir.formats.tree import Place, left, places
from seqir.formats.weights import Shards, group_of, write_array
from seqir.ir import Array
from seqir.layers import Layer
from seqir.narrow import is_dict, is_list
from seqir.optimizers import Optimizer

if TYPE_CHECKING:
    import h5py

GIB: Final = 2**30


def write_shards(
    path: str | os.PathLike[str],
    model: Layer,
    optimizer: Optimizer | None,
    max_shard_size: float,
    skip: Iterable[Layer] = (),
) -> None:
    """Write files of at most `max_shard_size` GiB, and a ``.json`` of what is where.

    Shards that are there already are not written over: the table names the old ones
    until it is replaced, which is the last step. Then they are removed.

    Units: `max_shard_size`: GiB.
    Raises: ArgumentError if one array is larger than a shard.
    """
    target = Path(path)
    stem = target.name.removesuffix(".json").removesuffix(".weights")
    before = _shards_named_in(target, stem)
    with contextlib.ExitStack() as undo:
        with staged(path) as scratch:
            with _Writer(scratch.parent, stem, max_shard_size * GIB) as writer:
                for place in left(places(model, optimizer), skip):
                    for name, array in own.arrays_of(place):
                        writer.add(place, name, array)
            names = _free_names(scratch.parent, target.parent, stem)
            undo.callback(_remove, target.parent, set(names.values()) - before)
            scratch.write_text(json.dumps(writer.table(names), indent=4))
        undo.pop_all()
    _remove(target.parent, before - set(names.values()))


class _Writer(contextlib.ExitStack):
    """Writes variables into one file after the other, each up to a limit.

    Units: `limit`: bytes.
    """

    def __init__(self, folder: Path, stem: str, limit: float) -> None:
        super().__init__()
        self._folder, self._stem, self._limit = folder, stem, limit
        self._where: dict[str, list[str]] = {}
        self._total = self._size = self._number = 0

    def __enter__(self) -> Self:
        super().__enter__()
        self._open()
        return self

    def _open(self) -> None:
        self._name = f"{self._stem}_{self._number:05}.weights.h5"
        created = create_hdf5(self._folder / self._name)
        self._file: h5py.File = self.enter_context(created)

    def add(self, place: Place, name: str, array: Array) -> None:
        """Write one array, into a new file if it would not fit."""
        size = array.nbytes
        if size > self._limit:
            raise ArgumentError(
                f"array {name} of {place.name!r} has {size / GIB:.3g} GiB, more than "
                f"max_shard_size={self._limit / GIB:.3g}"
            )
        if self._size and self._size + size > self._limit:
            self.close()
            self._number, self._size = self._number + 1, 0
            self._open()
        write_array(group_of(self._file, place), name, array)
        names = self._where.setdefault(f"/{place.group}", [])
        if self._name not in names:
            names.append(self._name)
        self._size += size
        self._total += size

    def table(self, names: dict[str, str]) -> dict[str, object]:
        """What is where, in files that have been given these names."""
        where = {group: [names[n] for n in own] for group, own in self._where.items()}
        return {"metadata": {"total_size": float(self._total)}, "weight_map": where}


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _free_names(scratch: Path, folder: Path, stem: str) -> dict[str, str]:
    """Give shards names that no other ones in a folder have: what they are called.

    Where the plain names are taken, a digest of the values is part of them.
    """
    shards = sorted(scratch.glob("*.weights.h5"))
    if not any((folder / shard.name).exists() for shard in shards):
        return {shard.name: shard.name for shard in shards}
    total = hashlib.sha256()
    for shard in shards:
        with shard.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    found: dict[str, str] = {}
    for shard in shards:
        number = shard.name.removeprefix(f"{stem}_")
        found[shard.name] = f"{stem}_{total.hexdigest()[:8]}_{number}"
        shard.rename(scratch / found[shard.name])
    return found


def _shards_named_in(table: Path, stem: str) -> set[str]:
    """The shards of the table that is there, if there is a good one."""
    try:
        found = _weight_map(table)
    except SeqirError:
        return set()
    names = {name for names in found.values() for name in names}
    return {name for name in names if name.startswith(f"{stem}_")}


@contextmanager
def open_shards(path: str | os.PathLike[str]) -> Generator[Shards]:
    """The weights in the files that a ``.weights.json`` names.

    Raises: UnsafeFileError for a name that is not that of a file beside it,
        CorruptFileError for another form.
    """
    weight_map = _weight_map(path)
    used = dict.fromkeys(name for names in weight_map.values() for name in names)
    with contextlib.ExitStack() as stack:
        folder = Path(path).parent
        readers = {n: stack.enter_context(open_hdf5(folder / n)) for n in used}
        yield Shards(readers, weight_map)


def _weight_map(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """For each group, the files that have it."""
    where = Path(path).name
    with open_file(path) as file:
        table = jsontext.parse(file.read(jsontext.MAX_BYTES + 1), where)
    found = table.get("weight_map") if is_dict(table) else None
    if not is_dict(found):
        raise CorruptFileError(f"{where} has no weight_map")
    return {group: _names(names, where) for group, names in found.items()}


def _names(found: object, where: str) -> list[str]:
    names = [found] if isinstance(found, str) else found
    if not is_list(names) or not all(isinstance(n, str) for n in names):
        raise CorruptFileError(f"{where} has a weight_map that names no files: {found}")
    for name in names:
        if name != Path(name).name or "\\" in name or not name.endswith(".h5"):
            raise UnsafeFileError(
                f"{where} says that weights are in {name!r}, which is not an .h5 file "
                "beside it"
            )
    return names
