"""Progress: in a file exactly, on a terminal and in a notebook as far as it shows."""

import io
import re
import sys
from contextlib import redirect_stderr
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fake_training import FakeModel, fit, losses

import seqir
from seqir import layers, progress
from seqir.callbacks import CallbackList, LambdaCallback
from seqir.numerals import duration, numeral, pace
from seqir.progress import Line

NAN = float("nan")


class Clock:
    """A time that passes only when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "perf_counter", clock)
    return clock


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def frames(self) -> list[str]:
        """What was drawn, without colours and moves."""
        text = re.sub(r"\x1b\[\??[0-9;]*[a-zA-Z]", "", self.getvalue())
        return [frame for frame in text.split("\r") if frame]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    return Screen()


def run(
    clock: Clock, verbose: Any, *, epochs: int = 1, steps: int | None = 4, **extra: Any
) -> CallbackList:
    listed = CallbackList(
        extra.get("callbacks"),
        add_progbar=True,
        model=FakeModel(),
        verbose=verbose,
        epochs=epochs,
        steps=steps,
    )
    listed.on_train_begin()
    for epoch in range(epochs):
        listed.on_epoch_begin(epoch)
        for batch in range(4):
            clock.now += 1.0 if batch == 0 else 0.0625
            listed.on_train_batch_end(batch, {"loss": 1 / (batch + 1)})
        clock.now += 0.5  # a validation
        listed.on_epoch_end(
            epoch, {"loss": 0.25, "val_loss": NAN, "learning_rate": 0.1}
        )
    listed.on_train_end()
    listed.close()
    return listed


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_a_file_gets_a_line_per_epoch(
    verbose: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    run(clock, verbose, epochs=2)
    values = "loss: 0.2500 - val_loss: nan - learning_rate: 1.000e-01"
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"Epoch 1/2 - 4/4 - 1.7s - 62.5 ms/step - {values}\n"
        f"Epoch 2/2 - 4/4 - 1.7s - 62.5 ms/step - {values}\n"
    )


def test_zero_is_silent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 0)
    assert capsys.readouterr() == ("", "")


def test_an_unknown_number_of_steps_is_known_after_an_epoch(
    clock: Clock, screen: Screen
) -> None:
    with redirect_stderr(screen):
        run(clock, 1, epochs=2, steps=None)
    frames = screen.frames()
    assert frames[0] == "Epoch 1/2 0/?  0.0s"
    assert frames[1] == "Epoch 1/2 1/?  1.0s  1.00 s/step  loss: 1.000"
    assert any(
        f.startswith("Epoch 2/2 ━━━━━━━━━━━━━━━━━━━━ 1/4  ETA 3.0s") for f in frames
    )


def test_two_on_a_terminal_is_plain(clock: Clock, screen: Screen) -> None:
    with redirect_stderr(screen):
        run(clock, 2)
    assert screen.getvalue().startswith("Epoch 1/1 - 4/4 - ")
    assert "\x1b" not in screen.getvalue()


def test_a_dumb_terminal_gets_lines(
    clock: Clock, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with redirect_stderr(screen):
        run(clock, "auto")
    assert "\x1b" not in screen.getvalue()


def test_a_bar_moves_ten_times_a_second_at_most(clock: Clock, screen: Screen) -> None:
    with redirect_stderr(screen):
        run(clock, "auto")
    bar = "━" * 20
    assert screen.frames() == [
        f"Epoch 1/1 {bar} 0/4  0.0s",
        f"Epoch 1/1 {bar} 1/4  ETA 3.0s  1.00 s/step  loss: 1.000",
        # the second step came 0.0625 s later and was not drawn
        f"Epoch 1/1 {bar} 3/4  ETA 0.1s  62.5 ms/step  loss: 0.3333",
        f"Epoch 1/1 {bar} 4/4  1.7s  62.5 ms/step  loss: 0.2500  val_loss: nan  "
        "learning_rate: 1.000e-01\n",
    ]
    text = screen.getvalue()
    assert text.startswith("\x1b[?25l")  # the cursor is hidden
    assert text.endswith("\x1b[?25h")  # and given back


def test_what_others_print_is_above_the_bar(clock: Clock, screen: Screen) -> None:
    say = LambdaCallback(on_epoch_end=lambda e, logs: print("hello", file=sys.stderr))
    with redirect_stderr(screen):
        run(clock, 1, callbacks=[say])
    hello = next(f for f in screen.frames() if f.startswith("hello\n"))
    assert hello.startswith("hello\nEpoch 1/1 ━")
    assert screen.frames()[-1].endswith("learning_rate: 1.000e-01\n")


def test_output_for_a_pipe_does_not_go_to_the_bar(
    clock: Clock, screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    run(
        clock, 1, callbacks=[LambdaCallback(on_epoch_end=lambda e, logs: print("data"))]
    )
    assert capsys.readouterr().out == "data\n"
    assert "data" not in screen.getvalue()


def test_an_error_gives_the_cursor_back(clock: Clock, screen: Screen) -> None:
    def fails(epoch: int, logs: Any) -> None:
        raise RuntimeError("oops")

    with redirect_stderr(screen), pytest.raises(RuntimeError, match="oops"):
        fit(FakeModel(), LambdaCallback(on_epoch_end=fails), losses(1.0), verbose=1)
    assert screen.getvalue().endswith("\x1b[?25h")


def test_a_resumed_epoch_counts_only_its_own_steps(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = CallbackList(add_progbar=True, verbose=2, epochs=3, steps=100)
    listed.on_epoch_resume(1, 90)
    for batch in range(90, 100):
        clock.now += 0.1
        listed.on_train_batch_end(batch, {})
    listed.on_epoch_end(1, {"loss": 1.0})
    assert capsys.readouterr().err == (
        "Epoch 2/3 - 100/100 - 1.0s - 100 ms/step - loss: 1.000\n"
    )


def test_evaluations_show_outside_of_fit(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = CallbackList(
        add_progbar=True, model=FakeModel(), verbose=2, epochs=1, steps=1
    )

    def evaluate() -> None:
        listed.on_test_begin()
        listed.on_test_batch_end(0, {"loss": 9.0})
        listed.on_test_end({"loss": 2.0})

    listed.on_train_begin()
    listed.on_epoch_begin(0)
    evaluate()
    listed.on_train_end()
    assert capsys.readouterr().err == ""
    evaluate()
    listed.on_predict_begin()
    clock.now += 0.00025
    listed.on_predict_batch_end(0)
    listed.on_predict_end()
    assert capsys.readouterr().err.splitlines() == [
        "Evaluate - 1/1 - 0.0s - 0 us/step - loss: 2.000",
        "Predict - 1/1 - 0.0s - 250 us/step",
    ]


def test_a_notebook_updates_one_output(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, page: str) -> None:
            shown.append(page)

    def first(page: str, display_id: bool) -> Handle:
        assert display_id
        shown.append(page)
        return Handle()

    ipython, parts = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: Kernel()  # pyright: ignore[reportAttributeAccessIssue]
    parts.HTML, parts.display = str, first  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", parts)
    run(clock, "auto")
    assert len(shown) == 4
    assert shown[2].startswith("<pre>Epoch 1/1 ███████████████░░░░░ 3/4  ETA 0.1s")
    assert shown[3].startswith("<pre>Epoch 1/1 ████████████████████ 4/4  1.7s")


class Kernel:
    kernel = True


# Elsewhere than in fit.


def predicted(rows: int) -> None:
    model = seqir.Sequential([seqir.Input((2,)), layers.Dense(1)])
    model.predict(np.ones((rows, 2), np.float32), batch_size=2, verbose=1)


def test_predict_in_a_file_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    predicted(5)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"Predict - 3/3 - \d.\ds - [\d.]+ (us|ms|s)/step", line)


def test_predict_on_a_terminal_is_the_bar_of_fit(screen: Screen) -> None:
    with redirect_stderr(screen):
        predicted(5)
    frames = screen.frames()
    assert frames[0].startswith("Predict ━━━━━━━━━━━━━━━━━━━━ 0/3")
    assert frames[1].startswith("Predict ━━━━━━━━━━━━━━━━━━━━ 1/3  ETA ")
    assert frames[-1].startswith("Predict ━━━━━━━━━━━━━━━━━━━━ 3/3")


def test_a_bar_of_ones_own_says_how_long_it_will_take(
    clock: Clock, screen: Screen
) -> None:
    with redirect_stderr(screen):
        bar = seqir.utils.Progbar(4, unit_name="page")
        for _ in range(4):
            clock.now += 2.0
            bar.add(1)
    counts = [frame.split("━ ")[1].strip() for frame in screen.frames()]
    assert counts == [
        "1/4  ETA 6.0s  2.00 s/step",
        "2/4  ETA 4.0s  2.00 s/step",
        "3/4  ETA 2.0s  2.00 s/step",
        "4/4  8.0s  2.00 s/step",
    ]


# Layout and numbers.


def test_rows_by_width() -> None:
    values = [f"metric_{i}: 0.1234" for i in range(6)]
    line = Line("Epoch 1/2", 5, 10, ["ETA 3.0s", "20.0 ms/step"], values)
    wide = line.rows(200)
    assert wide[0] == 20
    assert len(wide[1]) == 1
    for width in (120, 80, 50, 40, 30):
        bar, rows = line.rows(width)
        assert all(len(row) <= width for row in rows[1:])
        assert len(line.label) + 1 + bar + bool(bar) + len(rows[0]) <= max(width, 39)
        assert "  ".join(rows).split() == "  ".join([rows[0], *values]).split()
    assert line.rows(20)[0] == 0
    assert progress.packed(["far too long for it"], 5) == ["  far too long for it"]
    assert Line("x", 3, None, [], []).rows(80) == (0, ["3/?"])
    assert Line("x", 12, 10, [], []).share == 1.0


def test_ascii_terminals(clock: Clock, screen: Screen) -> None:
    screen.encoding = "ascii"
    with redirect_stderr(screen):
        run(clock, 1)
    assert screen.getvalue().isascii()
    assert "Epoch 1/1 ---------------      3/4" in screen.frames()[2]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (0.5, "0.5000"),
        (0.0123456, "0.01235"),
        (12.3456, "12.35"),
        (12345.6, "12346"),
        (1234567.0, "1.235e+06"),
        (0.00001234, "1.234e-05"),
        (-0.25, "-0.2500"),
        (NAN, "nan"),
        (float("-inf"), "-inf"),
        (3, "3.000"),
        ([1.0, 0.5], "[1.000 0.5000]"),
    ],
)
def test_numbers_have_four_digits(value: Any, text: str) -> None:
    assert numeral("loss", value) == text


def test_times() -> None:
    assert numeral("learning_rate", 0.001) == "1.000e-03"
    times = [0.04, 9.94, 9.96, 59.4, 59.6, 3599.6, 3723]
    assert [duration(t) for t in times] == [
        *("0.0s", "9.9s", "10s", "59s", "1:00", "1:00:00", "1:02:03"),
    ]
    paces = [0.0000123, 0.0009994, 0.00312, 0.0312, 0.312, 0.99949, 2.5, 25.0, 250.0]
    assert [pace(p).removesuffix("/step") for p in paces] == [
        *("12 us", "999 us", "3.12 ms", "31.2 ms", "312 ms", "999 ms"),
        *("2.50 s", "25.0 s", "250 s"),
    ]
