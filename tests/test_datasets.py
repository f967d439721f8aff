"""Datasets: as Keras loads them, from files that are made here."""

import dataclasses
import hashlib
import importlib
import inspect
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dataset_files as files
import loopback
import numpy as np
import pytest

import seqir
from seqir import config, datasets
from seqir.datasets import readers, words
from seqir.errors import ArgumentError, CorruptFileError, UnsafeFileError

RNG = np.random.default_rng(0)
Serve = Callable[..., None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Put a file behind a dataset's `FILE`, for seqir and for Keras."""
    import keras.src.backend.config as keras_config
    from keras.src.utils import file_utils

    monkeypatch.setenv("SEQIR_HOME", str(tmp_path / "seqir"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(keras_config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)
    with loopback.serving() as site:
        monkeypatch.setenv("SEQIR_DOWNLOADS", site.url)

        def put(
            module: Any, content: bytes, keras: str = "", name: str = "FILE"
        ) -> None:
            remote = getattr(module, name)
            digest = hashlib.sha256(content).hexdigest()
            known = dataclasses.replace(remote, known_hash=digest)
            monkeypatch.setattr(module, name, known)
            tail = remote.url.removeprefix("https:/")
            site.files[tail] = content
            place = tmp_path / "datasets" / (keras or tail.rpartition("/")[2])
            place.parent.mkdir(exist_ok=True, parents=True)
            place.write_bytes(content)

        yield put


def assert_same(ours: Any, theirs: Any) -> None:
    """The same arrays of the same types, and the same lists in them."""
    assert len(ours) == len(theirs) == 2
    for mine, other in zip(ours, theirs, strict=True):
        if isinstance(mine, tuple):
            assert_same(mine, other)
            continue
        assert type(mine) is type(other)
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        assert mine.tolist() == other.tolist()


def keras_dataset(name: str) -> Any:
    """Keras's module of that name."""
    return importlib.import_module(f"keras.src.datasets.{name}")


# What is known about the files.


@pytest.mark.parametrize("name", [n for n in datasets.__all__ if n != "fashion_mnist"])
def test_places_and_hashes_are_keras_s(name: str) -> None:
    module = getattr(datasets, name)
    source = inspect.getsource(keras_dataset(name))
    remotes = [getattr(module, n) for n in ("FILE", "WORDS") if hasattr(module, n)]
    for remote in remotes:
        folder, _, file = remote.url.rpartition("/")
        assert folder in source
        assert file in source
        assert remote.known_hash in source


def test_fashion_mnist_has_the_publisher_s_hashes() -> None:
    source = inspect.getsource(keras_dataset("fashion_mnist"))
    for remote in datasets.fashion_mnist.FILES:
        assert remote.url.rpartition("/")[2] in source
        assert len(remote.known_hash) == 32


@pytest.mark.parametrize("name", datasets.__all__)
def test_arguments_are_keras_s(name: str) -> None:
    def arguments(module: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(module.load_data).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind != p.VAR_KEYWORD]

    assert arguments(getattr(datasets, name)) == arguments(keras_dataset(name))


# Images.


def images(n: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, *shape), np.uint8)


def labels(n: int, classes: int = 10) -> np.ndarray:
    return RNG.integers(0, classes, n, np.uint8)


def test_mnist(serve: Serve) -> None:
    content = files.new_npz(
        x_train=images(6, 28, 28), y_train=labels(6),
        x_test=images(4, 28, 28), y_test=labels(4),
    )  # fmt: skip
    serve(datasets.mnist, content)
    assert_same(datasets.mnist.load_data(), keras_dataset("mnist").load_data())
    assert_same(datasets.mnist.load_data("other"), datasets.mnist.load_data())


def test_fashion_mnist(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    module = datasets.fashion_mnist
    contents = [images(6, 28, 28), labels(6), images(4, 28, 28), labels(4)]
    for i, content in enumerate(contents):
        monkeypatch.setattr(module, "ONE", module.FILES[i], raising=False)
        name = module.FILES[i].url.rpartition("/")[2]
        serve(module, files.idx(content), f"fashion-mnist/{name}", name="ONE")
        known = (*module.FILES[:i], module.ONE, *module.FILES[i + 1 :])  # pyright: ignore[reportAttributeAccessIssue]
        monkeypatch.setattr(module, "FILES", known)
    assert_same(module.load_data(), keras_dataset("fashion_mnist").load_data())


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, mode: str, data_format: str
) -> None:
    import keras

    monkeypatch.setattr(config, "_image_data_format", data_format)
    members = {
        f"cifar-100-python/{part}": files.python2_batch(
            images(n, 3072),
            filenames=["a.png", "b.png"],
            batch_label="batch 1 of 1",
            fine_labels=labels(n, 100),
            coarse_labels=labels(n, 20),
        )
        for part, n in (("meta", 1), ("train", 300), ("test", 260))
    }
    content = files.tar_gz(members)
    serve(datasets.cifar100, content, "cifar-100-python-target_archive")
    keras.config.set_image_data_format(data_format)
    try:
        theirs = keras_dataset("cifar100").load_data(mode)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert_same(datasets.cifar100.load_data(mode), theirs)


@pytest.mark.slow
def test_cifar10(serve: Serve) -> None:
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    members = {}
    for name in names:  # Keras expects the true sizes
        pixels = np.repeat(images(10_000, 1), 3072, axis=1)
        batch = files.python2_batch(pixels, batch_label=name, labels=labels(10_000))
        members[f"cifar-10-batches-py/{name}"] = batch
    serve(datasets.cifar10, files.tar_gz(members), "cifar-10-batches-py-target_archive")
    ours = datasets.cifar10.load_data()
    theirs = keras_dataset("cifar10").load_data()
    for mine, other in zip(sum(ours, ()), sum(theirs, ()), strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)


# Texts.


def texts(n: int) -> np.ndarray:
    rows = [RNG.integers(1, 100_000, RNG.integers(1, 12)).tolist() for _ in range(n)]
    return files.lists(rows)


OPTIONS = [
    {},
    {"num_words": 5000},
    {"num_words": 60_000, "skip_top": 1000},
    {"oov_char": None, "num_words": 70_000, "skip_top": 10},
    {"maxlen": 7, "seed": 3},
    {"start_char": None},
    {"start_char": None, "index_from": 0},
    {"start_char": 5, "oov_char": 9, "index_from": 20, "num_words": 40_000},
]


@pytest.mark.parametrize("write", [files.new_npz, files.old_npz])
def test_imdb(serve: Serve, write: Any) -> None:
    content = write(
        x_train=texts(40), y_train=labels(40, 2).astype(np.int64),
        x_test=texts(30), y_test=labels(30, 2).astype(np.int64),
    )  # fmt: skip
    serve(datasets.imdb, content)
    for options in OPTIONS:
        ours = datasets.imdb.load_data(**options)
        theirs = keras_dataset("imdb").load_data(**options)
        assert_same(ours, theirs)


@pytest.mark.parametrize("write", [files.new_npz, files.old_npz])
def test_reuters(serve: Serve, write: Any) -> None:
    serve(datasets.reuters, write(x=texts(50), y=labels(50, 46).astype(np.int64)))
    for options in [*OPTIONS, {"test_split": 0.5}, {"test_split": 0.0}]:
        ours = datasets.reuters.load_data(**options)
        assert_same(ours, keras_dataset("reuters").load_data(**options))


def test_no_text_is_short_enough(serve: Serve) -> None:
    serve(datasets.reuters, files.new_npz(x=texts(5), y=labels(5)))
    with pytest.raises(ArgumentError, match="no text has fewer words than maxlen=1: g"):
        datasets.reuters.load_data(maxlen=1)


def test_no_words_at_all() -> None:
    assert words.Numbering(None, 0, None, None, 2, 0).limited([[], []]) == [[], []]


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_word_index(serve: Serve, name: str) -> None:
    module = getattr(datasets, name)
    index = {"the": 1, "a": 2, "café": 3}
    serve(module, json.dumps(index).encode(), name="WORDS")
    assert module.get_word_index() == index == keras_dataset(name).get_word_index()


def test_label_names() -> None:
    ours = datasets.reuters.get_label_names()
    assert ours == keras_dataset("reuters").get_label_names()


# Tables.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("california_housing", {}),
        ("california_housing", {"version": "small", "seed": 7, "test_split": 0.3}),
        ("boston_housing", {}),
        ("boston_housing", {"test_split": 0.0}),
    ],
)
def test_tables(serve: Serve, name: str, options: dict[str, Any]) -> None:
    x, y = RNG.normal(size=(700, 8)), RNG.normal(size=700)
    serve(getattr(datasets, name), files.new_npz(x=x, y=y))
    ours = getattr(datasets, name).load_data(**options)
    assert_same(ours, keras_dataset(name).load_data(**options))


