"""Reading back what was written."""

from __future__ import annotations

from pathlib import Path

from seqir.ir import Array


def read_weights(path: Path) -> tuple[int, dict[str, Array]]:
    """The opset of a model file, and its initializers by name."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)  # pyright: ignore[reportUnknownMemberType] # a bare PathLike
    (opset,) = (entry.version for entry in model.opset_import if not entry.domain)
    tensors = model.graph.initializer
    return opset, {t.name: numpy_helper.to_array(t) for t in tensors}
