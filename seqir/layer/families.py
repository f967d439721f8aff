"""Layers by name: the file of a family is loaded when one of its layers is asked for.

Most programs use few of the families, and loading all of them takes longer than
defining a model does.
"""

from __future__ import annotations

import importlib
import inspect
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from seqir.layer.state import Stateful

_LOADING = threading.RLock()
"""Held while a file is loaded, and taken for a fork: a child that is born while another
thread loads a file would wait for it forever, since that thread is not in the child."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_LOADING.acquire,
        after_in_parent=_LOADING.release,
        after_in_child=_LOADING.release,
    )


class Families(Mapping[str, Any]):
    """The classes of layers by the names that files have for them."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}

    def add(self, package: str, files: Mapping[str, str]) -> None:
        """Know what is in the files of a package: names with spaces between."""
        for file, names in files.items():
            self._files.update(dict.fromkeys(names.split(), f"{package}.{file}"))

    def load(self, name: str) -> Any:
        """The class or the function of a name; KeyError if no file has it."""
        with _LOADING:
            return getattr(importlib.import_module(self._files[name]), name)

    def __getitem__(self, name: str) -> Any:
        found = self.load(name)
        if _name_of(found) == name:
            return found
        raise KeyError(name)  # a function, or another name of a layer

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._files if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _name_of(thing: object) -> str | None:
    """The name that files have for a class of layers."""
    if inspect.isclass(thing) and issubclass(thing, Stateful):
        return thing.keras_name or thing.__name__
    return None


LAYERS: Final = Families()
"""The layers of `seqir.layers`, which fills it."""
