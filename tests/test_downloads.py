"""Downloads: checked, continued, atomic; from a server on this machine."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import loopback
import numpy as np
import pytest

import seqir
from seqir import downloads, numerals
from seqir.downloads import cache, progress, transfer
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    LoadError,
    MissingPackageError,
    UnsafeFileError,
    UnsupportedError,
)

DATA = np.random.default_rng(0).bytes(300_000)
SHA = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()
HALF = 2 * transfer.CHUNK  # what comes is written in whole chunks
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQIR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SEQIR_DOWNLOADS", raising=False)
    return tmp_path / "home"


@pytest.fixture
def site() -> Iterator[loopback.Site]:
    with loopback.serving() as site:
        site.files["/a/data.bin"] = DATA
        yield site


def get(site: loopback.Site, known_hash: str | None = SHA, **options: Any) -> Path:
    url = f"{site.url}/a/data.bin"
    return downloads.fetch(url, known_hash=known_hash, subfolder="sub", **options)


def left(home: Path) -> set[str]:
    """What lies in the folder, without the empty files that processes lock."""
    return {p.name for p in (home / "sub").iterdir() if p.suffix != ".lock"}


# What arrives.


@pytest.mark.parametrize(
    "known_hash", [SHA, SHA.upper(), f"sha256:{SHA}", MD5, f"md5:{MD5}", None]
)
def test_a_file_is_downloaded_once(
    site: loopback.Site, home: Path, known_hash: str | None
) -> None:
    path = get(site, known_hash)
    assert path == home / "sub" / "data.bin"
    assert path.read_bytes() == DATA
    assert get(site, known_hash) == path
    assert site.asked == [("/a/data.bin", None)]
    assert left(home) == {"data.bin"}


def test_another_name(site: loopback.Site, home: Path) -> None:
    assert get(site, filename="other.bin") == home / "sub" / "other.bin"


def test_a_file_in_the_cache_needs_no_network_and_no_pooch(
    site: loopback.Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "sub").mkdir(parents=True)
    (home / "sub" / "data.bin").write_bytes(DATA)
    (home / "sub").chmod(0o500)
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert get(site).read_bytes() == DATA
    assert site.asked == []
    assert [p.name for p in (home / "sub").iterdir()] == ["data.bin"]
    (home / "sub").chmod(0o700)


def test_a_file_in_the_cache_with_another_hash_is_replaced(
    site: loopback.Site, home: Path
) -> None:
    (home / "sub").mkdir(parents=True)
    (home / "sub" / "data.bin").write_bytes(b"old")
    assert get(site).read_bytes() == DATA


def test_without_a_home_files_go_to_the_user_s_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SEQIR_HOME")
    assert downloads.home().name == "seqir"
    monkeypatch.setenv("SEQIR_HOME", "~/files")
    assert downloads.home() == Path.home() / "files"


def test_a_mirror_has_the_host_as_a_folder(
    site: loopback.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/mirror/storage.googleapis.com/tensorflow/data.bin"] = DATA
    monkeypatch.setenv("SEQIR_DOWNLOADS", f"{site.url}/mirror/")
    url = "https://storage.googleapis.com/tensorflow/data.bin"
    path = downloads.fetch(url, known_hash=SHA, subfolder="sub")
    assert path.read_bytes() == DATA
    monkeypatch.setenv("SEQIR_DOWNLOADS", "/mirror")
    with pytest.raises(ArgumentError, match="SEQIR_DOWNLOADS needs an http or https U"):
        downloads.fetch(url, known_hash=OTHER, subfolder="sub")


# What breaks off is continued.


def test_a_break_is_continued_at_once(site: loopback.Site, home: Path) -> None:
    site.breaks = [HALF, 65_536]
    assert get(site).read_bytes() == DATA
    first, second, third = (asked for _, asked in site.asked)
    assert first is None
    assert second == "bytes=131072-"
    assert third == "bytes=196608-"
    assert left(home) == {"data.bin"}


def test_a_break_is_continued_by_the_next_download(
    site: loopback.Site, home: Path
) -> None:
    site.breaks = [HALF, 0]
    with pytest.raises(LoadError, match=r"the connection broke after 131\.1 kB; the n"):
        get(site)
    assert left(home) == {"data.bin.part", "data.bin.part.json"}
    assert get(site).read_bytes() == DATA
    assert site.asked[-1] == ("/a/data.bin", "bytes=131072-")
    assert left(home) == {"data.bin"}


def broken_at(site: loopback.Site, size: int, known_hash: str | None = SHA) -> None:
    site.breaks = [size, 0]
    with pytest.raises(LoadError, match="the connection broke after"):
        get(site, known_hash)
    site.asked.clear()


def test_a_server_without_ranges_starts_over(site: loopback.Site) -> None:
    site.ranges = False
    broken_at(site, HALF)
    assert get(site).read_bytes() == DATA
    assert len(site.asked) == 1


def test_a_file_that_has_changed_starts_over(site: loopback.Site) -> None:
    broken_at(site, HALF, None)
    site.files["/a/data.bin"] = DATA[::-1]
    assert get(site, None).read_bytes() == DATA[::-1]


@pytest.mark.parametrize("size", [200_000, 50_000])
def test_a_size_that_has_changed_starts_over(site: loopback.Site, size: int) -> None:
    site.validators = False
    broken_at(site, HALF)
    site.files["/a/data.bin"] = DATA[:size]
    known_hash = hashlib.sha256(DATA[:size]).hexdigest()
    assert get(site, known_hash).read_bytes() == DATA[:size]
    assert [asked for _, asked in site.asked] == ["bytes=131072-", None]


def test_nothing_is_continued_that_could_become_a_mixture(site: loopback.Site) -> None:
    site.validators = False
    broken_at(site, HALF, None)
    site.files["/a/data.bin"] = DATA[::-1]
    assert get(site, None).read_bytes() == DATA[::-1]
    assert site.asked == [("/a/data.bin", None)]


def test_another_address_starts_over(site: loopback.Site, home: Path) -> None:
    broken_at(site, HALF)
    note = home / "sub" / "data.bin.part.json"
    found = json.loads(note.read_text())
    assert found["size"] == len(DATA)
    note.write_text(json.dumps(found | {"url": "http://elsewhere"}))
    assert get(site).read_bytes() == DATA
    assert site.asked == [("/a/data.bin", None)]


def test_a_damaged_note_starts_over(site: loopback.Site, home: Path) -> None:
    broken_at(site, HALF)
    (home / "sub" / "data.bin.part.json").write_text("{")
    assert get(site).read_bytes() == DATA
    assert site.asked == [("/a/data.bin", None)]


def test_a_busy_server_does_not_cost_the_part(site: loopback.Site, home: Path) -> None:
    broken_at(site, HALF)
    site.statuses = [503]
    with pytest.raises(LoadError, match="the server answers 503 Service Unavailable"):
        get(site)
    assert get(site).read_bytes() == DATA
    assert site.asked[-1] == ("/a/data.bin", "bytes=131072-")


def test_an_unasked_part_is_no_file(site: loopback.Site) -> None:
    site.statuses = [206]
    with pytest.raises(LoadError, match="the server answers 206 Partial Content"):
        get(site)


# What goes wrong.


def test_another_file_is_refused_and_removed(site: loopback.Site, home: Path) -> None:
    text = rf"is not the file that it .* is sha256:{SHA}, expected sha256:{OTHER}; it"
    with pytest.raises(CorruptFileError, match=text):
        get(site, OTHER)
    assert left(home) == set()


def test_no_such_file(site: loopback.Site, home: Path) -> None:
    with pytest.raises(LoadError, match=r"cannot download .*/b: the .* 404 Not Found"):
        downloads.fetch(f"{site.url}/b", known_hash=SHA, subfolder="sub")
    assert left(home) == set()


def test_no_network(home: Path) -> None:
    with loopback.serving() as site:
        url = site.url
    with pytest.raises(LoadError, match=r"/x: no connection to 127\.0\.0\.1") as caught:
        downloads.fetch(f"{url}/x", known_hash=SHA, subfolder="sub")
    (note,) = caught.value.__notes__
    assert note == f"a file put at {home}/sub/x is used without a network"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SSLError", "example.com has no valid certificate"),
        ("ReadTimeout", "example.com does not answer"),
        ("TooManyRedirects", "cannot download .*: round in circles"),
    ],
)
def test_other_failures(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    import requests

    def fail(*_: Any, **__: Any) -> None:
        raise getattr(requests.exceptions, name)("round in circles")

    monkeypatch.setattr(requests, "get", fail)
    with pytest.raises(LoadError, match=text):
        downloads.fetch("https://example.com/x", known_hash=SHA, subfolder="sub")


def test_encryption_is_not_given_up() -> None:
    answer = SimpleNamespace(status_code=200, url="http://example.com/y")
    with pytest.raises(UnsafeFileError, match=r"x leads to http://.*/y, which is not"):
        transfer.check_answer("https://example.com/x", answer, 200)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "x", "http:///x"]
)
def test_only_http(url: str) -> None:
    with pytest.raises(ArgumentError, match="a download needs an http or https URL, g"):
        downloads.fetch(url, known_hash=None, subfolder="sub")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a\\b", "..", "a\0b"])
def test_names_have_no_folders(name: str) -> None:
    with pytest.raises(ArgumentError, match="the name of a downloaded file has no fol"):
        downloads.fetch("http://h/x", known_hash=None, subfolder="s", filename=name)


def test_a_url_without_a_name() -> None:
    with pytest.raises(ArgumentError, match="http://host/ does not end in a file name"):
        downloads.fetch("http://host/", known_hash=None, subfolder="sub")


@pytest.mark.parametrize("known", ["", "abc", f"md5:{SHA}", f"sha1:{MD5}", "g" * 64])
def test_hashes_of_another_form(known: str) -> None:
    with pytest.raises(ArgumentError, match=r"a hash is an MD5 .* or a SHA-256"):
        downloads.fetch("http://host/x", known_hash=known, subfolder="sub")


def test_too_little_space(site: loopback.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")  # pyright: ignore[reportUntypedNamedTuple]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(200_000))
    with pytest.raises(
        LoadError, match=r"data.bin needs 300\.0 kB more in .*200\.0 kB "
    ):
        get(site)


def test_a_full_disk(
    site: loopback.Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, count: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(progress.Progress, "advance", full)
    with pytest.raises(LoadError, match=r"cannot keep http.* No space left on device;"):
        get(site)
    assert "data.bin" not in left(home)


def test_a_folder_that_cannot_be_written(
    site: loopback.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQIR_HOME", str(tmp_path / "file"))
    with pytest.raises(LoadError, match=r"cannot keep http.*: Not a directory; SEQIR_"):
        get(site)


def test_without_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingPackageError, match=r'pip install "seqir\[keras\]"'):
        downloads.fetch("http://host/x", known_hash=SHA, subfolder="sub")


def test_compressed_on_the_way(site: loopback.Site) -> None:
    """A server that compresses although it was asked not to."""
    import gzip

    site.headers["Content-Encoding"] = "gzip"
    site.files["/a/data.bin"] = gzip.compress(DATA)
    assert get(site).read_bytes() == DATA


def test_without_a_size(site: loopback.Site) -> None:
    site.sized = False
    assert get(site).read_bytes() == DATA


# Several at once.

CHILD = """
import sys
import seqir
from seqir import downloads
url, known_hash = sys.argv[1:]
print(downloads.fetch(url, known_hash=known_hash, subfolder="sub"))
"""


def test_processes_at_once_download_once(site: loopback.Site, home: Path) -> None:
    command = [sys.executable, "-c", CHILD, f"{site.url}/a/data.bin", SHA]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    told = {child.communicate()[0].decode().strip() for child in children}
    assert [child.returncode for child in children] == [0, 0, 0]
    assert told == {str(home / "sub" / "data.bin")}
    assert (home / "sub" / "data.bin").read_bytes() == DATA
    assert len(site.asked) == 1


# What is seen of it.


def test_a_line_where_no_one_watches(
    site: loopback.Site, capsys: pytest.CaptureFixture[str]
) -> None:
    get(site)
    out, err = capsys.readouterr()
    assert out == ""
    assert "data.bin: 300.0 kB in " in err.splitlines()[-1]


def test_a_bar_on_a_terminal(
    site: loopback.Site,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    site.breaks = [HALF]
    get(site)
    shown = capsys.readouterr().err
    assert "300.0/300.0 kB" in shown
    assert "ETA" in shown


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (17, "17 bytes"),
        (4422, "4.4 kB"),
        (999_960, "1.0 MB"),
        (528_000_000, "528.0 MB"),
    ],
)
def test_amounts(size: int, text: str) -> None:
    assert numerals.amount(size) == text


# Keras's function.


def test_get_file(site: loopback.Site, home: Path, tmp_path: Path) -> None:
    url = f"{site.url}/a/data.bin"
    path = downloads.get_file(origin=url, file_hash=SHA)
    assert path == str(home / "datasets" / "data.bin")
    assert Path(path).read_bytes() == DATA
    named = downloads.get_file("x", url, md5_hash=MD5, cache_dir=tmp_path / "c")
    assert named == str(tmp_path / "c" / "datasets" / "x")
    assert downloads.get_file("x", url, file_hash=MD5, hash_algorithm="md5")
    absolute = downloads.get_file(origin=url, cache_subdir=str(tmp_path / "d"))
    assert absolute == str(tmp_path / "d" / "data.bin")


def test_get_file_anew(site: loopback.Site) -> None:
    url = f"{site.url}/a/data.bin"
    downloads.get_file(origin=url)
    site.files["/a/data.bin"] = b"new"
    assert Path(downloads.get_file(origin=url)).read_bytes() == DATA
    path = downloads.get_file(origin=url, force_download=True)
    assert Path(path).read_bytes() == b"new"


def test_get_file_has_keras_s_arguments() -> None:
    import inspect

    import keras

    def arguments(function: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters]

    assert arguments(downloads.get_file) == arguments(keras.utils.get_file)


@pytest.mark.parametrize("option", ["extract", "untar"])
def test_get_file_does_not_unpack(option: str) -> None:
    with pytest.raises(UnsupportedError, match="get_file does not unpack archives, si"):
        downloads.get_file(origin="http://host/x.tar", **{option: True})


def test_get_file_with_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match="get_file needs origin, the URL"):
        downloads.get_file("x")
    with pytest.raises(ArgumentError, match="hash_algorithm must be 'auto', 'md5' or"):
        downloads.get_file("x", "http://host/x", hash_algorithm="sha1")
    with pytest.raises(ArgumentError, match=r"folders in it, got '\.\./x'"):
        downloads.get_file("../x", "http://host/x")


def test_the_cache_is_looked_at_again_under_the_lock(
    site: loopback.Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process has downloaded meanwhile is not downloaded again."""
    looked = iter([False])
    real = cache._is_there
    monkeypatch.setattr(cache, "_is_there", lambda *a: next(looked, None) and real(*a))
    (home / "sub").mkdir(parents=True)
    (home / "sub" / "data.bin").write_bytes(DATA)
    assert get(site).read_bytes() == DATA
    assert site.asked == []


def test_get_file_is_in_utils() -> None:
    assert seqir.utils.get_file is downloads.get_file
