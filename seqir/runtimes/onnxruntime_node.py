"""ONNX Runtime under Node.js, by its native package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from seqir.runtimes import javascript

DISTRIBUTIONS: Final[tuple[str, ...]] = ()
NPM: Final = "onnxruntime-node"
ALSO: Final[tuple[str, ...]] = ()
NEEDS: Final = frozenset[str]()
NUMPY_2_SINCE: Final = (0,)


def unsupported(model: str) -> list[str]:
    """It says so when it loads the file."""
    return []


def load(model: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run."""
    return javascript.load(model, NPM)
