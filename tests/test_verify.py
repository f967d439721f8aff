"""`seqir.verify`: models and files on several runtimes, compared."""

from __future__ import annotations

import json
import math
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import guide_cnn, sequence
from onnx_files import floats, model, node, saved, value
from test_cli import Outcome, fails, model_folder

import seqir
from seqir import runtimes
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    LoadError,
    MissingPackageError,
    RunError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.runtimes import Limits, compute, known, parse, process
from seqir.runtimes.environments import Environment, find
from seqir.verification.compare import compare
from seqir.verification.file import OnnxFile
from seqir.verification.precision import narrowest
from seqir.verification.types import infer

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


# Models and files.


@pytest.mark.parametrize("make", [guide_cnn, sequence])
def test_a_model_and_its_file_are_right_on_two_runtimes(
    make: Any, tmp_path: Path
) -> None:
    net = make()
    net.export(tmp_path / "m.onnx", verify=False)
    for subject in (net, tmp_path / "m.onnx"):
        report = seqir.verify(subject, on=("onnxruntime", "reference"))
        assert report.passed
        assert [r.name for r in report.runtimes] == ["onnxruntime", "reference"]
        for runtime in report.runtimes:
            (output,) = runtime.outputs
            assert runtime.verdict == "right"
            assert 0 <= output.relative < 1e-5
            assert runtime.seconds > 0
            assert runtime.version == metadata.version(
                "onnx" if runtime.name == "reference" else runtime.name
            )


def test_a_report_as_text_and_as_data() -> None:
    report = seqir.verify(sequence(), on="onnxruntime")
    text = str(report)
    assert text.startswith("model 'sequence' against its unoptimized graph, precision")
    assert "tokens i32[2, 8]" in text
    data = json.loads(json.dumps(report.to_dict()))
    assert data["passed"] is True
    assert data["runtimes"][0]["outputs"][0]["right"] is True


def linear(path: Path, **kwargs: Any) -> Path:
    shape = ("f32", ["n", 3])
    weights = {"w": floats(3, 2), "b": floats(2)}
    nodes = [node("Gemm", "x w b", "y")]
    return saved(path, nodes, {"x": shape}, {"y": ("f32", ["n", 2])}, weights, **kwargs)


