"""Verification of exported files sees what is wrong, and only that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import seqir
from seqir import applications, layers, ops, passes
from seqir.errors import RunError, VerificationError
from seqir.export.draws import Draws, trial_sizes
from seqir.export.verify import (
    Case,
    _Judge,
    tolerances_of,
    verify_file,
)
from seqir.ir import evaluate
from seqir.network.base import arrays_of
from seqir.operators.taps import Taps


def naive(model: seqir.Model) -> Any:
    graph, variables = model.trace_graph()
    return passes.bind(graph, arrays_of(variables))


def with_weight(path: Path, name: str, change: Any) -> None:
    """Change an initializer of a file."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == name:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(change(array), name))
    onnx.save(model, path)


def stack(*members: Any) -> seqir.Sequential:
    seqir.utils.set_random_seed(0)
    return seqir.Sequential(list(members))


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_all_rows_of_a_table_are_looked_at(dtype: str, tmp_path: Path) -> None:
    model = stack(seqir.Input((50,), dtype=dtype), layers.Embedding(20, 3, name="e"))
    model.export(tmp_path / "m.onnx")

    def damaged(table: Any) -> Any:
        return np.where(np.arange(20)[:, None] < 10, table, 0)

    with_weight(tmp_path / "m.onnx", "e/embeddings", damaged)
    with pytest.raises(VerificationError, match="differs from the model"):
        verify_file(tmp_path / "m.onnx", naive(model), reference=False)


def test_whole_numbers_for_one_hot_are_drawn_from_its_depth() -> None:
    ids = seqir.Input((40,), dtype="int64")
    hot = seqir.Model(ids, ops.one_hot(ids, 7))
    graph = naive(hot)
    (drawn,) = Draws(graph, {"batch": 2})({"batch": 2}, 1.0).values()
    assert set(drawn.ravel()) == set(range(7))


@pytest.mark.parametrize("seed", range(6))
def test_half_precision_inside_is_allowed_what_it_rounds(
    seed: int, tmp_path: Path
) -> None:
    seqir.utils.set_random_seed(seed)
    model = seqir.Sequential(
        [
            seqir.Input((16, 16, 3)),
            layers.Conv2D(32, 3, activation="relu", dtype="mixed_float16"),
            layers.Conv2D(32, 3, activation="relu", dtype="mixed_float16"),
            layers.GlobalAveragePooling2D(dtype="mixed_float16"),
            layers.Dense(10, dtype="mixed_float16"),
            layers.Activation("softmax", dtype="float32", name="scores"),
        ]
    )
    model.export(tmp_path / "m.onnx")
    assert tolerances_of(naive(model)) == {"scores": 2e-2}


def test_the_tolerance_of_an_output_is_not_that_of_another() -> None:
    x = seqir.Input((4,))
    half = layers.Activation("relu", dtype="float16", name="half")(x)
    both = [layers.Activation("tanh", name="full")(x), half]
    assert tolerances_of(naive(seqir.Model(x, both))) == {"full": 2e-4, "half": 2e-2}


def test_sizes_are_solved_from_the_rules_for_shapes(tmp_path: Path) -> None:
    model = stack(
        seqir.Input((None, 2)),
        layers.AveragePooling1D(100),
        layers.Conv1D(2, 100, name="last"),
    )
    usual, least, *others = trial_sizes(naive(model))
    assert usual["time"] >= least["time"] == 10_000
    assert {sizes["time"] % 100 for sizes in others} >= {1, 2}
    assert model.export(tmp_path / "m.onnx").errors[0].relative < 1e-6


