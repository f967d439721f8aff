"""Pictures from files."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any, Final

from seqir.arguments import one_of
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    LoadError,
    MissingPackageError,
    UnsafeFileError,
)
from seqir.narrow import is_path

_KEPT: Final = {
    "grayscale": ("L", "I;16", "I"),
    "rgb": ("RGB",),
    "rgba": ("RGBA",),
}
"""The modes of Pillow that a color mode leaves as they are, the usual one first."""
CHANNELS: Final = {"grayscale": 1, "rgb": 3, "rgba": 4}
_FILTERS: Final = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A picture in a file, as an image of Pillow.

    `path` may be an ``io.BytesIO`` too. `color_mode` is "rgb", "rgba" or "grayscale"
    (which leaves 16 and 32 bits as they are). With a `target_size` of (height, width)
    Pillow resizes it: "nearest", "bilinear", "bicubic", "hamming", "box", "lanczos";
    with `keep_aspect_ratio` it takes the largest part in the middle that has that
    shape.

    Raises: ArgumentError for another mode or interpolation; LoadError if there is no
        such file; CorruptFileError if it is not a picture; UnsafeFileError for one of
        far too many pixels; MissingPackageError without Pillow.
    Source: ``keras.utils.load_img``.
    """
    check_color_mode(color_mode)
    one_of("interpolation", interpolation, _FILTERS)
    picture = open_picture(path, color_mode)
    if target_size is None:
        return picture
    height, width = target_size
    if picture.size == (width, height):
        return picture
    box = _middle(picture, width, height) if keep_aspect_ratio else None
    resampling = pillow().Resampling[interpolation.upper()]
    return picture.resize((width, height), resampling, box=box)


def open_picture(path: Any, color_mode: str) -> Any:
    """A picture in a file, all of it, in a color mode.

    Raises: what `load_img` raises.
    """
    image = pillow()
    content = path if isinstance(path, io.BytesIO) else io.BytesIO(_content(path))
    name = "the picture" if isinstance(path, io.BytesIO) else os.fsdecode(path)
    try:
        picture = image.open(content)
        picture.load()
        kept = _KEPT[color_mode]
        return picture if picture.mode in kept else picture.convert(kept[0])
    except (image.DecompressionBombError, image.DecompressionBombWarning) as error:
        raise UnsafeFileError(f"{name} has far too many pixels: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        why = "not a picture that Pillow knows"
        if not isinstance(error, image.UnidentifiedImageError):
            why = f"damaged ({error})"
        raise CorruptFileError(f"{name} is {why}") from error


def check_color_mode(color_mode: object) -> None:
    """Refuse what is not a color mode.

    Raises: ArgumentError.
    """
    one_of("color_mode", color_mode, CHANNELS)


def pillow() -> Any:
    """The module ``PIL.Image``.

    Raises: MissingPackageError without Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError(
            'pictures need Pillow, which is not installed: pip install "seqir[image]"'
        ) from error
    return Image


def _content(path: object) -> bytes:
    if not (is_path(path) or isinstance(path, bytes)):
        raise ArgumentError(
            f"a picture is a path or an io.BytesIO, got {type(path).__name__}"
        )
    file = Path(os.fsdecode(path))
    if not file.is_file():  # reading a pipe would wait for ever
        raise LoadError(f"there is no file {file}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise LoadError(f"cannot read {file}: {error.strerror}") from error


def _middle(picture: Any, new_width: int, new_height: int) -> tuple[int, int, int, int]:
    """The largest box in the middle with the shape of the new size."""
    width, height = picture.size
    wide = min(width, height * new_width // new_height)
    high = min(height, width * new_height // new_width)
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high
