"""OpenCV, as far as it is used."""

from typing import Any

dnn: Any
