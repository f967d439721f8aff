"""Every form of HDF5 that h5py writes is read as h5py reads it, or refused in words."""

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from seqir.errors import CorruptFileError, SeqirError, UnsupportedError
from seqir.formats.hdf5 import H5Reader, open_hdf5
from seqir.formats.hdf5.block import Block, DamageError, lookup3
from seqir.formats.hdf5.storage import fletcher32

FORMS: dict[str, dict[str, Any]] = {
    "default": {},
    "in order of creation": {"track_order": True},
    "1.8": {"libver": ("earliest", "v108")},
    "1.10": {"libver": ("v110", "v110")},
    "latest": {"libver": "latest"},
    "behind 512 bytes of something else": {"userblock_size": 512},
    "behind more": {"userblock_size": 4096, "libver": "latest"},
}
CHUNKED = {"chunks": (3, 4), "compression": "gzip", "shuffle": True}


def write(file: h5py.File, groups: int, rng: np.random.Generator) -> None:
    """Groups with many members, many attributes, and numbers of several kinds."""
    for i in range(groups):
        group = file.create_group(f"layers/a_name_that_is_long_{i:04}/vars")
        group["0"] = rng.normal(size=(3, i % 4)).astype("f4")
        if i % 50 == 0:
            group["1"] = rng.integers(0, 9, 5)
            group.create_dataset("2", data=rng.normal(size=(2, 2)).astype(">f8"))
            group["3"] = np.array([True, False])
    names = [f"{i}" * (i % 7 + 1) for i in range(40)]
    for i, name in enumerate(names):
        file.attrs[f"attribute {i}"] = name
    file.attrs["names"] = names
    file.attrs["fixed"] = np.array([b"abc", b"de"])
    file.attrs["number"] = np.float32(0.5)
    file.attrs["numbers"] = np.arange(6).reshape(2, 3)
    file.attrs["none"] = np.zeros(0, "f4")
    file.attrs["text"] = "größe" * 9999
    file.attrs["yes"] = True


def compared(h5: H5Reader, file: h5py.File) -> int:
    """Compare all that is there; how many datasets that was."""
    found: list[str] = []
    file.visititems(
        lambda name, o: found.append(name) if isinstance(o, h5py.Dataset) else None
    )
    assert sorted(h5.datasets()) == sorted(found)
    for name in found:
        stored = file[name]
        shape, dtype = h5.info(name)
        assert (shape, dtype) == (stored.shape, stored.dtype.newbyteorder("=").name)
        np.testing.assert_array_equal(h5.read(name, shape, dtype), stored[()])
    for name, value in file.attrs.items():
        own = h5.attribute("", name)
        if isinstance(value, np.ndarray) and value.dtype.kind in "OS":
            value = [v.decode() if isinstance(v, bytes) else v for v in value]
        np.testing.assert_array_equal(own, value)
        assert type(own) is type(value)
    return len(found)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("groups", [3, 300])
def test_forms(tmp_path: Path, name: str, groups: int) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w", **FORMS[name]) as file:
        write(file, groups, np.random.default_rng(0))
    with open_hdf5(path) as h5, h5py.File(path) as file:
        assert compared(h5, file) > groups


@pytest.mark.slow
def test_many_members(tmp_path: Path) -> None:
    """Trees of several levels: of names, and of blocks of a heap."""
    for name, count in (("default", 3_000), ("latest", 12_000)):
        path = tmp_path / "w.h5"
        with h5py.File(path, "w", **FORMS[name]) as file:
            for i in range(count):
                file.create_group(f"{'long' * (i % 9)}{i}")
        with open_hdf5(path) as h5:
            assert len(h5.members()) == count


@pytest.mark.parametrize("shape", [(7, 9), (3, 4), (1, 1), (6, 8), (40, 50)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"fletcher32": True},
        {"shuffle": True},
        {"maxshape": (None, None)},
    ],
    ids=str,
)
def test_chunks(tmp_path: Path, shape: tuple[int, ...], options: Any) -> None:
    numbers = np.random.default_rng(0).normal(size=shape).astype("f4")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        chunks = tuple(min(n, size) for n, size in zip((3, 4), shape, strict=True))
        file.create_dataset("w", data=numbers, chunks=chunks, **options)
    with open_hdf5(tmp_path / "w.h5") as h5:
        np.testing.assert_array_equal(h5.read("w", shape, "float32"), numbers)


def test_a_chunk_that_no_filter_has_packed(tmp_path: Path) -> None:
    """HDF5 keeps a chunk as it is if a filter had made it larger."""
    numbers = np.arange(12, dtype="f4").reshape(3, 4)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        stored = file.create_dataset("w", (3, 4), "f4", **CHUNKED)
        stored.id.write_direct_chunk((0, 0), numbers.tobytes(), filter_mask=3)
    with open_hdf5(tmp_path / "w.h5") as h5:
        np.testing.assert_array_equal(h5.read("w", (3, 4), "float32"), numbers)


