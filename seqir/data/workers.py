"""Items of a dataset made by several threads or processes, in the order asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seqir.errors import UnsupportedError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


def in_order(dataset: Any, numbers: Sequence[int]) -> Iterator[Any]:
    """``dataset[i]`` for each number, made ahead if the dataset has workers.

    Raises: UnsupportedError if a worker process ends before it has answered.
    """
    if dataset.workers > 1 or (dataset.workers and dataset.use_multiprocessing):
        return _made_ahead(dataset, numbers)
    return (dataset[number] for number in numbers)


def _made_ahead(dataset: Any, numbers: Sequence[int]) -> Iterator[Any]:
    from concurrent.futures import ThreadPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    make: Any = dataset.__getitem__
    if dataset.use_multiprocessing:
        pool, make = _processes(dataset), _make
    else:
        pool = ThreadPoolExecutor(dataset.workers, "seqir-data")
    waiting: deque[Future[Any]] = deque()
    most = dataset.max_queue_size or len(numbers)
    try:
        for number in numbers:
            waiting.append(pool.submit(make, number))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UnsupportedError(
            f"a process of the {type(dataset).__name__} ended before it gave its "
            "batch; use_multiprocessing needs a dataset that can be pickled and a "
            'script guarded by if __name__ == "__main__":, threads need neither'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _processes(dataset: Any) -> Executor:
    """Processes that have the dataset."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A fork copies locks that other threads hold, and then waits for ever.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(dataset.workers, context, _keep, (dataset,))


_dataset: Any = None  # of a worker process


def _keep(dataset: object) -> None:
    global _dataset
    _dataset = dataset


def _make(number: int) -> Any:
    return _dataset[number]