# What goes wrong.


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match="label_mode must be 'fine' or 'coarse', g"):
        datasets.cifar100.load_data("rough")
    with pytest.raises(ArgumentError, match="version must be 'small' or 'large', got"):
        datasets.california_housing.load_data("huge")
    for module in (datasets.boston_housing, datasets.reuters):
        with pytest.raises(ArgumentError, match="test_split must be a number >= 0 and"):
            module.load_data(test_split=1.0)


def test_a_tampered_file_is_refused(serve: Serve, tmp_path: Path) -> None:
    """It never gets as far as being read."""
    serve(datasets.mnist, b"good")
    remote = dataclasses.replace(datasets.mnist.FILE, known_hash="0" * 64)
    with pytest.raises(CorruptFileError, match="is not the file that it should be"):
        remote.fetch()


def test_damaged_archives(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"no archive")
    for read in (
        lambda: readers.read_npz(path, "x"),
        lambda: readers.read_idx(path),
        lambda: readers.read_tar(path, ["x"]),
        lambda: readers.read_json(path),
    ):
        with pytest.raises(CorruptFileError, match=r"file is damaged \(.+\): re"):
            read()


def test_missing_members(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(files.new_npz(x=np.ones(2)))
    with pytest.raises(CorruptFileError, match="file has no y"):
        readers.read_npz(path, "x", "y")
    path.write_bytes(files.tar_gz({"a": b"1"}))
    with pytest.raises(CorruptFileError, match="file has no b, c"):
        readers.read_tar(path, ["c", "a", "b"])


def test_idx_files_of_another_size(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "file"
    good = gzip.decompress(files.idx(labels(5)))
    for content in (good[:-1], good + b"x"):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(CorruptFileError, match=r"does not have the 5 bytes of"):
            readers.read_idx(path)
    path.write_bytes(gzip.compress(b"\0\0\x0d" + good[3:]))
    with pytest.raises(CorruptFileError, match="file is not an idx file of bytes"):
        readers.read_idx(path)


def test_an_array_that_says_it_is_larger(tmp_path: Path) -> None:
    path = tmp_path / "file"
    member = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue() + bytes(16))
    with pytest.raises(
        CorruptFileError, match=r"not have the numbers of x \(1099511627"
    ):
        readers.read_npz(path, "x")


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    (tmp_path / "file").write_bytes(buffer.getvalue())
    with pytest.raises(CorruptFileError, match="file has no x"):
        readers.read_tar(tmp_path / "file", ["x"])


def test_far_too_large_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "LARGEST", 1000)
    path = tmp_path / "file"
    text = "file unpacks to .* bytes, more than the 1000 of any dataset"
    for content, read in (
        (files.new_npz(x=np.zeros(1000)), lambda: readers.read_npz(path, "x")),
        (files.idx(np.zeros(2000, np.uint8)), lambda: readers.read_idx(path)),
        (files.tar_gz({"x": bytes(2000)}), lambda: readers.read_tar(path, ["x"])),
    ):
        path.write_bytes(content)
        with pytest.raises(UnsafeFileError, match=text):
            read()