def test_data_is_taken_by_name_in_order_and_alone(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    x = np.arange(12).reshape(4, 3)
    for data in ({"x": x}, [x], x):
        report = seqir.verify(path, "onnxruntime", data)
        assert report.inputs == {"x": "f32[4, 3]"}
        assert report.passed


def test_no_input_is_an_input(tmp_path: Path) -> None:
    nodes = [node("Relu", "w", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {}, {"y": ("f32", [3])}, {"w": floats(3)})
    report = seqir.verify(path, ("onnxruntime", "reference"))
    assert report.passed
    assert "inputs none" in str(report)


def test_not_a_number_equals_not_a_number(tmp_path: Path) -> None:
    nodes = [node("Sqrt", "x", "y"), node("Log", "x", "z")]
    outputs = {"y": ("f32", [4]), "z": ("f32", [4])}
    path = saved(tmp_path / "m.onnx", nodes, {"x": ("f32", [4])}, outputs)
    x = np.array([-1, 0, 1, np.inf], "f")
    assert seqir.verify(path, ("onnxruntime", "reference"), x).passed


def test_tolerance_is_that_of_the_narrowest_type(tmp_path: Path) -> None:
    def precision(nodes: Any, *weights: Any, kind: str = "f32") -> str:
        stored = {f"w{i}": w for i, w in enumerate(weights)}
        path = tmp_path / "m.onnx"
        ends = ({"x": (kind, ["n", 3])}, {"y": (kind, ["n", 3])})
        file = OnnxFile.read(saved(path, nodes, *ends, stored))
        return narrowest(file, infer(file, {"n": 2}))

    half = [node("Cast", "x", "h", to=10), node("Cast", "h", "y", to=1)]
    scale, zero = np.float32(0.1), np.uint8(3)
    steps = [
        node("QuantizeLinear", "x w0 w1", "q"),
        node("DequantizeLinear", "q w0 w1", "y"),
    ]
    assert precision([node("Relu", "x", "y")]) == "float32"
    assert precision([node("Relu", "x", "y")], kind="f64") == "float64"
    assert precision(half) == "float16"
    assert precision(steps, scale, zero) == "8 bits"
    report = seqir.verify(linear(tmp_path / "l.onnx"), "reference", tol=0.0)
    assert report.runtimes[0].outputs[0].allowed == 0


# Runtimes that fail.


HEAD = """
import os, signal, time
import numpy as np

DISTRIBUTIONS, ALSO, NEEDS = ("numpy",), (), frozenset()

def unsupported(model):
    return []
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the file of a runtime called ``fake``: `HEAD` and what it is given."""
    (tmp_path / "runtimes").mkdir()
    path = [*runtimes.__path__, str(tmp_path / "runtimes")]
    monkeypatch.setattr(runtimes, "__path__", path)
    monkeypatch.setattr(known, "NAMES", (*known.NAMES, "fake"))
    write = (tmp_path / "runtimes" / "fake.py").write_text
    write(HEAD)
    monkeypatch.delitem(sys.modules, "seqir.runtimes.fake", raising=False)
    yield lambda body: write(HEAD + body)
    sys.modules.pop("seqir.runtimes.fake", None)


def ran(fake: Any, tmp_path: Path, body: str, **kwargs: Any) -> Any:
    fake(body)
    report = seqir.verify(linear(tmp_path / "m.onnx"), "fake", **kwargs)
    assert not report.passed
    return report.runtimes[0]


def test_wrong_values_types_shapes_and_outputs_are_seen(
    fake: Any, tmp_path: Path
) -> None:
    right = np.ones((2, 2), np.float32)
    wrong: dict[str, dict[str, Any]] = {
        "is missing": {},
        "is f64[2, 2], and should be f32[2, 2]": {"y": np.ones((2, 2))},
        "is f32[2, 3], and should be f32[2, 2]": {"y": np.ones((2, 3), "f")},
        "": {"y": right * 1.01},
    }
    for fault, outputs in wrong.items():
        (output,) = compare([outputs], [{"y": right}], 1e-3)
        assert not output.right
        assert output.fault == fault
    load = "def load(model):\n    return lambda feeds: {'y': np.zeros((2, 2))}"
    runtime = ran(fake, tmp_path, load)
    assert runtime.verdict == "wrong"
    assert runtime.outputs[0].fault == "is f64[2, 2], and should be f32[2, 2]"


def test_what_a_runtime_does_not_have_is_said(fake: Any, tmp_path: Path) -> None:
    body = "def unsupported(model):\n    return ['Foo', 'Bar']\n"
    runtime = ran(fake, tmp_path, body)
    assert runtime.verdict == "refused"
    assert runtime.unsupported == ["Bar", "Foo"]
    assert runtime.reason == "it does not have Bar, Foo"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def unsupported(model):\n    raise OSError('lib')", "OSError: lib"),
        ("def load(model):\n    raise ValueError('no\\nway')", "ValueError: no way"),
        ("def load(model):\n    raise MemoryError", "it ran out of memory while it re"),
        (
            "def load(model):\n    os.kill(os.getpid(), signal.SIGSEGV)",
            r"its process crashed while it read the model \(SIGSEGV\)",
        ),
        (
            "def load(model):\n    return lambda feeds: os._exit(3)",
            "its process ended while it ran the model with code 3: nothing was said",
        ),
        (
            "def load(model):\n    return lambda feeds: time.sleep(60)",
            "its time was up after 1.5 s, while it ran the model",
        ),
    ],
)
def test_a_runtime_that_fails_is_a_sentence(
    body: str, reason: str, fake: Any, tmp_path: Path
) -> None:
    path = linear(tmp_path / "m.onnx")
    fake(body)
    environment = find(parse("fake"))
    assert environment is not None
    x = {"x": np.zeros((1, 3), "f")}
    answer = compute(environment, path, [x], limits=Limits(1.5))
    assert re.match(reason, answer.reason), answer.reason


def test_a_program_that_is_not_there() -> None:
    gone = Environment(parse("reference"), "1", "/nowhere/python")
    with pytest.raises(RunError, match=r"cannot start /nowhere/python: No such file"):
        compute(gone, Path("m.onnx"), [])


def test_a_long_reason_is_cut() -> None:
    assert process.short("a\n" * 1000) == "a " * 148 + "a..."


