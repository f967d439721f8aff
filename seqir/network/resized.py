"""Graphs for inputs of other sizes: unknown ones fixed or renamed, known ones freed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from seqir import naming, shapes
from seqir.arguments import is_integer
from seqir.errors import ArgumentError, DTypeError, ShapeError, did_you_mean
from seqir.ir import Builder, Graph, Node, Op, Value
from seqir.ir.sizes import unsure_sizes
from seqir.narrow import is_sequence
from seqir.operators.foreign import Whole
from seqir.operators.movement import Reshape
from seqir.operators.sizes import Sizes

Size = int | str
"""A number, or the name of a size that is not known."""


def with_dims(graph: Graph, dims: Mapping[str, Size | Sequence[Size]]) -> Graph:
    """The graph for inputs of other sizes.

    `dims` has what unknown sizes are, by their names, and whole shapes, by the names of
    inputs. Where a size that was a number gets a name, reshapes that hold the number
    follow.

    Raises: ArgumentError for names that are neither, ShapeError where a node cannot
        take the sizes.
    """
    known = dict.fromkeys(
        name
        for value in graph.inputs.values()
        for dim in value.type.shape
        for name in shapes.symbols(dim)
    )
    names: dict[str, shapes.Dim] = {}
    wanted: dict[str, shapes.Shape] = {}
    for name, size in dims.items():
        if is_sequence(size) and name in graph.inputs:
            wanted[name] = _shape(name, size, graph.inputs[name])
        elif not is_sequence(size) and name in known:
            names[name] = _size(name, size)
        else:
            every = [*known, *graph.inputs]
            raise ArgumentError(
                f"dims={name!r} is no unknown size of the inputs, which takes a size, "
                f"and no input, which takes a shape.{did_you_mean(name, every)} There "
                f"are: {', '.join(every)}"
            )
    found = _resized(graph, names, wanted)
    for name in wanted:
        _check(graph, found, name)
    return found


def with_names(graph: Graph) -> Graph:
    """The graph with a name for each size of an input that is computed of others."""
    names: dict[shapes.Dim, str] = {}
    dims = {d for v in graph.values() for d in v.type.shape}
    taken = {name for d in dims for name in shapes.symbols(d)}
    wanted: dict[str, shapes.Shape] = {}
    for name, value in graph.inputs.items():
        for axis, dim in enumerate(value.type.shape):
            if isinstance(dim, str) and not dim.isidentifier() and dim not in names:
                names[dim] = naming.free(f"size_{axis}", {*taken, *names.values()})
        shape = tuple(names.get(d, d) for d in value.type.shape)
        if shape != value.type.shape:
            wanted[name] = shape
    return _resized(graph, {}, wanted) if wanted else graph


def _resized(
    graph: Graph, names: Mapping[str, shapes.Dim], wanted: Mapping[str, shapes.Shape]
) -> Graph:
    """The graph with sizes renamed, and with these shapes of inputs."""
    b = Builder.like(graph)
    b.inputs.clear()
    new: dict[Value, Value] = {}
    for name, value in graph.inputs.items():
        shape = tuple(shapes.rename(d, names) for d in value.type.shape)
        new[value] = b.input(name, value.type.with_shape(wanted.get(name, shape)))
    for node in graph.nodes:
        b.path = node.source
        operands = tuple([new.get(v, v) for v in node.operands])
        op = _followed(_renamed(node.op, names), node, operands)
        try:
            results = b.repeat(Node(op, node.operands, node.results), operands)
        except (ShapeError, DTypeError) as error:
            raise ShapeError(
                f"node {node.source!r} ({op.called}) cannot take these sizes: {error}"
            ) from error
        new.update(zip(node.results, results, strict=True))
    return b.finish({name: new.get(v, v) for name, v in graph.outputs.items()})


def _size(name: str, size: object) -> Size:
    if isinstance(size, str):
        shapes.check_symbol(size)
        return size
    if is_integer(size) and int(size) >= 0:
        return int(size)
    raise ArgumentError(
        f"dims[{name!r}] must be an integer >= 0 or the name of an unknown size, got "
        f"{size!r}"
    )


def _shape(name: str, sizes: Sequence[object], value: Value) -> shapes.Shape:
    if len(sizes) != value.type.rank:
        raise ArgumentError(
            f"dims[{name!r}] must have {value.type.rank} sizes, as the input is "
            f"{value.type}, got {tuple(sizes)}"
        )
    return tuple(_size(name, size) for size in sizes)


def _renamed(op: Op, names: Mapping[str, shapes.Dim]) -> Op:
    """The operator with the sizes that it holds renamed."""
    if not names or isinstance(op, Sizes):  # these have names of their own
        return op
    changes: dict[str, Any] = {}
    held: Any = op  # operators are dataclasses
    for each in fields(held):
        value = getattr(op, each.name)
        if each.type == "shapes.Dim":
            changes[each.name] = shapes.rename(value, names)
        elif each.type == "shapes.Shape":
            changes[each.name] = tuple(shapes.rename(d, names) for d in value)
    found: Op = replace(held, **changes) if changes else op
    return found


def _followed(op: Op, node: Node, operands: Sequence[Value]) -> Op:
    """The operator for operands of other sizes, where it holds the old ones."""
    if [v.type for v in operands] == [v.type for v in node.operands]:
        return op
    if isinstance(op, Whole) and len(op.meaning.inputs) == len(operands):
        pairs = zip(op.meaning.inputs, operands, strict=True)
        meaning = _resized(op.meaning, {}, {n: v.type.shape for n, v in pairs})
        types = tuple(v.type for v in meaning.outputs.values())
        taken = tuple(v.type for v in operands)
        return replace(op, meaning=meaning, taken=taken, types=types)
    return _reshape(op, node, operands) if isinstance(op, Reshape) else op


def _reshape(op: Reshape, node: Node, operands: Sequence[Value]) -> Op:
    """A reshape whose number of examples is now unknown, with -1 in its place."""
    old, now = node.operands[0].type, operands[0].type
    if not isinstance(old.size, int):
        return op
    freed = [o for o, n in zip(old.shape, now.shape, strict=True) if o != n]
    batch = freed[0] if len(freed) == 1 else None
    whole = node.result.type.shape
    if not isinstance(batch, int) or not all(isinstance(d, int) for d in whole):
        return op
    places = [
        i for i, d in enumerate(whole) if isinstance(d, int) and d % (batch or 1) == 0
    ]
    if not places or op.shape[places[0]] == 0:
        return op
    shape = [int(d) for d in whole]
    shape[places[0]] = -1
    return Reshape(tuple(shape))


def _check(before: Graph, after: Graph, name: str) -> None:
    """ShapeError if nodes or outputs still have the number of examples of an input."""
    old = before.inputs[name].type.shape[:1]
    new = after.inputs[name].type.shape[:1]
    if not old or not isinstance(new[0], str) or not isinstance(old[0], int):
        return
    kept = [
        f"the output {output!r}"
        for output, value in after.outputs.items()
        if before.outputs[output].type.shape[:1] == old == value.type.shape[:1]
    ]
    holders = [
        f"node {node.source!r} ({node.op.called})"
        for node in after.nodes
        if _holds(node, old[0], new[0]) or (kept and _loses(node, new[0]))
    ]
    for what in (*holders, *kept):
        raise ShapeError(
            f"{what} holds {old[0]} examples, whatever {new[0]!r} of the input "
            f"{name!r} is: the size cannot be freed"
        )


def _holds(node: Node, number: int, name: str) -> bool:
    """Whether a node needs a number and a size that is free to be equal."""
    return any(
        number in pair and any(_has(d, name) for d in pair)
        for pair in unsure_sizes(node)
    )


def _has(dim: shapes.Dim, name: str) -> bool:
    return name in shapes.symbols(dim)


def _loses(node: Node, name: str) -> bool:
    """Whether a size is one of the operands and none of the results."""
    operands, results = (
        any(_has(d, name) for v in values for d in v.type.shape)
        for values in (node.operands, node.results)
    )
    return operands and not results
