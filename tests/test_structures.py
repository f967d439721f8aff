"""Models of nested inputs and outputs: kept by configurations, named in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

import seqir
from seqir import layers, nest
from seqir.cli.commands import app
from seqir.models import clone_model, load_model

ort = pytest.importorskip("onnxruntime")


class Pair(NamedTuple):
    first: Any
    second: Any


def parts() -> tuple[Any, ...]:
    x, y = (seqir.Input((3,), name=name) for name in "xy")
    return x, y, layers.Dense(2, name="d")(x), layers.Add(name="s")([x, y])


def model_of(structure: Any) -> Any:
    return seqir.Model(*structure(*parts()))


CASES: dict[str, tuple[Any, list[str], list[str]]] = {
    "dicts": (
        lambda x, y, d, s: ({"b": x, "a": y}, {"probs": d, "feat": s * 2.0}),
        ["a", "b"],
        ["feat", "probs"],
    ),
    "tuple": (lambda x, y, d, s: ([x, y], (d, s)), ["x", "y"], ["d", "s"]),
    "dicts in lists": (
        lambda x, y, d, s: ([{"a": x}, {"b": y}], [{"p": d}, (s, s * 2.0)]),
        ["a", "b"],
        ["p", "s", "multiply"],
    ),
    "lists in dicts": (
        lambda x, y, d, s: ({"q": [x, y]}, {"o": {"i": d, "j": (s, s * 2.0)}}),
        ["q/0", "q/1"],
        ["o/i", "o/j/0", "o/j/1"],
    ),
    "mixed": (lambda x, y, d, s: ((x, {"k": y}), [d, s]), ["x", "k"], ["d", "s"]),
    "equal keys": (
        lambda x, y, d, s: ({"x": y, "d": x}, {"x": d, "d": s}),
        ["d", "x"],
        ["d_1", "x_1"],
    ),
    "lists": (
        lambda x, y, d, s: ([[x], [y]], ([d], [s])),
        ["x", "y"],
        ["d", "s"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_keys_are_the_names_in_the_file(name: str, tmp_path: Path) -> None:
    structure, inputs, outputs = CASES[name]
    model = model_of(structure)
    report = model.export(tmp_path / "m.onnx")
    session = ort.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    assert [x.name for x in session.get_inputs()] == inputs
    found = [x.name for x in session.get_outputs()]
    assert [n.partition("multiply")[0] or "multiply" for n in found] == outputs
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 4, 3)).astype(np.float32)
    results = session.run(None, dict(zip(inputs, values, strict=True)))
    wanted = nest.flatten(model(nest.pack(model.input_structure, list(values))))
    for mine, its in zip(wanted, results, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-5, atol=1e-6)


def test_names_that_are_given_go_before_keys(tmp_path: Path) -> None:
    model = model_of(CASES["dicts"][0])
    model.export(
        tmp_path / "m.onnx", input_names=["one", "two"], output_names=["three", "four"]
    )
    session = ort.InferenceSession(
        tmp_path / "m.onnx", providers=["CPUExecutionProvider"]
    )
    assert [x.name for x in session.get_inputs()] == ["one", "two"]
    assert [x.name for x in session.get_outputs()] == ["three", "four"]


def test_the_command_line_names_them_so_too(tmp_path: Path) -> None:
    model = model_of(CASES["dicts"][0])
    model.save(tmp_path / "m.keras")
    model.export(tmp_path / "m.onnx")
    values = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    np.savez(tmp_path / "in.npz", a=values[0], b=values[1])
    found: list[Any] = []
    for kind in ("keras", "onnx"):
        out = tmp_path / f"{kind}.npz"
        target = str(tmp_path / f"m.{kind}")
        said = CliRunner().invoke(
            app, ["run", target, "--input", str(tmp_path / "in.npz"), "-o", str(out)]
        )
        assert said.exit_code == 0, said.output
        found.append(dict(np.load(out)))
    assert set(found[0]) == set(found[1]) == {"feat", "probs"}
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-5)


def shape_of(structure: Any) -> Any:
    return nest.map_structure(lambda tensor: tuple(tensor.shape), structure)


@pytest.mark.parametrize("name", CASES)
def test_configurations_keep_structures(name: str, tmp_path: Path) -> None:
    """Tuples are lists in JSON, as in Keras."""
    model = model_of(CASES[name][0])
    model.save(tmp_path / "m.keras")
    for twin in (type(model).from_config(model.get_config()), clone_model(model)):
        for what in ("input_structure", "output_structure"):
            assert shape_of(getattr(twin, what)) == shape_of(getattr(model, what))
    loaded = load_model(tmp_path / "m.keras")
    values = list(np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32))
    results, wanted = (m(nest.pack(m.input_structure, values)) for m in (loaded, model))
    plain = [
        json.dumps(nest.map_structure(lambda a: np.asarray(a).tolist(), found))
        for found in (results, wanted)
    ]
    assert plain[0] == plain[1]
