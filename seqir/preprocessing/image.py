"""``seqir.preprocessing.image``, as Keras has it."""

from typing import Any

import numpy as np

from seqir.images import array_to_img, img_to_array, load_img, save_img
from seqir.images.resize import cropped, resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]


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
