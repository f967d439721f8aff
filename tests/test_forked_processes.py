"""Models in forked children: they have the parent's memory and none of its threads."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

BEGIN = """
import multiprocessing, os, sys, time, warnings
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import seqir as keras
from seqir import layers

warnings.simplefilter("ignore")  # Python's own, of forks with threads
rng = np.random.default_rng(0)
x = rng.normal(size=(64, 8)).astype(np.float32)
y = rng.normal(size=(64, 3)).astype(np.float32)

def make():
    model = keras.Sequential([
        keras.Input((8,)), layers.Dense(16, activation="relu"),
        layers.BatchNormalization(), layers.Dense(3),
    ])
    model.compile("adam", "mse")
    return model

def forked(work, leave=os._exit):
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            leave(code)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, f"the child failed with {status}"
            return
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")

model = make()
model.predict(x, verbose=0)
model.fit(x, y, epochs=2, verbose=0)
before = model.get_weights()
twin = make()
twin.set_weights(before)
wanted = twin.predict(x, verbose=0)

def same(found):
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
"""

END = """
for got, old in zip(model.get_weights(), before, strict=True):
    np.testing.assert_array_equal(got, old)
same(model.predict(x, verbose=0))  # the parent goes on
model.fit(x, y, verbose=0)
"""

CASES = {
    "predict": """
        forked(lambda: same(model.predict(x, verbose=0)))
        forked(lambda: same(model(x)))
        """,
    "predict in turn with the training": """
        for _ in range(3):
            model.train_on_batch(x, y)
            model.predict(x, verbose=0)
        before = model.get_weights()
        twin.set_weights(before)
        wanted = twin.predict(x, verbose=0)
        forked(lambda: same(model.predict(x, verbose=0)))
        """,
    "drop the model": """
        def work():
            global model
            del model
            import gc
            gc.collect()
            same(twin.predict(x, verbose=0))
        forked(work)
        """,
    "evaluate": """
        wanted_loss = model.evaluate(x, y, verbose=0)
        forked(lambda: np.testing.assert_allclose(
            model.evaluate(x, y, verbose=0), wanted_loss, rtol=1e-5))
        """,
    "train": """
        def work():
            model.fit(x, y, epochs=2, verbose=0)
            model.train_on_batch(x, y)
            found = model.predict(x, verbose=0)
            twin.set_weights(model.get_weights())
            np.testing.assert_allclose(
                found, twin.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
            assert np.abs(found - wanted).max() > 0
        forked(work)
        """,
    "end as programs do": """
        def work():
            same(model.predict(x, verbose=0))
            model.fit(x, y, verbose=0)
        forked(work, leave=sys.exit)
        """,
    "layer": """
        dense = layers.Dense(3)
        first = dense(x)
        forked(lambda: np.testing.assert_allclose(dense(x), first, rtol=1e-6))
        """,
    "threads of a child": """
        def work():
            with ThreadPoolExecutor(4) as pool:
                for found in pool.map(lambda _: model.predict(x, verbose=0), range(8)):
                    same(found)
        forked(work)
        """,
    "child of a child": """
        def inner():
            same(model.predict(x, verbose=0))
            model.fit(x, y, verbose=0)
        def work():
            model.predict(x, verbose=0)
            forked(inner)
            same(model.predict(x, verbose=0))
        forked(work)
        """,
    "fork while another thread trains": """
        import threading
        other, ended = make(), threading.Event()
        def train():
            while not ended.is_set():
                other.train_on_batch(x, y)
        thread = threading.Thread(target=train)
        thread.start()
        try:
            for _ in range(3):
                time.sleep(0.05)
                forked(lambda: np.isfinite(other.predict(x, verbose=0)).all())
                forked(lambda: other.fit(x, y, verbose=0))
        finally:
            ended.set()
            thread.join()
        """,
    "fork while another thread builds": """
        import threading
        inside, ended = threading.Event(), threading.Event()
        class Waits(layers.Layer):
            def build(self, input_shape):
                inside.set()
                assert ended.wait(20)
        builder = threading.Thread(target=lambda: Waits().build((None, 2)))
        builder.start()
        def work():
            layer = layers.Dense(3)
            layer.build((None, 2))
            assert layer.count_params() == 9
        try:
            assert inside.wait(20)
            forked(work)
        finally:
            ended.set()
            builder.join()
        """,
    "what layers assign to": """
        class Counter(layers.Layer):
            def build(self, input_shape):
                self.n = self.add_weight((), "zeros", trainable=False, name="n")
            def call(self, x):
                self.n.assign_add(1)
                return x * 0 + self.n
        counting = keras.Sequential([keras.Input((8,)), Counter()])
        def counts(wanted):
            assert float(counting(x).max()) == wanted
            assert float(counting.layers[-1](x).max()) == wanted + 1
        counts(1)
        forked(lambda: counts(3))
        counts(3)
        """,
    "the parent's session itself": """
        session = model._layer_state.runner.form().session
        def work():
            try:
                session.run({})
            except keras.errors.RunError as error:
                assert "made by the parent of this process" in str(error)
            else:
                raise AssertionError("it ran")
        forked(work)
        """,
    "multiprocessing": """
        context = multiprocessing.get_context("fork")
        def work(queue):
            queue.put(model.predict(x, verbose=0))
        queue = context.Queue()
        process = context.Process(target=work, args=(queue,))
        process.start()
        same(queue.get(timeout=10))
        process.join(10)
        assert process.exitcode == 0
        """,
}


RUN = """
import sys, traceback
begin, *cases = sys.argv[1:]
for number, case in enumerate(cases):
    try:
        exec(begin + case, {"__name__": "case"})
        print(f"{number}: done", flush=True)
    except BaseException:
        print(f"{number}: {traceback.format_exc()[-1500:]!r}", flush=True)
"""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What came of each case, all in one process: importing takes longest."""
    cases = [textwrap.dedent(case) + END for case in CASES.values()]
    done = subprocess.run(
        [sys.executable, "-c", RUN, BEGIN, *cases],
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    return {name: lines.get(str(i), done.stderr) for i, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
def test_a_forked_child_goes_on(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name] == "done"
