"""Samples: random changes of images, which stay as they are in use."""

from collections.abc import Iterator
from typing import Any

from layer_samples.sample import FIRST, LayerSample, inner, s, swapped

X = (2, 8, 7, 3)
USE = {"training": False}


def in_use(layer: str, *args: Any, **kwargs: Any) -> LayerSample:
    return s(layer, *args, **{"x": X, "call": USE, "seed": 1} | kwargs)


def geometry() -> Iterator[LayerSample]:
    yield in_use("RandomFlip")
    yield in_use("RandomFlip", "horizontal", x=swapped(X), **FIRST)
    yield in_use("RandomFlip", mode="vertical", dtype="mixed_float16")
    yield in_use("RandomFlip", bounding_box_format="xyxy")
    yield in_use("RandomRotation", 0.2)
    yield in_use("RandomRotation", (-0.1, 0.3), "constant", "nearest", fill_value=0.5)
    yield in_use("RandomRotation", [0.1, 0.2], x=swapped(X), **FIRST)
    yield in_use("RandomZoom", 0.2)
    yield in_use("RandomZoom", (-0.3, -0.2), 0.4, fill_mode="wrap")
    yield in_use("RandomZoom", 0.1, (0.2, 0.3), x=swapped(X), **FIRST)
    yield in_use("RandomTranslation", 0.2, (-0.3, 0.1))
    yield in_use("RandomTranslation", (0.1, 0.2), 0, "nearest", x=swapped(X), **FIRST)
    yield in_use("RandomShear")
    yield in_use("RandomShear", (0, 0.2), (0.1, 0.3), "nearest", "wrap")
    yield in_use("RandomPerspective")
    yield in_use("RandomPerspective", (0, 0.5), 0.2, "nearest", x=swapped(X), **FIRST)
    yield in_use("RandomElasticTransform")
    elastic = (0.5, (0.2, 0.9), "nearest", "mirror", 1.0, (0, 1))
    yield in_use("RandomElasticTransform", *elastic, x=swapped(X), **FIRST)
    yield in_use("RandomCrop", 8, 7)
    yield in_use("RandomCrop", 4, 5)
    yield in_use("RandomCrop", 4, 5, x=swapped(X), **FIRST)
    yield in_use("RandomCrop", 9, 10)


def color() -> Iterator[LayerSample]:
    first = {"x": swapped(X), **FIRST}
    yield in_use("RandomContrast", 0.2)
    yield in_use("RandomContrast", (0.1, 0.4), (0, 1), **first)
    yield in_use("RandomBrightness", 0.2)
    yield in_use("RandomBrightness", [-0.1, 0.4], [0, 1], **first)
    yield in_use("RandomHue", 0.2)
    yield in_use("RandomHue", (0.1, 0.4), (0.0, 1.0), **first)
    yield in_use("RandomSaturation", 0.6)
    yield in_use("RandomSaturation", (0.1, 0.4), (0, 1), **first)
    yield in_use("RandomColorJitter")
    yield in_use("RandomColorJitter", (0, 1), 0.1, (0.1, 0.2), 0.5, 0.3)
    yield in_use("RandomColorJitter", hue_factor=0.1, **first)
    yield in_use("RandomColorDegeneration", 0.3)
    yield in_use("RandomColorDegeneration", (0.1, 0.4), (0, 1), **first)
    yield in_use("RandomGrayscale", seed=None)  # which Keras forgets
    yield in_use("RandomGrayscale", 1, seed=None, **first)
    yield in_use("RandomInvert")
    yield in_use("RandomInvert", (0.1, 0.4), (0, 1), **first)


def others() -> Iterator[LayerSample]:
    first = {"x": swapped(X), **FIRST}
    yield in_use("RandomPosterization", 3)
    yield in_use("RandomPosterization", (2, 7), (0, 1), **first)
    yield in_use("Solarization")
    yield in_use("Solarization", (0.1, 0.3), 0.5, (0, 1), **first)
    yield in_use("RandomSharpness", 0.3)
    yield in_use("RandomSharpness", (0.1, 0.4), (0, 1), **first)
    yield in_use("RandomGaussianBlur")
    yield in_use("RandomGaussianBlur", (0.1, 0.4), (3, 5), 0.5, (0, 1), **first)
    yield in_use("RandomErasing")
    yield in_use("RandomErasing", 0.4, 0.5, 3.0, (0, 1), **first)
    yield in_use("MixUp")
    yield in_use("MixUp", 0.5, **first)
    yield in_use("CutMix")
    yield in_use("CutMix", (0.1, 0.5), **first)
    yield in_use("RandAugment")
    yield in_use("RandAugment", (0, 1), 1, 0.2, "nearest", **first)
    yield in_use("AugMix", (0, 1), 2, 1, 0.2, 0.5, False, "nearest", **first)
    yield s("AutoContrast", x=X, call=USE)
    yield s("AutoContrast", (0, 1), x=X, call=USE)
    yield s("Equalization", x=X, call=USE)
    yield s("Equalization", (0, 1), 20, x=swapped(X), call=USE, **FIRST)
    tiles = "ContrastLimitedAdaptiveHistogramEqualization"
    yield s(tiles, (0, 1), 2.5, (2, 3), x=X, call=USE)
    yield s(tiles, x=swapped(X), dtype_in="uint8", high=256, **FIRST)
    yield s("MaxNumBoundingBoxes", 3, bounding_box_format="xyxy", x=X)
    steps = [inner("RandomFlip", seed=1, name="a"), inner("Conv2D", 2, 3, name="b")]
    yield s("Pipeline", steps, x=X, call=USE)


SAMPLES = (*geometry(), *color(), *others())
