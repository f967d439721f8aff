"""The page of all layers: ``python -m tools.layers_table [--measure]``.

Writes docs/layers.md from the layers, their samples in tests/layer_samples and the
installed Keras; tests compare the page with the code, and the differences that it
names with those they find. Differences that are on the page stay, unless all are to be
measured anew.
"""

from __future__ import annotations

import inspect
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("KERAS_BACKEND", "numpy")
import keras
import numpy as np
from layer_pairs import CLASSES, Pair, make, scale_of
from layer_samples import SAMPLES, LayerSample

import seqir
from seqir import autodiff, dtypes, lower, nest, passes
from seqir.absent import ABSENT as MISSING
from seqir.errors import UnsupportedError
from seqir.ir import Graph, Trace
from seqir.network.base import arrays_of
from seqir.ops.tensor import Traced

PAGE = Path(__file__).parents[1] / "docs" / "layers.md"
HEAD = """# Layers

Made by `python -m tools.layers_table` from the {count} layers, the {samples} samples of
arguments and inputs that the tests try them on, and Keras {version}.

- **layer**: its arguments but for initializers, regularizers and constraints, which
  are those of Keras, and its other names.
- **gradient**: the weights that training changes, and whether gradients go through to
  the input. The slopes are compared with differences in float64.
- **training**: what a layer does in training that it does not do in inference.
- **ONNX**: the operators of the first sample in a file, then those of others.
- **difference**: no sample differs more from Keras, as a part of the largest value.
"""
TABLE = """
## {family}

| layer | gradient | training | ONNX | difference |
|---|---|---|---|---|
"""
ABSENT = """
## Not there

| layer | why, and what to use |
|---|---|
"""


LEFT_OUT = ("_initializer", "_regularizer", "_constraint")
MOST = 8
"""So many samples of a layer are looked at, and operators are named."""


class Row(NamedTuple):
    """A line of the table but for the difference."""

    layer: str
    gradient: str
    training: str
    onnx: str

    def __str__(self) -> str:
        return "| " + " | ".join(self)


class Tried(NamedTuple):
    """A model of one layer: its graphs, and the weights that training changes."""

    inference: Graph
    training: Graph
    trained: dict[str, str]
    """Names of the weights by the params of the graph in training."""


def rows() -> dict[str, list[Row]]:
    """The lines of each family of layers, by the names of their modules."""
    found: dict[str, list[Row]] = {}
    for name, cls in sorted(CLASSES.items()):
        samples = samples_of(name)
        if samples and name == (cls.keras_name or cls.__name__):
            family = cls.__module__.rpartition(".")[2]
            found.setdefault(family, []).append(row(name, samples))
    return dict(sorted(found.items()))


def samples_of(name: str) -> list[LayerSample]:
    """The samples of a layer that a model can be made of, the simplest first."""
    found = [s for s in SAMPLES if s.layer == name]
    if name == "Concatenate":
        found = [s for s in found if s.kwargs.get("axis") != 0]  # a model has one batch
    return sorted(found, key=lambda s: len(s.args) + len(s.kwargs))


