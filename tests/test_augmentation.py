"""Random changes of images: numbers of Keras for equal draws, and the draws."""

from typing import Any

import numpy as np
import pytest
from augmentation_cases import (
    CASES,
    FIRST,
    LAYERS,
    MIXING,
    TONES,
    Case,
    first,
    pictures,
)

import seqir
from seqir import layers, nest, ops
from seqir.errors import UnsupportedError

keras = pytest.importorskip("keras")
pytest.importorskip("onnxruntime")

each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_layer = pytest.mark.parametrize("name", LAYERS)
FEW = [next(c for c in CASES if c[0] == name) for name in LAYERS]
one_of_each = pytest.mark.parametrize("case", FEW, ids=str)


def made(case: Case, **more: Any) -> Any:
    name, args, kwargs = case
    return getattr(layers, name)(*args, **kwargs, **more)


def made_by_keras(case: Case, **more: Any) -> Any:
    name, args, kwargs = case
    return getattr(keras.layers, name)(*args, **kwargs, **more)


def arrays(structure: Any) -> Any:
    """Keras's tensors as arrays; it writes into some of those that it is given."""
    return nest.map_structure(
        lambda x: np.array(x) if hasattr(x, "shape") else x, structure
    )


def close(found: Any, wanted: Any) -> None:
    wanted = np.asarray(wanted)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-3)


@each_case
@pytest.mark.parametrize("channels", ["channels_last", FIRST])
def test_equal_draws_give_the_images_of_keras(case: Case, channels: str) -> None:
    keras.utils.set_random_seed(1)
    mine, theirs = (m(case, data_format=channels) for m in (made, made_by_keras))
    x = pictures(4, 9, 8, 3)
    x = first(x) if channels == FIRST else x
    drawn = arrays(theirs.get_random_transformation(x.copy()))
    wanted = theirs.transform_images(keras.ops.convert_to_tensor(x.copy()), drawn)
    close(mine.transform_images(x, drawn), wanted)
    own = mine.get_random_transformation(x)
    if case[0] == "RandomCrop":
        own = own[:2]  # and the size of images, which boxes need
    if "batch_masks" not in own:  # Keras repeats these for each channel
        assert nest.map_structure(np.shape, own) == nest.map_structure(np.shape, drawn)
    if case[0] in MIXING:  # of which Keras mixes the masks of all images
        return
    masks = (x[..., :1] if channels != FIRST else x[:, :1]) // 128
    wanted = theirs.transform_segmentation_masks(masks.copy(), drawn)
    close(mine.transform_segmentation_masks(masks, drawn), wanted)


@pytest.mark.parametrize("case", TONES, ids=str)
def test_tones_are_those_of_keras(case: Case) -> None:
    x = pictures(4, 9, 8, 3)
    x[0, ..., 0] = 7.0
    found, used = (made(case)(x, training=t) for t in (True, False))
    with np.errstate(all="ignore"):
        for mine, t in ((found, True), (used, False)):
            close(mine, made_by_keras(case)(x.copy(), training=t))
    turned = made(case, data_format=FIRST)(first(x), training=True)
    np.testing.assert_allclose(turned, first(found), rtol=1e-5, atol=1e-4)


