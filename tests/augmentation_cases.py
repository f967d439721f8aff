"""Layers that change images at random, with arguments to try them on."""

from typing import Any

import numpy as np

FIRST = "channels_first"
TILES = "ContrastLimitedAdaptiveHistogramEqualization"
Case = tuple[str, tuple[Any, ...], dict[str, Any]]


def case(name: str, *args: Any, **kwargs: Any) -> Case:
    return name, args, kwargs


CASES: list[Case] = [
    case("RandomFlip"),
    case("RandomFlip", "horizontal"),
    case("RandomFlip", "vertical"),
    case("RandomRotation", 0.3),
    case("RandomRotation", (0.1, 0.4), "constant", "nearest", fill_value=9.0),
    case("RandomZoom", 0.4),
    case("RandomZoom", (-0.3, 0.2), 0.5, "wrap"),
    case("RandomTranslation", 0.4, (-0.3, 0.1)),
    case("RandomTranslation", 0.2, 0.3, "nearest", "nearest"),
    case("RandomShear", 0.4, 0.2),
    case("RandomShear", (0.1, 0.3), fill_mode="constant"),
    case("RandomCrop", 5, 4),
    case("RandomCrop", 12, 4),
    case("RandomCrop", 12, 12),
    case("RandomCrop", 6, 9),
    case("RandomPerspective"),
    case("RandomPerspective", 0.6, 0.7, "nearest", 9.0),
    case("RandomContrast", 0.4),
    case("RandomContrast", (0.3, 0.6), (0, 200)),
    case("RandomBrightness", 0.4),
    case("RandomBrightness", (0.1, 0.3), (20, 200)),
    case("RandomHue", 0.9),
    case("RandomHue", (0.1, 0.3), (20, 255)),
    case("RandomSaturation", 0.9),
    case("RandomSaturation", (0.6, 0.9)),
    case("RandomColorDegeneration", 0.9),
    case("RandomGrayscale", 0.5),
    case("RandomInvert", 0.7),
    case("RandomInvert", (0.3, 0.6), (0, 200)),
    case("RandomPosterization", 4),
    case("RandomPosterization", (2, 7), (0, 510)),
    case("RandomPosterization", (3, 3)),
    case("Solarization", 0.3, 0.5),
    case("Solarization", (0.1, 0.3), (0.2, 0.9), (0, 300)),
    case("RandomSharpness", 0.9),
    case("RandomSharpness", (0.6, 0.8), (20, 200)),
    case("RandomGaussianBlur", 0.7, (3, 5), 0.8),
    case("RandomGaussianBlur", (0.5, 0.9), 5, (0.2, 0.6), (20, 200)),
    case("RandomErasing"),
    case("RandomErasing", 0.7, (0.1, 0.8), 9.0, (5, 255)),
    case("MixUp", 0.4),
    case("CutMix"),
    case("CutMix", (0.3, 0.9)),
]  # fmt: skip
"""Layer, arguments and keywords."""

LAYERS = sorted({name for name, _, _ in CASES})

TONES: list[Case] = [
    case("AutoContrast"),
    case("AutoContrast", (0, 300)),
    case("Equalization"),
    case("Equalization", (0, 300), 20),
    case(TILES, (0, 300), 2.5, (2, 3)),
    case(TILES, clip_limit=0, tile_grid_size=(11, 11)),
]  # fmt: skip
"""Layers that draw nothing."""
MIXING = ("CutMix", "MixUp")
"""Layers whose images change only where there are others."""


def pictures(*shape: int, dtype: str = "float32", seed: int = 0) -> Any:
    """Pixels from 0 to 255, channels last."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape).astype(dtype)


def first(images: Any) -> Any:
    """The same with channels first."""
    return np.moveaxis(images, -1, -3)
