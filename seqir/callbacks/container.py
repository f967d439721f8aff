"""All callbacks of a training, called as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from seqir import nest
from seqir.callbacks.base import HOOKS, Callback, Logs, overrides
from seqir.callbacks.history import History
from seqir.callbacks.progbar import ProgbarLogger
from seqir.errors import ArgumentError, LoadError
from seqir.ir import Array

T = TypeVar("T", bound=Callback)


class CallbackList:
    """Calls the hooks of callbacks, and only of those that have something to do.

    They are called in the order given, History and the progress after them, and those
    that write checkpoints last, so that a checkpoint holds what all the others know
    after the same batch. Source: Keras 3 ``keras.callbacks.CallbackList``.

    Args:
        callbacks: a callback, or a list of them.
        add_history: whether to add a `History` if there is none.
        add_progbar: whether to add a `ProgbarLogger` if there is none.
        model: the model that is trained.
        params: ``verbose``, ``epochs`` and ``steps``.

    Raises: ArgumentError for something that is not a callback.
    """

    def __init__(
        self,
        callbacks: object = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        given = [] if callbacks is None else nest.flatten(callbacks)
        self.callbacks: list[Callback] = [_checked(c) for c in given]
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and self._find(kind) is None:
                self.callbacks.append(kind())
        self.params = params
        self.model = model
        self._listeners = self._listen()
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        self.callbacks.append(_checked(callback))
        self._listeners = self._listen()

    @property
    def history(self) -> History:
        """The history among them.

        Raises: ArgumentError if there is none.
        """
        found = self._find(History)
        if found is None:
            raise ArgumentError("there is no History among these callbacks")
        return found

    def set_model(self, model: Any) -> None:
        """Say which model is trained; it gets the history as attribute."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)
        if (history := self._find(History)) is not None:
            model.history = history

    def set_params(self, params: dict[str, Any]) -> None:
        """Say how it is trained."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    # What a checkpoint holds.

    def get_state(self) -> list[tuple[str, dict[str, Any]]]:
        """Class and state of each callback."""
        return [(type(c).__name__, c.get_state()) for c in self.callbacks]

    def get_arrays(self) -> list[dict[str, Array]]:
        """The arrays of each callback."""
        return [c.get_arrays() for c in self.callbacks]

    def set_state(
        self,
        states: Iterable[Sequence[Any]],
        arrays: Iterable[dict[str, Array]],
    ) -> None:
        """Give callbacks what those of the same class and order have known.

        What belongs to a callback that is not here any more is left out.
        """
        saved, own = list(states), list(arrays)
        for callback, i in self._matched(saved):
            callback.set_state(saved[i][1])
            callback.set_arrays(own[i])

    def check_state(self, states: Iterable[Sequence[Any]]) -> None:
        """That callbacks could be given these states.

        Raises: LoadError if one lacks what even a new callback knows.
        """
        saved = list(states)
        for callback, i in self._matched(saved):
            kind, state = saved[i]
            if missing := callback.get_state().keys() - state.keys():
                raise LoadError(
                    f"the checkpoint was written with another {kind}: it does not know "
                    f"its {', '.join(sorted(missing))}"
                )

    def _matched(self, saved: list[Sequence[Any]]) -> Iterator[tuple[Callback, int]]:
        """Each callback with the place of the first state of its class that is left."""
        rest = list(range(len(saved)))
        for callback in self.callbacks:
            kind = type(callback).__name__
            found = next((i for i in rest if saved[i][0] == kind), None)
            if found is not None:
                rest.remove(found)
                yield callback, found

    def restore(self) -> bool:
        """Let those that have a checkpoint of their own load it; whether one did."""
        return any([callback.restore() for callback in self.callbacks])

    def close(self) -> None:
        """Close files and bars; to be called at every end."""
        for callback in self.callbacks:
            callback.close()

    # Hooks.

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_train_begin", dict(logs or {}))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_train_end", dict(logs or {}))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_epoch_begin", epoch, dict(logs or {}))

    def on_epoch_resume(self, epoch: int, batch: int) -> None:
        """See `Callback`."""
        self._call("on_epoch_resume", epoch, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_epoch_end", epoch, dict(logs or {}))

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call_batch("on_train_batch_end", batch, logs)

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_test_begin", dict(logs or {}))

    def on_test_end(self, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_test_end", dict(logs or {}))

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call_batch("on_test_batch_end", batch, logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_predict_begin", dict(logs or {}))

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call("on_predict_end", dict(logs or {}))

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """See `Callback`."""
        self._call_batch("on_predict_batch_end", batch, logs)

    def _call(self, name: str, *args: object) -> None:
        for hook in self._listeners[name]:
            hook(*args)

    def _call_batch(self, name: str, batch: int, logs: Logs | None) -> None:
        """All of them get one dict, which is theirs to keep."""
        for hook in self._listeners[name]:
            hook(batch, {} if logs is None else logs)

    def _listen(self) -> dict[str, list[Callable[..., None]]]:
        """For each hook the methods that do something."""
        ordered = sorted(self.callbacks, key=lambda c: c.saves_state)
        return {
            hook: [getattr(c, hook) for c in ordered if overrides(c, hook)]
            for hook in HOOKS
        }

    def _find(self, kind: type[T]) -> T | None:
        return next((c for c in self.callbacks if isinstance(c, kind)), None)


def _checked(callback: Any) -> Callback:
    kind: type[object] = callback.__class__
    if isinstance(callback, Callback):
        return callback
    if isinstance(callback, type) and issubclass(callback, Callback):
        raise ArgumentError(
            f"{callback.__name__} is a class: pass an object, {callback.__name__}(...)"
        )
    raise ArgumentError(
        "callbacks must be seqir.callbacks.Callback objects, got "
        f"{kind.__module__}.{kind.__qualname__}; LambdaCallback makes one of functions"
    )
