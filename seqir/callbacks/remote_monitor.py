"""Values of the epochs, sent to a server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqir.callbacks.base import Callback
from seqir.errors import ArgumentError

PATIENCE = 10.0
"""Seconds to wait for the server."""


class RemoteMonitor(Callback):
    """Sends the values of each epoch by HTTP POST; a server that is away is a warning.

    Args:
        root: address of the server.
        path: what is appended to it.
        field: name of the form field that holds the values as JSON.
        headers: HTTP headers.
        send_as_json: whether the body is the JSON itself, instead of a form.

    Raises: ArgumentError unless `root` is an HTTP address.
    Source: Keras 3 ``keras.callbacks.RemoteMonitor``.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        if not root.startswith(("http://", "https://")):
            raise ArgumentError(f"root must be an http(s) address, got {root!r}")
        self.url = root + path
        self.field = field
        self.headers = dict(headers or {})
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Send the values."""
        from urllib import parse, request

        values = {name: np.asarray(v).tolist() for name, v in (logs or {}).items()}
        body = json.dumps({"epoch": epoch, **values})
        headers = dict(self.headers)
        if self.send_as_json:
            headers["Content-Type"] = "application/json"
        else:
            body = parse.urlencode({self.field: body})
        message = request.Request(self.url, body.encode(), headers)
        try:
            request.urlopen(message, timeout=PATIENCE).close()
        except OSError as error:
            warnings.warn(f"{self.url} cannot be reached: {error}", stacklevel=2)
