"""Outputs for many inputs, batch by batch, into arrays made once."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import numpy as np

from seqir import data, nest
from seqir.arguments import Verbosity, integer, verbosity
from seqir.console import moves
from seqir.errors import ShapeError
from seqir.ir import Array
from seqir.layer.checks import check_arrays
from seqir.network.base import Network
from seqir.network.inputs import admit, converted, element_types, standardize
from seqir.network.runner import Prediction, Runner

Run: TypeAlias = Callable[[dict[str, Array]], list[Array]]
_Fed = TypeVar("_Fed")


def predict(
    runner: Runner,
    x: object,
    *,
    batch_size: int | None,
    verbose: Verbosity,
    steps: int | None,
    callbacks: object,
    device: str | None,
) -> Any:
    """See `Model.predict`."""
    verbose = verbosity(verbose)
    model = runner.model
    model.stop_predicting = False

    with (
        Prediction(runner, device) as prediction,
        telling(callbacks, model, prediction.run) as told,
    ):
        if data.makes_batches(x) or data.has_sparse(x):
            results = _of_batches(model, x, batch_size, steps, verbose, told)
        else:
            results = _of_arrays(model, x, batch_size, steps, verbose, told)
    return nest.pack(runner.structure_of(), results)


def _of_batches(
    model: Network,
    x: object,
    batch_size: int | None,
    steps: int | None,
    verbose: Verbosity,
    run: Run,
) -> list[Array]:
    """The outputs of all batches that something makes."""
    batches = data.adapt(x, batch_size=batch_size, steps=steps, what="predict")
    parts: list[list[Array]] = []
    with progress(verbose, batches.count) as advance:
        for batch in batches.epoch(0):
            if not model.connected:
                model.build_from_arrays(batch.x)
            found = run(standardize(model, batch.x))
            for part in found:
                check_batch_axis(part, batch.size)
            parts.append(found)
            advance()
            if model.stop_predicting:
                break
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _of_arrays(
    model: Network,
    x: object,
    batch_size: int | None,
    steps: int | None,
    verbose: Verbosity,
    run: Run,
) -> list[Array]:
    """The outputs for arrays."""
    size = 32 if batch_size is None else integer("batch_size", batch_size, least=1)
    if model.fixed_batch:
        size, run = model.fixed_batch, _filled(run, model.fixed_batch)
    if not model.connected:
        check_arrays(model, (x,), {})
        model.build_from_arrays(nest.map_structure(lambda a: a[:size], x))
    feeds, types = admit(model, x, any_batch=True), element_types(model)
    lengths = {name: len(a) for name, a in feeds.items() if a.ndim}
    if len(lengths) != len(feeds):
        raise ShapeError(f"inputs of predict need a batch axis: {sorted(feeds)}")
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"inputs have different numbers of samples: {lengths}")
    total = next(iter(lengths.values()), 0)
    if steps is not None:
        total = min(total, steps * size)
    if total <= size:
        feeds = {n: a[:total] for n, a in feeds.items()} if steps is not None else feeds
        return run(converted(feeds, types))
    results: list[Array] = []
    with progress(verbose, -(-total // size)) as advance:
        ready = all(a.dtype == types[n] for n, a in feeds.items())
        entering = list(feeds.items())
        for begin in range(0, total, size):
            end = min(begin + size, total)
            batch = {n: a[begin:end] for n, a in entering}
            parts = run(batch if ready else converted(batch, types))
            if not results:
                results = [_room(p, end - begin, total) for p in parts]
            for whole, part in zip(results, parts, strict=True):
                room = whole[begin:end]
                if part.shape != room.shape:
                    raise ShapeError(
                        f"an output of shape {part.shape} for {end - begin} samples "
                        "cannot be joined with those of the other batches; use "
                        "predict_on_batch"
                    )
                room[...] = part
            advance()
            if model.stop_predicting:
                return [whole[:end] for whole in results]
    return results


def _filled(run: Run, size: int) -> Run:
    """A run of smaller batches by one that takes a certain size only."""

    def filled(feeds: dict[str, Array]) -> list[Array]:
        count = len(next(iter(feeds.values())))
        if not 0 < count < size:
            return run(feeds)
        rows = np.minimum(np.arange(size), count - 1)
        return [part[:count] for part in run({n: a[rows] for n, a in feeds.items()})]

    return filled


@contextmanager
def telling(
    callbacks: Any, model: Network, run: Callable[[_Fed], list[Array]]
) -> Generator[Callable[[_Fed], list[Array]]]:
    """A run that callbacks are told of, batch by batch."""
    if callbacks is None:
        yield run
        return
    from seqir.callbacks import CallbackList

    listed = callbacks
    if not isinstance(callbacks, CallbackList):
        listed = CallbackList(callbacks, model=model)
    numbers = itertools.count()

    def told(feeds: _Fed) -> list[Array]:
        number = next(numbers)
        listed.on_predict_batch_begin(number)
        results = run(feeds)
        listed.on_predict_batch_end(number, {"outputs": results})
        return results

    listed.on_predict_begin()
    yield told
    listed.on_predict_end()


def check_batch_axis(part: Array, batch: int) -> None:
    """ShapeError for an output that has not one row for each sample."""
    if not part.ndim or len(part) != batch:
        raise ShapeError(
            f"an output of shape {part.shape} for {batch} samples has no batch axis to "
            "be joined on; use predict_on_batch"
        )


def _room(part: Array, batch: int, total: int) -> Array:
    check_batch_axis(part, batch)
    return np.empty((total, *part.shape[1:]), part.dtype)


@contextmanager
def progress(verbose: Verbosity, total: int | None) -> Generator[Callable[[], None]]:
    """What to call after each batch; on a terminal, or where asked for, it is shown."""
    if verbose == 0 or (verbose == "auto" and not moves(sys.stderr)):
        yield lambda: None
        return
    from seqir.callbacks import ProgbarLogger

    bar, numbers = ProgbarLogger(), itertools.count()
    bar.set_params({"verbose": verbose, "steps": total})
    bar.on_predict_begin()
    try:
        yield lambda: bar.on_predict_batch_end(next(numbers))
        bar.on_predict_end()
    finally:
        bar.close()
