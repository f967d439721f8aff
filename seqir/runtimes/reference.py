"""The reference evaluator of the onnx package: every operator in NumPy, slowly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

DISTRIBUTIONS: Final = ("onnx",)
NPM: Final = ""
ALSO: Final[tuple[str, ...]] = ()
NEEDS: Final = frozenset[str]()
NUMPY_2_SINCE: Final = (0,)


def unsupported(model: str) -> list[str]:
    """It says so when it loads the file."""
    return []


def load(model: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run."""
    from onnx.reference import ReferenceEvaluator

    evaluator: Any = ReferenceEvaluator(model)
    names: list[str] = evaluator.output_names
    return lambda feeds: dict(zip(names, evaluator.run(None, feeds), strict=True))
