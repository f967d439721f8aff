"""Opening files that are files, and writing them whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from seqir.errors import ExportError, LoadError

_KINDS: Final = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISSOCK, "socket"),
)


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, opened for reading.

    What it is is asked before it is opened: a pipe would wait for a writer for ever,
    a device has no end.

    Raises: LoadError if there is none, it cannot be read, or it is no regular file.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return open(path, "rb")
    except FileNotFoundError as error:
        raise LoadError(f"there is no file {os.fspath(path)}") from error
    except (OSError, ValueError) as error:  # a name can be too long or hold a NUL
        reason = getattr(error, "strerror", None) or error
        raise LoadError(f"cannot read {os.fspath(path)!r}: {reason}") from error
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "special file")
    raise LoadError(f"cannot read {os.fspath(path)}: it is a {kind}, not a file")


@contextmanager
def staged(path: str | os.PathLike[str]) -> Generator[Path]:
    """A path to write to (and beside), whose files take their places at the end.

    They are written into a hidden folder next to the target; when the block ends
    well, all are flushed to the disk and renamed, the target itself last. If
    anything fails, they are removed and what was there stays.

    Raises: ExportError if the folder does not exist or cannot be written.
    """
    target = Path(path)
    folder = target.parent
    scratch: Path | None = None
    try:
        if not folder.is_dir():
            raise ExportError(f"cannot write {target}: there is no folder {folder}")
        if target.is_dir():
            raise ExportError(f"cannot write {target}: it is a folder")
        if "\0" in target.name:
            raise ExportError(f"cannot write {str(target)!r}: a name cannot have a NUL")
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=f".{target.name}."))
        yield scratch / target.name
        files = sorted(scratch.iterdir(), key=lambda f: f.name == target.name)
        for file in files:
            _flush(file)
        for file in files:
            os.replace(file, folder / file.name)
        _flush(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(f"cannot write {target}: {reason}") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _flush(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system lets a folder be flushed
            os.fsync(handle)
    finally:
        os.close(handle)