def test_random_kinds_of_changes_are_applied_in_order() -> None:
    layer = layers.RandAugment(num_ops=3, seed=1)
    x = pictures(4, 9, 8, 3)
    seen: set[int] = set()
    for _ in range(6):
        drawn = layer.get_random_transformation(x)
        wanted = x
        for kind in np.asarray(drawn["layer_idxes"]):
            name = [*drawn["transforms"]][kind]
            step = getattr(layer, name)
            wanted = step.transform_images(wanted, drawn["transforms"][name])
            seen.add(int(kind))
        np.testing.assert_allclose(layer.transform_images(x, drawn), wanted)
    assert len(seen) > 6
    again = layers.RandAugment(num_ops=3, seed=1)
    np.testing.assert_array_equal(again(x), layers.RandAugment(num_ops=3, seed=1)(x))
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_chains_are_mixed_as_was_drawn() -> None:
    layer = layers.AugMix(num_chains=2, chain_depth=2, seed=1)
    x = pictures(2, 9, 8, 3)
    for _ in range(3):
        drawn = layer.get_random_transformation(x)
        names = [*drawn["chain_transforms"][0][0]]
        shares, weight = drawn["chain_mixing_weights"], drawn["weight_sample"]
        np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)
        total = 0.0
        for share, chain, kinds in zip(
            shares, drawn["chain_transforms"], drawn["layer_idxes"], strict=True
        ):
            y = x
            for step, kind in zip(chain, np.asarray(kinds), strict=True):
                if kind < len(names):  # the last is no change
                    name = names[kind]
                    y = getattr(layer, name).transform_images(y, step[name])
            total = total + share * y
        wanted = np.clip(weight * x + (1 - weight) * total, 0, 255)
        close(layer.transform_images(x, drawn), wanted)
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_labels_are_mixed_as_images_are() -> None:
    x, labels = np.eye(30, dtype="float32"), np.eye(30, dtype="float32")
    images = np.broadcast_to(x[:, None, None], (30, 20, 20, 30)).copy()
    data = {"images": images, "labels": labels}
    up = layers.MixUp(0.5, seed=1)(data)
    np.testing.assert_allclose(up["images"][:, 3, 4], up["labels"], atol=1e-6)
    cut = layers.CutMix(seed=1)(data)
    np.testing.assert_allclose(cut["labels"].sum(1), 1, rtol=1e-5)
    # Borders lie between pixels, so areas agree up to those.
    area = cut["images"].mean((1, 2))
    assert np.abs(area - cut["labels"]).max() < 0.11
    assert len(np.unique(cut["images"])) == 2
    for found in (up, cut):
        assert 5 < (found["labels"].max(1) < 1).sum() <= 30


@one_of_each
def test_one_image_is_a_batch_of_one(case: Case) -> None:
    x = pictures(9, 8, 3)
    layer = made(case, seed=3)
    alone = layer(x)
    assert alone.dtype == np.float32
    again = made(case, seed=3)(x[None])
    np.testing.assert_array_equal(alone, again[0])
    np.testing.assert_array_equal(layer(x, training=False), x)


@one_of_each
def test_images_differ_by_image_and_call_but_not_by_seed(case: Case) -> None:
    x = np.repeat(pictures(1, 9, 8, 3), 40, 0)
    if case[0] in MIXING:
        x = pictures(40, 9, 8, 3)
    layer, again = made(case, seed=7), made(case, seed=7)
    found = [layer(x, training=True) for _ in range(2)]
    assert not np.array_equal(found[0], found[1])
    for y in found:
        np.testing.assert_array_equal(again(x, training=True), y)
    if case[0] != "RandomCrop":  # one place for a batch
        assert len(np.unique(found[0], axis=0)) > 1
    other = made(case, seed=8)(x, training=True)
    assert not np.array_equal(other, found[0])


def spread(low: float, high: float, values: Any) -> None:
    """Assert that numbers are uniform between two: none outside, each tenth as full."""
    values = np.ravel(values)
    assert values.min() >= low
    assert values.max() <= high
    counts, _ = np.histogram(values, 10, (low, high))
    share = len(values) / 10
    assert ((counts - share) ** 2 / share).sum() < 28  # 0.1% of such samples are above


def drawn(layer: Any, name: str) -> Any:
    return layer.get_random_transformation(np.zeros((4000, 3, 5, 3)))[name]


def test_draws_are_uniform_between_their_bounds() -> None:
    spread(-72, 108, drawn(layers.RandomRotation((-0.2, 0.3), seed=1), "angle"))
    zoom = layers.RandomZoom((-0.2, 0.4), 0.5, seed=1)
    spread(0.8, 1.4, drawn(zoom, "height_zoom"))
    spread(0.5, 1.5, drawn(zoom, "width_zoom"))
    shifts = drawn(layers.RandomTranslation(0.5, 0.2, seed=1), "translations")
    spread(-1.0, 1.0, shifts[:, 0])
    spread(-1.5, 1.5, shifts[:, 1])
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.05
    contrast = layers.RandomContrast((0.2, 0.4), seed=1)
    spread(0.8, 1.4, drawn(contrast, "contrast_factor"))
    spread(-51, 51, drawn(layers.RandomBrightness(0.2, seed=1), "rgb_delta"))
    spread(-0.25, 0.25, drawn(layers.RandomHue(0.5, seed=1), "factor"))
    flips = drawn(layers.RandomFlip(seed=1), "flips")
    assert abs(flips.mean() - 0.5) < 0.03
    inverted = drawn(layers.RandomInvert((0.2, 0.4), seed=1), "apply_inversion")
    assert abs(inverted.mean() - 0.3) < 0.03
    grey = layers.RandomGrayscale(0.2, seed=1).get_random_transformation(
        np.zeros((4000, 2, 2, 3))
    )
    assert abs(grey.mean() - 0.2) < 0.03


