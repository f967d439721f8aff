"""ONNX Runtime, whose classes are made in C++ and say nothing of types."""

from typing import Any

def __getattr__(name: str) -> Any: ...
