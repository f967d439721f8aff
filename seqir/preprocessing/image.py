"""``seqir.preprocessing.image``, as Keras has it."""

from typing import Any

import numpy as np

from seqir.images import array_to_img, img_to_array, load_img, save_img
from seqir.images.resize import cropped, resize
from seqir.preprocessing.generator import ImageDataGenerator
from seqir.preprocessing.iterators import (
    DataFrameIterator,
    DirectoryIterator,
    Iterator,
    NumpyArrayIterator,
)
from seqir.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]


def smart_resize(x: Any, size: Any, interpolation: str = "bilinear") -> Any:
    """A picture, or several, cut to the shape of `size` and resized: not distorted.

    Shapes: (height, width, channels), or with a batch in front.
    Source: ``keras.preprocessing.image.smart_resize``.
    """
    pictures = np.asarray(x, np.float32)
    height, width = (int(n) for n in size)
    if pictures.ndim == 4:
        return np.stack([smart_resize(p, size, interpolation) for p in pictures])
    return resize(cropped(pictures, (height, width)), (height, width), interpolation)
