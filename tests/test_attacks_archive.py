"""Archives and JSON texts that are crafted, damaged, or something else."""

import os
import socket
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from model_files import copy, members, model, pack
from refusal import Canary, refused

from seqir.errors import (
    CorruptFileError,
    LoadError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.models import load_model

Craft = Callable[[Path], Path]


def with_member(name: str, mode: int = 0) -> Craft:
    """The valid file and one more member."""

    def craft(path: Path) -> Path:
        pack(path, members())
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        with (
            warnings.catch_warnings(),
            zipfile.ZipFile(path, "a") as archive,
        ):
            warnings.simplefilter("ignore")  # of equal names
            archive.writestr(info, b"/etc/passwd")
        return path

    return craft


def without(name: str) -> Craft:
    return lambda path: pack(path, {k: v for k, v in members().items() if k != name})


def config(text: bytes) -> Craft:
    return lambda path: pack(path, {**members(), "config.json": text})


def packed(**arguments: int) -> Craft:
    """The valid members in an archive of another kind."""

    def craft(path: Path) -> Path:
        with zipfile.ZipFile(path, "w", **arguments) as archive:
            for name, content in members().items():
                archive.writestr(name, content)
        return path

    return craft


def replaced(old: bytes, new: bytes) -> Craft:
    def patch(path: Path) -> Path:
        content = packed()(path).read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))
        return path

    return patch


def bomb(name: str) -> Craft:
    """A member of a quarter GiB that takes a quarter MiB."""

    def craft(path: Path) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            for member, content in members().items():
                with file.open(member, "w", force_zip64=True) as out:
                    out.write(content)
                    for _ in range(256 if member == name else 0):
                        out.write(bytes(1 << 20))
        return path

    return craft


def bomb_in_a_bomb(path: Path) -> Path:
    inner = bomb("config.json")(path).read_bytes()
    return pack(path, {**members(), "config.json": inner})


def declared(path: Path) -> Path:
    """Ten GiB according to the table of contents, a few KB in truth."""
    packed(compression=zipfile.ZIP_DEFLATED)(path)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
    content[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFFE)
    path.write_bytes(content)
    return path


def cut(share: float) -> Craft:
    def craft(path: Path) -> Path:
        content = pack(path, members()).read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return craft


def flipped(member: str) -> Craft:
    def craft(path: Path) -> Path:
        content = bytearray(pack(path, members()).read_bytes())
        at = content.index(member.encode()) + len(member) + 20
        content[at] ^= 1
        path.write_bytes(content)
        return path

    return craft


CENTRAL = b"PK\1\2\x14\3\x14\0\0\0"

