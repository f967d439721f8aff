"""The loops: fit, evaluate, and single batches."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from seqir import callbacks as callbacks_room
from seqir import data, nest
from seqir.callbacks.base import check_count
from seqir.data import Batch, Batches, noting
from seqir.data.arrays import ArrayBatches
from seqir.errors import ArgumentError
from seqir.ir import Array
from seqir.train import failure
from seqir.train.checkpoint import Checkpoints, Notes, Position
from seqir.train.feeds import Feeder
from seqir.train.frozen import FrozenFeeder, require_arrays
from seqir.train.interrupts import Interrupts, listening
from seqir.train.steps import Step

if TYPE_CHECKING:
    from seqir.callbacks import CallbackList, History
    from seqir.train.trainer import Trainer


@dataclass(frozen=True)
class FitOptions:
    """The arguments of `fit`."""

    x: Any
    y: Any
    batch_size: int | None
    epochs: int
    verbose: Any
    callbacks: Any
    validation_split: float
    validation_data: Any
    shuffle: Any
    class_weight: Any
    sample_weight: Any
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: Any
    device: str | None
    resume: str | PathLike[str] | None
    checkpoint_freq: str | int
    on_nan: str
    cache_frozen: str | PathLike[str] | None

    def checked(self) -> FitOptions:
        """The same with plain integers.

        Raises: ArgumentError for numbers and words that make no sense.
        """
        if self.verbose not in ("auto", 0, 1, 2):
            raise ArgumentError(
                f"verbose must be 'auto', 0, 1 or 2, got {self.verbose!r}"
            )
        if self.on_nan not in ("raise", "stop", "ignore"):
            raise ArgumentError(
                f"on_nan must be 'raise', 'stop' or 'ignore', got {self.on_nan!r}"
            )
        every = self.checkpoint_freq
        if every != "epoch" and not _positive(every):
            raise ArgumentError(
                "checkpoint_freq must be 'epoch' or a positive number of batches, "
                f"got {every!r}"
            )
        when = self.validation_freq
        several = isinstance(when, list | tuple | set | range)
        if not all(map(_positive, when if several else [when])):
            raise ArgumentError(
                "validation_freq must be a positive integer or a list of epochs, "
                f"got {when!r}"
            )
        for name, folder, or_else in (
            ("resume", self.resume, ""),
            ("cache_frozen", self.cache_frozen, " or be 'memory'"),
        ):
            named = isinstance(folder, str | PathLike) and bool(fspath(folder))
            if folder is not None and not named:
                raise ArgumentError(
                    f"{name} must name a folder{or_else}, got {folder!r}"
                )
        return replace(
            self,
            epochs=check_count("epochs", self.epochs),
            initial_epoch=check_count("initial_epoch", self.initial_epoch),
        )

    def validates(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch (from 0)."""
        if isinstance(self.validation_freq, list | tuple | set | range):
            return (epoch + 1) in self.validation_freq
        return (epoch + 1) % self.validation_freq == 0


def _positive(value: Any) -> bool:
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return integer and bool(value > 0)


def fit(model: Trainer, options: FitOptions) -> History:
    """See `Trainer.fit`."""
    options = options.checked()
    compiled = model.compiled
    compiled.use(options.device)
    training, validation = _split(options)
    position = Position(options.initial_epoch, 0, _shuffle_seed(compiled))
    compiled.fits += 1
    run = _Fit(model, options, training, validation, position)
    return run.run()


def _shuffle_seed(compiled: Any) -> int:
    return compiled.seed * 1_000_003 + compiled.fits


def _split(options: FitOptions) -> tuple[tuple[Any, Any, Any], Any]:
    """Arrays (or batches) to train on, and to validate on or None."""
    given = options.validation_data
    train = (options.x, options.y, options.sample_weight)
    if given is None and options.validation_split:
        return data.split(*train, options.validation_split)
    if given is None:
        return train, None
    if isinstance(given, list | tuple):
        if not 2 <= len(given) <= 3:
            raise ArgumentError(
                "validation_data must be (x, y), (x, y, sample_weight) or batches, "
                f"got a {type(given).__name__} of {len(given)}"
            )
        return train, (*given, None)[:3]
    return train, (given, None, None)


class Logs(Mapping[str, Any]):
    """The reported values of a batch, made floats when someone reads them."""

    def __init__(self, step: Step, values: list[Array]) -> None:
        self._step = step
        self._values = values
        self._read: dict[str, Any] | None = None

    @property
    def values_by_name(self) -> dict[str, Any]:
        """All of them."""
        if self._read is None:
            self._read = self._step.logs(self._values)
        return self._read

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


