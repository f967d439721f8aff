"""Bounding boxes: the functions of Keras, and boxes in images that are changed."""

import copy
from typing import Any

import numpy as np
import pytest
from augmentation_cases import Case, case, first, pictures

import seqir
from seqir import nest
from seqir.errors import ArgumentError, ShapeError
from seqir.utils import bounding_boxes as mine

keras = pytest.importorskip("keras")
pytest.importorskip("onnxruntime")
theirs = keras.utils.bounding_boxes
layers: Any = seqir.layers

FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw",
    "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip
SIZE: dict[str, Any] = {"height": 20, "width": 30}


def boxes(*shape: int, seed: int = 0) -> Any:
    """Left, top, right, bottom, in images of 20 by 30."""
    ends = np.random.default_rng(seed).uniform(0, 1, (*shape, 2, 2))
    ends = np.sort(ends, -2) * [30, 20]
    return ends.reshape(*shape, 4).astype("float32")


def same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for name, part in wanted.items():
            same(found[name], part)
        return
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("source", FORMATS)
def test_formats_are_those_of_keras(source: str) -> None:
    x = theirs.convert_format(boxes(2, 3), "xyxy", source, **SIZE)
    for target in FORMATS:
        for given in (x, x[0], {"boxes": x, "labels": np.arange(6).reshape(2, 3)}):
            wanted = theirs.convert_format(copy.copy(given), source, target, **SIZE)
            same(mine.convert_format(given, source.upper(), target, **SIZE), wanted)


