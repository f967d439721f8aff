"""Pauses of Python's collector: nothing is left off, whatever happens in them."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest

import seqir
from seqir import collector, layers

X, Y = np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)


@pytest.fixture(autouse=True)
def as_it_was() -> Generator[None]:
    assert gc.isenabled()
    yield
    assert gc.isenabled()
    assert not collector._pausing


def stack(n: int) -> seqir.Sequential:
    model = seqir.Sequential(
        [seqir.Input((4,)), *(layers.Dense(4, activation="relu") for _ in range(n))]
    )
    model.compile("adam", "mse")
    return model


def test_the_collector_rests_until_the_last_pause_is_over() -> None:
    with collector.paused():
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_a_pause() -> None:
    with pytest.raises(KeyError), collector.paused(), collector.paused():
        raise KeyError("x")
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with collector.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_last_thread_ends_the_pause() -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with collector.paused():
            inside.set()
            leave.wait(10)

    with collector.paused():
        other = threading.Thread(target=work)
        other.start()
        assert inside.wait(10)
    assert not gc.isenabled()
    leave.set()
    other.join()
    assert gc.isenabled()


def test_many_threads_leave_it_on() -> None:
    def work() -> None:
        for _ in range(200):
            with collector.paused():
                assert not gc.isenabled()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's, of forks
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, if it is loaded
@pytest.mark.parametrize("own", [False, True])
def test_a_child_has_only_the_pauses_of_its_thread(own: bool) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with collector.paused():
            inside.set()
            leave.wait(10)

    def check() -> bool:
        if own:
            with collector.paused():
                if pid := os.fork():
                    return os.waitpid(pid, 0)[1] == 0
                off = not gc.isenabled()
            os._exit(not (off and gc.isenabled()))
        if pid := os.fork():
            return os.waitpid(pid, 0)[1] == 0
        os._exit(not gc.isenabled())

    other = threading.Thread(target=hold)
    other.start()
    assert inside.wait(10)
    try:
        assert check()
    finally:
        leave.set()
        other.join()


def export(model: seqir.Sequential, folder: Path) -> None:
    model.export(folder / "stack.onnx", verify=False)


def predict(model: seqir.Sequential, folder: Path) -> None:
    model.predict(X, verbose=0)


def train(model: seqir.Sequential, folder: Path) -> None:
    model.train_on_batch(X, Y)


def build(model: seqir.Sequential, folder: Path) -> seqir.Sequential:
    return stack(30)  # a model itself has cycles


@pytest.mark.parametrize("work", [build, export, predict, train])
def test_graphs_leave_the_collector_nothing(
    work: Callable[[seqir.Sequential, Path], object], tmp_path: Path
) -> None:
    """What can be freed is freed at once: there are no cycles."""
    left = 0
    for model in (stack(2), stack(30)):  # the first loads what is loaded once
        gc.collect()
        gc.disable()
        try:
            made = work(model, tmp_path)
            left = gc.collect()
            del made
        finally:
            gc.enable()
    assert left < 30


@pytest.mark.parametrize(("work", "n"), [(export, 300), (predict, 300), (train, 40)])
def test_graphs_are_not_walked_again_and_again(
    work: Callable[[seqir.Sequential, Path], None], n: int, tmp_path: Path
) -> None:
    model = stack(n)
    work(stack(2), tmp_path)
    runs = 0

    def count(phase: str, info: dict[str, int]) -> None:
        nonlocal runs
        runs += phase == "start" and info["generation"] > 0

    gc.callbacks.append(count)
    try:
        work(model, tmp_path)
    finally:
        gc.callbacks.remove(count)
    assert runs <= 1


def test_the_collector_rests_while_a_table_is_made() -> None:
    """Ten thousand rows take a third longer with it."""
    model = stack(3)
    rested: list[bool] = []
    model.summary(print_fn=lambda text: rested.append(not gc.isenabled()))
    assert rested == [True]
