"""Ten steps of a training follow Keras's own, weight by weight."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import training_cases
from training_cases import CASES

import seqir


@pytest.fixture(scope="module")
def keras_traces(tmp_path_factory: Any) -> Any:
    """What Keras makes of all the cases, on JAX, in a process of its own."""
    path = tmp_path_factory.mktemp("keras") / "traces.npz"
    env = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    script = Path(training_cases.__file__)
    subprocess.run([sys.executable, str(script), str(path)], env=env, check=True)
    with np.load(path) as file:
        return dict(file)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "optimizer"), CASES)
def test_ten_steps_follow_keras(keras_traces: Any, name: str, optimizer: str) -> None:
    trace = training_cases.train(seqir, name, optimizer)
    for step, arrays in enumerate(trace):
        for i, found in enumerate(arrays):
            wanted = keras_traces[f"{name}/{optimizer}/{step}/{i}"]
            scale = max(float(np.abs(wanted).max()), 1e-3)
            error = float(np.abs(found - wanted).max()) / scale
            assert error < 1e-4, f"step {step}, array {i}: {error:.2e}"
