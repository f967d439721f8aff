"""TVM's reader of ONNX."""

from typing import Any

def from_onnx(model: Any) -> Any: ...
