"""Archives come back as they were written, and crafted ones are not read."""

import io
import os
import socket
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqir.errors import (
    CorruptFileError,
    ExportError,
    LoadError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.formats.archive import open_archive, write_archive

WEIGHTS = np.random.default_rng(0).bytes(3_000_000)
MEMBERS = {"metadata.json": b"{}", "config.json": b'{"a": 1}', "w.h5": WEIGHTS}


def write(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes], **kwargs) -> Path:
    """An archive made by `zipfile`, which lets through what seqir must not."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **kwargs) as archive:
        warnings.simplefilter("ignore")  # of equal names
        for name, content in members:
            archive.writestr(name, content)
    return path


def patched(path: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))
    return path


def read_all(path: Path) -> dict[str, bytes]:
    with open_archive(path) as archive:
        return {name: archive.stream(name).read() for name in archive.names}


# What is written.


def test_members_come_back(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    write_archive(path, {**MEMBERS, "w.h5": lambda part: part.write_bytes(WEIGHTS)})
    assert read_all(path) == MEMBERS
    with open_archive(path) as archive:
        assert archive.names == tuple(MEMBERS)
        assert archive.text("config.json") == MEMBERS["config.json"]
    with zipfile.ZipFile(path) as other:
        assert other.testzip() is None
        assert {i.compress_type for i in other.infolist()} == {zipfile.ZIP_STORED}
        assert other.namelist() == list(MEMBERS)
    assert os.listdir(tmp_path) == ["m.keras"]


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.keras", MEMBERS)
    write_archive(tmp_path / "b.keras", MEMBERS)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyError()])
def test_what_was_there_stays(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"old")

    def fail(part: Path) -> None:
        part.write_bytes(b"half")
        raise error

    with pytest.raises(ExportError if isinstance(error, OSError) else KeyError):
        write_archive(path, {"a": b"1", "b": fail})
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.keras"]


# What is read.


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_other_programs_are_read(tmp_path: Path, method: int) -> None:
    folder = zipfile.ZipInfo("assets/")
    folder.external_attr = (stat.S_IFDIR | 0o755) << 16
    path = write(
        tmp_path / "m.keras", *MEMBERS.items(), (folder, b""), compression=method
    )
    assert read_all(path) == MEMBERS


def test_archives_written_to_a_pipe_are_read(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: int) -> int:
            raise OSError

        tell = seek  # type: ignore[assignment]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("config.json", b"{}")
    path = tmp_path / "m.keras"
    path.write_bytes(pipe.getvalue())
    assert read_all(path) == {"config.json": b"{}"}


@given(st.data())
def test_a_stream_reads_as_a_file_does(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "stream.keras"
    if not path.exists():
        write_archive(path, MEMBERS)
    model = io.BytesIO(WEIGHTS)
    size = len(WEIGHTS)
    with open_archive(path) as archive, archive.stream("w.h5") as stream:
        assert (stream.seekable(), stream.readable()) == (True, True)
        for _ in range(8):
            whence = data.draw(st.sampled_from([0, 1, 2]))
            origin = (0, model.tell(), size)[whence]
            to = data.draw(st.integers(0, size + 10))
            assert stream.seek(to - origin, whence) == model.seek(to - origin, whence)
            count = data.draw(st.integers(0, 1000) | st.just(size))
            assert stream.read(count) == model.read(count)
            assert stream.tell() == model.tell()


# What is refused.


def named(name: str) -> Callable[[Path], Path]:
    return lambda path: write(path, ("config.json", b"{}"), (name, b"x"))


def linked(path: Path, kind: int = stat.S_IFLNK) -> Path:
    info = zipfile.ZipInfo("config.json")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return write(path, (info, b"/etc/passwd"))


def with_nul(path: Path) -> Path:
    write(path, ("config.json_evil", b"{}"))
    return patched(path, b"config.json_evil", b"config.json\0evil")


def encrypted(path: Path) -> Path:
    write(path, ("config.json", b"{}"))
    return patched(path, b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")


def bomb(path: Path) -> Path:
    return write(path, ("w.h5", bytes(64 << 20)), compression=zipfile.ZIP_DEFLATED)


def declared_bomb(path: Path) -> Path:
    """10 GiB declared, 10 KB there."""
    write(path, ("w.h5", bytes(1 << 20)), compression=zipfile.ZIP_DEFLATED)
    declared = struct.pack("<I", 1 << 20)
    return patched(path, declared, struct.pack("<I", 0xF0000000))


def many_members(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"member {number}", b"")
    return path


def overlapping(path: Path) -> Path:
    """The second entry of the table points to the first member."""
    write(path, ("aaa", b"1" * 100), ("bbb", b"2" * 100))
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\1\2")
    content[second + 42 : second + 46] = struct.pack("<I", 40)
    path.write_bytes(content)
    return path


UNSAFE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "parent": (named("../../x"), r"member named '../../x', which would lie outside"),
    "parent inside": (named("sub/../../x"), "would lie outside"),
    "here": (named("./x"), "would lie outside"),
    "absolute": (named("/etc/passwd"), "would lie outside"),
    "twice a slash": (named("a//b"), "would lie outside"),
    "drive": (named("C:x"), "member named 'C:x', which would lie outside"),
    "backslash": (named("..\\x"), "would lie outside"),
    "nul": (with_nul, r"member named 'config.json\\x00evil', which"),
    "duplicate": (named("config.json"), "two members named 'config.json'"),
    "symbolic link": (linked, "the member 'config.json' .* is a link or a device"),
    "device": (lambda p: linked(p, stat.S_IFCHR), "is a link or a device"),
    "bomb": (bomb, r"would grow from 6\d,\d+ to 67,108,864 bytes"),
    "declared bomb": (declared_bomb, r"would grow from 1,\d+ to 4,026,531,840 bytes"),
    "many members": (many_members, "a table of contents of 1,.* bytes, and no"),
    "overlapping": (overlapping, "its member 'bbb' lies inside another"),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe(tmp_path: Path, name: str) -> None:
    craft, words = UNSAFE[name]
    with pytest.raises(UnsafeFileError, match=words):
        read_all(craft(tmp_path / "m.keras"))


UNSUPPORTED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "encrypted": (encrypted, "the member 'config.json' of m.keras is encrypted"),
    "bzip2": (
        lambda p: write(p, ("a", b"1"), compression=zipfile.ZIP_BZIP2),
        "the member 'a' of m.keras is compressed by method 12",
    ),
    "future": (
        lambda p: patched(
            write(p, ("a", b"1")), b"PK\1\2\x14\3\x14\0", b"PK\1\2\x14\3\xff\0"
        ),
        "unusual ZIP archive: zip file version 25.5",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported(tmp_path: Path, name: str) -> None:
    craft, words = UNSUPPORTED[name]
    with pytest.raises(UnsupportedError, match=words):
        read_all(craft(tmp_path / "m.keras"))


def content(content: bytes) -> Callable[[Path], Path]:
    def craft(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return craft


def flipped(method: int) -> Callable[[Path], Path]:
    def craft(path: Path) -> Path:
        write(path, ("first", b"1"), ("w.h5", WEIGHTS[:1000]), compression=method)
        data = bytearray(path.read_bytes())
        data[500] ^= 1
        path.write_bytes(data)
        return path

    return craft


def renamed_locally(path: Path) -> Path:
    return patched(write(path, ("abc", b"1")), b"abc", b"xyz", 1)


def two_sizes(path: Path) -> Path:
    write(path, ("abc", b"123456789"))
    sizes = struct.pack("<II", 9, 9)
    return patched(path, sizes, struct.pack("<II", 9, 99))


def too_long(path: Path) -> Path:
    """A stored member that reaches past the end of the file."""
    write(path, ("abc", b"123456789"))
    return patched(path, struct.pack("<II", 9, 9), struct.pack("<II", 999, 999))


def shorter_than_said(path: Path) -> Path:
    write(path, ("abc", bytes(999)), compression=zipfile.ZIP_DEFLATED)
    return patched(path, struct.pack("<I", 999), struct.pack("<I", 1999))


def cut(path: Path) -> Path:
    write_archive(path, MEMBERS)
    return content(path.read_bytes()[:-100])(path)


CORRUPT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (content(b""), "m.keras is not a Keras file, .*: it is empty"),
    "text": (content(b"hello world, hello"), r"it begins with b'hello wo'"),
    "picture": (content(b"\x89PNG\r\n\x1a\n1234"), r"it begins with b'\\x89PNG"),
    "only a signature": (content(b"PK\3\4"), "damaged ZIP archive, perhaps cut off"),
    "no members": (content(b"PK\5\6" + bytes(18)), "is not a Keras file"),
    "cut off": (cut, "m.keras is a damaged ZIP archive, perhaps cut off"),
    "stored bit": (flipped(zipfile.ZIP_STORED), "member 'w.h5' of m.keras is damaged"),
    "deflated bit": (flipped(zipfile.ZIP_DEFLATED), "'w.h5' of m.keras is damaged"),
    "other local name": (renamed_locally, "the member 'abc' of m.keras is damaged"),
    "two sizes": (two_sizes, "'abc' of m.keras is damaged: it has two different sizes"),
    "too long": (too_long, "damaged ZIP archive: it has been cut off"),
    "shorter than said": (shorter_than_said, "'abc' of m.keras is damaged"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_corrupt(tmp_path: Path, name: str) -> None:
    craft, words = CORRUPT[name]
    with pytest.raises(CorruptFileError, match=words):
        read_all(craft(tmp_path / "m.keras"))


def test_missing_member(tmp_path: Path) -> None:
    path = write(tmp_path / "m.keras", ("config.json", b"{}"))
    with (
        open_archive(path) as archive,
        pytest.raises(CorruptFileError, match=r"m.keras has no w.h5, .* config.json"),
    ):
        archive.stream("w.h5")


def test_long_text(tmp_path: Path) -> None:
    path = write(tmp_path / "m.keras", ("config.json", bytes(17 << 20)))
    with (
        open_archive(path) as archive,
        pytest.raises(CorruptFileError, match=r"config.json in m.keras has 17,825,792"),
    ):
        archive.text("config.json")


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    """A wrong byte is never handed out, whatever was damaged."""
    path = tmp_path / "m.keras"
    small = {"metadata.json": b"{}", "config.json": b"[1, 2, 3]"}
    write_archive(path, small)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for damaged in (
            whole[:at],
            whole[:at] + b"%c" % (whole[at] ^ 0x41) + whole[at + 1 :],
        ):
            path.write_bytes(damaged)
            try:
                found = read_all(path)
            except SeqirError:
                continue
            assert set(found.values()) <= set(small.values())


# What is not a file.


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def listening(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


NO_FILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda p: p, "there is no file .*m.keras"),
    "inside a file": (lambda p: content(b"")(p) / "x", "cannot read .*Not a directory"),
    "folder": (folder, "it is a folder, not a file"),
    "pipe": (pipe, "it is a named pipe, not a file"),
    "socket": (listening, "it is a socket, not a file"),
    "endless device": (lambda p: Path("/dev/zero"), "/dev/zero: it is a device"),
    "long name": (lambda p: p.parent / ("x" * 300), "cannot read .*File name too long"),
    "nul": (lambda p: p / "a\0b", r"cannot read .*a\\x00b': embedded null"),
}


@pytest.mark.parametrize("name", NO_FILE)
def test_no_file(tmp_path: Path, name: str) -> None:
    craft, words = NO_FILE[name]
    with (
        pytest.raises(LoadError, match=words),
        open_archive(craft(tmp_path / "m.keras")),
    ):
        pass