SPREADS = [0.1, 0.2, 0.3, 0.4]
ANGLES = [np.array([10.0, -70.0], "float32") * n for n in (1, 0.2, -0.3)]
SHIFTS = [np.array([0.1, -0.2], "float32") * n for n in (1, 0.5)]
GROWTH = np.array([1.2, 0.7], "float32")
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("clip_to_image_size",
     ({"boxes": boxes(2, 3) * 2 - 9, "labels": np.eye(2, 3)}, 20, 30), {}),
    ("clip_to_image_size", ({"boxes": boxes(3) / 20 - 0.3, "labels": np.arange(3)},),
     {"bounding_box_format": "rel_xyxy"}),
    ("crop", (boxes(3), 4, 5, 9, 8), {}),
    ("pad", (boxes(2, 3), 4, 5), {}),
    ("affine_transform",
     (boxes(2, 3), ANGLES[0], *SHIFTS, GROWTH, *ANGLES[1:], 20, 30), {}),
    ("affine_transform",
     (boxes(2, 3), ANGLES[0], *SHIFTS, GROWTH, *ANGLES[1:], 20, 30, 0.2, 0.7), {}),
    ("compute_iou", (boxes(2, 3), boxes(2, 4, seed=1), "xyxy"), {}),
    ("compute_iou", (boxes(3), boxes(2, 4, seed=1), "xywh"), {}),
    ("compute_iou", (boxes(3) / 30, boxes(4, seed=1) / 30, "rel_xyxy"),
     {"image_shape": (20, 30, 3)}),
    ("compute_iou", (boxes(4) - [[0], [40], [0], [0]], boxes(4, seed=1), "xyxy"),
     {"use_masking": True, "mask_val": -3}),
    ("compute_ciou", (boxes(2, 3), boxes(2, 3, seed=1), "xyxy"), {}),
    ("compute_ciou", (boxes(3), boxes(3, seed=1), "center_xywh"), {}),
    ("encode_box_to_deltas", (boxes(3), boxes(2, 3, seed=1), "xyxy", "xywh"), {}),
    ("encode_box_to_deltas",
     (boxes(3), boxes(3, seed=1), "xyxy", "xyxy", "center_xywh", SPREADS), {}),
    ("decode_deltas_to_boxes",
     (boxes(3), boxes(2, 3, seed=1) / 30, "xyxy", "xywh"), {}),
    ("decode_deltas_to_boxes",
     ({"a": boxes(3)}, {"a": boxes(3, seed=1) / 30}, "xyxy", "rel_xyxy", "center_xywh",
      SPREADS, (20, 30, 3)), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_functions_are_those_of_keras(name: str, args: Any, kwargs: Any) -> None:
    wanted = getattr(theirs, name)(*copy.deepcopy(args), **kwargs)
    same(getattr(mine, name)(*args, **kwargs), wanted)


def test_boxes_of_a_model_are_compared() -> None:
    a, b = seqir.Input((None, 4)), seqir.Input((None, 4))
    found = mine.compute_iou(mine.convert_format(a, "xywh", "xyxy"), b, "xyxy")
    model = seqir.Model([a, b], found)
    x, y = boxes(2, 3), boxes(2, 5, seed=1)
    wanted = theirs.compute_iou(theirs.convert_format(x, "xywh", "xyxy"), y, "xyxy")
    same(model.predict([x, y], verbose=0), wanted)


def test_wrong_boxes_say_what_is_wrong() -> None:
    x = boxes(3)
    with pytest.raises(ArgumentError, match="source must be 'xyxy', 'yxyx'"):
        mine.convert_format(x, "corners", "xyxy")
    with pytest.raises(
        ArgumentError, match="to 'rel_xyxy' need the height and the wid"
    ):
        mine.convert_format(x, "xyxy", "rel_xyxy")
    with pytest.raises(ShapeError, match="boxes must be four numbers along the last"):
        mine.convert_format(x[:, :3], "xyxy", "xywh")
    with pytest.raises(
        ArgumentError, match="takes boxes of the format xyxy, got 'xywh'"
    ):
        mine.crop(x, 1, 1, 2, 2, "xywh")
    with pytest.raises(ArgumentError, match="are clipped to a height and a width, got"):
        mine.clip_to_image_size({"boxes": x})
    with pytest.raises(ShapeError, match=r"compute_iou takes boxes \[boxes, 4\] or"):
        mine.compute_iou(x[0], x, "xyxy")
    with pytest.raises(ArgumentError, match="variance must be 4 numbers, got"):
        mine.encode_box_to_deltas(x, x, "xyxy", "xyxy", variance=[1.0])


MOVES: list[Case] = [
    case("RandomFlip"),
    case("RandomFlip", "horizontal"),
    case("RandomRotation", 0.2),
    case("RandomTranslation", 0.4, (-0.3, 0.1)),
    case("RandomZoom", 0.4, (-0.3, 0.2)),
    case("RandomShear", 0.4, (-0.0, 0.2)),
    case("RandomPerspective", 0.8),
]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_equal_draws_give_the_boxes_of_keras(move: Case) -> None:
    keras.utils.set_random_seed(1)
    name, args, kwargs = move
    own = ("xyxy", "rel_xywh")
    if name in ("RandomRotation", "RandomPerspective"):  # where Keras knows one format
        own = ("xyxy",)
    x, labels = pictures(4, 20, 30, 3), np.arange(12).reshape(4, 3)
    for form in own:
        ours, keras_layer = (
            getattr(k, name)(*args, **kwargs, bounding_box_format=form)
            for k in (layers, keras.layers)
        )
        drawn = keras_layer.get_random_transformation(x.copy())
        drawn = nest.map_structure(
            lambda n: np.array(n) if hasattr(n, "shape") else n, drawn
        )
        given = {
            "boxes": np.asarray(
                theirs.convert_format(boxes(4, 3), "xyxy", form, **SIZE)
            ),
            "labels": labels,
        }
        wanted = keras_layer.transform_bounding_boxes(copy.deepcopy(given), drawn)
        same(ours.transform_bounding_boxes(given, drawn), wanted)


PAINTED: list[Case] = [
    case("RandomFlip"),
    case("RandomTranslation", 0.2, 0.2, "constant"),
    case("RandomZoom", (-0.3, -0.1), fill_mode="constant"),
    case("RandomRotation", 0.1, "constant"),
    case("RandomPerspective", 1.0, 0.3),
    case("RandomCrop", 5, 6),
    case("RandomCrop", 22, 40),
    case("RandomCrop", 12, 17),
]


@pytest.mark.parametrize("move", PAINTED, ids=str)
@pytest.mark.parametrize("form", ["rel_center_xywh", "yxyx"])
def test_boxes_are_where_their_pixels_are(move: Case, form: str) -> None:
    """A box of ones is painted, and found again where the layer says that it is."""
    name, args, kwargs = move
    layer = getattr(layers, name)(*args, **kwargs, seed=3, bounding_box_format=form)
    count = 12
    images = np.zeros((count, 20, 30, 1), "float32")
    images[:, 6:15, 9:21] = 1.0
    corners = np.tile(np.array([9, 6, 21, 15], "float32"), (count, 1, 1))
    given = mine.convert_format(corners, "xyxy", form, **SIZE)
    found = layer({
        "images": images,
        "bounding_boxes": {"boxes": given, "labels": np.ones((count, 1), "int32")},
        "labels": np.arange(count),
    })  # fmt: skip
    height, width = found["images"].shape[1:3]
    back = mine.convert_format(
        found["bounding_boxes"]["boxes"], form, "xyxy", height=height, width=width
    )
    for image, box in zip(found["images"], back, strict=True):
        rows, columns = (np.flatnonzero(image[..., 0].max(a) > 0.5) for a in (1, 0))
        if rows.size:
            seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            np.testing.assert_allclose(box[0], seen, atol=2.1)


def test_boxes_go_through_steps_and_training(tmp_path: Any) -> None:
    steps = [
        getattr(layers, name)(*args, bounding_box_format="xyxy", seed=1)
        for name, args, _ in MOVES
    ]
    more = [
        layers.RandAugment(bounding_box_format="xyxy", seed=1),
        layers.MixUp(bounding_box_format="xyxy", seed=2),
        layers.MaxNumBoundingBoxes(5, bounding_box_format="xyxy"),
    ]
    labels = np.arange(12).reshape(4, 3)
    given = {"boxes": boxes(4, 3), "labels": labels}
    data = {"images": pictures(4, 20, 30, 3), "bounding_boxes": given}
    pipeline = layers.Pipeline([*steps, *more])
    for training in (True, False):
        found = pipeline(data, training=training)
        assert found["images"].shape == (4, 20, 30, 3)
        assert found["bounding_boxes"]["boxes"].shape == (4, 5, 4)
        assert found["bounding_boxes"]["labels"].shape == (4, 5)
    np.testing.assert_array_equal(found["bounding_boxes"]["labels"][:, :3], labels)
    one = nest.map_structure(lambda x: x[0], data)
    alone = layers.Pipeline(steps)(one)
    assert alone["bounding_boxes"]["boxes"].shape == (3, 4)
    flipped = layers.RandomFlip(bounding_box_format="xyxy", seed=1)
    turned = layers.RandomFlip(
        bounding_box_format="xyxy", seed=1, data_format="channels_first"
    )
    a, b = (
        layer({**data, "images": x})["bounding_boxes"]["boxes"]
        for layer, x in ((flipped, data["images"]), (turned, first(data["images"])))
    )
    np.testing.assert_array_equal(a, b)
