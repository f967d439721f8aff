"""Sessions, devices and the doctor, on whatever this machine has."""

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from importlib import metadata
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper

from seqir.errors import (
    ArgumentError,
    DeviceError,
    MissingPackageError,
    RunError,
    SeqirError,
    UnsupportedError,
)
from seqir.runtime import (
    Device,
    Session,
    device,
    engine,
    get_threads,
    refusal,
    report,
    resolve,
    set_threads,
)
from seqir.runtime.probe import PROBE

pytest.importorskip("onnxruntime")

BF16 = np.dtype(ml_dtypes.bfloat16)
CODES = {
    np.dtype("float32"): TensorProto.FLOAT,
    np.dtype("float16"): TensorProto.FLOAT16,
    np.dtype("int64"): TensorProto.INT64,
    BF16: TensorProto.BFLOAT16,
}


def external(name, dtype, shape, location="elsewhere.bin"):
    dtype = np.dtype(dtype)
    tensor = TensorProto(name=name, data_type=CODES[dtype], dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    size = int(np.prod(shape)) * dtype.itemsize
    for key, value in (("location", location), ("offset", 0), ("length", size)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def build(nodes, inputs, outputs, initializers=()):
    def infos(described):
        return [
            helper.make_tensor_value_info(name, CODES[np.dtype(dtype)], shape)
            for name, dtype, shape in described
        ]

    graph = helper.make_graph(
        [helper.make_node(op, ins, outs, **more) for op, ins, outs, more in nodes],
        "g",
        infos(inputs),
        infos(outputs),
        list(initializers),
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    return model.SerializeToString()


def adder(dtype="float32", shape=("b", 4), weight=(4,)):
    """Y = x + w with w outside the model."""
    return build(
        [("Add", ["x", "w"], ["y"], {})],
        [("x", dtype, shape)],
        [("y", dtype, None)],
        [external("w", dtype, weight)],
    )


@pytest.fixture
def session():
    weight = np.arange(4, dtype=np.float32)
    return Session(adder(), {"w": weight}, device="cpu")


@pytest.fixture
def no_probes(monkeypatch):
    """Forget what other tests found out about devices, and forget it again."""
    monkeypatch.setattr(device, "_faults", {})


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


# Sessions


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
@pytest.mark.parametrize("optimize", [True, False])
def test_external_initializers(dtype, optimize):
    weight = np.arange(4, dtype=dtype)
    made = Session(adder(dtype), {"w": weight}, device="cpu", optimize=optimize)
    (y,) = made.run({"x": np.ones((2, 4), dtype)})
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.tile(weight + 1, (2, 1)))


def test_initializers_that_the_optimizer_rewrites():
    # It moves the transpositions through the sum and w becomes its transpose, under
    # the same name; sharing w by SessionOptions.add_initializer gives wrong numbers.
    model = build(
        [
            ("Transpose", ["x"], ["a"], {"perm": [1, 0]}),
            ("Add", ["a", "w"], ["b"], {}),
            ("Transpose", ["b"], ["y"], {"perm": [1, 0]}),
        ],
        [("x", "float32", (8, 8))],
        [("y", "float32", (8, 8))],
        [external("w", "float32", (8, 8))],
    )
    weight = np.arange(64, dtype=np.float32).reshape(8, 8)
    made = Session(model, {"w": weight}, device="cpu")
    (y,) = made.run({"x": np.ones((8, 8), np.float32)})
    np.testing.assert_array_equal(y, 1 + weight.T)
    assert weight[0, 1] == 1


def test_initializers_stay_alive():
    made = Session(adder(), {"w": np.full(4, 3, np.float32)}, device="cpu")
    waste = [np.zeros(4, np.float32) for _ in range(1000)]
    assert made.run({"x": np.zeros((1, 4), np.float32)})[0].tolist() == [[3] * 4]
    assert waste


@pytest.mark.parametrize(
    "weight",
    [
        np.arange(8, dtype="float32")[::2],
        np.arange(0, 8, 2, dtype=">f4"),
        np.frombuffer(np.arange(0, 8, 2, dtype="float32").tobytes(), np.float32),
    ],
    ids=["strided", "swapped", "readonly"],
)
def test_odd_layouts_of_initializers(weight):
    made = Session(adder(), {"w": weight}, device="cpu")
    assert made.run({"x": np.zeros((1, 4), np.float32)})[0].tolist() == [[0, 2, 4, 6]]


@pytest.mark.parametrize("shape", [(), (0,)])
def test_scalar_and_empty_initializers(shape):
    model = adder(shape=shape, weight=shape)
    made = Session(model, {"w": np.ones(shape, np.float32)}, device="cpu")
    (y,) = made.run({"x": np.ones(shape, np.float32)})
    np.testing.assert_array_equal(y, np.full(shape, 2, np.float32))


def test_bfloat16_initializer():
    model = build(
        [("Cast", ["w"], ["c"], {"to": 1}), ("Add", ["x", "c"], ["y"], {})],
        [("x", "float32", (4,))],
        [("y", "float32", (4,))],
        [external("w", BF16, (4,))],
    )
    weight = np.arange(4).astype(BF16)
    made = Session(model, {"w": weight}, device="cpu")
    assert made.run({"x": np.ones(4, np.float32)})[0].tolist() == [1, 2, 3, 4]


@pytest.fixture
def wide():
    """Bfloat16 in and out, beside float32."""
    model = build(
        [
            ("Cast", ["x"], ["f"], {"to": 1}),
            ("Add", ["f", "z"], ["s"], {}),
            ("Cast", ["s"], ["y"], {"to": 16}),
        ],
        [("x", BF16, ("n",)), ("z", "float32", ("n",))],
        [("y", BF16, ("n",)), ("s", "float32", ("n",))],
    )
    return Session(model, device="cpu")


@pytest.mark.parametrize("count", [3, 0])
def test_bfloat16_in_and_out(wide, count):
    x, z = np.arange(count).astype(BF16), np.ones(count, np.float32)
    y, s = wide.run({"x": x, "z": z})
    assert (y.dtype, s.dtype) == (BF16, np.float32)
    assert y.tolist() == s.tolist() == [i + 1 for i in range(count)]


def test_bfloat16_outputs_belong_to_the_caller(wide):
    feeds = {"x": np.ones(3, BF16), "z": np.ones(3, np.float32)}
    first, second = wide.run(feeds), wide.run(feeds)
    for a, b in zip(first, second, strict=True):
        a[:] = 9
        assert b.tolist() == [2, 2, 2]


def test_bfloat16_strided_input(wide):
    x = np.arange(6).astype(BF16)[::2]
    assert wide.run({"x": x, "z": np.zeros(3, np.float32)})[1].tolist() == [0, 2, 4]


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_bfloat16_input_is_not_reinterpreted(wide, dtype):
    feeds = {"x": np.ones(3, dtype), "z": np.ones(3, np.float32)}
    with pytest.raises(RunError, match=f"input 'x' is {dtype}, the model wants bfl"):
        wide.run(feeds)


def test_bfloat16_missing_input(wide):
    with pytest.raises(RunError, match="the model also needs 'x'; given: 'z'"):
        wide.run({"z": np.ones(3, np.float32)})


def test_names_and_repr(session):
    assert session.device == "cpu"
    assert session.input_names == ("x",)
    assert session.output_names == ("y",)
    assert repr(session) == "<Session x -> y on cpu>"


def test_any_mapping_feeds(session):
    class Feeds(dict):
        pass

    assert session.run(Feeds(x=np.zeros((1, 4), np.float32)))[0].shape == (1, 4)


def test_from_file(tmp_path):
    np.full(4, 5, np.float32).tofile(tmp_path / "elsewhere.bin")
    path = tmp_path / "m.onnx"
    path.write_bytes(adder())
    made = Session.from_file(path, device="cpu", threads=1, optimize=False)
    assert made.run({"x": np.zeros((1, 4), np.float32)})[0].tolist() == [[5] * 4]
    with pytest.raises(RunError, match=r"could not load.*absent\.onnx.*doesn't exist"):
        Session.from_file(tmp_path / "absent.onnx", device="cpu")


@pytest.mark.parametrize("optimize", [True, False])
def test_files_are_never_read_for_a_model_in_memory(optimize, tmp_path, monkeypatch):
    np.full(4, 5, np.float32).tofile(tmp_path / "elsewhere.bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"initializer.* is external data and has no"):
        Session(adder(), device="cpu", optimize=optimize)


@pytest.mark.parametrize(
    ("initializers", "text"),
    [
        ({"w": np.ones(3, np.float32)}, "dimensions do not match"),
        ({"w": np.ones(4, np.float64)}, "data type does not match"),
        (
            {"w": np.ones(4, np.float32), "v": np.ones(4, np.float32)},
            "Failed to find existing initializer with name v",
        ),
    ],
)
def test_initializers_that_do_not_fit(initializers, text):
    with pytest.raises(RunError, match=f"could not load the model: .*{text}$") as info:
        Session(adder(), initializers, device="cpu")
    assert info.value.__cause__ is not None
    assert "ONNXRuntimeError" not in str(info.value)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (b"abc", "protobuf parsing failed$"),
        (b"", "No graph was found in the protobuf$"),
        (
            build([("Foo", ["x"], ["y"], {})], [("x", "float32", (1,))], []),
            "No Op registered for Foo",
        ),
    ],
)
def test_models_that_are_refused(model, text):
    with pytest.raises(RunError, match=f"onnxruntime could not load.*{text}"):
        Session(model, device="cpu")


@pytest.mark.parametrize(
    ("feeds", "text"),
    [
        (
            {"x": np.ones(4, np.float32)},
            r"input 'x' has rank 1 \(shape \(4,\)\), the model wants rank 2 \(.*b, 4",
        ),
        (
            {"x": np.ones((1, 5), np.float32)},
            r"input 'x' has shape \(1, 5\), the model wants \(b, 4\)$",
        ),
        ({"x": np.ones((1, 4))}, "input 'x' is float64, the model wants float32$"),
        ({"x": np.ones((1, 4), BF16)}, "input 'x' is bfloat16, the model wants fl"),
        ({"x": np.ones((1, 4), ">f4")}, r"'x' is not in this machine's byte order"),
        ({"x": [[1.0, 2, 3, 4]]}, "input 'x' is a list, not a NumPy array$"),
        ({"x": None}, "input 'x' is a NoneType, not a NumPy array$"),
        ({}, "the model also needs 'x'; given: nothing$"),
        (
            {"xx": np.ones((1, 4), np.float32)},
            r"no input 'xx'; its inputs are 'x'\. Did you mean 'x'\?$",
        ),
        ([1], "run takes a dict of arrays by input name"),
    ],
)
def test_feeds_that_do_not_fit(session, feeds, text):
    with pytest.raises(RunError, match=text) as info:
        session.run(feeds)
    assert info.value.__cause__ is not None


def test_failure_inside_the_computation():
    model = build(
        [("Add", ["x", "z"], ["y"], {})],
        [("x", "float32", ("n",)), ("z", "float32", ("m",))],
        [("y", "float32", None)],
    )
    made = Session(model, device="cpu")
    feeds = {"x": np.ones(2, np.float32), "z": np.ones(3, np.float32)}
    with pytest.raises(
        RunError, match=r"could not run the model with .*: Non-zero.*Add node"
    ):
        made.run(feeds)


def test_results_do_not_alias():
    model = build(
        [("Identity", ["x"], ["y"], {}), ("Add", ["w", "w"], ["c"], {})],
        [("x", "float32", (3,))],
        [(name, "float32", (3,)) for name in "ywc"],
        [external("w", "float32", (3,))],
    )
    made = Session(model, {"w": np.ones(3, np.float32)}, device="cpu")
    x = np.arange(3, dtype=np.float32)
    first = made.run({"x": x})
    for array in first:
        array[:] = 99
    assert x.tolist() == [0, 1, 2]
    assert [a.tolist() for a in made.run({"x": x})] == [[0, 1, 2], [1] * 3, [2] * 3]


def test_results_outlive_the_session():
    made = Session(adder(), {"w": np.ones(4, np.float32)}, device="cpu")
    (y,) = made.run({"x": np.ones((1000, 4), np.float32)})
    del made
    assert (y == 2).all()


def test_one_session_from_many_threads(session):
    wrong = []

    def work(k):
        x = np.full((k + 1, 4), k, np.float32)
        for _ in range(50):
            (y,) = session.run({"x": x})
            if not np.array_equal(y, x + np.arange(4)):
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


@pytest.mark.parametrize("use", [pickle.dumps, copy.copy, copy.deepcopy])
def test_sessions_are_not_copied(session, use):
    with pytest.raises(UnsupportedError, match="cannot be pickled or copied"):
        use(session)


# Threads


@pytest.mark.parametrize("n", [0, -1, True, 1.5, "2"])
def test_bad_thread_counts(n):
    with pytest.raises(ArgumentError, match=f"threads is {n!r}; use a positive int"):
        set_threads(n)
    with pytest.raises(ArgumentError, match=f"threads is {n!r}; use a positive int"):
        Session(b"", device="cpu", threads=n)
    assert get_threads() is None


@pytest.mark.parametrize(
    ("default", "own", "used"), [(None, None, 0), (3, None, 3), (3, np.int64(2), 2)]
)
def test_threads_reach_the_runtime(default, own, used):
    set_threads(default)
    try:
        made = Session(adder(), {"w": np.ones(4, np.float32)}, threads=own)
        assert get_threads() == default
    finally:
        set_threads(None)
    options = made._session.get_session_options()
    assert options.intra_op_num_threads == used


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
        ("\n\n", "RuntimeError"),
    ],
)
def test_clean(message, text):
    assert refusal.clean(RuntimeError(message)) == (text or "Sizes differ")
