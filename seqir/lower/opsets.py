"""Which opsets and IR versions a file can have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from seqir.errors import ArgumentError, ExportError
from seqir.ir import Graph, Node
from seqir.narrow import is_a

LOWEST: Final = 17
"""First opset with ``LayerNormalization``; runs on everything since 2022."""

DOMAINS: Final = {"ai.onnx.ml": 2}
"""Versions of the other parts of ONNX that files use."""

_IR_VERSION: Final = {
    17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13, 26: 13,
    27: 13, 28: 14,
}  # fmt: skip


def newest() -> int:
    """The newest opset that the installed onnx and seqir both know."""
    import onnx

    return min(onnx.defs.onnx_opset_version(), max(_IR_VERSION))


def resolve(opset: int | None, graph: Graph | None = None) -> int:
    """The opset asked for, or the lowest that has what the graph is written with.

    Raises: ArgumentError if the installed onnx does not have it, or it lacks that.
    """
    ops = [node.op for node in walk(graph)] if graph else []
    needs = max(ops, key=lambda op: op.least_opset, default=None)
    least = LOWEST if needs is None else max(LOWEST, needs.least_opset)
    if opset is None:
        return least
    known = is_a(opset, int) and (opset == LOWEST or LOWEST < opset <= newest())
    if not known:  # the lowest one is, without the onnx package
        raise ArgumentError(f"opset must be from {LOWEST} to {newest()}, got {opset!r}")
    if opset < least and needs is not None:
        raise ArgumentError(
            f"opset {opset} has no operators for {needs.called}: use opset={least} or "
            "a newer one"
        )
    return opset


def check_same_form(kind: str, written: int, wanted: int) -> None:
    """ExportError where an ONNX operator has other parameters in another opset.

    A node that is kept as a file had it cannot follow.
    """
    import onnx

    if not onnx.defs.has(kind, ""):
        return
    old, new = (onnx.defs.get_schema(kind, v, "") for v in (written, wanted))
    if old.since_version == new.since_version:
        return
    forms = [
        ([p.name for p in s.inputs], [p.name for p in s.outputs], sorted(s.attributes))
        for s in (old, new)
    ]
    if forms[0] != forms[1]:
        raise ExportError(
            f"a node {kind} stays as its file had it, in opset {written}, and opset "
            f"{wanted} has another form of it: leave opset= out, or use opset={written}"
        )


def walk(graph: Graph) -> Iterator[Node]:
    """All nodes, those of bodies too."""
    for node in graph.nodes:
        yield node
        for body in node.op.bodies:
            yield from walk(body)


def ir_version(opset: int) -> int:
    """The smallest IR version that a file of this opset may have."""
    return _IR_VERSION[opset]
