"""Folders of pictures as datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np

from seqir import config
from seqir.arguments import integers, one_of
from seqir.data.files import FileDataset, Folder, Part, check_format
from seqir.data.listing import PICTURES
from seqir.errors import ArgumentError
from seqir.images.load import check_color_mode, open_picture
from seqir.images.resize import INTERPOLATIONS, cropped, resize, resize_padded
from seqir.ir import Array
from seqir.narrow import is_a

Fit = Literal["stretch", "crop", "pad"]


class ImageDataset(FileDataset):
    """Batches of pictures; made by `image_dataset_from_directory`."""

    def __init__(
        self,
        part: Part,
        *,
        image_size: tuple[int, int],
        color_mode: str,
        interpolation: str,
        fit: Fit,
        data_format: config.DataFormat,
    ) -> None:
        super().__init__(part)
        self._image_size = image_size
        self._color_mode = color_mode
        self._interpolation = interpolation
        self._fit = fit
        self._data_format = data_format

    def read(self, path: str) -> Array:
        """The picture of a file, in the size of all."""
        picture = np.asarray(open_picture(path, self._color_mode))
        picture = picture.reshape(*picture.shape[:2], -1)
        size, interpolation = self._image_size, self._interpolation
        if self._fit == "pad":
            picture = resize_padded(picture, size, interpolation)
        elif self._fit == "crop":
            picture = resize(cropped(picture, size), size, interpolation)
        else:
            picture = resize(picture, size, interpolation)
        first = self._data_format == "channels_first"
        return picture.transpose(2, 0, 1) if first else picture


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | Array | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: config.DataFormat | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> ImageDataset | list[ImageDataset]:
    """The pictures in a folder, as an `ImageDataset` to fit, evaluate and predict with.

    With `labels` "inferred" each folder in it is a class, in the order of their names
    or of `class_names`; otherwise `labels` is a list of integers, for the pictures in
    the order of their paths, or None. `batch_size` None gives single pictures.
    `label_mode` "int" gives them as int32,
    "categorical" as rows with a 1, "binary" as 0.0 and 1.0, None not at all.

    `subset` "training" or "validation" takes the first or last part, "both" a list of
    the two: the last `validation_split` of all, after they were shuffled by `seed`.
    Files, order and split are those of Keras, as are the values of the resized
    pictures, save for what the two decoders of JPEG make different; they are float32
    in every interpolation. `format` is without meaning here.

    Shapes: x[batch, *image_size, channels], y[batch], [batch, classes] or [batch, 1].
    Raises: ArgumentError for arguments that do not fit one another or the folder;
        UnsupportedError for `format` "grain"; a batch raises
        what `seqir.images.load_img` raises.
    Source: ``keras.utils.image_dataset_from_directory``.
    """
    check_color_mode(color_mode)
    spelt = interpolation.lower() if is_a(interpolation, str) else interpolation
    one_of("interpolation", spelt, INTERPOLATIONS)
    check_format(format)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("a picture is cropped or padded to a shape, not both")
    fit: Fit = (
        "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"
    )
    height, width = integers("image_size", image_size, count=2, least=1)
    axes = config.check_data_format(data_format)
    folder = Folder(
        directory=directory,
        kind=PICTURES,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation_split=validation_split,
        subset=subset,
        follow_links=follow_links,
        verbose=verbose,
    )
    return folder.datasets(
        lambda part: ImageDataset(
            part,
            image_size=(height, width),
            color_mode=color_mode,
            interpolation=spelt,
            fit=fit,
            data_format=axes,
        )
    )
