"""The ZIP archive that a ``.keras`` file is, read with suspicion and written whole.

Nothing is ever extracted: a member is text, or a window into the archive itself. What
the archive says of its members is checked before any of them is read.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from seqir.errors import CorruptFileError, UnsafeFileError, UnsupportedError
from seqir.files import open_file, staged
from seqir.formats import jsontext

_CHUNK: Final = 1 << 20
"""Most bytes read at once; a table of contents of ten thousand members fits in."""
_MAX_GROWTH: Final = 20
"""How many times its compressed size a member may have; weights hardly shrink."""
_ALWAYS_ALLOWED: Final = 32 << 20
"""The size that a compressed member may have in any case."""
_USUAL_FLAGS: Final = 0x80E
"""Effort of compression, sizes that come after the bytes, a name in UTF-8."""
_LOCAL: Final = struct.Struct("<4s22xHH")
"""A member's own header: signature, lengths of its name and of what follows that."""
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Archive:
    """The members of an archive; made by `open_archive`."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._file = file
        self._where = where
        self._size = file.seek(0, os.SEEK_END)
        self._zip = _zip_of(file, where)
        self._members = _checked(self._zip.infolist(), where, self._size)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members, in the order of the archive."""
        return tuple(self._members)

    def text(self, name: str) -> bytes:
        """A member that is text, whole.

        Raises: CorruptFileError if it is damaged, missing, or too long for a
            configuration.
        """
        info = self._member(name)
        if info.file_size > jsontext.MAX_BYTES:
            raise CorruptFileError(
                f"{name} in {self._where} has {info.file_size:,} bytes, more than the "
                f"{jsontext.MAX_BYTES:,} that a configuration may have"
            )
        return self._decompressed(info).getvalue()

    def stream(self, name: str) -> BinaryIO:
        """A member as a file to read and seek in, compared with its checksum.

        A member that is stored, as Keras stores all, takes no memory.

        Raises: CorruptFileError if it is damaged or missing.
        """
        info = self._member(name)
        if info.compress_type != zipfile.ZIP_STORED:
            return self._decompressed(info)
        window = _Window(self._file, self._start(info), info.file_size)
        checksum = 0
        while chunk := window.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
        if checksum != info.CRC or window.tell() != info.file_size:
            raise _damaged(name, self._where)
        window.seek(0)
        return cast(BinaryIO, window)

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise CorruptFileError(
                f"{self._where} has no {name}, which every Keras file has; it holds "
                f"{', '.join(self.names[:10]) or 'nothing'}"
            )
        return self._members[name]

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Where the bytes of a stored member begin."""
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL.size)
        if len(header) == _LOCAL.size:
            signature, name, extra = _LOCAL.unpack(header)
            own = self._file.read(name)
            start = info.header_offset + _LOCAL.size + name + extra
            known = own.decode("utf-8", "replace") == info.orig_filename
            if (
                signature == b"PK\3\4"
                and known
                and start + info.file_size <= self._size
            ):
                return start
        raise _damaged(info.filename, self._where)

    def _decompressed(self, info: zipfile.ZipInfo) -> io.BytesIO:
        """A whole member; never more of it than it was said to have."""
        content = io.BytesIO()
        try:
            with self._zip.open(info) as member:
                while chunk := member.read(_CHUNK):
                    content.write(chunk)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise _damaged(info.filename, self._where) from error
        if content.tell() != info.file_size:
            raise _damaged(info.filename, self._where)
        content.seek(0)
        return content


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Generator[Archive]:
    """The archive in a file, for the duration of a block.

    Raises: LoadError if there is no such file, CorruptFileError if it is not an archive
        or a damaged one, UnsafeFileError if its members would reach outside of it or
        take far more memory than it has bytes, UnsupportedError if they are encrypted
        or compressed in an unusual way.
    """
    where = Path(path).name
    with open_file(path) as file:
        yield Archive(file, where)


Content = bytes | Callable[[Path], Any]
"""Bytes, or a function that writes a file: what is large is never whole in memory."""


def write_archive(path: str | os.PathLike[str], members: Mapping[str, Content]) -> None:
    """Write an archive as Keras does: members stored in the order given.

    The same members give the same bytes. What was there stays if anything fails.

    Raises: ExportError if it cannot be written.
    """
    with staged(path) as target:
        part = target.with_name(f"{target.name}.part")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                if callable(content):
                    content(part)
                    size = part.stat().st_size
                else:
                    size = len(content)
                info = zipfile.ZipInfo(name, _EPOCH)
                info.create_system, info.external_attr = 3, 0o600 << 16
                info.file_size = size
                with archive.open(info, "w") as member:
                    if callable(content):
                        with part.open("rb") as source:
                            shutil.copyfileobj(source, member, _CHUNK)
                        part.unlink()
                    else:
                        member.write(content)


class _Window(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size = file, start, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}
        self._at = max(0, origin[whence] + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer).cast("B")
        length = max(0, min(len(room), self._size - self._at))
        self._file.seek(self._start + self._at)
        count = cast(io.BufferedReader, self._file).readinto(room[:length])
        self._at += count
        return count


class _Bounded:
    """A file that `zipfile` cannot be made to read in one piece."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._file, self._where = file, where
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            at = self.tell()
            size = self.seek(0, os.SEEK_END) - at
            self.seek(at)
        if size > _CHUNK:
            raise UnsafeFileError(
                f"{self._where} has a table of contents of {size:,} bytes, and no "
                f"model needs more than {_CHUNK:,}"
            )
        return self._file.read(size)


