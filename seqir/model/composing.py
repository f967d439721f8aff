"""Models made of models: one computes with what another gives."""

from __future__ import annotations

from collections.abc import Container, Mapping

from seqir import collector, naming
from seqir.errors import ArgumentError, ShapeError, UnsupportedError, did_you_mean
from seqir.ir import SEED, Builder, Graph, Value
from seqir.model.imported import OnnxModel
from seqir.network.base import Network
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType


@collector.paused()
def compose(
    first: Network,
    second: Network,
    connect: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
) -> OnnxModel:
    """A model that computes `second` with what `first` gives.

    ``y = second(first(x))``, in which each may have further inputs and outputs: those
    stay. Both keep their weights, which the new model shares. Where both have one name
    for different things, what is of the second is called ``<its name>/<name>``.

    Args:
        first: a built model of any kind.
        second: another, or the same.
        connect: outputs of the first, and the inputs of the second that get them.
            Default: those of the same names, or the only one and the only one.
        name: of the new model; default: that of the first.

    Shapes: what is connected has the same element type, rank and known sizes.
    Raises: ArgumentError for names that are not there, ShapeError for tensors that do
        not fit, UnsupportedError for models that draw random numbers.
    Source: ``onnx.compose.merge_models``.
    """
    before, stored = _graph_of(first)
    after, more = _graph_of(second)
    pairs = _pairs(before, after, connect, (first.name, second.name))
    b = Builder.like(before)
    b.name = name or first.name
    for node in before.nodes:
        b.keep(node)
    prefix = second.name
    new: dict[Value, Value] = {}
    for output, input_ in pairs.items():
        new[after.inputs[input_]] = before.outputs[output]
    for own, value in after.inputs.items():
        if value not in new:
            new[value] = b.input(_free(own, prefix, {*b.inputs, *b.params}), value.type)
    paths = {variable: path for path, variable in stored.items()}
    stored = dict(stored)
    for path, value in after.params.items():
        variable = more[path]
        if variable not in paths:
            paths[variable] = _free(path, prefix, {*b.inputs, *b.params})
            stored[paths[variable]] = variable
        new[value] = b.param(paths[variable], value.type)
    _append(b, after, new, prefix)
    outputs = {n: v for n, v in before.outputs.items() if n not in pairs}
    for own, value in after.outputs.items():
        taken = {*outputs, *b.inputs, *b.params}
        outputs[_free(own, prefix, taken)] = new.get(value, value)
    graph = b.finish(outputs)
    return OnnxModel(graph, stored, _opset(first, second), b.name)


def _graph_of(model: Network) -> tuple[Graph, Mapping[str, Variable]]:
    """The graph of a model, and its variables."""
    model.require_built("composition")
    if isinstance(model, OnnxModel):
        return model.onnx_graph.graph, model.onnx_graph.stored
    graph, variables = model.trace_graph()
    if SEED in graph.inputs or graph.updates:
        raise UnsupportedError(
            f"model {model.name!r} draws random numbers, or keeps a state: it cannot "
            "be part of a composed model"
        )
    return graph, variables


def _opset(*models: Network) -> int | None:
    return max(filter(None, (m.file_opset for m in models)), default=None)


def _pairs(
    before: Graph,
    after: Graph,
    connect: Mapping[str, str] | None,
    names: tuple[str, str],
) -> dict[str, str]:
    """Outputs and the inputs that get them, checked."""
    if connect is None:
        shared = [name for name in before.outputs if name in after.inputs]
        connect = dict(zip(shared, shared, strict=True))
        if not connect and len(before.outputs) == len(after.inputs) == 1:
            connect = dict(zip(before.outputs, after.inputs, strict=True))
    if not connect:
        raise ArgumentError(
            f"say what is connected, connect={{output: input}}: {names[0]!r} has the "
            f"outputs {', '.join(before.outputs)}, and {names[1]!r} the inputs "
            f"{', '.join(after.inputs)}"
        )
    for output, input_ in connect.items():
        _check_name("output", output, before.outputs, names[0])
        _check_name("input", input_, after.inputs, names[1])
        given, taken = before.outputs[output].type, after.inputs[input_].type
        if not _fits(given, taken):
            raise ShapeError(
                f"the output {output!r} of {names[0]!r} is {given}, and the input "
                f"{input_!r} of {names[1]!r} takes {taken}"
            )
    if len({*connect.values()}) < len(connect):
        raise ArgumentError(
            f"connect={dict(connect)} gives an input of {names[1]!r} twice"
        )
    return dict(connect)


def _check_name(what: str, name: str, known: Mapping[str, Value], model: str) -> None:
    if name not in known:
        raise ArgumentError(
            f"connect names no {what} of model {model!r}: {name!r}."
            f"{did_you_mean(name, known)} There are: {', '.join(known)}"
        )


def _fits(given: TensorType, taken: TensorType) -> bool:
    """Whether a tensor can be what another is; a number does not come of a name."""
    if given.dtype != taken.dtype or given.rank != taken.rank:
        return False
    return all(
        g == t or isinstance(t, str)
        for g, t in zip(given.shape, taken.shape, strict=True)
    )


def _append(b: Builder, graph: Graph, new: dict[Value, Value], prefix: str) -> None:
    """Add the nodes of a graph behind others, with names that are not there yet."""
    sources = {node.source for node in b.nodes if node.source}
    tensors = {v.name for node in b.nodes for v in node.results if v.name}
    tensors |= {*b.inputs, *b.params}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if node.source and node.source not in renamed:
            renamed[node.source] = _free(node.source, prefix, sources)
        b.path = renamed.get(node.source, "")
        operands = tuple([new.get(v, v) for v in node.operands])
        results = list(b.again(node, operands))
        for i, value in enumerate(results):
            if value.name in tensors:
                results[i] = b.call(value, _free(value.name, prefix, tensors))
        new.update(zip(node.results, results, strict=True))
    for source, scope in graph.scopes.items():
        b.scopes[renamed.get(source, source)] = scope
    for source, kind in graph.sources.items():
        b.sources.setdefault(source, kind)


def _free(name: str, prefix: str, taken: Container[str]) -> str:
    return naming.free(f"{prefix}/{name}", taken) if name in taken else name