def test_chunks_that_only_the_newest_releases_list(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w", libver="latest") as file:
        file.create_dataset("w", data=np.ones((40, 50)), **CHUNKED)
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(UnsupportedError, match=r"'w' in w.h5 .* rewrite it with `h5rep"),
    ):
        h5.read("w", (40, 50), "float64")


def test_a_committed_type(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["type"] = np.dtype("f4")
        file.create_dataset("w", (3,), dtype=file["type"])
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(UnsupportedError, match=r"'w' in w.h5 .*a committed datatype"),
    ):
        h5.read("w", (3,), "float32")


# Checksums.


def test_checksums() -> None:
    """Known values; those of Fletcher's sum are computed word by word."""
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551
    rng = np.random.default_rng(0)
    for size in (0, 1, 2, 7, 100, 1001):
        data = rng.bytes(size)
        first = second = 0
        padded = data + bytes(size % 2)
        for high, low in zip(padded[::2], padded[1::2], strict=True):
            first = (first + (high << 8 | low)) % 65535
            second = (second + first) % 65535
        assert fletcher32(data) == second << 16 | first


def test_damage_that_a_checksum_shows(tmp_path: Path) -> None:
    """Each byte of the numbers in turn, where HDF5 keeps a sum of them."""
    numbers = np.random.default_rng(0).normal(size=(5, 6)).astype("f4")
    for options in ({"fletcher32": True}, {"compression": "gzip"}):
        path = tmp_path / "w.h5"
        with h5py.File(path, "w") as file:
            stored = file.create_dataset("w", data=numbers, chunks=(5, 6), **options)
            place = stored.id.get_chunk_info(0)
        content = path.read_bytes()
        for at in range(place.byte_offset, place.byte_offset + place.size, 3):
            damaged = bytearray(content)
            damaged[at] ^= 64
            try:
                with open_hdf5(io.BytesIO(damaged), "w.h5") as h5:
                    found = h5.read("w", (5, 6), "float32")
            except SeqirError:
                continue
            np.testing.assert_array_equal(found, numbers)


def test_damage_of_the_newer_structures(tmp_path: Path) -> None:
    """They have checksums, so that no damaged one is believed."""
    path = tmp_path / "w.h5"
    with h5py.File(path, "w", libver="latest") as file:
        for i in range(20):
            file.create_group(f"g{i}")
            file.attrs[f"a{i}"] = i
        file["w"] = np.arange(3.0)
    content = path.read_bytes()
    rng, refused = np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        try:
            with open_hdf5(io.BytesIO(damaged), "w.h5") as h5:
                assert len(h5.members()) == 21
                assert [h5.attribute("", f"a{i}") for i in range(20)] == [*range(20)]
        except SeqirError:
            refused += 1
    assert refused > 30


# Structures that have no end, or are none.


def crafted(tmp_path: Path, old: bytes, new: bytes, count: int = 1) -> Path:
    """A good file with one structure replaced."""
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 3), "f4")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"TREE", b"TREX", "there is b'TREX"),
        (b"HEAP", b"PEAH", "there is b'PEAH"),
        (b"SNOD", b"DONS", "there is b'DONS"),
        (b"TREE\0\0", b"TREE\0\1", "there is b'SNOD"),
        (b"TREE\0\0\1\0", b"TREE\0\0\xff\xff", "bytes at"),
        (b"HEAP\0\0\0\0\x58\0", b"HEAP\0\0\0\0\xff\xff", "bytes at"),
        (b"\x89HDF\r\n\x1a\n\0", b"\x89HDF\r\n\x1a\n\x09", "version 9 of HDF5's super"),
    ],
)
def test_structures_that_are_none(
    tmp_path: Path, old: bytes, new: bytes, words: str
) -> None:
    path = crafted(tmp_path, old, new)
    with pytest.raises(CorruptFileError, match=words), open_hdf5(path) as h5:
        h5.datasets()


def test_every_byte_of_the_structure(tmp_path: Path) -> None:
    """Read as it was, or refused; whatever the byte is."""
    path = crafted(tmp_path, b"TREE", b"TREE")
    content = path.read_bytes()
    refused = 0
    for at in range(0, len(content) - 24, 3):
        damaged = bytearray(content)
        damaged[at] ^= 255
        try:
            with open_hdf5(io.BytesIO(damaged), "w.h5") as h5:
                for name in h5.datasets():
                    h5.read(name, (2, 3), "float32")
        except SeqirError:
            refused += 1
    assert refused > 60


def test_fields_of_a_block() -> None:
    block = Block(b"\1\2\0\3abc")
    assert block.numbers(1, 2, 1) == (1, 2, 3)
    assert block.left == 3
    block.expect(b"ab")
    with pytest.raises(DamageError, match="a part of it ends too early"):
        block.take(2)
