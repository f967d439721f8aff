"""The functions of `seqir.ops.image` against Keras's, traced and in files."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")
pytest.importorskip("onnxruntime")

import function_checks as checks  # noqa: E402
from function_cases import Case, x  # noqa: E402
from image_cases import BAD_CALLS, CASES, END, SHIFT, START, oracle  # noqa: E402

import seqir  # noqa: E402
from seqir import nest, ops  # noqa: E402
from seqir.errors import SeqirError, UnsupportedError  # noqa: E402
from seqir.ops import image  # noqa: E402

each_case = pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name, cases in CASES.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else value.id,
)


@each_case
def test_images_give_what_keras_gives(name: str, case: Case) -> None:
    wanted = oracle(getattr(keras.ops.image, name), case.args, case.kwargs)
    found = getattr(image, name)(*case.args, **case.kwargs)
    kinds = [a.dtype.name for a in checks.arrays(case)]
    typed = nest.map_structure(lambda y: np.asarray(y), wanted)
    if typed.dtype == "float32" and kinds[0] == "float64":  # JAX makes it of doubles
        typed = typed.astype("float64")
    checks.same(found, typed, max(case.rtol, 1e-5))


@each_case
def test_traced_images_give_what_arrays_give(name: str, case: Case) -> None:
    checks.same_when_traced(getattr(image, name), case)


@each_case
def test_files_give_what_arrays_give(name: str, case: Case) -> None:
    checks.same_in_files(getattr(image, name), case)


@each_case
def test_gradients_are_slopes(name: str, case: Case) -> None:
    grey = name == "rgb_to_hsv" and any(case is c for c in CASES[name][-2:])
    if checks.has_slope(case) and not grey:  # where hues jump
        checks.slope_of_values(getattr(image, name), case, 1e-5)


@pytest.mark.parametrize("name", image.__all__)
def test_parameters_are_named_as_in_keras(name: str) -> None:
    ours = inspect.signature(getattr(image, name)).parameters.values()
    theirs = inspect.signature(getattr(keras.ops.image, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
    assert name in CASES


@pytest.mark.parametrize(("name", "args", "match"), BAD_CALLS)
def test_bad_arguments_say_what_is_wrong(name: str, args: Any, match: str) -> None:
    with pytest.raises(SeqirError, match=re.escape(match)):
        getattr(image, name)(*args)


REFUSED: dict[str, tuple[Any, str]] = {
    "patches": (
        lambda t: image.extract_patches(t, 3, 2, padding="same"),
        "padding='same' with strides needs a known size",
    ),
    "ratio": (
        lambda t: image.resize(t, (2, 2), crop_to_aspect_ratio=True),
        "an aspect ratio is kept of images of a known size",
    ),
    "scale": (
        lambda t: image.scale_and_translate(t, (1, 4, 4, 3), [1.0], [0], [1], "linear"),
        "scale_and_translate needs a known size of axis 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_known_sizes_says_so(name: str) -> None:
    call, match = REFUSED[name]
    with pytest.raises(UnsupportedError, match=re.escape(match)):
        call(seqir.Input((None, None, 3)))


SHIFTED = np.array(SHIFT, "float32")


def all_at_once(t: Any) -> list[Any]:
    return [
        image.pad_images(t, 1, 2, target_height=9, right_padding=0),
        image.crop_images(t, 1, 2, target_height=2, right_cropping=1),
        image.resize(t, (3, 4)),
        image.resize(t, (3, 4), "nearest"),
        image.extract_patches(t, 2),
        image.rgb_to_hsv(t),
        image.gaussian_blur(t),
        *(image.affine_transform(t, SHIFTED, mode, fill)
          for mode in ("nearest", "bilinear")
          for fill in ("constant", "nearest", "wrap", "mirror", "reflect")),
        image.perspective_transform(t, START, END),
    ]  # fmt: skip


def test_images_of_unknown_sizes_are_cut_and_filled() -> None:
    t = seqir.Input((None, None, 3))
    model = seqir.Model(t, all_at_once(t))
    for size in ((4, 6), (7, 4), (5, 5)):
        pictures = x(2, *size, 3, low=0)
        checks.same(model.predict(pictures, verbose=0), all_at_once(pictures), 1e-5)


def test_points_can_be_computed() -> None:
    pictures = x(2, 8, 9, 3, low=0)
    start, end = (seqir.Input((4, 2)) for _ in range(2))
    t = seqir.Input((8, 9, 3))
    model = seqir.Model([t, start, end], image.perspective_transform(t, start, end))
    points = [np.asarray([p, q], "float32") for p, q in ((START, END), (END, START))]
    found = model.predict([pictures, *points], verbose=0)
    wanted = keras.ops.image.perspective_transform(pictures, *points)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_images_that_nobody_composed_are_refused() -> None:
    with pytest.raises(SeqirError, match=r"seqir has no ops\.image\.elastic_transform"):
        getattr(ops.image, "elastic_transform")  # noqa: B009
    with pytest.raises(AttributeError, match="no attribute"):
        getattr(ops.image, "nonsense")  # noqa: B009


def test_models_of_images_are_saved_as_keras_saves_them(tmp_path: Path) -> None:
    t = seqir.Input((8, 9, 3))
    results = [
        image.gaussian_blur(image.rgb_to_hsv(t), (3, 5), (0.5, 1.0)),
        image.resize(t, (4, 5), "bicubic"),
        image.affine_transform(t, np.asarray([1, 0, 0.5, 0, 1, 0.5, 0, 0], "float32")),
        image.extract_patches(t, 2),
    ]
    model = seqir.Model(t, results)
    model.save(tmp_path / "images.keras")
    pictures = x(1, 8, 9, 3, low=0)
    wanted = model.predict(pictures, verbose=0)
    again = seqir.models.load_model(tmp_path / "images.keras")
    checks.same(again.predict(pictures, verbose=0), wanted, 1e-6)
