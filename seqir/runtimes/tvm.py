"""TVM, compiled for the processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("apache-tvm",)
NPM: Final = ""
ALSO: Final = ("onnx",)
NEEDS: Final = frozenset({"static"})
NUMPY_2_SINCE: Final = (0,)


def unsupported(model: str) -> list[str]:
    """It says so when it reads the file."""
    return []


def load(model: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, compiled."""
    import onnx
    import tvm  # pyright: ignore[reportMissingModuleSource]
    from tvm import relax  # pyright: ignore[reportMissingModuleSource]
    from tvm.relax.frontend.onnx import (  # pyright: ignore[reportMissingModuleSource]
        from_onnx,
    )

    proto = onnx.load(model)  # pyright: ignore[reportUnknownMemberType] # a bare PathLike
    stored = {tensor.name for tensor in proto.graph.initializer}
    inputs = [each.name for each in proto.graph.input if each.name not in stored]
    outputs = [each.name for each in proto.graph.output]
    compiled = tvm.compile(from_onnx(proto), "llvm")
    machine = relax.VirtualMachine(compiled, tvm.cpu())

    def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
        given = [tvm.runtime.tensor(np.asarray(feeds[name])) for name in inputs]
        found = machine["main"](*given)
        several = [found] if hasattr(found, "numpy") else list(found)
        arrays = [each.numpy() for each in several]
        return dict(zip(outputs, arrays, strict=True))

    return run
