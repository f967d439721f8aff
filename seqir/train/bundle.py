"""The training itself as files that any ONNX Runtime, in any language, can run.

::

    train_step.onnx     (state, batch, seed, step) -> (state', loss, metrics)
    eval_step.onnx      (state, batch) -> (accumulators', loss, metrics)
    infer.onnx          (weights, inputs) -> outputs
    init.safetensors    every state tensor as the training would begin
    manifest.json       which input and output is which

A runner reads the state from ``init.safetensors``, feeds it with a batch, and takes
the new state back: the manifest pairs the names. The graphs are the very ones that
`fit` runs, so that the values are the same to the last bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqir import data, lower, passes, tensorfile
from seqir.errors import ExportError
from seqir.files import staged
from seqir.formats.safetensors import keys_of
from seqir.ir import SEED, STEP, Array, Graph
from seqir.lower.write import write
from seqir.metrics.base import Metric
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType
from seqir.train.byhand import feeder
from seqir.train.compiled import Compiled
from seqir.train.steps import LOSS, OPSET, Step, bind_frozen
from seqir.train.trainable import Trainable
from seqir.version import VERSION

FORMAT: Final = "seqir training bundle"


@dataclass(frozen=True)
class BundleReport:
    """What was written."""

    path: str
    files: dict[str, int]
    """Bytes of each file."""
    state: int
    """State tensors that a step takes and gives back."""
    nodes: dict[str, int] = field(default_factory=dict[str, int])
    """Nodes of each graph."""

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.state} state tensors"]
        for name, size in self.files.items():
            nodes = self.nodes.get(name.removesuffix(".onnx"))
            shown = f", {nodes} nodes" if nodes else ""
            lines.append(f"  {name:<17} {size:,} bytes{shown}")
        return "\n".join(lines)


def export_training(
    compiled: Compiled,
    path: str | os.PathLike[str],
    x: object,
    y: object,
    sample_weight: object,
) -> BundleReport:
    """Write the training of a compiled model into a folder.

    The first samples of x, y and sample_weight say what a batch looks like; the batch
    size is free.

    Raises: NotBuiltError before `compile`, ArgumentError for data that does not fit,
        ExportError if the files cannot be written.
    """
    folder = Path(path)
    compiled.use(None)
    batch = data.whole(x, y, sample_weight, None, "export_training")
    train, _ = feeder(compiled, training=True).step_of(batch)
    model = compiled.model
    steps = {"train_step": train}
    if model.overrides("call") or model.overrides("test_step"):
        steps["eval_step"], _ = feeder(compiled, training=False).step_of(batch)
    inference = _inference(model) if model.overrides("call") else None
    state = _State(compiled.variables)
    programs = {n: _describe_step(f"{n}.onnx", s, state) for n, s in steps.items()}
    graphs = {name: step.program.graph for name, step in steps.items()}
    if inference is not None:  # a model that is only trained gives nothing
        graphs["infer"], weights = inference
        programs["infer"] = _describe_inference(graphs["infer"], weights, state)
    manifest = {
        "format": FORMAT,
        "version": 1,
        "made_by": f"seqir {VERSION}",
        "model": compiled.model.name,
        "opset": OPSET,
        "seed": compiled.seed,
        "step": compiled.steps,
        "learning_rate": state.key(_rate(compiled.optimizer)),
        "state": state.describe(used_by(programs)),
        "programs": programs,
        "reset_each_epoch": [state.key(v) for v in compiled.metric_variables],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(f"cannot make the folder {folder}: {reason}") from error
    nodes: dict[str, int] = {}
    with staged(folder / "manifest.json") as target:
        for name, graph in graphs.items():
            lowered = lower.lower(graph, opset=OPSET)
            nodes[name] = len(lowered.nodes)
            write(lowered, target.with_name(f"{name}.onnx"), None)
        arrays = state.initial(compiled.metrics, used_by(programs))
        tensorfile.write(target.with_name("init.safetensors"), arrays, {"kind": FORMAT})
        target.write_text(json.dumps(manifest, indent=2) + "\n")
    sizes = {p.name: p.stat().st_size for p in sorted(folder.iterdir()) if p.is_file()}
    return BundleReport(str(folder), sizes, len(arrays), nodes)


def _rate(optimizer: Any) -> Variable | None:
    """The variable that is the learning rate; None if it is a schedule."""
    rate = None if optimizer is None else optimizer.learning_rate
    return rate if isinstance(rate, Variable) else None


class _State:
    """The state tensors under names that all files share."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        distinct = list(dict.fromkeys(variables))
        self.keys = dict(zip(distinct, keys_of(distinct), strict=True))

    def key(self, variable: Variable | None) -> str | None:
        """The name of a variable's tensor."""
        return None if variable is None else self.keys[variable]

    def describe(self, used: set[str]) -> list[dict[str, object]]:
        """Name, shape and element type of each tensor that a program reads."""
        return [
            {
                "name": key,
                "shape": list(v.type.shape),
                "dtype": v.type.dtype,
                "trained": v.trainable,
            }
            for v, key in self.keys.items()
            if key in used
        ]

    def rows(
        self, graph: Graph, variables: Mapping[str, Variable]
    ) -> list[dict[str, object]]:
        """Where a program reads each tensor, and where it gives the new one."""
        updated = {u.param for u in graph.updates}
        return [
            {
                "name": self.key(variables[name]),
                "input": name,
                "output": f"{name}:new" if name in updated else None,
            }
            for name in graph.params
        ]

    def initial(self, metrics: Sequence[Metric], used: set[str]) -> dict[str, Array]:
        """The tensors as a training would begin: accumulators empty."""
        empty = {v: a for m in metrics for v, a in m.initial_values().items()}
        return {
            key: np.asarray(empty.get(v, v.array))
            for v, key in self.keys.items()
            if key in used
        }


