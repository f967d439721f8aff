"""Weights that lie elsewhere, take too much, or belong to another model."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import Edit, copy, folder, members, model, pack, weights_file
from refusal import Canary, refused

from seqir import tensorfile
from seqir.errors import (
    CorruptFileError,
    LoadError,
    SeqirError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.models import load_model

KERNEL = "layers/dense/vars/0"
Craft = Callable[[Path, Edit], Path]


def keras_with(path: Path, edit: Edit) -> Path:
    """A whole model with those weights."""
    inner = weights_file(path.with_name("inner.weights.h5"), edit)
    content = {**members(), "model.weights.h5": inner.read_bytes()}
    inner.unlink()
    return pack(path, content)


def both(
    tmp_path: Path,
    edit: Edit,
    error: type[SeqirError],
    words: str,
    canary: Canary | None = None,
) -> None:
    """The weights are refused alone, and in the file of a model."""
    for name, craft in (("m.weights.h5", weights_file), ("m.keras", keras_with)):
        path = craft(tmp_path / name, edit)
        made = model()
        loads = [lambda p=path, m=made: m.load_weights(p)]
        if name == "m.keras":
            loads.append(lambda p=path: load_model(p))
        for load in loads:
            refused(load, error, words, folder=tmp_path, model=made, canary=canary)


def replace(**arguments: Any) -> Edit:
    """Another dataset in the place of the first kernel."""

    def edit(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, **arguments)

    return edit


# What lies elsewhere.


@pytest.fixture
def canary(tmp_path: Path) -> Any:
    """An HDF5 file with the right weights, that nobody may open."""
    made = Canary(tmp_path / "canary.h5")
    made.path.write_bytes((folder() / "m.weights.h5").read_bytes())
    made.was_opened()
    yield made
    made.close()


def linked(link: Any, place: str = KERNEL) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[place]
        file[place] = link

    return edit


def test_links(tmp_path: Path, canary: Canary) -> None:
    outside = h5py.ExternalLink(str(canary.path), KERNEL)
    words = f"'{KERNEL}' in .*weights.h5.* is a link to another file"
    both(tmp_path, linked(outside), UnsafeFileError, words, canary)
    outside = h5py.ExternalLink(str(canary.path), "layers/dense")
    words = "'layers/dense' in .* is a link to another file"
    both(tmp_path, linked(outside, "layers/dense"), UnsafeFileError, words, canary)
    words = f"'{KERNEL}' in .* is a symbolic link"
    inside = h5py.SoftLink("/layers/dense_1/vars/0")
    both(tmp_path, linked(inside), UnsafeFileError, words, canary)


def test_external_storage(tmp_path: Path, canary: Canary) -> None:
    outside = [(str(canary.path), 0, 48)]
    edit = replace(shape=(3, 4), dtype="f4", external=outside)
    words = rf"'{KERNEL}' in .* in another file \(external storage\)"
    both(tmp_path, edit, UnsafeFileError, words, canary)


@pytest.mark.parametrize("unlimited", [False, True])
def test_virtual_datasets(tmp_path: Path, canary: Canary, unlimited: bool) -> None:
    most = (None, 4) if unlimited else (3, 4)

    def edit(source: str) -> Edit:
        def write(file: h5py.File) -> None:
            del file[KERNEL]
            layout = h5py.VirtualLayout((3, 4), "f4", maxshape=most)
            found = h5py.VirtualSource(source, KERNEL, (3, 4), "f4", maxshape=most)
            if unlimited:
                layout[: h5py.h5s.UNLIMITED, :] = found[: h5py.h5s.UNLIMITED, :]
            else:
                layout[:] = found
            file.create_virtual_dataset(KERNEL, layout)

        return write

    for source in (str(canary.path), "."):
        words = rf"'{KERNEL}' in .* from other datasets \(virtual\)"
        both(tmp_path, edit(source), UnsafeFileError, words, canary)


# What takes too much.


def many_large(file: h5py.File) -> None:
    """A thousand datasets of 3.9 GiB, of which not a byte is there."""
    for number in range(1000):
        place = f"layers/dense/vars/{number + 2}"
        file.create_dataset(place, (1 << 20, 999), "f4", chunks=(1 << 10, 1))


def cycle(file: h5py.File) -> None:
    file["layers/dense/vars/again"] = file["layers"]


def deep(file: h5py.File) -> None:
    group = file.id
    for _ in range(10_000):
        group = h5py.h5g.create(group, b"g")


BOMBS: dict[str, tuple[Edit, type[SeqirError], str]] = {
    "a large shape": (
        replace(shape=(1 << 40,), dtype="f4", compression="gzip"),
        ShapeError,
        r"has shape \(1099511627776,\), expected \(3, 4\)",
    ),
    "many large shapes": (many_large, ShapeError, "has 2 weights, the file has 1002"),
    "cycle": (cycle, UnsafeFileError, "is a second link to an object"),
    "deep": (deep, UnsafeFileError, "is more than 64 groups deep"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(tmp_path: Path, name: str) -> None:
    both(tmp_path, *BOMBS[name])


@pytest.mark.slow
def test_a_million_groups(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.weights.h5", "w", libver="latest") as file:
        for number in range(60_000):
            h5py.h5g.create(file.id, b"%d" % number)
    made = model()
    with pytest.raises(UnsafeFileError, match="has more than 50,000 objects"):
        made.load_weights(tmp_path / "m.weights.h5")


# What belongs to another model.


def change(dtype: Any) -> Edit:
    return replace(data=np.ones((3, 4), np.float32).astype(dtype))


def renamed(file: h5py.File) -> None:
    file.move("layers/dense", "layers/conv2d")


def swapped(file: h5py.File) -> None:
    file.move("layers/dense", "aside")
    file.move("layers/dense_1", "layers/dense")
    file.move("aside", "layers/dense_1")


def surplus(file: h5py.File) -> None:
    file["layers/dense_2/vars/0"] = np.ones(3, np.float32)


def missing(file: h5py.File) -> None:
    del file["layers/dense_1"]


def fewer(file: h5py.File) -> None:
    del file["layers/dense/vars/1"]


OTHERS: dict[str, tuple[Edit, type[SeqirError], str]] = {
    "transposed": (
        replace(data=np.ones((4, 3), np.float32)),
        ShapeError,
        r"'hidden' .*has shape \(4, 3\), expected \(3, 4\)",
    ),
    "float64": (change("f8"), ShapeError, "'hidden' .*holds float64, expected float32"),
    "int32": (change("i4"), ShapeError, "'hidden' .*holds int32, expected float32"),
    "bool": (change("?"), ShapeError, "'hidden' .*holds bool, expected float32"),
    "complex": (
        change("c8"),
        ShapeError,
        "'hidden' .*holds complex64, which is not an",
    ),
    "text": (
        replace(data=np.full((3, 4), b"x")),
        ShapeError,
        "'hidden' .*holds bytes8",
    ),
    "renamed": (renamed, ShapeError, "'layers/dense/vars'.*'layers/conv2d/vars'"),
    "swapped": (swapped, ShapeError, "'hidden'.*'out'"),
    "surplus": (surplus, ShapeError, "the file has 'layers/dense_2/vars', which the"),
    "missing": (missing, ShapeError, "'out' is not there.*'layers/dense_1/vars'"),
    "fewer": (fewer, ShapeError, "'hidden' .*has 2 weights, the file has 1 in its"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_weights_of_another_model(tmp_path: Path, name: str) -> None:
    edit, error, words = OTHERS[name]
    both(tmp_path, edit, error, words)


@pytest.mark.parametrize("dtype", [">f4", "f2", ">f2"])
def test_weights_that_hold_no_less(tmp_path: Path, dtype: str) -> None:
    path = weights_file(tmp_path / "m.weights.h5", change(dtype))
    made = model()
    made.load_weights(path)
    assert (made.get_weights()[0] == 1).all()


def test_weights_that_are_not_finite_are_weights(tmp_path: Path) -> None:
    bad = np.full((3, 4), np.nan, np.float32)
    path = weights_file(tmp_path / "m.weights.h5", replace(data=bad))
    made = model()
    made.load_weights(path)
    assert np.isnan(made.get_weights()[0]).all()


# Legacy files.


def legacy_weights(path: Path, edit: Edit) -> Path:
    path.write_bytes((folder() / "m.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def attribute(place: str, name: str, value: Any) -> Edit:
    def edit(file: h5py.File) -> None:
        file[place].attrs[name] = value

    return edit


MODEL = "model_weights"


def in_parts(parts: list[Any]) -> Edit:
    """Names as Keras keeps long lists of them."""

    def edit(file: h5py.File) -> None:
        attributes = file[MODEL].attrs
        del attributes["layer_names"]
        for number, part in enumerate(parts):
            attributes[f"layer_names{number}"] = part

    return edit


LEGACY: dict[str, tuple[Edit, type[SeqirError], str]] = {
    "a path as a weight": (
        attribute(f"{MODEL}/hidden", "weight_names", ["../../out", "/etc/passwd"]),
        CorruptFileError,
        r"m.h5 has no '",
    ),
    "names of nothing": (
        attribute(f"{MODEL}/hidden", "weight_names", ["a", "b"]),
        CorruptFileError,
        "m.h5 has no 'model_weights/hidden/a'",
    ),
    "a layer of nothing": (
        attribute(MODEL, "layer_names", ["evil", "norm", "out"]),
        CorruptFileError,
        "m.h5 has no 'model_weights/evil'",
    ),
    "names are numbers": (
        attribute(MODEL, "layer_names", [1, 2]),
        CorruptFileError,
        "layer_names in m.h5 is not a list of names",
    ),
    "names are one text": (
        attribute(MODEL, "layer_names", "hidden"),
        CorruptFileError,
        "layer_names in m.h5 is not a list of names",
    ),
    "parts are numbers": (
        in_parts([7, 8]),
        CorruptFileError,
        "layer_names in m.h5 is not a list of names",
    ),
    "no names": (in_parts([]), CorruptFileError, "in m.h5 has no layer_names"),
    "a name twice": (
        attribute(MODEL, "layer_names", ["hidden", "hidden", "out"]),
        ShapeError,
        "layer 'norm' .BatchNormalization, 'hidden' in the file. has 4 weights",
    ),
    "two layers": (
        attribute(MODEL, "layer_names", ["hidden", "out"]),
        ShapeError,
        "the model has 3 layers with weights .* the file 2",
    ),
    "external link": (
        linked(h5py.ExternalLink("/etc/hostname", "/x"), f"{MODEL}/hidden"),
        UnsafeFileError,
        "'model_weights/hidden' in m.h5 is a link to another file",
    ),
}


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_weights(tmp_path: Path, name: str) -> None:
    edit, error, words = LEGACY[name]
    path = legacy_weights(tmp_path / "m.h5", edit)
    made = model()
    for load in (lambda: made.load_weights(path), lambda: load_model(path)):
        refused(load, error, words, folder=tmp_path, model=made)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("model_config", 7, "model_config in m.h5 is not text"),
        ("model_config", "[" * 1000, "model_config in m.h5 is nested more than 128"),
        ("model_config", "{", "model_config in m.h5 is not JSON"),
        ("training_config", '{"loss": NaN}', "training_config in m.h5 holds NaN"),
        ("training_config", '{"optimizer_config": 7}', "dictionary, got 7"),
        ("model_config", np.bytes_(b"\xff"), "m.h5 is damaged"),
    ],
)
def test_legacy_configurations(
    tmp_path: Path, name: str, value: Any, words: str
) -> None:
    path = legacy_weights(tmp_path / "m.h5", attribute("/", name, value))
    refused(lambda: load_model(path), CorruptFileError, words, folder=tmp_path)


# Shards.

SHARDS: dict[str, tuple[Edit, type[SeqirError], str]] = {
    "a path": (
        lambda table: table["weight_map"].update({"/layers/dense/vars": "../x.h5"}),
        UnsafeFileError,
        r"says that weights are in '\.\./x\.h5', which is not an \.h5 file beside it",
    ),
    "an absolute path": (
        lambda table: table["weight_map"].update({"/vars": ["/etc/passwd"]}),
        UnsafeFileError,
        "says that weights are in '/etc/passwd'",
    ),
    "a missing shard": (
        lambda table: table["weight_map"].update({"/vars": ["gone.weights.h5"]}),
        LoadError,
        "there is no file .*gone.weights.h5",
    ),
    "a group that is not there": (
        lambda table: table["weight_map"].pop("/layers/dense/vars") and None,
        ShapeError,
        "'hidden' is not there",
    ),
    "no map": (lambda table: {"a": 1}, CorruptFileError, "has no weight_map"),
    "a list": (lambda table: [table], CorruptFileError, "has no weight_map"),
    "numbers": (
        lambda table: table.update(weight_map={"/vars": [7]}),
        CorruptFileError,
        "has a weight_map that names no files",
    ),
    "the same twice": (
        lambda table: table["weight_map"].update(
            {"/layers/dense/vars": ["m_00000.weights.h5"] * 2}
        ),
        ShapeError,
        "'hidden' .*has 2 weights, the file has 4",
    ),
}


@pytest.mark.parametrize("name", SHARDS)
def test_shards(tmp_path: Path, name: str) -> None:
    edit, error, words = SHARDS[name]
    path = copy("m.weights.json", tmp_path)
    table = json.loads(path.read_text())
    path.write_text(json.dumps(edit(table) or table))
    made = model()
    load = lambda: made.load_weights(path)  # noqa: E731
    refused(load, error, words, folder=tmp_path, model=made)


def test_a_shard_that_is_a_link(tmp_path: Path) -> None:
    """Caches of models are full of links; what one leads to is read like any file."""
    path = copy("m.weights.json", tmp_path)
    shard = tmp_path / "m_00000.weights.h5"
    shard.rename(tmp_path / "blob")
    shard.symlink_to("blob")
    model().load_weights(path)


# safetensors.


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}}


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


F32 = tensor("F32", [1], 0, 4)
TWO = {"dtype": "F32", "shape": [1]}
TENSORS: dict[str, tuple[bytes, str]] = {
    "length 2**63": (safetensors(b"{}", length=1 << 63), "header too large"),
    "length 200 MB": (safetensors(b"{}", length=200_000_000), "header too large"),
    "length beyond the file": (safetensors(b"{}", length=99), "invalid header length"),
    "length 0": (safetensors(b""), "invalid JSON in header"),
    "no JSON": (safetensors(b"evil"), "invalid"),
    "a list": (safetensors(b"[]"), "invalid"),
    "deep": (safetensors(b'{"__metadata__":' + b"[" * 100_000), "invalid"),
    "metadata of numbers": (safetensors({"__metadata__": {"a": 1}}), "invalid type"),
    "past the end": (safetensors(tensor("F32", [1], 4, 8), bytes(8)), "`a`"),
    "backwards": (safetensors(tensor("F32", [1], 4, 0), bytes(4)), "`a`"),
    "negative": (safetensors(tensor("F32", [1], -4, 0), bytes(4)), "invalid value"),
    "other size": (safetensors(tensor("F32", [2], 0, 4), bytes(4)), "invalid shape"),
    "overflow": (
        safetensors(tensor("F32", [1 << 40, 1 << 40], 0, 4), bytes(4)),
        "over",
    ),
    "trailing": (safetensors(F32, bytes(8)), "not fully covered"),
    "overlapping": (
        safetensors({n: {**TWO, "data_offsets": [0, 4]} for n in ("a", "b")}, bytes(4)),
        "invalid offset",
    ),
    "hole": (
        safetensors(
            {
                "a": {**TWO, "data_offsets": [0, 4]},
                "b": {**TWO, "data_offsets": [8, 12]},
            },
            bytes(12),
        ),
        "invalid offset",
    ),
    "empty but large": (safetensors(tensor("F32", [0, 1 << 62], 0, 0)), "too big"),
    "unknown type": (safetensors(tensor("XX", [1], 0, 4), bytes(4)), "unknown variant"),
    "float8": (safetensors(tensor("F8_E4M3", [1], 0, 1), bytes(1)), "float8_e4m3fn"),
    "float4": (safetensors(tensor("F4", [2], 0, 1), bytes(1)), ""),
    "not ours": (safetensors(F32, bytes(4)), "was not written by seqir"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_safetensors(tmp_path: Path, name: str) -> None:
    content, words = TENSORS[name]
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    made = model()
    with pytest.raises(LoadError) as caught:
        made.load_weights(path)
    load = lambda: made.load_weights(path)  # noqa: E731
    refused(load, type(caught.value), words, folder=tmp_path, model=made)


def noted(edit: Edit) -> Edit:
    """Changes the header of a file that seqir has written."""

    def change(header: Any) -> None:
        note = json.loads(header["__metadata__"]["seqir"])
        header["__metadata__"]["seqir"] = json.dumps(edit(note) or note)

    return change


NOTES: dict[str, tuple[Edit, type[SeqirError], str]] = {
    "no digest": (
        lambda h: [h["__metadata__"].pop(k, 0) for k in ("sha256", "digest")] and None,
        CorruptFileError,
        "it does not have its digest",
    ),
    "note is not JSON": (
        lambda h: h["__metadata__"].update(seqir="{"),
        CorruptFileError,
        "its note is not JSON",
    ),
    "note is deep": (
        lambda h: h["__metadata__"].update(seqir="[" * 100_000),
        CorruptFileError,
        "its note is not JSON",
    ),
    "note is a list": (noted(lambda n: [n]), CorruptFileError, "not a dictionary"),
    "no order": (
        noted(lambda n: n.pop("order") and None),
        CorruptFileError,
        "it names arrays that it has not",
    ),
    "order of others": (
        noted(lambda n: n.update(order=["evil", []])),
        CorruptFileError,
        "it names arrays that it has not",
    ),
    "another kind": (noted(lambda n: n.update(kind="x")), LoadError, "holds a x, not"),
    "fewer": (
        noted(lambda n: n["order"].pop() and None),
        ShapeError,
        "has 7 arrays, 8 are needed",
    ),
    "swapped": (
        noted(lambda n: n["order"].reverse()),
        ShapeError,
        "it belongs to another model",
    ),
}


@pytest.mark.parametrize("name", NOTES)
def test_notes_of_safetensors(tmp_path: Path, name: str) -> None:
    """The digest covers the note, but for that of the first release."""
    edit, error, words = NOTES[name]
    path = copy("m.safetensors", tmp_path)
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    unsigned = _signed_as_of_old(json.loads(content[8 : 8 + length]), path)
    path.write_bytes(safetensors(unsigned, content[8 + length :]))
    made = model()
    made.load_weights(path)  # what the first release has written
    signed = json.loads(content[8 : 8 + length])
    cases = [(unsigned, error, words)]
    cases.append((signed, CorruptFileError, "it does not have its digest"))
    for header, kind, said in cases:
        edited = edit(header) or header
        path.write_bytes(safetensors(edited, content[8 + length :]))
        load = lambda: made.load_weights(path)  # noqa: E731
        refused(load, kind, said, folder=tmp_path, model=made)


def _signed_as_of_old(header: Any, path: Path) -> Any:
    arrays, _ = tensorfile.read(path)
    note = header["__metadata__"]
    del note["digest"]
    return {
        **header,
        "__metadata__": {**note, "sha256": tensorfile._digest(arrays)},
    }


def test_a_flipped_number_in_safetensors(tmp_path: Path) -> None:
    path = copy("m.safetensors", tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    made = model()
    load = lambda: made.load_weights(path)  # noqa: E731
    words = "it does not have its digest"
    refused(load, CorruptFileError, words, folder=tmp_path, model=made)


def test_other_kinds_of_weights(tmp_path: Path) -> None:
    made = model()
    for name in ("m.npz", "m.ckpt", "m"):
        (tmp_path / name).write_bytes(b"x")
        load = lambda name=name: made.load_weights(tmp_path / name)  # noqa: E731
        refused(load, UnsupportedError, "is not read", folder=tmp_path, model=made)
