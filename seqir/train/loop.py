"""The loop of `fit`: epochs, validations, checkpoints."""

from __future__ import annotations

import math
import signal
from typing import Any

import numpy as np

from seqir import data, nest
from seqir.callbacks import CallbackList, History
from seqir.console import say
from seqir.data import Batch, Batches, noting
from seqir.data.arrays import ArrayBatches
from seqir.errors import ArgumentError, NonFiniteLossError, UnsupportedError
from seqir.ir import STEP
from seqir.narrow import is_sequence
from seqir.plain import is_array
from seqir.train import failure
from seqir.train.byhand import HandFeeder, feeder, is_by_hand
from seqir.train.checkpoint import Checkpoints
from seqir.train.compiled import Compiled
from seqir.train.evaluation import ahead, run_batches
from seqir.train.feeds import Feeder
from seqir.train.frozen import FrozenFeeder, require_arrays
from seqir.train.interrupts import Interrupts, listening
from seqir.train.options import FitOptions
from seqir.train.position import Notes, Position, Settings
from seqir.train.settings import describe


def fit(compiled: Compiled, options: FitOptions) -> History:
    """See `Model.fit`."""
    options = options.checked()
    by_hand = is_by_hand(compiled.model, training=True)
    if not by_hand:
        compiled.require_optimizer()
    elif options.cache_frozen is not None:
        raise UnsupportedError(
            f"cache_frozen keeps what the frozen front of a usual step computes, and "
            f"model {compiled.model.name!r} ({type(compiled.model).__name__}) says "
            "itself what a step is: train it without cache_frozen"
        )
    compiled.use(options.device)
    training, validation = _split(options)
    position = Position(options.initial_epoch, 0, _shuffle_seed(compiled))
    compiled.fits += 1
    run = _Fit(compiled, options, training, validation, position)
    return run.run()


def _is_used(optimizer: Any) -> bool:
    """Whether an optimizer has been given gradients."""
    return optimizer.built


def _as_list(value: object) -> object:
    """A reported number as it is, an array as JSON can hold it."""
    return value.tolist() if is_array(value) else value


def _shuffle_seed(compiled: Compiled) -> int:
    return compiled.seed * 1_000_003 + compiled.fits


def _split(options: FitOptions) -> tuple[tuple[Any, Any, Any], Any]:
    """Arrays (or batches) to train on, and to validate on or None."""
    given = options.validation_data
    train = (options.x, options.y, options.sample_weight)
    if given is None and options.validation_split:
        return data.split(*train, options.validation_split)
    if given is None:
        return train, None
    if is_sequence(given):
        if not 2 <= len(given) <= 3:
            raise ArgumentError(
                "validation_data must be (x, y), (x, y, sample_weight) or batches, "
                f"got a {type(given).__name__} of {len(given)}"
            )
        return train, (*given, None)[:3]
    return train, (given, None, None)


