"""The layer that a graph of an ONNX file is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir import nest
from seqir.errors import UnsupportedError
from seqir.ir import Graph, Value, current_trace
from seqir.layer.base import Layer
from seqir.layers.core import InputLayer
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable


class OnnxGraph(Layer):
    """Computes what a graph of an ONNX file computes; its initializers are weights.

    Normalizations keep the statistics of the file, in training as well.

    Shapes: those of the file's inputs -> those of its outputs.
    Raises: UnsupportedError where it is saved as anything but ONNX.
    Source: ``onnx.GraphProto``.
    """

    def __init__(
        self, graph: Graph, stored: Mapping[str, Variable], name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.graph = graph
        self.autocast = False
        """It computes in the types of the file."""
        self.stored = {path: stored[path] for path in graph.params}
        """The variable behind each param of the graph; other layers may have it too."""
        for variable in dict.fromkeys(self.stored.values()):
            path = variable.path
            self._track(variable)
            variable.path = path
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The nodes of the graph, at the end of the one that is traced."""
        b = current_trace()
        assert b is not None, "a layer is traced inside Trace.active()"
        outer = b.path.rpartition("/")[0]
        given = [tensor.value for tensor in nest.flatten(inputs)]
        env: dict[Value, Value] = dict(
            zip(self.graph.inputs.values(), given, strict=True)
        )
        for name, value in self.graph.params.items():
            variable = self.stored[name]
            env[value] = b.read(variable, _below(outer, name), variable.type)
        for name, scope in self.graph.scopes.items():
            b.scopes[_below(outer, name)] = scope
        for node in self.graph.nodes:
            with b.at(_below(outer, node.source)):
                results = b.again(node, tuple([env[v] for v in node.operands]))
            env.update(zip(node.results, results, strict=True))
        found = [Traced(b, env[v]) for v in self.graph.outputs.values()]
        return found if len(found) > 1 else found[0]

    def get_config(self) -> dict[str, Any]:
        raise no_config(self.name)


def no_config(name: str) -> UnsupportedError:
    """That a model of such a graph has no configuration, and what to do."""
    return UnsupportedError(
        f"model {name!r} is a graph of an ONNX file, which Keras's files and "
        "configurations cannot hold: write it with model.export(path.onnx), and its "
        "weights alone with model.save_weights(path)"
    )


def graph_layer_of(model: Any) -> OnnxGraph | None:
    """The graph that is all of a model, but for its inputs."""
    found = [x for x in getattr(model, "layers", ()) if not isinstance(x, InputLayer)]
    layer = found[0] if len(found) == 1 else None
    return layer if isinstance(layer, OnnxGraph) else None


def _below(outer: str, name: str) -> str:
    return f"{outer}/{name}" if outer else name
