"""Whole calls of `fit` report Keras's own numbers, and leave its weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fit_cases
import numpy as np
import pytest
from fit_cases import CASES

import seqir

UNCOMPARED = {
    # On JAX the mask of the outputs does not reach the metrics of a training, though
    # it does those of `evaluate`, which are compared.
    ("masked_words", "accuracy"),
}
HALF_PRECISION = {"mixed_float16": 2e-3, "mixed_bfloat16": 1e-2}
"""Errors of the element types that these cases compute in."""
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Keras reports, on JAX, in a process of its own; all cases at once."""
    path = tmp_path_factory.mktemp("fit") / "reported.json"
    env = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    env["XLA_FLAGS"] = QUICK  # compiling is nearly all that takes time
    script = Path(fit_cases.__file__)
    subprocess.run([sys.executable, "-W", "ignore", str(script), str(path)], env=env,
                   check=True)  # fmt: skip
    return json.loads(path.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:the data ended")
def test_fit_follows_keras(name: str, reported: dict[str, Any]) -> None:
    wanted, found = reported[name], fit_cases.run(seqir, CASES[name])
    assert set(found) == set(wanted)
    for key, values in wanted.items():
        if (name, key) not in UNCOMPARED:
            np.testing.assert_allclose(
                found[key],
                values,
                rtol=HALF_PRECISION.get(name, 1e-4),
                atol=1e-6,
                err_msg=key,
            )
