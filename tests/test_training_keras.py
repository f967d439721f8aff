"""Ten steps of a training follow Keras's own, weight by weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import training_cases
from beside_keras import run_keras
from training_cases import CASES

import seqir


@pytest.mark.slow
def test_ten_steps_follow_keras(tmp_path: Path) -> None:
    """Keras trains on JAX, in a process of its own; all cases at once."""
    path = tmp_path / "traces.npz"
    run_keras(training_cases.__file__, path)
    with np.load(path) as file:
        traces = dict(file)
    worst: dict[str, float] = {}
    for name, optimizer in CASES:
        for step, arrays in enumerate(training_cases.train(seqir, name, optimizer)):
            for i, found in enumerate(arrays):
                wanted = traces[f"{name}/{optimizer}/{step}/{i}"]
                scale = max(float(np.abs(wanted).max()), 1e-3)
                error = float(np.abs(found - wanted).max()) / scale
                case = f"{name} with {optimizer}"
                worst[case] = max(worst.get(case, 0.0), error)
    assert len(worst) == len(CASES)
    assert max(worst.values()) < 1e-4, worst
