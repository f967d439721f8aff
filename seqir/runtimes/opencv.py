"""The dnn module of OpenCV, on the processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
NPM: Final = ""
ALSO: Final[tuple[str, ...]] = ()
NEEDS: Final = frozenset({"static"})
NUMPY_2_SINCE: Final = (4, 10)


def unsupported(model: str) -> list[str]:
    """It says so when it loads the file."""
    return []


def load(model: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run."""
    import cv2  # pyright: ignore[reportMissingModuleSource]

    net = cv2.dnn.readNetFromONNX(model)

    def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
        for name, x in feeds.items():
            net.setInput(np.asarray(x, order="C"), name)
        names = list(net.getUnconnectedOutLayersNames())
        return dict(zip(names, map(np.array, net.forward(names)), strict=True))

    return run
