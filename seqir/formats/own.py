"""Layers of the caller's that say themselves what a file keeps of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from seqir.errors import UnsupportedError
from seqir.formats import paths
from seqir.formats.archive import Archive, Content
from seqir.formats.tree import Place, places
from seqir.ir import Array
from seqir.layer.keeping import Keeping
from seqir.layers import Layer

_ASSETS: Final = "assets"


def arrays_of(place: Place) -> Iterator[tuple[str, Array]]:
    """The arrays of a place by their names in its group.

    Raises: UnsupportedError if a layer of the caller's keeps what is not an array.
    """
    layer = place.thing
    usual = Keeping.save_own_variables
    if not isinstance(layer, Layer) or type(layer).save_own_variables is usual:
        for index, variable in enumerate(place.variables):
            yield str(index), variable.array
        return
    store: dict[str, object] = {}
    layer.save_own_variables(store)
    for name, value in store.items():
        yield _checked(place.name, name, value)


def _checked(layer: str, name: object, value: object) -> tuple[str, Array]:
    array = np.asarray(value)
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        raise UnsupportedError(
            f"save_own_variables of layer {layer!r} uses the name {name!r}: names are "
            "texts without a slash"
        )
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise UnsupportedError(
            f"save_own_variables of layer {layer!r} puts {array.dtype} into "
            f"{name!r}: a file keeps arrays of numbers, and save_assets anything else"
        )
    return name, array


def loader(place: Place) -> Callable[[Mapping[str, Array]], None] | None:
    """What takes the arrays of a place, if a layer of the caller's does it itself."""
    layer, usual = place.thing, Keeping.load_own_variables
    if not isinstance(layer, Layer) or type(layer).load_own_variables is usual:
        return None
    return layer.load_own_variables


@contextmanager
def assets_of(model: Layer) -> Generator[dict[str, Content]]:
    """The members of an archive that layers keep their files in, during a block."""
    kept = [(p, getattr(p.thing, "save_assets", None)) for p in places(model)]
    saving = [(place, save) for place, save in kept if save is not None]
    if not saving:
        yield {}
        return
    with tempfile.TemporaryDirectory() as name:
        members: dict[str, Content] = {}
        for place, save in saving:
            folder = Path(name, place.path)
            folder.mkdir(parents=True)
            save(str(folder))
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    member = f"{_ASSETS}/{path.relative_to(name).as_posix()}"
                    members[member] = partial(shutil.copyfile, path)
        yield members


def load_assets(found: Archive, model: Layer) -> None:
    """Give layers of the caller's the files that they have kept, in a folder each."""
    stored = {name: name for name in found.names if name.startswith(f"{_ASSETS}/")}
    if any(paths.OLDER in name for name in stored):
        stored = paths.present(stored)
    for place in places(model):
        load = getattr(place.thing, "load_assets", None)
        prefix = f"{_ASSETS}/{place.path}".rstrip("/")
        names = [name for name in stored if name.startswith(f"{prefix}/")]
        if load is None or not names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                path = Path(folder, name.removeprefix(f"{prefix}/"))
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(found.stream(stored[name]), file)
            load(folder)
