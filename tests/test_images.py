"""Pictures: as Keras reads, writes and resizes them."""

import inspect
import io
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seqir import images
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    ExportError,
    LoadError,
    MissingPackageError,
    ShapeError,
    UnsafeFileError,
)
from seqir.images import resize as resizing

RNG = np.random.default_rng(0)
NAMES = (
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "save_img",
)


@pytest.fixture(scope="module")
def photo() -> Path:
    import sklearn.datasets

    return Path(sklearn.datasets.__file__).parent / "images" / "china.jpg"


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_keras_s(name: str) -> None:
    def arguments(function: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters]

    assert arguments(getattr(images, name)) == arguments(getattr(keras.utils, name))


# One picture.


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "1"])
def test_color_modes(tmp_path: Path, mode: str, color_mode: str) -> None:
    numbers = RNG.integers(0, 256, (7, 9, 3), np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(numbers[:, :, 0].astype(np.uint16) * 250)
    else:
        picture = Image.fromarray(numbers).convert(mode)
    path = tmp_path / "x.png"
    picture.save(path)
    ours = images.load_img(path, color_mode)
    theirs = keras.utils.load_img(path, color_mode)
    assert ours.mode == theirs.mode
    for data_format in ("channels_last", "channels_first"):
        mine = images.img_to_array(ours, data_format)
        other = keras.utils.img_to_array(theirs, data_format)
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_target_sizes(photo: Path, interpolation: str, keep: bool) -> None:
    for size in ((50, 90), (90, 33), (427, 640)):
        ours = images.load_img(photo, "rgb", size, interpolation, keep)
        theirs = keras.utils.load_img(photo, "rgb", size, interpolation, keep)
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_kinds_of_paths(photo: Path) -> None:
    expected = np.asarray(images.load_img(photo))
    content = io.BytesIO(photo.read_bytes())
    for path in (str(photo), os.fsencode(photo), content):
        np.testing.assert_array_equal(np.asarray(images.load_img(path)), expected)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_to_pictures(channels: int, scale: bool, data_format: str) -> None:
    shape = (channels, 5, 6) if data_format == "channels_first" else (5, 6, channels)
    for array in (RNG.uniform(0, 255, shape), np.zeros(shape), np.full(shape, 3)):
        ours = images.array_to_img(array, data_format, scale)
        theirs = keras.utils.array_to_img(array, data_format, scale)
        assert ours.mode == theirs.mode
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_numbers_beyond_a_byte() -> None:
    wide = np.array([[[300.0]], [[70000.0]]])
    ours = images.array_to_img(wide, scale=False)
    assert ours.mode == "I" == keras.utils.array_to_img(wide, scale=False).mode
    assert np.asarray(ours).tolist() == [[300], [70000]]
    cut = images.array_to_img(np.array([[[-5, 300, 20]]]), scale=False)
    assert np.asarray(cut).tolist() == [[[0, 255, 20]]]


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.JPG", "x.gif"])
def test_saving(tmp_path: Path, name: str) -> None:
    array = RNG.uniform(0, 1, (6, 5, 3))
    (tmp_path / "theirs").mkdir()
    images.save_img(tmp_path / name, array)
    keras.utils.save_img(tmp_path / "theirs" / name, array)
    written = (tmp_path / name).read_bytes()
    assert written == (tmp_path / "theirs" / name).read_bytes()


def test_saving_to_a_file_object_and_without_transparency(tmp_path: Path) -> None:
    array = RNG.uniform(0, 255, (6, 5, 4))
    buffer = io.BytesIO()
    images.save_img(buffer, array, file_format="png", scale=False)
    found = images.load_img(io.BytesIO(buffer.getvalue()), "rgba")
    np.testing.assert_array_equal(np.asarray(found), array.astype(np.uint8))
    with pytest.warns(UserWarning, match="JPEG has no transparency: it is left out"):
        images.save_img(tmp_path / "x.jpg", array)
    with Image.open(tmp_path / "x.jpg") as picture:
        assert picture.mode == "RGB"


# What is not a picture.


def test_files_that_are_no_pictures(tmp_path: Path, photo: Path) -> None:
    path = tmp_path / "x.png"
    with pytest.raises(LoadError, match=r"there is no file .*x\.png"):
        images.load_img(path)
    path.write_text("hello")
    with pytest.raises(
        CorruptFileError, match=r"x\.png is not a picture that Pillow knows"
    ):
        images.load_img(path)
    path.write_bytes(photo.read_bytes()[:5000])
    with pytest.raises(CorruptFileError, match=r"x\.png is damaged \(image file is tr"):
        images.load_img(path)
    with pytest.raises(LoadError, match="there is no file"):
        images.load_img(tmp_path)
    with pytest.raises(
        CorruptFileError, match="the picture is not a picture that Pillow"
    ):
        images.load_img(io.BytesIO(b"hello"))
    with pytest.raises(
        ArgumentError, match=r"a picture is a path or an io.BytesIO, got "
    ):
        images.load_img(3)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LoadError, match=r"there is no file .*pipe"):
        images.load_img(tmp_path / "pipe")