def _zip_of(file: BinaryIO, where: str) -> zipfile.ZipFile:
    file.seek(0)
    begin = file.read(8)
    if not begin.startswith(b"PK\3\4"):
        raise CorruptFileError(
            f"{where} is not a Keras file, which is a ZIP archive: it "
            + (f"begins with {begin!r}" if begin else "is empty")
        )
    try:
        return zipfile.ZipFile(cast(Any, _Bounded(file, where)))
    except NotImplementedError as error:
        raise UnsupportedError(f"{where} is an unusual ZIP archive: {error}") from error
    except (zipfile.BadZipFile, OSError, ValueError, struct.error) as error:
        if isinstance(error, UnsafeFileError):
            raise
        raise CorruptFileError(
            f"{where} is a damaged ZIP archive, perhaps cut off: {error}"
        ) from error


def _checked(
    infos: Sequence[zipfile.ZipInfo], where: str, end: int
) -> dict[str, zipfile.ZipInfo]:
    """The members by name, folders left out."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        _check_name(info, where)
        if info.filename in found:
            raise UnsafeFileError(f"{where} has two members named {info.filename!r}")
        _check_content(info, where)
        found[info.filename] = info
    free = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < free:
            raise UnsafeFileError(
                f"{where} is crafted: its member {info.filename!r} lies inside another"
            )
        free = info.header_offset + _LOCAL.size + info.compress_size
    if free > end:
        raise CorruptFileError(f"{where} is a damaged ZIP archive: it has been cut off")
    return {name: info for name, info in found.items() if not info.is_dir()}


def _check_name(info: zipfile.ZipInfo, where: str) -> None:
    """UnsafeFileError for a name that could be a path to somewhere else."""
    name = info.orig_filename
    parts = name.removesuffix("/").split("/")
    plain = not {"", ".", ".."} & set(parts) and not re.search(r"[\0\\]", name)
    if not plain or _DRIVE.match(name):
        raise UnsafeFileError(
            f"{where} has a member named {name[:80]!r}, which would lie outside of it"
        )
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeFileError(
            f"the member {name!r} of {where} is a link or a device, not a file"
        )


def _check_content(info: zipfile.ZipInfo, where: str) -> None:
    """That the member can be read, and does not swell when it is."""
    member = f"the member {info.filename!r} of {where}"
    if info.flag_bits & ~_USUAL_FLAGS:
        raise UnsupportedError(
            f"{member} is encrypted or patched: repack it as a plain ZIP archive"
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsupportedError(
            f"{member} is compressed by method {info.compress_type}, which seqir does "
            "not read: repack it without compression"
        )
    if info.compress_type == zipfile.ZIP_STORED:
        if info.file_size != info.compress_size:
            raise CorruptFileError(f"{member} is damaged: it has two different sizes")
    elif info.file_size > max(_ALWAYS_ALLOWED, _MAX_GROWTH * info.compress_size):
        raise UnsafeFileError(
            f"{member} would grow from {info.compress_size:,} to {info.file_size:,} "
            "bytes, as no weights do"
        )


def _damaged(name: str, where: str) -> CorruptFileError:
    return CorruptFileError(
        f"the member {name!r} of {where} is damaged: its bytes do not have its checksum"
    )
