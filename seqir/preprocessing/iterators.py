"""Batches of pictures that an `ImageDataGenerator` changes."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeAlias

import numpy as np

from seqir import config, dtypes, nest
from seqir.arguments import integer, integers, one_of
from seqir.console import say
from seqir.data import PyDataset
from seqir.data.listing import Kind, checked, subfolders, walk
from seqir.errors import ArgumentError, ShapeError
from seqir.images import img_to_array, load_img, save_img
from seqir.images.load import check_color_mode
from seqir.ir import Array
from seqir.narrow import is_list, is_sequence
from seqir.preprocessing.transforms import Change, Random
from seqir.shapes import format_shape

_PICTURES: Final = Kind(
    "pictures", (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff")
)
_CLASSED: Final = ("binary", "categorical", "sparse")
_SUBSETS: Final = ("training", "validation")


Batched: TypeAlias = Any
"""x, (x, y) or (x, y, sample_weight)."""
Labels: TypeAlias = Any
"""Numbers of classes, or what the columns of a table have."""
Table: TypeAlias = Any
"""What has columns by name: a data frame, a dict of lists."""
Names: TypeAlias = str | Sequence[str]
"""The class of a picture, or several."""
Options: TypeAlias = Any
"""Arguments that are handed on."""


class Changing(Protocol):
    """What changes pictures, as an `ImageDataGenerator` does."""

    data_format: config.DataFormat
    dtype: str
    validation_split: float

    def drawn(self, img_shape: tuple[int, ...], draw: Random) -> Change: ...

    def apply_transform(self, x: Array, transform_parameters: Change) -> Array: ...

    def standardize(self, x: Array) -> Array: ...


@dataclass(frozen=True)
class Saving:
    """Where changed pictures are written to, to be looked at."""

    folder: Path
    prefix: str
    format: str

    @classmethod
    def of(
        cls, folder: str | os.PathLike[str] | None, prefix: str, format: str
    ) -> Self | None:
        """None without a folder."""
        return None if folder is None else cls(Path(folder), prefix, format)


class Iterator(PyDataset):
    """Batches again and again; in `fit` one pass is an epoch.

    Attributes:
        n: how many pictures there are.
        batch_size: how many a batch has.
        batch_index: the batch of the pass that `next` gives.
        index_array: the order of the pictures in this pass.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        generator: Changing,
        saving: Saving | None,
    ) -> None:
        super().__init__()
        self.n = n
        self.batch_size = integer("batch_size", batch_size, least=1)
        self.shuffle = bool(shuffle)
        self.seed = seed
        self.image_data_generator = generator
        self.data_format: config.DataFormat = generator.data_format
        self.dtype = generator.dtype
        self.total_batches_seen = 0
        self.index_array: Array | None = None
        self._ordered = -1
        self._saving = saving

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Batched:
        if not 0 <= idx < len(self):
            raise IndexError(f"batch {idx} of {len(self)}")
        return self._batch(self.turn, idx)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batched:
        turn, idx = divmod(self.total_batches_seen, len(self))
        self.total_batches_seen += 1
        return self._batch(turn, idx)

    @property
    def batch_index(self) -> int:
        """The batch of the pass that `next` gives."""
        return self.total_batches_seen % len(self)

    def reset(self) -> None:
        """Begin a pass anew."""
        self.total_batches_seen = 0

    def _batch(self, turn: int, idx: int) -> Batched:
        draw: Random = np.random
        if self.seed is not None:
            draw = self._seeded(turn, idx)
        order = self.index_array
        if order is None or self._ordered != turn or idx == 0:
            first = draw if idx == 0 or self.seed is None else self._seeded(turn, 0)
            order = first.permutation(self.n) if self.shuffle else np.arange(self.n)
            self.index_array, self._ordered = order, turn
        size = self.batch_size
        return self.made(order[idx * size : (idx + 1) * size], draw)

    def _seeded(self, turn: int, idx: int) -> np.random.RandomState:
        seed = integer("seed", self.seed, least=0) + turn * len(self) + idx
        return np.random.RandomState(seed % 2**32)

    def made(self, places: Array, draw: Random) -> Batched:
        """The pictures of these places, with what belongs to them."""
        raise NotImplementedError(f"{type(self).__name__} makes no batches")

    def _changed(self, picture: Array, draw: Random) -> Array:
        generator = self.image_data_generator
        x = np.asarray(picture, dtypes.to_numpy(self.dtype))
        x = generator.apply_transform(x, generator.drawn(x.shape, draw))
        return generator.standardize(x)

    def _together(
        self, pictures: Sequence[Array], places: Array, draw: Random
    ) -> Array:
        """The pictures as one array, written to files if it is wanted."""
        batch = np.stack(pictures).astype(dtypes.to_numpy(self.dtype))
        if (saving := self._saving) is not None:
            saving.folder.mkdir(parents=True, exist_ok=True)
            for picture, place in zip(batch, places, strict=True):
                name = f"{saving.prefix}_{place}_{draw.randint(10**7)}.{saving.format}"
                save_img(saving.folder / name, picture, self.data_format)
        return batch


