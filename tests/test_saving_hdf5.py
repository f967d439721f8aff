"""HDF5 files come back as they were written, and what points elsewhere is not read."""

import io
import itertools
import os
import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqir import dtypes
from seqir.errors import (
    CorruptFileError,
    DTypeError,
    LoadError,
    MissingPackageError,
    SeqirError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.formats.hdf5 import H5Reader, create_hdf5, open_hdf5, reader

ONE_TO_SIX = np.arange(6, dtype=np.float32).reshape(2, 3)


@contextmanager
def file_with(
    tmp_path: Path, fill: Callable[[h5py.File], object]
) -> Generator[H5Reader]:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        fill(file)
    with open_hdf5(tmp_path / "w.h5") as h5:
        yield h5


# What is read.


def test_groups_and_datasets(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["layers/dense/vars/0"] = ONE_TO_SIX
        file["layers/dense/vars/1"] = np.float32(7)
        file.create_group("layers/dropout/vars")
        file["vars/0"] = np.zeros((0, 4), np.float32)

    with file_with(tmp_path, fill) as h5:
        assert h5.members() == {"layers": "group", "vars": "group"}
        assert h5.members("layers/dense/vars") == {"0": "dataset", "1": "dataset"}
        assert h5.members("layers/dropout/vars") == {}
        assert h5.datasets() == ["layers/dense/vars/0", "layers/dense/vars/1", "vars/0"]
        assert h5.datasets("layers/dropout") == []
        assert "layers/dense" in h5
        assert "layers/conv" not in h5
        assert h5.info("layers/dense/vars/0") == ((2, 3), "float32")
        found = h5.read("layers/dense/vars/0", (2, 3), "float32")
        np.testing.assert_array_equal(found, ONE_TO_SIX)
        assert h5.read("layers/dense/vars/1", (), "float32") == 7
        assert h5.read("vars/0", (0, 4), "float32").shape == (0, 4)


@pytest.mark.parametrize("dtype", dtypes.ALL)
def test_every_element_type_comes_back(tmp_path: Path, dtype: str) -> None:
    numbers = np.array([0, 1, 3]).astype(dtypes.to_numpy(dtype))

    def fill(file: h5py.File) -> None:
        file["little"] = numbers
        if dtype == "bfloat16":
            file["little"].attrs["dtype"] = "bfloat16"
        else:
            file["big"] = numbers.astype(numbers.dtype.newbyteorder(">"))

    with file_with(tmp_path, fill) as h5:
        for name in h5.members():
            assert h5.info(name) == ((3,), dtype)
            found = h5.read(name, (3,), dtype)
            assert found.dtype == numbers.dtype
            np.testing.assert_array_equal(found, numbers)


INTEGERS = [dtype for dtype in dtypes.ALL if dtypes.is_integer(dtype)]
LOSSLESS = {
    ("float16", "float32"),
    ("float16", "float64"),
    ("float32", "float64"),
    ("bfloat16", "float32"),
    ("bfloat16", "float64"),
    *itertools.product(INTEGERS, INTEGERS),  # as long as the values fit
}


@pytest.mark.parametrize("stored", dtypes.ALL)
def test_only_lossless_conversions(tmp_path: Path, stored: str) -> None:
    def fill(file: h5py.File) -> None:
        file["w"] = np.array([1], dtypes.to_numpy(stored))
        file["w"].attrs["dtype"] = stored

    with file_with(tmp_path, fill) as h5:
        for wanted in dtypes.ALL:
            if wanted == stored or (stored, wanted) in LOSSLESS:
                found = h5.read("w", (1,), wanted)
                assert (found.tolist(), found.dtype.name) == ([1], wanted)
            else:
                words = f"'w' in w.h5 holds {stored}, expected {wanted}"
                with pytest.raises(DTypeError, match=words):
                    h5.read("w", (1,), wanted)


@pytest.mark.parametrize("stored", INTEGERS)
def test_integers_that_fit(tmp_path: Path, stored: str) -> None:
    limits = np.iinfo(stored)
    ends = np.array([limits.min, limits.max], stored)
    with file_with(tmp_path, lambda file: file.create_dataset("w", data=ends)) as h5:
        for wanted in INTEGERS:
            room = np.iinfo(wanted)
            if room.min <= limits.min and limits.max <= room.max:
                found = h5.read("w", (2,), wanted)
                assert (found.tolist(), found.dtype.name) == (ends.tolist(), wanted)
            else:
                words = f"'w' in w.h5 holds {stored}, too large for {wanted}"
                with pytest.raises(DTypeError, match=words):
                    h5.read("w", (2,), wanted)


@pytest.mark.parametrize(
    "packing",
    [
        {"chunks": (1, 2)},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (1, 3)},
        {"maxshape": (None, None), "fletcher32": True},
    ],
    ids=str,
)
def test_packed_datasets_are_read(tmp_path: Path, packing: dict[str, object]) -> None:
    with file_with(
        tmp_path, lambda f: f.create_dataset("w", data=ONE_TO_SIX, **packing)
    ) as h5:
        np.testing.assert_array_equal(h5.read("w", (2, 3), "float32"), ONE_TO_SIX)


def test_attributes(tmp_path: Path) -> None:
    written = {
        "text": "größe",
        "bytes": np.bytes_(b"tensorflow"),
        "texts": ["dense", "dense_1"],
        "fixed": np.array([b"a", b"bcd"]),
        "none": np.array([], "S1"),
        "number": 3,
        "float": 0.5,
        "flag": True,
        "numbers": np.array([1, 2]),
    }
    expected = {
        "text": "größe",
        "bytes": "tensorflow",
        "texts": ["dense", "dense_1"],
        "fixed": ["a", "bcd"],
        "none": [],
        "number": 3,
        "float": 0.5,
        "flag": True,
        "numbers": [1, 2],
        "absent": None,
    }

    def fill(file: h5py.File) -> None:
        file["w"] = ONE_TO_SIX
        for place in (file, file["w"]):
            place.attrs.update(written)

    with file_with(tmp_path, fill) as h5:
        for path in ("", "w"):
            for name, value in expected.items():
                found = h5.attribute(path, name)
                found = found.tolist() if isinstance(found, np.ndarray) else found
                assert found == value, name


def test_an_open_file_is_read_where_it_is() -> None:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["w"] = ONE_TO_SIX
    with open_hdf5(content, "model.weights.h5 in m.keras") as h5:
        assert h5.where == "model.weights.h5 in m.keras"
        np.testing.assert_array_equal(h5.read("w", (2, 3), "float32"), ONE_TO_SIX)


# What is refused in the structure, when the file is opened.


def cycle(file: h5py.File) -> None:
    file.create_group("a/b")
    file["a/b/again"] = file["a"]


def to_root(file: h5py.File) -> None:
    file["again"] = file["/"]


def twice(file: h5py.File) -> None:
    file["a"] = ONE_TO_SIX
    file["b"] = file["a"]


def external_link(file: h5py.File) -> None:
    file["layers/dense"] = h5py.ExternalLink("/etc/hostname", "/w")


def soft_link(file: h5py.File) -> None:
    file["w"] = ONE_TO_SIX
    file["again"] = h5py.SoftLink("/w")


def nested(depth: int) -> Callable[[h5py.File], None]:
    def fill(file: h5py.File) -> None:
        group = file.id
        for _ in range(depth):
            group = h5py.h5g.create(group, b"g")

    return fill


STRUCTURES: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "external link": (
        external_link,
        "'layers/dense' in w.h5 is a link to another file, which is not followed",
    ),
    "soft link": (soft_link, "'again' in w.h5 is a symbolic link, which is not"),
    "cycle": (cycle, "'a/b/again' in w.h5 is a second link to an object"),
    "cycle to the root": (to_root, "'again' in w.h5 is a second link to an object"),
    "dataset twice": (twice, "'b' in w.h5 is a second link to an object"),
    "deep": (nested(65), "g' in w.h5 is more than 64 groups deep"),
    "very deep": (nested(10_000), "g' in w.h5 is more than 64 groups deep"),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_of_no_model(tmp_path: Path, name: str) -> None:
    fill, words = STRUCTURES[name]
    with (
        pytest.raises(UnsafeFileError, match=words),
        file_with(tmp_path, fill),
    ):
        pass


def test_many_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_OBJECTS", 100)

    def fill(file: h5py.File) -> None:
        for number in range(47):
            file.create_group(f"layers/dense_{number}/vars")

    with file_with(tmp_path, lambda file: [fill(file), file.create_group("a/b/c/d")]):
        pass
    with (
        pytest.raises(UnsafeFileError, match=r"w.h5 has more than 100 objects"),
        file_with(tmp_path, lambda file: [fill(file), file.create_group("a/b/c/d/e")]),
    ):
        pass


def test_a_deep_model_is_read(tmp_path: Path) -> None:
    with file_with(tmp_path, nested(64)) as h5:
        assert "/".join("g" * 64) in h5


# What is refused in a dataset, when it is asked for.


def external_storage(file: h5py.File) -> None:
    file.create_dataset("w", (6,), "u1", external=[("/etc/hostname", 0, 6)])


def virtual(source: str) -> Callable[[h5py.File], None]:
    def fill(file: h5py.File) -> None:
        file["source"] = ONE_TO_SIX
        layout = h5py.VirtualLayout((2, 3), "f4")
        layout[:] = h5py.VirtualSource(source, "source", (2, 3))
        file.create_virtual_dataset("w", layout)

    return fill


def dataset(**arguments: object) -> Callable[[h5py.File], object]:
    return lambda file: file.create_dataset("w", **arguments)


def unexplained(file: h5py.File) -> None:
    file["w"] = ONE_TO_SIX.astype(ml_dtypes.bfloat16).view("V2")
    file["w"].attrs["dtype"] = "float8"


DATASETS: dict[str, tuple[Callable[[h5py.File], object], type[SeqirError], str]] = {
    "external storage": (
        external_storage,
        UnsafeFileError,
        r"'w' in w.h5 has its values in another file \(external storage\)",
    ),
    "virtual": (
        virtual("/etc/hostname"),
        UnsafeFileError,
        r"'w' in w.h5 is put together from other datasets \(virtual\)",
    ),
    "virtual in itself": (virtual("."), UnsafeFileError, "put together from other"),
    "lzf": (
        dataset(data=ONE_TO_SIX, compression="lzf"),
        UnsupportedError,
        r"filters \[32000\], of which seqir reads deflate, shuffle, fletcher32: unpack",
    ),
    "scale and offset": (
        dataset(data=ONE_TO_SIX, scaleoffset=2),
        UnsupportedError,
        r"'w' in w.h5 is packed with the HDF5 filters \[6\]",
    ),
    "transposed": (
        dataset(data=ONE_TO_SIX.T),
        ShapeError,
        r"'w' in w.h5 has shape \(3, 2\), expected \(2, 3\)",
    ),
    "shape bomb": (
        dataset(shape=(1 << 40,), dtype="f4", compression="gzip", chunks=(1024,)),
        ShapeError,
        r"'w' in w.h5 has shape \(1099511627776,\), expected \(2, 3\)",
    ),
    "chunk bomb": (
        dataset(
            shape=(2, 3), dtype="f4", chunks=(1 << 14, 1 << 14), maxshape=(None,) * 2
        ),
        CorruptFileError,
        "'w' in w.h5 is damaged or not HDF5: it should have 24 bytes and has 0",
    ),
    "nothing written": (
        dataset(shape=(2, 3), dtype="f4"),
        CorruptFileError,
        "'w' in w.h5 is damaged or not HDF5: it should have 24 bytes and has 0",
    ),
    "no shape": (
        dataset(data=h5py.Empty("f4")),
        CorruptFileError,
        "'w' in w.h5 is not an array",
    ),
    "group": (lambda f: f.create_group("w"), CorruptFileError, "is not an array"),
    "absent": (lambda f: f.create_group("v"), CorruptFileError, "w.h5 has no 'w'"),
    "float64": (
        dataset(data=ONE_TO_SIX.astype("f8")),
        DTypeError,
        "'w' in w.h5 holds float64, expected float32",
    ),
    "int32": (dataset(data=ONE_TO_SIX.astype("i4")), DTypeError, "holds int32, exp"),
    "bool": (dataset(data=ONE_TO_SIX > 1), DTypeError, "holds bool, expected float32"),
    "complex": (
        dataset(data=ONE_TO_SIX.astype("c8")),
        DTypeError,
        "'w' in w.h5 holds complex64, which is not an element type of weights",
    ),
    "extended": (dataset(data=ONE_TO_SIX.astype("g")), DTypeError, "float128, which"),
    "strings": (dataset(data=np.full((2, 3), b"a")), DTypeError, "holds bytes8, which"),
    "texts": (
        dataset(shape=(2, 3), dtype=h5py.string_dtype()),
        DTypeError,
        "holds object, which",
    ),
    "references": (dataset(shape=(2, 3), dtype=h5py.ref_dtype), DTypeError, "object"),
    "records": (
        dataset(data=np.zeros((2, 3), [("a", "i1"), ("b", "i1")])),
        DTypeError,
        "holds void16, which",
    ),
    "bytes that nothing explains": (
        unexplained,
        DTypeError,
        "holds void16, which",
    ),
}


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_that_are_not_read(tmp_path: Path, name: str) -> None:
    fill, error, words = DATASETS[name]
    with (
        file_with(tmp_path, fill) as h5,
        pytest.raises(error, match=words),
    ):
        h5.read("w", (2, 3), "float32")


def one_chunk(tmp_path: Path, packed: bytes, **arguments: object) -> Path:
    """A dataset of one chunk whose bytes are given as they lie in the file."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        data = file.create_dataset("w", dtype="f4", compression="gzip", **arguments)
        data.id.write_direct_chunk((0, 0), packed)
    return tmp_path / "w.h5"


def test_a_chunk_that_swells(tmp_path: Path) -> None:
    import zlib

    path = one_chunk(tmp_path, zlib.compress(bytes(1 << 26)), shape=(2, 3))
    with (
        open_hdf5(path) as h5,
        pytest.raises(
            UnsafeFileError,
            match=r"'w' in w.h5 cannot .* chunks that unpack to",
        ),
    ):
        h5.read("w", (2, 3), "float32")


def test_a_chunk_that_is_no_deflate(tmp_path: Path) -> None:
    path = one_chunk(tmp_path, b"hello, world", shape=(2, 3))
    with (
        open_hdf5(path) as h5,
        pytest.raises(
            CorruptFileError,
            match=r"'w' in w.h5 is .* not what was packed",
        ),
    ):
        h5.read("w", (2, 3), "float32")


def test_a_chunk_larger_than_its_dataset(tmp_path: Path) -> None:
    import zlib

    arguments = {"chunks": (1 << 12, 1 << 12), "maxshape": (None, None)}
    path = one_chunk(tmp_path, zlib.compress(b"1"), shape=(2, 3), **arguments)
    with (
        open_hdf5(path) as h5,
        pytest.raises(UnsafeFileError, match="has chunks of 67,108,864 bytes"),
    ):
        h5.read("w", (2, 3), "float32")


def test_a_filter_that_is_a_library_is_not_loaded(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("w", data=ONE_TO_SIX, compression="gzip")
    content = (tmp_path / "w.h5").read_bytes()
    entry = b"\1\0\x08\0\1\0\1\0deflate\0"
    assert content.count(entry) == 1
    content = content.replace(entry, struct.pack("<H", 32015) + entry[2:])
    (tmp_path / "w.h5").write_bytes(content)
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(UnsupportedError, match=r"the HDF5 filters \[32015\], of which"),
    ):
        h5.read("w", (2, 3), "float32")


def test_a_checksum_that_does_not_fit(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("w", data=ONE_TO_SIX, fletcher32=True)
    content = (tmp_path / "w.h5").read_bytes()
    damaged = content.replace(ONE_TO_SIX.tobytes(), ONE_TO_SIX[::-1].tobytes())
    assert damaged != content
    (tmp_path / "w.h5").write_bytes(damaged)
    with (
        open_hdf5(tmp_path / "w.h5") as h5,
        pytest.raises(CorruptFileError, match=r"'w' in w.h5 is damaged or not HDF5"),
    ):
        h5.read("w", (2, 3), "float32")


# What is not an HDF5 file.


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n", bytes(4096)])
def test_not_hdf5(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.h5").write_bytes(content)
    with (
        pytest.raises(CorruptFileError, match=r"w.h5 is damaged or not HDF5"),
        open_hdf5(tmp_path / "w.h5"),
    ):
        pass


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.h5")
    with (
        pytest.raises(LoadError, match="it is a named pipe, not a file"),
        open_hdf5(tmp_path / "w.h5"),
    ):
        pass


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads needs nothing; what writes says what to install."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["w"] = ONE_TO_SIX
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with open_hdf5(tmp_path / "w.h5") as h5:
        np.testing.assert_array_equal(h5.read("w", (2, 3), "float32"), ONE_TO_SIX)
    with (
        pytest.raises(MissingPackageError, match=r"pip install 'seqir\[keras\]'"),
        create_hdf5(tmp_path / "v.h5"),
    ):
        pass


@given(st.data())
def test_cut_off_anywhere(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = io.BytesIO()
    with h5py.File(whole, "w") as file:
        for number in range(5):
            file[f"layers/dense_{number}/vars/0"] = ONE_TO_SIX
    at = data.draw(st.integers(0, len(whole.getvalue()) - 1))
    with pytest.raises(CorruptFileError):
        read_all(io.BytesIO(whole.getvalue()[:at]))


def read_all(file: io.BytesIO) -> None:
    with open_hdf5(file, "w.h5") as h5:
        for path in h5.datasets():
            h5.read(path, (2, 3), "float32")
