"""Where the files of datasets are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seqir import downloads

STORE: Final = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"


@dataclass(frozen=True)
class Remote:
    """A file, its hash, and the folder of `seqir.downloads.home` that it is kept in."""

    url: str
    known_hash: str
    folder: str = "datasets"

    def fetch(self, name: str | None = None) -> Path:
        """The file, under its own or another name; see `seqir.downloads.fetch`."""
        return downloads.fetch(
            self.url, known_hash=self.known_hash, subfolder=self.folder, filename=name
        )
