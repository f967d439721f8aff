"""`ImageDataGenerator`: pictures in batches, changed at random."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from seqir import config, dtypes
from seqir.arguments import integer, number, one_of
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array
from seqir.preprocessing.iterators import (
    DataFrameIterator,
    DirectoryIterator,
    NumpyArrayIterator,
    Saving,
    Table,
)
from seqir.preprocessing.transforms import (
    FILL_MODES,
    Change,
    Random,
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    pair,
    zooms,
)
from seqir.shapes import format_shape

Reach: TypeAlias = float | Sequence[float]
"""How far at most, or numbers to choose from."""
_TINY = 1e-6


class ImageDataGenerator:
    """Batches of pictures, each changed at random, of arrays, folders and tables.

    In this order: rotation (degrees), shifts (pixels, or a share below 1), shear
    (degrees) and zoom, then a shift of all colours, flips and brightness; then
    `preprocessing_function`, `rescale`, and what centers and scales them. With a seed
    the first epoch has Keras's numbers, and each epoch its own, also when a training is
    resumed.

    Source: ``keras.preprocessing.image.ImageDataGenerator`` of Keras 2.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-06,
        rotation_range: float = 0,
        width_shift_range: Reach = 0.0,
        height_shift_range: Reach = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Reach = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: config.DataFormat | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        # What divides by a deviation, or whitens, subtracts the mean.
        self.featurewise_center = bool(
            featurewise_center or featurewise_std_normalization or zca_whitening
        )
        self.samplewise_center = bool(samplewise_center or samplewise_std_normalization)
        self.featurewise_std_normalization = (
            featurewise_std_normalization and not zca_whitening
        )
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = number("zca_epsilon", zca_epsilon, least=0)
        self.rotation_range = number("rotation_range", rotation_range)
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        if brightness_range is not None:
            self.brightness_range = pair("brightness_range", brightness_range)
        self.shear_range = number("shear_range", shear_range)
        if np.ndim(zoom_range) == 0:
            reach = number("zoom_range", zoom_range)
            zoom_range = (1 - reach, 1 + reach)
        self.zoom_range = pair("zoom_range", zoom_range)
        self.channel_shift_range = number("channel_shift_range", channel_shift_range)
        self.fill_mode = one_of("fill_mode", fill_mode, FILL_MODES)
        self.cval = number("cval", cval)
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format: config.DataFormat = config.check_data_format(data_format)
        first = self.data_format == "channels_first"
        self.row_axis, self.col_axis, self.channel_axis = (
            (2, 3, 1) if first else (1, 2, 3)
        )
        if validation_split:
            number("validation_split", validation_split, above=0, below=1)
        self.validation_split = validation_split
        self.interpolation_order = integer(
            "interpolation_order", interpolation_order, least=0
        )
        self.dtype = dtypes.named(dtype) or config.floatx()
        self.mean: Array | None = None
        self.std: Array | None = None
        self.zca_whitening_matrix: Array | None = None

    # Where the pictures come from.

    def flow(
        self,
        x: object,
        y: object = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: object = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of an array of pictures, with labels and sample weights."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            saving=Saving.of(save_to_dir, save_prefix, save_format),
            ignore_class_split=ignore_class_split,
            subset=subset,
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the pictures in a folder, in which each class is a folder."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            saving=Saving.of(save_to_dir, save_prefix, save_format),
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    def flow_from_dataframe(
        self,
        dataframe: Table,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
    ) -> DataFrameIterator:
        """Batches of the pictures that a table names, with labels of its columns."""
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            saving=Saving.of(save_to_dir, save_prefix, save_format),
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    # What is done to them.

    def standardize(self, x: Array) -> Array:
        """The picture scaled, centered and whitened."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + _TINY)
        if self.featurewise_center and self._learned("featurewise_center", self.mean):
            x = x - self.mean
        if self.featurewise_std_normalization and self._learned(
            "featurewise_std_normalization", self.std
        ):
            x = x / (np.asarray(self.std) + _TINY)
        if self.zca_whitening and self._learned(
            "zca_whitening", self.zca_whitening_matrix
        ):
            x = (x.reshape(1, -1) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _learned(self, what: str, value: Array | None) -> bool:
        if value is None:
            warnings.warn(
                f"{what} has no effect before fit: call fit(pictures) of the "
                "ImageDataGenerator first",
                stacklevel=3,
            )
        return value is not None

    def get_random_transform(
        self, img_shape: tuple[int, ...], seed: int | None = None
    ) -> Change:
        """A change, drawn at random: what `apply_transform` takes."""
        return self.drawn(img_shape, np.random if seed is None else random_of(seed))

    def drawn(self, img_shape: tuple[int, ...], draw: Random) -> Change:
        """A change of a picture, with random numbers of `draw`."""
        reach = self.rotation_range
        theta = draw.uniform(-reach, reach) if reach else 0
        tx = _shift(self.height_shift_range, img_shape[self.row_axis - 1], draw)
        ty = _shift(self.width_shift_range, img_shape[self.col_axis - 1], draw)
        reach = self.shear_range
        shear = draw.uniform(-reach, reach) if reach else 0
        zx, zy = zooms(self.zoom_range, draw)
        flips = [
            bool(draw.random_sample() < 0.5) and bool(wanted)
            for wanted in (self.horizontal_flip, self.vertical_flip)
        ]
        reach = self.channel_shift_range
        shift = draw.uniform(-reach, reach) if reach else None
        between = self.brightness_range
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flips[0],
            "flip_vertical": flips[1],
            "channel_shift_intensity": shift,
            "brightness": None if between is None else draw.uniform(*between),
        }

    def apply_transform(self, x: Array, transform_parameters: Change) -> Array:
        """The picture changed in this way."""
        given = transform_parameters
        x = apply_affine_transform(
            x,
            *(given.get(name, 0) for name in ("theta", "tx", "ty", "shear")),
            *(given.get(name, 1) for name in ("zx", "zy")),
            row_axis=self.row_axis - 1,
            col_axis=self.col_axis - 1,
            channel_axis=self.channel_axis - 1,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given["channel_shift_intensity"])
        if given.get("flip_horizontal"):
            x = flip_axis(x, self.col_axis - 1)
        if given.get("flip_vertical"):
            x = flip_axis(x, self.row_axis - 1)
        if given.get("brightness") is not None:
            x = apply_brightness_shift(
                x, given["brightness"], False, data_format=self.data_format
            )
        return x

    def random_transform(self, x: Array, seed: int | None = None) -> Array:
        """The picture, changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(
        self, x: object, augment: bool = False, rounds: int = 1, seed: int | None = None
    ) -> None:
        """Learn what centers, scales and whitens pictures.

        With `augment` of pictures that were changed at random, `rounds` times.

        Raises: ShapeError unless x is an array of pictures.
        """
        pictures = np.array(x, dtypes.to_numpy(self.dtype))
        if pictures.ndim != 4:
            raise ShapeError(
                "fit of an ImageDataGenerator takes an array of pictures, of rank 4, "
                f"got {format_shape(pictures.shape)}"
            )
        if self.rescale:
            pictures = pictures * self.rescale
        if augment:
            draw = np.random if seed is None else random_of(seed)
            pictures = np.stack(
                [
                    self.apply_transform(one, self.drawn(one.shape, draw))
                    for _ in range(integer("rounds", rounds, least=1))
                    for one in pictures
                ]
            )
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            mean = self.mean = pictures.mean(axes, keepdims=True)[0]
            pictures = pictures - mean
        if self.featurewise_std_normalization:
            std = self.std = pictures.std(axes, keepdims=True)[0]
            pictures = pictures / (std + _TINY)
        if self.zca_whitening:
            flat = pictures.reshape(len(pictures), -1)
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            scale = np.sqrt(len(pictures)) / (s + self.zca_epsilon)
            self.zca_whitening_matrix = (u * scale) @ u.T


def random_of(seed: int) -> np.random.RandomState:
    """The numbers that NumPy's global generator gives after it was seeded."""
    return np.random.RandomState(integer("seed", seed, least=0) % 2**32)


def _shift(reach: Reach, size: int, draw: Random) -> float:
    """Pixels: some that are listed, whole ones below a number, or a share of all."""
    if not np.any(reach):
        return 0
    if np.ndim(reach) or isinstance(reach, int | np.integer):
        found = draw.choice(reach) * draw.choice([-1, 1])
    elif isinstance(reach, float | np.floating):
        found = draw.uniform(-reach, reach)
    else:
        raise ArgumentError(
            "width_shift_range and height_shift_range are numbers or lists of them, "
            f"got {reach!r}"
        )
    return float(found * size if np.max(reach) < 1 else found)
