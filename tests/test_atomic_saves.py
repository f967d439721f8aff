"""A save gives the whole new file or leaves the whole old one, whatever happens."""

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import model_files
import numpy as np
import pytest
from model_files import copy, folder, model

from seqir.errors import ExportError, UnsupportedError
from seqir.models import load_model

KINDS = ("m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json")
NEW = 7.0
"""What all weights are in the new file; in the old one they are something else."""


def new_model() -> Any:
    made = model()
    made.set_weights([np.full_like(w, NEW) for w in made.get_weights()])
    return made


def save(made: Any, path: Path) -> None:
    whole = path.name in ("m.keras", "m.h5")
    (made.save if whole else made.save_weights)(path)


def load(path: Path) -> Any:
    if path.name in ("m.keras", "m.h5"):
        return load_model(path)
    made = model()
    made.load_weights(path)
    return made


def is_new(path: Path) -> bool:
    """Whether the file is the new one; it is whole in any case, or cannot be loaded."""
    new = {bool((w == NEW).all()) for w in load(path).get_weights()}
    assert len(new) == 1, "half of the weights are new"
    return new.pop()


def content(place: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(place.iterdir())}


def test_a_save_replaces_the_file(tmp_path: Path) -> None:
    for kind in KINDS:
        path = copy(kind, tmp_path)
        assert not is_new(path)
        save(new_model(), path)
        assert is_new(path)
    assert sorted(os.listdir(tmp_path)) == sorted([*KINDS, "m_00000.weights.h5"])


# The disk fails at each step.


@pytest.fixture(params=["write", "fsync", "replace", "mkdtemp"])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the n-th call of a function fail; tells how many there were."""
    owner, name = (os, request.param)
    if name == "mkdtemp":
        owner = tempfile
    if name == "write":
        pytest.skip("the limit of file sizes, below, is about that")
    real = getattr(owner, name)
    state = {"calls": 0, "fails": -1}

    def call(*args: Any, **kwargs: Any) -> Any:
        state["calls"] += 1
        if state["calls"] - 1 == state["fails"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_at_each_step(
    tmp_path: Path, kind: str, step: dict[str, int]
) -> None:
    path = copy(kind, tmp_path)
    made = new_model()
    save(made, path)
    for fails in range(step["calls"]):
        copy(kind, tmp_path)
        before = content(tmp_path)
        step.update(calls=0, fails=fails)
        try:
            save(made, path)
        except ExportError as error:
            assert "cannot write" in str(error)  # noqa: PT017
            assert "No space left on device" in str(error)  # noqa: PT017
            assert not os.path.exists(path) or not is_new(path) or _shards(kind)
            assert len(content(tmp_path)) == len(before)
        step.update(calls=0, fails=-1)


def _shards(kind: str) -> bool:
    return kind == "m.weights.json"


CHILD = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {tests!r})
import test_atomic_saves as t
from pathlib import Path
made = t.new_model()
t.save(made, Path({warm!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
try:
    t.save(made, Path({path!r}))
except Exception as error:
    print(type(error).__name__, error)
else:
    print("saved")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_in_the_middle_of_a_file(tmp_path: Path, kind: str) -> None:
    path = copy(kind, tmp_path)
    warm = tmp_path / "warm"
    warm.mkdir()
    whole = max(p.stat().st_size for p in tmp_path.iterdir() if p.is_file())
    before = {k: v for k, v in content_of_files(tmp_path).items()}
    for size in (0, 1, whole // 2, whole - 1):
        code = CHILD.format(
            tests=str(Path(__file__).parent),
            warm=str(warm / kind),
            size=size,
            path=str(path),
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert run.stdout.startswith("ExportError cannot write"), (size, run)
        assert "File too large" in run.stdout
        assert content_of_files(tmp_path) == before
        assert sorted(os.listdir(tmp_path)) == sorted([*before, "warm"])


def content_of_files(place: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(place.iterdir()) if p.is_file()}
