"""Where a runtime is installed: beside seqir, or in an environment of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata

from seqir.runtimes.known import Spec


@dataclass(frozen=True)
class Environment:
    """A place in which a runtime is installed."""

    spec: Spec
    version: str
    python: str

    def command(self, *arguments: str) -> list[str]:
        """A call of Python there; the folder of the program is not looked into."""
        return [self.python, "-P", *arguments]


def find(spec: Spec) -> Environment | None:
    """Where the runtime is, or None if it is nowhere."""
    found = _beside(spec)
    if found is not None and spec.release in (None, found):
        return Environment(spec, found, sys.executable)
    return None


def install_line(spec: Spec) -> str:
    """What to type to have the runtime."""
    first, *others = (*spec.runtime.DISTRIBUTIONS[:1], *spec.runtime.ALSO)
    pinned = f"{first}=={spec.release}" if spec.release else first
    return " ".join(["pip install", pinned, *others])


def _beside(spec: Spec) -> str | None:
    """The release that is installed with seqir, or None."""
    for name in spec.runtime.DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