def test_every_remainder_of_a_stride_is_tried() -> None:
    model = stack(
        seqir.Input((None, None, 1)),
        layers.Conv2D(1, 3, strides=(5, 3), padding="same"),
        layers.MaxPooling2D(2, padding="same"),
    )
    tried = trial_sizes(naive(model))
    assert len(tried) <= 9
    assert {sizes["height"] % 5 for sizes in tried} == set(range(5))
    assert {-(-sizes["width"] // 3) % 2 for sizes in tried} == {0, 1}


def test_wrong_pads_of_some_sizes_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Taps, "padded_by_hand", lambda *_: False)
    model = stack(
        seqir.Input((None, 2)), layers.Conv1D(2, 3, strides=6, padding="same")
    )
    with pytest.raises((VerificationError, RunError)):
        model.export(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def inverted(width: float) -> seqir.Model:
    return applications.MobileNetV2(
        (32, 32, 3), alpha=width, weights=None, classes=10, name="net"
    )


@pytest.mark.parametrize("name", ["Conv1/kernel", "Conv_1/kernel"])
def test_a_missing_weight_of_a_model_that_says_nothing_yet_is_seen(
    name: str, tmp_path: Path
) -> None:
    seqir.utils.set_random_seed(0)
    model = inverted(0.35)
    model.export(tmp_path / "m.onnx")
    with_weight(tmp_path / "m.onnx", name, np.zeros_like)
    with pytest.raises(VerificationError, match=f"weight '{name}' of the file"):
        verify_file(tmp_path / "m.onnx", naive(model), reference=False)


def test_a_wrong_pass_over_a_model_that_says_nothing_yet_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silenced(graph: Any) -> Any:
        from seqir.ir import FrozenArray, replay
        from seqir.operators.constant import Constant

        def visit(b: Any, node: Any, operands: Any) -> Any:
            frozen = node.op.constant
            if frozen is None or frozen.label != "Conv1/kernel":
                return None
            zeros = np.zeros_like(frozen.array)
            return [b(Constant(FrozenArray(zeros, frozen.label)))]

        return replay(graph, visit)

    monkeypatch.setattr(passes, "INFERENCE", (silenced, *passes.INFERENCE))
    seqir.utils.set_random_seed(0)
    with pytest.raises(VerificationError, match="differs from the model"):
        inverted(0.35).export(tmp_path / "m.onnx")


def test_inputs_are_drawn_in_the_range_of_the_model() -> None:
    mean, deviation = np.array([9.0, -4.0, 100.0]), np.array([2.0, 0.5, 30.0])
    known = layers.Normalization(mean=mean, variance=deviation**2)
    batch = layers.BatchNormalization(epsilon=0.0)
    front = stack(seqir.Input((8, 9, 3)), batch, layers.Conv2D(2, 3))
    batch.set_weights([np.ones(3), np.zeros(3), mean, deviation**2])
    for model, centre, unit in (
        (stack(seqir.Input((8, 9, 3)), layers.Rescaling(1 / 255)), 0.0, 255.0),
        (stack(seqir.Input((8, 9, 3)), layers.Rescaling(2.0, -1.0)), 0.5, 0.5),
        (stack(seqir.Input((8, 9, 3)), known), mean, deviation),
        (front, mean, deviation),
        (stack(seqir.Input((8, 9, 3)), layers.ReLU()), 0.0, 1.0),
    ):
        sizes = {"batch": 4}
        (x,) = Draws(naive(model), sizes)(sizes, 1.0).values()
        u = (x - centre) / unit
        assert u.shape == (4, 8, 9, 3)
        assert -1.001 < u.min() < -0.95 < 0.95 < u.max() < 1.001
        assert (np.abs(u.mean((0, 1, 2))) < 0.15).all()


def test_where_the_file_and_the_model_differ_float64_judges() -> None:
    model = stack(seqir.Input((4,), name="x"), layers.Dense(3, name="y"))
    graph = naive(model)
    feeds = {"x": np.linspace(-1, 1, 8, dtype="f").reshape(2, 4)}
    exact = evaluate(graph, feeds)["y"]
    case = Case(feeds, {"y": exact * np.float32(1.001)})
    judge = _Judge(graph, [case])
    judge.compare(case, {"y": exact})
    assert judge.errors["y"].relative < 1e-6
    with pytest.raises(VerificationError, match="differs from the model by"):
        judge.compare(case, {"y": exact * np.float32(0.997)})
    with pytest.raises(VerificationError, match=r"is float32\[2, 2\], the model's is"):
        judge.compare(case, {"y": exact[:, :2]})
