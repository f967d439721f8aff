"""ONNX files that other tools wrote: `FILES` lists them for tests to take each."""

import functools
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ARCHIVE = Path(__file__).parent / "data" / "foreign_onnx.zip"


@functools.cache
def _member(name: str) -> bytes:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return archive.read(name)


@dataclass(frozen=True)
class ForeignFile:
    """One model, and what the tool that made it says that it computes."""

    name: str
    tool: str
    kind: str
    """`image` (8x8 digits, ten classes), `sequence`, `numbers`, `control` (bodies and
    functions), `half` (narrow types), `quantized`, `table`, `text` (strings,
    sequences)."""
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    outside: bool
    """Whether weights lie beside the model, in NAME.data."""

    def __str__(self) -> str:
        return self.name

    @property
    def model(self) -> bytes:
        return _member(f"{self.name}.onnx")

    @property
    def inputs(self) -> dict[str, Any]:
        return dict(zip(self.input_names, self._values("x"), strict=True))

    @property
    def outputs(self) -> dict[str, Any]:
        """Arrays by name; a sequence is a list of them."""
        return dict(zip(self.output_names, self._values("y"), strict=True))

    def _values(self, letter: str) -> list[Any]:
        found: dict[int, Any] = {}
        with np.load(io.BytesIO(_member(f"{self.name}.npz"))) as arrays:
            for key in arrays.files:
                place, _, within = key[1:].partition("_")
                if key[0] == letter and within:
                    found.setdefault(int(place), []).append(arrays[key])
                elif key[0] == letter:
                    found[int(place)] = arrays[key]
        return [found[place] for place in sorted(found)]

    def write(self, folder: Path) -> Path:
        """The model as a file, with what lies beside it."""
        path = folder / f"{self.name}.onnx"
        path.write_bytes(self.model)
        if self.outside:
            path.with_suffix(".data").write_bytes(_member(f"{self.name}.data"))
        return path


def _files() -> list[ForeignFile]:
    with zipfile.ZipFile(ARCHIVE) as archive:
        members = set(archive.namelist())
    return [
        ForeignFile(
            name,
            entry["tool"],
            entry["kind"],
            tuple(entry["inputs"]),
            tuple(entry["outputs"]),
            f"{name}.data" in members,
        )
        for name, entry in json.loads(_member("index.json")).items()
    ]


FILES = _files()


def plain(value: Any) -> Any:
    """What ONNX Runtime returned as arrays: a list of maps is one, keys in order."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([[one[key] for key in sorted(one)] for one in value], "float32")
    return value
