"""Devices that work or do not, and the package of ONNX Runtime itself."""

import json
import os
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
from test_runtime import adder

from seqir.errors import (
    ArgumentError,
    DeviceError,
    MissingPackageError,
    SeqirError,
)
from seqir.runtime import (
    Device,
    Session,
    device,
    engine,
    refusal,
    report,
    resolve,
)
from seqir.runtime.probe import PROBE

pytest.importorskip("onnxruntime")


@pytest.fixture
def no_probes(monkeypatch):
    """Forget what other tests found out about devices, and forget it again."""
    monkeypatch.setattr(device, "_faults", {})


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


# Devices


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cdua", "'cdua' is not a device; use one of auto, cpu.*mean 'cuda'"),
        ("GPU:0", "'GPU:0' is not a device.* Did you mean 'cuda'"),
        ("cuda:x", "'cuda:x' is not a device: cuda takes a number, as in 'cuda:0'"),
        ("cuda:", "'cuda:' is not a device: cuda takes a number"),
        ("cpu:1", "'cpu:1' is not a device: cpu takes no number"),
        ("auto:0", "'auto:0' is not a device: auto takes no number"),
        (3, "3 is not a device; use one of auto"),
    ],
)
def test_names_that_are_no_device(name, text):
    with pytest.raises(ArgumentError, match=text):
        resolve(name)
    with pytest.raises(ArgumentError, match=text):
        Session(adder(), device=name)


def test_cpu_needs_no_runtime(no_package):
    cpu = resolve("cpu")
    assert cpu == Device("cpu")
    assert cpu.name == "cpu"
    assert cpu.providers == ["CPUExecutionProvider"]


def test_providers_of_devices():
    options = {"device_id": "1"}
    assert device.parse("cuda") == device.parse("cuda:0")
    assert device.parse("coreml").providers[0] == "CoreMLExecutionProvider"
    assert device.parse("tensorrt:1").providers == [
        ("TensorrtExecutionProvider", options),
        ("CUDAExecutionProvider", options),
        "CPUExecutionProvider",
    ]


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "tensorrt", "openvino", "rocm"])
def test_a_device_that_is_not_there(name, capfd):
    if device.fault(device.parse(name)) is None:
        pytest.skip(f"{name} works here")
    text = f"device '{name}' does not work: .*; devices that work here: cpu"
    with pytest.raises(DeviceError, match=text):
        resolve(name)
    with pytest.raises(DeviceError, match=text):
        Session(adder(), {"w": np.ones(4, np.float32)}, device=name)
    assert capfd.readouterr().out == ""


def test_auto_takes_what_works():
    name = resolve("auto").name
    works = device.fault(Device("cuda")) is None
    assert name == ("cuda:0" if works else "cpu")
    made = Session(adder(), {"w": np.ones(4, np.float32)})
    assert made.device == name


class FakeRuntime:
    """An onnxruntime with CUDA compiled in, and a GPU that may not work."""

    cuda_version = "13.0"
    SessionOptions = SimpleNamespace

    def __init__(self, got="CUDAExecutionProvider", fails=None, result=2.0):
        self.got, self.fails, self.result = got, fails, result
        self.made = 0
        self.levels = []

    def get_available_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def set_default_logger_severity(self, level):
        self.levels.append(level)

    def preload_dlls(self):
        print("Failed to load libcublas.so.13: no such file")

    def InferenceSession(self, model, options, providers, enable_fallback):  # noqa: N802
        assert enable_fallback == 0
        self.made += 1
        return self

    def get_providers(self):
        return [self.got, "CPUExecutionProvider"]

    def run(self, names, feeds):
        print("chatter")
        if self.fails:
            raise RuntimeError(self.fails)
        return [np.full((1, 1), self.result, np.float32)]


@pytest.mark.parametrize(
    ("fake", "text"),
    [
        (
            FakeRuntime(got="CPUExecutionProvider"),
            r"took CPUExecutionProvider \(Failed to load libcublas\.so\.13",
        ),
        (
            FakeRuntime(fails="[ONNXRuntimeError] : 1 : FAIL : no kernel image\nmore"),
            " no kernel image; devices",
        ),
        (FakeRuntime(result=3.0), "it computed 1 \\+ 1 wrongly"),
    ],
    ids=["fallback", "error", "garbage"],
)
def test_a_gpu_that_is_listed_and_does_not_work(
    fake, text, monkeypatch, no_probes, capfd
):
    monkeypatch.setattr(engine, "load", lambda: fake)
    with pytest.raises(DeviceError, match=f"'cuda' does.*{text}") as info:
        resolve("cuda")
    assert "devices that work here: cpu. This onnxruntime wants CUDA 13.0" in str(
        info.value
    )
    assert resolve("auto") == Device("cpu")
    assert fake.made == 1
    assert fake.levels == [4, 2]
    assert capfd.readouterr().out == ""


def test_a_gpu_that_works(monkeypatch, no_probes, capfd):
    fake = FakeRuntime()
    monkeypatch.setattr(engine, "load", lambda: fake)
    assert resolve("auto") == resolve("cuda") == Device("cuda", 0)
    assert fake.made == 1
    assert capfd.readouterr().out == ""


