"""Where downloaded files are kept, and how a file gets there."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import urlsplit

from seqir.downloads.hashes import hash_of, parse_hash
from seqir.downloads.transfer import Transfer
from seqir.errors import ArgumentError, LoadError, MissingPackageError

HOME: Final = "SEQIR_HOME"
"""The environment variable that says where downloads are kept."""
MIRROR: Final = "SEQIR_DOWNLOADS"
"""The environment variable that says where they are taken from instead."""


def fetch(
    url: str, *, known_hash: str | None, subfolder: str, filename: str | None = None
) -> Path:
    """The file at a URL, from the cache or, the first time, from the network.

    It lies in ``home() / subfolder``. `known_hash` is an MD5 or SHA-256 in
    hexadecimal, with ``md5:`` or ``sha256:`` before it or not; a file in the cache
    that does not have it is replaced. With None nothing is known about the file and
    nothing can be checked: only where no one publishes a hash.

    With the environment variable ``SEQIR_DOWNLOADS=https://mirror/keras``,
    ``https://host/path`` is taken from ``https://mirror/keras/host/path``.

    Raises: ArgumentError for a URL that is not http or https, a hash of another form
        or a name with folders in it; LoadError if the file cannot be had or kept;
        CorruptFileError if it is another one; MissingPackageError without pooch.
    """
    name = filename or name_of(url)
    check_name(name)
    path = home() / subfolder / name
    download(url, path, known_hash)
    return path


def home() -> Path:
    """The folder of all downloads: ``$SEQIR_HOME``, or the user's cache folder.

    Raises: MissingPackageError without pooch, unless SEQIR_HOME is set.
    """
    if given := os.environ.get(HOME):
        return Path(given).expanduser()
    return Path(_pooch().os_cache("seqir"))


def download(url: str, path: Path, known_hash: str | None, force: bool = False) -> None:
    """Fetch a URL into a path; `force` removes what is there before.

    Raises: what `fetch` raises.
    """
    _check_url(url)
    known = parse_hash(known_hash)
    if not force and _is_there(path, known):
        return
    pooch = _pooch()
    source = mirrored(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_name(f".{path.name}.lock")):
            if force:
                path.unlink(missing_ok=True)
            folder = pooch.create(
                path=path.parent,
                base_url="",
                registry={path.name: known},
                urls={path.name: source},
            )
            # Another process may have been faster: then this only looks.
            folder.fetch(path.name, downloader=Transfer(path, known))
    except OSError as error:
        reason = error.strerror or str(error)
        raise LoadError(
            f"cannot keep {url} at {path}: {reason}; {HOME} names another folder"
        ) from error


def mirrored(url: str) -> str:
    """Where the file is taken from: the host becomes a folder of the mirror.

    Raises: ArgumentError if SEQIR_DOWNLOADS is not an http or https URL.
    """
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return url
    _check_url(mirror, MIRROR)
    return f"{mirror.rstrip('/')}/{url.split('://', 1)[1]}"


def name_of(url: str) -> str:
    """The file name at the end of a URL.

    Raises: ArgumentError if there is none.
    """
    name = urlsplit(url).path.rpartition("/")[2]
    if not name:
        raise ArgumentError(f"{url} does not end in a file name: give one")
    return name


def check_name(name: str) -> None:
    """Refuse what is not the name of a file in a folder.

    Raises: ArgumentError.
    """
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise ArgumentError(
            f"the name of a downloaded file has no folders in it, got {name!r}"
        )


def _check_url(url: str, what: str = "a download") -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ArgumentError(f"{what} needs an http or https URL, got {url!r}")


def _is_there(path: Path, known: str | None) -> bool:
    if not path.is_file():
        return False
    return known is None or hash_of(path, known.partition(":")[0]) == known


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Wait until no other process is in such a block for this path."""
    with path.open("w") as handle:
        try:
            import fcntl
        except ImportError:  # not there on Windows, where an open part is not renamed
            pass
        else:
            fcntl.flock(handle, fcntl.LOCK_EX)  # the system lets go when it is closed
        yield


def _pooch() -> ModuleType:
    try:
        import pooch
    except ImportError as error:
        raise MissingPackageError(
            "downloading needs pooch, which is not installed: "
            'pip install "seqir[keras]"'
        ) from error
    return pooch
