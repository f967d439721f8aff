"""Pictures in batches that are changed at random, beside Keras's generator."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as theirs
from PIL import Image

import seqir
from seqir import layers
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.preprocessing import image

KERAS: Any = theirs
RNG = np.random.default_rng(0)
PICTURES = RNG.uniform(0, 255, (10, 8, 6, 3)).astype(np.float32)
LABELS = np.arange(10) % 2

CHANGES: list[dict[str, Any]] = [
    {"theta": 20},
    {"tx": 2.3, "ty": -1.2},
    {"shear": 25},
    {"zx": 0.7, "zy": 1.3},
    {"theta": 200, "tx": -3, "ty": 9.5, "shear": 10, "zx": 2, "zy": 0.5},
    {},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: "-".join(c) or "none")
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
def test_pictures_are_turned_as_in_keras(change: Any, fill_mode: str) -> None:
    for axes, order in itertools.product([(0, 1, 2), (1, 2, 0), (1, 0, 2)], (0, 1)):
        x = np.moveaxis(PICTURES[0], 2, axes[2])
        names = dict(zip(("row_axis", "col_axis", "channel_axis"), axes, strict=True))
        options = {**names, "fill_mode": fill_mode, "cval": 9.0, "order": order}
        found = image.apply_affine_transform(x, **change, **options)
        expected = KERAS.apply_affine_transform(x, **change, **options)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_pictures_change_colours_as_in_keras() -> None:
    x = PICTURES[0]
    for low, high, scale in itertools.product((0, -40), (255, 90, 400), (True, False)):
        one = np.interp(x, (0, 255), (low, high)).astype(np.float32)
        np.testing.assert_allclose(
            image.apply_brightness_shift(one, 0.7, scale),
            KERAS.apply_brightness_shift(one, 0.7, scale), rtol=1e-5, atol=1e-3,
        )  # fmt: skip
    np.testing.assert_array_equal(
        image.apply_channel_shift(x, 30.5, 2), KERAS.apply_channel_shift(x, 30.5, 2)
    )
    for name, given in {
        "random_rotation": (40,), "random_shift": (0.2, 0.4), "random_shear": (30,),
        "random_zoom": ((0.5, 1.5),), "random_channel_shift": (20,),
        "random_brightness": ((0.5, 1.5),),
    }.items():  # fmt: skip
        results: list[Any] = []
        for module in (image, KERAS):
            np.random.seed(4)
            results.append(getattr(module, name)(x, *given))
        np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-3, err_msg=name)


GENERATORS: list[dict[str, Any]] = [
    {"rescale": 1 / 255},
    {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2,
     "shear_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True},
    {"vertical_flip": True, "brightness_range": (0.5, 1.5), "channel_shift_range": 20.0,
     "width_shift_range": [-2, 1], "height_shift_range": 3, "fill_mode": "constant"},
    {"featurewise_center": True, "featurewise_std_normalization": True},
    {"samplewise_center": True, "samplewise_std_normalization": True,
     "zoom_range": [0.8, 1.0], "fill_mode": "reflect"},
    {"zca_whitening": True, "zca_epsilon": 1e-2},
    {"preprocessing_function": np.sqrt, "dtype": "float64", "rescale": 2.0},
]  # fmt: skip


@pytest.mark.parametrize("options", GENERATORS, ids=lambda o: next(iter(o)))
def test_batches_of_arrays_are_keras_s(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says that it centers as well
        pair = image.ImageDataGenerator(**options), KERAS.ImageDataGenerator(**options)
    learns = any("feature" in name or "zca" in name for name in options)
    if learns:
        for generator in pair:
            generator.fit(PICTURES / 255, augment=True, seed=3)
    weights = np.linspace(0, 1, 10)
    flows = [
        generator.flow(PICTURES.copy(), LABELS, 4, seed=5, sample_weight=weights)
        for generator in pair
    ]
    assert len(flows[0]) == len(flows[1]) == 3
    scale = 1e-5 if not learns else 1e-3
    for index in range(3):
        for mine, other in zip(flows[0][index], flows[1][index], strict=True):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, scale, scale * np.abs(other).max())


def test_a_seed_says_all_epochs() -> None:
    made = image.ImageDataGenerator(rotation_range=30, validation_split=0.4)
    flow = made.flow(PICTURES, LABELS, batch_size=4, seed=1)
    by_hand = [next(flow)[0] for _ in range(6)]
    flow.reset()
    assert np.array_equal(next(flow)[0], by_hand[0])
    assert not np.array_equal(by_hand[0], by_hand[3])
    np.random.seed(7)
    before = np.random.random()
    np.random.seed(7)
    masks = made.flow(PICTURES, batch_size=4, seed=1)
    assert np.array_equal(next(masks), by_hand[0])
    assert np.random.random() == before  # the program's own numbers are left alone
    batches = seqir.data.adapt(made.flow(PICTURES, LABELS, 4, seed=1))
    second = [batch.x for batch in batches.epoch(1)]
    assert all(map(np.array_equal, second, by_hand[3:]))
    parts = [made.flow(PICTURES, LABELS, subset=part, shuffle=False, seed=0)
             for part in ("training", "validation")]  # fmt: skip
    assert [part.n for part in parts] == [6, 4]
    pair = made.flow((PICTURES, [LABELS, LABELS]), LABELS, shuffle=False)
    x, y = pair[0]
    assert [a.shape[0] for a in x] == [10, 10, 10]
    assert y.tolist() == LABELS.tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("classes")
    for label, count in (("dogs", 5), ("cats", 4), ("birds", 3)):
        (root / label).mkdir()
        for i in range(count):
            numbers = RNG.integers(0, 256, (9, 7, 3), np.uint8)
            Image.fromarray(numbers).save(root / label / f"{i}.png")
    return root


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_mode": "sparse", "subset": "training", "color_mode": "grayscale"},
        {"class_mode": "binary", "classes": ["dogs", "cats"], "subset": "validation"},
        {"class_mode": "input", "interpolation": "bilinear"},
        {"class_mode": None, "shuffle": False, "color_mode": "rgba"},
    ],
)
def test_batches_of_folders_are_keras_s(folder: Path, options: dict[str, Any]) -> None:
    settings = {"rescale": 1 / 255, "horizontal_flip": True, "validation_split": 0.4}
    flows = [
        module.ImageDataGenerator(**settings).flow_from_directory(
            str(folder), target_size=(6, 5), batch_size=4, seed=2, **options
        )
        for module in (image, KERAS)
    ]
    mine, other = flows
    for name in ("filenames", "class_indices", "samples", "num_classes", "image_shape",
                 "filepaths", "n", "batch_size"):  # fmt: skip
        assert getattr(mine, name) == getattr(other, name), name
    assert mine.classes.tolist() == other.classes.tolist() == mine.labels.tolist()
    for index in range(len(other)):
        pairs = mine[index], other[index]
        if options.get("class_mode", "") is None:
            pairs = (pairs[0],), (pairs[1],)
        for a, b in zip(*pairs, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("library", ["pandas", "plain"])
@pytest.mark.parametrize(
    "options",
    [
        {"class_mode": "raw", "y_col": "age", "weight_col": "weight"},
        {"class_mode": "sparse", "y_col": "kind"},
        {"class_mode": "binary", "y_col": "kind", "classes": ["b", "a"]},
        {"y_col": "kinds"},
        {"class_mode": "multi_output", "y_col": ["age", "weight"]},
        {"class_mode": None},
    ],
)
def test_batches_of_tables_are_keras_s(
    folder: Path, options: dict[str, Any], library: str
) -> None:
    columns = {
        "filename": [f"dogs/{i}.png" for i in range(4)] + ["no.png", "cats/0.png"],
        "age": [1, 2, 3, 4, 5, 6],
        "weight": [0.5, 1.0, 2.0, 1.0, 1.0, 3.0],
        "kind": ["a", "b", "a", "a", "a", "b"],
        "kinds": [["a"], ["b", "c"], ["a"], ["a"], ["a"], ["c"]],
    }
    frame = pd.DataFrame(columns)
    table: Any = frame if library == "pandas" else columns
    flows: list[Any] = []
    for module, data in ((image, table), (KERAS, frame)):
        with pytest.warns(UserWarning, match="1 (names|invalid image)"):
            flows.append(
                module.ImageDataGenerator().flow_from_dataframe(
                    data, str(folder), target_size=(4, 4), seed=0, batch_size=3,
                    **options,
                )
            )  # fmt: skip
    mine, other = flows
    assert mine.filenames == other.filenames
    for index in range(len(other)):
        np.testing.assert_equal(_flat(mine[index]), _flat(other[index]))


def _flat(batch: Any) -> list[Any]:
    return [np.asarray(leaf) for leaf in seqir.tree.flatten(batch)]


def test_a_model_is_trained_on_a_generator(folder: Path, tmp_path: Path) -> None:
    made = image.ImageDataGenerator(rescale=1 / 255, rotation_range=10,
                                    validation_split=0.25)  # fmt: skip
    seen = {"training": tmp_path / "seen", "validation": None}
    flows = [
        made.flow_from_directory(
            folder, (6, 6), batch_size=4, seed=0, subset=subset, save_to_dir=kept
        )
        for subset, kept in seen.items()
    ]
    model = seqir.Sequential(
        [seqir.Input((6, 6, 3)), layers.Flatten(), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(flows[0], validation_data=flows[1], epochs=2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2
    assert model.predict(flows[1], verbose=0).shape == (flows[1].n, 3)
    assert any((tmp_path / "seen").glob("_*_*.png"))


def generator(**options: Any) -> Any:
    return image.ImageDataGenerator(**options)


def test_wrong_uses_say_what_is_wrong(folder: Path) -> None:
    x, y = PICTURES, LABELS
    empty = {"filename": ["no.png"], "class": ["a"]}
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: generator(fill_mode="mirror"), ArgumentError, "fill_mode must be"),
        (lambda: generator(zoom_range=[1, 2, 3]), ArgumentError, "zoom_range must be"),
        (lambda: generator(validation_split=2), ArgumentError, "validation_split must"),
        (lambda: generator(width_shift_range="a").random_transform(x[0]), ArgumentError,
         "width_shift_range and height_shift_range are numbers"),
        (lambda: generator(rotation_range=5, interpolation_order=3).random_transform(
            x[0]), UnsupportedError, "order 0 .nearest. or 1 .linear., got 3"),
        (lambda: image.apply_affine_transform(x[0], 5, row_axis=2), ShapeError,
         "a picture has the three axes"),
        (lambda: generator().fit(x[0]), ShapeError, "array of pictures, of rank 4"),
        (lambda: generator().flow(x[0]), ShapeError, "flow takes an array of pictures"),
        (lambda: generator().flow(x, y[:3]), ShapeError, "got 10 pictures and y of"),
        (lambda: generator(validation_split=0.5).flow(x, np.sort(y), subset="training"),
         ArgumentError, "the first 5 labels, for validation, and the others have not"),
        (lambda: generator().flow(x)[1], IndexError, "batch 1 of 1"),
        (lambda: generator().flow_from_directory(folder, class_mode="raw"),
         ArgumentError, "class_mode must be 'binary', 'categorical'"),
        (lambda: generator().flow_from_directory(folder / "dogs"), ArgumentError,
         "there are no pictures in the folders of"),
        (lambda: generator().flow_from_dataframe({"filename": [1], "class": ["a"]}),
         ArgumentError, "the column x_col='filename' is of names of files"),
        (lambda: generator().flow_from_dataframe(empty, validate_filenames=False,
         classes=["b"]), ArgumentError, "the table names no pictures in"),
        (lambda: generator().flow_from_dataframe(
            {**empty, "class": [3]}, validate_filenames=False), ArgumentError,
         "needs names of classes in the column 'class', got 3: write class_mode='raw'"),
        (lambda: generator().flow_from_dataframe(
            empty, validate_filenames=False, class_mode="binary"), ArgumentError,
         r"class_mode='binary' needs two classes, got \['a'\]"),
        (lambda: image.Iterator(1, 1, False, None, generator(), None)[0],
         NotImplementedError, "Iterator makes no batches"),
    ]  # fmt: skip
    for use, error, text in cases:
        with pytest.raises(error, match=text):
            use()
    with pytest.warns(UserWarning, match="featurewise_center has no effect before fit"):
        next(generator(featurewise_center=True).flow(x))