ARCHIVES: dict[str, tuple[Craft, type[SeqirError], str]] = {
    "parent": (with_member("../../x"), UnsafeFileError, r"member named '\.\./\.\./x'"),
    "absolute": (with_member("/etc/x"), UnsafeFileError, "member named '/etc/x'"),
    "drive": (with_member("C:\\x"), UnsafeFileError, "would lie outside of it"),
    "link": (
        with_member("weights", stat.S_IFLNK | 0o777),
        UnsafeFileError,
        "the member 'weights' of m.keras is a link",
    ),
    "two of one name": (
        with_member("config.json"),
        UnsafeFileError,
        "two members named 'config.json'",
    ),
    "configuration bomb": (
        bomb("config.json"),
        UnsafeFileError,
        "the member 'config.json' of m.keras would grow",
    ),
    "weights bomb": (
        bomb("model.weights.h5"),
        UnsafeFileError,
        "the member 'model.weights.h5' of m.keras would grow",
    ),
    "bomb in a bomb": (bomb_in_a_bomb, CorruptFileError, "config.json in m.keras is"),
    "declared bomb": (declared, UnsafeFileError, "would grow from .* to 4,294,967,294"),
    "encrypted": (
        replaced(CENTRAL, CENTRAL[:-2] + b"\1\0"),
        UnsupportedError,
        "the member 'metadata.json' of m.keras is encrypted",
    ),
    "lzma": (
        packed(compression=zipfile.ZIP_LZMA),
        UnsupportedError,
        "is compressed by method 14",
    ),
    "wrong sum of the configuration": (
        flipped("config.json"),
        CorruptFileError,
        "the member 'config.json' of m.keras is damaged",
    ),
    "wrong sum of the weights": (
        flipped("model.weights.h5"),
        CorruptFileError,
        "the member 'model.weights.h5' of m.keras is damaged",
    ),
    "cut in the middle": (cut(0.5), CorruptFileError, "damaged ZIP archive"),
    "cut at the end": (cut(0.99), CorruptFileError, "damaged ZIP archive"),
    "no configuration": (
        without("config.json"),
        CorruptFileError,
        "m.keras has no config.json, which every Keras file has",
    ),
    "no weights": (
        without("model.weights.h5"),
        CorruptFileError,
        r"m.keras has no model\.weights\.h5, which every Keras file has",
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(tmp_path: Path, name: str) -> None:
    craft, error, words = ARCHIVES[name]
    path = craft(tmp_path / "m.keras")
    refused(lambda: load_model(path), error, words, folder=tmp_path)


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_of_weights(tmp_path: Path, name: str) -> None:
    """`load_weights` reads the weights alone, and is as careful."""
    craft, error, words = ARCHIVES[name]
    path = craft(tmp_path / "m.keras")
    made = model()
    load = lambda: made.load_weights(path)  # noqa: E731
    if error is CorruptFileError and "config.json" in words:
        load()  # of which it reads nothing
        return
    refused(load, error, words, folder=tmp_path, model=made)


def test_archives_packed_by_others_are_read(tmp_path: Path) -> None:
    path = packed(compression=zipfile.ZIP_DEFLATED)(tmp_path / "m.keras")
    assert load_model(path).name == "tiny"


DEEP = b"[" * 200_000 + b"]" * 200_000

TEXTS: dict[str, tuple[bytes, str]] = {
    "deep": (DEEP, "is nested more than 128 levels deep"),
    "two equal keys": (b'{"class_name": 1, "class_name": 2}', "'class_name' twice"),
    "not a number": (b'{"class_name": NaN}', "holds NaN"),
    "5000 digits": (b'{"a": %s}' % (b"9" * 5000), "holds the integer 999"),
    "not UTF-8": (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
    "long": (b'{"a": "%s"}' % (b"x" * (20 << 20)), "more than the 16,777,216"),
    "many values": (b"[%s0]" % (b"[]," * 3_000_000), "holds more than 1,000,000"),
    "no JSON": (b"import os", "is not JSON"),
    "nothing": (b"", "is not JSON"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_configurations_that_are_no_json(tmp_path: Path, name: str) -> None:
    text, words = TEXTS[name]
    path = config(text)(tmp_path / "m.keras")
    words = f"config.json in m.keras .*{words}"
    refused(lambda: load_model(path), CorruptFileError, words, folder=tmp_path)


# What is not an archive, or not a file.


def content(data: bytes) -> Craft:
    def craft(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return craft


def folder(path: Path) -> Path:
    (path / "assets").mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"")
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def listening(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def link_to(target: str) -> Craft:
    def craft(path: Path) -> Path:
        path.symlink_to(target)
        return path

    return craft


NO_FILES: dict[str, tuple[Craft, type[SeqirError], str]] = {
    "text": (content(b"hello, world"), CorruptFileError, "m.{1,15} is (no|damaged)"),
    "picture": (
        content(b"\x89PNG\r\n\x1a\n" * 9),
        CorruptFileError,
        "is (no|damaged)",
    ),
    "empty": (content(b""), CorruptFileError, "is (no|damaged)"),
    "pickle": (content(b"\x80\4cos\nsystem\n"), CorruptFileError, "is (no|damaged)"),
    "folder": (folder, LoadError, "it is a folder, not a file"),
    "pipe": (pipe, LoadError, "it is a named pipe, not a file"),
    "socket": (listening, LoadError, "it is a socket, not a file"),
    "endless": (link_to("/dev/zero"), LoadError, "it is a device, not a file"),
    "terminal": (link_to("/dev/tty"), LoadError, "it is a device, not a file"),
    "link to itself": (link_to("m.keras"), LoadError, "(symbolic links|no file)"),
    "missing": (lambda path: path, LoadError, "there is no file"),
    "long name": (lambda p: p.with_name("x" * 300 + p.name), LoadError, "too long"),
    "nul": (lambda p: p.with_name(f"a\0{p.name}"), LoadError, "embedded null"),
    "in a file": (lambda p: content(b"")(p) / p.name, LoadError, "Not a directory"),
}


@pytest.mark.parametrize("kind", ["m.keras", "m.h5"])
@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file(tmp_path: Path, name: str, kind: str) -> None:
    craft, error, words = NO_FILES[name]
    path = craft(tmp_path / kind)
    refused(lambda: load_model(path), error, words, folder=tmp_path)


@pytest.mark.parametrize(
    "kind", ["m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json"]
)
@pytest.mark.parametrize("name", NO_FILES)
def test_weights_in_what_is_no_file(tmp_path: Path, name: str, kind: str) -> None:
    craft, error, words = NO_FILES[name]
    path = craft(tmp_path / kind)
    made = model()
    load = lambda: made.load_weights(path)  # noqa: E731
    refused(load, error, words, folder=tmp_path, model=made)


FOREIGN = {
    "pt": "pickled Python objects",
    "pth": "pickled Python objects",
    "bin": "pickled Python objects",
    "pkl": "pickled objects run code",
    "ort": "a compiled model",
    "tflite": "a compiled model",
    "onnx": "no Keras layers",
    "pb": "TensorFlow",
}


@pytest.mark.parametrize("suffix", FOREIGN)
def test_files_of_others_are_not_opened(tmp_path: Path, suffix: str) -> None:
    canary = Canary(tmp_path / f"m.{suffix}".removesuffix("."))
    for load in (load_model, model().load_weights):
        refused(
            lambda load=load: load(canary.path),
            UnsupportedError,
            FOREIGN[suffix],
            "save the model as one of these",
            folder=tmp_path,
            canary=canary,
        )
    canary.close()


@pytest.mark.parametrize("name", ["saved_model", "orbax"])
def test_folders_of_others(tmp_path: Path, name: str) -> None:
    path = folder(tmp_path / name)
    for load in (load_model, model().load_weights):
        words = "it is a folder: a SavedModel or an Orbax checkpoint is not read"
        refused(lambda load=load: load(path), UnsupportedError, words, folder=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = copy("m.keras", tmp_path)
    path.chmod(0)
    refused(lambda: load_model(path), LoadError, "Permission", folder=tmp_path)
