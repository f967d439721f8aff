"""Runs a script with Keras on JAX, in a process of its own: one has one backend."""

import os
import subprocess
import sys
from pathlib import Path

QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""Compiling is nearly all that takes time: what runs once is not worth improving."""


def run_keras(script: str | None, *arguments: Path) -> None:
    """Run the file with these arguments.

    Raises: CalledProcessError if it fails.
    """
    assert script is not None
    env = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    env["XLA_FLAGS"] = QUICK
    command = [sys.executable, "-W", "ignore", script, *map(str, arguments)]
    subprocess.run(command, env=env, check=True)
