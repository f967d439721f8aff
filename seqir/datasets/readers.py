"""The kinds of files that datasets come in, read in memory and member by member."""

from __future__ import annotations

import gzip
import io
import json
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqir.datasets.pickled import read_pickled
from seqir.errors import CorruptFileError, SeqirError, UnsafeFileError
from seqir.ir import Array

LARGEST: Final = 1 << 30
"""Bytes of the largest thing that a file of a dataset may unpack to."""


def read_npz(path: Path, *names: str) -> list[Array]:
    """Arrays of an ``.npz`` file; those of lists of integers are lists of them.

    Raises: CorruptFileError if one is not there or damaged; UnsafeFileError if one
        holds anything but numbers or is too large.
    """
    with _noting(path), zipfile.ZipFile(path) as archive:
        return [_read_npy(archive, name, path) for name in names]


def read_idx(path: Path) -> Array:
    """The array of bytes in a gzipped ``idx`` file.

    Raises: CorruptFileError if it is something else; UnsafeFileError if it is too
        large.
    Source: the file format of MNIST.
    """
    with _noting(path), gzip.open(path) as file:
        zeros, kind, rank = struct.unpack(">HBB", file.read(4))
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        if (zeros, kind) != (0, 8):
            raise CorruptFileError(f"{path} is not an idx file of bytes")
        size = math.prod(shape)
        _check_size(size, path)
        content = file.read(size)
        if len(content) != size or file.read(1):
            raise CorruptFileError(f"{path} does not have the {size} bytes of {shape}")
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)


def read_tar(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """The contents of some files of a gzipped tar archive, in one pass over it.

    Raises: CorruptFileError if one is not there or damaged; UnsafeFileError if one is
        too large.
    """
    found: dict[str, bytes] = {}
    with _noting(path), tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.name in names and member.isreg():
                _check_size(member.size, path)
                file = archive.extractfile(member)
                assert file is not None  # it is a regular file
                found[member.name] = file.read()
                if len(found) == len(names):
                    return found
    missing = ", ".join(sorted(set(names) - set(found)))
    raise CorruptFileError(f"{path} has no {missing}")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises: CorruptFileError if it is none.
    """
    with _noting(path):
        return json.loads(path.read_bytes())


def _read_npy(archive: zipfile.ZipFile, name: str, path: Path) -> Array:
    member = f"{name}.npy"
    if member not in archive.namelist():
        raise CorruptFileError(f"{path} has no {name}")
    _check_size(archive.getinfo(member).file_size, path)
    file = io.BytesIO(archive.read(member))
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        return read_pickled(file.read(), f"{path}: {name}")
    if math.prod(shape) * dtype.itemsize != file.getbuffer().nbytes - file.tell():
        raise CorruptFileError(f"{path} does not have the numbers of {name} {shape}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _check_size(size: int, path: Path) -> None:
    if size > LARGEST:
        raise UnsafeFileError(
            f"{path} unpacks to {size} bytes, more than the {LARGEST} of any dataset"
        )


@contextmanager
def _noting(path: Path) -> Generator[None]:
    """Say of a damaged file which one it is."""
    damages = (
        ValueError, EOFError, OSError, RuntimeError, struct.error, tarfile.TarError,
        zipfile.BadZipFile, zlib.error,
    )  # fmt: skip
    try:
        yield
    except SeqirError:
        raise
    except damages as error:
        raise CorruptFileError(
            f"{path} is damaged ({error}): remove it and it is downloaded again"
        ) from error
