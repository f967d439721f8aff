"""tract, as far as it is used."""

from typing import Any

class TractError(Exception): ...

class Onnx:
    def load(self, path: str) -> Any: ...

def onnx() -> Onnx: ...