class _Fit:
    """One call of `fit`."""

    def __init__(
        self,
        model: Trainer,
        options: FitOptions,
        training: tuple[Any, Any, Any],
        validation: tuple[Any, Any, Any] | None,
        position: Position,
    ) -> None:
        self.model = model
        self.options = options
        self.position = position
        self.training = training
        self.validation = validation
        feeder = Feeder if options.cache_frozen is None else FrozenFeeder
        self.feeder = feeder(model, training=True)
        self.tester = feeder(model, training=False)
        self.interrupts = Interrupts()
        self.store: Checkpoints | None = None
        self.callbacks: CallbackList
        self._known: Notes | None = None

    def run(self) -> History:
        """Train; the history."""
        if self.options.resume is None:
            return self._run()
        self.store = Checkpoints(self.options.resume)
        with self.store.locked():
            return self._run()

    def _run(self) -> History:
        model, options = self.model, self.options
        batches = self._batches(self.training)
        if isinstance(self.feeder, FrozenFeeder):
            require_arrays(batches)
        self._prepare(batches, self.feeder)
        self.callbacks = callbacks = callbacks_room.CallbackList(
            options.callbacks,
            add_history=True,
            add_progbar=options.verbose != 0,
            model=model,
            verbose=options.verbose,
            epochs=options.epochs,
            steps=batches.count,
        )
        model.stop_training = False
        around, model.compiled.run = model.compiled.run, self
        try:
            if self._restore():
                batches.seed = self.position.shuffle  # in the order of the first run
                self._skip(batches)
            validation = self._validation()
            self._keep_features(batches, self.feeder)
            self._keep_features(validation, self.tester)
            with listening(terminate=self.store is not None) as self.interrupts:
                callbacks.on_train_begin()
                if self._known is not None:  # on_train_begin has forgotten it
                    callbacks.set_state(self._known.states, self._known.arrays)
                if not self.position.ended:
                    self._epochs(batches, validation)
                if self.position.ended or self.position.epoch >= options.epochs:
                    trained = model.trainable_weights
                    model.optimizer.finalize_variable_values(trained)
                callbacks.on_train_end()
        finally:
            model.compiled.run = around  # a callback may have called fit
            callbacks.close()
        self._finish()
        return callbacks.history

    def _prepare(self, batches: Batches, feeder: Feeder) -> None:
        """Build and trace for such batches.

        So there is state to restore, and mistakes come before the training.
        """

        def stand_in(spec: Any) -> Any:
            return None if spec is None else np.zeros((1, *spec.shape), spec.dtype)

        found = batches.signature
        parts = (found.x, found.y, found.sample_weight)
        arrays = (nest.map_structure(stand_in, part) for part in parts)
        feeder.step_of(Batch(*arrays, size=1))

    def _batches(self, source: tuple[Any, Any, Any]) -> Batches:
        options = self.options
        x, y, weight = source
        return data.adapt(
            x,
            y,
            weight,
            batch_size=options.batch_size,
            shuffle=options.shuffle,
            steps=options.steps_per_epoch,
            seed=self.position.shuffle,
            class_weight=options.class_weight,
            what="fit",
        )

    def _validation(self) -> Batches | None:
        if self.validation is None:
            return None
        options = self.options
        x, y, weight = self.validation
        arrays = y is not None
        size = options.validation_batch_size
        size = options.batch_size if size is None else size
        batches = data.adapt(
            x,
            y,
            weight,
            batch_size=size if arrays else None,
            steps=options.validation_steps,
            what="the validation",
        )
        with noting("in the data of the validation"):
            self._prepare(batches, self.tester)
        return batches

    def _keep_features(self, batches: Batches | None, feeder: Feeder) -> None:
        """Let arrays be replaced by what the frozen front of the model makes of them.

        This comes after a checkpoint was taken over: it has frozen weights, too.
        """
        where = self.options.cache_frozen
        if isinstance(feeder, FrozenFeeder) and isinstance(batches, ArrayBatches):
            assert where is not None
            with noting("in cache_frozen"):
                feeder.keep(batches, where)

    # Epochs and batches.

    def _epochs(self, batches: Batches, validation: Batches | None) -> None:
        options, model, position = self.options, self.model, self.position
        for epoch in range(position.epoch, options.epochs):
            logs = self._epoch(batches, epoch)
            if logs is None:
                return
            if validation is not None and options.validates(epoch):
                found = run_batches(
                    model, validation, self.callbacks, self.tester, "the validation"
                )
                logs.update({f"val_{name}": value for name, value in found.items()})
            position.epoch, position.batch = epoch + 1, 0
            self.callbacks.on_epoch_end(epoch, logs)
            position.ended = model.stop_training
            interrupted = self.interrupts.asked is not None
            last = position.ended or interrupted or epoch + 1 == options.epochs
            if options.checkpoint_freq == "epoch" or last:
                self._save()
            if last:
                return

    def _epoch(self, batches: Batches, epoch: int) -> dict[str, Any] | None:
        """Train for the rest of an epoch; what is reported, None if it was cut off."""
        model, callbacks, position = self.model, self.callbacks, self.position
        begun = position.batch
        if begun:
            callbacks.on_epoch_resume(epoch, begun)
        else:
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
        logs: Logs | None = None
        with _ahead(batches, epoch, begun) as found:
            for number, batch in enumerate(found, begun):
                callbacks.on_train_batch_begin(number)
                logs = self._train(batch, epoch, number)
                if logs is None:
                    return None
                position.batch = number + 1
                callbacks.on_train_batch_end(number, logs)
                cut = (
                    self.interrupts.asked is not None
                    and position.batch != batches.count
                )
                if cut or self._due():
                    self._save()
                if cut:
                    return None
                if model.stop_training:
                    break
        if logs is None:  # it was saved after its last batch
            return model.compiled.objective.results()
        return dict(logs)

    def _due(self) -> bool:
        """Whether it is time for a checkpoint between batches."""
        every = self.options.checkpoint_freq
        return every != "epoch" and self.model.compiled.steps % int(every) == 0

    def _train(self, batch: Batch, epoch: int, number: int) -> Logs | None:
        """One step; None if its loss is not finite and the training is to stop."""
        compiled = self.model.compiled
        with noting(f"in batch {number + 1} of epoch {epoch + 1}"):
            step, feeds = self.feeder.step_of(batch)
            loss, values = step.run(feeds)
        if math.isfinite(loss) or self.options.on_nan == "ignore":
            compiled.steps += 1
            return Logs(step, values)
        step.undo()
        error = failure.explain(self.model, step, batch, feeds, epoch, number, loss)
        if self.options.on_nan == "raise":
            raise error
        print(error, file=sys.stderr)
        return None

    # Checkpoints.

    def notes(self) -> Notes:
        """What the callbacks know now."""
        return Notes(self.callbacks.get_state(), self.callbacks.get_arrays())

    def check(self, notes: Notes) -> None:
        """LoadError if a callback could not go on from there."""
        self.callbacks.check_state(notes.states)

    def take_over(self, position: Position, notes: Notes) -> None:
        """Go on from there."""
        self.position, self._known = position, notes

    def _restore(self) -> bool:
        """Take over a checkpoint, if there is one."""
        if self.store is not None and self.store.load(self.model):
            return True
        return self.callbacks.restore()

    def _skip(self, batches: Batches) -> None:
        """Draw what was trained on before from a source that gives it only in order."""
        if not batches.replayable:
            for epoch in range(self.options.initial_epoch, self.position.epoch):
                for _ in batches.epoch(epoch):
                    pass

    def _save(self) -> None:
        if self.store is not None:
            self.store.save(self.model)

    def _finish(self) -> None:
        asked = self.interrupts.asked
        if asked is None:
            return
        self.callbacks.history.interrupted = True
        where = f"epoch {self.position.epoch + 1}, batch {self.position.batch}"
        print(f"training interrupted at {where}", file=sys.stderr)
        if asked == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)


