"""A program that runs one model on one runtime: ``python worker.py FOLDER``.

It reads ``FOLDER/request.json``, and writes ``FOLDER/answer.json`` and the outputs as
files of NumPy beside it. It stands alone, as the runtimes do: the environment that it
runs in may have NumPy and the runtime only.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np

BUDGET = 1.0
"""Seconds after which a run is not repeated for its time."""


def main(folder: Path) -> None:
    """Answer the request in a folder."""
    request = json.loads((folder / "request.json").read_text())
    answer: dict[str, Any] = {"stage": "start", "unsupported": [], "cases": []}

    def reached(stage: str) -> None:
        """Leave behind how far it has come, in case that the process dies."""
        answer["stage"] = stage
        (folder / "answer.json").write_text(json.dumps(answer))

    reached("start")
    limit_memory(request["memory"])
    try:
        runtime = module(request["runtime"])
        reached("load")
        answer["unsupported"] = sorted(runtime.unsupported(request["model"]))
        if not answer["unsupported"]:
            run = runtime.load(request["model"], **request["options"])
            reached("run")
            for number, case in enumerate(request["cases"]):
                feeds = {k: decoded(folder, each) for k, each in case.items()}
                try:
                    outputs, seconds = timed(run, feeds, request["repeats"])
                except Exception:
                    if not request["first"] or case is request["cases"][-1]:
                        raise
                    continue
                files = stored(folder, number, outputs)
                found = {"case": number, "outputs": files, "seconds": seconds}
                answer["cases"].append(found)
                if request["first"]:
                    break
        reached("done")
    except Exception as error:
        answer["error"] = f"{type(error).__name__}: {error}".strip(": ")
        reached(answer["stage"])


def limit_memory(most: int | None) -> None:
    """Let the process have so many bytes of data, where the system can."""
    if most is None:
        return
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def module(path: str) -> Any:
    """The runtime in a file."""
    if "seqir" not in sys.modules:
        # Neighbours can be imported, and nothing of seqir runs for that.
        here = Path(__file__).parent
        for name, folder in {"seqir": here.parent, "seqir.runtimes": here}.items():
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = [str(folder)]
    spec = importlib.util.spec_from_file_location("_runtime", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def timed(
    run: Any, feeds: dict[str, Any], repeats: int
) -> tuple[dict[str, Any], float]:
    """What comes out, and the median of the seconds that it takes."""
    start = time.perf_counter()
    outputs = run(feeds)
    taken = [time.perf_counter() - start]
    if repeats and taken[0] < BUDGET:
        taken = []  # the first run has prepared itself
    while len(taken) < repeats and sum(taken) < BUDGET:
        start = time.perf_counter()
        run(feeds)
        taken.append(time.perf_counter() - start)
    return outputs, statistics.median(taken)


def stored(folder: Path, number: int, outputs: dict[str, Any]) -> list[dict[str, str]]:
    """Write outputs; their names, element types and files."""
    found: list[dict[str, str]] = []
    flat = [pair for name, y in outputs.items() for pair in leaves(name, y)]
    for place, (name, array) in enumerate(flat):
        file = f"y{number}_{place}.npy"
        found.append({"name": name, **encoded(folder / file, array)})
    return found


def leaves(name: str, value: Any) -> list[tuple[str, Any]]:
    """The arrays in an output: of a sequence, or of a map, one after the other."""
    if value is None:
        return []
    parts: Any = value
    if isinstance(value, dict):
        parts = [[*parts.keys()], [*parts.values()]]
    elif not isinstance(value, list) or all(np.isscalar(part) for part in parts):
        return [(name, np.asarray(parts))]
    return [pair for i, v in enumerate(parts) for pair in leaves(f"{name}/{i}", v)]


def encoded(path: Path, array: Any) -> dict[str, str]:
    """Write an array; element types that NumPy has not go as bits, texts as texts."""
    dtype = array.dtype.name
    if array.dtype.kind in "OUS":
        dtype, array = "str", array.astype(str)
    elif array.dtype.kind == "V" or dtype not in np.sctypeDict:
        array = array.view(f"u{array.dtype.itemsize}")
    np.save(path, array, allow_pickle=False)
    return {"dtype": dtype, "file": path.name}


def decoded(folder: Path, entry: dict[str, str]) -> Any:
    """The array that `encoded` has written."""
    array = np.load(folder / entry["file"], allow_pickle=False)
    dtype = entry["dtype"]
    if dtype == "str":
        return array.astype(object)
    if array.dtype.name == dtype:
        return array
    import ml_dtypes

    return array.view(getattr(ml_dtypes, dtype))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
