"""The thread that takes batches ahead: order, errors, and that it ends."""

import gc
import itertools
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from data_samples import (
    generator,
)

from seqir import data


def threads() -> int:
    return sum(t.name == "seqir-prefetch" for t in threading.enumerate())


def wait_until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    return condition()


def test_prefetch_gives_everything_in_order() -> None:
    items = data.prefetch(iter(range(100)), depth=3)
    assert list(items) == list(range(100))
    assert list(items) == []
    assert wait_until(lambda: threads() == 0)


def test_prefetch_is_ahead_by_its_depth() -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        for i in range(10):
            taken.append(i)
            yield i

    with data.prefetch(source(), depth=2) as items:
        assert wait_until(lambda: len(taken) == 3)  # two wait, one wants in
        time.sleep(0.02)
        assert len(taken) == 3
        assert next(items) == 0
        assert wait_until(lambda: len(taken) == 4)


def test_prefetch_raises_what_the_iterator_raises() -> None:
    def broken_generator() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    items = data.prefetch(broken_generator())
    assert next(items) == 1
    with pytest.raises(KeyError, match="lost") as caught:
        next(items)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "broken_generator"
    with pytest.raises(StopIteration):
        next(items)
    assert wait_until(lambda: threads() == 0)


def test_prefetch_hands_on_interrupts() -> None:
    def interrupted() -> Iterator[int]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        next(data.prefetch(interrupted()))


def endless(closed: list[bool]) -> Iterator[int]:
    try:
        yield from itertools.count()
    finally:
        closed.append(True)


def test_prefetch_closes_on_an_early_stop() -> None:
    closed: list[bool] = []
    with data.prefetch(endless(closed)) as items:
        assert next(items) == 0
    assert closed == [True]
    assert threads() == 0
    assert list(items) == []


def test_prefetch_closes_on_an_error_of_the_consumer() -> None:
    closed: list[bool] = []
    with pytest.raises(KeyboardInterrupt), data.prefetch(endless(closed)):
        raise KeyboardInterrupt
    assert closed == [True]
    assert threads() == 0


def test_prefetch_ends_when_forgotten() -> None:
    closed: list[bool] = []
    for item in data.prefetch(endless(closed)):
        if item == 3:
            break
    gc.collect()
    assert wait_until(lambda: threads() == 0)
    assert closed == [True]


def test_prefetch_of_an_epoch_takes_nothing_of_the_next() -> None:
    batches = data.adapt(generator(6), steps=3)
    for epoch in range(2):
        with data.prefetch(batches.epoch(epoch)) as items:
            assert [b.x[0, 0] for b in items] == [
                3 * epoch,
                3 * epoch + 1,
                3 * epoch + 2,
            ]


def test_prefetch_computes_under_the_callers_settings() -> None:
    def source() -> Iterator[Any]:
        yield np.float32(1) / np.float32(0)

    with np.errstate(divide="ignore"):
        assert list(data.prefetch(source())) == [np.inf]


def test_an_interrupt_reaches_a_consumer_that_waits() -> None:
    code = (
        "import os, signal, threading, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs ignore it\n"
        "from seqir import data\n"
        "awake = threading.Event()\n"
        "def slow():\n"
        "    yield 1\n"
        "    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    awake.wait(20)\n"
        "    yield 2\n"
        "begin = time.monotonic()\n"
        "with data.prefetch(slow()) as items:\n"
        "    try:\n"
        "        list(items)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', time.monotonic() - begin < 10)\n"
        "    awake.set()\n"
        "print(threading.active_count())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert run.stdout.split() == [b"interrupted", b"True", b"1"]
