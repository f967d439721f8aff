"""Arrays from files, pictures and nowhere, and back into files."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from seqir import dtypes
from seqir.errors import ArgumentError, MissingPackageError, did_you_mean
from seqir.files import staged

Array = np.ndarray[Any, Any]

PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_UNKNOWN: Final = 64
"""What an unknown size other than the batch is in a random input."""

_WORDED: Final = (OSError, ValueError, RuntimeError, zipfile.BadZipFile)
"""Errors of NumPy and zipfile that say what is wrong with a file."""

_MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Wanted:
    """An input of a model, None where a size is unknown."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


def read(sources: Sequence[str], wanted: Sequence[Wanted]) -> dict[str, Array]:
    """An array for every input, from ``FILE`` or ``INPUT=FILE``.

    Raises: ArgumentError if a file cannot be read, or inputs are missing, given
        twice or unknown.
    """
    names = [w.name for w in wanted]
    found: dict[str, Array] = {}
    for source in sources:
        name, path = _named(source, names)
        for key, array in _read(path, name, wanted).items():
            if key in found:
                raise ArgumentError(f"input {key!r} is given twice")
            found[key] = array
    if missing := [n for n in names if n not in found]:
        raise ArgumentError(
            f"no --input for {', '.join(missing)}; write --input {missing[0]}=FILE, "
            "or --random for random numbers"
        )
    return {name: found[name] for name in names}


def random(wanted: Sequence[Wanted], batch: int) -> dict[str, Array]:
    """Random inputs, always the same: uniform in [-1, 1), integers 0 or 1."""
    rng = np.random.Generator(np.random.Philox(0))
    return {w.name: _random(w, batch, rng) for w in wanted}


def write(path: str, arrays: Mapping[str, Array]) -> None:
    """Write ``.npz``, or one array as ``.npy``.

    Raises: ArgumentError for another ending or several arrays in an ``.npy``,
        ExportError if it cannot be written.
    """
    check_output(path)
    if path.endswith(".npy") and len(arrays) != 1:
        raise ArgumentError(
            f"{path} holds one array, the outputs are {', '.join(arrays)}; use .npz"
        )
    with staged(path) as place:
        if path.endswith(".npy"):
            (array,) = arrays.values()
            np.save(place, storable(array), allow_pickle=False)
            return
        # numpy.savez cannot have an array named "file".
        with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    array = storable(array)
                    np.lib.format.write_array(member, array, allow_pickle=False)


def check_output(path: str) -> None:
    """ArgumentError unless arrays can be written under that name."""
    if not path.endswith((".npz", ".npy")):
        raise ArgumentError(f"arrays are written to .npz or .npy, not to {path}")


def storable(array: Array) -> Array:
    """The array in an element type that every NumPy reads."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def describe(arrays: Mapping[str, Array], limit: int) -> dict[str, dict[str, Any]]:
    """Type, shape and range of arrays; the numbers too where they are few."""
    return {name: _describe(storable(a), limit) for name, a in arrays.items()}


def _describe(array: Array, limit: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"dtype": array.dtype.name, "shape": list(array.shape)}
    if array.size and array.dtype.kind in "fiub":
        numbers = array.astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        if finite.size:
            low, high, mean = finite.min(), finite.max(), finite.mean()
            facts |= {"min": float(low), "max": float(high), "mean": float(mean)}
        if finite.size < array.size:
            facts["not_finite"] = array.size - finite.size
    if array.size <= limit:
        facts["values"] = array.tolist()
    return facts


def _named(source: str, names: Sequence[str]) -> tuple[str | None, Path]:
    name, equals, path = source.partition("=")
    if not equals or Path(source).exists():
        return None, Path(source)
    if name not in names:
        raise ArgumentError(
            f"the model has no input {name!r}, its inputs are {', '.join(names)}."
            f"{did_you_mean(name, names)}"
        )
    return name, Path(path)


def _read(path: Path, name: str | None, wanted: Sequence[Wanted]) -> dict[str, Array]:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise ArgumentError(f"there is no file {path}")
    if suffix == ".npz":
        return _choose(_load(path), path, name, wanted)
    if suffix not in (".npy", *PICTURES):
        raise ArgumentError(
            f"cannot read {path}: an input is .npy, .npz or a picture "
            f"({', '.join(PICTURES)})"
        )
    target = _target(path, name, wanted)
    if suffix == ".npy":
        return {target.name: _load(path)[""]}
    return {target.name: _picture(path, target)}


def _target(path: Path, name: str | None, wanted: Sequence[Wanted]) -> Wanted:
    if name is None and len(wanted) != 1:
        names = ", ".join(w.name for w in wanted)
        raise ArgumentError(
            f"the model has the inputs {names}; say which one {path} is: "
            f"--input {wanted[0].name}={path}"
        )
    return next(w for w in wanted if name in (None, w.name))


def _choose(
    arrays: dict[str, Array], path: Path, name: str | None, wanted: Sequence[Wanted]
) -> dict[str, Array]:
    """Those arrays of an archive that are inputs."""
    names = [w.name for w in wanted]
    if len(arrays) == 1 and (name is not None or len(names) == 1):
        return {name or names[0]: next(iter(arrays.values()))}
    if name is not None and name in arrays:
        return {name: arrays[name]}
    if name is None and (found := {n: arrays[n] for n in names if n in arrays}):
        return found
    raise ArgumentError(
        f"{path} holds {', '.join(arrays) or 'nothing'}; "
        f"the model's inputs are {', '.join(names)}"
    )


def _load(path: Path) -> dict[str, Array]:
    """The arrays in a file of NumPy's, a single one under the name ``""``."""
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                return {"": _array(file, path.stat().st_size)}
        with zipfile.ZipFile(path) as archive:
            found: dict[str, Array] = {}
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if name in found:
                    raise ValueError(f"it holds {name!r} twice")
                with archive.open(info) as member:
                    found[name] = _array(member, info.file_size)
            return found
    except Exception as error:
        # For damaged files NumPy and zipfile raise what their insides do: TokenError,
        # IndexError, LZMAError, OverflowError and a dozen others.
        raise ArgumentError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    words = str(error).splitlines()
    return (
        words[0]
        if words and isinstance(error, _WORDED)
        else (f"it is damaged ({type(error).__name__})")
    )


