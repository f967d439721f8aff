"""Models that are read from ONNX files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqir import collector
from seqir.errors import UnsupportedError
from seqir.ir import Graph
from seqir.layers.core import InputLayer
from seqir.model.functional import Functional
from seqir.network.onnx_graph import OnnxGraph
from seqir.ops.variable import Variable
from seqir.tensortype import OpaqueType

if TYPE_CHECKING:
    from seqir.reading.parse import Source


class OnnxModel(Functional):
    """A model that is one graph, with names of its own for all that goes in and out.

    It is summarized, cut, trained, verified and exported like others. `load_onnx` makes
    it of a file. Parts of such models, and gradients of models, are also such.

    Source: ``onnx.ModelProto``.
    """

    def __init__(
        self,
        graph: Graph,
        stored: Mapping[str, Variable],
        opset: int | None = None,
        name: str | None = None,
    ) -> None:
        self.opset = opset
        """That of the file, from 17 on; None where there is none."""
        layer = OnnxGraph(graph, stored, name="graph")
        inputs = [_input(name, v.type) for name, v in graph.inputs.items()]
        tensors = [each.output for each in inputs]
        super().__init__(
            tensors, layer(tensors if len(tensors) > 1 else tensors[0]), name=name
        )

    @property
    def onnx_graph(self) -> OnnxGraph:
        """The layer that holds the graph."""
        (found,) = (x for x in self.layers if isinstance(x, OnnxGraph))
        return found

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, those of the file."""
        return list(self.onnx_graph.graph.inputs)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, those of the file."""
        return list(self.onnx_graph.graph.outputs)


def _input(name: str, type: Any) -> InputLayer:
    if isinstance(type, OpaqueType):
        raise UnsupportedError(
            f"the input {name!r} is {type}, which a model cannot take: cut it off with "
            "onnx.utils.extract_model, or run the file with onnxruntime"
        )
    called = re.sub(r"[/\0]+", "_", name) or "input"
    layer = InputLayer(batch_shape=type.shape, dtype=type.dtype, name=called)
    layer.keeps_names = True
    return layer


@collector.paused()
def load_onnx(
    source: Source,
    *,
    inputs: Iterable[str] | None = None,
    dims: Mapping[str, int | str] | None = None,
    name: str | None = None,
) -> OnnxModel:
    """Read an ONNX file as a model.

    Operators that the IR knows become typed nodes, with gradients; all others stay what
    they are. Names of inputs, outputs, weights and tensors are those of the file.
    Weights are mapped, and copied when someone changes them.

    Args:
        source: a path, the bytes of a file, or an ``onnx.ModelProto``.
        inputs: names of weights that are to be inputs, beside those of the file.
        dims: what unknown sizes are: a number, or another name.
        name: of the model; default: that of the file.

    Raises: LoadError for a file that cannot be read, CorruptFileError for what is no
        ONNX model, UnsafeFileError for weights outside of its folder,
        UnsupportedError for a form of before 2018.
    """
    from seqir import reading

    parsed = reading.parse(source)
    read = reading.read(parsed, inputs=inputs or (), dims=dims or {})
    if name is None:
        file = isinstance(source, str | PathLike)
        stem = Path(source).stem if file else parsed.proto.graph.name
        name = re.sub(r"[/\0]+", "_", stem) or "model"
    stored = {
        path: Variable.holding(array, path, trainable=path not in read.frozen)
        for path, array in read.weights.items()
    }
    return OnnxModel(read.graph, stored, read.versions[""], name)
