"""Whether an execution provider really runs something."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator
from types import ModuleType
from typing import Final, TypeAlias

import numpy as np

from seqir.runtime import engine
from seqir.runtime.refusal import clean
from seqir.wire import integer, message, text

Providers: TypeAlias = list[str | tuple[str, dict[str, str]]]
"""What InferenceSession takes: names, or names with options, the first preferred."""


def probe(kind: str, provider: str, providers: Providers) -> str | None:
    """Run one node with these providers: None if the first did it, else the reason."""
    ort = engine.load()
    if provider not in ort.get_available_providers():
        return f"the installed onnxruntime was built without {provider}"
    with _quiet(ort) as said:
        try:
            if kind in ("cuda", "tensorrt") and hasattr(ort, "preload_dlls"):
                ort.preload_dlls()
            options = ort.SessionOptions()
            options.log_severity_level = 4
            session = ort.InferenceSession(
                PROBE, options, providers=providers, enable_fallback=0
            )
            got = session.get_providers()[0]
            if got == provider:
                one = np.ones((1, 1), np.float32)
                (two,) = session.run(["y"], {"x": one})
                return None if two[0, 0] == 2 else "it computed 1 + 1 wrongly"
        except Exception as error:
            return clean(error)
    lines = [line for line in said.getvalue().splitlines() if "Failed" in line]
    why = f" ({lines[0]})" if lines else ""
    return f"onnxruntime could not start {provider} and took {got}{why}"


@contextlib.contextmanager
def _quiet(ort: ModuleType) -> Generator[io.StringIO, None, None]:
    """Keep what onnxruntime prints and logs while a probe may fail."""
    said = io.StringIO()
    ort.set_default_logger_severity(4)
    try:
        with contextlib.redirect_stdout(said):
            yield said
    finally:
        # There is no way to ask for the old level; 2 is the one it starts with.
        ort.set_default_logger_severity(2)


def _probe_model() -> bytes:
    """A serialized ONNX model: y = x + x for one float32 of shape (1, 1)."""
    one = message(1, integer(1, 1))
    tensor = message(1, integer(1, 1) + message(2, one + one))
    node = text(1, "x") + text(1, "x") + text(2, "y") + text(4, "Add")
    graph = (
        message(1, node)
        + text(2, "probe")
        + message(11, text(1, "x") + message(2, tensor))
        + message(12, text(1, "y") + message(2, tensor))
    )
    return integer(1, 8) + message(7, graph) + message(8, integer(2, 13))


PROBE: Final = _probe_model()
"""What a probe runs; made by hand since nothing here may import onnx."""
