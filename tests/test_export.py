"""Exported files: names, types, metadata, verification, and nothing half-written."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from corpus import MODELS, guide_cnn, random_feeds, randomize

import seqir
from seqir import layers, lower, ops
from seqir.errors import (
    ArgumentError,
    ExportError,
    NotBuiltError,
    ShapeError,
    VerificationError,
)
from seqir.lower import opsets, write


def dense(n: int = 3, **kwargs: Any) -> seqir.Model:
    return seqir.Sequential([seqir.Input((4,)), layers.Dense(n, **kwargs)], name="d")


def run(path: Path, feeds: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("opset", [17, 18, 20, 21, opsets.newest()])
def test_every_model_exports_checked_and_verified(
    name: str, opset: int, tmp_path: Path
) -> None:
    report = randomize(MODELS[name]()).export(tmp_path / "m.onnx", opset=opset)
    proto = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == opset == report.opset
    assert proto.ir_version == opsets.ir_version(opset) == report.ir_version
    assert {n.domain for n in proto.graph.node} <= {"", "ai.onnx"}
    assert all(e.relative < 1e-4 for e in report.errors)
    typed = {v.name for v in proto.graph.value_info}
    typed |= {v.name for v in proto.graph.output}
    made = [o for n in proto.graph.node for o in n.output]
    assert set(made) <= typed
    assert len({n.name for n in proto.graph.node}) == len(proto.graph.node)
    used = {i for n in proto.graph.node for i in n.input}
    assert {i.name for i in proto.graph.initializer} <= used
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", MODELS)
def test_a_simplifier_finds_nothing_to_do(name: str, tmp_path: Path) -> None:
    import onnxsim
    import onnxslim

    path = tmp_path / "m.onnx"
    randomize(MODELS[name]()).export(path)
    before = len(onnx.load(path).graph.node)
    assert len(onnxslim.slim(str(path)).graph.node) >= before
    simplified, _ = onnxsim.simplify(onnx.load(path))
    assert len(simplified.graph.node) >= before


def test_sequences_have_a_layout_as_images_have(tmp_path: Path) -> None:
    model = seqir.Sequential([seqir.Input((9, 2), name="x"), layers.Conv1D(3, 2)])
    report = model.export(tmp_path / "m.onnx", layout="channels_first")
    assert report.inputs == {"x": "f32[batch, 2, 9]"}


def test_the_guide_model_is_as_a_human_would_write_it(tmp_path: Path) -> None:
    from collections import Counter

    report = guide_cnn(250).export(tmp_path / "m.onnx")
    assert report.nodes == Counter(
        {"Conv": 4, "Relu": 4, "MaxPool": 2, "Transpose": 1, "ReduceMax": 1, "Gemm": 1}
    )
    channels_first = guide_cnn(250).export(tmp_path / "m.onnx", layout="channels_first")
    assert "Transpose" not in channels_first.nodes


def test_names_are_those_of_the_layers(tmp_path: Path) -> None:
    inner = seqir.Sequential([layers.Conv2D(2, 3, name="conv")], name="backbone")
    model = seqir.Sequential(
        [seqir.Input((8, 8, 3), name="image"), inner, layers.Flatten(name="flat"),
         layers.Dense(5, activation="relu", name="head")],
        name="named",
    )  # fmt: skip
    model.export(tmp_path / "m.onnx", metadata={"author": "someone"})
    proto = onnx.load(tmp_path / "m.onnx")
    assert proto.graph.name == "named"
    assert [i.name for i in proto.graph.input] == ["image"]
    assert [o.name for o in proto.graph.output] == ["head"]
    names = [n.name for n in proto.graph.node]
    assert "backbone/conv" in names
    assert "flat" in names
    weights = {i.name for i in proto.graph.initializer}
    assert {"backbone/conv/kernel", "backbone/conv/bias", "head/kernel"} <= weights
    assert proto.graph.node[-1].doc_string == "head (Dense)"
    metadata = {p.key: p.value for p in proto.metadata_props}
    assert metadata["author"] == "someone"
    assert metadata["seqir.version"] == seqir.__version__
    assert json.loads(metadata["seqir.layers"])["backbone/conv"] == "Conv2D"
    assert proto.producer_name == "seqir"


def test_only_unknown_sizes_are_symbolic(tmp_path: Path) -> None:
    def dims(path: Path) -> list[Any]:
        shape = onnx.load(path).graph.input[0].type.tensor_type.shape
        return [d.dim_param or d.dim_value for d in shape.dim]

    path = tmp_path / "m.onnx"
    MODELS["unknown_sizes"]().export(path)
    assert dims(path) == ["batch", "height", "width", 3]
    dense().export(path)
    assert dims(path) == ["batch", 4]
    dense().export(path, batch=2)
    assert dims(path) == [2, 4]
    dense().export(path, batch="n")
    assert dims(path) == ["n", 4]
    fixed = seqir.Sequential([seqir.Input(batch_shape=(5, 4)), layers.Dense(1)])
    fixed.export(path)
    assert dims(path) == [5, 4]
    deferred = seqir.Sequential([layers.Dense(1)])
    deferred(np.ones((7, 4)))
    deferred.export(path)
    assert dims(path) == ["batch", 4]


def test_renamed_inputs_and_outputs(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    model = randomize(MODELS["shared"]())
    model.export(path, input_names=["left", "right"], output_names=["near", "like"])
    x = np.ones((2, 6), np.float32)
    near, like = run(path, {"left": x, "right": 2 * x})
    wanted = model({"a": x, "b": 2 * x})
    np.testing.assert_allclose(near, wanted["distance"], rtol=1e-5)
    np.testing.assert_allclose(like, wanted["dot"], rtol=1e-5)


def test_repeated_exports_are_byte_identical(tmp_path: Path) -> None:
    model = randomize(guide_cnn())
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    model.export(first)
    model.export(second)
    assert first.read_bytes() == second.read_bytes()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from corpus import guide_cnn, randomize\n"
        "randomize(guide_cnn()).export(sys.argv[2], verify=False)"
    )
    third = tmp_path / "c.onnx"
    args = [sys.executable, "-c", code, str(Path(__file__).parent), str(third)]
    subprocess.run(args, check=True)
    assert first.read_bytes() == third.read_bytes()


def test_the_structure_does_not_depend_on_the_weights(tmp_path: Path) -> None:
    model = guide_cnn()
    fresh = model.export(tmp_path / "m.onnx")
    trained = randomize(model).export(tmp_path / "m.onnx")
    assert fresh.nodes == trained.nodes


def test_external_data(tmp_path: Path) -> None:
    model = randomize(dense(1000))
    report = model.export(tmp_path / "m.onnx", external_data=True)
    model_file, data = (Path(f) for f in report.files)
    assert model_file.name == "m.onnx"
    digest = hashlib.sha256(data.read_bytes()).hexdigest()[:16]
    assert data.name == f"m.onnx.{digest}.data"
    assert (tmp_path / "m.onnx").stat().st_size < 4000
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    x = np.ones((2, 4), np.float32)
    (y,) = run(tmp_path / "m.onnx", {"input_layer": x})
    np.testing.assert_allclose(y, model(x), rtol=1e-5)


KILLED = """
import os, signal, sys
import test_export as t
model, real = t.dense(1000), os.replace
def replace(old, new):
    if str(new) == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    real(old, new)
