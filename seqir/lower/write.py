"""Writing a lowered model to disk, whole or with its weights beside it."""

from __future__ import annotations

from pathlib import Path

from seqir.errors import ExportError
from seqir.lower.lowering import OnnxModel
from seqir.lower.proto import MAX_FILE, chunks, write_external


def write(model: OnnxModel, path: Path, external_data: bool | None) -> list[Path]:
    """Write the model; the files that were written, the model first.

    `external_data`: True puts big arrays into ``<name>.data`` beside the model, False
    never does, None does where one file would pass the 2 GiB that protobuf reads.

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
    data = path.with_name(path.name + ".data")
    with data.open("wb") as side:
        places = write_external(model, side, data.name)
    with path.open("wb") as file:
        file.writelines(chunks(model, places))
    return [path, data]
