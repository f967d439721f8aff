"""The training rows of the table: seqir beside its peers, a process for each."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

import numpy as np

from tools.bench.measure import median_seconds
from tools.bench.peer import PEERS
from tools.bench.rows import Row
from tools.bench.workloads import WORKLOADS, normalized

KINDS = {
    "step": "train_on_batch",
    "fit": "fit, per step",
    "predict": "predict_on_batch",
    "first": "first step",
}
TARGETS = {"fit": 1.0, "predict": 1.0, "first": 0.5}
"""The largest ratio to the fastest peer; for a step the workload says it."""


def run_peer(name: str, workload: str) -> dict[str, Any]:
    """What one peer measures in a fresh process."""
    run = subprocess.run(
        [sys.executable, "-m", "tools.bench.peer", name, workload],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.strip().splitlines()
    if run.returncode or not lines:
        return {"absent": f"it ended with code {run.returncode}"}
    return json.loads(lines[-1])


def training(rounds: int) -> list[Row]:
    """Every workload against every peer; medians over interleaved rounds."""
    rows: list[Row] = []
    for workload in WORKLOADS:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
        for _ in range(rounds):
            for name in PEERS:
                if not any("absent" in result for result in found[name]):
                    found[name].append(run_peer(name, workload))
        rows += [row for kind in KINDS for row in _rows(workload, kind, found)]
    return rows


def _rows(workload: str, kind: str, found: dict[str, list[dict[str, Any]]]) -> Any:
    """One row: milliseconds of all, and seqir's as a multiple of the fastest."""
    times = {
        name: statistics.median(result[kind] for result in results)
        for name, results in found.items()
        if results and all(kind in result for result in results)
    }
    shown = [f"{name} {value:.1f}" for name, value in times.items()]
    shown += [
        f"{name}: {results[0]['absent']}"
        for name, results in found.items()
        if results and "absent" in results[0]
    ]
    peers = [value for name, value in times.items() if name != "seqir"]
    target = TARGETS.get(kind, WORKLOADS[workload].step_target)
    ratio = times["seqir"] / min(peers) if peers else float("nan")
    yield Row(
        f"{workload}: {KINDS[kind]}",
        f"{ratio:.2f}x of the fastest (ms: {', '.join(shown)})",
        f"{target}x",
        bool(ratio <= target),
    )


def frozen_backbone(repeat: int) -> Row:
    """A frozen backbone with a new head, against its forward pass and the head."""
    import seqir
    from seqir import layers

    body = seqir.Sequential(normalized(seqir).layers[:-1])
    body.build((None, 32, 32, 3))
    body.trainable = False
    whole = seqir.Sequential(
        [seqir.Input((32, 32, 3)), body, layers.Dense(10, activation="softmax")]
    )
    head = seqir.Sequential([seqir.Input((128,)), layers.Dense(10, "softmax")])
    for model in (whole, head):
        model.compile("adam", "sparse_categorical_crossentropy")
    x, y = WORKLOADS["frozen CNN, new head"].data(1)
    features = np.asarray(body(x))
    step, forward = median_seconds(
        lambda: whole.train_on_batch(x, y),
        lambda: body(x),
        repeat=repeat,
        number=20,
    )
    # Not in turn with the others: whoever comes after such tiny steps is slower.
    (alone,) = median_seconds(
        lambda: head.train_on_batch(features, y), repeat=repeat, number=20
    )
    ratio = step / (forward + alone)
    return Row(
        "frozen CNN, new head: step over forward pass + head's own step",
        f"{ratio:.2f}x ({step * 1e3:.2f} ms; {forward * 1e3:.2f} + {alone * 1e3:.2f})",
        "1.15x",
        ratio <= 1.15,
    )
