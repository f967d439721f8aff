"""Ctrl-C during a training: the first one waits for the step, the second does not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Whether someone has asked the training to end.

    Attributes:
        asked: the signal that was received first, or None.
    """

    def __init__(self) -> None:
        self.asked: int | None = None

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            raise KeyboardInterrupt
        self.asked = number


@contextmanager
def listening(*, terminate: bool) -> Generator[Interrupts]:
    """Listen for SIGINT (and SIGTERM, with `terminate`) while the block runs.

    Outside of the main thread, where Python allows no handlers, nothing is caught.
    """
    found = Interrupts()
    numbers = [signal.SIGINT, *([signal.SIGTERM] if terminate else [])]
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if signal.getsignal(number) is None:
                continue  # it was installed by C code: not ours to replace
            before[number] = signal.signal(number, found.receive)
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
