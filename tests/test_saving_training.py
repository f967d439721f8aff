"""What Keras began to train seqir ends, and the other way round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import saving_cases
from beside_keras import run_keras

import seqir


@pytest.mark.slow
def test_a_training_goes_on_in_the_other_library(tmp_path: Path) -> None:
    """The numbers are those of a training that never moved."""
    saving_cases.begin(seqir, tmp_path, "seqir")
    run_keras(saving_cases.__file__, tmp_path)
    with np.load(tmp_path / "errors.npz") as file:
        errors = {name: float(error) for name, error in file.items()}
    errors |= saving_cases.end(seqir, tmp_path, "keras")
    assert len(errors) == 2 * len(saving_cases.CASES) - 2  # .h5 goes one way
    assert max(errors.values()) < 1e-4, errors
