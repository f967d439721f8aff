"""Ten steps of a training by hand follow Keras on JAX, weight by weight."""

from __future__ import annotations

from pathlib import Path

import by_hand_cases
import numpy as np
import pytest
from beside_keras import run_keras

import seqir


@pytest.mark.slow
def test_ten_steps_follow_keras(tmp_path: Path) -> None:
    """A GAN of two optimizers, one with a gradient penalty, and a VAE."""
    path = tmp_path / "traces.npz"
    run_keras(by_hand_cases.__file__, path)
    with np.load(path) as file:
        traces = dict(file)
    worst: dict[str, float] = {}
    for case in by_hand_cases.CASES:
        for step, arrays in enumerate(by_hand_cases.with_seqir(seqir, case)):
            for i, found in enumerate(arrays):
                wanted = traces[f"{case}/{step}/{i}"]
                error = float(np.abs(found - wanted).max())
                worst[case] = max(worst.get(case, 0.0), error)
        assert f"{case}/{step}/{len(arrays)}" not in traces  # pyright: ignore[reportPossiblyUnboundVariable]
    assert max(worst.values()) < 1e-4, worst