class _Fit:
    """One call of `fit`."""

    def __init__(
        self,
        compiled: Compiled,
        options: FitOptions,
        training: tuple[object, object, object],
        validation: tuple[object, object, object] | None,
        position: Position,
    ) -> None:
        self.compiled = compiled
        self.model = compiled.model
        self.options = options
        self.position = position
        self.training = training
        self.validation = validation
        make = feeder if options.cache_frozen is None else FrozenFeeder
        self.feeder = make(compiled, training=True)
        self.tester = make(compiled, training=False)
        self.interrupts = Interrupts()
        self.store: Checkpoints | None = None
        self.callbacks: CallbackList
        self._known: Notes | None = None
        self.on_nan = options.on_nan
        self.settings: Settings | None = None
        self._reported: dict[str, Any] = {}
        """What the last epoch has reported."""

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
        draws = self._prepare(batches, self.feeder)
        self.callbacks = callbacks = CallbackList(
            options.callbacks,
            add_history=True,
            add_progbar=options.verbose != 0,
            model=model,
            verbose=options.verbose,
            epochs=options.epochs,
            steps=batches.count,
        )
        if self.on_nan == "raise" and any(c.handles_nan for c in callbacks.callbacks):
            self.on_nan = "ignore"
        if self.store is not None or any(c.saves_state for c in callbacks.callbacks):
            self.settings = describe(
                self.compiled, batches, options.shuffle, draws=draws
            )
        model.stop_training = False
        around, self.compiled.run = self.compiled.run, self
        try:
            if self._restore():
                batches.seed = self.position.shuffle  # in the order of the first run
                self._skip(batches)
            validation = self._validation()
            self._keep_features(batches, self.feeder)
            self._keep_features(validation, self.tester)
            with (
                self.compiled.gathering(),
                listening(terminate=self.store is not None) as self.interrupts,
            ):
                callbacks.on_train_begin()
                if self._known is not None:  # on_train_begin has forgotten it
                    callbacks.set_state(self._known.states, self._known.arrays)
                if not self.position.ended:
                    self._epochs(batches, validation)
                if self.position.ended or self.position.epoch >= options.epochs:
                    for optimizer in filter(_is_used, self.compiled.optimizers):
                        trained = optimizer.trainable_variables
                        optimizer.finalize_variable_values(trained)
                callbacks.on_train_end(self._reported)
        finally:
            self.compiled.run = around  # a callback may have called fit
            callbacks.close()
        self._finish()
        return callbacks.history

    def _prepare(self, batches: Batches, feeder: Feeder) -> bool:
        """Build and trace for such batches; whether steps draw random numbers.

        So there is state to restore, and mistakes come before the training.
        """
        size = self.model.fixed_batch or 1

        def stand_in(spec: Any) -> object:
            if spec is None:
                return None
            blank = "" if spec.dtype == "object" else 0  # an object is text
            return np.full((size, *spec.shape), blank, spec.dtype)

        found = batches.signature
        parts = (found.x, found.y, found.sample_weight)
        arrays = (nest.map_structure(stand_in, part) for part in parts)
        step, _ = feeder.step_of(Batch(*arrays, size=size))
        return STEP in step.program.graph.inputs

    def _batches(self, source: tuple[object, object, object]) -> Batches:
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
            class_weight=self.compiled.objective.class_weights(options.class_weight),
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
        """Replace the arrays by the features that the frozen front computes.

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
                    validation, self.callbacks, self.tester, "the validation"
                )
                logs.update({f"val_{name}": value for name, value in found.items()})
            position.epoch, position.batch = epoch + 1, 0
            self.callbacks.on_epoch_end(epoch, logs)
            self._reported = logs
            position.ended = model.stop_training
            interrupted = self.interrupts.asked is not None
            last = position.ended or interrupted or epoch + 1 == options.epochs
            if options.checkpoint_freq == "epoch" or last:
                self._save()
            if last:
                return

    def _epoch(self, batches: Batches, epoch: int) -> dict[str, float] | None:
        """Train for the rest of an epoch; what is reported, None if it was cut off."""
        model, callbacks, position = self.model, self.callbacks, self.position
        begun = position.batch
        if begun:
            callbacks.on_epoch_resume(epoch, begun)
        else:
            self.compiled.reset_metrics()
            callbacks.on_epoch_begin(epoch)
        logs: dict[str, float] | None = None
        with ahead(batches, epoch, begun) as found:
            for number, batch in enumerate(found, begun):
                callbacks.on_train_batch_begin(number)
                logs = self._train(batch, epoch, number)
                if logs is None:
                    return None
                position.batch = number + 1
                if isinstance(self.feeder, HandFeeder):
                    position.logs = nest.map_structure(_as_list, logs)
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
            return position.logs or self.compiled.objective.results()
        return logs

    def _due(self) -> bool:
        """Whether it is time for a checkpoint between batches."""
        every = self.options.checkpoint_freq
        return every != "epoch" and self.compiled.steps % int(every) == 0

    def _train(self, batch: Batch, epoch: int, number: int) -> dict[str, float] | None:
        """The logs of one step; None if its loss is not finite and that ends it all."""
        compiled = self.compiled
        with noting(f"in batch {number + 1} of epoch {epoch + 1}"):
            step, feeds = self.feeder.step_of(batch)
            loss, values = step.run(feeds, finite=self.on_nan != "ignore")
        if math.isfinite(loss) or self.on_nan == "ignore":
            compiled.steps += 1
            return step.logs(values)
        step.undo()
        error = failure.explain(compiled, step, batch, feeds, epoch, number, loss)
        if self.on_nan == "raise":
            raise error
        say(f"{error}")
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
        if self.store is not None and self.store.load(self.compiled):
            return True
        return self.callbacks.restore()

    def _skip(self, batches: Batches) -> None:
        """Draw what was trained on before from a source that gives it only in order."""
        if not batches.replayable:
            for epoch in range(self.options.initial_epoch, self.position.epoch):
                for _ in batches.epoch(epoch):
                    pass

    def _save(self) -> None:
        if self.store is None:
            return
        try:
            self.store.save(self.compiled)
        except NonFiniteLossError as error:
            if self.options.on_nan == self.on_nan:
                raise
            say(f"{error}")  # a callback is there to end the training

    def _finish(self) -> None:
        asked = self.interrupts.asked
        if asked is None:
            return
        self.callbacks.history.interrupted = True
        where = f"epoch {self.position.epoch + 1}, batch {self.position.batch}"
        say(f"training interrupted at {where}")
        if asked == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
