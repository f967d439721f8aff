"""Random numbers on other runtimes: the very bits that ONNX Runtime draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from other_runtimes import RUNTIMES, Feeds

from seqir import random
from seqir.ir import Graph, Trace, evaluate
from seqir.lower import lower, to_proto
from seqir.ops.random import bits
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "bits": lambda x: bits(random.key(None), x),
    "dropout": lambda x: random.dropout(x + 1.0, 0.4),
    "uniform": random.uniform,
}


def graph_of(name: str, batch: int | str) -> Graph:
    b = Trace(name)
    x = Traced(b, b.input("x", TensorType("float32", (batch, 6, 5))))
    with b.active():
        y = FUNCTIONS[name](x)
    return b.finish({"y": y.value})


@pytest.mark.parametrize("run", [*RUNTIMES.values()])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("batch", [4, "batch"])
def test_other_runtimes_draw_the_same_numbers(
    run: Callable[[Path, Feeds], Any], name: str, batch: int | str, tmp_path: Path
) -> None:
    graph = graph_of(name, batch)
    path = tmp_path / "m.onnx"
    path.write_bytes(to_proto(lower(graph, opset=17)).SerializeToString())
    x = np.zeros((4, 6, 5), np.float32)
    for seed, step in ((0, 0), (2**31 - 2, 77)):
        feeds = {"x": x, "random_seed": np.array(seed), "random_step": np.array(step)}
        wanted = evaluate(graph, feeds)["y"]
        np.testing.assert_array_equal(run(path, feeds), wanted)


def squares(graph: Graph) -> list[str]:
    """Products of a tensor with itself, which some runtimes make of floats."""
    nodes = lower(graph, opset=17).nodes
    return [n.outputs[0] for n in nodes if n.op_type == "Mul" and len({*n.inputs}) < 2]


def test_numbers_are_made_of_what_all_runtimes_do_alike() -> None:
    graph = graph_of("bits", "batch")
    model = lower(graph, opset=17)
    assert not squares(graph)
    wide = {n for n, a in model.initializers.items() if a.dtype == np.float64}
    assert not wide
    products = [n for n in model.nodes if n.op_type in ("Mul", "Add")]
    for node in products:
        for name in node.inputs:
            if name in model.initializers:
                assert model.initializers[name].dtype != np.int64
