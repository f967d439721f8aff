"""Files of arrays for the command line that hold pickles, or promise too much."""

import io
import random
import re
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusal import refused

from seqir.cli import arrays
from seqir.errors import ArgumentError

WANTED = [arrays.Wanted("x", "float32", (None, 3))]


def npy(array: object) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(array), allow_pickle=True)
    return out.getvalue()


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (open, ("made by the file", "w"))


def promising(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(12)


GOOD = npy(np.ones((1, 3), np.float32))
BAD: dict[str, tuple[bytes, str]] = {
    "pickle": (npy(np.array([Evil()], object)), "Object arrays cannot be loaded when"),
    "only a pickle": (b"\x80\4cos\nsystem\n.", "magic string is not correct"),
    "too large": (promising("(1099511627776, 3)"), "does not have the numbers of an"),
    "negative": (promising("(-1, 3)"), "cannot read"),
    "no shape": (promising("'x'"), "shape is not valid"),
    "code for a header": (promising("__import__('os')"), "cannot read"),
    "cut off": (GOOD[:-1], "cannot read"),
    "empty": (b"", "cannot read"),
}


def npz(path: Path, *members: tuple[str, bytes]) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # of equal names
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.fixture(autouse=True)
def imported(tmp_path: Path) -> None:
    """What is imported when a good file is read, is then."""
    folder = tmp_path / "good"
    folder.mkdir()
    arrays.read([str(npz(folder / "a.npz", ("x.npy", GOOD)))], WANTED)


@pytest.mark.parametrize("name", BAD)
def test_bad_arrays(tmp_path: Path, name: str) -> None:
    content, words = BAD[name]
    alone = tmp_path / "a.npy"
    alone.write_bytes(content)
    for path in (alone, npz(tmp_path / "a.npz", ("x.npy", content))):
        read = lambda path=path: arrays.read([str(path)], WANTED)  # noqa: E731
        refused(read, ArgumentError, words, "cannot read", folder=tmp_path)


def test_an_array_twice(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", ("x.npy", GOOD), ("x.npy", GOOD))
    read = lambda: arrays.read([str(path)], WANTED)  # noqa: E731
    refused(read, ArgumentError, "it holds 'x' twice", folder=tmp_path)


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_the_wrong_kind(tmp_path: Path, name: str) -> None:
    """An archive that is called an array, and the other way round."""
    path = tmp_path / name
    path.write_bytes(GOOD)
    if name == "a.npy":
        npz(path, ("x.npy", GOOD))
    read = lambda: arrays.read([str(path)], WANTED)  # noqa: E731
    refused(read, ArgumentError, f"cannot read .*{name}", folder=tmp_path)


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_good_arrays_are_read(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    for array in (np.ones((2, 3), np.float32), np.asfortranarray(np.eye(3))):
        pack(tmp_path / "a.npz", x=array)
        np.save(tmp_path / "a.npy", array)
        for name in ("a.npz", "a.npy"):
            found = arrays.read([str(tmp_path / name)], WANTED)
            np.testing.assert_array_equal(found["x"], array)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with a few of its first bytes changed, where the structure is."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(len(changed), 200))
        changed[at] = rng.choice((0, 255, 39, 40, 91, 44, changed[at] ^ 1 << at % 8))
    if rng.random() < 0.2:
        del changed[rng.randrange(len(changed)) :]
    return bytes(changed)


def originals() -> dict[str, bytes]:
    array = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    packed, plain, picture = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, image=array)
    np.savez(plain, image=array)
    Image.fromarray(array[0]).save(picture, "png")
    return {
        "a.npy": npy(array),
        "b.npz": packed.getvalue(),
        "c.npz": plain.getvalue(),
        "d.png": picture.getvalue(),
    }


@pytest.mark.parametrize("name", ["a.npy", "b.npz", "c.npz", "d.png"])
@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_read_or_refused_in_words(tmp_path: Path, name: str) -> None:
    image = [arrays.Wanted("image", "float32", (None, 4, 4, 3))]
    path, content = tmp_path / name, originals()[name]
    said: list[str] = []
    for seed in range(400):
        path.write_bytes(mutated(content, random.Random(seed)))
        try:
            arrays.read([str(path)], image)
        except ArgumentError as error:
            said.append(str(error))
    assert len(said) > 150
    assert all(
        re.match(r"cannot read .*: \S|.*the model's inputs are", s) for s in said
    )


def test_compression_that_zipfile_knows_and_python_may_not_have(tmp_path: Path) -> None:
    """An archive whose member says LZMA and holds something else."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", GOOD)
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(range(200, 220))
    path.write_bytes(content)
    read = lambda: arrays.read([str(path)], WANTED)  # noqa: E731
    refused(read, ArgumentError, "cannot read .*a.npz: ", folder=tmp_path)