def test_crops_begin_at_every_place() -> None:
    x = np.arange(30.0, dtype="float32").reshape(1, 5, 6, 1)
    layer = layers.RandomCrop(3, 5, seed=1)
    corners = [int(layer(x)[0, 0, 0, 0]) for _ in range(200)]
    assert {*corners} == {0, 1, 6, 7, 12, 13}
    assert min(map(corners.count, {*corners})) > 15


@each_layer
def test_without_training_images_stay(name: str) -> None:
    case = next(c for c in CASES if c[0] == name)
    for dtype in ("uint8", "float32"):
        x = pictures(2, 9, 8, 3, dtype=dtype)
        y = made(case)(x, training=False)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, x)


def network(*changes: Any, shape: Any = (9, 8, 3)) -> Any:
    seqir.utils.set_random_seed(5)
    return seqir.Sequential(
        [
            seqir.Input(shape),
            *changes,
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1),
        ]
    )


def every_change() -> list[Any]:
    return [made(c, seed=2) for c in FEW if c[0] != "RandomCrop"]


def test_models_train_with_changes_and_are_used_without(tmp_path: Any) -> None:
    x, y = pictures(12, 9, 8, 3), np.arange(12) % 2
    model, plain = network(*every_change()), network()
    model.compile("adam", "mse")
    before = model.get_weights()
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert not np.array_equal(before[0], model.get_weights()[0])
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(x, verbose=0), plain.predict(x, verbose=0))
    np.testing.assert_allclose(model(x, training=False), plain(x), rtol=1e-5)
    nodes = model.export(tmp_path / "model.onnx").nodes
    assert nodes == plain.export(tmp_path / "plain.onnx").nodes


def test_nobody_says_training() -> None:
    """A layer, a list of layers and a model change images then, as in Keras."""
    x = pictures(20, 9, 8, 3)
    flip, shift = layers.RandomFlip(), layers.RandomTranslation(0.3, 0.3)
    t = seqir.Input((9, 8, 3))
    nested = seqir.Model(t, seqir.Sequential([flip])(t))
    for changes in (flip, seqir.Sequential([flip, shift]), nested):
        assert not np.array_equal(changes(x), x)
        assert not np.array_equal(changes(x), changes(x))
        np.testing.assert_array_equal(changes(x, training=False), x)
    np.testing.assert_array_equal(nested.predict(x, verbose=0), x)
    drops = seqir.Sequential([layers.Dropout(0.5)])
    np.testing.assert_array_equal(drops(x), x)


def test_images_of_unknown_sizes_are_changed() -> None:
    model = network(*every_change(), shape=(None, None, 3))
    model.compile("sgd", "mse")
    for size in ((9, 8), (6, 11)):
        x = pictures(4, *size, 3)
        assert np.isfinite(model.train_on_batch(x, np.zeros(4)))
        assert model.predict(x, verbose=0).shape == (4, 1)
    crop = seqir.Sequential([seqir.Input((None, None, 3)), layers.RandomCrop(5, 4)])
    x = np.arange(72.0, dtype="float32").reshape(1, 9, 8, 1).repeat(3, -1)
    found = [crop(x, training=True) for _ in range(20)]
    assert {y.shape for y in found} == {(1, 5, 4, 3)}
    corners = [divmod(int(y[0, 0, 0, 0]), 8) for y in found]
    assert max(i for i, _ in corners) <= 4
    assert max(j for _, j in corners) <= 4
    assert len({*corners}) > 5


