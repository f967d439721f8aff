"""Whole calls of `fit` report Keras's own numbers, and leave its weights."""

from __future__ import annotations

import json
from typing import Any

import fit_cases
import numpy as np
import pytest
from beside_keras import run_keras
from fit_cases import CASES

import seqir

UNCOMPARED = {
    # On JAX the mask of the outputs does not reach the metrics of a training, though
    # it does those of `evaluate`, which are compared.
    ("masked_words", "accuracy"),
}
HALF_PRECISION = {"mixed_float16": 2e-3, "mixed_bfloat16": 1e-2}
"""Errors of the element types that these cases compute in."""


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Keras reports, on JAX, in a process of its own; all cases at once."""
    path = tmp_path_factory.mktemp("fit") / "reported.json"
    run_keras(fit_cases.__file__, path)
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
