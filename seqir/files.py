"""Opening files that are files, and writing them whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
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
_LOCK: Final = ".lock"
_KEPT: Final = ".kept"
_CANNOT_FLUSH: Final = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system answers that has no such call; all else is a write that failed."""


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, opened for reading.

    What it is is asked before it is opened: a pipe would wait for a writer for ever,
    a device has no end.

    Raises: LoadError if there is none, it cannot be read, or it is not a regular file.
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
    anything fails, they are removed and what was there stays. What a process that was
    killed has left of the same target is removed first.

    Raises: ExportError if the folder does not exist or cannot be written, or the
        disk does not take what is written.
    """
    target = Path(path)
    folder = target.parent
    try:
        if not folder.is_dir():
            raise ExportError(f"cannot write {target}: there is no folder {folder}")
        if target.is_dir():
            raise ExportError(f"cannot write {target}: it is a folder")
        if "\0" in target.name:
            raise ExportError(f"cannot write {str(target)!r}: a name cannot have a NUL")
        _sweep(folder, target.name)
        with _scratch(folder, target.name) as scratch:
            yield scratch / target.name
            _take_places(scratch, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(f"cannot write {target}: {reason}") from error


def try_lock(handle: int) -> bool | None:
    """Lock an open file until it is closed, which the end of its process does too.

    True: it is locked now; False: another one holds it; None: it cannot be locked
    here (Windows has no such locks, nor do some network disks).
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def _scratch(folder: Path, name: str) -> Generator[Path]:
    """A hidden folder for what is being written, locked while it is in use."""
    while True:
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}."))
        if (handle := _hold(scratch / _LOCK)) is not None:
            break
    try:
        yield scratch
    finally:
        _discard(scratch)
        os.close(handle)


def _hold(path: Path) -> int | None:
    """The handle of a lock file; None if its folder was swept up meanwhile."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    if try_lock(handle) is not False and path.exists():
        return handle
    os.close(handle)
    return None


def _sweep(folder: Path, name: str) -> None:
    """Remove the hidden folders of this name that no process holds any more."""
    made = re.compile(re.escape(f".{name}.") + "[a-z0-9_]{8}")  # as mkdtemp names them
    for entry in os.listdir(folder):
        if made.fullmatch(entry):
            # One that cannot be removed, as it is another user's, is in nobody's way.
            with suppress(OSError):
                _remove_abandoned(folder / entry)


def _remove_abandoned(scratch: Path) -> None:
    if not os.listdir(scratch):  # killed before the lock, or whoever made it will see
        scratch.rmdir()
        return
    handle = os.open(scratch / _LOCK, os.O_RDWR)
    try:
        if try_lock(handle):
            _discard(scratch)
    finally:
        os.close(handle)


def _discard(scratch: Path) -> None:
    """Remove a hidden folder, the lock last: a kill in between leaves one to sweep."""
    with suppress(OSError):
        for entry in os.scandir(scratch):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != _LOCK:
                os.unlink(entry.path)
    shutil.rmtree(scratch, ignore_errors=True)


def _take_places(scratch: Path, target: Path) -> None:
    """Rename what was written; if one step fails, all is as before."""
    written = [f for f in scratch.iterdir() if f.name != _LOCK]
    written.sort(key=lambda f: f.name == target.name)
    kept = scratch / _KEPT
    kept.mkdir()
    for file in written:
        _flush(file)
    with ExitStack() as undo:
        for file in written:
            place = target.with_name(file.name)
            old = kept / file.name
            undo.callback(_put_back, place, _keep(place, old), old)
            os.replace(file, place)
        if os.name != "nt":  # which opens no folders, and logs its names by itself
            _flush(target.parent)
        undo.pop_all()


def _keep(place: Path, old: Path) -> bool:
    """Whether there is a file; it gets a second name, where the disk has such."""
    with suppress(OSError, NotImplementedError):
        os.link(place, old, follow_symlinks=False)
    return os.path.lexists(place)


def _put_back(place: Path, existed: bool, old: Path) -> None:
    """Undo a renaming. Best effort: the failure before it is what is reported."""
    with suppress(OSError):
        if not existed:
            place.unlink(missing_ok=True)
        elif os.path.lexists(old):
            os.replace(old, place)


def _flush(path: Path) -> None:
    """Make what is in a file, or the names in a folder, survive a power cut."""
    # Windows flushes only what is open for writing, others open folders for reading.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(handle)
