"""Makes `foreign_onnx.zip`: models that other tools wrote, with what they compute.

Run it where these tools are: ``python tests/data/foreign_onnx.py``; each family has a
script beside this one. The tests need the archive alone. What is in it came from
PyTorch 2.13.0, tf2onnx 1.17.0 with Keras 3.15.1 and TensorFlow 2.21.0, skl2onnx 1.20.0,
OnnxMLTools 1.16.0 with LightGBM 4.7.0, ONNX Runtime 1.32.0 and onnx 1.23.2.

For each name there are NAME.onnx, where it has one NAME.data, which lies outside of
the model, and NAME.npz: inputs ``x0``, ... and outputs ``y0``, ... as the tool that
made the model computes them itself; a sequence is ``y0_0``, ``y0_1``, ... In
``index.json`` stand names of inputs and outputs, the tool and the kind of each.
"""

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import foreign_onnx_hand as hand
import foreign_onnx_keras as keras
import foreign_onnx_quantized as quantized
import foreign_onnx_sklearn as sklearn
import foreign_onnx_torch as pytorch
import numpy as np
from foreign_onnx_entry import Entry, run, worst

ARCHIVE = Path(__file__).with_suffix(".zip")
GAPS = {"half": 2e-3, "quantized": 0.1}
"""What ONNX Runtime may be off; 1e-5 where nothing is said."""


def entries() -> Iterator[Entry]:
    for family in (pytorch, keras, sklearn, quantized, hand):
        yield from family.entries()


def arrays(letter: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    for place, value in enumerate(values):
        if isinstance(value, list):
            for within, one in enumerate(value):
                yield f"{letter}{place}_{within}", one
        else:
            yield f"{letter}{place}", value


def main() -> None:
    index: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for entry in entries():
        gap = worst(entry, run(entry))
        print(f"{entry.name}: {gap:.1e}", file=sys.stderr)
        assert gap <= GAPS.get(entry.kind, 1e-5), entry.name
        graph = entry.model.graph
        filled = {tensor.name for tensor in graph.initializer}
        index[entry.name] = {
            "tool": entry.tool,
            "kind": entry.kind,
            "inputs": [i.name for i in graph.input if i.name not in filled],
            "outputs": [o.name for o in graph.output],
        }
        files[f"{entry.name}.onnx"] = entry.model.SerializeToString(deterministic=True)
        if entry.data:
            files[f"{entry.name}.data"] = entry.data
        kept = io.BytesIO()
        pairs = [*arrays("x", entry.inputs), *arrays("y", entry.outputs)]
        np.savez(kept, **dict(pairs))
        files[f"{entry.name}.npz"] = kept.getvalue()
    files["index.json"] = json.dumps(index, indent=1).encode()
    with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
