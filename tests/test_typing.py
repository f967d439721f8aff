"""Type checkers see the arguments of layers that are declared as fields."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyright")

PROGRAM = """
from seqir import layers

layers.Conv2D(3, 3, name="x", dtype="float32", trainable=False)
layers.MaxPooling2D(2, name="pool")
layers.Dense(3, "relu", activity_regularizer="l2")


class Scale(layers.Layer):
    factor: float = 1.0


Scale(2.0, name="scale", input_shape=(3,))
layers.Dense(3, unit=3)
layers.Dense()
Scale(factor="x")
"""
WRONG = {
    13: 'No parameter named "unit"',
    14: 'Argument missing for parameter "units"',
    15: '"factor" of type "float"',
}
"""Lines, counted from 0."""


@pytest.mark.slow
def test_wrong_arguments_are_found_and_right_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", str(path)],
        capture_output=True,
        text=True,
    )
    found = {
        d["range"]["start"]["line"]: d["message"]
        for d in json.loads(run.stdout)["generalDiagnostics"]
    }
    assert found.keys() == WRONG.keys()
    for line, words in WRONG.items():
        assert words in found[line]
