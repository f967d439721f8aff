"""Pictures as arrays, and arrays as pictures."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np

from seqir import config, dtypes
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.files import staged
from seqir.images.load import pillow
from seqir.ir import Array
from seqir.narrow import is_path


def img_to_array(
    img: Any,
    data_format: config.DataFormat | None = None,
    dtype: DTypeLike | None = None,
) -> Array:
    """The values of a picture, 0 to 255 in most; float32 if nothing else is said.

    Shapes: [height, width, channels], or [channels, height, width].
    Raises: ShapeError if it has another rank than a picture.
    Source: ``keras.utils.img_to_array``.
    """
    data_format = config.check_data_format(data_format)
    array = np.asarray(img, dtypes.named(dtype) or config.floatx())
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ShapeError(f"a picture has 2 or 3 axes, got the shape {array.shape}")
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


def array_to_img(
    x: Any,
    data_format: config.DataFormat | None = None,
    scale: bool = True,
    dtype: DTypeLike | None = None,
) -> Any:
    """An image of Pillow from an array of one, three or four channels.

    `scale` stretches the values so that the least is 0 and the largest 255. Without
    it they are cut off there, except those of one channel that go beyond: it then has
    32 bits.

    Raises: ShapeError if it has another rank or number of channels.
    Source: ``keras.utils.array_to_img``.
    """
    image = pillow()
    data_format = config.check_data_format(data_format)
    array = np.asarray(x, dtypes.named(dtype) or config.floatx())
    if array.ndim != 3:
        raise ShapeError(f"a picture has 3 axes, got the shape {array.shape}")
    if data_format == "channels_first":
        array = array.transpose(1, 2, 0)
    channels = array.shape[2]
    if channels not in (1, 3, 4):
        raise ShapeError(
            f"a picture has 1, 3 or 4 channels, got {channels} in {np.shape(x)} "
            f"({data_format})"
        )
    if scale:
        array = array - array.min()
        array = array / (array.max() or 1) * 255
    if channels == 1:
        array = array[:, :, 0]
        if array.max() > 255:
            return image.fromarray(array.astype(np.int32))
    return image.fromarray(array.clip(0, 255).astype(np.uint8))


def save_img(
    path: str | os.PathLike[str] | IO[bytes],
    x: Any,
    data_format: config.DataFormat | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture to a path, or to a file object.

    The format is that of the path's ending if `file_format` is not given; `kwargs` are
    Pillow's. JPEG has no transparency: the fourth channel is left out.

    Raises: ArgumentError for a format that Pillow does not know; ExportError if the
        file cannot be written; what `array_to_img` raises.
    Source: ``keras.utils.save_img``.
    """
    to_file = is_path(path)
    name = file_format or (Path(path).suffix[1:] if to_file else "")
    kind = "jpeg" if name.lower() == "jpg" else name.lower()
    known = pillow().registered_extensions().values()
    if kind.upper() not in known:
        raise ArgumentError(
            f"Pillow writes no format {name!r}: give file_format, for example 'png'"
        )
    picture = array_to_img(x, data_format, scale)
    if kind == "jpeg" and picture.mode == "RGBA":
        warnings.warn("JPEG has no transparency: it is left out", stacklevel=2)
        picture = picture.convert("RGB")
    if not to_file:
        picture.save(path, format=kind, **kwargs)
        return
    with staged(path) as file:
        picture.save(file, format=kind, **kwargs)
