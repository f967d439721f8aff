"""What applications are given: weights, shapes, tensors, images; what they refuse."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import serving

import seqir
from seqir import applications, config, downloads, layers
from seqir.applications import imagenet_utils, mobilenet_v2
from seqir.errors import (
    ArgumentError,
    DTypeError,
    LoadError,
    ShapeError,
    UnsupportedError,
)

MobileNet = functools.partial(applications.MobileNet, alpha=0.25)
Xception = applications.Xception
MODULES = [n for n in applications.__all__ if n[0].islower() and n != "imagenet_utils"]
RNG = np.random.default_rng(0)


# Weights.


def test_weights_are_read_from_a_file(tmp_path: Path) -> None:
    saved = MobileNet(weights=None, input_shape=(32, 32, 3))
    path = tmp_path / "mobilenet.safetensors"
    saved.save_weights(path)
    for weights in (path, str(path)):
        loaded = MobileNet(weights=weights, input_shape=(32, 32, 3))
        for a, b in zip(saved.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("include_top", [True, False])
def test_published_files_are_found_and_read(
    include_top: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a mirror on this machine, in the format that Keras 2 wrote them in."""
    keras = pytest.importorskip("keras")
    h5py = pytest.importorskip("h5py")
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    arguments: Any = {
        "alpha": 0.25,
        "input_shape": (128, 128, 3),
        "include_top": include_top,
    }
    published = keras.applications.MobileNet(weights=None, **arguments)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        save_weights_to_hdf5_group(file, published)
    end = "" if include_top else "_no_top"
    place = "/storage.googleapis.com/tensorflow/keras-applications/mobilenet"
    monkeypatch.setenv("SEQIR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as site:
        monkeypatch.setenv("SEQIR_DOWNLOADS", site.url)
        name = f"{place}/mobilenet_2_5_128_tf{end}.h5"
        site.files[name] = (tmp_path / "w.h5").read_bytes()
        loaded = applications.MobileNet(**arguments)
    for a, b in zip(loaded.get_weights(), published.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ("no/such.h5", LoadError, "there is no file 'no/such.h5'"),
        ("imagenette", LoadError, "Did you mean 'imagenet'"),
        (3, ArgumentError, "path of a file, got 3"),
    ],
)
def test_weights_that_are_nowhere(weights: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        Xception(weights=weights)


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("Xception", {"classes": 10}, "1000 classes, got classes=10"),
        ("Xception", {"classifier_activation": "relu"}, "'softmax' or None .* 'relu'"),
        ("Xception", {"input_shape": (200, 200, 3)}, r"must be \(299, 299, 3\), got"),
        (
            "ResNet50",
            {"include_top": False, "input_shape": (64, 64, 1)},
            r"images of 3 channels, got input_shape=\(64, 64, 1\)",
        ),
        ("MobileNet", {"alpha": 0.3}, "for alpha 0.25, 0.5, 0.75, 1.0, got 0.3"),
        ("MobileNet", {"depth_multiplier": 2}, "depth_multiplier=1, got 2"),
        ("MobileNetV2", {"alpha": 0.25}, "0.35, 0.5, 0.75, 1.0, 1.3, 1.4, got 0.25"),
        ("MobileNetV3Small", {"alpha": 0.5}, "for alpha 0.75, 1.0, got 0.5"),
        ("MobileNetV3Large", {"alpha": 0.75, "minimalistic": True}, "1.0, got 0.75"),
    ],
)
def test_models_that_imagenet_has_no_weights_for(
    function: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        getattr(applications, function)(**arguments)


def test_activation_of_a_trained_top(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    MobileNet(weights=None, input_shape=(32, 32, 3)).save_weights(path)
    with pytest.raises(ArgumentError, match="when trained weights are loaded"):
        MobileNet(weights=path, classifier_activation="sigmoid")
    logits = MobileNet(
        weights=path, input_shape=(32, 32, 3), classifier_activation=None
    )
    assert logits.output_shape == (None, 1000)


def test_model_without_published_weights() -> None:
    from seqir.applications.frame import Frame

    with pytest.raises(ArgumentError, match="'mine' has no weights learned on Image"):
        Frame().pretrained_path("mine", include_top=True)


# Shapes and tensors.


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("Xception", {"input_shape": (70, 90, 3)}, r"at least 71x71 .* \(70, 90, 3\)"),
        ("MobileNetV3Small", {"input_shape": (31, 32, 3)}, "at least 32x32"),
        ("VGG16", {"input_shape": (224, 224)}, r"three sizes, .* got \(224, 224\)"),
        ("VGG16", {"input_shape": (None, 224, 3)}, r"all sizes here, got \(None, 224"),
        ("VGG16", {"include_top": False, "pooling": "mean"}, "'avg', 'max' or None"),
        ("MobileNet", {"input_shape": (224,)}, r"three sizes, .* got \(224,\)"),
        ("MobileNetV2", {"classes": 0}, "units must be an integer >= 1, got 0"),
        ("InceptionV3", {"input_shape": (80, 74, 3)}, "at least 75x75"),
        (
            "NASNetMobile",
            {"include_top": False, "input_shape": (None, 64, 3)},
            r"all sizes here, got \(None, 64, 3\)$",
        ),
    ],
)
def test_models_that_cannot_be(
    function: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        getattr(applications, function)(weights=None, **arguments)


def test_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        Xception(wieghts=None)


def test_model_of_images_of_any_size() -> None:
    model = MobileNet(weights=None, include_top=False, pooling="max")
    small, large = (RNG.normal(size=(1, n, n, 3)) for n in (40, 64))
    assert model(small).shape == model(large).shape == (1, 256)


def test_other_channels_than_three() -> None:
    model = MobileNet(weights=None, input_shape=(32, 40, 5), classes=2)
    assert model.input_shape == (None, 32, 40, 5)
    assert model.get_layer("conv1").kernel.shape == (3, 3, 5, 8)


def test_input_tensor_is_the_input() -> None:
    images = seqir.Input((32, 32, 3), name="photo")
    model = MobileNet(weights=None, input_tensor=images, classes=2)
    model(seqir.Input((32, 32, 3)))
    assert model.input is images
    assert model.layers[0].name == "photo"


def test_what_comes_before_the_input_tensor_belongs_to_the_model() -> None:
    grey = seqir.Input((32, 32, 1), name="grey")
    mask = seqir.Input((32, 32, 1), name="mask")
    color = layers.Concatenate(name="color")(
        [grey, layers.Multiply()([grey, mask]), mask]
    )
    model = MobileNet(weights=None, input_tensor=color, include_top=False)
    assert model.inputs == [grey, mask]
    assert "color" in [layer.name for layer in model.layers]


def test_size_of_the_input_tensor_chooses_the_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls: list[str] = []

    def fetch(url: str, **_: Any) -> Any:
        urls.append(url)
        raise LoadError("no network")

    monkeypatch.setattr(downloads, "fetch", fetch)
    with pytest.raises(LoadError, match="no network"):
        mobilenet_v2.MobileNetV2(input_tensor=seqir.Input((96, 96, 3)))
    assert urls[0].endswith("_1.0_96.h5")


@pytest.mark.parametrize(
    ("tensor", "shape", "words"),
    [
        (np.zeros((1, 32, 32, 3)), None, "tensor of a model .* got ndarray"),
        (lambda: seqir.Input((32,)), None, r"batch of images, got \(None, 32\)"),
        (lambda: seqir.Input((20, 32, 3)), None, "at least 32x32 here"),
        (
            lambda: seqir.Input((32, 32, 3)),
            (64, 32, 3),
            r"is \(64, 32, 3\) and that of input_tensor is \(32, 32, 3\)",
        ),
    ],
)
def test_tensors_that_are_no_input(tensor: Any, shape: Any, words: str) -> None:
    tensor = tensor() if callable(tensor) else tensor
    with pytest.raises(ArgumentError, match=words):
        MobileNet(weights=None, input_tensor=tensor, input_shape=shape)


@pytest.mark.parametrize(
    "name",
    [
        "ResNet50V2",
        "MobileNetV2",
        "MobileNetV3Small",
        "DenseNet121",
        "EfficientNetB0",
        "EfficientNetV2B0",
        "NASNetMobile",
    ],
)
def test_channels_first_computes_the_same(name: str) -> None:
    arguments = {"weights": None, "include_top": False, "pooling": "avg"}
    make = getattr(applications, name)
    last = make(input_shape=(33, 40, 3), **arguments)
    config.set_image_data_format("channels_first")
    try:
        first = make(input_shape=(3, 33, 40), **arguments)
        with pytest.raises(ArgumentError, match="at least 32x32"):
            make(input_shape=(3, 20, 40), **arguments)
        with pytest.raises(ArgumentError, match="images of 3 channels"):
            applications.ResNet50(input_shape=(33, 40, 3), include_top=False)
    finally:
        config.set_image_data_format("channels_last")
    first.set_weights(last.get_weights())
    x = RNG.uniform(size=(2, 33, 40, 3)).astype(np.float32)
    found, wanted = first(x.transpose(0, 3, 1, 2)), last(x)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def test_convnext_is_channels_last() -> None:
    config.set_image_data_format("channels_first")
    try:
        with pytest.raises(UnsupportedError, match=r"'channels_last', got .*_first'"):
            applications.ConvNeXtTiny(weights=None)
    finally:
        config.set_image_data_format("channels_last")


def test_names_in_convnext_begin_with_its_own() -> None:
    model = applications.ConvNeXtTiny(
        weights=None, include_top=False, input_shape=(32, 32, 3), name="mine"
    )
    assert model.name == "mine"
    assert model.layers[2].name == "mine_stem"


def test_any_name_can_be_given() -> None:
    """Keras takes the size of an EfficientNetV2 from its name."""
    model = applications.EfficientNetV2B0(
        weights=None, include_top=False, input_shape=(32, 32, 3), name="mine"
    )
    assert model.layers[2].name == "normalization"


def test_images_of_nasnet_have_a_size_without_a_top_too() -> None:
    """Those of Keras's NASNetLarge have none, and it cannot run."""
    model = applications.NASNetLarge(weights=None, include_top=False)
    assert model.output_shape == (None, 11, 11, 4032)


# Images and predictions.


@pytest.fixture(scope="module")
def oracle() -> Any:
    return pytest.importorskip("keras").applications.imagenet_utils


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first", None])
@pytest.mark.parametrize("shape", [(3, 5, 3), (2, 3, 6, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_images_are_scaled_as_by_keras(
    oracle: Any, mode: Any, data_format: Any, shape: Any, dtype: str
) -> None:
    x = RNG.integers(0, 256, shape).astype(dtype)
    before = x.copy()
    found = imagenet_utils.preprocess_input(x, data_format, mode)
    wanted = oracle.preprocess_input(x.copy(), data_format, mode)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_images_are_scaled_inside_of_a_model(mode: Any, dtype: str) -> None:
    images = seqir.Input((4, 5, 3), dtype=dtype)
    model = seqir.Model(images, imagenet_utils.preprocess_input(images, mode=mode))
    x = RNG.integers(0, 256, (2, 4, 5, 3)).astype(dtype)
    wanted = imagenet_utils.preprocess_input(x, mode=mode)
    np.testing.assert_allclose(model(x), wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("module", MODULES)
def test_each_model_takes_images_as_in_keras(module: str) -> None:
    theirs = getattr(pytest.importorskip("keras").applications, module)
    x = RNG.uniform(0, 255, (2, 3, 4, 3)).astype(np.float32)
    found = getattr(applications, module).preprocess_input(x)
    given = x.copy()
    wanted = theirs.preprocess_input(given)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
    assert (found is x) == np.array_equal(wanted, x)


def test_images_that_cannot_be_scaled() -> None:
    x = np.zeros((2, 4, 4, 3))
    with pytest.raises(ArgumentError, match="mode must be 'tf', 'torch' or 'caffe'"):
        imagenet_utils.preprocess_input(x, mode="pytorch")
    with pytest.raises(ArgumentError, match="data_format must be"):
        imagenet_utils.preprocess_input(x, "last")
    with pytest.raises(ShapeError, match=r"3 colours on axis -3 \(channels_first\)"):
        imagenet_utils.preprocess_input(x, "channels_first")
    with pytest.raises(DTypeError, match="got a list of parts of different shapes"):
        imagenet_utils.preprocess_input([x[0], x[1, 1:]])
    with pytest.raises(DTypeError, match="got text where numbers are needed"):
        imagenet_utils.preprocess_input("photo.jpg")


@pytest.fixture
def class_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A thousand classes, on this machine."""
    index = {str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}
    path = tmp_path / "index.json"
    path.write_text(json.dumps(index))
    asked: list[tuple[str, Any]] = []

    def fetch(url: str, *, known_hash: str, subfolder: str) -> Path:
        asked.append((url, known_hash))
        return path

    monkeypatch.setattr(downloads, "fetch", fetch)
    imagenet_utils._class_index.cache_clear()
    yield index, asked
    imagenet_utils._class_index.cache_clear()


@pytest.mark.parametrize("top", [1, 5, 1000])
def test_predictions_are_decoded_as_by_keras(class_index: Any, top: int) -> None:
    keras_utils = pytest.importorskip("keras.src.applications.imagenet_utils")
    index, asked = class_index
    scores = RNG.uniform(size=(3, 1000)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_utils, "CLASS_INDEX", index)
        wanted = keras_utils.decode_predictions(scores, top)
    assert applications.xception.decode_predictions(scores, top) == wanted
    assert applications.vgg16.decode_predictions(scores) == [
        row[:5] for row in imagenet_utils.decode_predictions(scores, 1000)
    ]
    assert len(asked) == 1, "the list is read once"
    assert asked[0][0] == keras_utils.CLASS_INDEX_PATH
    assert asked[0][1] == "md5:c2c37ea517e94d9795004a39431a14cb"


def test_predictions_that_are_not_of_imagenet() -> None:
    with pytest.raises(ShapeError, match=r"\(samples, 1000\), got \(2, 10\)"):
        imagenet_utils.decode_predictions(np.zeros((2, 10)))
    with pytest.raises(ShapeError, match=r"got \(1000,\)"):
        imagenet_utils.decode_predictions(np.zeros(1000))
    for top in (0, -1, 2.5, True):
        with pytest.raises(ArgumentError, match="top must be an integer >= 1"):
            imagenet_utils.decode_predictions(np.zeros((2, 1000)), top)
