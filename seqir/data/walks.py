"""What the steps of a `Dataset` do with the elements before them."""

from __future__ import annotations

import contextvars
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from numpy.random import Generator, Philox

from seqir.data.elements import as_element, leaves, row

AUTOTUNE: Final = -1
"""As many as there are processors."""
_DRAWN: Final = 4096


def shuffled(
    elements: Iterator[Any], size: int | None, seed: int, turn: int
) -> Iterator[Any]:
    """The elements in an order that is a function of `seed` and `turn`.

    Each comes from a buffer of the next `size` ones (None: of all), as in tf.data.
    """
    draw = Generator(Philox(key=[seed % 2**64, turn % 2**64]))
    numbers = itertools.chain.from_iterable(
        draw.random(_DRAWN).tolist() for _ in itertools.count()
    )
    buffer = list(itertools.islice(elements, size))
    for element in elements:
        place = int(next(numbers) * len(buffer))
        yield buffer[place]
        buffer[place] = element
    while buffer:
        place = int(next(numbers) * len(buffer))
        buffer[place], buffer[-1] = buffer[-1], buffer[place]
        yield buffer.pop()


def batched(
    elements: Iterator[Any],
    size: int,
    drop_remainder: bool,
    join: Callable[[Sequence[Any]], Any],
) -> Iterator[Any]:
    """Every `size` elements as one; the last one of what is left, unless dropped."""
    while batch := list(itertools.islice(elements, size)):
        if len(batch) == size or not drop_remainder:
            yield join(batch)


def unbatched(elements: Iterator[Any]) -> Iterator[Any]:
    """The rows of each element."""
    for element in elements:
        for place in range(len(leaves(element)[0])):
            yield row(element, place)


def windows(
    elements: Iterator[Any], size: int, shift: int, stride: int, drop_remainder: bool
) -> Iterator[list[Any]]:
    """Lists of `size` elements, `stride` apart, that begin `shift` apart."""
    span = (size - 1) * stride + 1
    held = deque(itertools.islice(elements, span))
    while held and not (drop_remainder and len(held) < span):
        yield list(itertools.islice(held, 0, None, stride))
        for _ in range(min(shift, len(held))):
            held.popleft()
        held.extend(itertools.islice(elements, max(0, shift - span), shift))


def mapped(
    elements: Iterator[Any], fn: Callable[..., Any], parallel: int | None
) -> Iterator[Any]:
    """What `fn` gives for each element; several at once by threads, in order."""
    if parallel == AUTOTUNE:
        parallel = os.cpu_count()
    if not parallel or parallel == 1:
        return (as_element(called(fn, element)) for element in elements)
    return _by_threads(elements, fn, parallel)


def called(fn: Callable[..., Any], element: Any) -> Any:
    """`fn` of an element; the parts of a tuple are arguments."""
    return fn(*element) if isinstance(element, tuple) else fn(element)


def _by_threads(
    elements: Iterator[Any], fn: Callable[..., Any], count: int
) -> Iterator[Any]:
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(count, "seqir-data")
    waiting: deque[Future[Any]] = deque()
    try:
        for element in elements:
            run = contextvars.copy_context().run
            waiting.append(pool.submit(run, called, fn, element))
            if len(waiting) >= count:
                yield as_element(waiting.popleft().result())
        while waiting:
            yield as_element(waiting.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)
