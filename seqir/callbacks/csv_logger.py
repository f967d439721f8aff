"""A table of the epochs in a file."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from seqir.callbacks.base import Callback, Logs
from seqir.errors import ArgumentError
from seqir.files import staged
from seqir.text import one_line

FIRST = "epoch"
_FORMULA = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet computes."""


class CSVLogger(Callback):
    """Writes a row with the epoch and all values after each epoch.

    The columns are the values in alphabetical order, and ``val_`` columns, "NA" where
    there is no value; values that come later get columns at the end. A row is on the
    disk before the next epoch begins; half a row that a crash left behind is removed. A
    training that goes on from a checkpoint goes on with the row after it.

    Args:
        filename: the file.
        separator: what stands between two values.
        append: whether to keep the rows of an existing file, and its columns.

    Raises: ArgumentError for a separator that is not one character or, in training,
        for an existing file without a column for the epochs.
    Source: Keras 3 ``keras.callbacks.CSVLogger``.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
    ) -> None:
        if len(separator) != 1:
            raise ArgumentError(f"separator must be one character, got {separator!r}")
        self.path = Path(filename)
        self.separator = separator
        self.append = append
        self._keys: list[str] | None = None
        self._size: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the file; it is first touched when there is a row."""
        self._keys = None
        self._size = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a row."""
        logs = {_heading(name): value for name, value in (logs or {}).items()}
        if self._size is None:
            self._open()
        text = ""
        if self._keys is None:
            self._keys = _columns(logs)
            text = self._row([FIRST, *self._keys])
        elif new := sorted(logs.keys() - set(self._keys)):
            self._widen(new)
        values = [_cell(logs[key]) if key in logs else "NA" for key in self._keys]
        self._write(text + self._row([epoch, *values]))

    def get_state(self) -> dict[str, Any]:
        """The columns, and how long the file is."""
        return {"keys": self._keys, "size": self._size}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on behind the last row that the checkpoint knows of."""
        self._keys, self._size = state["keys"], state["size"]
        if self._size is None:
            return
        if self.path.exists() and self.path.stat().st_size >= self._size:
            os.truncate(self.path, self._size)
        else:  # it is not the file of before: begin a new one
            self._keys, self._size = None, None

    def _open(self) -> None:
        """Begin the file, or keep the whole rows that are in it."""
        kept = b""
        if self.append and self.path.exists():
            old = self.path.read_bytes()
            kept = old[: old.rfind(b"\n") + 1]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.truncate(len(kept))
        self._size = len(kept)
        if kept:
            head, *_ = csv.reader(io.StringIO(kept.decode()), delimiter=self.separator)
            if head[:1] != [FIRST]:
                raise ArgumentError(
                    f"{self.path} is not a table of CSVLogger with separator "
                    f"{self.separator!r}: its columns are {', '.join(head)}, and the "
                    f"first must be {FIRST!r}"
                )
            self._keys = head[1:]

    def _widen(self, names: list[str]) -> None:
        """Give the table more columns, without a value in the rows that are there."""
        assert self._keys is not None
        with self.path.open(newline="") as file:
            head, *rows = csv.reader(file, delimiter=self.separator)
        text = self._row([*head, *names])
        text += "".join(self._row([*row, *["NA"] * len(names)]) for row in rows)
        with staged(self.path) as scratch:
            scratch.write_bytes(text.encode())
        self._keys += names
        self._size = len(text.encode())

    def _row(self, values: list[Any]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.separator, lineterminator="\n").writerow(
            values
        )
        return buffer.getvalue()

    def _write(self, text: str) -> None:
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            self._size = file.tell()


def _heading(name: str) -> str:
    """A name as a table may have it: no spreadsheet takes it for a formula."""
    return one_line(f"'{name}" if name.startswith(_FORMULA) else name)


def _columns(logs: dict[str, object]) -> list[str]:
    names = sorted(logs)
    if any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names]


def _cell(value: object) -> object:
    return value if isinstance(value, str) else np.asarray(value).tolist()
