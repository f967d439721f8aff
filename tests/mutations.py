"""Damage to valid files, case after case, and a process that reads them all.

A case is a number: it says, through a generator of random numbers, what is done to the
valid file of a kind. The reading is done by a child process, because a crash of a C
library cannot be caught: ``python mutations.py KIND FIRST LAST FOLDER`` reads the cases
and prints, for each, its number before and the outcome after. Whoever started it knows
from the last line which case was too much.
"""

import copy
import functools
import json
import resource
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import model_files
import numpy as np

from seqir.errors import SeqirError
from seqir.models import load_model, model_from_json

BYTES = ("m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json", "m.json")
"""Files of which bytes are changed."""
CONFIGS = (
    "config m.keras", "config m.h5", "config graph.json", "config keras2.json",
)  # fmt: skip
"""Files of which the configuration is changed."""
KINDS = (*BYTES, *CONFIGS)

MEMORY = 4 << 30
"""What the process may have; asking for more is an error and not the end of all."""

Random = np.random.Generator
Node = tuple[Any, Any]
"""A dictionary or list, and a key or place in it."""


# What is done to bytes.


def flip(data: bytearray, rng: Random) -> None:
    for _ in range(int(rng.integers(1, 5))):
        data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))


def overwrite(data: bytearray, rng: Random) -> None:
    """Numbers that are often wrong: none, one, the largest, and beyond."""
    value = rng.choice([b"\0", b"\xff", b"\x7f", b"\x01\0", b"\x80"])
    at, count = int(rng.integers(len(data))), int(rng.choice([1, 2, 4, 8]))
    data[at : at + count] = (bytes(value) * 8)[:count]


def cut(data: bytearray, rng: Random) -> None:
    del data[int(rng.integers(len(data))) :]


def remove(data: bytearray, rng: Random) -> None:
    at = int(rng.integers(len(data)))
    del data[at : at + int(rng.integers(1, 65))]


def repeat(data: bytearray, rng: Random) -> None:
    at, to = (int(n) for n in rng.integers(len(data), size=2))
    data[to:to] = data[at : at + int(rng.integers(1, 65))]


def move(data: bytearray, rng: Random) -> None:
    at, to = (int(n) for n in rng.integers(len(data), size=2))
    count = int(rng.integers(1, 65))
    data[to : to + count] = data[at : at + count]


DAMAGE = (flip, flip, overwrite, overwrite, cut, remove, repeat, move)


def damaged(data: bytes, rng: Random) -> bytes:
    found = bytearray(data)
    DAMAGE[int(rng.integers(len(DAMAGE)))](found, rng)
    return bytes(found)


# What is done to a configuration.

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 2**31, 2**62, -(2**62), 0.5, -0.5, 1e30,
    float("inf"), "", "x", "relu", "float16", "hidden", "../x", "\0", [], [0], [None],
    [-1, 2], ["x"], {}, {"class_name": "Dense"}, {"class_name": "x", "config": {}},
    {"class_name": "function", "config": "relu", "module": "builtins"},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "float32"}},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}},
)  # fmt: skip


def nodes(value: Any) -> list[Node]:
    """All places in a configuration."""
    if isinstance(value, dict):
        inner = [(value, key) for key in value]
    elif isinstance(value, list):
        inner = [(value, place) for place in range(len(value))]
    else:
        return []
    return inner + [node for box, key in inner for node in nodes(box[key])]


def drop(node: Node, other: Node, rng: Random) -> None:
    del node[0][node[1]]


def retype(node: Node, other: Node, rng: Random) -> None:
    node[0][node[1]] = copy.deepcopy(VALUES[int(rng.integers(len(VALUES)))])


def swap(node: Node, other: Node, rng: Random) -> None:
    one, two = (copy.deepcopy(box[key]) for box, key in (node, other))
    node[0][node[1]] = two
    if other[0] is not node[0] or other[1] != node[1]:
        other[0][other[1]] = one


def duplicate(node: Node, other: Node, rng: Random) -> None:
    box, key = node
    if isinstance(box, list):
        box.insert(key, copy.deepcopy(box[key]))
    else:
        box[f"{key}_2"] = box[key]


def rename(node: Node, other: Node, rng: Random) -> None:
    box, key = node
    if isinstance(box, dict):
        box[str(rng.choice(["name", "config", "x", "units", "dtype"]))] = box.pop(key)


def wrap(node: Node, other: Node, rng: Random) -> None:
    box, key = node
    box[key] = [box[key]] if rng.integers(2) else {"x": box[key]}


CHANGES = (drop, retype, retype, retype, swap, duplicate, rename, wrap)


def changed(config: Any, rng: Random) -> Any:
    found = {"": copy.deepcopy(config)}
    for _ in range(int(rng.integers(1, 4))):
        places = nodes(found)
        if len(places) > 1:
            node, other = (places[int(n)] for n in rng.integers(1, len(places), size=2))
            CHANGES[int(rng.integers(len(CHANGES)))](node, other, rng)
    return found[""]


# Reading.


def case(kind: str, number: int, folder: Path) -> Callable[[], Any]:
    """Make the file of a case; what is returned reads it."""
    rng = np.random.default_rng([KINDS.index(kind), number])
    name = kind.split()[-1]
    path = folder / name
    valid = (model_files.folder() / name).read_bytes()
    if kind in BYTES:
        path.write_bytes(damaged(valid, rng))
    elif name == "m.keras":
        model_files.keras_file(path, lambda config: changed(config, rng))
    elif name == "m.h5":
        model_files.legacy_file(path, lambda config: changed(config, rng))
    else:
        path.write_text(json.dumps(changed(json.loads(valid), rng)))
    if name in ("m.json", "graph.json", "keras2.json"):
        return lambda: model_from_json(path.read_bytes().decode(errors="replace"))
    if "weights" in name or name == "m.safetensors":
        return lambda: load_weights(path)
    return lambda: load_model(path)


@functools.cache
def model() -> Any:
    return model_files.model()


def load_weights(path: Path) -> None:
    """Whatever happens, there are either the old weights or the new ones."""
    before = [w.array.tobytes() for w in model().weights]
    try:
        model().load_weights(path)
    except SeqirError:
        after = [w.array.tobytes() for w in model().weights]
        assert after == before, "half of the weights are new"
        raise


def outcome(read: Callable[[], Any]) -> str:
    """``read``, ``refused``, or what is wrong."""
    try:
        read()
    except SeqirError as error:
        told = str(error)
        return "refused" if len(told) < 20_000 else f"{len(told)} letters: {told[:99]}"
    except Warning as warning:
        return "refused" if "another optimizer" in str(warning) else repr(warning)
    except BaseException as error:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        code = place.tb_frame.f_code if place is not None else None
        at = f"{code.co_filename}:{place.tb_lineno}" if code and place else "?"
        return f"{type(error).__name__}: {str(error)[:200]!r} at {at}"
    return "read"


def main(kind: str, first: str, last: str, folder: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error")
    if kind == "m.weights.json":
        model_files.copy(kind, Path(folder))  # its shards
    for number in range(int(first), int(last)):
        print(number, end=" ", flush=True)
        print(outcome(case(kind, number, Path(folder))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