def test_absent_runtimes_are_reported_and_all_absent_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "openvino":
            raise metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr("seqir.runtimes.environments.metadata.version", version)
    path = linear(tmp_path / "m.onnx")
    report = seqir.verify(path, ("openvino", "onnxruntime"))
    assert report.passed
    assert report.runtimes[0].verdict == "absent"
    assert "openvino: type `pip install openvino`, or verify with" in str(report)
    with pytest.raises(MissingPackageError, match=r"none of the runtimes is installed"):
        seqir.verify(path, "openvino")


# What cannot be verified.


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ("openvno", r"there is no runtime 'openvno' here.* Did you mean 'openvino'\?"),
        ("openvino==", r"'openvino==' does not end in a release"),
        ([3], r"a runtime is given by its name, such as 'openvino', not by 3"),
        ([], r"on names no runtime; there are onnxruntime, reference"),
    ],
)
def test_unknown_runtimes(on: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        seqir.verify("m.onnx", on)


def test_files_that_are_not_models(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(LoadError, match=r"there is no file .*m\.onnx"):
        seqir.verify(path)
    path.write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(CorruptFileError, match=r"m\.onnx is no ONNX model"):
        seqir.verify(path)
    path.write_bytes(b"")
    with pytest.raises(CorruptFileError, match=r"is no ONNX model: it has no graph"):
        seqir.verify(path)
    path.write_bytes(model([], {}, {}).SerializeToString())
    with pytest.raises(CorruptFileError, match=r"not an ONNX model: it has no output"):
        seqir.verify(path)


@pytest.mark.parametrize("location", ["", "/etc/passwd", "../w", "a/../../w", "C:\\w"])
def test_weights_from_outside_of_the_folder(location: str, tmp_path: Path) -> None:
    proto = onnx.load(linear(tmp_path / "m.onnx"))
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = weight.EXTERNAL
    weight.external_data.add(key="location", value=location)
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UnsafeFileError, match="which is not in the folder of the"):
        OnnxFile.read(tmp_path / "m.onnx")


def test_weights_that_are_gone(tmp_path: Path) -> None:
    proto = onnx.load(linear(tmp_path / "a.onnx"))
    path = tmp_path / "m.onnx"
    onnx.save(
        proto, path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    assert seqir.verify(path, "onnxruntime").passed
    (tmp_path / "w.bin").unlink()
    with pytest.raises(LoadError, match=r"'w' lies in 'w\.bin', which is not"):
        seqir.verify(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"z": 1}, r"the model has no input 'z'; its inputs are 'x', 'm'"),
        ({"x": np.zeros((2, 3))}, r"data also needs 'm'"),
        ([np.zeros((2, 3))], r"data has 1 arrays, the inputs are 'x', 'm'"),
        ([np.zeros(3), np.ones(2)], r"input 'x' has rank 1 .*, the model wants rank 2"),
        ([np.zeros((2, 4)), np.ones(2)], r"'x' has shape .*4.*, the model wants"),
        ([np.zeros((2, 3)), np.ones(3)], r"the size 'n' is 2 in input 'x' and 3 in"),
        ([np.full((2, 3), "a"), np.ones(2)], r"input 'x' is text, the model wants fl"),
    ],
)
def test_data_that_does_not_fit(data: Any, message: str, tmp_path: Path) -> None:
    nodes = [node("Mul", "x w", "a"), node("ReduceSum", "a", "s", keepdims=0)]
    nodes += [node("Add", "m s", "y")]
    path = saved(
        tmp_path / "m.onnx",
        nodes,
        {"x": ("f32", ["n", 3]), "m": ("f32", ["n"])},
        {"y": ("f32", ["n"])},
        {"w": floats(3)},
    )
    with pytest.raises(ArgumentError, match=message):
        seqir.verify(path, "onnxruntime", data)


def test_inputs_that_no_array_is(tmp_path: Path) -> None:
    def reading(proto: Any) -> None:
        path = tmp_path / "m.onnx"
        path.write_bytes(proto.SerializeToString())
        seqir.verify(path, "onnxruntime")

    ends = {"x": ("f32", [2])}, {"y": ("f32", [2])}
    proto = model([node("Identity", "x", "y")], *ends)
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(UnsupportedError, match=r"does not say the rank of input 'x'"):
        reading(proto)
    proto.graph.input[0].type.sequence_type.elem_type.CopyFrom(
        value("e", "f32", [2]).type
    )
    with pytest.raises(UnsupportedError, match=r"input 'x' is a sequence, and verif"):
        reading(proto)
    proto = model([node("Cast", "x", "y", to=1)], *ends)
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT8E5M2
    with pytest.raises(UnsupportedError, match=r"input 'x' is float8_e5m2, which cann"):
        reading(proto)


