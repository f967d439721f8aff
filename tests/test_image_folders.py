"""Folders of pictures as datasets."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from test_images import NAMES

import seqir
from seqir import images, layers
from seqir.data import TensorSpec
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    UnsupportedError,
)

# Folders.

FILES = {
    "cats": ("b.png", "a.jpg", "z.PNG", "sub/q.png", "note.txt"),
    "dogs": ("d1.png", "d10.png", "d2.bmp", "d3.gif"),
    "ants": ("x.jpeg", "y.png"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for label, names in FILES.items():
        for name in names:
            path = root / label / name
            path.parent.mkdir(exist_ok=True, parents=True)
            height, width = rng.integers(8, 40, 2)
            numbers = rng.integers(0, 256, (height, width, 3), np.uint8)
            if name.endswith("txt"):
                path.write_text("no picture")
            else:
                Image.fromarray(numbers).save(path)
    (root / ".hidden").mkdir()
    return root


@pytest.fixture(autouse=True)
def quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capsys.readouterr().out == ""


def load(folder: Path, **options: Any) -> Any:
    options = {"image_size": (12, 10), "verbose": False, **options}
    return images.image_dataset_from_directory(folder, **options)


def keras_index(folder: Path, labels: Any, seed: int | None, **options: Any) -> Any:
    from keras.src.utils import dataset_utils
    from keras.src.utils.image_dataset_utils import ALLOWLIST_FORMATS

    return dataset_utils.index_directory(
        str(folder), labels, ALLOWLIST_FORMATS,
        shuffle=seed is not None, seed=seed, verbose=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("labels", ["inferred", None, list(range(10, 20))])
def test_files_and_labels_have_keras_s_order(
    folder: Path, labels: Any, seed: int | None
) -> None:
    paths, numbers, names = keras_index(folder, copy.copy(labels), seed)
    dataset = load(folder, labels=labels, shuffle=seed is not None, seed=seed)
    assert dataset.file_paths == paths
    assert dataset.class_names == names
    if labels is not None:
        found = np.concatenate([y for _, y in dataset])
        assert found.dtype == np.int32
        assert found.tolist() == list(numbers)


def test_class_names_in_another_order(folder: Path) -> None:
    names = ["dogs", "ants"]
    paths, numbers, _ = keras_index(folder, "inferred", 5, class_names=names)
    dataset = load(folder, class_names=names, seed=5)
    assert (dataset.file_paths, dataset.class_names) == (paths, names)
    assert np.concatenate([y for _, y in dataset]).tolist() == numbers.tolist()


def test_links_are_followed_if_asked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "link").symlink_to(folder / "ants")
    with pytest.raises(ArgumentError, match="there are no pictures in"):
        load(tmp_path)
    assert len(load(tmp_path, follow_links=True).file_paths) == 2


@pytest.mark.parametrize("share", [0.2, 0.35])
def test_splits_are_keras_s(
    folder: Path, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    from keras.src.utils.dataset_utils import get_training_or_validation_split

    paths, numbers, _ = keras_index(folder, "inferred", 7)
    parts = {}
    for subset in ("training", "validation"):
        expected, _ = get_training_or_validation_split(paths, numbers, share, subset)
        part = load(folder, seed=7, validation_split=share, subset=subset)
        assert part.file_paths == expected
        parts[subset] = expected
    capsys.readouterr()
    both = load(folder, seed=7, validation_split=share, subset="both")
    assert [p.file_paths for p in both] == list(parts.values())


def test_label_modes(folder: Path) -> None:
    def y(**options: Any) -> Any:
        return np.concatenate([y for _, y in load(folder, shuffle=False, **options)])

    numbers = y()
    rows = y(label_mode="categorical")
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.eye(3)[numbers])
    binary = y(label_mode="binary", class_names=["cats", "dogs"])
    assert (binary.dtype, binary.shape) == (np.float32, (8, 1))
    assert binary[:, 0].tolist() == [0] * 4 + [1] * 4
    dataset = load(folder, label_mode=None)
    assert dataset[0].shape == (10, 12, 10, 3)
    assert dataset.class_names == ["ants", "cats", "dogs"]


@pytest.mark.parametrize(("mode", "n"), [("rgb", 3), ("rgba", 4), ("grayscale", 1)])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pictures_of_a_batch(folder: Path, mode: str, n: int, data_format: str) -> None:
    dataset = load(
        folder, color_mode=mode, data_format=data_format, shuffle=False, batch_size=4
    )
    assert len(dataset) == 3
    assert [len(x) for x, _ in dataset] == [4, 4, 2]
    first = data_format == "channels_first"
    for x, path in zip(np.concatenate([x for x, _ in dataset]), dataset.file_paths,
                       strict=True):  # fmt: skip
        assert x.shape == ((n, 12, 10) if first else (12, 10, n))
        numbers = keras.utils.img_to_array(keras.utils.load_img(path, mode))
        expected = keras.ops.image.resize(numbers, (12, 10))
        x = x.transpose(1, 2, 0) if first else x
        np.testing.assert_allclose(x, np.asarray(expected), atol=2e-2, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"interpolation": "area", "label_mode": "categorical"},
        {"crop_to_aspect_ratio": True, "batch_size": 4},
        {"pad_to_aspect_ratio": True, "image_size": 16},
        {"data_format": "channels_first", "labels": None},
    ],
)
def test_datasets_are_keras_s(
    folder: Path, options: dict[str, Any], tmp_path: Path
) -> None:
    """On pictures without JPEG, which TensorFlow decodes less exactly."""
    pytest.importorskip("tensorflow")
    for path in [p for p in folder.rglob("*") if p.suffix.lower() in (".png", ".bmp")]:
        copy = tmp_path / path.relative_to(folder)
        copy.parent.mkdir(exist_ok=True, parents=True)
        copy.write_bytes(path.read_bytes())
    options = {"image_size": (12, 10), "shuffle": False, "verbose": False, **options}
    theirs = keras.utils.image_dataset_from_directory(str(tmp_path), **options)
    ours = images.image_dataset_from_directory(tmp_path, **options)
    assert ours.file_paths == theirs.file_paths  # pyright: ignore[reportAttributeAccessIssue]
    assert ours.class_names == theirs.class_names  # pyright: ignore[reportAttributeAccessIssue]
    for mine, other in zip(ours, theirs, strict=True):
        pairs = (
            zip(mine, other, strict=True)
            if isinstance(mine, tuple)
            else ((mine, other),)
        )
        for a, b in pairs:
            assert a.dtype == b.numpy().dtype
            np.testing.assert_allclose(a, b.numpy(), atol=2e-2, rtol=1e-4)


def test_what_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(folder, verbose=True, seed=1, validation_split=0.3, subset="both")
    load(folder, verbose=True, labels=None)
    assert capsys.readouterr().err.splitlines() == [
        "Found 10 files belonging to 3 classes.",
        "Using 7 files for training.",
        "Using 3 files for validation.",
        "Found 10 files.",
    ]


def test_each_pass_has_an_order_of_its_own(folder: Path) -> None:
    from seqir import data

    def passes(**options: Any) -> list[list[bytes]]:
        batches = data.adapt(load(folder, batch_size=3, **options))
        return [
            [picture.tobytes() for b in batches.epoch(i) for picture in b.x]
            for i in (0, 1, 2, 1)
        ]

    first, second, third, again = passes(seed=4)
    assert first != second != third != first
    assert sorted(first) == sorted(second) == sorted(third)
    assert second == again
    plain = passes(shuffle=False)
    assert plain[0] == plain[1] == plain[2]


def test_each_walk_by_hand_has_an_order_of_its_own(folder: Path) -> None:
    for seed in (4, None):
        dataset = load(folder, batch_size=3, shuffle=True, seed=seed)
        walks = [[p.tobytes() for x, _ in dataset for p in x] for _ in range(3)]
        assert walks[0] != walks[1] != walks[2]
        assert sorted(walks[0]) == sorted(walks[1]) == sorted(walks[2])
    plain = load(folder, batch_size=3, shuffle=False)
    assert [y.tolist() for _, y in plain] == [y.tolist() for _, y in plain]


def test_single_pictures_can_be_changed_and_batched(folder: Path) -> None:
    single = load(folder, batch_size=None, shuffle=False)
    whole = load(folder, batch_size=4, shuffle=False)
    assert len(single) == 10
    assert single.element_spec[0] == TensorSpec((12, 10, 3))
    assert whole.element_spec[0] == TensorSpec((None, 12, 10, 3))
    halved = single.map(lambda x, y: (x / 2, y)).batch(4).prefetch()
    for (x, y), (whole_x, whole_y) in zip(halved, whole, strict=True):
        np.testing.assert_array_equal(x * 2, whole_x)
        np.testing.assert_array_equal(y, whole_y)


def test_a_model_is_trained_on_a_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label, level in (("dark", 40), ("light", 200)):
        (tmp_path / label).mkdir()
        for i in range(12):
            numbers = rng.integers(level - 30, level + 30, (9, 9, 3)).astype(np.uint8)
            Image.fromarray(numbers).save(tmp_path / label / f"{i}.png")
    training, validation = load(
        tmp_path, validation_split=0.25, subset="both", seed=0, batch_size=6,
        label_mode="binary", image_size=8,
    )  # fmt: skip
    model = seqir.Sequential(
        [
            seqir.Input((8, 8, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.2
    history = model.fit(training, validation_data=validation, epochs=4, verbose=0)
    assert history.history["val_accuracy"][-1] == 1.0
    assert model.predict(validation, verbose=0).shape == (6, 1)


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "bad.png").write_text("hello")
    with pytest.raises(
        CorruptFileError, match=r"a/bad\.png is not a picture that Pillow"
    ):
        load(tmp_path)[0]


def test_batches_that_are_not_there(folder: Path) -> None:
    with pytest.raises(IndexError, match="batch 1 of 1"):
        load(folder)[1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"labels": "guessed"},
            "labels must be 'inferred', None or a list of integers",
        ),
        ({"labels": [1.5] * 10}, r"a list of integers, got list of shape \(10,\)"),
        ({"labels": [1, 2]}, "2 labels for the 10 pictures in "),
        ({"labels": None, "class_names": ["a"]}, "class_names needs labels='inferred'"),
        (
            {"class_names": ["cats", "cows"]},
            "no folder 'cows' in .* has ants, cats, dogs",
        ),
        (
            {"label_mode": "float"},
            "label_mode must be 'int', 'categorical', 'binary' or",
        ),
        ({"label_mode": "binary"}, "label_mode='binary' needs two classes, got 3: "),
        (
            {"label_mode": "categorical", "labels": list(range(1, 11))},
            "label_mode='categorical' needs labels from 0 to 9, got 1 to 10",
        ),
        ({"color_mode": "hsv"}, "color_mode must be 'grayscale', 'rgb' or 'rgba', got"),
        (
            {"interpolation": "best"},
            "interpolation must be 'bilinear', 'nearest'",
        ),
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        (
            {"image_size": (1, 2, 3)},
            "image_size must be an integer >= 1 or 2 of them, got",
        ),
        (
            {"image_size": (0, 2)},
            "image_size must be an integer >= 1 or 2 of them, got",
        ),
        (
            {"image_size": "big"},
            "image_size must be an integer >= 1 or 2 of them, got",
        ),
        ({"subset": "training"}, "subset and validation_split are given together, got"),
        ({"validation_split": 0.5}, "subset and validation_split are given together"),
        (
            {"validation_split": 0.5, "subset": "test", "seed": 1},
            "subset must be 'training', 'validation' or 'both', got 'test'",
        ),
        (
            {"validation_split": 1.5, "subset": "both", "seed": 1},
            r"validation_split must be a number > 0 and < 1, got 1\.5",
        ),
        (
            {"validation_split": 0.5, "subset": "both"},
            "validation_split of shuffled pictures needs a seed",
        ),
        (
            {"validation_split": 0.05, "subset": "both", "seed": 1},
            "of 10 pictures leaves 10 for training and 0 for validation",
        ),
        (
            {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
            "a picture is cropped or padded to a shape, not both",
        ),
    ],
)
def test_wrong_arguments_of_folders(
    folder: Path, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ArgumentError, match=text):
        load(folder, **options)


def test_what_is_not_possible(folder: Path) -> None:
    with pytest.raises(
        UnsupportedError, match="format='grain' asks for a dataset of an"
    ):
        load(folder, format="grain")


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"there is no folder .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(
        ArgumentError, match=r"there are no folders in .*: with labels='"
    ):
        load(tmp_path)
    with pytest.raises(
        ArgumentError, match=r"no pictures in .*: expected .*\.bmp, \.gi"
    ):
        load(tmp_path, labels=None)


def test_keras_s_names_are_in_utils() -> None:
    for name in NAMES:
        assert getattr(seqir.utils, name) is getattr(images, name)
    with pytest.raises(AttributeError, match=r"'seqir\.utils' has no attribute 'non"):
        _ = seqir.utils.nonsense
