"""Progress on stderr: a bar where someone is looking, a line per epoch elsewhere."""

from __future__ import annotations

from typing import Any

from seqir.callbacks.base import Callback, Logs
from seqir.numerals import numeral
from seqir.progress import Clock, Display, Line, display_for
from seqir.text import one_line


class ProgbarLogger(Callback):
    """Shows epoch, step, time left, time per step, loss and metrics, on stderr.

    With ``verbose`` 1 or "auto" that is a bar on a terminal and in a notebook, and a
    plain line per epoch elsewhere; with 2 it is the line everywhere. Values are read
    only when they are drawn, at most ten times a second. Evaluations inside `fit` are
    not shown. Source: Keras 3 ``keras.callbacks.ProgbarLogger``.
    """

    def __init__(self) -> None:
        self._display: Display | None = None
        self._fitting = False
        self._total: int | None = None
        self._label, self._clock = "", Clock()

    def set_params(self, params: dict[str, Any]) -> None:
        """Say how many steps there are, and how much to show."""
        super().set_params(params)
        self._total = params.get("steps")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """From now on evaluations are silent."""
        self._fitting = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Show evaluations again."""
        self._fitting = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin a bar."""
        self._open(self._label_of(epoch))

    def on_epoch_resume(self, epoch: int, batch: int) -> None:
        """Begin a bar in the middle."""
        self._open(self._label_of(epoch), batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Show a step."""
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the values of the epoch, for good."""
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Begin a bar, outside of `fit`."""
        if not self._fitting:
            self._open("Evaluate")

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Show a step, outside of `fit`."""
        if not self._fitting:
            self._step(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Show the values, outside of `fit`."""
        if not self._fitting:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Begin a bar."""
        self._open("Predict")

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Show a step."""
        self._step(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Show the time."""
        self._finish(None)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._fitting = False
        self._leave()

    def _label_of(self, epoch: int) -> str:
        return f"Epoch {epoch + 1}/{self.params.get('epochs', '?')}"

    def _open(self, label: str, begun: int = 0) -> None:
        self._leave()
        self._label, self._clock = label, Clock(begun)
        self._display = display_for(self.params.get("verbose", "auto"))
        if self._display is not None and self._display.live:
            self._display.draw(self._line(None))

    def _leave(self) -> None:
        """Close a bar that was not finished."""
        if self._display is not None:
            self._display.close()
            self._display = None

    def _step(self, batch: int, logs: Logs | None) -> None:
        self._clock.step(batch + 1)
        if self._display is not None:
            self._display.step(lambda: self._line(logs))

    def _finish(self, logs: Logs | None) -> None:
        if self._total is None:
            self._total = self._clock.done  # as many as there will be the next time
        if self._display is not None:
            self._display.finish(self._line(logs, over=True))
            self._display = None

    def _line(self, logs: Logs | None, over: bool = False) -> Line:
        """What is to be seen now."""
        values = [
            f"{one_line(name)}: {numeral(name, v)}" for name, v in (logs or {}).items()
        ]
        times = self._clock.times(self._total, over)
        return Line(self._label, self._clock.done, self._total, times, values)


class Progbar:
    """A bar for a loop of one's own, on stderr.

    Values are shown as means over the steps, but for those in `stateful_metrics`.
    Source: ``keras.utils.Progbar``.

    Args:
        target: steps in all, None if that is not known.
        width: characters of the bar; the room of the terminal decides.
        verbose: 0 silent, 1 a bar, 2 a line at the end.
        interval: seconds between two drawings.
        stateful_metrics: names of values that are shown as they are.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Any = None,
        unit_name: str = "step",
    ) -> None:
        del width
        self.target = target
        self.stateful_metrics = set(stateful_metrics or ())
        self.unit_name = unit_name
        self._display = display_for(verbose)
        if self._display is not None:
            self._display.interval = interval
        self._sums: dict[str, tuple[float, float]] = {}
        self._clock = Clock()

    def update(self, current: int, values: Any = None, finalize: object = None) -> None:
        """Show that so many steps are done; `values`: pairs of name and value."""
        steps = current - self._clock.done
        for name, value in values or ():
            if name in self.stateful_metrics:
                self._sums[name] = float(value), 1.0
            else:
                total, count = self._sums.get(name, (0.0, 0.0))
                self._sums[name] = total + float(value) * steps, count + steps
        self._clock.step(current)
        done = current == self.target if finalize is None else finalize
        if self._display is None:
            return
        if done:
            self._display.finish(self._line(over=True))
            self._display = None
        else:
            self._display.step(self._line)

    def add(self, n: int, values: Any = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._clock.done + n, values)

    def _line(self, over: bool = False) -> Line:
        values = [
            f"{one_line(name)}: {numeral(name, total / max(count, 1.0))}"
            for name, (total, count) in self._sums.items()
        ]
        times = self._clock.times(self.target, over)
        return Line(self.unit_name, self._clock.done, self.target, times, values)
