"""Files of named arrays with a note: safetensors, written whole or not at all.

The note is JSON. A file also holds a digest of its arrays and its note, so that a
damaged one is recognized and never read as if it were whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.errors import CorruptFileError, ExportError, LoadError
from seqir.files import open_file, staged
from seqir.narrow import is_dict

NOTE: Final = "seqir"
DIGEST: Final = "digest"
_DIGEST_OF_ARRAYS: Final = "sha256"
"""What seqir 0.1 wrote, which did not cover the note."""

Array = np.ndarray[Any, Any]


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    note: Mapping[str, Any],
) -> None:
    """Write the arrays and the note; what was there stays if anything fails.

    Raises: ExportError if it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    flat = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(note)
    metadata = {NOTE: text, DIGEST: _digest(flat, text)}
    with staged(path) as scratch:
        scratch.touch()
        mode = scratch.stat().st_mode  # safetensors would make it private
        try:
            save_file(flat, scratch, metadata=metadata)
        except SafetensorError as error:  # it has no OSError, even for a full disk
            raise ExportError(f"cannot write {path}: {error}") from error
        scratch.chmod(mode)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and the note of a file of `write`.

    Raises: LoadError if it is missing or another kind of file, CorruptFileError if it
        is damaged.
    """
    from safetensors import SafetensorError, safe_open

    target = Path(path)
    open_file(target).close()
    dtypes.to_numpy("bfloat16")  # which NumPy does not know before
    try:
        with safe_open(target, framework="np") as file:
            metadata = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        # an AttributeError is an element type that NumPy does not have
        raise CorruptFileError(
            f"{target} is not a safetensors file that seqir reads: {error}"
        ) from error
    if NOTE not in metadata:
        raise LoadError(
            f"{target} was not written by seqir: it has no {NOTE!r} in its metadata"
        )
    text = metadata[NOTE]
    if DIGEST in metadata:
        whole = metadata[DIGEST] == _digest(arrays, text)
    else:
        whole = metadata.get(_DIGEST_OF_ARRAYS) == _digest(arrays)
    if not whole:
        raise CorruptFileError(f"{target} is damaged: it does not have its digest")
    return arrays, _note(text, target)


def _note(text: str, target: Path) -> dict[str, Any]:
    """The note as a dictionary."""
    try:
        note = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{target} is damaged: its note is not JSON") from error
    if not is_dict(note):
        raise CorruptFileError(f"{target} is damaged: its note is not a dictionary")
    return note


def _digest(arrays: Mapping[str, Array], note: str = "") -> str:
    """A hash of the note, and of names, types, shapes and bytes of the arrays."""
    total = hashlib.sha256(note.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        total.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()
