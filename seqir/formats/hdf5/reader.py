"""Untrusted HDF5 files, read one checked object at a time.

The bytes are read here, by a reader that knows what h5py writes, and not by HDF5's C
library: a damaged file would crash it, or keep it in a loop for ever.

HDF5 can point: a link to another file, a dataset whose values lie in any file of the
host, a dataset stitched together from others, a filter that is a library to load. None
of that is in a model, so none of it is followed. What the file says of a dataset is
compared with what is expected before memory is taken for it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from seqir import dtypes
from seqir.errors import (
    CorruptFileError,
    DTypeError,
    SeqirError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.files import open_file
from seqir.formats import budget
from seqir.formats.hdf5 import attribute, datatype, group, header, storage
from seqir.formats.hdf5.attribute import Attribute
from seqir.formats.hdf5.block import Bytes
from seqir.formats.hdf5.datatype import Datatype
from seqir.formats.hdf5.group import LinkKind
from seqir.formats.hdf5.header import Message
from seqir.narrow import is_path
from seqir.shapes import format_shape

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

MAX_OBJECTS: Final = 50_000
"""Most groups and datasets; a model of a thousand layers has eight thousand."""
MAX_DEPTH: Final = 64
"""Deepest path; a model inside a model takes two steps."""

_BFLOAT16: Final = "bfloat16"
_NOT_FOLLOWED: Final[dict[LinkKind, str]] = {
    "soft": "a symbolic link",
    "external": "a link to another file",
}


@dataclass(frozen=True)
class _Object:
    """A group or dataset: its messages, and the names of its members."""

    messages: list[Message]
    is_group: bool
    members: list[str]

    def message(self, kind: int) -> Message | None:
        """The message of a kind, if there is one."""
        return next((m for m in self.messages if m.kind == kind), None)


@dataclass(frozen=True)
class _Dataset:
    """What the messages of a dataset say."""

    shape: Shape
    type: Datatype
    layout: storage.Layout
    packing: list[int]


class H5Reader:
    """The groups, datasets and attributes of a file; made by `open_hdf5`.

    A path is as in HDF5, ``layers/dense/vars/0``; the root is ``""``.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.where = where
        self._objects: dict[str, _Object] = {}
        with self._checked(""):
            self._file = Bytes(file)
            self._memory = budget.Memory(self._file.size, where)
            self._texts = attribute.Texts(self._file)
            self._walk(header.root_of(self._file))

    def __contains__(self, path: str) -> bool:
        return path in self._objects

    def members(self, path: str = "") -> dict[str, Literal["group", "dataset"]]:
        """Names and kinds of what is in a group, in alphabetical order.

        Raises: CorruptFileError if there is no such group.
        """
        inside = ((n, self._objects[join(path, n)]) for n in self._object(path).members)
        return {
            name: "group" if found.is_group else "dataset"
            for name, found in sorted(inside, key=lambda pair: pair[0])
        }

    def datasets(self, path: str = "") -> list[str]:
        """Paths of all datasets below a group."""
        found: list[str] = []
        for name, kind in self.members(path).items():
            inner = join(path, name)
            found += self.datasets(inner) if kind == "group" else [inner]
        return found

    def groups(self, path: str = "") -> list[str]:
        """Paths of all groups below a group."""
        found: list[str] = []
        for name, kind in self.members(path).items():
            if kind == "group":
                inner = join(path, name)
                found += [inner, *self.groups(inner)]
        return found

    def attribute(self, path: str, name: str) -> Any:
        """An attribute as text, a list of texts, a number or an array; None if absent.

        Raises: CorruptFileError if it is too large or nothing of these.
        """
        place = self._place(path)
        with self._checked(path):
            found = self._attribute(path, name)
            words = f"the attribute {name!r} of {place}"
            return None if found is None else self._texts.value(found, words)

    def _attribute(self, path: str, name: str) -> Attribute | None:
        all_of_them = attribute.attributes_of(self._file, self._object(path).messages)
        return next((found for found in all_of_them if found.name == name), None)

    def info(self, path: str) -> tuple[Shape, str]:
        """Shape and element type of a dataset; nothing of it is read.

        Raises: CorruptFileError if there is no such dataset, UnsafeFileError if its
            values are not in the file, UnsupportedError if they need a filter that
            seqir has not, DTypeError if they are not numbers.
        """
        with self._checked(path):
            dataset = self._dataset(path)
            return dataset.shape, self._dtype(dataset, path)

    def read(self, path: str, shape: Shape, dtype: str) -> Array:
        """The values of a dataset that has the expected shape and element type.

        A type that holds every value of the stored one will do as well, float32 for
        float16, and any integers that hold these values: Keras 2 counts in int64.

        Raises: ShapeError or DTypeError for another shape or type, and what `info`
            raises.
        """
        place = self._place(path)
        with self._checked(path):
            dataset = self._dataset(path)
            if dataset.shape != tuple(shape):
                raise ShapeError(
                    f"{place} has shape {format_shape(dataset.shape)}, expected "
                    f"{format_shape(shape)}"
                )
            stored = self._dtype(dataset, path)
            integers = dtypes.is_integer(stored) and dtypes.is_integer(dtype)
            if not integers and not _holds(dtype, stored):
                raise DTypeError(f"{place} holds {stored}, expected {dtype}")
            array = self._numbers(dataset, path)
            if stored == _BFLOAT16:
                array = array.view(dtypes.to_numpy(_BFLOAT16))
            found = array.astype(dtypes.to_numpy(dtype), copy=False)
            if integers and not np.array_equal(found, array):
                raise DTypeError(f"{place} holds {stored}, too large for {dtype}")
            return found

    def _numbers(self, dataset: _Dataset, path: str) -> Array:
        assert dataset.type.dtype is not None
        reader = storage.Reader(
            self._file,
            dataset.layout,
            dataset.packing,
            dataset.shape,
            dataset.type.dtype,
        )
        reader.check()
        self._memory.take(path, reader.nbytes)
        return reader.read()

    # What is checked.

    def _walk(self, root: int) -> None:
        """Find all objects, and refuse a structure that no model has."""
        seen = {root}
        todo = [("", root)]
        while todo:
            path, address = todo.pop()
            with self._checked(path):
                messages = header.messages_of(self._file, address)
            found = _Object(messages, group.is_group(messages), [])
            self._objects[path] = found
            if not found.is_group:
                continue
            with self._checked(path):
                for link in group.links_of(self._file, messages):
                    inner = join(path, link.name)
                    self._check_link(inner, link, seen)
                    found.members.append(link.name)
                    seen.add(link.address)
                    todo.append((inner, link.address))

    def _check_link(self, path: str, link: group.Link, seen: set[int]) -> None:
        place = self._place(path[:200])
        if link.kind != "hard":
            raise UnsafeFileError(
                f"{place} is {_NOT_FOLLOWED[link.kind]}, which is not followed"
            )
        if link.address in seen:
            raise UnsafeFileError(
                f"{place} is a second link to an object, which no model has"
            )
        if path.count("/") >= MAX_DEPTH:
            raise UnsafeFileError(f"{place} is more than {MAX_DEPTH} groups deep")
        if len(seen) >= MAX_OBJECTS:
            raise UnsafeFileError(
                f"{self.where} has more than {MAX_OBJECTS:,} objects, as no model"
            )

    def _object(self, path: str) -> _Object:
        if path not in self:
            raise CorruptFileError(f"{self.where} has no {path!r}")
        return self._objects[path]

    def _dataset(self, path: str) -> _Dataset:
        """A dataset whose values are in the file and need no library to be loaded."""
        place, found = self._place(path), self._object(path)
        space, kind, layout, packing = (
            found.message(k)
            for k in (header.SPACE, header.DATATYPE, header.LAYOUT, header.FILTERS)
        )
        if found.is_group or space is None or kind is None or layout is None:
            raise CorruptFileError(f"{place} is not an array")
        shape = datatype.space(space.block()).shape
        if shape is None:
            raise CorruptFileError(f"{place} is not an array")
        if found.message(header.EXTERNAL) is not None:
            raise UnsafeFileError(
                f"{place} has its values in another file (external storage), which is "
                "not opened"
            )
        stored = storage.layout(layout.block())
        if stored.kind == "virtual":
            raise UnsafeFileError(
                f"{place} is put together from other datasets (virtual), which are not "
                "opened"
            )
        filters = storage.filters(packing.block()) if packing is not None else []
        known = set(filters) <= set(storage.FILTERS)
        if not known or filters.count(storage.DEFLATE) > 1:
            readable = ", ".join(storage.FILTERS.values())
            raise UnsupportedError(
                f"{place} is packed with the HDF5 filters {filters}, of which seqir "
                f"reads {readable}: unpack it with `h5repack -f NONE`"
            )
        return _Dataset(shape, datatype.datatype(kind.block()), stored, filters)

    def _dtype(self, dataset: _Dataset, path: str) -> str:
        """The name of the element type of a dataset."""
        stored = dataset.type.dtype
        if stored == np.dtype("V2") and self._marked(path) in (None, _BFLOAT16):
            return _BFLOAT16
        if dataset.type.kind != "number" or dataset.type.name not in dtypes.ALL:
            raise DTypeError(
                f"{self._place(path)} holds {dataset.type.name}, which is not an "
                "element type of weights"
            )
        return dataset.type.name

    def _marked(self, path: str) -> object:
        return self.attribute(path, "dtype")

    def _place(self, path: str) -> str:
        return f"{path!r} in {self.where}" if path else self.where

    @contextmanager
    def _checked(self, path: str) -> Generator[None]:
        """Every kind of damage as a sentence."""
        try:
            yield
        except (UnsafeFileError, UnsupportedError) as error:
            if self.where in str(error):
                raise
            words = f"{self._place(path)} cannot be read: {error}"
            raise type(error)(words) from error
        except SeqirError:
            raise
        except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CorruptFileError(
                f"{self._place(path)} is damaged or not HDF5: {why}"
            ) from error


@contextmanager
def open_hdf5(
    source: str | os.PathLike[str] | BinaryIO, where: str = ""
) -> Generator[H5Reader]:
    """The HDF5 file at a path or in an open file, for the duration of a block.

    `where` names an open file in messages. The file is only ever read.

    Raises: LoadError if there is no such file, CorruptFileError if it is not HDF5 or
        damaged, UnsafeFileError if it has links out of itself or a structure that no
        model has, UnsupportedError for what h5py does not write unless it is asked.
    """
    if is_path(source):
        with open_file(source) as opened:
            yield H5Reader(opened, Path(source).name)
        return
    yield H5Reader(source, where)


def join(*parts: str) -> str:
    """A path of these parts; empty ones are left out."""
    return "/".join(part for part in parts if part)


def _holds(wanted: str, stored: str) -> bool:
    """Whether each value of one type is a value of the other."""
    if wanted == stored:
        return True
    floats = dtypes.is_float(wanted) == dtypes.is_float(stored)
    numbers = "bool" not in (wanted, stored)
    lossless = np.can_cast(dtypes.to_numpy(stored), dtypes.to_numpy(wanted), "safe")
    return floats and numbers and lossless
