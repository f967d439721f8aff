"""Models of other tools: read, shown, written again, trained further."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from foreign_files import FILES, ForeignFile, plain
from sklearn.datasets import load_digits
from test_foreign_files import GAPS, OPTIONS, assert_same

import seqir
from seqir import layers, losses
from seqir.errors import UnsupportedError
from seqir.ir import verify

TENSORS = [file for file in FILES if file.name != "hand_sequence_in"]
IMAGES = [file for file in FILES if file.kind == "image"]


def weights_of(path: Path) -> dict[str, Any]:
    return {
        t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer
    }


@pytest.mark.parametrize("file", TENSORS, ids=str)
def test_a_file_is_read_shown_and_written_again(
    file: ForeignFile, tmp_path: Path
) -> None:
    model = seqir.load_onnx(file.write(tmp_path))
    assert tuple(model.input_names) == file.input_names
    assert tuple(model.output_names) == file.output_names
    verify(model.onnx_graph.graph)
    with redirect_stdout(io.StringIO()) as shown:
        model.summary()
    assert "Total params" in shown.getvalue()

    path = tmp_path / "again.onnx"
    model.export(path)
    session = ort.InferenceSession(path, OPTIONS)
    assert tuple(i.name for i in session.get_inputs()) == file.input_names
    assert tuple(o.name for o in session.get_outputs()) == file.output_names
    found = session.run(None, file.inputs)
    for value, expected in zip(found, file.outputs.values(), strict=True):
        assert_same(plain(value), expected, GAPS.get(file.kind, 1e-5))


def test_a_sequence_is_no_input_of_a_model(tmp_path: Path) -> None:
    (file,) = (f for f in FILES if f not in TENSORS)
    with pytest.raises(UnsupportedError, match=r"sequence of f32.*cannot take"):
        seqir.load_onnx(file.write(tmp_path))


def test_a_model_has_inputs() -> None:
    head = '<ir_version: 8, opset_import: ["": 17]> g () => (float[2] y)'
    weights = "<float[2] w = {1.0, 2.0}>"
    model = onnx.parser.parse_model(f"{head} {weights} {{ y = Neg (w) }}")
    with pytest.raises(UnsupportedError, match=r"no inputs, .* \(inputs=\)"):
        seqir.load_onnx(model)
    y = seqir.load_onnx(model, inputs=["w"])(np.float32([3, 4]))
    np.testing.assert_array_equal(y, np.float32([-3, -4]))


def digits_for(file: ForeignFile) -> tuple[Any, Any]:
    """Images as the model takes them, and columns of labels."""
    found: Any = load_digits()
    channels = 1 if file.tool.startswith("pytorch") else -1
    images = np.expand_dims(found.images[:300] / 16, channels).astype(np.float32)
    return images, found.target[:300, None]


@pytest.mark.parametrize("file", IMAGES, ids=str)
def test_the_head_learns_digits_and_the_rest_stays(
    file: ForeignFile, tmp_path: Path
) -> None:
    path = file.write(tmp_path)
    model = seqir.load_onnx(path)
    head = [v for v in model.trainable_variables if 10 in v.shape]
    assert head
    assert len(head) < len(model.variables)
    for variable in model.variables:
        variable.trainable = any(variable is v for v in head)
    x, labels = digits_for(file)
    logits = file.name.startswith(("torch_cnn", "torch_res"))
    if file.name.startswith("torch_mobile"):  # the model ends with a logarithm
        loss: Any = lambda y, p: -seqir.ops.take_along_axis(p, y, 1)  # noqa: E731
    else:
        loss = losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(seqir.optimizers.Adam(0.01), loss)
    batch = 3 if file.name.endswith("f") else 50
    history = model.fit(x, labels, batch, epochs=2, verbose=0, shuffle=False).history
    assert history["loss"][1] < history["loss"][0]

    trained = tmp_path / "trained.onnx"
    model.export(trained)
    session = ort.InferenceSession(trained, OPTIONS)
    assert [i.name for i in session.get_inputs()] == model.input_names
    assert [o.name for o in session.get_outputs()] == model.output_names
    (y,) = session.run(None, {file.input_names[0]: x[:3]})
    np.testing.assert_allclose(y, model.predict(x[:3], verbose=0), atol=1e-5)
    assert_only_these_changed(path, trained, {v.path for v in head})


def assert_only_these_changed(before: Path, after: Path, names: set[str]) -> None:
    old, new = weights_of(before), weights_of(after)
    changed = {n for n in old if n in new and not np.array_equal(old[n], new[n])}
    assert changed == names


@pytest.mark.parametrize("file", IMAGES, ids=str)
def test_the_body_stays_below_a_new_head(file: ForeignFile, tmp_path: Path) -> None:
    path = file.write(tmp_path)
    body = seqir.load_onnx(path)
    body = body.slice(next(at for at in body.cut_points() if len(at.shape) == 2))
    body.trainable = False
    before = {v.path: v.numpy() for v in body.variables}
    features = body.outputs[0]
    even = layers.Dense(1, activation="sigmoid", name="even")(features)
    model = seqir.Model(body.inputs, even)
    assert [v.path for v in model.trainable_variables] == ["even/kernel", "even/bias"]

    x, labels = digits_for(file)
    batch = 3 if file.name.endswith("f") else 50
    model.compile(seqir.optimizers.Adam(0.02), "binary_crossentropy")
    fit = model.fit(x, labels % 2, batch, epochs=2, verbose=0, shuffle=False)
    assert fit.history["loss"][1] < fit.history["loss"][0]
    for variable in body.variables:
        np.testing.assert_array_equal(variable.numpy(), before[variable.path])

    trained = tmp_path / "even.onnx"
    model.export(trained)
    session = ort.InferenceSession(trained, OPTIONS)
    (y,) = session.run(["even"], {file.input_names[0]: x[:3]})
    np.testing.assert_allclose(y, model.predict(x[:3], verbose=0), atol=1e-5)
    part = tmp_path / "body.onnx"
    body.export(part)
    kept = weights_of(part)
    assert kept.keys() >= before.keys()
    assert_only_these_changed(path, part, set())
