"""Sessions: what goes in, what comes out, and what they refuse."""

import copy
import pickle
import threading

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper

import seqir
from seqir.errors import (
    ArgumentError,
    RunError,
    UnsupportedError,
)
from seqir.ir import Builder, FrozenArray
from seqir.operators.constant import Constant
from seqir.operators.linalg import MatMul
from seqir.runtime import (
    Session,
    get_threads,
    set_threads,
)
from seqir.tensortype import TensorType

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


def test_a_graph_becomes_a_session_as_it_is():
    big = np.arange(4096, dtype=np.float32).reshape(64, 64)  # shared, not copied
    b = Builder("doubled")
    x = b.input("x", TensorType("float32", ("batch", 64)))
    kernel = b(Constant(FrozenArray(big)))
    graph = b.finish({"y": b(MatMul(), x, kernel)})
    session = Session.of_graph(graph, device="cpu", optimize=False)
    given = np.ones((2, 64), np.float32)
    assert (session.input_names, session.output_names) == (("x",), ("y",))
    np.testing.assert_array_equal(session.run({"x": given})[0], given @ big)


@pytest.mark.parametrize("n", [64, 256, 768])
def test_a_sum_is_normalized_precisely(n):
    """Fused, the variance was a difference of squares: errors of 3e-4 and more."""
    rng = np.random.default_rng(0)
    x, r = rng.normal(1000, 1, (2, 4, 16, n)).astype(np.float32)
    left, right = (seqir.Input((16, n), name=name) for name in ("x", "r"))
    y = seqir.layers.LayerNormalization()(seqir.layers.Add()([left, right]))
    model = seqir.Model([left, right], y)
    wide = (x + r).astype(np.float64)
    wide -= wide.mean(-1, keepdims=True)
    expected = wide / np.sqrt(wide.var(-1, keepdims=True) + 1e-3)
    assert np.abs(model.predict([x, r], verbose=0) - expected).max() < 1e-4
