"""How images enter the models of ImageNet."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import numpy as np

from seqir import config, dtypes, ops
from seqir.arguments import one_of
from seqir.errors import DTypeError, ShapeError
from seqir.ops.tensor import Tensor
from seqir.shapes import format_shape

Mode = Literal["tf", "torch", "caffe"]
"""By who trained the models: Keras's own, those of PyTorch, those of Caffe."""
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

# Means and deviations of the colours of ImageNet, from 0 to 255.
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red
_TORCH_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)  # red, green, blue
_TORCH_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)


def preprocess_input(
    x: Any, data_format: config.DataFormat | None = None, mode: Mode = "caffe"
) -> Any:
    """Images with values from 0 to 255 as models of ImageNet were trained on them.

    ==========  ==========================================================
    ``tf``      x / 127.5 - 1
    ``torch``   (x / 255 - mean) / deviation, for each colour
    ``caffe``   the colours turned round to BGR, then x - mean
    ==========  ==========================================================

    Arrays are copied: unlike Keras's, this function never writes into what it gets.

    Shapes: x of one image or a batch -> the same; arrays of integers become floatx.
    Raises: ArgumentError for an unknown mode or data format, ShapeError for what has
        no axis of 3 colours, DTypeError for what is not an array of numbers.
    Source: Keras 3 ``applications.imagenet_utils.preprocess_input``.
    """
    one_of("mode", mode, MODES)
    data_format = config.check_data_format(data_format)
    first = data_format == "channels_first"
    x = _as_floats(x)
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = x.ndim - 3 if first else x.ndim - 1
    if x.ndim not in (3, 4) or x.shape[axis] != 3:
        raise ShapeError(
            "preprocess_input takes images with 3 colours on axis "
            f"{-3 if first else -1} ({data_format}), got {format_shape(x.shape)}"
        )

    def for_each(values: tuple[float, ...]) -> Any:
        """Values of the colours, to compute with the images."""
        return np.asarray(values, x.dtype).reshape((3, 1, 1) if first else (3,))

    if mode == "torch":
        return (x - for_each(_TORCH_MEAN)) / for_each(_TORCH_DEVIATION)
    return ops.flip(x, axis) - for_each(_CAFFE_MEAN)


def _as_floats(x: Any) -> Any:
    """Images as numbers that can be scaled."""
    x = x if isinstance(x, Tensor) else one_array(x)
    return x if dtypes.is_float(str(x.dtype)) else ops.cast(x, config.floatx())


def one_array(x: Any) -> np.ndarray[Any, Any]:
    """An array of numbers, also of lists.

    Raises: DTypeError for parts of different shapes.
    """
    try:
        return np.asarray(x)
    except ValueError as error:
        raise DTypeError(
            f"expected one array of numbers, got a {type(x).__name__} of parts of "
            "different shapes"
        ) from error
