"""Adding to the package: an operator, a reduction, a loss, one file each.

In a copy of the package, where nothing else is changed.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import seqir
from seqir.ops import rules

ROOT = Path(seqir.__file__).parent
CUBE = '''
@dataclass(frozen=True)
class Cube(Unary):
    """y = x * x * x. Source: none, ONNX has no such operator."""

    name: ClassVar[str] = "cube"

    def compute(self, x: Array) -> Array:
        return x * x * x

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        (x,) = operands
        return (emit("Mul", emit("Mul", x, x), x),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * (x * x * 3.0),)


OPERATORS = (Cube, *OPERATORS)
'''
L1 = """REDUCTIONS["l1"] = Reduction(
    "ReduceL1",
    lambda x, axes, keepdims: np.sum(np.abs(x), axes, keepdims=keepdims),
    "float",
    lambda ops, g, y, x, axes: g * ops.sign(x),
)
"""
WORST = '''
def worst_error(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """max(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.max(ops.absolute(y_true - y_pred), axis=-1)


class WorstError(LossFunctionWrapper):
    """The largest of the errors of a sample."""

    fn = staticmethod(worst_error)
    name = "worst_error"


__all__ += ["WorstError", "worst_error"]
'''
USE = """
import numpy as np
import seqir
from seqir import autodiff, layers, ops
from seqir.ir import evaluate
from seqir.operators.activation import Cube
from seqir.operators.reduce import Reduce
from seqir.ops.apply import apply

assert Cube in ops.ALL

class Both(layers.Layer):
    def call(self, x):
        return apply(Reduce("l1", (1,)), apply(Cube(), x))

x = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], np.float32)
model = seqir.Sequential([seqir.Input((3,), name="x"), Both(name="both")])
np.testing.assert_allclose(model(x), np.abs(x**3).sum(1), rtol=1e-6)
model.export("both.onnx")  # which is verified
graph = autodiff.gradient_graph(model.graph(), ["x"])
slope = evaluate(graph, {"x": x})["d/x"]
np.testing.assert_allclose(slope, np.sign(x) * 3 * x**2, rtol=1e-5)
"""
USE_LOSS = """
import numpy as np
import seqir
from seqir import layers, losses

assert losses.get("worst_error") is losses.worst_error
loss = losses.get(losses.serialize(losses.WorstError()))
assert float(loss([[0.0, 1.0], [2.0, 2.0]], [[0.5, 3.0], [2.0, 1.0]])) == 1.5
model = seqir.Sequential([seqir.Input((3,)), layers.Dense(2)])
model.compile("sgd", "worst_error")
model.fit(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package."""
    there = tmp_path / "seqir"
    shutil.copytree(ROOT, there, ignore=shutil.ignore_patterns("__pycache__"))
    return there


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + "\n" + text)


def run(folder: Path, code: str) -> None:
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def test_an_operator_is_one_class_and_a_reduction_one_row(copy: Path) -> None:
    append(copy / "operators" / "activation.py", CUBE)
    append(copy / "operators" / "reduce.py", L1)
    run(copy.parent, USE)


def test_a_loss_is_a_function_and_a_class_of_one_file(copy: Path) -> None:
    append(copy / "losses" / "regression.py", WORST)
    run(copy.parent, USE_LOSS)


@pytest.mark.parametrize("path", sorted((ROOT / "operators").glob("*.py")))
def test_rules_are_written_with_functions_that_are_there(path: Path) -> None:
    """And no operator imports one: `ops` is an argument."""
    text = path.read_text()
    assert not re.search(r"^\s*(from|import) seqir\.ops\b", text, re.MULTILINE)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            assert name != "ops" or hasattr(rules, node.attr), f"ops.{node.attr}"
