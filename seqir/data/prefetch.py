"""A thread that takes the next items of an iterator before they are asked for."""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from seqir.arguments import integer

T = TypeVar("T")


def prefetch(iterator: Iterator[T], depth: int = 2) -> Prefetch[T]:
    """The items of an iterator, up to `depth` of them taken ahead by a thread.

    What the iterator raises is raised here, after the items before it, with its own
    traceback. The thread ends with the iterator, with `close` (or the end of a
    ``with`` block), or when nobody holds the result any more.

    Raises: ArgumentError if `depth` is below 1.
    """
    return Prefetch(iterator, integer("depth", depth, least=1))


class Prefetch(Iterator[T], Generic[T]):
    """See `prefetch`."""

    def __init__(self, iterator: Iterator[T], depth: int) -> None:
        self._shelf: _Shelf[T] = _Shelf(depth)
        # The thread knows the shelf only: held by it, this object would never go.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run,
            args=(_fill, self._shelf, iterator),
            name="seqir-prefetch",
            daemon=True,
        )
        weakref.finalize(self, self._shelf.stop)
        self._thread.start()

    def __next__(self) -> T:
        return self._shelf.get()

    def close(self) -> None:
        """Stop the thread and wait until the iterator is closed."""
        self._shelf.stop()
        self._thread.join()

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Shelf(Generic[T]):
    """Room for a few items between two threads."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.items: deque[T] = deque()
        self.stopped = False
        self.done = False
        self.error: BaseException | None = None
        self.changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Wait for room and store; False if nobody wants more."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopped or len(self.items) < self.depth)
            if not self.stopped:
                self.items.append(item)
                self.changed.notify_all()
            return not self.stopped

    def get(self) -> T:
        """Wait for an item and take it; StopIteration or the error at the end."""
        with self.changed:
            self.changed.wait_for(lambda: self.items or self.done or self.stopped)
            if self.items and not self.stopped:
                item = self.items.popleft()
                self.changed.notify_all()
                return item
            error, self.error = self.error, None
        if error is None or self.stopped:
            raise StopIteration
        try:
            raise error
        finally:
            del error  # the traceback holds this frame

    def stop(self) -> None:
        """No more items are wanted."""
        with self.changed:
            self.stopped = True
            self.items.clear()
            self.changed.notify_all()

    def finish(self, error: BaseException | None) -> None:
        """No more items will come."""
        with self.changed:
            self.done, self.error = True, error
            self.changed.notify_all()


def _fill(shelf: _Shelf[Any], iterator: Iterator[Any]) -> None:
    close = getattr(iterator, "close", None)
    try:
        try:
            for item in iterator:
                if not shelf.put(item):
                    break
        finally:
            if close is not None:  # a generator that is not at its end
                close()
    except BaseException as error:  # the consumer's to handle, whatever it is
        shelf.finish(error)
    else:
        shelf.finish(None)
