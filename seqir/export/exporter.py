"""Exporting: the graph optimized, lowered, written, and run to see it is right."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from seqir import collector, lower, passes, shapes
from seqir.arguments import integer, one_of
from seqir.config import image_data_format
from seqir.errors import ArgumentError, ExportError
from seqir.export.preprocess import entering, entry, preprocessing
from seqir.export.verify import OutputError, verify_file
from seqir.files import staged
from seqir.ir import Array, Graph, Perm, Target, Value
from seqir.lower import opsets, targets
from seqir.lower.lowering import check_names
from seqir.lower.write import drop_other_data, write
from seqir.network.base import Network, arrays_of
from seqir.network.names import keyed
from seqir.network.states import State, opened, predicting
from seqir.network.states import entry as state_entry
from seqir.operators.movement import inverse
from seqir.tensortype import type_of
from seqir.text import harmless

Verify = bool | Literal["reference"]


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the model it was made from."""

    path: str
    files: list[str]
    bytes: int
    opset: int
    ir_version: int
    inputs: dict[str, str]
    outputs: dict[str, str]
    nodes: dict[str, int]
    """Number of nodes of each ONNX operator."""
    parameters: int
    verified: str
    """What the file was compared with: "unoptimized", "reference" or "no"."""
    states: dict[str, str] = field(default_factory=dict[str, str])
    """Types of what a run changes, by name."""
    state: State = "inputs"
    """What the states are in the file."""
    before: dict[str, str] = field(default_factory=dict[str, str])
    """Inputs of the file that Python makes of those of the model, and how."""
    errors: list[OutputError] = field(default_factory=list[OutputError])
    passes: dict[str, tuple[int, int]] = field(default_factory=dict[str, Any])
    """How many of each operator the graph had before the passes, and has after them;
    those whose number has changed."""

    @property
    def node_count(self) -> int:
        """Number of nodes."""
        return sum(self.nodes.values())

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        nodes = ", ".join(f"{n} {op}" for op, n in self.nodes.items())
        lines = [
            f"{self.path}: {self.bytes:,} bytes, opset {self.opset}, "
            f"IR version {self.ir_version}",
            f"  inputs   {_types(self.inputs)}",
            f"  outputs  {_types(self.outputs)}",
            f"  nodes    {self.node_count} ({nodes})",
            f"  weights  {self.parameters:,}",
        ]
        how = "constant" if self.state == "constant" else "in, <name>:new out"
        if self.states:
            lines.append(f"  state    {_types(self.states)} ({how})")
        for name, how in self.before.items():
            lines.append(f"  before   {name}: {how}")
        if self.verified == "no":
            lines.append("  verified no")
        for error in self.errors:
            lines.append(
                f"  verified {error.name}: largest error {error.absolute:.2g} "
                f"absolute, {error.relative:.2g} relative, against {self.verified}"
            )
        return harmless("\n".join(lines))

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(str(self))}</pre>"


