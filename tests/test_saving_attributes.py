"""Texts and numbers beside the groups of HDF5 files, and those that are too much."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_saving_hdf5 import file_with

from seqir.errors import CorruptFileError, SeqirError, UnsafeFileError
from seqir.formats.hdf5 import open_hdf5


def attribute(value: object, **arguments: object) -> Callable[[h5py.File], None]:
    return lambda file: file.attrs.create("a", value, **arguments)


def the_same_text(file: h5py.File) -> None:
    """Two thousand names, of which some are the same ten million bytes."""
    path, long = Path(file.filename), 10_000_000
    file.attrs["model_config"] = "x" * long
    file.attrs["a"] = [f"{number:04}" for number in range(2000)]
    file.close()
    content = bytearray(path.read_bytes())
    heaps = [found.start() for found in re.finditer(b"GCOL", content)]
    heap = max(heaps, key=lambda at: struct.unpack_from("<Q", content, at + 8)[0])
    names = re.search(rb"\x04\0{3}(.{8}).{4}\x04\0{3}\1.{4}", content, re.DOTALL)
    assert names
    content[names.start() : names.end()] = struct.pack("<IQI", long, heap, 1) * 2
    path.write_bytes(content)
    with h5py.File(path) as again:
        assert [len(name) for name in again.attrs["a"][:3]] == [long, long, 4]


ATTRIBUTES: dict[str, tuple[Callable[[h5py.File], None], type[SeqirError], str]] = {
    "reference": (
        lambda f: f.attrs.create("a", f.ref),
        CorruptFileError,
        "the attribute 'a' of w.h5 holds object",
    ),
    "record": (
        attribute(np.zeros((), [("x", "i4")])),
        CorruptFileError,
        "the attribute 'a' of w.h5 holds",
    ),
    "lists of lists": (
        attribute(
            np.array([np.zeros(2), np.zeros(3)], object), dtype=h5py.vlen_dtype("f8")
        ),
        CorruptFileError,
        "the attribute 'a' of w.h5 holds object",
    ),
    "nothing": (
        attribute(h5py.Empty("f4")),
        CorruptFileError,
        "the attribute 'a' of w.h5 has no value",
    ),
    "a long text as a name": (
        attribute(["dense", "x" * 100_000]),
        CorruptFileError,
        r"w.h5 is damaged or not HDF5: a name of 100,000 bytes is not a name",
    ),
    "a long text that is known already": (
        the_same_text,
        CorruptFileError,
        r"w.h5 is damaged or not HDF5: a name of 10,000,000 bytes is not a name",
    ),
    "not UTF-8": (
        attribute(np.bytes_(b"\xff")),
        CorruptFileError,
        "w.h5 is damaged or not HDF5: 'utf-8' codec",
    ),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_that_are_not_read(tmp_path: Path, name: str) -> None:
    fill, error, words = ATTRIBUTES[name]
    with file_with(tmp_path, fill) as h5, pytest.raises(error, match=words):
        h5.attribute("", "a")


@pytest.mark.parametrize(
    "value", [np.zeros(5 << 20, np.float32), ["a"] * 5000], ids=["numbers", "texts"]
)
def test_attributes_that_are_too_large(tmp_path: Path, value: object) -> None:
    with h5py.File(tmp_path / "w.h5", "w", libver="latest") as file:
        file.attrs["a"] = value
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(UnsafeFileError, match=r"w.h5 .*attribute.* larger than any"),
    ):
        h5.attribute("", "a")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ((0, 0), "a heap of texts is damaged at byte"),  # HDF5 never returns
        ((0, 15), "a heap of texts is damaged at byte"),
        ((1, 1 << 40), "a heap of texts is damaged at byte"),
        ((1, (1 << 64) - 1), "a heap of texts is damaged at byte"),
    ],
)
def test_heaps_that_have_no_end(
    tmp_path: Path, entry: tuple[int, int], words: str
) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["a"] = "some text"
    content = bytearray((tmp_path / "w.h5").read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = struct.pack("<HHIQ", entry[0], 0, 0, entry[1])
    (tmp_path / "w.h5").write_bytes(content)
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(CorruptFileError, match=words),
    ):
        h5.attribute("", "a")


@pytest.mark.parametrize("size", [4097, 17 << 20, 1 << 60])
def test_heaps_that_are_too_large(tmp_path: Path, size: int) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["a"] = "some text"
    content = bytearray((tmp_path / "w.h5").read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 8 : heap + 16] = struct.pack("<Q", size)
    (tmp_path / "w.h5").write_bytes(content)
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(CorruptFileError, match=f"a heap of {size:,} bytes is larger"),
    ):
        h5.attribute("", "a")


def test_short_addresses(tmp_path: Path) -> None:
    """HDF5 can have addresses of four bytes, which no release of h5py writes."""
    plan = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    plan.set_sizes(4, 4)
    h5py.h5f.create(str(tmp_path / "w.h5").encode(), fcpl=plan).close()
    with (
        pytest.raises(CorruptFileError, match=r"addresses of \(4, 4\) bytes"),
        open_hdf5(tmp_path / "w.h5"),
    ):
        pass
