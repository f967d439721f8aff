"""HDF5 files that nobody vouches for, read one checked object at a time.

HDF5 can point: a link to another file, a dataset whose numbers lie in any file of the
host, a dataset stitched together from others, a filter that is a library to load. None
of that is in a model, so none of it is followed. What the file says of a dataset is
compared with what is expected before memory is taken for it.
"""

from __future__ import annotations

import contextlib
import math
import os
import zlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from seqir import dtypes
from seqir.errors import (
    CorruptFileError,
    DTypeError,
    MissingPackageError,
    SeqirError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.files import open_file
from seqir.formats import budget, jsontext
from seqir.formats.source import Sink, Source
from seqir.shapes import format_shape

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

MAX_OBJECTS: Final = 50_000
"""Most groups and datasets; a model of a thousand layers has eight thousand."""
MAX_DEPTH: Final = 64
"""Deepest path; a model inside a model takes two steps."""

_MAX_CHUNK: Final = 32 << 20
"""Bytes of the largest piece that is read at once, unless the dataset is larger."""
_MAX_TEXTS: Final = 2048
"""Most texts of free length in an attribute; Keras divides longer lists."""
_MAX_HEAP: Final = jsontext.MAX_BYTES + (1 << 20)
"""Bytes of the largest heap of texts; a configuration is one text."""
_LONG_TEXT: Final = 64 << 10
"""Bytes that HDF5 may fetch at once for one of them; it keeps short ones together."""
_DEFLATE: Final = 1
_FILTERS: Final = {_DEFLATE: "deflate", 2: "shuffle", 3: "fletcher32"}
_BFLOAT16: Final = "bfloat16"


class H5Reader:
    """The groups, datasets and attributes of a file; made by `open_hdf5`.

    A path is as in HDF5, ``layers/dense/vars/0``; the root is ``""``.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.where = where
        self._source = Source(file, _MAX_HEAP)
        self._memory = budget.Memory(file.seek(0, os.SEEK_END), where)
        self._files = ExitStack()
        self._file = self._open()
        self._children: dict[str, list[str]] = {"": []}
        with self._checked(""):
            self._walk()

    def __contains__(self, path: str) -> bool:
        return path in self._children

    def members(self, path: str = "") -> dict[str, Literal["group", "dataset"]]:
        """Names and kinds of what is in a group, in alphabetical order.

        Raises: CorruptFileError if there is no such group.
        """
        self._must_have(path)
        with self._checked(path):
            return {
                name: "group" if self._is_group(join(path, name)) else "dataset"
                for name in sorted(self._children[path])
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
        self._must_have(path)
        place = self._place(path)
        h5py = _h5py()
        with self._checked(path):
            attributes = self._file[path or "/"].attrs
            if name not in attributes:
                return None
            stored = attributes.get_id(name)
            words = f"the attribute {name!r} of {place}"
            if stored.shape is None:
                raise CorruptFileError(f"{words} has no value")
            kind, count = stored.get_type(), math.prod(stored.shape)
            texts = kind.get_class() == h5py.h5t.STRING
            if not texts and stored.dtype.kind not in "fiub":
                raise CorruptFileError(
                    f"{words} holds {stored.dtype}, which no attribute of a model does"
                )
            many = texts and kind.is_variable_str() and count > _MAX_TEXTS
            if many or count * kind.get_size() > jsontext.MAX_BYTES:
                raise UnsafeFileError(f"{words} is larger than any that Keras writes")
            if texts and stored.shape:
                return self._texts(path, name)
            return _plain(attributes[name])

    def _texts(self, path: str, name: str) -> list[str]:
        """An attribute that is a list of texts.

        All its items could be the same long text of the file. How long they are cannot
        be asked for, so the file is opened anew, with nothing of it in HDF5's cache,
        and no text is fetched that is longer than a name.
        """
        attributes = self._anew[path or "/"].attrs
        with self._source.at_most(_LONG_TEXT):
            return _plain(attributes[name])

    @cached_property
    def _anew(self) -> Any:
        return self._open()

    def _open(self) -> Any:
        with self._checked(""):
            file = self._files.enter_context(_h5py().File(self._source, "r"))
            sizes = file.id.get_create_plist().get_sizes()
            if sizes != (8, 8):
                raise CorruptFileError(f"{self.where} has addresses of {sizes} bytes")
            return file

    def close(self) -> None:
        """Close what has been opened; the file itself stays open."""
        self._files.close()

    def info(self, path: str) -> tuple[Shape, str]:
        """Shape and element type of a dataset; nothing of it is read.

        Raises: CorruptFileError if there is no such dataset, UnsafeFileError if its
            numbers are not in the file, UnsupportedError if they need a filter that
            seqir has not, DTypeError if they are no numbers.
        """
        with self._checked(path):
            dataset = self._dataset(path)
            return dataset.shape, self._dtype(dataset, path)

    def read(self, path: str, shape: Shape, dtype: str) -> Array:
        """The numbers of a dataset that has the expected shape and element type.

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
            self._check_size(dataset, path)
            self._memory.take(path, dataset.nbytes)
            array = np.asarray(dataset[()])
            if stored == _BFLOAT16:
                array = array.view(dtypes.to_numpy(_BFLOAT16))
            found = array.astype(dtypes.to_numpy(dtype), copy=False)
            if integers and not np.array_equal(found, array):
                raise DTypeError(f"{place} holds {stored}, too large for {dtype}")
            return found

    # What is checked.

    def _walk(self) -> None:
        """Find all objects, and refuse a structure that no model has."""
        h5py = _h5py()
        root = self._file.id
        seen = {h5py.h5o.get_info(root).addr}

        def visit(name: bytes, link: Any) -> SeqirError | None:
            path = name.decode("utf-8", "replace")
            place = self._place(path[:200])
            if link.type != h5py.h5l.TYPE_HARD:
                kind = "a link to another file"
                if link.type == h5py.h5l.TYPE_SOFT:
                    kind = "a symbolic link"
                return UnsafeFileError(f"{place} is {kind}, which is not followed")
            if link.u in seen:
                return UnsafeFileError(
                    f"{place} is a second link to an object, which no model has"
                )
            seen.add(link.u)
            if path.count("/") >= MAX_DEPTH:
                return UnsafeFileError(f"{place} is more than {MAX_DEPTH} groups deep")
            if len(seen) > MAX_OBJECTS:
                return UnsafeFileError(
                    f"{self.where} has more than {MAX_OBJECTS:,} objects, as no model"
                )
            parent, _, own = path.rpartition("/")
            self._children[path] = []
            self._children[parent].append(own)
            return None

        if error := root.links.visit(visit, info=True):
            raise error

    def _must_have(self, path: str) -> None:
        if path not in self:
            raise CorruptFileError(f"{self.where} has no {path!r}")

    def _is_group(self, path: str) -> bool:
        h5py = _h5py()
        kind = h5py.h5o.get_info(self._file.id, path.encode()).type
        return kind == h5py.h5o.TYPE_GROUP

    def _dataset(self, path: str) -> Any:
        """A dataset whose numbers are in the file and need no library to be loaded."""
        h5py = _h5py()
        self._must_have(path)
        place = self._place(path)
        dataset = self._file[path or "/"]
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            raise CorruptFileError(f"{place} is not an array")
        plan: Any = dataset.id.get_create_plist()
        if plan.get_external_count():
            raise UnsafeFileError(
                f"{place} has its numbers in another file (external storage), which is "
                "not opened"
            )
        if plan.get_layout() == h5py.h5d.VIRTUAL:
            raise UnsafeFileError(
                f"{place} is put together from other datasets (virtual), which are not "
                "opened"
            )
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if not set(filters) <= set(_FILTERS) or filters.count(_DEFLATE) > 1:
            raise UnsupportedError(
                f"{place} is packed with the HDF5 filters {filters}, of which seqir "
                f"reads {', '.join(_FILTERS.values())}: unpack it with `h5repack -f "
                "NONE`"
            )
        return dataset

    def _dtype(self, dataset: Any, path: str) -> str:
        """The name of the element type of a dataset."""
        stored = dataset.dtype
        marked = stored.kind == "V" and stored.itemsize == 2 and not stored.fields
        if marked and self.attribute(path, "dtype") in (None, _BFLOAT16):
            return _BFLOAT16
        name = stored.newbyteorder("=").name
        if stored.kind not in "fiub" or name not in dtypes.ALL:
            raise DTypeError(
                f"{self._place(path)} holds {name}, which is no element type of weights"
            )
        return name

    def _check_size(self, dataset: Any, path: str) -> None:
        """That the numbers are there, and take no more memory than they should."""
        place = self._place(path)
        stored = dataset.id.get_storage_size()
        whole = dataset.chunks is None
        if (stored != dataset.nbytes) if whole else (not stored and dataset.nbytes):
            raise CorruptFileError(
                f"{place} should have {dataset.nbytes:,} bytes and has {stored:,}"
            )
        if whole:
            return
        chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
        if chunk > max(_MAX_CHUNK, dataset.nbytes):
            raise UnsafeFileError(f"{place} has chunks of {chunk:,} bytes")
        if dataset.compression:
            self._check_chunks(dataset, chunk, place)

    def _check_chunks(self, dataset: Any, size: int, place: str) -> None:
        """UnsafeFileError if a chunk grows beyond its size when it is unpacked."""
        offsets: list[Any] = []

        def visit(chunk: Any) -> None:
            offsets.append(chunk.chunk_offset)

        dataset.id.chunk_iter(visit)
        for offset in offsets:
            skipped, packed = dataset.id.read_direct_chunk(offset)
            if skipped:
                continue
            try:
                unpacked = zlib.decompressobj().decompress(packed, size + 1)
            except zlib.error as error:
                raise CorruptFileError(f"{place} is damaged: {error}") from error
            if len(unpacked) > size:
                raise UnsafeFileError(f"{place} has chunks that unpack to too much")

    def _place(self, path: str) -> str:
        return f"{path!r} in {self.where}" if path else self.where

    @contextmanager
    def _checked(self, path: str) -> Generator[None]:
        """Every error of HDF5 as a sentence of ours."""
        with _damage(self._place(path)):
            yield


@contextmanager
def open_hdf5(
    source: str | os.PathLike[str] | BinaryIO, where: str = ""
) -> Generator[H5Reader]:
    """The HDF5 file at a path or in an open file, for the duration of a block.

    `where` names an open file in messages. The file is only ever read.

    Raises: LoadError if there is no such file, CorruptFileError if it is not HDF5 or
        damaged, UnsafeFileError if it has links out of itself or a structure that no
        model has, MissingPackageError without h5py.
    """
    if isinstance(source, str | os.PathLike):
        with open_file(source) as opened, open_hdf5(opened, Path(source).name) as found:
            yield found
        return
    with contextlib.closing(H5Reader(source, where)) as reader:
        yield reader


@contextmanager
def create_hdf5(path: str | os.PathLike[str]) -> Generator[Any]:
    """A new file of h5py at a path, to write to for the duration of a block.

    Raises: OSError if it cannot be written whole, MissingPackageError without h5py.
    """
    h5py = _h5py()
    with open(path, "w+b", buffering=0) as file:
        sink = Sink(file)
        try:
            with h5py.File(sink, "w") as created:
                yield created
        finally:
            sink.check()


def _h5py() -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "Keras's files need h5py, which is not installed; type "
            "`pip install 'seqir[keras]'`"
        ) from error
    return h5py


def join(*parts: str) -> str:
    """A path of these parts; empty ones are left out."""
    return "/".join(part for part in parts if part)


@contextmanager
def _damage(place: str) -> Generator[None]:
    try:
        yield
    except SeqirError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptFileError(f"{place} is damaged or not HDF5: {why}") from error


def _holds(wanted: str, stored: str) -> bool:
    """Whether each value of one type is a value of the other."""
    if wanted == stored:
        return True
    floats = dtypes.is_float(wanted) == dtypes.is_float(stored)
    numbers = "bool" not in (wanted, stored)
    lossless = np.can_cast(dtypes.to_numpy(stored), dtypes.to_numpy(wanted), "safe")
    return floats and numbers and lossless


def _plain(value: Any) -> Any:
    """Bytes and arrays of strings as text."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return [_plain(item) for item in value.reshape(-1).tolist()]
    return value
