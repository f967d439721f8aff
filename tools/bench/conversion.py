"""The conversion rows of the table: ``seqir convert`` beside Keras's own export.

Each converts the same file in a fresh process; what is compared is the wall time of
that process, the most memory that it had, and the number of nodes in its file.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.rows import Row

TARGET = 1 / 3

SEQIR = """
import sys
from seqir.cli import main
sys.argv = ["seqir", "convert", sys.argv[1], "-o", sys.argv[2]]
main()
"""
# A loaded Sequential counts as never called, so that it needs the signature.
KERAS = """
import sys
import keras
model = keras.models.load_model(sys.argv[1], compile=False)
signature = [
    keras.InputSpec(shape=x.shape, dtype=x.dtype, name=x.name) for x in model.inputs
]
model.export(sys.argv[2], format="onnx", input_signature=signature, verbose=False)
"""
PEERS = {"seqir": SEQIR, "Keras": KERAS}
NEEDED = ("keras", "tensorflow", "tf2onnx")


@dataclass
class Sample:
    """One conversion."""

    seconds: float
    mebibytes: float


def guide(keras: Any) -> Any:
    """The convolutional net of Keras's guide to sequential models."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((250, 250, 3)),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(3),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(3),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ]
    )


def xception(keras: Any) -> Any:
    """Xception, 23 million weights."""
    return keras.applications.Xception(weights=None)


MODELS = {"CNN of the guide": guide, "Xception": xception}


def conversion(folder: Path, rounds: int) -> list[Row]:
    """Every model by every peer; medians over interleaved rounds."""
    import seqir

    peers = dict(PEERS) if _is_there(NEEDED) else {"seqir": SEQIR}
    rows: list[Row] = []
    for name, make in MODELS.items():
        source = folder / f"{make.__name__}.keras"
        make(seqir).save(source)
        samples: dict[str, list[Sample]] = {peer: [] for peer in peers}
        for _ in range(rounds):
            for peer, code in peers.items():
                samples[peer].append(_convert(code, source, _written(source, peer)))
        rows += _rows(name, source, samples)
    return rows


def _is_there(packages: tuple[str, ...]) -> bool:
    from importlib.util import find_spec

    return all(find_spec(package) for package in packages)


def _written(source: Path, peer: str) -> Path:
    return source.with_name(f"{source.stem}_{peer}.onnx")


def _convert(code: str, source: Path, target: Path) -> Sample:
    """Run a converter to its end."""
    env = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(source), str(target)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{target.stem} ended with code {process.returncode}")
    return Sample(seconds, usage.ru_maxrss / 2**10)


def _rows(name: str, source: Path, samples: dict[str, list[Sample]]) -> list[Row]:
    seconds, memory = (
        {
            p: statistics.median(getattr(s, kind) for s in of)
            for p, of in samples.items()
        }
        for kind in ("seconds", "mebibytes")
    )
    nodes = {peer: _nodes(_written(source, peer)) for peer in samples}
    peers = len(samples) > 1
    return [
        _ratio(f"convert {name}: seconds", seconds, ".2f"),
        _ratio(f"convert {name}: peak MiB of the process", memory, ".0f"),
        Row(
            f"convert {name}: nodes",
            ", ".join(f"{peer} {count}" for peer, count in nodes.items()),
            "no more than Keras",
            peers and nodes["seqir"] <= nodes["Keras"],
        ),
    ]


def _ratio(what: str, values: dict[str, float], style: str) -> Row:
    shown = ", ".join(f"{peer} {value:{style}}" for peer, value in values.items())
    if len(values) == 1:
        shown += f"; {' or '.join(NEEDED)} is not installed"
        return Row(what, shown, f"{TARGET:.2f}x", False)
    ratio = values["seqir"] / values["Keras"]
    return Row(what, f"{ratio:.2f}x ({shown})", f"{TARGET:.2f}x", ratio <= TARGET)


def _nodes(path: Path) -> int:
    import onnx

    return len(onnx.load_from_string(path.read_bytes()).graph.node)