def test_half_precision_trains() -> None:
    changes = [made(c, seed=2, dtype="mixed_float16") for c in FEW]
    model = network(*changes[:-1])
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(pictures(4, 9, 8, 3), np.zeros(4)))
    for layer in changes:
        y = layer(pictures(2, 9, 8, 3, dtype="uint8"), training=True)
        assert y.dtype == np.float16
        assert np.isfinite(y).all()


def test_labels_and_masks_go_with_images() -> None:
    x = pictures(6, 5, 4, 3)
    data = {"images": x, "labels": np.arange(6), "segmentation_masks": x[..., :1]}
    found = layers.RandomFlip(seed=1)(data)
    assert found.keys() == data.keys()
    np.testing.assert_array_equal(found["labels"], data["labels"])
    np.testing.assert_array_equal(found["segmentation_masks"], found["images"][..., :1])
    assert not np.array_equal(found["images"], x)
    np.testing.assert_array_equal(data["images"], x)
    alone = layers.RandomContrast(0.3)({name: part[0] for name, part in data.items()})
    assert alone["images"].shape == (5, 4, 3)
    assert alone["labels"].shape == ()
    np.testing.assert_array_equal(alone["segmentation_masks"], x[0, ..., :1])


class Darker(layers.RandomBrightness):
    """What a user changes: the draw."""

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        found = super().get_random_transformation(data, training, seed)
        return found and {"rgb_delta": -abs(found["rgb_delta"])}


def test_draws_can_be_replaced() -> None:
    x = pictures(8, 4, 4, 3)
    assert (Darker(0.5)(x) <= x).all()
    np.testing.assert_array_equal(Darker(0.5)(x, training=False), x)


def test_data_sets_change_images() -> None:
    x, flip = pictures(12, 5, 4, 3), layers.RandomFlip(seed=1)
    data = seqir.data.Dataset.from_tensor_slices((x, np.arange(12))).batch(4)
    changed = data.map(lambda images, y: (flip(images, training=True), y))
    found = [(np.asarray(images), y) for images, y in changed]
    assert [len(images) for images, _ in found] == [4, 4, 4]
    joined = np.concatenate([images for images, _ in found])
    turned = x[:, ::-1, ::-1]
    which = (joined == x).all((1, 2, 3))
    assert (which | (joined == turned).all((1, 2, 3))).all()
    assert 0 < which.sum() < 12


@pytest.mark.parametrize("order", ["bilinear", "nearest"])
def test_pixels_move_as_blurred_noise(
    monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (2, 18, 25, 3)).astype(np.float32)
    noise = rng.normal(size=(2, 2, 18, 25)).astype(np.float32)
    monkeypatch.setattr(seqir.random, "normal", lambda *_, **__: noise)
    layer = layers.RandomElasticTransform(
        (1, 1), (0.8, 0.8), order, "constant", 7.0, seed=4
    )
    drawn = layer.get_random_transformation(x)
    assert np.all(drawn["apply_transform"])
    sigma, alpha = 0.8 * 0.05 * 18, 0.8 * 0.1 * 25
    size = int(6 * sigma) | 1
    blurred = ops.image.gaussian_blur(
        noise * sigma, (size, size), (sigma, sigma), "channels_first"
    )
    np.testing.assert_allclose(drawn["moves"], alpha * blurred, atol=1e-5)
    places = np.mgrid[:18, :25] + np.asarray(drawn["moves"], np.float32)
    wanted = [
        [
            ops.image.map_coordinates(
                x[i, ..., c], places[i].astype(np.float32), int(order == "bilinear"),
                "constant", 7.0,
            )
            for c in range(3)
        ]
        for i in range(2)
    ]  # fmt: skip
    found = layer.transform_images(x, drawn)
    np.testing.assert_allclose(found, np.moveaxis(wanted, 1, -1), rtol=1e-4, atol=1e-2)
    assert layers.RandomElasticTransform(0).get_random_transformation(x) is None
    boxed = layers.RandomElasticTransform(bounding_box_format="xyxy")
    boxes = {"boxes": np.zeros((2, 1, 4)), "labels": np.zeros((2, 1))}
    with pytest.raises(UnsupportedError, match="changes no bounding boxes"):
        boxed({"images": x, "bounding_boxes": boxes})
