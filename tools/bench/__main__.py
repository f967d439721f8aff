"""The table of speed targets: ``python -m tools.bench``.

Every row is a ratio or a difference of medians of one run on one machine. Add
``--quick`` for fewer repetitions, ``--json`` for machines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench.conversion import conversion
from tools.bench.measure import median_seconds
from tools.bench.rows import Row
from tools.bench.training import frozen_backbone, training

PARTS = ("basics", "training", "conversion")


def fresh(code: str) -> float:
    """Seconds that a new interpreter takes for some code, without its own start."""
    timed = (
        f"import time; t = time.perf_counter()\n{code}\nprint(time.perf_counter() - t)"
    )
    run = subprocess.run(
        [sys.executable, "-c", timed], capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def import_time(repeat: int) -> Row:
    both = [
        (fresh("import numpy"), fresh("import numpy; import seqir"))
        for _ in range(repeat)
    ]
    extra = sorted(b - a for a, b in both)[len(both) // 2]
    return Row(
        "import seqir, over numpy", f"{extra * 1e3:+.1f} ms", "+60 ms", extra < 0.06
    )


def layers_import_time(repeat: int) -> Row:
    code = "import numpy; import seqir; seqir.layers.Dense"
    both = [(fresh("import numpy"), fresh(code)) for _ in range(repeat)]
    extra = sorted(b - a for a, b in both)[len(both) // 2]
    return Row("  and its layers, over numpy", f"{extra * 1e3:+.1f} ms", "-", True)


def stack(n: int) -> Any:
    import seqir
    from seqir import layers

    return seqir.Sequential(
        [seqir.Input((16,)), *(layers.Dense(16, activation="relu") for _ in range(n))]
    )


def scaling(folder: Path) -> list[Row]:
    """Build, summarize and export of n Dense layers."""
    times: dict[int, float] = {}
    for n in (100, 1000, 10_000):

        def work(n: int = n) -> None:
            model = stack(n)
            model.summary(print_fn=str)
            model.export(folder / "stack.onnx", verify=False)

        (times[n],) = median_seconds(work, repeat=1 if n > 1000 else 3)
    ratio = times[10_000] / times[1000]
    return [
        Row("build + summary + export, 100 Dense", f"{times[100]:.2f} s", "-", True),
        Row(
            "build + summary + export, 1,000 Dense",
            f"{times[1000]:.2f} s",
            "1.2 s",
            times[1000] < 1.2,
        ),
        Row(
            "build + summary + export, 10,000 Dense",
            f"{times[10_000]:.1f} s ({ratio:.1f}x of 1,000)",
            "10.5x",
            ratio <= 10.5,
        ),
    ]


def predict_overhead(folder: Path, repeat: int) -> list[Row]:
    """`predict` against the same file in a bare session."""
    import onnxruntime

    import seqir
    from seqir import layers

    image = seqir.Sequential(
        [
            seqir.Input((28, 28, 1), name="image"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    image.export(folder / "image.onnx", verify=False)
    options = onnxruntime.SessionOptions()
    # Else its thread waits in a loop on the core that the other session needs next.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
    bare = onnxruntime.InferenceSession(
        folder / "image.onnx", options, providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).normal(size=(1, 28, 28, 1)).astype(np.float32)
    one, alone = median_seconds(
        lambda: image.predict(x, verbose=0),
        lambda: bare.run(None, {"image": x}),
        repeat=repeat,
        number=500,
    )
    extra = (one - alone) * 1e6
    many = np.repeat(x, 4096, axis=0)

    def bare_loop() -> Any:
        parts = [
            bare.run(None, {"image": many[i : i + 32]})[0]
            for i in range(0, len(many), 32)
        ]
        return np.concatenate(parts)

    whole, loop = median_seconds(
        lambda: image.predict(many, verbose=0), bare_loop, repeat=repeat, number=3
    )
    return [
        Row(
            "predict of one image, over a bare session",
            f"{extra:+.1f} us",
            "+50 us",
            extra < 50,
        ),
        Row(
            "predict of 128 batches, over a bare loop",
            f"{(whole / loop - 1) * 100:+.1f} %",
            "+3 %",
            whole / loop < 1.03,
        ),
    ]


MEMORY = """
import resource, sys
import numpy as np, seqir
from seqir import layers
seqir.runtime.engine.load()
n = 6000
model = seqir.Sequential([seqir.Input((n,))])
model.add(layers.Dense(n, kernel_initializer="ones"))
model.add(layers.Dense(n, kernel_initializer="ones"))
import onnx
weights = sum(w.nbytes for w in model.weights)
small = seqir.Sequential([seqir.Input((4,)), layers.Dense(2)])
small.export(sys.argv[1], verify=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
model.export(sys.argv[1], verify=sys.argv[2] == "verify")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print((after - before) / 2**20, weights / 2**20)
"""


def export_memory(folder: Path) -> list[Row]:
    """How much an export adds to the memory of the process."""
    rows: list[Row] = []
    for mode in ("write", "verify"):
        run = subprocess.run(
            [sys.executable, "-c", MEMORY, str(folder / "big.onnx"), mode],
            capture_output=True,
            text=True,
            check=True,
        )
        extra, weights = map(float, run.stdout.split())
        room = 1.2 * weights + 100
        name = "export, without verification" if mode == "write" else "export, verified"
        rows.append(
            Row(
                f"peak memory of {name}",
                f"+{extra:.0f} MiB for {weights:.0f} MiB of weights",
                f"{room:.0f} MiB",
                extra < room,
            )
        )
    return rows


def basics(folder: Path, repeat: int) -> list[Row]:
    """Everything but training."""
    return [
        import_time(repeat),
        layers_import_time(repeat),
        *scaling(folder),
        *predict_overhead(folder, repeat),
        *export_memory(folder),
    ]


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="rows as JSON on stdout")
    parser.add_argument("--only", choices=PARTS, help="a part of it")
    options = parser.parse_args()
    repeat, rounds = (3, 1) if options.quick else (9, 3)
    parts = [options.only] if options.only else PARTS
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        if "basics" in parts:
            rows += basics(Path(name), repeat)
        if "training" in parts:
            rows += [*training(rounds), frozen_backbone(repeat)]
        if "conversion" in parts:
            rows += conversion(Path(name), rounds)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    import onnx
    import onnxruntime
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, onnx {onnx.__version__}, "
        f"onnxruntime {onnxruntime.__version__}"
    )
    for column in ("what", "measured", "target", ""):
        table.add_column(column)
    for row in rows:
        table.add_row(row.what, row.measured, row.target, "ok" if row.met else "MISSED")
    Console().print(table)


if __name__ == "__main__":
    main()