def export(
    model: Network,
    path: str | os.PathLike[str],
    *,
    opset: int | None = None,
    target: str | None = None,
    batch: int | str | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    layout: Literal["channels_last", "channels_first"] | None = None,
    preprocess: object = None,
    external_data: bool | None = None,
    metadata: Mapping[str, str] | None = None,
    state: State = "inputs",
    optimize: bool | None = None,
    verify: Verify = True,
) -> ExportReport:
    """Write a model as ONNX: standard operators, names of layers, verified.

    Args:
        model: a built model.
        path: the file to write; what was there stays if anything fails.
        opset: from 17 (the default: it runs on everything) to the newest; a model that
            was read from a file keeps that of the file.
        target: the runtime that the file is for: "any", the default, is what as many as
            possible get right; "web", "openvino", "opencv", "tensorrt", "tract" and
            "mobile" are written with what each has. A model that was read from a file
            is written as it was there. "opencv" and "mobile" have no free batch size:
            it is 1 there unless `batch` says another.
        batch: a number fixes the batch size, a text names it; None keeps what the
            model's inputs say ("batch" where they say nothing).
        input_names: names of the inputs, in order; default: the keys of a model that
            takes a dict (``image``, ``more/0``), or else those of the layers.
        output_names: names of the outputs, in order; default likewise.
        layout: where sequences and images (inputs of rank 3 to 5) have their channels;
            default: where the model has them.
        preprocess: what raw data passes before it enters the model, as part of the
            file: a layer, a function of tensors, "tf", "torch" or "caffe" (how the
            models of ImageNet were trained), or a list of them; a dictionary of these
            for a model of several inputs. Images then enter as bytes, of any size
            where a layer resizes them; a list that starts with an `Input` says
            something else.
        external_data: True puts weights into a file beside the model; None only where
            one file would be too large.
        metadata: text entries for the file.
        state: what becomes of the variables that a run changes, such as a counter:
            "inputs" of the file, after the others, with their new values as outputs
            ``<name>:new``; or "constant", as they are now, and nothing changes.
        optimize: let the passes change the graph, which folds weights into each other;
            None does so unless the model was read from a file, whose nodes and weights
            keep their names then.
        verify: compare the file, as ONNX Runtime runs it, with the unoptimized graph
            on random inputs; "reference" compares with the NumPy reference (slow).

    Raises: NotBuiltError for a model without an input shape, ArgumentError for an
        argument that makes no sense, ExportError if it cannot be written,
        VerificationError if the file computes something else.
    """
    model.require_built("export")
    one_of("verify", verify, (True, False, "reference"))
    one_of("state", state, get_args(State))
    place = Path(path)
    runtime = targets.of(target, model.file_opset)
    if isinstance(batch, str) and not runtime.free_batch:
        raise ArgumentError(
            f"target={target!r} runs one batch size, got batch={batch!r}: give a number"
        )
    if place.suffix != ".onnx":
        raise ArgumentError(f"the file must end in .onnx, got {str(path)!r}")

    def traced(batch: int | str | None) -> Unoptimized:
        return unoptimized(
            model,
            opset=opset,
            batch=batch,
            input_names=input_names,
            output_names=output_names,
            layout=layout,
            preprocess=preprocess,
            state=state,
        )

    plain = traced(batch)
    if not runtime.free_batch and plain.has_free_batch:
        plain = traced(1)
    naive, opset = plain.graph, plain.opset
    entries = {**plain.entries, **(metadata or {})}
    errors: list[OutputError] = []
    _check_types(naive, runtime)
    with staged(place) as draft:
        # What is wrong must not take the place of what is right: verify first.
        best = model.file_opset is None if optimize is None else optimize
        used = passes.INFERENCE if best else ()
        written, facts = _written(
            naive, used, draft, opset, runtime, entries, external_data
        )
        if verify:
            exact = verify == "reference"
            errors = verify_file(
                draft,
                naive,
                runtime,
                reference=exact,
                pixels=plain.pixels,
                state=plain.fed,
            )
    files = [place.with_name(f.name) for f in written]
    drop_other_data(place, files)
    return ExportReport(
        path=str(place),
        files=[str(f) for f in files],
        bytes=sum(f.stat().st_size for f in files),
        opset=opset,
        ir_version=opsets.ir_version(opset),
        parameters=plain.parameters,
        verified=verify
        if isinstance(verify, str)
        else "unoptimized"
        if verify
        else "no",
        errors=errors,
        states={name: str(type_of(a)) for name, a in plain.states.items()},
        before=plain.before,
        state=state,
        **facts,
    )


@dataclass(frozen=True)
class Unoptimized:
    """A model as its graph before any pass, under the names that its file has."""

    graph: Graph
    """Weights are constants in it."""
    opset: int
    pixels: set[str]
    """Inputs that raw data enters by."""
    states: dict[str, Array]
    """What a run changes, as it is now."""
    fed: dict[str, Array]
    """Those of them that are inputs."""
    entries: dict[str, str]
    """Metadata."""
    parameters: int
    before: dict[str, str]
    """See `ExportReport.before`."""

    @property
    def has_free_batch(self) -> bool:
        """Whether some input begins with a size that the run says."""
        shapes = (value.type.shape for value in self.graph.inputs.values())
        return any(isinstance(shape[0], str) for shape in shapes if shape)


@collector.paused()
def unoptimized(
    model: Network,
    *,
    opset: int | None = None,
    batch: int | str | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    layout: Literal["channels_last", "channels_first"] | None = None,
    preprocess: object = None,
    state: State = "inputs",
) -> Unoptimized:
    """The graph that `export` optimizes and writes; see there for the arguments.

    Raises: ArgumentError for an argument that makes no sense, ExportError if it cannot
        be written.
    """
    chains = preprocessing(model, preprocess)
    enter = entering(chains, model)
    naive, variables = model.trace_graph(batch=_batch(batch), enter=enter)
    naive = predicting(model, naive, variables)
    apart = passes.Apart.of(naive, text=False)
    naive = apart.rest
    opset = opsets.resolve(opset or model.file_opset, naive)
    raw = [name in chains for name in naive.inputs]
    names = list(naive.inputs)
    inputs = input_names or (
        names if apart.host else keyed(model.input_structure, names)
    )
    outputs = output_names or keyed(
        model.output_structure, list(naive.outputs), taken=inputs
    )
    naive = _renamed(naive, inputs, outputs)
    pixels = {n for n, is_raw in zip(naive.inputs, raw, strict=True) if is_raw}
    naive = _with_layout(naive, model, layout)
    arrays = arrays_of(variables)
    states = {u.param: arrays[u.param] for u in naive.updates}
    naive = replace(naive, updates=()) if state == "constant" else opened(naive)
    fed = {name: a for name, a in states.items() if name in naive.inputs}
    return Unoptimized(
        graph=passes.bind(naive, {n: a for n, a in arrays.items() if n not in fed}),
        opset=opset,
        pixels=pixels,
        states=states,
        fed=fed,
        entries={**entry(chains), **state_entry(fed)},
        parameters=sum(v.size for v in variables.values()),
        before=_before(apart),
    )


