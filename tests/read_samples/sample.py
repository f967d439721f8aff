"""One node of an ONNX file, and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqir.ir import Array

_RNG = np.random.default_rng(7)


@dataclass
class ReadSample:
    """A node; `constants` are the places of operands that are in the file."""

    kind: str
    inputs: Sequence[Array | None]
    given: dict[str, Any]
    constants: Sequence[int]
    wanted: Sequence[bool]
    domain: str
    opset: int
    smooth: bool
    static: bool
    """Whether it is read with known sizes only."""

    def __str__(self) -> str:
        given = "-".join(f"{name}={value}" for name, value in self.given.items())
        return f"{self.kind}-{given}" if given else self.kind


def node(
    kind: str,
    *inputs: Any,
    constants: Sequence[int] = (),
    wanted: Sequence[bool] = (True,),
    domain: str = "",
    opset: int = 21,
    smooth: bool = False,
    static: bool = False,
    **given: Any,
) -> ReadSample:
    """A sample; lists of sizes become random numbers, lists in constants themselves."""
    arrays = [
        numbers(*x) if isinstance(x, list) else None if x is None else np.asarray(x)
        for x in inputs
    ]
    return ReadSample(
        kind, arrays, given, constants, wanted, domain, opset, smooth, static
    )


def numbers(*shape: int) -> Array:
    """Random numbers of no pattern."""
    return _RNG.normal(size=shape).astype(np.float32)


def integers(*values: Any, dtype: str = "int64") -> Array:
    return np.array(values, dtype)