class NumpyArrayIterator(Iterator):
    """Batches of an array; made by `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x: object,
        y: object,
        generator: Changing,
        *,
        batch_size: int,
        shuffle: bool,
        sample_weight: object,
        seed: int | None,
        saving: Saving | None,
        ignore_class_split: bool,
        subset: str | None,
    ) -> None:
        others: list[object] = []
        if is_sequence(x) and len(x) == 2:  # pictures, and what else a model takes
            x, more = x
            others = [*more] if is_list(more) else [more]
        arrays = {"x": x, "y": y, "sample_weight": sample_weight}
        named = {name: np.asarray(a) for name, a in arrays.items() if a is not None}
        named |= {f"x[1][{i}]": np.asarray(a) for i, a in enumerate(others)}
        if named["x"].ndim != 4:
            raise ShapeError(
                "flow takes an array of pictures, of rank 4, got "
                f"{format_shape(named['x'].shape)}"
            )
        for name, array in named.items():
            if array.shape[:1] != named["x"].shape[:1]:
                raise ShapeError(
                    f"flow takes arrays of one length, got {len(named['x'])} pictures "
                    f"and {name} of the shape {format_shape(array.shape)}"
                )
        if subset is not None:
            named = _part(named, generator, subset, ignore_class_split)
        self.x = named.pop("x")
        self.y = named.pop("y", None)
        self.sample_weight = named.pop("sample_weight", None)
        self.x_misc = list(named.values())
        super().__init__(len(self.x), batch_size, shuffle, seed, generator, saving)

    def made(self, places: Array, draw: Random) -> Batched:
        pictures = [self._changed(self.x[i], draw) for i in places]
        x: Batched = self._together(pictures, places, draw)
        if self.x_misc:
            x = [x, *(other[places] for other in self.x_misc)]
        if self.y is None:
            return x
        if self.sample_weight is None:
            return x, self.y[places]
        return x, self.y[places], self.sample_weight[places]


def _part(
    arrays: dict[str, Array], generator: Changing, subset: str, ignore_class_split: bool
) -> dict[str, Array]:
    """The first share of all for validation, or the others."""
    one_of("subset", subset, _SUBSETS)
    cut = int(len(arrays["x"]) * generator.validation_split)
    y = arrays.get("y")
    if y is not None and not ignore_class_split:
        first, last = (np.unique(part) for part in (y[:cut], y[cut:]))
        if not np.array_equal(first, last):
            raise ArgumentError(
                f"the first {cut} labels, for validation, and the others have not the "
                "same classes: shuffle x and y before, or write ignore_class_split=True"
            )
    part = slice(cut) if subset == "validation" else slice(cut, None)
    return {name: array[part] for name, array in arrays.items()}


class _FileIterator(Iterator):
    """Batches of pictures in files."""

    def __init__(
        self,
        paths: Sequence[str],
        generator: Changing,
        *,
        target_size: tuple[int, int],
        color_mode: str,
        class_mode: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        saving: Saving | None,
        interpolation: str,
        keep_aspect_ratio: bool,
    ) -> None:
        check_color_mode(color_mode)
        height, width = integers("target_size", target_size, count=2, least=1)
        self.target_size = (height, width)
        self.color_mode = color_mode
        self.class_mode = class_mode
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        self.filepaths = list(paths)
        self.samples = len(self.filepaths)
        self.sample_weight: Array | None = None
        self.class_indices: dict[str, int] = {}
        self.classes: Labels = []
        super().__init__(self.samples, batch_size, shuffle, seed, generator, saving)
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}[color_mode]
        first = self.data_format == "channels_first"
        sizes = (channels, height, width) if first else (height, width, channels)
        self.image_shape = sizes

    @property
    def labels(self) -> Labels:
        """The numbers of the classes."""
        return self.classes

    def made(self, places: Array, draw: Random) -> Batched:
        paths = [self.filepaths[int(i)] for i in places]
        pictures = [self._changed(self._read(path), draw) for path in paths]
        x = self._together(pictures, places, draw)
        y = self._targets(x, places)
        if y is None:
            return x
        if self.sample_weight is None:
            return x, y
        return x, y, self.sample_weight[places]

    def _read(self, path: str) -> Array:
        picture = load_img(
            path,
            self.color_mode,
            self.target_size,
            self.interpolation,
            self.keep_aspect_ratio,
        )
        return img_to_array(picture, self.data_format)

    def _targets(self, x: Array, places: Array) -> Labels | None:
        if self.class_mode is None:
            return None
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode not in _CLASSED:
            return nest.map_structure(lambda label: label[places], self.labels)
        kind = dtypes.to_numpy(self.dtype)
        if self.class_mode != "categorical":
            return np.array([self.classes[i] for i in places], kind)
        y = np.zeros((len(places), len(self.class_indices)), kind)
        for row, place in zip(y, places, strict=True):
            row[self.classes[place]] = 1
        return y


def _share(count: int, generator: Changing, subset: str | None) -> slice:
    """The part of so many files that a subset has."""
    if subset is None:
        return slice(None)
    one_of("subset", subset, _SUBSETS)
    cut = int(generator.validation_split * count)
    return slice(cut) if subset == "validation" else slice(cut, None)


class DirectoryIterator(_FileIterator):
    """Batches of a folder; made by `ImageDataGenerator.flow_from_directory`.

    Attributes:
        class_indices: the number of each class.
        classes: the class of each picture.
        filenames: the paths below the folder.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        generator: Changing,
        *,
        classes: Sequence[str] | None,
        class_mode: str | None,
        follow_links: bool,
        subset: str | None,
        **options: Options,
    ) -> None:
        one_of("class_mode", class_mode, (*_CLASSED, "input", None))
        root = checked(directory)
        names = list(classes) if classes is not None else subfolders(root)
        paths: list[str] = []
        numbers: list[int] = []
        for index, name in enumerate(names):
            found = list(
                walk(checked(os.path.join(root, name)), _PICTURES, follow_links)
            )
            found = found[_share(len(found), generator, subset)]
            paths += found
            numbers += [index] * len(found)
        if not paths:
            raise ArgumentError(
                f"there are no pictures in the folders of {root}: each class is a "
                "folder of pictures"
            )
        super().__init__(paths, generator, class_mode=class_mode, **options)
        self.directory = root
        self.num_classes = len(names)
        self.class_indices = dict(zip(names, itertools.count(), strict=False))
        self.classes = np.array(numbers, np.int32)
        self.filenames = [os.path.relpath(path, root) for path in paths]
        say(f"Found {self.samples} images belonging to {self.num_classes} classes.")