def used_by(programs: dict[str, dict[str, Any]]) -> set[str]:
    """Names of the state tensors that some program reads."""
    return {row["name"] for p in programs.values() for row in p["state"]}


def _describe_step(file: str, step: Step, state: _State) -> dict[str, object]:
    traced, graph = step.traced, step.program.graph
    roles = {
        **dict.fromkeys(traced.inputs, "x"),
        **dict.fromkeys(filter(None, traced.targets), "target"),
        **dict.fromkeys(filter(None, traced.weights), "sample_weight"),
    }
    return {
        "file": file,
        "batch": _inputs(graph, roles),
        "seed": SEED if SEED in graph.inputs else None,
        "step": STEP if STEP in graph.inputs else None,
        "state": state.rows(graph, traced.variables),
        "loss": LOSS,
        "reported": dict(traced.reported),
    }


def _inputs(graph: Graph, roles: dict[str, str]) -> list[dict[str, object]]:
    return [
        {"input": name, "role": roles[name], **_type(value.type)}
        for name, value in graph.inputs.items()
        if name in roles
    ]


def _type(type: TensorType) -> dict[str, object]:
    return {"dtype": type.dtype, "shape": list(type.shape)}


def _inference(model: Trainable) -> tuple[Graph, Mapping[str, Variable]]:
    """The graph of the model with what is trained as params."""
    graph, variables = model.trace_graph(batch="batch")
    graph, _ = bind_frozen(graph, variables, model)
    return passes.run(graph, passes.training("cpu")), variables


def _describe_inference(
    graph: Graph, variables: Mapping[str, Variable], state: _State
) -> dict[str, object]:
    return {
        "file": "infer.onnx",
        "batch": _inputs(graph, dict.fromkeys(graph.inputs, "x")),
        "state": state.rows(graph, variables),
        "outputs": [
            {"output": name, **_type(value.type)}
            for name, value in graph.outputs.items()
        ],
    }
