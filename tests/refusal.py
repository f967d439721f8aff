"""What every refusal of a bad file must be: right, in words, quick, small and quiet.

``refused(load, error, words)`` runs a load that must fail, and holds that

- it is that error, and its sentence has those words;
- it took less than a second of the processor and 200 MiB of memory;
- it opened no file but those beside the bad one, wrote none, imported nothing, started
  nothing and reached for no network (as told by the interpreter's audit events);
- the canary, if there is one, was not opened by anyone (as told by the kernel, since a
  C library asks no interpreter);
- the model, if there is one, has the very same weights as before.
"""

import ctypes
import os
import re
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import model_files
import pytest

from seqir.errors import SeqirError

SECONDS = 1.0
MEMORY = 200 << 20
FORBIDDEN = (
    "exec", "import", "pickle.", "marshal.", "ctypes.", "socket.",
    "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
    "os.chmod", "os.chown", "os.truncate", "shutil.", "tempfile.", "urllib.", "http.",
)  # fmt: skip
"""What no reading of a model does. Opening a file is looked at more closely."""

_events: list[tuple[str, Any]] | None = None


def _audit(event: str, arguments: Any) -> None:
    if _events is not None and (event == "open" or event.startswith(FORBIDDEN)):
        _events.append((event, arguments))


sys.addaudithook(_audit)


@contextmanager
def recorded() -> Generator[list[tuple[str, Any]]]:
    """The audit events of a block."""
    global _events
    _events = events = []
    try:
        yield events
    finally:
        _events = None


class Canary:
    """A file that nobody may open; the kernel tells if someone did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"not for you " * 100)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK)
        opened_or_read = 0x20 | 0x1
        assert self._libc.inotify_add_watch(
            self._watch, os.fsencode(path), opened_or_read
        ) > 0  # fmt: skip

    def was_opened(self) -> bool:
        """Whether it was since the last question."""
        try:
            return bool(os.read(self._watch, 1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._watch)


def refused(
    load: Callable[[], Any],
    error: type[SeqirError],
    *words: str,
    folder: Path,
    model: Any = None,
    canary: Canary | None = None,
) -> str:
    """Run a load that must be refused; the message."""
    model_files.folder()  # what reading good files imports, is
    variables = _variables(model)
    before = _bytes(variables)
    listing = _listing(folder)
    memory = _start_of_memory()
    start = time.process_time()
    with recorded() as events, pytest.raises(error) as caught:
        load()
    seconds = time.process_time() - start
    grown = _peak_of_memory() - memory
    message = str(caught.value)
    assert type(caught.value) is error, message
    for word in words:
        assert re.search(word, message), message
    assert len(message) < 4000
    assert seconds < SECONDS, f"{seconds:.2f} s"
    assert grown < MEMORY, f"{grown >> 20} MiB"
    forbidden = [found for found in events if not _allowed(found, folder)]
    assert not forbidden, forbidden
    assert _listing(folder) == listing
    assert canary is None or not canary.was_opened()
    assert _bytes(variables) == before
    return message


def _allowed(found: tuple[str, Any], folder: Path) -> bool:
    """Reading a file beside the one that is loaded is."""
    event, arguments = found
    if event != "open":
        return False
    path, mode, flags = arguments
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    if isinstance(path, int):
        return True
    inside = Path(os.fsdecode(path)).resolve().is_relative_to(folder.resolve())
    return inside and not writes and "w" not in (mode or "")


def _variables(model: Any) -> list[Any]:
    """Those that there are; an optimizer may get its own when they are first needed."""
    if model is None:
        return []
    return model.variables + (model.optimizer.variables if model.optimizer else [])


def _bytes(variables: list[Any]) -> list[bytes]:
    return [variable.array.tobytes() for variable in variables]


def _listing(folder: Path) -> list[tuple[Any, ...]]:
    found = sorted(folder.rglob("*"))
    return [(p, s.st_size, s.st_mtime_ns) for p in found if (s := p.lstat())]


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(found[1]) << 10 if found else 0


def _start_of_memory() -> int:
    """What is in memory now; from here on the peak is measured."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak_of_memory() -> int:
    return _status("VmHWM")
