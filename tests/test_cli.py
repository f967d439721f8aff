"""The command line: help, targets, errors, summary and export."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import seqir
from seqir import runtime
from seqir.cli.commands import app

ort = pytest.importorskip("onnxruntime")

MODEL = """
import numpy as np
import seqir as keras
from seqir import layers

print("hello from the model file")
keras.utils.set_random_seed(1)

net = keras.Sequential(
    [
        keras.Input((9, 12, 3), name="image"),
        layers.Rescaling(1 / 255, name="scale"),
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalMaxPooling2D(name="pool"),
        layers.Dense(2, name="scores"),
    ],
    name="net",
)

def make():
    return keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="made")

def sized(n, m=1):
    return make()

def wrong():
    return 3

def fails():
    keras.Sequential([keras.Input((4,)), layers.Conv2D(2, 3)])

def crashes():
    return [1, 2][5]

left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
two = keras.Model([left, right], layers.Add(name="sum")([left, right]), name="two")

unbuilt = keras.Sequential([layers.Dense(2)], name="unbuilt")

bad = keras.Sequential([keras.Input((2,)), layers.Dense(1, name="d")], name="bad")
bad.layers[0].set_weights([np.full((2, 1), np.nan), np.zeros(1)])

class Holder:
    inner = net

number = 4
"""


def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `MODEL`, which is the current one."""
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield tmp_path
    runtime.set_threads(None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from model_folder(tmp_path, monkeypatch)


class Outcome:
    def __init__(self, *args: str) -> None:
        result = CliRunner().invoke(app, args)
        self.code = result.exit_code
        self.out = result.stdout
        # What the user's file prints must not be in the way.
        self.err = result.stderr.replace("hello from the model file\n", "")

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


def fails(*args: str) -> tuple[int, str]:
    """Exit code and the one line that a failing command prints."""
    outcome = Outcome(*args)
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("seqir: error: ")
    return outcome.code, lines[0].removeprefix("seqir: error: ")


# Help.


@pytest.mark.parametrize("name", sorted(app.commands))
def test_help_has_examples_and_exit_codes(name: str) -> None:
    out = Outcome(name, "--help").out
    assert f"  seqir {name}" in out
    for line in ("  0  done", "  1  it failed", "  2  bad usage", "  3  this machine"):
        assert line in out
    assert "--json" in out
    assert "--debug" in out
    assert max(map(len, out.splitlines())) <= 88


def test_help_of_the_program() -> None:
    alone, asked = Outcome(), Outcome("--help")
    assert alone.code == asked.code == 0
    assert alone.out == asked.out == Outcome("-h").out
    assert "_SEQIR_COMPLETE=bash_source" in asked.out
    assert "model.py:net" in asked.out
    assert [n for n in app.commands if f"  {n} " not in asked.out] == []


def test_examples_in_help_parse() -> None:
    for name, command in app.commands.items():
        for example in command.examples:  # pyright: ignore[reportAttributeAccessIssue]
            words = re.sub(r" \|.*", "", example).replace("'", "").split()
            assert words[:2] == ["seqir", name]
            command.make_context(name, words[2:])


def test_version() -> None:
    assert Outcome("--version").out == f"seqir {seqir.__version__}\n"


# Targets.


def test_what_the_file_prints_goes_to_stderr(folder: Path) -> None:
    result = CliRunner().invoke(app, ["summary", "model.py:net", "--json"])
    assert json.loads(result.stdout)["name"] == "net"
    assert result.stderr == "hello from the model file\n"


@pytest.mark.parametrize(
    "target", ["model.py:net", "model:net", "model.py:Holder.inner", "./model.py:net"]
)
def test_targets(folder: Path, target: str) -> None:
    sys.modules.pop("model", None)
    assert Outcome("summary", target, "--json").json["name"] == "net"


def test_function_and_absolute_path_as_target(folder: Path) -> None:
    target = f"{folder / 'model.py'}:make"
    assert Outcome("summary", target, "--json").json["name"] == "made"


def test_module_in_a_package_as_target(folder: Path) -> None:
    (folder / "pkg_of_test_cli").mkdir()
    (folder / "pkg_of_test_cli" / "nets.py").write_text(MODEL)
    out = Outcome("summary", "pkg_of_test_cli.nets:make", "--json")
    assert out.json["name"] == "made"


def test_a_file_may_import_its_neighbour(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "neighbour_of_test_cli.py").write_text(MODEL)
    (folder / "sub" / "main.py").write_text("from neighbour_of_test_cli import net")
    assert Outcome("summary", "sub/main.py:net", "--json").json["name"] == "net"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("model.py:nett", "model.py has no object 'nett'. Did you mean 'net'? models "
         "there: net, make, wrong, fails, crashes, two, unbuilt, bad"),
        ("model.py:net.x", "model.py has no object 'net.x'. Did you mean 'net'?"),
        ("model.py", "which object of model.py? write model.py:NAME; models there: "),
        ("model.py:", "which object of model.py? write model.py:NAME"),
        ("mdl.py:net", "there is no file mdl.py"),
        ("no_such_module:net", "there is no module 'no_such_module', and no file"),
        ("what is this", "'what is this' is neither a file nor a module; a target is "
         "written model.py:net"),
        ("model.py:number", "model.py:number is of type int, no model; models there"),
        ("model.py:sized", "model.py:sized needs the arguments n; a target is"),
        ("model.py:wrong", "model.py:wrong() returned an object of type int, no model"),
        ("model.py:fails", "model.py:30: Input 0 of layer 'conv2d' is incompatible"),
        ("model.py:crashes", "model.py:33: IndexError: list index out of range"),
        ("model.py:unbuilt", "model 'unbuilt' is not built yet and has no summary: "
         "call it on an array"),
        ("net.onnx", "there is no file net.onnx"),
        ("data.bin:net", "data.bin is not a Python file"),
    ],
)  # fmt: skip
def test_bad_targets(folder: Path, target: str, message: str) -> None:
    (folder / "data.bin").write_bytes(b"\0")
    code, line = fails("summary", target)
    assert line.startswith(message)
    assert code == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\ny = x +\n", "bad.py:2: SyntaxError: invalid syntax"),
        ("x = 1\n\n1 / 0\n", "bad.py:3: ZeroDivisionError: division by zero"),
        ("import no_such_thing", "bad.py:1: ModuleNotFoundError: No module named "
         "'no_such_thing'"),
        ("def f():\n    raise ValueError('a\\nb')\nf()", "bad.py:2: ValueError: a b"),
        ("raise SystemExit(4)", "bad.py ended the program while it was imported (exit "
         "code 4)"),
        ("x = 3", "bad.py has no object 'net'. there is no model in it"),
    ],
)  # fmt: skip
def test_errors_in_the_file_name_its_line(
    folder: Path, source: str, message: str
) -> None:
    (folder / "bad.py").write_text(source)
    assert fails("summary", "bad.py:net") == (2, message)


