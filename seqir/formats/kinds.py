"""Which kind of file it is: its first bytes say that, not its name.

Keras up to 2.12 wrote HDF5 under names that end in ``.keras``, and files are renamed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from seqir.files import open_file

HDF5: Final = (".h5", ".hdf5")
"""Endings of names of HDF5 files."""
KERAS: Final = (".keras", *HDF5)
"""Endings of names of files with whole models."""
CONFIG: Final = "config.json"
METADATA: Final = "metadata.json"
WEIGHTS: Final = "model.weights.h5"
"""Members of an archive."""
Kind = Literal["archive", "hdf5"]

_BEGIN: Final[dict[bytes, Kind]] = {
    b"PK\3\4": "archive",
    b"\x89HDF\r\n\x1a\n": "hdf5",
}
_FOREIGN: Final = {
    (".pt", ".pth", ".bin", ".ckpt"): "PyTorch's files hold pickled Python objects",
    (".pkl", ".pickle", ".joblib"): "pickled objects run code when they are read",
    (".pb", ".tf"): "a SavedModel is read by TensorFlow alone",
    (".tflite", ".ort"): "it is a compiled model and no longer has layers",
    (".onnx",): "an ONNX graph has operators and no Keras layers",
}


def kind_of(path: Path) -> Kind | None:
    """What a file holds, or what its name says if the content is neither.

    None for files that are not read, also if they are archives: PyTorch's are.

    Raises: LoadError if a file with a name of Keras's is not there.
    """
    suffix = path.suffix.lower()
    foreign = any(suffix in suffixes for suffixes in _FOREIGN)
    if foreign or (suffix not in KERAS and not path.is_file()):
        return None
    with open_file(path) as file:
        begin = file.read(8)
    for signature, kind in _BEGIN.items():
        if begin.startswith(signature):
            return kind
    if suffix in HDF5:
        return "hdf5"
    return "archive" if suffix in KERAS else None


def no_model_in(path: Path) -> str:
    """Why a file is not read, and what is."""
    suffix = path.suffix.lower()
    why = next((w for s, w in _FOREIGN.items() if suffix in s), None)
    if why is None and path.is_dir():
        why = "it is a folder: a SavedModel or an Orbax checkpoint is not read"
    return (
        f"{path.name} is not read{': ' + why if why else ''}. seqir reads Keras's "
        ".keras, .h5, .weights.h5 and .weights.json, and .safetensors: save the model "
        "as one of these"
    )
