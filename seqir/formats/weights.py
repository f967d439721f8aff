"""Files of weights that Keras reads and writes: ``.weights.h5``, whole or in shards."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from seqir.dtypes import is_integer
from seqir.errors import (
    CorruptFileError,
)
from seqir.formats import own, paths
from seqir.formats.fitting import Fitting
from seqir.formats.hdf5 import H5Reader, create_hdf5, open_hdf5
from seqir.formats.tree import OPTIMIZER, VARIABLES, Place, left, places
from seqir.ir import Array
from seqir.layers import Layer
from seqir.ops.variable import Variable
from seqir.optimizers import Optimizer

if TYPE_CHECKING:
    import h5py

_STATE: Final = f"{OPTIMIZER}/{VARIABLES}"
_TRAINING: Final = (f"{OPTIMIZER}/", "metrics/")
"""What is not a weight: Keras 2 keeps what its metrics have counted, too."""


# Writing.


def write(
    path: str | os.PathLike[str],
    model: Layer,
    optimizer: Optimizer | None = None,
    skip: Iterable[Layer] = (),
) -> None:
    """Write weights and the optimizer's state; `path` is written in place."""
    with create_hdf5(path) as file:
        for place in left(places(model, optimizer), skip):
            group = group_of(file, place)
            for name, array in own.arrays_of(place):
                write_array(group, name, array)


def group_of(file: h5py.File, place: Place) -> Any:
    """The group of a place, which is made the first time."""
    group = file.require_group(place.group)
    group.attrs["name"] = place.name
    return group


def write_array(group: Any, name: str, array: Array) -> None:
    """Write one array of a place."""
    if array.dtype.name == "bfloat16":  # HDF5 has no such type
        group[name] = array.view("V2")
        group[name].attrs["dtype"] = "bfloat16"
    else:
        group[name] = array


# Reading.


class Shards:
    """The groups of one file or of several, as one."""

    def __init__(self, readers: Mapping[str, H5Reader], where: Any = None) -> None:
        self._readers = readers
        self._where = where
        self._stored: dict[str, str] = {}
        for reader in readers.values():
            if paths.is_older(reader.members()):
                self._stored |= paths.present(reader.groups())

    @property
    def older(self) -> bool:
        """Whether the groups have paths of an older release."""
        return bool(self._stored)

    def groups(self) -> Iterator[str]:
        """Paths of all groups that may hold variables."""
        if self._where is not None:
            yield from (group.lstrip("/") for group in self._where)
            return
        if self.older:
            yield from (g for g in self._stored if g.endswith(VARIABLES))
            return
        for reader in self._readers.values():
            groups = (path.rpartition("/")[0] for path in reader.datasets())
            yield from dict.fromkeys(groups)

    def count(self, group: str) -> int:
        """How many variables a group has; 0 if it is not there."""
        path = self._path(group)
        return sum(len(r.members(path)) for r in self._of(group) if path in r)

    def is_state(self, group: str) -> bool:
        """Whether a group is the state of an optimizer: first it counts its steps."""
        path = f"{self._path(group)}/0"
        found = [r.info(path) for r in self._of(group) if path in r]
        return any(not shape and is_integer(dtype) for shape, dtype in found)

    def arrays(self, group: str) -> dict[str, Array]:
        """All arrays of a group by their names, whatever they are."""
        path = self._path(group)
        found: dict[str, Array] = {}
        for reader in self._of(group):
            for name in reader.members(path) if path in reader else ():
                inner = f"{path}/{name}"
                found[name] = reader.read(inner, *reader.info(inner))
        return found

    def read(self, group: str, index: int, variable: Variable) -> Any:
        """The array of a variable."""
        path = f"{self._path(group)}/{index}"
        for reader in self._of(group):
            if path in reader:
                dtype = variable.type.dtype
                return reader.read(path, variable.array.shape, dtype)
        raise CorruptFileError(f"there is no {path!r}, though there are others beside")

    def _path(self, group: str) -> str:
        for path in (group, paths.underscored(group)):
            found = self._stored.get(path, path)
            if any(found in reader for reader in self._of(path)):
                return found
        return group

    def _of(self, group: str) -> list[H5Reader]:
        if self._where is None:
            return list(self._readers.values())
        return [self._readers[name] for name in self._where.get(f"/{group}", ())]


@contextmanager
def open_weights(
    source: str | os.PathLike[str] | BinaryIO, where: str = ""
) -> Generator[Shards]:
    """The weights in a ``.weights.h5`` file; `where` names one that is open."""
    with open_hdf5(source, where) as reader:
        yield Shards({"": reader})


def fit(
    shards: Shards,
    fitting: Fitting,
    model: Layer,
    optimizer: Optimizer | None = None,
    skip: Iterable[Layer] = (),
) -> None:
    """Read all weights; `fitting` keeps them until they are known to fit."""
    wanted = _places_in(shards, model)
    for place in left(wanted, skip):
        found = shards.count(place.group)
        load = own.loader(place)
        if load is not None and found:
            fitting.take_own(place.variables, shards.arrays(place.group), load)
        elif isinstance(place.thing, Optimizer):
            if found:
                fitting.take_state(
                    place.thing,
                    [],
                    found,
                    lambda i, v, group=place.group: shards.read(group, i, v),
                )
        elif place.variables and not found:
            fitting.refuse(f"{place.name!r} is not there, it would be {place.group!r}")
        elif place.variables or found:
            fitting.take(
                f"layer {place.name!r} ({place.path or 'the model itself'})",
                place.variables,
                found,
                lambda i, v, group=place.group: shards.read(group, i, v),
            )
    known = {place.group for place in wanted}
    known |= {paths.underscored(group) for group in known}
    for group in shards.groups():
        if group in known or group.startswith(_TRAINING) or not shards.count(group):
            continue
        if not shards.is_state(group):
            fitting.refuse(f"the file has {group!r}, which the model has not")
    # Slots of weights that are not there would be memory that no file accounts for.
    if optimizer is not None and fitting.fits and (found := shards.count(_STATE)):
        fitting.take_state(
            optimizer,
            model.trainable_weights,
            found,
            lambda i, v: shards.read(_STATE, i, v),
        )


def _places_in(shards: Shards, model: Layer) -> list[Place]:
    """The places of a model, counted as in a file.

    Keras 2 does not count what it has met before: a layer that is in a model and in a
    model inside of that.
    """
    once = places(model, recount=False)
    found = all(shards.count(place.group) for place in once if place.variables)
    return once if shards.older or found else places(model)


def has_state(shards: Shards) -> bool:
    """Whether there is the state of an optimizer."""
    return shards.count(_STATE) > 0