os.replace = replace
model.set_weights([w + 1 for w in model.get_weights()])
model.export(sys.argv[1], external_data=True)
"""


def test_external_data_is_never_that_of_another_model(tmp_path: Path) -> None:
    """Killed between the two renames, the old graph still has its old weights."""
    path, x = tmp_path / "m.onnx", np.ones((2, 4), np.float32)
    model = randomize(dense(1000))
    before = [np.asarray(w) for w in model.get_weights()]
    model.export(path, external_data=True)
    (y,) = run(path, {"input_layer": x})
    model.set_weights([w + 1 for w in before])
    child = subprocess.run(
        [sys.executable, "-c", KILLED, path], check=False, cwd=Path(__file__).parent
    )
    assert child.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("m.onnx.*.data"))) == 2
    np.testing.assert_array_equal(run(path, {"input_layer": x})[0], y)
    report = model.export(path, external_data=True)
    assert sorted(map(str, tmp_path.iterdir())) == sorted(report.files)
    np.testing.assert_allclose(run(path, {"input_layer": x})[0], model(x), rtol=1e-5)


def test_what_does_not_fit_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "MAX_FILE", 1000)
    model = dense(100)
    assert len(model.export(tmp_path / "m.onnx").files) == 2
    with pytest.raises(ExportError, match="one ONNX file holds less than 2 GiB"):
        model.export(tmp_path / "n.onnx", external_data=False)
    assert not (tmp_path / "n.onnx").exists()


def test_the_bytes_are_those_of_protobuf(tmp_path: Path) -> None:
    """What is framed by hand reads back as what protobuf itself writes."""
    model = randomize(guide_cnn())
    model.export(tmp_path / "m.onnx")
    data = (tmp_path / "m.onnx").read_bytes()
    proto = onnx.ModelProto.FromString(data)
    again = onnx.ModelProto.FromString(proto.SerializeToString())
    assert proto == again
    assert len(proto.SerializeToString()) == len(data)


def test_report(tmp_path: Path) -> None:
    report = dense().export(tmp_path / "m.onnx", verify="reference")
    text = str(report)
    assert "nodes    1 (1 Gemm)" in text
    assert "against reference" in text
    assert json.loads(json.dumps(report.to_dict()))["verified"] == "reference"
    assert report.bytes == (tmp_path / "m.onnx").stat().st_size
    assert "<pre>" in report._repr_html_()
    assert "verified no" in str(dense().export(tmp_path / "m.onnx", verify=False))


def test_report_calls_operators_by_what_they_compute(tmp_path: Path) -> None:
    class Twice(layers.Layer):
        def call(self, x: Any) -> Any:
            return (
                ops.exp(x)
                + ops.exp(x)
                + ops.mean(x, axis=-1, keepdims=True)
                * (ops.mean(x, axis=-1, keepdims=True))
            )

    model = seqir.Sequential([seqir.Input((4,)), Twice()])
    report = model.export(tmp_path / "m.onnx", verify=False)
    assert report.passes["exp"] == (2, 1)
    assert report.passes["reduce_mean"] == (2, 1)


def test_a_wrong_file_is_an_error_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"the old file")

    def broken(graph: Any) -> Any:
        from dataclasses import replace

        node = graph.nodes[-1]
        from seqir.operators.linalg import Gemm

        assert isinstance(node.op, Gemm)
        constant = next(n for n in graph.nodes if n.results[0] is node.operands[1])
        from seqir.ir import FrozenArray
        from seqir.operators.constant import Constant

        wrong = FrozenArray(constant.op.array.array * 1.01, "d/kernel")
        nodes = [replace(n, op=Constant(wrong)) if n is constant else n
                 for n in graph.nodes]  # fmt: skip
        return replace(graph, nodes=tuple(nodes))

    from seqir import passes

    monkeypatch.setattr(passes, "INFERENCE", (*passes.INFERENCE, broken))
    with pytest.raises(VerificationError, match="output 'dense' of the file differs"):
        randomize(dense()).export(path)
    assert path.read_bytes() == b"the old file"
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_weights_that_are_not_finite_are_named(tmp_path: Path) -> None:
    model = dense()
    model.layers[0].bias.assign([0, np.nan, 0])  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(VerificationError, match="weight 'dense/bias' holds NaN"):
        model.export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
    model.export(tmp_path / "m.onnx", verify=False)


BAD = [
    ({"opset": 16}, ArgumentError, "opset must be from 17 to"),
    ({"opset": "17"}, ArgumentError, "opset must be from 17 to"),
    ({"batch": 0}, ArgumentError, "batch must be an integer >= 1, got"),
    ({"batch": True}, ArgumentError, "batch must be an integer >= 1, got"),
    ({"batch": "a b"}, ShapeError, "named by an identifier"),
    ({"input_names": ["a", "b"]}, ArgumentError, "input_names has 2 names"),
    ({"output_names": [""]}, ArgumentError, "must be non-empty text"),
    ({"output_names": ["input_layer"]}, ArgumentError, "names an input and an output"),
    ({"layout": "nchw"}, ArgumentError, "layout must be 'channels_last' or"),
    ({"layout": "channels_first"}, ExportError, "has none"),
    ({"metadata": {"a": 1}}, ArgumentError, "metadata is text to text"),
    ({"verify": "yes"}, ArgumentError, "verify must be True, False or 'reference'"),
]


@pytest.mark.parametrize(("options", "error", "match"), BAD)
def test_bad_options(options: Any, error: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=match):
        dense().export(tmp_path / "m.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_bad_names_twice(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="has a name twice"):
        MODELS["shared"]().export(tmp_path / "m.onnx", input_names=["a", "a"])


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"must end in \.onnx"):
        dense().export(tmp_path / "m.pb")
    with pytest.raises(ExportError, match="there is no folder"):
        dense().export(tmp_path / "nowhere" / "m.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ExportError, match="it is a folder"):
        dense().export(tmp_path / "folder.onnx")


def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqir.export.exporter.write", full)
    with pytest.raises(ExportError, match=r"cannot write .*m.onnx: No space left"):
        dense().export(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_an_unbuilt_model_says_what_to_do(tmp_path: Path) -> None:
    model = seqir.Sequential([layers.Dense(2)])
    with pytest.raises(NotBuiltError, match="call it on an array"):
        model.export(tmp_path / "m.onnx")


def test_identity_and_double_outputs_export(tmp_path: Path) -> None:
    x = seqir.Input((3,), name="x")
    y = layers.Dense(2)(x)
    model = seqir.Model(x, [y, y, layers.Identity()(x)])
    report = model.export(tmp_path / "m.onnx")
    assert len(report.outputs) == 3
    feeds = {"x": np.ones((2, 3), np.float32)}
    found = run(tmp_path / "m.onnx", feeds)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[2], feeds["x"])


@pytest.mark.parametrize("last", [False, True])
def test_an_operator_that_is_nothing_leaves_the_input_its_name(
    last: bool, tmp_path: Path
) -> None:
    a, b = seqir.Input((3,), name="a"), seqir.Input((3,), name="b")
    same = ops.stop_gradient(a)
    model = seqir.Model([a, b], same if last else same * b)
    report = model.export(tmp_path / "m.onnx")
    assert report.nodes == {"Identity" if last else "Mul": 1}
    feeds = {"a": np.full((1, 3), 2, np.float32), "b": np.full((1, 3), 5, np.float32)}
    (found,) = run(tmp_path / "m.onnx", feeds)
    np.testing.assert_array_equal(found, np.full((1, 3), 2.0 if last else 10.0))


@pytest.mark.parametrize("dtype", ["float16", "float64", "mixed_float16"])
def test_other_precisions(dtype: str, tmp_path: Path) -> None:
    model = seqir.Sequential(
        [seqir.Input((4,)), layers.Dense(8, "relu", dtype=dtype),
         layers.Dense(2, dtype=dtype)]
    )  # fmt: skip
    assert model.export(tmp_path / "m.onnx").errors


def test_to_proto_is_the_file(tmp_path: Path) -> None:
    from seqir import passes
    from seqir.network.base import arrays_of

    model = dense()
    model.export(tmp_path / "m.onnx")
    graph, variables = model.trace_graph()
    graph = passes.run(passes.bind(graph, arrays_of(variables)), passes.INFERENCE)
    assert lower.to_proto(lower.lower(graph)) == onnx.load(tmp_path / "m.onnx")


def test_sessions_follow_the_weights_and_serve_many_threads() -> None:
    model = dense()
    x = np.ones((2, 4), np.float32)
    before = model(x)
    model.set_weights([w * 2 for w in model.get_weights()])
    np.testing.assert_allclose(model(x), before * 2, rtol=1e-6)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(model.predict(x, verbose=0)))
        for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 8
    for y in results:
        np.testing.assert_array_equal(y, results[0])


def test_predict_joins_batches_of_any_size() -> None:
    model = randomize(MODELS["shared"]())
    graph = model.graph()
    feeds = random_feeds(graph, batch=11)
    whole = model.predict(feeds, batch_size=11, verbose=0)
    parts = model.predict(feeds, batch_size=4, verbose=0)
    for key in whole:
        np.testing.assert_allclose(parts[key], whole[key], rtol=1e-5, atol=1e-6)
    assert len(model.predict(feeds, batch_size=4, steps=1, verbose=0)["dot"]) == 4


def test_a_model_follows_a_stack_inside_it_that_grows() -> None:
    inner = seqir.Sequential([seqir.Input((4,)), layers.Dense(4)])
    outer = seqir.Sequential([seqir.Input((4,)), inner, layers.ReLU()])
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    before = outer(x)
    inner.add(layers.Rescaling(2.0))
    np.testing.assert_allclose(outer(x), 2 * before, rtol=1e-6)


@pytest.mark.parametrize("name", ["mlp", "residual", "shared"])
def test_copies_and_pickles_compute_the_same(name: str) -> None:
    import copy
    import pickle

    model = randomize(MODELS[name]())
    feeds = random_feeds(model.graph())
    x = feeds if len(feeds) > 1 else next(iter(feeds.values()))
    wanted = model.predict(x, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        found = other.predict(x, verbose=0)
        from seqir import nest

        for a, b in zip(nest.flatten(found), nest.flatten(wanted), strict=True):
            np.testing.assert_array_equal(a, b)
        other.weights[0].assign(other.weights[0].array + 1)
    after = model.predict(x, verbose=0)
    for a, b in zip(nest.flatten(after), nest.flatten(wanted), strict=True):
        np.testing.assert_array_equal(a, b)
