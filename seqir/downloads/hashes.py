"""Hashes of files, as publishers give them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from seqir.errors import ArgumentError

_LENGTHS: Final = {32: "md5", 64: "sha256"}


def parse_hash(known_hash: str | None) -> str | None:
    """``algorithm:hexadecimal``, the algorithm told by the length if it is not given.

    Raises: ArgumentError if it is neither MD5 nor SHA-256.
    """
    if known_hash is None:
        return None
    algorithm, _, digits = known_hash.lower().rpartition(":")
    found = _LENGTHS.get(len(digits))
    hexadecimal = set(digits) <= set("0123456789abcdef")
    if found is None or not hexadecimal or algorithm not in ("", found):
        raise ArgumentError(
            "a hash is an MD5 (32 digits) or a SHA-256 (64 digits) in hexadecimal, "
            f"got {known_hash!r}"
        )
    return f"{found}:{digits}"


def hash_of(path: Path, algorithm: str) -> str:
    """The hash of a file, as ``algorithm:hexadecimal``."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        )
    return f"{algorithm}:{digest.hexdigest()}"
