"""Keras's function for downloads."""

from __future__ import annotations

import os
from pathlib import Path

from seqir.arguments import one_of
from seqir.downloads.cache import check_name, download, home, name_of
from seqir.errors import ArgumentError, UnsupportedError


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: object = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is downloaded unless it was before.

    It lies in ``cache_dir/cache_subdir``; `cache_dir` is `seqir.downloads.home` if it
    is not given. Archives are not unpacked: what lies in one may point anywhere.

    Raises: UnsupportedError for `extract` and `untar`; what `seqir.downloads.fetch`
        raises.
    Source: ``keras.utils.get_file``.
    """
    if extract or untar:
        raise UnsupportedError(
            "get_file does not unpack archives, since one can write files outside of "
            "its folder: download it without extract and untar, and read what you "
            "need with tarfile or zipfile"
        )
    if origin is None:
        raise ArgumentError("get_file needs origin, the URL of the file")
    one_of("hash_algorithm", hash_algorithm, ("auto", "md5", "sha256"))
    if file_hash is None and md5_hash is not None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if file_hash is not None and hash_algorithm != "auto":
        file_hash = f"{hash_algorithm}:{file_hash}"
    name = os.fspath(fname) if fname else name_of(origin)
    check_name(name)
    folder = home() if cache_dir is None else Path(cache_dir).expanduser()
    path = folder / cache_subdir / name
    download(origin, path, file_hash, force_download)
    return str(path)