class DataFrameIterator(_FileIterator):
    """Batches of a table; made by `ImageDataGenerator.flow_from_dataframe`."""

    def __init__(
        self,
        dataframe: Table,
        directory: str | os.PathLike[str] | None,
        generator: Changing,
        *,
        x_col: str,
        y_col: str | list[str],
        weight_col: str | None,
        classes: Sequence[str] | None,
        class_mode: str | None,
        subset: str | None,
        validate_filenames: bool,
        **options: Options,
    ) -> None:
        class_mode = "raw" if class_mode == "other" else class_mode
        modes = (*_CLASSED, "input", "multi_output", "raw", None)
        one_of("class_mode", class_mode, modes)
        names = list(dataframe[x_col])
        if not all(isinstance(name, str) for name in names):
            raise ArgumentError(f"the column x_col={x_col!r} is of names of files")
        root = os.fspath(directory or "")
        paths = [os.path.join(root, name) for name in names]
        rows = list(range(len(names)))
        if validate_filenames:
            rows = _readable(paths, x_col)
        labels: list[Names] = []
        known: list[str] = []
        if class_mode in _CLASSED:
            labels = list(dataframe[y_col])
            known = _classes(labels, classes, class_mode, y_col)
            rows = [row for row in rows if _kept(labels[row], known)]
        rows = rows[_share(len(rows), generator, subset)]
        if not rows:
            raise ArgumentError(
                f"the table names no pictures in {root or 'this folder'}"
            )
        chosen = [paths[row] for row in rows]
        super().__init__(chosen, generator, class_mode=class_mode, **options)
        self.directory = root
        self.filenames = [names[row] for row in rows]
        said = "validated" if validate_filenames else "non-validated"
        text = f"Found {self.samples} {said} image filenames"
        if class_mode in _CLASSED:
            self.class_indices = {name: i for i, name in enumerate(known)}
            self.classes = [self._numbers(labels[row]) for row in rows]
            text += f" belonging to {len(known)} classes"
        say(f"{text}.")
        self._raw: Labels | None = None
        if class_mode == "multi_output":
            self._raw = [np.array(list(dataframe[c]))[rows] for c in y_col]
        elif class_mode == "raw":
            self._raw = np.asarray(dataframe[y_col])[rows]
        if weight_col is not None:
            self.sample_weight = np.asarray(dataframe[weight_col])[rows]

    @property
    def labels(self) -> Labels:
        """The numbers of the classes, or what the columns have."""
        return self.classes if self._raw is None else self._raw

    def _numbers(self, label: Names) -> int | list[int]:
        """The number of a label; of several, those that are classes."""
        if isinstance(label, str):
            return self.class_indices[label]
        return [self.class_indices[one] for one in label if one in self.class_indices]


