"""Which runtimes there are, and which of them a text names."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from seqir.errors import ArgumentError, did_you_mean

NAMES: Final = (
    "onnxruntime", "reference", "openvino", "opencv", "onnxruntime-web",
    "onnxruntime-node", "tract", "tvm",
)  # fmt: skip
"""Names of the runtimes, those with more users first."""

_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+!-]*")

Run = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From arrays by input to arrays by output."""


class Runtime(Protocol):
    """What a file in this package has."""

    __file__: str
    DISTRIBUTIONS: tuple[str, ...]
    """Packages of PyPI, one of which has to be there; the first is what to install."""
    NPM: str
    """Its package of npm in their place, or ""."""
    ALSO: tuple[str, ...]
    """Packages that are needed beside it."""
    NEEDS: frozenset[str]
    """What it takes only: ``static`` for files in which every size is a number."""
    NUMPY_2_SINCE: tuple[int, ...]
    """The first release that runs with NumPy 2."""

    def unsupported(self, model: str) -> list[str]:
        """The operators of a file that it does not have, as far as it can tell."""
        ...

    def load(self, model: str) -> Run:
        """The file, ready to run."""
        ...


@dataclass(frozen=True)
class Spec:
    """A runtime, of a certain release or of that which is there."""

    name: str
    release: str | None = None

    def __str__(self) -> str:
        return f"{self.name}=={self.release}" if self.release else self.name

    @property
    def runtime(self) -> Runtime:
        """The file of the runtime."""
        module = f"seqir.runtimes.{self.name.replace('-', '_')}"
        return cast("Runtime", importlib.import_module(module))


def parse(text: object) -> Spec:
    """``openvino``, or with a release ``onnxruntime==1.20.1``.

    Raises: ArgumentError for a runtime that is not known here.
    """
    if not isinstance(text, str):
        raise ArgumentError(
            f"a runtime is given by its name, such as 'openvino', not by {text!r}"
        )
    name, equals, release = text.partition("==")
    if name not in NAMES:
        raise ArgumentError(
            f"there is no runtime {name!r} here; there are {', '.join(NAMES)}."
            f"{did_you_mean(name, NAMES)}"
        )
    if equals and not _VERSION.fullmatch(release):
        raise ArgumentError(
            f"{text!r} does not end in a release; write it as 'onnxruntime==1.20.1'"
        )
    return Spec(name, release or None)
