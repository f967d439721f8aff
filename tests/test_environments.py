"""Where runtimes are installed, and how they come there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from corpus import mlp

import seqir
from seqir.errors import MissingPackageError
from seqir.runtimes import NAMES, environments, parse, worker
from seqir.runtimes.environments import find, install, install_line


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is called to install something, where nothing is installed."""
    monkeypatch.setenv("SEQIR_HOME", str(tmp_path))
    called: list[list[str]] = []

    def call(command: list[str], **_: Any) -> Any:
        called.append(command)
        if "--prefix" in command:
            folder = Path(command[command.index("--prefix") + 1])
            package = command[-1].rpartition("@")[0] or command[-1]
            about = folder / "node_modules" / package / "package.json"
            about.parent.mkdir(parents=True)
            about.write_text(json.dumps({"version": "1.30.0"}))
        if command[1:3] == ["-m", "venv"]:
            Path(command[3]).mkdir(parents=True)
        return SimpleNamespace(returncode=0, stdout="1.17.3\n", stderr="")

    monkeypatch.setattr(
        environments, "subprocess", SimpleNamespace(run=call, DEVNULL=0)
    )
    return called


def test_a_release_has_an_environment_of_its_own(
    commands: list[list[str]], tmp_path: Path
) -> None:
    spec = parse("onnxruntime==1.17.3")
    assert find(spec) is None
    found = install(spec)
    assert found.version == "1.17.3"
    assert Path(found.python).is_relative_to(tmp_path / "runtimes" / str(spec))
    assert find(spec) == found
    assert commands[1][-2:] == ["onnxruntime==1.17.3", "numpy<2"]
    install(parse("onnxruntime==1.20.1"))
    assert commands[4][-2:] == ["onnxruntime==1.20.1", "numpy"]
    assert find(parse("onnxruntime==1.20")) is None


def test_packages_of_npm_run_no_scripts(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/bin/{name}")
    for name, package in (
        ("onnxruntime-web", "onnxruntime-web"),
        ("onnxruntime-node==1.30.0", "onnxruntime-node@1.30.0"),
    ):
        found = install(parse(name))
        assert found.version == "1.30.0"
        assert found.python == sys.executable
        assert found.variables["SEQIR_NODE"] == "/bin/node"
        assert "--ignore-scripts" in commands[-1]
        assert commands[-1][-1] == package


def test_without_node_there_is_a_sentence(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(MissingPackageError, match=r"runs under Node\.js, which is not"):
        install(parse("onnxruntime-web"))
    node = lambda name, path=None: "/x/bin/node" if name == "node" else None  # noqa: E731
    monkeypatch.setattr(shutil, "which", node)
    with pytest.raises(
        MissingPackageError, match=r"there is no npm beside /x/bin/node"
    ):
        install(parse("onnxruntime-web"))


def test_what_cannot_be_installed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQIR_HOME", str(tmp_path))
    done = SimpleNamespace(returncode=1, stdout="", stderr="a\nERROR: No match\nb\n")
    fake = SimpleNamespace(run=lambda *a, **k: done, DEVNULL=0)
    monkeypatch.setattr(environments, "subprocess", fake)
    message = r"openvino==1\.0 cannot be installed: ERROR: No match"
    with pytest.raises(MissingPackageError, match=message):
        install(parse("openvino==1.0"))


def test_each_runtime_says_how_it_is_installed() -> None:
    for name in NAMES:
        line = install_line(parse(name))
        assert "install=True (--install)" in line
        assert ("pip install" in line) == (not parse(name).runtime.NPM)


def test_a_runtime_stands_alone(tmp_path: Path) -> None:
    """It is loaded where nothing of seqir can be imported."""
    folder = tmp_path / "elsewhere"
    shutil.copytree(Path(worker.__file__).parent, folder)
    loaded = "print(*(m for m in sys.modules if m.startswith('seqir')))"
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "import worker; sys.path.pop(0)\n"
        f"for name in {[n.replace('-', '_') for n in NAMES]}:\n"
        f"    worker.module({str(folder)!r} + '/' + name + '.py').load\n" + loaded
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=tmp_path, env={"PATH": "/usr/bin"},
    )  # fmt: skip
    assert set(run.stdout.split()) <= {
        "seqir", "seqir.runtimes", "seqir.runtimes.javascript",
    }  # fmt: skip


INSTALLED = [name for name in NAMES if find(parse(name)) and name != "onnxruntime"]


@pytest.mark.parametrize("name", INSTALLED)
def test_runtimes_that_are_installed_are_right(name: str) -> None:
    report = seqir.verify(mlp(), name)
    assert report.passed, str(report)


def test_arrays_go_to_a_process_and_back(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for array in (
        np.arange(6, dtype=ml_dtypes.bfloat16).reshape(2, 3),
        np.array(["ä", "", "long text"], object),
        np.array(True),
        np.zeros((0, 3), np.float16),
    ):
        entry = worker.encoded(tmp_path / "x.npy", array)
        back = worker.decoded(tmp_path, entry)
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)
    leaves = worker.leaves("y", [{"a": 0.5, "b": 0.25}, np.ones(2)])
    assert [name for name, _ in leaves] == ["y/0/0", "y/0/1", "y/1"]
    assert worker.leaves("y", None) == []