def test_a_session_that_lands_elsewhere(monkeypatch):
    cuda = Device("cuda")
    cpu = SimpleNamespace(
        kind=cuda.kind,
        name=cuda.name,
        provider=cuda.provider,
        providers=["CPUExecutionProvider"],
    )
    monkeypatch.setattr("seqir.runtime.session.resolve", lambda name: cpu)
    with pytest.raises(DeviceError, match="was to run on cuda:0 and onnxruntime took"):
        Session(adder(), {"w": np.ones(4, np.float32)}, device="cuda")


def test_the_probe_model_runs():
    made = Session(PROBE, device="cpu")
    assert made.run({"x": np.ones((1, 1), np.float32)})[0].tolist() == [[2]]


# The package itself


def test_missing_package(no_package):
    text = r'type `pip install "seqir\[cpu\]"` or `pip install "seqir\[gpu\]"`$'
    with pytest.raises(MissingPackageError, match=text) as info:
        Session(adder(), device="cpu")
    assert isinstance(info.value, SeqirError)
    assert isinstance(info.value, ImportError)
    with pytest.raises(MissingPackageError, match="onnxruntime, which is not inst"):
        engine.load()


def test_leftovers_of_a_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())
    text = "cannot be imported .*empty folder.*type `pip uninstall onnxruntime onnx"
    with pytest.raises(MissingPackageError, match=text):
        engine.load()


@pytest.mark.parametrize(
    "source", ["raise ImportError('bad library')", "import no_such_module_of_it"]
)
def test_a_package_that_does_not_import(source, monkeypatch, tmp_path):
    (tmp_path / "onnxruntime.py").write_text(source)
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.syspath_prepend(tmp_path)
    text = r"cannot be imported \((bad library|No module named 'no_such.*)\); type"
    with pytest.raises(MissingPackageError, match=text):
        engine.load()


def two_wheels(monkeypatch):
    def version(name):
        if name in ("onnxruntime", "onnxruntime-gpu"):
            return "1.32.0"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)


def test_wheels_in_conflict(monkeypatch):
    assert len(engine.wheels()) >= 1
    two_wheels(monkeypatch)
    assert set(engine.wheels()) == {"onnxruntime", "onnxruntime-gpu"}
    told = engine.conflict()
    assert told is not None
    assert "`pip uninstall onnxruntime onnxruntime-gpu`" in told
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())
    with pytest.raises(MissingPackageError, match="overwrite each other"):
        engine.load()


def python(code, **more):
    env = {k: v for k, v in os.environ.items() if k != engine.TELEMETRY} | more
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_lazy_and_telemetry_is_off():
    out = python(
        "import os, sys, seqir.runtime as r; from seqir.runtime import engine\n"
        "assert not {'onnxruntime', 'onnx'} & set(sys.modules)\n"
        "r.resolve('cpu')\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "engine.load()\n"
        "assert 'onnx' not in sys.modules\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    assert out == "1\n"


def test_the_users_choice_of_telemetry_stands(monkeypatch):
    monkeypatch.setenv(engine.TELEMETRY, "0")
    engine.load()
    assert os.environ[engine.TELEMETRY] == "0"
    assert report()["telemetry_off"] is False


def test_telemetry_of_a_package_imported_before(monkeypatch):
    calls = []
    fake = SimpleNamespace(
        InferenceSession=None, disable_telemetry_events=lambda: calls.append(1)
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    # Set first, so that monkeypatch puts back what was there.
    monkeypatch.setenv(engine.TELEMETRY, "1")
    monkeypatch.delenv(engine.TELEMETRY)
    engine.load()
    engine.load()
    assert calls == [1]


def test_report():
    found = report()
    assert json.loads(json.dumps(found)) == found
    assert found["devices"]["cpu"] == {"works": True, "reason": None}
    assert found["problem"] is None
    assert found["auto"] == resolve("auto").name
    assert found["telemetry_off"] is (os.environ[engine.TELEMETRY] == "1")
    assert "CPUExecutionProvider" in found["providers"]
    assert found["versions"]["onnxruntime"]
    for one in found["devices"].values():
        assert one["works"] is (one["reason"] is None)


def test_report_without_the_package(no_package):
    found = report()
    assert "is not installed; type" in found["problem"]
    assert found["versions"]["onnxruntime"] is None
    assert found["auto"] is None
    assert not any(one["works"] for one in found["devices"].values())
    json.dumps(found)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Bad thing.", "Bad thing"),
        ("[ONNXRuntimeError] : 1 : FAIL : graph.cc:43 ReplaceIt Sizes differ.\nat", 0),
        ("/a/b.h:4 const T* x::K::Input(int) const [with T = x::V] Sizes differ", 0),
        ("/a/b.cc:9 x::f(a&)::<lambda(int)> [ONNXRuntimeError] : 1 : FAIL : No", "No"),
        (
            "a.cc:1 model_path must not be empty.",
            "an initializer is external data and has no array",
        ),
        (
            "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned "
            "while running Gather node. Name:'table' Status Message: indices element "
            "out of data bounds, idx=-9 must be within the inclusive range [-3,2]",
            "'table' was given the index -9, there are 0 to 2",
        ),
        ("\n\n", "RuntimeError"),
    ],
)
def test_clean(message, text):
    assert refusal.clean(RuntimeError(message)) == (text or "Sizes differ")
