"""One file over HTTP, continued where it broke off."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from seqir.downloads.hashes import hash_of
from seqir.downloads.progress import Progress
from seqir.errors import CorruptFileError, LoadError, UnsafeFileError
from seqir.numerals import amount

TIMEOUT: Final = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""
CHUNK: Final = 1 << 16


@dataclass(frozen=True)
class Origin:
    """What a part belongs to: it is continued only if all of this is still so.

    Attributes:
        url: where it comes from.
        validator: the server's name for this version of the file, if it has one.
        size: bytes of the whole file, if the server says.
    """

    url: str
    validator: str | None
    size: int | None


class Transfer:
    """A downloader for pooch that writes to ``<name>.part`` and takes it up again.

    A part stays when the connection breaks, and is continued at once if bytes came
    since the last break, else by the next download. It starts over if the server
    cannot continue or has another file by now.

    Source: RFC 9110, sections 13.1.5 (If-Range) and 14 (ranges).
    """

    def __init__(self, path: Path, known_hash: str | None) -> None:
        self.part = path.with_name(f"{path.name}.part")
        self.note = path.with_name(f"{path.name}.part.json")
        self.path = path
        self.known_hash = known_hash

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Download to `output_file`.

        Raises: LoadError, CorruptFileError or UnsafeFileError; OSError of the disk.
        """
        import requests

        with Progress(self.path.name) as progress:
            while True:
                begun = self._size()
                try:
                    self._receive(url, progress)
                    break
                except requests.RequestException as error:
                    if self._size() <= begun:
                        raise self._failure(url, error) from error
        self._check(url)
        self.note.unlink(missing_ok=True)
        os.replace(self.part, output_file)

    def _receive(self, url: str, progress: Progress) -> None:
        """Ask for what is missing and append it."""
        import requests

        begun = self._size()
        before = self._origin() if begun else None
        headers = {"Accept-Encoding": "identity"}  # ranges count the bytes as stored
        if before is not None and before.url == url and self._continuable(before):
            headers["Range"] = f"bytes={begun}-"
            if before.validator is not None:
                headers["If-Range"] = before.validator
        asked = "Range" in headers
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            continued = asked and answer.status_code == 206
            fits = origin_of(url, answer) == before and _first_byte(answer) == begun
            if asked and (answer.status_code == 416 or (continued and not fits)):
                self._forget()
                return self._receive(url, progress)
            check_answer(url, answer, 206 if continued else 200)
            origin = origin_of(url, answer)
            self._check_space(origin, begun if continued else 0)
            if not continued:
                self._forget()
                self.note.write_text(json.dumps(asdict(origin)))
            progress.start(origin.size, begun if continued else 0)
            answer.raw.enforce_content_length = True  # a short answer is a broken one
            with self.part.open("ab") as file:
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
                    progress.advance(len(chunk))

    def _continuable(self, origin: Origin) -> bool:
        """Whether two halves of different files would be noticed."""
        return origin.validator is not None or self.known_hash is not None

    def _origin(self) -> Origin | None:
        try:
            return Origin(**json.loads(self.note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _check(self, url: str) -> None:
        """Refuse a whole file that is not the known one."""
        if self.known_hash is None:
            return
        found = hash_of(self.part, self.known_hash.partition(":")[0])
        if found != self.known_hash:
            self._forget()
            raise CorruptFileError(
                f"{url} is not the file that it should be: its hash is {found}, "
                f"expected {self.known_hash}; it was removed"
            )

    def _check_space(self, origin: Origin, begun: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        needed = (origin.size or 0) - begun
        if needed > free:
            raise LoadError(
                f"{self.path.name} needs {amount(needed)} more in {self.part.parent}, "
                f"where {amount(free)} are free; SEQIR_HOME names another folder"
            )

    def _failure(self, url: str, error: object) -> LoadError:
        import requests

        host = urlsplit(url).hostname
        if isinstance(error, requests.exceptions.SSLError):
            why = f"{host} has no valid certificate"
        elif isinstance(error, requests.Timeout):
            why = f"{host} does not answer"
        elif isinstance(error, requests.ConnectionError):
            why = f"no connection to {host}"
        elif isinstance(error, requests.exceptions.ChunkedEncodingError):
            received = amount(self._size())
            why = f"the connection broke after {received}; the next try goes on"
        else:
            why = str(error)
        failure = LoadError(f"cannot download {url}: {why}")
        failure.add_note(f"a file put at {self.path} is used without a network")
        return failure


def origin_of(url: str, answer: Any) -> Origin:
    """What an answer of the server, whole or the rest, is of."""
    headers = answer.headers
    if "Content-Encoding" in headers:  # sizes and ranges are of other bytes
        return Origin(url, None, None)
    tag = headers.get("ETag")
    if tag is None or tag.startswith("W/"):  # a weak one is not a name of the bytes
        tag = headers.get("Last-Modified")
    if answer.status_code == 206:
        size = headers.get("Content-Range", "").rpartition("/")[2]
    else:
        size = headers.get("Content-Length", "")
    return Origin(url, tag, int(size) if size.isdecimal() else None)


def _is_encrypted(url: str) -> bool:
    return urlsplit(url).scheme == "https"


def check_answer(url: str, answer: Any, expected: int) -> None:
    """Refuse an answer that is not the file, or the rest of it.

    Raises: LoadError; UnsafeFileError if https led to http.
    """
    if answer.status_code != expected:
        raise LoadError(
            f"cannot download {url}: the server answers "
            f"{answer.status_code} {answer.reason}"
        )
    if _is_encrypted(url) and not _is_encrypted(answer.url):
        raise UnsafeFileError(f"{url} leads to {answer.url}, which is not encrypted")


def _first_byte(answer: Any) -> int | None:
    """Where a partial answer begins."""
    first = answer.headers.get("Content-Range", "").removeprefix("bytes ")
    digits = first.partition("-")[0]
    return int(digits) if digits.isdecimal() else None