def _array(file: IO[bytes], size: int) -> Array:
    """The array in an ``.npy`` file of so many bytes.

    NumPy takes the memory that the file speaks of before it looks for the numbers.
    """
    formats = np.lib.format
    version = formats.read_magic(file)
    read = formats.read_array_header_1_0
    if version != (1, 0):
        read = formats.read_array_header_2_0
    shape, _, dtype = read(file)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"it does not have the numbers of an array of shape {shape}")
    file.seek(0)
    return formats.read_array(file, allow_pickle=False)


def _picture(path: Path, wanted: Wanted) -> Array:
    """A picture as an input takes it: resized, 0 to 255, with a batch of one."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "reading a picture needs Pillow, which is not installed; "
            "type `pip install pillow`, or give the picture as an .npy array"
        ) from error
    height, width, channels, first = _picture_layout(wanted, path)
    try:
        with Image.open(path) as opened:
            picture = opened.convert(_MODES[channels])
    except Exception as error:  # as for arrays, each format has its own
        why = "it is not a picture, or a damaged one"
        raise ArgumentError(f"cannot read {path}: {why}") from error
    size = (width or picture.width, height or picture.height)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    array = np.asarray(picture).reshape(size[1], size[0], channels)[None]
    array = array.transpose(0, 3, 1, 2) if first else array
    return np.ascontiguousarray(array, dtypes.to_numpy(wanted.dtype))


def _picture_layout(
    wanted: Wanted, path: Path
) -> tuple[int | None, int | None, int, bool]:
    """Height, width, channels, and whether these come first."""
    sizes = [d if isinstance(d, int) else None for d in wanted.shape]
    if len(sizes) == 4:
        for axis, first in ((3, False), (1, True)):
            channels = sizes[axis]
            if channels in _MODES:
                height, width = sizes[2:] if first else sizes[1:3]
                return height, width, channels, first
    raise ArgumentError(
        f"{path} is a picture, and input {wanted.name!r} of shape "
        f"({', '.join('?' if d is None else str(d) for d in wanted.shape)}) takes none"
    )


def _random(wanted: Wanted, batch: int, rng: np.random.Generator) -> Array:
    shape = [
        d if isinstance(d, int) else _UNKNOWN if axis else batch
        for axis, d in enumerate(wanted.shape)
    ]
    if dtypes.is_float(wanted.dtype):
        values: Array = rng.uniform(-1, 1, shape)
    else:
        values = rng.integers(0, 2, shape)
    return values.astype(dtypes.to_numpy(wanted.dtype))


def shown_shape(facts: Mapping[str, Any]) -> str:
    """``float32[1, 10]``."""
    return f"{facts['dtype']}[{', '.join(map(str, facts['shape']))}]"
