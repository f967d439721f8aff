"""Writing files so that a reader sees the old ones or the new ones, never a part."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from seqir.errors import ExportError


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
    if not folder.is_dir():
        raise ExportError(f"cannot write {target}: there is no folder {folder}")
    if target.is_dir():
        raise ExportError(f"cannot write {target}: it is a folder")
    scratch: Path | None = None
    try:
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