def row(name: str, samples: list[LayerSample]) -> Row:
    """What there is to say of a layer."""
    tried = [try_out(sample) for sample in samples[:: -(-len(samples) // MOST)]]
    return Row(
        f"`{name}{arguments(CLASSES[name])}`{aliases(name)}",
        gradients(tried),
        behaviour(tried),
        operators(tried),
    )


def arguments(cls: type) -> str:
    """The arguments of a layer with their defaults."""
    found = [
        str(p.replace(annotation=p.empty)).replace("|", "\\|")
        for p in inspect.signature(cls).parameters.values()
        if p.kind == p.POSITIONAL_OR_KEYWORD and not p.name.endswith(LEFT_OUT)
    ]
    return f"({', '.join(found)})"


def aliases(name: str) -> str:
    """The other names of a layer."""
    others = sorted(n for n, c in CLASSES.items() if c is CLASSES[name] and n != name)
    return f", {', '.join(others)}" if others else ""


def try_out(sample: LayerSample) -> Tried:
    """The graphs of a model of one layer."""
    inputs = [seqir.Input(s[1:], dtype=sample.dtype) for s in sample.shapes]
    unsaid = {name: v for name, v in sample.call.items() if name != "training"}
    sample = replace(sample, call=unsaid)
    model = seqir.Model(inputs, sample.called(make(sample), inputs))
    graph, variables = model.trace_graph()
    inference = passes.run(passes.bind(graph, arrays_of(variables)), passes.INFERENCE)
    training, variables = model.trace_graph(training=True)
    own = set(model.trainable_variables)
    trained = {param: v.name for param, v in variables.items() if v in own}
    return Tried(inference, training, trained)


def gradients(tried: list[Tried]) -> str:
    """The weights, and whether the inputs, that have a gradient in some sample."""
    weights: dict[str, None] = {}
    to_input = False
    for one in tried:
        b = Trace.resume(one.training)
        outputs = [Traced(b, y) for y in one.training.outputs.values()]
        outputs = [y for y in outputs if dtypes.is_float(y.dtype)]
        values = {**one.training.inputs, **one.training.params}
        values = {n: v for n, v in values.items() if dtypes.is_float(v.type.dtype)}
        for y in outputs:
            try:
                found = autodiff.gradient(y, [Traced(b, v) for v in values.values()])
            except UnsupportedError:
                continue
            there = {n for n, g in zip(values, found, strict=True) if g is not None}
            to_input |= bool(there & one.training.inputs.keys())
            weights |= {
                one.trained[n]: None for n in values if n in there & {*one.trained}
            }
    parts = [", ".join(weights)] if weights else []
    return "; ".join(parts + ["input"] * to_input) or "none"


def behaviour(tried: list[Tried]) -> str:
    """What happens in training alone."""
    graphs = [one.training for one in tried]
    found = ["random"] if any("random_seed" in g.inputs for g in graphs) else []
    updates = {u.param.rpartition("/")[2]: None for g in graphs for u in g.updates}
    found += [f"updates {', '.join(updates)}"] if updates else []
    losses = [n for g in graphs for n in g.nodes if n.source.startswith("losses/")]
    found += ["adds a loss"] if losses else []
    return "; ".join(found) or "the same"


def operators(tried: list[Tried]) -> str:
    """The operators in the file of the first sample, then those in others."""
    first, *others = (
        {n.op_type for n in lower.lower(one.inference).nodes} for one in tried
    )
    more = sorted(set[str]().union(*others) - first)
    shown = more[:MOST] + [f"{len(more) - MOST} more"] * (len(more) > MOST)
    return ", ".join(sorted(first)) + (f"; also {', '.join(shown)}" if shown else "")


def difference(pair: Pair) -> float:
    """The largest difference from Keras, as a part of the largest value."""
    outputs = zip(nest.flatten(pair.found), nest.flatten(pair.wanted), strict=True)
    return max(
        float(np.abs(mine.astype(float) - theirs.astype(float)).max(initial=0))
        / scale_of(theirs)
        for mine, theirs in outputs
    )


def bound(value: float) -> str:
    """A power of ten that is not below three times the value."""
    return "0" if value == 0 else f"1e{math.ceil(math.log10(3 * value))}"


def measured(name: str) -> str:
    """The bound of all samples in float32 of a layer."""
    return bound(max(map(difference, map(Pair, float32(name))), default=0.0))


def float32(name: str) -> list[LayerSample]:
    """The samples of a layer that are computed in float32."""
    return [s for s in samples_of(name) if "float16" not in s.id]


def head() -> str:
    """The text above the tables."""
    count = len({cls for name, cls in CLASSES.items() if samples_of(name)})
    return HEAD.format(version=keras.__version__, count=count, samples=len(SAMPLES))


def absent() -> Iterator[str]:
    """The lines of the layers that are not there."""
    for name, why in MISSING.items():
        module, _, layer = name.rpartition(".")
        if module == "layers":
            yield f"| `{layer}` | {why} |"


def page(differences: dict[str, str]) -> str:
    """The whole text of docs/layers.md, with the differences that are known."""
    parts = [head()]
    for family, lines in rows().items():
        parts.append(TABLE.format(family=family))
        for line in lines:
            name = line.layer.partition("(")[0].strip("`")
            found = differences.get(name) or measured(name)
            parts.append(f"{line} | {found} |\n")
    return "".join(parts) + ABSENT + "\n".join(absent()) + "\n"


def differences_of(text: str) -> dict[str, str]:
    """The differences that a page names, by layer."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {c[0].partition("(")[0].strip("`"): c[-1] for c in cells if len(c) == 5}


if __name__ == "__main__":
    known = differences_of(PAGE.read_text()) if "--measure" not in sys.argv else {}
    PAGE.write_text(page(known))
