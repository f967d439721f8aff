"""Files of models with states: inputs and outputs, or constants."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from state_cases import last_row
from test_states import Counter, Mean

import seqir
from seqir import layers, ops
from seqir.cli.commands import app
from seqir.errors import ArgumentError, VerificationError
from seqir.network.states import ENTRY

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 2)).astype(np.float32)


def model_of(*middle: Any) -> Any:
    return seqir.Sequential([layers.Input((2,), name="x"), *middle], name="m")


def session(path: Path) -> Any:
    onnx.checker.check_model(str(path), full_check=True)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_states_are_inputs_and_outputs_of_a_file(tmp_path: Path) -> None:
    model = model_of(Counter(name="count"), last_row(seqir), layers.Dense(2, name="y"))
    model.layers[1].name = "last"
    model(X)
    path = tmp_path / "m.onnx"
    report = model.export(path)
    assert report.states == {"count/n": "i32[]", "last/row": "f32[2]"}
    assert report.state == "inputs"
    lines = str(report).splitlines()
    assert "  state    count/n i32[], last/row f32[2] (in, <name>:new out)" in lines
    assert list(report.outputs) == ["y", "count/n:new", "last/row:new"]
    assert {e.name for e in report.errors} == set(report.outputs)
    found = session(path)
    assert [i.name for i in found.get_inputs()] == ["x", "count/n", "last/row"]
    written = onnx.load(path).metadata_props
    entry = json.loads({p.key: p.value for p in written}[ENTRY])
    assert entry["count/n"] == {"new": "count/n:new", "value": 1}
    row = np.float32(entry["last/row"]["value"])
    np.testing.assert_array_equal(row, model.layers[1].row)
    state = {"count/n": np.array(1, np.int32), "last/row": row}
    for _ in range(3):
        x = RNG.normal(size=(3, 2)).astype(np.float32)
        y, *new = found.run(None, {"x": x, **state})
        np.testing.assert_allclose(y, model(x), rtol=1e-5, atol=1e-6)
        state = {name: np.asarray(a) for name, a in zip(state, new, strict=True)}
        assert state["count/n"] == int(model.layers[0].n)


def test_states_are_constants_of_a_file_that_is_asked_for(tmp_path: Path) -> None:
    model = model_of(Counter(), layers.Dense(2))
    model(X)
    path = tmp_path / "m.onnx"
    report = model.export(path, state="constant")
    assert list(report.outputs) == model.output_names
    assert "(constant)" in str(report)
    for _ in range(2):
        np.testing.assert_allclose(session(path).run(None, {"x": X})[0], model(X), 1e-5)
        model.get_layer(index=0).n.assign(1)
    assert ENTRY not in {p.key for p in onnx.load(path).metadata_props}


def test_what_a_training_alone_changes_is_no_state_of_a_file(tmp_path: Path) -> None:
    class Watched(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seen = seqir.metrics.Mean()
            self.gain = self.add_weight((2,), "ones")

        def call(self, x: Any) -> Any:
            self.seen.update_state(x)
            self.gain.assign(self.gain * 2)
            return x + self.gain

    model = model_of(Mean(), layers.BatchNormalization(), Watched())
    report = model.export(tmp_path / "m.onnx")
    assert (list(report.inputs), report.states) == (["x"], {})
    assert "state " not in str(report)


def test_names_layouts_and_preprocessing_leave_states_alone(tmp_path: Path) -> None:
    class Picture(layers.Layer):
        def build(self, shape: Any) -> None:
            self.last = self.add_weight((4, 4, 3), "zeros", trainable=False)

        def call(self, x: Any) -> Any:
            y = x - self.last
            self.last.assign(ops.mean(x, 0))
            return y

    model = seqir.Sequential(
        [layers.Input((4, 4, 3)), Picture(name="p"), layers.Conv2D(2, 3)]
    )
    report = model.export(
        tmp_path / "m.onnx",
        input_names=["a"],
        output_names=["b"],
        layout="channels_first",
        preprocess="tf",
        verify="reference",
    )
    state = "p/variable_0"
    assert report.inputs == {"a": "u8[batch, 3, 4, 4]", state: "f32[4, 4, 3]"}
    assert list(report.outputs) == ["b", f"{state}:new"]
    with pytest.raises(ArgumentError, match="'p/variable_0' is an input or output"):
        model.export(tmp_path / "m.onnx", output_names=[state])
    with pytest.raises(ArgumentError, match="state must be 'inputs' or 'constant'"):
        model.export(tmp_path / "m.onnx", state="input")


def test_verification_runs_from_the_states_that_there_are(tmp_path: Path) -> None:
    """A position that a random number would be none of."""

    class Ring(layers.Layer):
        def build(self, shape: Any) -> None:
            self.at = self.add_weight((), "zeros", "int32", trainable=False)
            self.rows = self.add_weight((3, 2), "zeros", trainable=False)

        def call(self, x: Any) -> Any:
            here = ops.one_hot(self.at, 3)[:, None]
            self.rows.assign(self.rows * (1 - here) + here * ops.mean(x, 0))
            y = x + ops.take(self.rows, self.at, axis=0)
            self.at.assign((self.at + 1) % 3)
            return y

    model = model_of(Ring(name="ring"))
    model.get_layer("ring").at.assign(2)
    assert len(model.export(tmp_path / "m.onnx").errors) == 3


def test_a_state_that_goes_wrong_is_found(tmp_path: Path, monkeypatch: Any) -> None:
    from seqir import passes

    def wrong(graph: Any, *args: Any, **kwargs: Any) -> Any:
        from dataclasses import replace

        found = run(graph, *args, **kwargs)
        names = [n for n in found.outputs if n.endswith(":new")]
        swap = {names[0]: found.outputs[names[1]], names[1]: found.outputs[names[0]]}
        return replace(found, outputs={**found.outputs, **swap})

    run = passes.run
    model = model_of(last_row(seqir), last_row(seqir), layers.Dense(2))
    monkeypatch.setattr(passes, "run", wrong)
    with pytest.raises(VerificationError, match=r"row(_1)?:new' of the file differs"):
        model.export(tmp_path / "m.onnx")


def test_states_on_the_command_line(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "import seqir as keras\n"
        "class Count(keras.layers.Layer):\n"
        "    def build(self, shape):\n"
        "        self.n = self.add_weight((), 'zeros', trainable=False, name='n')\n"
        "    def call(self, x):\n"
        "        self.n.assign_add(1.0)\n"
        "        return x + self.n\n"
        "net = keras.Sequential([keras.Input((2,), name='x'), Count(name='c')])\n"
    )
    for options, inputs in (([], ["x", "c/n"]), (["--state", "constant"], ["x"])):
        args = ["export", "net.py:net", "-o", "net.onnx", *options]
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 0, result.output
        assert [i.name for i in session(Path("net.onnx")).get_inputs()] == inputs


def test_a_slice_takes_its_states_along(tmp_path: Path) -> None:
    model = model_of(Counter(name="a"), layers.Dense(2, name="d"), Counter(name="b"))
    assert list(model.export(tmp_path / "m.onnx").states) == ["a/n", "b/n"]
    first, second = model.slice("d"), model.slice("b", "d")
    assert list(first.export(tmp_path / "1.onnx").states) == ["a/n"]
    assert list(second.export(tmp_path / "2.onnx").states) == ["b/n"]


def test_a_written_training_has_the_states(tmp_path: Path) -> None:
    model = model_of(Counter(name="count"), layers.Dense(2))
    model.compile("sgd", "mse")
    model.export_training(tmp_path / "bundle", X, X)
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    for program in ("train_step", "eval_step", "infer"):
        rows = manifest["programs"][program]["state"]
        assert [r["output"] for r in rows if r["input"] == "count/n"] == ["count/n:new"]
