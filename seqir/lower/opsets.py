"""Which opsets and IR versions a file can have."""

from __future__ import annotations

from typing import Final

from seqir.errors import ArgumentError

LOWEST: Final = 17
"""First opset with ``LayerNormalization``; runs on everything since 2022."""

_IR_VERSION: Final = {
    17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13, 26: 13,
    27: 13, 28: 14,
}  # fmt: skip


def newest() -> int:
    """The newest opset that the installed onnx and seqir both know."""
    import onnx

    return min(onnx.defs.onnx_opset_version(), max(_IR_VERSION))


def resolve(opset: int | None) -> int:
    """The opset asked for, or the lowest.

    Raises: ArgumentError if the installed onnx does not have it.
    """
    if opset is None:
        return LOWEST
    known = isinstance(opset, int) and (opset == LOWEST or LOWEST < opset <= newest())
    if not known:  # the lowest one is, without the onnx package
        raise ArgumentError(f"opset must be from {LOWEST} to {newest()}, got {opset!r}")
    return opset


def ir_version(opset: int) -> int:
    """The smallest IR version that a file of this opset may have."""
    return _IR_VERSION[opset]
