"""What a change must pass is the same by hand, in hooks and in the workflow."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from tools import oldest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_oldest_versions_are_those_of_the_project() -> None:
    pins = dict(pin.split("==") for pin in oldest.constraints())
    assert {"numpy", "onnx", "onnxruntime", "h5py", "pillow"} <= pins.keys()
    for wanted in PROJECT["dependencies"]:
        name, _, version = wanted.partition(">=")
        assert pins[name] == version
    # The extras of tests and examples go with them.
    for extra in ("examples", "test"):
        for wanted in PROJECT["optional-dependencies"][extra]:
            name, _, version = wanted.partition(">=")
            assert pins.get(name, version) == version, f"{wanted} in {extra}"


def test_the_workflow_runs_all_pythons_and_both_ends_of_the_versions() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    (first,) = re.findall(r">=3\.(\d+)", PROJECT["requires-python"])
    (listed,) = re.findall(r"python: \[(.*)\]", workflow)
    pythons = [int(n) for n in re.findall(r"\"3\.(\d+)\"", listed)]
    assert pythons == list(range(int(first), 15))
    assert re.findall(r"versions: (\w+)", workflow) == ["oldest", "newest"]
    assert re.findall(r"run: (.*)", workflow) == [".ci/run"] * 2


def test_unknown_versions_are_refused() -> None:
    env = {"VERSIONS": "ancient", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [ROOT / ".ci" / "run"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "VERSIONS must be oldest, newest or empty, got ancient" in done.stderr


def test_hooks_run_what_the_checks_run() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert "https://" not in hooks
    for program in ("ruff check", "ruff format", "pyright"):
        assert f"entry: .venv/bin/{program}" in hooks
        assert f".venv/bin/{program}" in (ROOT / ".ci/run").read_text()