def _ahead(batches: Batches, epoch: int, start: int) -> Any:
    """The batches of an epoch, prepared ahead where that costs something."""
    found = batches.epoch(epoch, start)
    return closing(found) if batches.ready else data.prefetch(found)


def run_batches(
    model: Trainer,
    batches: Batches,
    callbacks: CallbackList,
    feeder: Feeder,
    what: str = "evaluate",
) -> dict[str, Any]:
    """Loss and metrics over the batches, with the weights as they are."""
    model.reset_metrics()
    callbacks.on_test_begin()
    last: Mapping[str, Any] = {}
    with _ahead(batches, 0, 0) as found:
        for number, batch in enumerate(found):
            callbacks.on_test_batch_begin(number)
            with noting(f"in batch {number + 1} of {what}"):
                step, feeds = feeder.step_of(batch)
                _, values = step.run(feeds)
            last = Logs(step, values)
            callbacks.on_test_batch_end(number, last)
    logs = dict(last)
    callbacks.on_test_end(logs)
    return logs


def evaluate(
    model: Trainer,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    device: str | None,
) -> dict[str, Any]:
    """See `Trainer.evaluate`."""
    if verbose not in ("auto", 0, 1, 2):
        raise ArgumentError(f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}")
    model.compiled.use(device)
    batches = data.adapt(
        x, y, sample_weight, batch_size=batch_size, steps=steps, what="evaluate"
    )
    listed = callbacks
    if not isinstance(callbacks, callbacks_room.CallbackList):
        listed = callbacks_room.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=1,
            steps=batches.count,
        )
    return run_batches(model, batches, listed, Feeder(model, training=False))


def run_batch(
    model: Trainer, x: Any, y: Any, sample_weight: Any, class_weight: Any, *,
    training: bool,
) -> dict[str, Any]:  # fmt: skip
    """One step on its own."""
    compiled = model.compiled
    compiled.use(None)
    batch = data.whole(x, y, sample_weight, class_weight, "a batch")
    step, feeds = compiled.feeder(training).step_of(batch)
    model.reset_metrics()
    _, values = step.run(feeds)
    if training:
        compiled.steps += 1
    return step.logs(values)
