"""Standard streams that are missing, closed, mute, broken, or of another encoding."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, console, layers
from seqir.downloads.progress import Progress

X = np.ones((40, 2), np.float32)


class Mute:
    """It can be written to, and nothing else."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


class Gone(io.StringIO):
    """A terminal that was taken away."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError("Input/output error")


def closed() -> Any:
    stream = io.StringIO()
    stream.close()
    return stream


def latin() -> Any:
    return io.TextIOWrapper(io.BytesIO(), encoding="latin-1")


STREAMS: dict[str, Any] = {
    "none": lambda: None,
    "closed": closed,
    "mute": Mute,
    "gone": Gone,
    "no methods": object,
    "latin-1": latin,
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
}


def model() -> Any:
    made = seqir.Sequential(
        [seqir.Input((2,)), layers.Dense(1, name="плотный")], name="模型"
    )
    made.compile("sgd", "mse")
    return made


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("name", ["stderr", "both"])
@pytest.mark.parametrize("verbose", ["auto", 1])
def test_everything_works_without_a_console(
    make: Any, name: str, verbose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    monkeypatch.setenv("TERM", "xterm-256color")
    for each in ("stderr", "stdout") if name == "both" else (name,):
        monkeypatch.setattr(sys, each, make())
    told = [callbacks.EarlyStopping("loss", patience=0, verbose=1)]
    history = made.fit(X, X[:, :1], epochs=2, verbose=verbose, callbacks=told)
    assert len(history.epoch) >= 1
    assert made.evaluate(X, X[:, :1], verbose=verbose) >= 0
    assert made.predict(X, verbose=verbose).shape == (40, 1)
    made.summary()
    made.summary(style="plain")
    with Progress("file.bin") as bar:
        bar.start(3, 0)
        bar.advance(3)


def test_a_stream_gets_what_its_encoding_has() -> None:
    stream = latin()
    console.put("Größe 模型\n", stream)
    assert stream.buffer.getvalue() == "Größe ??\n".encode("latin-1")
    mute: Any = Mute()
    console.put("模型", mute)
    assert mute.text == "模型"


def test_a_terminal_is_what_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert console.moves(Gone())
    monkeypatch.setenv("TERM", "dumb")
    assert console.is_terminal(Gone())
    assert not console.moves(Gone())
    for name in ("none", "closed", "mute", "no methods", "latin-1"):
        assert not console.is_terminal(STREAMS[name]())


@pytest.mark.parametrize("streams", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_the_command_line_works_without_streams(streams: str) -> None:
    program = "from seqir.cli import main; main()"
    command = f"{sys.executable} -c '{program}' --version {streams}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