@collector.paused()
def _written(
    naive: Graph,
    used: Sequence[passes.Pass],
    path: Path,
    opset: int,
    target: Target,
    entries: Mapping[str, str],
    external_data: bool | None,
) -> tuple[list[Path], dict[str, Any]]:
    """Write the graph as some passes make it; the files, and what to report of it.

    Its folded weights, as large as the model, are gone before verification, which
    needs the memory.
    """
    graph = passes.run(naive, used)
    lowered = lower.lower(graph, opset=opset, metadata=entries, target=target)
    return write(lowered, path, external_data), {
        "inputs": {n: str(t) for n, t in lowered.inputs.items()},
        "outputs": {n: str(t) for n, t in lowered.outputs.items()},
        "nodes": dict(Counter(n.op_type for n in lowered.nodes).most_common()),
        "passes": _changes(naive, graph),
    }


def _check_types(graph: Graph, target: Target) -> None:
    """Refuse float64 where the target has none."""
    for value in () if target.wide_types else graph.values():
        if value.type.dtype == "float64":
            raise ExportError(
                f"target={target.name!r} has no float64, which model {graph.name!r} "
                "computes with: make its layers of dtype float32"
            )


def _changes(before: Graph, after: Graph) -> dict[str, tuple[int, int]]:
    """Operators that there are more or less of, the largest change first."""
    first, then = (
        Counter(node.op.called for node in graph.nodes if node.operands)
        for graph in (before, after)
    )
    changed = [name for name in first | then if first[name] != then[name]]
    changed.sort(key=lambda name: -abs(first[name] - then[name]))
    return {name: (first[name], then[name]) for name in changed}


def _before(apart: passes.Apart) -> dict[str, str]:
    """What is computed in front of the file, by the input that takes it."""
    if apart.host is None:
        return {}
    made = apart.host.producers()
    needs = {value: {name} for name, value in apart.host.inputs.items()}
    for node in apart.host.nodes:
        read = set[str]().union(*(needs[value] for value in node.operands))
        needs |= dict.fromkeys(node.results, read)
    types = {name: str(v.type) for name, v in apart.host.inputs.items()}
    return {
        name: f"{made[value].op.called} in Python, of "
        f"{_types({n: t for n, t in types.items() if n in needs[value]})}"
        for name, value in apart.host.outputs.items()
    }


def _types(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in types.items())


def _batch(given: int | str | None) -> int | str | None:
    if given is None:
        return None
    if isinstance(given, str):
        return shapes.check_symbol(given)
    return integer("batch", given, least=1)


def _renamed(
    graph: Graph, inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> Graph:
    """The graph with the caller's names for inputs and outputs."""
    ins = check_names("input", inputs, len(graph.inputs)) or list(graph.inputs)
    outs = check_names("output", outputs, len(graph.outputs)) or list(graph.outputs)
    if both := set(ins) & set(outs):
        raise ArgumentError(f"{min(both)!r} names an input and an output")
    return replace(
        graph,
        inputs=dict(zip(ins, graph.inputs.values(), strict=True)),
        outputs=dict(zip(outs, graph.outputs.values(), strict=True)),
    )


def _with_layout(graph: Graph, model: Network, layout: str | None) -> Graph:
    """The graph with image inputs in another layout: a transpose behind each."""
    if layout is None:
        return graph
    one_of("layout", layout, ("channels_last", "channels_first"))
    if layout == image_data_format():
        return graph

    def order(value: Value) -> Perm | None:
        rank = value.type.rank
        if not 3 <= rank <= 5:
            return None
        to_first = (0, rank - 1, *range(1, rank - 1))
        return to_first if layout == "channels_first" else inverse(to_first)

    found = passes.reorder_inputs(graph, order)
    if found is graph:
        raise ExportError(
            f"layout={layout!r} is about inputs of rank 3 to 5, model {model.name!r} "
            "has none"
        )
    return found