def test_batches_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    good = files.python2_batch(images(300, 3072), labels=labels(300))
    for content, text in (
        (
            files.python2_batch(images(300, 3072), others=labels(300)),
            "has no data",
        ),
        (
            files.python2_batch(images(299, 3072), labels=labels(300)),
            "other labels",
        ),
        (
            files.python2_batch(images(300, 999), labels=labels(300)),
            "other labels",
        ),
        (b"\x80\x02]q\x01.", "x has no data and labels"),
    ):
        path.write_bytes(files.tar_gz({"x": content}))
        with pytest.raises(CorruptFileError, match=text):
            datasets.cifar100.read_batches(path, ["x"], "labels")
    path.write_bytes(files.tar_gz({"x": good}))
    ((found, _),) = datasets.cifar100.read_batches(path, ["x"], "labels")
    assert found.shape == (300, 32, 32, 3)
    assert found.flags.writeable


def test_an_attack_in_an_archive_runs_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    attack = b"cposix\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = io.BytesIO()
        header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
        np.lib.format.write_array_header_1_0(member, header)
        archive.writestr("x.npy", member.getvalue() + attack)
    path = tmp_path / "file"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(UnsafeFileError, match=r"it asks for posix\.system"):
        readers.read_npz(path, "x")
    assert not canary.exists()


def test_datasets_need_no_pickle() -> None:
    for name, module in sys.modules.items():
        if name.startswith("seqir.datasets"):
            assert not hasattr(module, "pickle")


def test_datasets_are_reached_from_seqir() -> None:
    assert seqir.datasets.mnist.load_data is datasets.mnist.load_data
