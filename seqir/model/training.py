"""A network that is trained: compile, fit, evaluate, and batch by batch."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from seqir import absent
from seqir.arguments import Verbosity
from seqir.errors import NotBuiltError, UnsupportedError
from seqir.layer.offered import offered
from seqir.layer.state import state_of
from seqir.metrics.base import Metric
from seqir.network.base import Network
from seqir.train.byhand import is_by_hand
from seqir.train.compiled import Compiled
from seqir.train.objective import Objective, held_metrics
from seqir.train.single import run_batch, shaped
from seqir.train.state import TrainingState

if TYPE_CHECKING:
    from seqir.callbacks import History
    from seqir.train.bundle import BundleReport


class TrainedNetwork(Network):
    """The methods of `seqir.Model` that train it; `seqir.train` does the work.

    Source: Keras 3 ``keras.Model`` (its training methods).
    """

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        model = super().__new__(cls, *args, **kwargs)
        model._layer_state.training = TrainingState()
        return model

    @property
    def stop_training(self) -> bool:
        """Set by callbacks: `fit` ends after the present batch."""
        return training_of(self).stop_training

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        training_of(self).stop_training = bool(value)

    @property
    def stop_evaluating(self) -> bool:
        """Set by callbacks: `evaluate` ends after this batch."""
        return training_of(self).stop_evaluating

    @stop_evaluating.setter
    def stop_evaluating(self, value: bool) -> None:
        training_of(self).stop_evaluating = bool(value)

    @property
    def history(self) -> History | None:
        """What the last `fit` reported; None before the first."""
        return training_of(self).history

    @history.setter
    def history(self, value: History) -> None:
        training_of(self).history = value

    # Compiling.

    def compile(
        self,
        optimizer: object = "rmsprop",
        loss: object = None,
        loss_weights: object = None,
        metrics: object = None,
        weighted_metrics: object = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: object = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained: nothing is traced before the first batch.

        Loss, metrics and optimizer are names, objects or functions of
        ``(y_true, y_pred)`` written with `seqir.ops`; for several outputs they are
        lists or dicts in the structure of the outputs. With `optimizer` None the
        model can be evaluated and not trained. `run_eagerly`, `steps_per_execution`
        and `jit_compile` are accepted and change nothing: a step is always one
        compiled graph. With `auto_scale_loss`, the optimizer of a model that computes
        in float16 is wrapped in a LossScaleOptimizer.

        Raises: ArgumentError for an unknown name or a wrong structure; GraphError
            while the model is trained; UnsupportedError for a model with methods of
            its own that nothing would call.
        """
        for name, instead in absent.FUNCTIONS.items():
            if hasattr(type(self), name):
                raise UnsupportedError(
                    f"{type(self).__name__}.{name} would never be called: {instead}"
                )
        del run_eagerly, steps_per_execution, jit_compile
        objective = Objective(loss, loss_weights, metrics, weighted_metrics)
        training_of(self).compile(self, optimizer, objective, auto_scale_loss)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return training_of(self).compiled is not None

    @property
    def compilation(self) -> Compiled:
        """What `compile` made.

        Raises: NotBuiltError before `compile`.
        """
        return training_of(self).of(self)

    @property
    def optimizer(self) -> Any:
        """The optimizer; before `compile` what was set, or None.

        Another one can be set after it, by name too; it begins without a state.
        """
        compiled = training_of(self).compiled
        return (
            self.__dict__.get("optimizer") if compiled is None else compiled.optimizer
        )

    @optimizer.setter
    def optimizer(self, optimizer: object) -> None:
        compiled = training_of(self).compiled
        if compiled is None:  # an attribute of the user's, as any other
            self.__dict__["optimizer"] = optimizer
        else:
            compiled.optimizer = optimizer

    @offered
    def loss(self) -> Any:
        """The loss as `compile` got it; None before."""
        return self.compilation.objective.loss if self.compiled else None

    # A step. A model may say itself what it is.

    def train_step(self, data: Any, /) -> Any:
        """What a step of `fit` does with a batch; its logs.

        Override it to train by hand: it is called once for a kind of batches, with
        `data` as tensors of a graph (``x``, ``(x, y)`` or ``(x, y, sample_weight)``).
        Compute with layers and `seqir.ops`, take gradients with `seqir.gradient`, and
        give them to ``optimizer.apply``. It returns a dictionary of names and numbers.
        Layers are called with ``training=True`` if they shall behave so.

        Source: Keras 3 ``keras.Model.train_step``.
        """
        from seqir.train.defaults import train_step

        return train_step(self.compilation, self, data)

    def test_step(self, data: Any, /) -> Any:
        """What a step of `evaluate` does with a batch; its logs. See `train_step`."""
        from seqir.train.defaults import test_step

        return test_step(self.compilation, self, data)

    def predict_step(self, data: Any, /) -> Any:
        """What `predict` computes for a batch, of any structure. See `train_step`.

        Source: Keras 3 ``keras.Model.predict_step``.
        """
        from seqir.train.defaults import predict_step

        return predict_step(self, data)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch, a scalar: that of `compile`, and what layers add.

        Raises: GraphError outside of a step, or if there is nothing to minimize.
        """
        from seqir.train.defaults import compute_loss

        del x, training
        return compute_loss(self.compilation, self, y, y_pred, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Let the metrics of `compile` take a batch into account; all results.

        Raises: GraphError outside of a step.
        """
        from seqir.train.defaults import compute_metrics

        del x
        return compute_metrics(self.compilation, self, y, y_pred, sample_weight)

    if TYPE_CHECKING:

        def overrides(self, method: str) -> bool: ...

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, that of the loss first, those of layers last."""
        compiled = training_of(self).compiled
        return held_metrics(self) if compiled is None else compiled.metrics

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` returns, in order, once a batch has been seen."""
        return self.compilation.objective.names if self.compiled else []

    @offered
    def directions(self) -> dict[str, str | None]:
        """For each name in the logs, whether "up" or "down" is better."""
        found = {metric.name: metric.direction for metric in held_metrics(self)}
        return found | self.compilation.objective.directions

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """What the metrics have gathered, as `evaluate` returns it in a dict.

        Raises: NotBuiltError before the first batch.
        """
        from seqir.train.defaults import metrics_result

        compiled = self.compilation
        if not compiled.objective.built and not is_by_hand(self, training=True):
            raise NotBuiltError(
                f"the metrics of model {self.name!r} are made by its first batch: call "
                "fit, evaluate or train_on_batch before"
            )
        return metrics_result(compiled, self)

    # Many batches.

    def fit(
        self,
        x: object = None,
        y: object = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        callbacks: object = None,
        validation_split: float = 0.0,
        validation_data: object = None,
        shuffle: object = True,
        class_weight: object = None,
        sample_weight: object = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: object = 1,
        *,
        device: str | None = None,
        resume: str | PathLike[str] | None = None,
        checkpoint_freq: str | int = "epoch",
        on_nan: str = "raise",
        cache_frozen: str | PathLike[str] | None = None,
    ) -> History:
        """Train for some epochs; what was reported in each comes back.

        Args:
            x: arrays (one, a list, a dict), or batches: a generator, any iterable, a
                `seqir.data.PyDataset`, a PyTorch DataLoader.
            y: targets; batches bring their own.
            batch_size: samples per step; 32 for arrays.
            epochs: the number of the last epoch, counted from 1.
            verbose: 0 silent, 1 a bar, 2 a line per epoch, "auto" what fits.
            callbacks: `seqir.callbacks`, or functions made into one.
            validation_split: share of the last samples that is held back.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)``, or batches.
            shuffle: whether samples come in another order each epoch; "batch" only
                within batches.
            class_weight: factor of the loss by class.
            sample_weight: factor of the loss by sample.
            initial_epoch: the number of epochs that were trained before.
            steps_per_epoch: batches per epoch.
            validation_steps: batches per validation.
            validation_batch_size: samples per batch of the validation.
            validation_freq: every how many epochs, or after which (from 1), to
                validate.
            device: where to train; "auto" is the best that works. It stays until
                another one is given.
            resume: a folder for checkpoints. A training that finds one there goes on
                from it and ends with the very numbers of an unbroken one.
            checkpoint_freq: "epoch", or after how many batches to save.
            on_nan: what a loss that is not finite does: "raise" an error, "stop", or
                "ignore" it.
            cache_frozen: "memory", or a folder: what the frozen first part of the
                model makes of each sample is computed once, and the epochs train the
                rest on it.

        Raises: NotBuiltError before `compile`; ArgumentError, ShapeError, DTypeError
            for data that does not fit; NonFiniteLossError.
        """
        from seqir.train.loop import fit
        from seqir.train.options import FitOptions

        return fit(
            self.compilation,
            FitOptions(
                x=x,
                y=y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
                device=device,
                resume=resume,
                checkpoint_freq=checkpoint_freq,
                on_nan=on_nan,
                cache_frozen=cache_frozen,
            ),
        )

    def evaluate(
        self,
        x: object = None,
        y: object = None,
        batch_size: int | None = None,
        verbose: Verbosity = "auto",
        sample_weight: object = None,
        steps: int | None = None,
        callbacks: object = None,
        return_dict: bool = False,
        *,
        device: str | None = None,
    ) -> Any:
        """Loss and metrics over all batches, with the weights as they are.

        Returns: the loss, or a list of it and the metrics, or a dict.

        Raises: as `fit`.
        """
        from seqir.train.evaluation import evaluate

        logs = evaluate(
            self.compilation,
            x,
            y,
            batch_size=batch_size,
            verbose=verbose,
            sample_weight=sample_weight,
            steps=steps,
            callbacks=callbacks,
            device=device,
        )
        return shaped(logs, return_dict)

    # One batch.

    def train_on_batch(
        self,
        x: object,
        y: object = None,
        sample_weight: object = None,
        class_weight: object = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch; loss and metrics of this batch alone.

        Raises: as `fit`.
        """
        feeder = training_of(self).feeder(self.compilation, training=True)
        logs = run_batch(feeder, x, y, sample_weight, class_weight)
        return shaped(logs, return_dict)

    def test_on_batch(
        self,
        x: object,
        y: object = None,
        sample_weight: object = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics of one batch.

        Raises: as `fit`.
        """
        feeder = training_of(self).feeder(self.compilation, training=False)
        logs = run_batch(feeder, x, y, sample_weight)
        return shaped(logs, return_dict)

    # Files.

    def save_checkpoint(self, filepath: str | PathLike[str]) -> None:
        """Write the whole state of the training to one file, whole or not at all.

        Raises: NotBuiltError before `compile`, ExportError if it cannot be written.
        """
        from seqir.train.checkpoint import save_checkpoint

        save_checkpoint(self.compilation, filepath)

    def load_checkpoint(self, filepath: str | PathLike[str]) -> None:
        """Go back to the state that `save_checkpoint` has written.

        Raises: LoadError for a file that is damaged, missing or of another model.
        """
        from seqir.train.checkpoint import load_checkpoint

        load_checkpoint(self.compilation, filepath)

    def export_training(
        self,
        path: str | PathLike[str],
        x: object,
        y: object = None,
        sample_weight: object = None,
    ) -> BundleReport:
        """Write the training itself as ONNX files that any ONNX Runtime can run.

        `x`, `y` and `sample_weight` are a batch (or all the data): they say what the
        inputs look like. See `seqir.train.bundle.export_training`.
        """
        from seqir.train.bundle import export_training

        return export_training(self.compilation, path, x, y, sample_weight)


def training_of(model: Network) -> TrainingState:
    """What a model keeps of its training."""
    return state_of(model).training
