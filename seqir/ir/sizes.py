"""The sizes of a run: wrong for an operator, though the graph could not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir.graph import Graph, Node
from seqir.ir.rules import Array


class SizeCheck:
    """Looks whether a graph can be run with arrays of these shapes.

    Operators with `Op.needs_room` are asked for their result types once more, with
    numbers in the place of names; sizes that `Op.must_equal` names are compared.
    """

    def __init__(self, graph: Graph) -> None:
        self.inputs = {name: v.type.shape for name, v in graph.inputs.items()}
        self.nodes = [node for node in _inside(graph) if _depends(node)]
        self._passed: dict[str, int] = {}

    def __call__(self, feeds: Mapping[str, Array]) -> None:
        """Raises: ShapeError naming the layer that would get too little or too much."""
        if not self.nodes:
            return
        sizes = {
            name: size
            for key, shape in self.inputs.items()
            if key in feeds and feeds[key].ndim == len(shape)
            for name, size in zip(shape, feeds[key].shape, strict=True)
            if isinstance(name, str)
        }
        if sizes == self._passed:
            return
        for node in self.nodes:
            _check(node, sizes)
        self._passed = sizes


def _inside(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph, and of the bodies in it."""
    for node in graph.nodes:
        yield node
        for body in node.op.bodies:
            yield from _inside(body)


def _depends(node: Node) -> bool:
    """Whether what a node needs is known to the run only."""
    return bool(unsure_sizes(node) or _unsure_whether_zero(node)) or (
        node.op.needs_room
        and any(isinstance(d, str) for d in node.operands[0].type.shape[1:])
    )


def unsure_sizes(node: Node) -> list[tuple[shapes.Dim, shapes.Dim]]:
    """Sizes that a node needs to be equal and that have different names."""
    pairs = node.op.must_equal(*(v.type for v in node.operands))
    return [(a, b) for a, b in pairs if a != b]


def _unsure_whether_zero(node: Node) -> list[str]:
    """Sizes that must not be 0 and that the run knows."""
    sizes = node.op.never_zero(*(v.type for v in node.operands))
    return [d for d in sizes if isinstance(d, str)]


def _check(node: Node, sizes: Mapping[str, int]) -> None:
    label = f"layer {node.source!r}" if node.source else f"{node.op}"
    if node.op.needs_room:
        _check_room(node, label, sizes)
    for d in _unsure_whether_zero(node):
        if shapes.symbols(d) <= sizes.keys() and not shapes.evaluate(d, sizes):
            raise ShapeError(
                f"inputs of these sizes do not fit {label}: {node.op} goes along "
                f"{d}, which is 0; give at least one step"
            )
    for pair in unsure_sizes(node):
        if all(shapes.symbols(d) <= sizes.keys() for d in pair):
            a, b = (shapes.evaluate(d, sizes) for d in pair)
            if a != b:
                if pair[0] != node.operands[0].type.size:
                    raise ShapeError(
                        f"inputs of these sizes do not fit {label}: {node.op} needs "
                        f"{pair[0]} and {pair[1]} to be equal, which are {a} and {b}"
                    )
                _refuse_held(node, label, sizes, (a, b))
                raise ShapeError(
                    f"inputs of these sizes do not fit {label}: {node.op} of "
                    f"{node.operands[0].type} makes {b} elements of {a}; give sizes "
                    "that make the numbers equal"
                )


def _refuse_held(
    node: Node, label: str, sizes: Mapping[str, int], numbers: tuple[int, int]
) -> None:
    """ShapeError if what has too many numbers has them whatever the inputs are."""
    held, wanted = node.operands[0].type.shape, node.result.type.shape
    if any(isinstance(d, str) for d in held):
        return
    if all(shapes.symbols(d) <= sizes.keys() for d in wanted):
        found = tuple(shapes.evaluate(d, sizes) for d in wanted)
        if (shapes.volume(held), shapes.volume(found)) != numbers:
            return
        raise ShapeError(
            f"inputs of these sizes do not fit {label}: it holds values of shape "
            f"{shapes.format_shape(held)}, and these inputs need "
            f"{shapes.format_shape(found)}; give batches of the size that it was built "
            "for, as stateful layers need, or build it for these"
        )


def _check_room(node: Node, label: str, sizes: Mapping[str, int]) -> None:
    shape = node.operands[0].type.shape
    if not all(shapes.symbols(d) <= sizes.keys() for d in shape):
        return
    found = tuple(shapes.evaluate(d, sizes) for d in shape)
    first = node.operands[0].type.with_shape(found)
    try:
        node.op.infer(first, *(v.type for v in node.operands[1:]))
    except ShapeError as error:
        raise ShapeError(
            f"inputs of these sizes do not fit {label}: {error}; give others, or "
            "pad them"
        ) from error
