"""What models of ImageNet share: how images go in, what predictions mean."""

from __future__ import annotations

import functools
import json
from typing import Any, Literal, Protocol

import numpy as np

from seqir import config, downloads, dtypes, ops
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.ops.tensor import Tensor
from seqir.shapes import format_shape

__all__ = ["decode_predictions", "preprocess_input"]

CLASS_INDEX_URL = (
    "https://storage.googleapis.com/download.tensorflow.org/"
    "data/imagenet_class_index.json"
)
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"

Mode = Literal["caffe", "tf", "torch"]
DataFormat = config.DataFormat

# Means and deviations of the colours of ImageNet, from 0 to 255.
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red
_TORCH_MEAN = (0.485, 0.456, 0.406)  # red, green, blue, from 0 to 1
_TORCH_DEVIATION = (0.229, 0.224, 0.225)


class Preprocessing(Protocol):
    """A function that makes of images what a model takes."""

    def __call__(self, x: Any, data_format: DataFormat | None = None) -> Any:
        """The images as the model takes them."""
        ...


def preprocess_input(
    x: Any, data_format: DataFormat | None = None, mode: Mode = "caffe"
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
        no axis of 3 colours, DTypeError for what is no array of numbers.
    Source: Keras 3 ``applications.imagenet_utils.preprocess_input``.
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ArgumentError(f"mode must be 'caffe', 'tf' or 'torch', got {mode!r}")
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
        return (x / 255.0 - for_each(_TORCH_MEAN)) / for_each(_TORCH_DEVIATION)
    return ops.flip(x, axis) - for_each(_CAFFE_MEAN)


def _as_floats(x: Any) -> Any:
    """Images as numbers that can be scaled."""
    x = x if isinstance(x, Tensor) else _as_array(x)
    return x if dtypes.is_float(str(x.dtype)) else ops.cast(x, config.floatx())


def _as_array(x: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise DTypeError(
            f"expected one array of numbers, got a {type(x).__name__} of parts of "
            "different shapes"
        ) from error


def preprocessing(mode: Mode | None) -> Preprocessing:
    """The `preprocess_input` of a model; for None the images go in as they are."""

    def preprocess(x: Any, data_format: DataFormat | None = None) -> Any:
        if mode is None:
            return x
        return preprocess_input(x, data_format, mode)

    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    preprocess.__doc__ = (
        "Images with values from 0 to 255 as the model takes them"
        + (": as they are." if mode is None else f", mode {mode!r}.")
        + "\n\n    Source: Keras 3; see `imagenet_utils.preprocess_input`.\n    "
    )
    return preprocess


def decode_predictions(
    preds: Any, top: int = 5
) -> list[list[tuple[str, str, np.floating[Any]]]]:
    """The most probable classes of ImageNet: (WordNet's id, name, score), best first.

    Shapes: preds[N, 1000] -> N lists of `top` classes.
    Raises: ShapeError for predictions of other classes, ArgumentError unless `top` is
        a positive integer.
    Source: Keras 3 ``applications.imagenet_utils.decode_predictions``.
    """
    scores = _as_array(preds)
    if scores.ndim != 2 or scores.shape[1] != 1000:
        raise ShapeError(
            "decode_predictions takes a batch of predictions of shape (samples, 1000), "
            f"got {format_shape(scores.shape)}"
        )
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ArgumentError(f"top must be a positive integer, got {top!r}")
    classes = _class_index()
    best = np.argsort(scores, axis=-1)[:, : -top - 1 : -1]
    return [
        [(*classes[i], row[i]) for i in order]
        for row, order in zip(scores, best, strict=True)
    ]


@functools.cache
def _class_index() -> list[tuple[str, str]]:
    """WordNet's id and the name of each class."""
    path = downloads.fetch(
        CLASS_INDEX_URL, known_hash=f"md5:{CLASS_INDEX_MD5}", subfolder="models"
    )
    index: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
    return [(index[str(i)][0], index[str(i)][1]) for i in range(len(index))]