def test_a_file_that_cannot_be_read(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(LoadError, match=r"cannot read .*china.jpg: Permission denied"):
        images.load_img(photo)


@pytest.mark.parametrize("limit", [1000, 10_000])  # an error, and what is a warning
def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    Image.new("L", (150, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(
        UnsafeFileError, match=r"bomb\.png has far too many pixels: Ima"
    ):
        images.load_img(tmp_path / "bomb.png")


def test_wrong_arguments_of_one_picture(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="color_mode must be 'grayscale', 'rgb' or"):
        images.load_img(photo, "hsv")
    with pytest.raises(ArgumentError, match="interpolation must be 'nearest', 'bil"):
        images.load_img(photo, interpolation="area")
    with pytest.raises(
        ShapeError, match=r"a picture has 2 or 3 axes, got the shape \(3"
    ):
        images.img_to_array(np.zeros(3))
    with pytest.raises(
        ShapeError, match=r"a picture has 3 axes, got the shape \(3, 3\)"
    ):
        images.array_to_img(np.zeros((3, 3)))
    with pytest.raises(
        ShapeError, match=r"1, 3 or 4 channels, got 2 in \(5, 5, 2\) \(c"
    ):
        images.array_to_img(np.zeros((5, 5, 2)))
    with pytest.raises(
        ArgumentError, match="Pillow writes no format 'xyz': give file_f"
    ):
        images.save_img(tmp_path / "x.xyz", np.zeros((5, 5, 3)))
    with pytest.raises(
        ArgumentError, match="Pillow writes no format '': give file_form"
    ):
        images.save_img(io.BytesIO(), np.zeros((5, 5, 3)))
    with pytest.raises(ExportError, match="there is no folder"):
        images.save_img(tmp_path / "no" / "x.png", np.zeros((5, 5, 3)))


def test_without_pillow(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackageError, match=r'pip install "seqir\[image\]"'):
        images.load_img(photo)


# Sizes.

SIZES = st.integers(1, 40)


@pytest.mark.parametrize("name", ["bilinear", "nearest", "bicubic", "lanczos3"])
@given(old=st.tuples(SIZES, SIZES), new=st.tuples(SIZES, SIZES))
def test_resizing_is_keras_s(
    name: str, old: tuple[int, int], new: tuple[int, int]
) -> None:
    picture = np.random.default_rng(sum(old)).uniform(0, 255, (*old, 3))
    picture = picture.astype(np.float32)
    theirs = keras.ops.image.resize(picture, new, name)
    ours = resizing.resize(picture, new, name)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.asarray(theirs), atol=2e-2, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", resizing.INTERPOLATIONS)
def test_resizing_is_tensorflow_s(name: str) -> None:
    tf = pytest.importorskip("tensorflow")
    near = 0.2 if name == "bicubic" else 0.02
    for old, new in (
        ((13, 29), (8, 8)), ((5, 6), (17, 31)), ((64, 48), (9, 100)), ((7, 7), (7, 3)),
        ((1, 1), (4, 4)), ((40, 30), (20, 15)),
    ):  # fmt: skip
        picture = RNG.integers(0, 256, (*old, 3), np.uint8)
        theirs = tf.image.resize(picture, new, name).numpy()
        ours = resizing.resize(picture, new, name)
        np.testing.assert_allclose(ours, theirs, atol=near, rtol=1e-4)
        theirs = tf.image.resize_with_pad(picture, *new, name).numpy()
        ours = resizing.resize_padded(picture, new, name)
        np.testing.assert_allclose(ours, theirs, atol=near, rtol=1e-4)


@given(old=st.tuples(SIZES, SIZES), new=st.tuples(SIZES, SIZES))
def test_cropping_is_keras_s(old: tuple[int, int], new: tuple[int, int]) -> None:
    from keras.src.utils.image_utils import smart_resize

    picture = np.random.default_rng(sum(old)).uniform(0, 255, (*old, 3))
    picture = picture.astype(np.float32)
    ours = resizing.resize(resizing.cropped(picture, new), new, "bilinear")
    theirs = np.asarray(smart_resize(picture, new))
    np.testing.assert_allclose(ours, theirs, atol=2e-2, rtol=1e-4)