def test_debug_shows_the_traceback(folder: Path) -> None:
    outcome = Outcome("summary", "model.py:crashes", "--debug")
    assert outcome.code == 2
    assert outcome.err.startswith("Traceback")
    assert "in crashes" in outcome.err
    assert outcome.err.splitlines()[-1] == (
        "seqir: error: model.py:33: IndexError: list index out of range"
    )


def test_an_error_that_is_nobodys_fault_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr("seqir.model.base.Model.summary", broken)
    code, line = fails("summary", "model.py:net")
    assert code == 1
    assert line == "unexpected KeyError: 'x' (--debug shows where)"


def test_interrupt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seqir.model.base.Model.summary", stop)
    outcome = Outcome("summary", "model.py:net")
    assert outcome.code == 130
    assert outcome.err.strip() == "seqir: interrupted"


# Usage errors.


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("exprt",), "No such command 'exprt'"),
        (("summary",), "Missing argument 'TARGET'; see `seqir summary --help`"),
        (("summary", "a:b", "--jsn"), "No such option"),
        (("export", "a:b"), "Missing option '-o' / '--output'"),
        (("export", "a:b", "-o", "x.onnx", "--layout", "x"), "Invalid value for '--la"),
        (("export", "a:b", "-o", "x.onnx", "--opset", "x"), "Invalid value for '--ops"),
        (
            ("export", "a:b", "-o", "x.onnx", "--no-verify", "--verify-reference"),
            "--no-verify and --verify-reference exclude each other",
        ),
        (("run", "a:b", "--batch-size", "0"), "Invalid value for '--batch-size'"),
    ],
)
def test_usage_errors(args: tuple[str, ...], message: str) -> None:
    code, line = fails(*args)
    assert code == 2
    assert message in line
    assert "--help`" in line