def test_data_of_types_that_no_array_has(tmp_path: Path) -> None:
    ends = {"x": ("f32", [2])}, {"y": ("f32", [2])}
    proto = model([node("Cast", "x", "y", to=1)], *ends)
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT8E5M2
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ArgumentError, match=r"'x' is float8_e5m2, which no array of N"):
        seqir.verify(tmp_path / "m.onnx", "reference", [np.ones(2)])


def test_without_onnxruntime_nothing_says_what_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqir.verification.compared.find", lambda spec: None)
    with pytest.raises(MissingPackageError, match="which is not installed; type `pip"):
        seqir.verify(linear(tmp_path / "m.onnx"), "reference")


def test_what_onnxruntime_cannot_run(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    ends = {"x": ("f32", [2])}, {"y": ("f32", [2])}
    saved(path, [node("Foo", "x", "y", domain="d")], *ends, domains=["d"])
    with pytest.raises(RunError, match=r"m\.onnx with inputs that were drawn.*Foo"):
        seqir.verify(path, "reference")
    with pytest.raises(RunError, match=r"m\.onnx with the data: .*Foo"):
        seqir.verify(path, "reference", [np.ones(2)])
    with pytest.raises(ArgumentError, match=r"tol is -1; an error is 0 or more"):
        seqir.verify(path, "reference", tol=-1)


# Comparing.


def test_errors_in_values_between() -> None:
    one = np.array([1.0, -2.0, 0.0], np.float32)
    next_ = np.nextafter(one, np.float32(np.inf))
    (output,) = compare([{"y": next_}], [{"y": one}], 1e-3)
    assert (output.ulp, output.right) == (1, True)
    assert output.relative == np.float32(2**-23) / 2
    (output,) = compare([{"y": -one}], [{"y": one}], 1e-3)
    assert not output.right
    (output,) = compare([{"y": one * np.nan}], [{"y": one}], 1e-3)
    assert not output.right
    assert math.isnan(output.absolute)


def test_integers_and_texts_are_equal_or_wrong() -> None:
    whole = np.arange(4)
    for a, b in ((whole, whole[::-1]), (whole.astype(str), whole[::-1].astype(str))):
        (output,) = compare([{"y": a}], [{"y": b}], 1e-3)
        assert (output.ulp, output.right) == (4, False)
        assert compare([{"y": a}], [{"y": a}], 1e-3)[0].right
    near = whole.astype(np.uint8)
    (output,) = compare([{"y": near + np.uint8(1)}], [{"y": near * np.uint8(20)}], 0.1)
    assert not output.right
    far = near * np.uint8(20)
    assert compare([{"y": far + np.uint8(1)}], [{"y": far}], 0.1)[0].right


# The command.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    yield from model_folder(tmp_path, monkeypatch)


def test_the_command_verifies_models_and_files(folder: Path) -> None:
    linear(folder / "m.onnx")
    found = Outcome("verify", "model.py:net", "--on", "onnxruntime", "--json").json
    assert found["runtimes"][0]["verdict"] == "right"
    np.save(folder / "x.npy", np.ones((5, 3)))
    found = Outcome(
        "verify",
        "m.onnx",
        "--on",
        "onnxruntime,reference",
        "--input",
        "x.npy",
        "--json",
    ).json
    assert found["inputs"] == {"x": "f32[5, 3]"}
    assert len(found["runtimes"]) == 2
    text = Outcome("verify", "m.onnx", "--on", "reference").out
    assert text.startswith("m.onnx against onnxruntime without optimizations")
    assert "right" in text


def test_the_command_fails_where_a_runtime_is_wrong(fake: Any, folder: Path) -> None:
    fake("def load(model):\n    return lambda f: {'y': np.zeros((2, 2), 'f')}")
    linear(folder / "m.onnx")
    outcome = Outcome("verify", "m.onnx", "--on", "fake")
    assert outcome.code == 1
    assert "wrong" in outcome.out
    code, text = fails("verify", "m.onnx", "--on", "opnvino")
    assert code == 2
    assert "Did you mean 'openvino'?" in text
    code, text = fails("verify", "none.onnx")
    assert code == 2
    assert text == "there is no file none.onnx"
