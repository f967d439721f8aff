"""Models that are read from ONNX files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqir import collector
from seqir.arguments import one_of
from seqir.errors import ArgumentError, UnsupportedError
from seqir.ir import Builder, Graph, Value
from seqir.layers.core import InputLayer
from seqir.model.functional import Functional
from seqir.network.onnx_graph import OnnxGraph, no_config
from seqir.network.parts import cut_values, halves, part
from seqir.network.resized import with_dims
from seqir.network.slicing import CutPoint
from seqir.network.tensors import find, renamed
from seqir.operators.movement import Transpose
from seqir.ops.variable import Variable
from seqir.passes.entering import reorder_inputs
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
        if not graph.inputs:
            raise UnsupportedError(
                "the graph has no inputs, which a model needs: name an initializer "
                "that is one (inputs=), or run the file with onnxruntime"
            )
        layer = OnnxGraph(graph, stored, name="graph")
        inputs = [_input(name, v.type) for name, v in graph.inputs.items()]
        tensors = [each.output for each in inputs]
        super().__init__(
            tensors, layer(tensors if len(tensors) > 1 else tensors[0]), name=name
        )

    @property
    def file_opset(self) -> int | None:
        return self.opset

    def get_config(self) -> dict[str, Any]:
        raise no_config(self.name)

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

    # Parts.

    def slice(
        self, outputs: str | Iterable[str], inputs: str | Iterable[str] | None = None
    ) -> OnnxModel:
        """The part of the model that computes some tensors from others.

        Both are given by names of tensors, nodes or scopes, for what these give, or by
        regular expressions. The part shares the weights of the model.

        Raises: ArgumentError if nothing is called so, GraphError that names what the
            part also needs.
        """
        graph = self.onnx_graph.graph
        ends = find(graph, outputs, "outputs", self.name)
        given = None if inputs is None else find(graph, inputs, "inputs", self.name)
        return self._of(part(graph, ends, given))

    def split(self, at: str | Iterable[str]) -> tuple[OnnxModel, OnnxModel]:
        """Two models that compute the same one after the other.

        The second begins with the tensors that are named by `at`, as in `slice`, and
        with what else it needs. Outputs of the first are inputs of the second, under
        the same names.

        Raises: ArgumentError if nothing is called so, GraphError if no output depends
            on it.
        """
        graph = self.onnx_graph.graph
        first, second = halves(graph, find(graph, at, "at", self.name))
        return self._of(first), self._of(second)

    def cut_points(self) -> list[CutPoint]:
        """Tensors that all passes, with the bytes that a cut there has to carry."""
        graph = self.onnx_graph.graph
        names = {v: n for n, v in graph.outputs.items()}
        return [
            CutPoint(names.get(v, v.name), v.type)
            for v in cut_values(graph)
            if v.name or v in names
        ]

    def rename(
        self,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
    ) -> OnnxModel:
        """The model with other names for inputs and outputs: old ones to new ones.

        Raises: ArgumentError for names that are not there, or are there already.
        """
        graph = self.onnx_graph.graph
        ends = renamed("outputs", graph.outputs, outputs or {}, self.name)
        begins = renamed("inputs", graph.inputs, inputs or {}, self.name)
        if both := [*begins.keys() & {*ends, *graph.params}]:
            raise ArgumentError(
                f"{both[0]!r} would be an input of model {self.name!r} and something "
                "else of it: give another name"
            )
        return self._of(replace(graph, inputs=begins, outputs=ends))

    def with_dims(
        self, dims: Mapping[str, int | str | Sequence[int | str]]
    ) -> OnnxModel:
        """The model for inputs of other sizes.

        ``{"batch": 1}`` says what an unknown size is, a number or another name, and
        ``{"image": ("batch", 3, 224, 224)}`` the shape of an input. A number of
        examples that gets a name is followed through reshapes that hold it.

        Raises: ArgumentError for names that are neither, ShapeError where a node
            cannot take the sizes.
        """
        return self._of(with_dims(self.onnx_graph.graph, dims))

    def _of(self, graph: Graph) -> OnnxModel:
        """A model of another graph with the same weights."""
        return OnnxModel(graph, self.onnx_graph.stored, self.opset, self.name)


def _channels_last(graph: Graph) -> Graph:
    """The graph with the channels of images last, where it begins and where it ends."""
    graph = reorder_inputs(graph, _to_last)
    b = Builder.resume(graph)
    outputs: dict[str, Value] = {}
    for name, value in graph.outputs.items():
        perm = _to_last(value)
        outputs[name] = value if perm is None else b(Transpose(perm), value)
    return b.finish(outputs)


def _to_last(value: Value) -> tuple[int, ...] | None:
    """The order of axes that puts the channels of images last; None for others."""
    rank = value.type.rank
    return (0, *range(2, rank), 1) if 4 <= rank <= 5 else None


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
    data_format: Literal["channels_first", "channels_last"] = "channels_first",
    name: str | None = None,
) -> OnnxModel:
    """Read an ONNX file as a model.

    Operators that the IR knows become typed nodes, with gradients; all others stay what
    they are. Names of inputs, outputs, weights and tensors are those of the file.
    Weights in another file are mapped, and copied when someone changes them.

    Args:
        source: a path, the bytes of a file, or an ``onnx.ModelProto``.
        inputs: names of weights that are to be inputs, beside those of the file.
        dims: what unknown sizes are: a number, or another name.
        data_format: "channels_last" puts the channels of images, which files have
            first, last: those of all inputs and outputs of rank 4 and 5.
        name: of the model; default: that of the file.

    Raises: LoadError for a file that cannot be read, CorruptFileError for what is no
        ONNX model, UnsafeFileError for weights outside of its folder,
        UnsupportedError for a form of before 2018, ArgumentError for names and sizes
        that the file does not have.
    """
    from seqir import reading

    one_of("data_format", data_format, ("channels_first", "channels_last"))
    parsed = reading.parse(source)
    read = reading.read(parsed, inputs=inputs or (), dims=dims or {})
    graph = _channels_last(read.graph) if data_format[-4:] == "last" else read.graph
    if name is None:
        file = isinstance(source, str | PathLike)
        stem = Path(source).stem if file else parsed.proto.graph.name
        name = re.sub(r"[/\0]+", "_", stem) or "model"
    stored = {
        path: Variable.holding(array, path, trainable=path not in read.frozen)
        for path, array in read.weights.items()
    }
    return OnnxModel(graph, stored, read.versions[""], name)
