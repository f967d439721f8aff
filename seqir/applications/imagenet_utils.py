"""What models of ImageNet share: how images go in, what predictions mean."""

from __future__ import annotations

import functools
import json
from typing import Any, Protocol

import numpy as np

from seqir import downloads
from seqir.arguments import integer
from seqir.config import DataFormat
from seqir.errors import ShapeError
from seqir.images.imagenet import Mode, one_array, preprocess_input
from seqir.shapes import format_shape

__all__ = ["decode_predictions", "preprocess_input"]

CLASS_INDEX_URL = (
    "https://storage.googleapis.com/download.tensorflow.org/"
    "data/imagenet_class_index.json"
)
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"


class Preprocessing(Protocol):
    """A function that makes of images what a model takes."""

    def __call__(self, x: object, data_format: DataFormat | None = None) -> Any:
        """The images as the model takes them."""
        ...


def preprocessing(mode: Mode | None) -> Preprocessing:
    """The `preprocess_input` of a model; for None the images go in as they are."""

    def preprocess(x: object, data_format: DataFormat | None = None) -> Any:
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
    preds: object, top: int = 5
) -> list[list[tuple[str, str, np.floating[Any]]]]:
    """The most probable classes of ImageNet: (WordNet's id, name, score), best first.

    Shapes: preds[N, 1000] -> N lists of `top` classes.
    Raises: ShapeError for predictions of other classes, ArgumentError unless `top` is
        a positive integer.
    Source: Keras 3 ``applications.imagenet_utils.decode_predictions``.
    """
    scores = one_array(preds)
    if scores.ndim != 2 or scores.shape[1] != 1000:
        raise ShapeError(
            "decode_predictions takes a batch of predictions of shape (samples, 1000), "
            f"got {format_shape(scores.shape)}"
        )
    top = integer("top", top, least=1)
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