def _readable(paths: Sequence[str], x_col: str) -> list[int]:
    """The rows whose files are there."""
    found = [
        row
        for row, path in enumerate(paths)
        if path.lower().endswith(_PICTURES.endings) and os.path.isfile(path)
    ]
    if left := len(paths) - len(found):
        warnings.warn(
            f"{left} names in the column {x_col!r} are of no pictures, and left out",
            stacklevel=5,
        )
    return found


def _classes(
    labels: Sequence[Names], given: Sequence[str] | None, class_mode: str, y_col: object
) -> list[str]:
    """The classes: those given, or all that labels name, sorted."""
    several = (str, list, tuple) if class_mode == "categorical" else (str,)
    if wrong := [x for x in labels if not isinstance(x, several)]:
        raise ArgumentError(
            f"class_mode={class_mode!r} needs names of classes in the column "
            f"{y_col!r}, got {wrong[0]!r}: write class_mode='raw' for numbers"
        )
    every = [name for x in labels for name in ([x] if isinstance(x, str) else x)]
    found = list(dict.fromkeys(given)) if given is not None else sorted(set(every))
    if class_mode == "binary" and len(found) != 2:
        raise ArgumentError(f"class_mode='binary' needs two classes, got {found}")
    return found


def _kept(label: Names, classes: Sequence[str]) -> bool:
    return any(x in classes for x in ([label] if isinstance(label, str) else label))
