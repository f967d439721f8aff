"""What a file may ask for, in proportion to what it is.

A description of eleven kilobytes can hold models in models, each calling the inner one
ten times, and a dataset of one stored chunk can be as large as it says. Both are
counted before anything is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from seqir.errors import ArgumentError, UnsafeFileError
from seqir.narrow import is_list, is_mapping

LIMIT: Final = "SEQIR_MAX_BYTES"
"""The environment variable that allows a file to take more memory than usual."""

_ALWAYS: Final = 64 << 20
"""Bytes that the weights of any file may take."""
_GROWTH: Final = 20
"""How many times the size of the file they may take; weights hardly shrink."""
_CALLS: Final = 2_000
"""Calls of layers that any description may make."""
_REPEATED: Final = 100
"""How many times the calls that it spells out it may make by repeating models."""


class Memory:
    """The bytes that the arrays of a file may take, all together.

    Args:
        size: bytes of the file.
        where: its name, for messages.
    """

    def __init__(self, size: int, where: str) -> None:
        self._allowed = _chosen() or _ALWAYS + _GROWTH * size
        self._size, self._where = size, where
        self._taken: dict[str, int] = {}

    def take(self, path: str, size: int) -> None:
        """Count the bytes of an array; one that is read twice counts once.

        Raises: UnsafeFileError if that is more than the file may take.
        """
        self._taken[path] = size
        total = sum(self._taken.values())
        if total > self._allowed:
            raise UnsafeFileError(
                f"{self._where} has {self._size:,} bytes, and its weights would take "
                f"{total:,} and more, where {self._allowed:,} are allowed; if you "
                f"trust it, set the environment variable {LIMIT} to the bytes it may "
                "take"
            )


def _chosen() -> int | None:
    text = os.environ.get(LIMIT, "")
    if text and not text.isdecimal():
        raise ArgumentError(f"{LIMIT} must be a number of bytes, got {text!r}")
    return int(text) if text else None


def check_calls(entry: object, where: str) -> None:
    """That the description of a model stands for no more calls than it may.

    Raises: UnsafeFileError if it does.
    """
    work = _work(entry)
    allowed = _CALLS + _REPEATED * work.written
    if work.made > allowed:
        raise UnsafeFileError(
            f"{where} spells out {work.written:,} calls of layers and stands for "
            f"{work.made:,}, because its models call each other again and again; "
            f"{allowed:,} are allowed"
        )


@dataclass(frozen=True)
class _Work:
    """Calls that an entry spells out, and those made by making and by calling it."""

    written: int
    made: int
    called: int


def _work(entry: object) -> _Work:
    config = entry.get("config") if is_mapping(entry) else None
    layers = config.get("layers") if is_mapping(config) else config
    if not is_list(layers):  # no model; it may have one as an argument
        inner = [_work(model) for model in _models_in(config)]
        called = 1 + sum(work.called for work in inner)
        made = sum(work.made for work in inner)
        return _Work(1 + sum(work.written for work in inner), made, called)
    written = made = called = 0
    for layer in layers:
        work = _work(layer)
        nodes = layer.get("inbound_nodes") if is_mapping(layer) else None
        calls = len(nodes) if is_list(nodes) else 1
        written += work.written + calls
        called += calls * work.called
        made += work.made
    return _Work(written, made + called, called)


def _models_in(value: object) -> Iterator[object]:
    """Entries of models among the arguments of a layer."""
    if is_mapping(value):
        config = value.get("config")
        if is_mapping(config) and is_list(config.get("layers")):
            yield value
            return
        for inner in value.values():
            yield from _models_in(inner)
    elif is_list(value):
        for inner in value:
            yield from _models_in(inner)
