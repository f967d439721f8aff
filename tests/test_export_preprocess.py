"""Files that take raw data: the preprocessing in front of the model is part of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import seqir
from seqir import layers, ops
from seqir.applications import imagenet_utils
from seqir.errors import ArgumentError, RunError, ShapeError, UnsupportedError
from seqir.images.imagenet import MODES

RNG = np.random.default_rng(0)


def net(shape: Any = (12, 12, 3)) -> seqir.Model:
    return seqir.Sequential(
        [
            seqir.Input(shape, name="image"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(3, name="scores"),
        ],
        name="net",
    )


def pixels(*shape: int) -> Any:
    return RNG.integers(0, 256, shape).astype(np.uint8)


def run(path: Path, *feeds: Any) -> Any:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds, strict=True)))[0]


def close(found: Any, wanted: Any) -> None:
    scale = float(np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_that_of_the_applications(mode: str, tmp_path: Path) -> None:
    model, x = net(), pixels(2, 12, 12, 3)
    path = tmp_path / "net.onnx"
    report = model.export(path, preprocess=mode)
    assert report.inputs == {"image": "u8[batch, 12, 12, 3]"}
    ready = imagenet_utils.preprocess_input(x.astype(np.float32), mode=mode)
    close(run(path, x), model(ready))
    assert report.nodes["Cast"] == report.nodes["Transpose"] == 1
    assert report.node_count == model.export(path).node_count + 3


def test_a_mode_with_the_channels_first(tmp_path: Path) -> None:
    model, x = net(), pixels(2, 12, 12, 3)
    path = tmp_path / "net.onnx"
    for mode in MODES:
        report = model.export(path, preprocess=mode, layout="channels_first")
        assert report.inputs == {"image": "u8[batch, 3, 12, 12]"}
        assert report.nodes["Cast"] == 1
        assert "Transpose" not in report.nodes
        ready = imagenet_utils.preprocess_input(x.astype(np.float32), mode=mode)
        close(run(path, x.transpose(0, 3, 1, 2)), model(ready))


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_where_models_have_the_channels_first(mode: str, tmp_path: Path) -> None:
    seqir.config.set_image_data_format("channels_first")
    try:
        model, x = net((3, 12, 12)), pixels(2, 3, 12, 12)
        path = tmp_path / "net.onnx"
        model.export(path, preprocess=mode)
        ready = imagenet_utils.preprocess_input(x.astype(np.float32), mode=mode)
        close(run(path, x), model(ready))
        report = model.export(path, preprocess=[layers.Resizing(12, 12), mode])
        assert report.inputs == {"image": "u8[batch, 3, height, width]"}
    finally:
        seqir.config.set_image_data_format("channels_last")


def normalization() -> Any:
    layer = layers.Normalization(name="normalization")
    layer.adapt(pixels(4, 12, 12, 3))
    return layer


CHAINS: dict[str, Any] = {
    "one layer": lambda: [layers.Rescaling(1 / 255)],
    "adapted": lambda: [normalization()],
    "resized": lambda: [layers.Resizing(12, 12), normalization()],
    "nearest": lambda: [layers.Resizing(12, 12, "nearest"), layers.Rescaling(0.1, 1)],
    "cropped": lambda: [layers.CenterCrop(12, 12), layers.Rescaling(1 / 255)],
    "a function": lambda: [lambda x: ops.sqrt(ops.cast(x, "float32"))],
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_file_computes_the_chain_and_then_the_model(
    name: str, tmp_path: Path
) -> None:
    model, chain = net(), CHAINS[name]()
    size = 12 if name in ("one layer", "adapted", "a function") else 17
    x = pixels(2, size, size + (size - 12), 3)
    ready: Any = x
    for step in chain:
        ready = step(ready)
    path = tmp_path / "net.onnx"
    given = chain if len(chain) > 1 else chain[0]
    report = model.export(path, preprocess=given)
    sizes = "12, 12" if size == 12 else "height, width"
    assert report.inputs == {"image": f"u8[batch, {sizes}, 3]"}
    close(run(path, x), model(ready))
    report = model.export(
        path,
        preprocess=given,
        opset=20,
        batch=2,
        input_names=["raw"],
        verify="reference",
    )
    assert report.inputs == {"raw": f"u8[2, {sizes}, 3]"}
    close(run(path, x), model(ready))


def test_a_sequential_model_is_its_layers(tmp_path: Path) -> None:
    model, x = net(), pixels(2, 15, 18, 3)
    stack = seqir.Sequential([layers.Resizing(12, 12), layers.Rescaling(1 / 255)])
    stack(x)  # builds it for these arrays, which says nothing
    wanted = model(layers.Resizing(12, 12)(x) / np.float32(255))
    path = tmp_path / "net.onnx"
    for _ in range(2):
        report = model.export(path, preprocess=stack)
        assert report.inputs == {"image": "u8[batch, height, width, 3]"}
        close(run(path, x), wanted)


def test_an_input_says_what_the_raw_data_is(tmp_path: Path) -> None:
    model, path = net(), tmp_path / "net.onnx"
    raw = seqir.Input((20, None, 3), dtype="float32")
    resizing = layers.Resizing(12, 12)
    report = model.export(path, preprocess=[raw, resizing])
    assert report.inputs == {"image": "f32[batch, 20, width, 3]"}
    stack = seqir.Sequential([seqir.Input((16, 24, 3), dtype="uint8"), resizing])
    assert model.export(path, preprocess=stack).inputs == {
        "image": "u8[batch, 16, 24, 3]"
    }
    entered = seqir.Input((18, 18, 3), dtype="int32")
    inner = seqir.Model(entered, layers.Rescaling(2.0)(resizing(entered)))
    report = model.export(path, preprocess=inner, batch=3)
    assert report.inputs == {"image": "i32[3, 18, 18, 3]"}
    x = RNG.integers(0, 256, (3, 18, 18, 3)).astype(np.int32)
    close(run(path, x), model(inner(x)))


def test_a_model_of_any_size_stays_one(tmp_path: Path) -> None:
    model, path = net((None, None, 3)), tmp_path / "net.onnx"
    report = model.export(path, preprocess="tf")
    assert report.inputs == {"image": "u8[batch, height, width, 3]"}
    x = pixels(1, 9, 13, 3)
    close(run(path, x), model(x / 127.5 - 1))


def test_tables_are_normalized_in_the_file(tmp_path: Path) -> None:
    x = RNG.normal(100, 20, (50, 4)).astype(np.float32)
    layer = layers.Normalization()
    layer.adapt(x)
    model = seqir.Sequential([seqir.Input((4,)), layers.Dense(2)])
    path = tmp_path / "net.onnx"
    report = model.export(path, preprocess=layer)
    assert list(report.inputs.values()) == ["f32[batch, 4]"]
    close(run(path, x), model(layer(x)))


def two() -> seqir.Model:
    image, facts = seqir.Input((8, 8, 3), name="image"), seqir.Input((2,), name="facts")
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(image))
    return seqir.Model([image, facts], layers.Concatenate()([y, facts]), name="two")


def test_each_of_several_inputs_has_its_own(tmp_path: Path) -> None:
    model, path = two(), tmp_path / "two.onnx"
    chain = [layers.Resizing(8, 8), layers.Rescaling(1 / 255)]
    report = model.export(path, preprocess={"image": chain}, input_names=["a", "b"])
    assert report.inputs == {
        "a": "u8[batch, image_height, image_width, 3]",
        "b": "f32[batch, 2]",
    }
    x, facts = pixels(2, 9, 11, 3), np.ones((2, 2), np.float32)
    close(run(path, x, facts), model([chain[1](chain[0](x)), facts]))
    both = {"image": "tf", "facts": layers.Rescaling(2.0)}
    report = model.export(path, preprocess=both)
    x = pixels(2, 8, 8, 3)
    close(run(path, x, facts), model([x / np.float32(127.5) - 1, 2 * facts]))


def test_names_of_the_model_stay_and_the_file_says_what_is_in_front(
    tmp_path: Path,
) -> None:
    model, path = net(), tmp_path / "net.onnx"
    model.export(path)
    before = {t.name for t in onnx.load(path).graph.initializer}
    model.export(path, preprocess=[layers.Resizing(12, 12, name="resize"), "torch"])
    file = onnx.load(path)
    assert file.graph.name == "net"
    assert [t.name for t in file.graph.output] == ["scores"]
    assert before <= {t.name for t in file.graph.initializer}
    nodes = [n.name for n in file.graph.node]
    assert any(n.startswith("preprocess/resize/") for n in nodes)
    assert any(n.startswith("conv") for n in nodes)
    entries = {e.key: e.value for e in file.metadata_props}
    (resize, mode) = json.loads(entries["seqir.preprocess"])["image"]
    assert mode == "torch"
    assert resize["class_name"] == "Resizing"
    assert resize["config"]["height"] == 12
    assert json.loads(entries["seqir.layers"])["preprocess/resize"] == "Resizing"
    first = path.read_bytes()
    model.export(path, preprocess=[layers.Resizing(12, 12, name="resize"), "torch"])
    assert path.read_bytes() == first


def test_a_layer_of_the_same_name_is_another(tmp_path: Path) -> None:
    inside = layers.Normalization(name="norm")
    model = seqir.Sequential([seqir.Input((3,)), inside, layers.Dense(1)])
    in_front = layers.Normalization(name="norm")
    x = RNG.normal(4, 3, (20, 3)).astype(np.float32)
    in_front.adapt(x)
    inside.adapt(in_front(x) * 5)
    path = tmp_path / "net.onnx"
    model.export(path, preprocess=in_front)
    close(run(path, x), model(in_front(x)))


def test_images_smaller_than_their_middle_are_refused(tmp_path: Path) -> None:
    model, path = net(), tmp_path / "net.onnx"
    model.export(path, preprocess=layers.CenterCrop(12, 12))
    session = seqir.runtime.Session.from_file(path)
    with pytest.raises(RunError, match="cannot be computed of arrays of these sizes"):
        session.run({"image": pixels(1, 11, 30, 3)})


WRONG: list[tuple[Any, type[Exception], str]] = [
    ("keras", ArgumentError, "the names tf, torch, caffe, .* got 'keras'"),
    (3, ArgumentError, "preprocess takes layers, functions and the names"),
    ([layers.Rescaling(1.0), seqir.Input((3,))], ArgumentError, "at its start an Inp"),
    ([], ArgumentError, "preprocess has no layers: leave it out"),
    ([seqir.Input((12, 12, 3))], ArgumentError, "preprocess has no layers"),
    ({"picture": "tf"}, ArgumentError, "the input 'picture', model 'net' has image"),
    (layers.Normalization(name="n"), ArgumentError,
     "layer 'n' of preprocess has weights that nothing has set: adapt it"),
    (layers.Resizing(10, 12), ShapeError,
     r"makes u8\[batch, 10, 12, 3\] of the raw u8\[batch, height, width, 3\], and "
     r"input 'image' of the model takes f32\[batch, 12, 12, 3\]"),
    (layers.Flatten(), ShapeError, r"preprocess makes u8\[batch, 432\]"),
    (lambda x: [x], ShapeError, "preprocess makes list of the raw"),
    (layers.Resizing(12, 12, "bicubic"), UnsupportedError,
     "give the Input a height and a width"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "error", "match"), WRONG)
def test_wrong_preprocessing(
    given: Any, error: type[Exception], match: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        net().export(tmp_path / "net.onnx", preprocess=given)
    assert not list(tmp_path.iterdir())


def test_several_inputs_want_a_dictionary(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError,
        match=r"has the inputs image, facts: say with preprocess=\{'image'",
    ):
        two().export(tmp_path / "two.onnx", preprocess="tf")


def test_fractions_do_not_become_tokens(tmp_path: Path) -> None:
    model = seqir.Sequential(
        [seqir.Input((4,), dtype="int32"), layers.Embedding(5, 2), layers.Flatten()]
    )
    with pytest.raises(ArgumentError, match="fractions would be cut off"):
        model.export(tmp_path / "net.onnx", preprocess=layers.Rescaling(0.5))
