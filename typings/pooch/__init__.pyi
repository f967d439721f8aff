"""What seqir keeps downloads with."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

class Pooch:
    def fetch(self, fname: str, *, downloader: Callable[..., object]) -> str: ...

def os_cache(project: str) -> Path: ...
def create(
    path: str | PathLike[str],
    base_url: str,
    *,
    registry: Mapping[str, str | None] | None = None,
    urls: Mapping[str, str] | None = None,
) -> Pooch: ...
