"""Folders of pictures as datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np

from seqir import config
from seqir.arguments import integer, integers, number, one_of
from seqir.console import say
from seqir.data.dataset import ShuffledDataset
from seqir.errors import ArgumentError, UnsupportedError
from seqir.images.folder import Listing, list_folder
from seqir.images.load import check_color_mode, open_picture
from seqir.images.resize import INTERPOLATIONS, cropped, resize, resize_padded
from seqir.ir import Array

Fit = Literal["stretch", "crop", "pad"]


class ImageDataset(ShuffledDataset):
    """Batches of pictures that are read when they are needed.

    The first pass has the order of `file_paths`; if it shuffles, each later one has an
    order of its own.

    Attributes:
        class_names: the names of the classes, or None.
        file_paths: the files of the pictures.
    """

    def __init__(
        self,
        listing: Listing,
        labels: Array | None,
        batch_size: int | None,
        *,
        image_size: tuple[int, int],
        color_mode: str,
        interpolation: str,
        fit: Fit,
        data_format: config.DataFormat,
        seed: int | None,
    ) -> None:
        count = min(8, os.cpu_count() or 1)
        super().__init__(workers=count, max_queue_size=count)
        self.class_names = listing.class_names
        self.file_paths = listing.paths
        self._labels = labels
        self._batch_size = batch_size
        self.varies = batch_size is not None
        self._image_size = image_size
        self._color_mode = color_mode
        self._interpolation = interpolation
        self._fit = fit
        self._data_format = data_format
        self.seed = seed

    def __len__(self) -> int:
        return -(-len(self.file_paths) // (self._batch_size or 1))

    def __getitem__(self, index: int) -> Array | tuple[Array, Array]:
        """Batch (or picture) number `index`, alone or with its labels."""
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        size = self._batch_size
        if size is None:
            places = self._places()[index]
            pictures = self._picture(self.file_paths[places])
        else:
            places = self._places()[index * size : (index + 1) * size]
            pictures = np.stack([self._picture(self.file_paths[i]) for i in places])
        return pictures if self._labels is None else (pictures, self._labels[places])

    def _places(self) -> Array:
        count = len(self.file_paths)
        return self.order(count) if self.turn else np.arange(count)  # shuffled already

    def _picture(self, path: str) -> Array:
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
    _check_form(label_mode, color_mode, interpolation, batch_size, format)
    _check_labels(labels, class_names)
    _check_split(validation_split, subset, shuffle, seed)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("a picture is cropped or padded to a shape, not both")
    fit: Fit = (
        "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"
    )
    height, width = integers("image_size", image_size, count=2, least=1)
    if seed is None:
        seed = int(np.random.randint(10**6))
    listing = list_folder(directory, labels, class_names, follow_links)
    if label_mode is None:
        listing = Listing(listing.paths, None, listing.class_names)
    if shuffle:
        listing = listing.shuffled(seed)
    _tell(verbose, _found(listing))

    def make(part: Listing, shuffled: bool) -> ImageDataset:
        return ImageDataset(
            part,
            _encoded(part, label_mode),
            batch_size,
            image_size=(height, width),
            color_mode=color_mode,
            interpolation=interpolation.lower(),
            fit=fit,
            data_format=config.check_data_format(data_format),
            seed=seed if shuffled else None,
        )

    if validation_split is None:
        return make(listing, shuffle)
    training, validation = listing.split(validation_split)
    if subset != "validation":
        _tell(verbose, f"Using {len(training.paths)} files for training.")
    if subset != "training":
        _tell(verbose, f"Using {len(validation.paths)} files for validation.")
    if subset == "both":
        return [make(training, shuffle), make(validation, False)]
    return make(training if subset == "training" else validation, shuffle)


def _tell(verbose: bool, text: str) -> None:
    if verbose:
        say(text)


def _found(listing: Listing) -> str:
    text = f"Found {len(listing.paths)} files"
    if listing.labels is None:
        return f"{text}."
    return f"{text} belonging to {len(listing.class_names or ())} classes."


def _encoded(listing: Listing, label_mode: str | None) -> Array | None:
    """The labels in the form of a mode.

    Raises: ArgumentError if they do not have it.
    """
    labels, count = listing.labels, len(listing.class_names or ())
    if labels is None or label_mode == "int":
        return labels
    if label_mode == "binary" and count != 2:
        raise ArgumentError(
            f"label_mode='binary' needs two classes, got {count}: {listing.class_names}"
        )
    if labels.min() < 0 or labels.max() >= count:
        raise ArgumentError(
            f"label_mode={label_mode!r} needs labels from 0 to {count - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
    if label_mode == "binary":
        return labels[:, None].astype(np.float32)
    return np.eye(count, dtype=np.float32)[labels]


def _check_form(
    label_mode: object,
    color_mode: object,
    interpolation: object,
    batch_size: object,
    format: object,
) -> None:
    one_of("label_mode", label_mode, ("int", "categorical", "binary", None))
    check_color_mode(color_mode)
    spelt = interpolation.lower() if isinstance(interpolation, str) else interpolation
    one_of("interpolation", spelt, INTERPOLATIONS)
    if batch_size is not None:
        integer("batch_size", batch_size, least=1)
    if format != "tf":
        raise UnsupportedError(
            f"format={format!r} asks for a dataset of another library: leave it out, "
            "the ImageDataset needs none"
        )


def _check_labels(labels: object, class_names: object) -> None:
    if isinstance(labels, str) and labels != "inferred":
        raise ArgumentError(
            f"labels must be 'inferred', None or a list of integers, got {labels!r}"
        )
    if class_names is not None and not isinstance(labels, str):
        raise ArgumentError("class_names needs labels='inferred'")


def _check_split(
    validation_split: object, subset: object, shuffle: bool, seed: int | None
) -> None:
    if (validation_split is None) != (subset is None):
        raise ArgumentError(
            "subset and validation_split are given together, "
            f"got subset={subset!r} and validation_split={validation_split!r}"
        )
    if subset is None:
        return
    one_of("subset", subset, ("training", "validation", "both"))
    number("validation_split", validation_split, above=0, below=1)
    if shuffle and seed is None:
        raise ArgumentError(
            "validation_split of shuffled pictures needs a seed: without one, the two "
            "subsets would overlap"
        )