# summary.


def test_summary_as_json(folder: Path) -> None:
    found = Outcome("summary", "model.py:net", "--json").json
    assert found["total_params"] == 3 * 3 * 3 * 4 + 4 + 4 * 2 + 2
    assert [r["name"] for r in found["rows"]] == ["scale", "conv", "pool", "scores"]
    assert found["rows"][1]["output_shape"] == [None, 7, 10, 4]


def test_summary_as_text(folder: Path) -> None:
    rich, plain = Outcome("summary", "model.py:net"), None
    assert 'Model: "net"' in rich.out
    assert "Total params: 122" in rich.out
    plain = Outcome("summary", "model.py:net", "--plain", "--cost", "--trainable")
    assert "====" in plain.out
    assert "┏" not in plain.out
    assert "Multiply-accumulates" in plain.out


# export.


def test_export(folder: Path) -> None:
    outcome = Outcome("export", "model.py:net", "-o", "net.onnx")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("net.onnx: ")
    assert "verified scores: largest error" in outcome.out
    session = ort.InferenceSession("net.onnx")
    assert [x.name for x in session.get_inputs()] == ["image"]
    assert [y.name for y in session.get_outputs()] == ["scores"]


def test_export_for_a_target(folder: Path) -> None:
    args = ("export", "model.py:two", "-o", "two.onnx", "--target", "mobile", "--json")
    assert {*Outcome(*args).json["inputs"].values()} == {"f32[1, 3]"}


def test_export_options(folder: Path) -> None:
    report = Outcome(
        "export", "model.py:two", "-o", "two.onnx", "--opset", "20", "--batch", "3",
        "--input-name", "a", "--input-name", "b", "--output-name", "c",
        "--external-data", "--metadata", "author=me", "--metadata", "note=x=y",
        "--verify-reference", "--json",
    ).json  # fmt: skip
    assert report["opset"] == 20
    assert report["inputs"] == {"a": "f32[3, 3]", "b": "f32[3, 3]"}
    assert report["outputs"] == {"c": "f32[3, 3]"}
    assert report["verified"] == "reference"
    assert report["files"] == ["two.onnx", *glob("two.onnx.*.data")]
    assert len(report["files"]) == 2
    session = ort.InferenceSession("two.onnx")
    meta = session.get_modelmeta().custom_metadata_map
    assert meta["author"] == "me"
    assert meta["note"] == "x=y"


def test_export_layout_and_named_batch(folder: Path) -> None:
    report = Outcome(
        "export", "model.py:net", "-o", "n.onnx", "--layout", "channels_first",
        "--batch", "n", "--no-verify", "--json",
    ).json  # fmt: skip
    assert report["inputs"] == {"image": "f32[n, 3, 9, 12]"}
    assert report["verified"] == "no"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("net", "-o", "net.txt"), 2, "the file must end in .onnx, got 'net.txt'"),
        (("net", "-o", "no/net.onnx"), 1, "cannot write no/net.onnx: there is no fold"),
        (("net", "-o", "n.onnx", "--opset", "3"), 2, "opset must be from 17 to "),
        (("net", "-o", "n.onnx", "--batch", "0"), 2, "batch must be an integer"),
        (("net", "-o", "n.onnx", "--batch", "-1"), 2, "batch must be an integer"),
        (("net", "-o", "n.onnx", "--metadata", "x"), 2, "--metadata takes KEY=VALUE"),
        (("net", "-o", "n.onnx", "--metadata", "x=1", "--metadata", "x=2"), 2,
         "--metadata has 'x' twice"),
        (("net", "-o", "n.onnx", "--input-name", "a", "--input-name", "b"), 2,
         "input_names has 2 names, the model has 1 inputs"),
        (("two", "-o", "n.onnx", "--layout", "channels_first"), 1, "layout='channels_"),
        (("bad", "-o", "n.onnx"), 1, "output 'd' is not finite because weight "
         "'d/kernel' holds NaN"),
        (("unbuilt", "-o", "n.onnx"), 2, "model 'unbuilt' is not built yet"),
    ],
)  # fmt: skip
def test_export_errors(
    folder: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    found, line = fails("export", f"model.py:{args[0]}", *args[1:])
    assert line.startswith(message)
    assert found == code
    assert not list(folder.glob("*.onnx"))
