"""Large ONNX files: their weights are mapped, and their nodes may be many."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import seqir

MEASURED = """
import json, sys, threading, time
import seqir, onnxruntime
from seqir import reading

def own():
    lines = open("/proc/self/status").read().splitlines()
    return sum(int(x.split()[1]) for x in lines if x.startswith("RssAnon")) * 1024

before, peak, done = own(), [0], threading.Event()

def watch():
    while not done.wait(0.002):
        peak[0] = max(peak[0], own())

threading.Thread(target=watch, daemon=True).start()
model = seqir.load_onnx(sys.argv[1])
loaded = own() - before
model.export(sys.argv[2], external_data=True)
done.set()
print(json.dumps({"loaded": loaded, "peak": peak[0] - before}))
"""


def write(path: Path, count: int, side: int) -> int:
    """A file with its weights beside it; the bytes of these."""
    nodes, tensors, x, offset = [], [], "x", 0
    with path.with_suffix(".data").open("wb") as file:
        for i in range(count):
            rng = np.random.default_rng(i)
            weight = 0.01 * rng.standard_normal((side, side), np.float32)
            tensor = TensorProto(name=f"w{i}", data_type=1, dims=weight.shape)
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": f"{path.stem}.data", "offset": str(offset)}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=value)
            file.write(weight.tobytes())
            offset += weight.nbytes
            tensors.append(tensor)
            nodes.append(helper.make_node("MatMul", [x, f"w{i}"], [f"m{i}"]))
            nodes.append(helper.make_node("Relu", [f"m{i}"], [x := f"r{i}"]))
    info = [helper.make_tensor_value_info(n, 1, ["batch", side]) for n in ("x", x)]
    graph = helper.make_graph(nodes, "large", info[:1], info[1:], tensors)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset), path)
    return offset


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_weights_in_another_file_are_mapped(tmp_path: Path) -> None:
    size = write(tmp_path / "large.onnx", 8, 4096)
    assert size == 512 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "large.onnx", tmp_path / "b.onnx"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["loaded"] < 40 * 2**20
    assert found["peak"] < 1.2 * size + 100 * 2**20


def test_a_thousand_nodes_are_read_and_written(tmp_path: Path) -> None:
    write(tmp_path / "long.onnx", 500, 8)
    report = seqir.load_onnx(tmp_path / "long.onnx").export(tmp_path / "again.onnx")
    assert report.node_count == 1000
