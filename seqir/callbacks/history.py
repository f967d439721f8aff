"""What was reported in each epoch."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import Any

import numpy as np

from seqir.callbacks.base import Callback
from seqir.errors import ArgumentError, MissingPackageError
from seqir.files import staged
from seqir.numerals import numeral
from seqir.text import one_line
from seqir.weak import Owner

SHOWN_ROWS = 20
"""Epochs that a notebook shows."""


class History(Callback):
    """Values by name, one for each epoch; `fit` returns it.

    Source: Keras 3 ``keras.callbacks.History``.

    Attributes:
        history: for each name the values, in the order of the epochs.
        epoch: the epochs, from 0.
        interrupted: whether the training was ended from outside (Ctrl-C).
    """

    model = Owner[Any]()

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.interrupted = False
        self._epochs: dict[str, list[int]] = {}

    def on_train_begin(self, logs: object = None) -> None:
        """Start anew."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write down the values."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs.setdefault(name, []).append(epoch)

    def get_state(self) -> dict[str, Any]:
        """Values and epochs."""
        plain = {name: np.asarray(v).tolist() for name, v in self.history.items()}
        return {"epoch": list(self.epoch), "history": plain, "epochs": self._epochs}

    def set_state(self, state: dict[str, Any]) -> None:
        """Values and epochs of before."""
        self.epoch = list(state["epoch"])
        self.history = {name: list(v) for name, v in state["history"].items()}
        self._epochs = {name: list(v) for name, v in state["epochs"].items()}

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw a curve for each value, training and validation together.

        Args:
            path: the file to write, ``.png``, ``.svg`` or ``.pdf``.

        Returns: the figure of matplotlib.

        Raises: MissingPackageError without matplotlib; ArgumentError for another kind
            of file, or if nothing was recorded; ExportError if it cannot be written.
        """
        figure = self._figure()
        if path is not None:
            kind = Path(path).suffix.removeprefix(".")
            if kind not in ("png", "svg", "pdf"):
                raise ArgumentError(
                    f"a history is drawn as .png, .svg or .pdf, got {os.fspath(path)!r}"
                )
            with staged(path) as file:
                figure.savefig(file, format=kind, dpi=150)
        return figure

    def _figure(self) -> Any:
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
            from matplotlib.ticker import MaxNLocator
        except ImportError as error:
            raise MissingPackageError(
                "a history is drawn by matplotlib, which is not installed: "
                'pip install "seqir[plot]"'
            ) from error
        names = list(dict.fromkeys(n.removeprefix("val_") for n in self.history))
        if not names:
            raise ArgumentError("there is nothing to draw: no epoch has been recorded")
        columns = min(3, len(names))
        rows = -(-len(names) // columns)
        figure = Figure((4.2 * columns, 3 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        for i, name in enumerate(names):
            axes = figure.add_subplot(rows, columns, i + 1)
            axes.set_title(name, fontsize=10, loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.25)
            axes.set_xlabel("epoch", fontsize=9)
            if name == "learning_rate":
                axes.set_yscale("log")
            self._curves(axes, name)
        return figure

    def _curves(self, axes: Any, name: str) -> None:
        for key, label, dashes in (
            (name, "training", "-"),
            (f"val_{name}", "validation", "--"),
        ):
            if key in self.history:
                epochs = [epoch + 1 for epoch in self._epochs[key]]
                marker = "o" if len(epochs) < 12 else ""
                axes.plot(
                    epochs, self.history[key], dashes, marker=marker, ms=3, label=label
                )
        if f"val_{name}" in self.history:
            axes.legend(fontsize=8, frameon=False)

    def _repr_html_(self) -> str:
        """A table of the last epochs, for notebooks."""
        names = ("epoch", *map(one_line, self.history))
        names = ("epoch", *map(one_line, self.history))
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        rows = "".join(self._row(epoch) for epoch in self.epoch[-SHOWN_ROWS:])
        hidden = len(self.epoch) - SHOWN_ROWS
        note = f"<caption>the last {SHOWN_ROWS} of {len(self.epoch)} epochs</caption>"
        return f"<table>{note if hidden > 0 else ''}<tr>{head}</tr>{rows}</table>"

    def _row(self, epoch: int) -> str:
        cells = [str(epoch + 1)]
        for name, values in self.history.items():
            at = dict(zip(self._epochs[name], values, strict=True))
            cells.append(numeral(name, at[epoch]) if epoch in at else "")
        return "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"

    def __repr__(self) -> str:
        names = ", ".join(map(one_line, self.history))
        return f"<History of {len(self.epoch)} epochs: {names}>"
