"""Writing a lowered model to disk, whole or with its weights beside it."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from seqir.errors import ExportError
from seqir.lower.lowering import OnnxModel
from seqir.lower.proto import MAX_FILE, chunks, write_external


def write(model: OnnxModel, path: Path, external_data: bool | None) -> list[Path]:
    """Write the model; the files that were written, the model first.

    `external_data`: True puts big arrays into ``<name>.<hash>.data`` beside the model,
    False never does, None does where one file would pass the 2 GiB that protobuf reads.
    The hash is that of the data, so that a graph never meets the data of another one,
    whatever happens between the renames of the two.

    Raises: ExportError if it does not fit.
    """
    too_large = model.nbytes > MAX_FILE
    if too_large and external_data is False:
        raise ExportError(
            f"the weights take {model.nbytes} bytes, one ONNX file holds less than "
            "2 GiB; leave external_data=None or set it to True"
        )
    if not (external_data or too_large):
        with path.open("wb") as file:
            file.writelines(chunks(model))
        return [path]
    unnamed = path.with_name(path.name + ".data")
    with unnamed.open("wb") as side:
        places, digest = write_external(model, side)
    data = path.with_name(f"{path.name}.{digest[:16]}.data")
    unnamed.rename(data)
    where = {name: {"location": data.name, **place} for name, place in places.items()}
    with path.open("wb") as file:
        file.writelines(chunks(model, where))
    return [path, data]


def drop_other_data(path: Path, written: Collection[Path]) -> None:
    """Remove the data files that earlier versions of the model had beside it."""
    made = re.compile(re.escape(path.name) + r"\.[0-9a-f]{16}\.data")
    for file in path.parent.iterdir():
        if made.fullmatch(file.name) and file not in written:
            with suppress(OSError):  # in use: it is in the way of nothing
                file.unlink()
