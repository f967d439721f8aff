"""One way to run a model in Python and a model in a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqir import dtypes, nest, runtime
from seqir.cli.arrays import Array, Wanted
from seqir.errors import ArgumentError
from seqir.runtime.refusal import find_fault, numpy_name

if TYPE_CHECKING:
    from seqir.model import Model


@dataclass(frozen=True)
class Runnable:
    """What can be run: its inputs, and a function from arrays to arrays."""

    inputs: list[Wanted]
    device: str
    run: Callable[[Mapping[str, Array], int], dict[str, Array]]
    """Outputs by name, for inputs by name and a batch size."""


def of_model(model: Model, device: str) -> Runnable:
    """A model in Python, on a device that is known to work."""
    from seqir.network.names import keyed

    model.require_built("input shape")
    name = runtime.resolve(device).name
    graph = model.graph()
    inputs = keyed(model.input_structure, list(graph.inputs))
    outputs = keyed(model.output_structure, list(graph.outputs), taken=inputs)

    def run(feeds: Mapping[str, Array], batch: int) -> dict[str, Array]:
        x = nest.pack(model.input_structure, list(feeds.values()))
        y = model.predict(x, batch_size=batch, verbose=0, device=name)
        return dict(zip(outputs, nest.flatten(y), strict=True))

    return Runnable(
        [
            Wanted(name, value.type.dtype, value.type.shape)
            for name, value in zip(inputs, graph.inputs.values(), strict=True)
        ],
        name,
        run,
    )


def of_file(path: str, device: str) -> Runnable:
    """An ``.onnx`` file, as onnxruntime opens it.

    Raises: ArgumentError if there is no such file, RunError if it is refused.
    """
    if not Path(path).is_file():
        raise ArgumentError(f"there is no file {path}")
    session = runtime.Session.from_file(path, device=device)
    described = session.described_inputs()
    inputs = [Wanted(x.name, numpy_name(x.type), tuple(x.shape)) for x in described]

    def run(feeds: Mapping[str, Array], batch: int) -> dict[str, Array]:
        feeds = {w.name: _converted(feeds[w.name], w) for w in inputs}
        if fault := find_fault(described, (), feeds):
            raise ArgumentError(fault)
        parts = [session.run(part) for part in _batches(inputs, feeds, batch)]
        results = (_joined([p[i] for p in parts]) for i in range(len(parts[0])))
        return dict(zip(session.output_names, results, strict=True))

    return Runnable(inputs, session.device, run)


def _converted(array: Array, wanted: Wanted) -> Array:
    """Numbers in the element type that the file asks for."""
    if array.dtype.name == wanted.dtype or array.dtype.kind not in "fiub":
        return array
    if wanted.dtype not in dtypes.ALL:
        return array
    return array.astype(dtypes.to_numpy(wanted.dtype))


def _batches(
    inputs: list[Wanted], feeds: Mapping[str, Array], size: int
) -> list[dict[str, Array]]:
    """The inputs in parts of at most `size` samples, if the file allows that."""
    free = all(w.shape and not isinstance(w.shape[0], int) for w in inputs)
    lengths = {len(a) for a in feeds.values()} if free else set[int]()
    if len(lengths) != 1 or not (total := lengths.pop()):
        return [dict(feeds)]
    count = math.ceil(total / size)
    return [
        {n: a[i * size : (i + 1) * size] for n, a in feeds.items()}
        for i in range(count)
    ]


def _joined(parts: list[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    if any(not p.ndim for p in parts):
        raise ArgumentError(
            "an output has no batch axis to join batches on; use a larger --batch-size"
        )
    return np.concatenate(parts)
