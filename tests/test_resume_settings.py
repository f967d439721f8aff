"""A training that is resumed with other settings: what counts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, layers, losses, optimizers, tensorfile
from seqir.errors import LoadError

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = X.sum(1, keepdims=True)


def model(
    *,
    activation: str = "tanh",
    rate: float = 0.2,
    loss: Any = "mse",
    optimizer: Any = None,
    change: Callable[[Any], None] = lambda model: None,
    **options: Any,
) -> Any:
    seqir.utils.set_random_seed(1)
    made = seqir.Sequential(
        [
            seqir.Input((4,)),
            layers.Dense(8, activation=activation, name="hidden"),
            layers.Dropout(rate, name="drop"),
            layers.Dense(1, name="out"),
        ]
    )
    change(made)
    made.compile(optimizer or optimizers.SGD(0.1), loss, **options)
    return made


def train(folder: Path, epochs: int, made: Any = None, **options: Any) -> Any:
    given: dict[str, Any] = {"x": X, "y": Y, "batch_size": 16, "verbose": 0}
    made = model() if made is None else made
    made.fit(**{**given, **options}, epochs=epochs, resume=folder)
    return made


class Unplugged(callbacks.Callback):
    """Ends the program in the middle of the second epoch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations.array == 6:
            raise SystemExit


def broken(folder: Path) -> None:
    with pytest.raises(SystemExit):
        train(folder, 3, callbacks=[Unplugged()], checkpoint_freq=1)


# What counts from now on.


def test_another_learning_rate_counts(tmp_path: Path) -> None:
    train(tmp_path, 1)
    with pytest.warns(UserWarning, match=r"the learning rate was 0\.1, is 0\.01"):
        made = train(tmp_path, 2, model(optimizer=optimizers.SGD(0.01)))
    assert float(made.optimizer.learning_rate) == pytest.approx(0.01)
    again = train(tmp_path, 3, model(optimizer=optimizers.SGD(0.01)))
    assert float(again.optimizer.learning_rate) == pytest.approx(0.01)


def test_a_learning_rate_that_callbacks_have_changed_stays(tmp_path: Path) -> None:
    def halve() -> Any:
        return callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)

    train(tmp_path, 2, callbacks=[halve()])
    made = train(tmp_path, 3, callbacks=[halve()])
    assert float(made.optimizer.learning_rate) == pytest.approx(0.1 / 8)
    train(tmp_path, 4, made, callbacks=[halve()])
    assert float(made.optimizer.learning_rate) == pytest.approx(0.1 / 16)


@pytest.mark.parametrize(
    ("made", "options", "said"),
    [
        ({"optimizer": optimizers.SGD(0.1, clipnorm=1.0)}, {},
         "clipnorm of the optimizer was None, is 1.0"),
        ({"metrics": ["mae"]}, {}, r"metrics was \['loss'\], is \['loss', 'mae'\]"),
        ({}, {"batch_size": 8}, "batch_size was 16, is 8"),
        ({}, {"shuffle": False}, "shuffle was True, is False"),
        ({}, {"x": X + 1}, "the data are others"),
        ({}, {"y": Y * 2}, "the data are others"),
        ({}, {"class_weight": {0: 2.0}}, "the data are others"),
        ({}, {"x": X[:32], "y": Y[:32]}, "samples was 64, is 32"),
    ],
)  # fmt: skip
def test_what_may_change_between_epochs_is_said(
    made: Any, options: Any, said: str, tmp_path: Path
) -> None:
    train(tmp_path, 1)
    with pytest.warns(UserWarning, match=f"goes on from .* in another way: .*{said}"):
        found = train(tmp_path, 2, model(**made), **options)
    assert found.history.epoch == [0, 1]


def test_names_callbacks_and_the_number_of_epochs_may_change(tmp_path: Path) -> None:
    train(tmp_path, 1)
    renamed = model(loss=losses.MeanSquaredError(name="error"))
    found = train(
        tmp_path, 3, renamed, validation_data=(X, Y), callbacks=[callbacks.History()]
    )
    assert found.history.epoch == [0, 1, 2]


# What is refused.


def freeze(made: Any) -> None:
    made.get_layer("drop").trainable = False


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"activation": "relu"}, r"layer 'hidden' \(Dense\) has activation='relu', it"),
        ({"rate": 0.5}, r"layer 'drop' \(Dropout\) has rate=0.5, it was 0.2"),
        ({"change": freeze}, r"layer 'drop' \(Dropout\) has trainable=False, it was T"),
        ({"loss": "mae"}, "computes is 'mean_absolute_error', it was 'mean_squared_er"),
        ({"loss": lambda t, p: (t - p) ** 2}, "it was 'mean_squared_error'"),
        (
            {"loss": losses.MeanSquaredError(reduction="sum")},
            "reduction is 'sum', ",
        ),
        ({"loss_weights": [2.0]}, r"loss_weights is \[2.0\], it was None"),
    ],
)
def test_another_model_or_loss_is_refused(made: Any, said: str, tmp_path: Path) -> None:
    train(tmp_path, 1)
    other = model(**made)
    before = other.get_weights()
    with pytest.raises(LoadError, match=f"is of another training: .*{said}"):
        train(tmp_path, 2, other)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 8}, "batch_size was 16, is 8"),
        ({"shuffle": False}, "shuffle was True, is False"),
        ({"x": X + 1}, "the data are others"),
    ],
)
def test_other_batches_in_the_middle_of_an_epoch_are_refused(
    options: Any, said: str, tmp_path: Path
) -> None:
    broken(tmp_path)
    with pytest.raises(LoadError, match=f"{said}, and the checkpoint is from the midd"):
        train(tmp_path, 3, **options)
    assert train(tmp_path, 3).history.epoch == [0, 1, 2]


def test_a_backup_is_held_against_its_training_as_well(tmp_path: Path) -> None:
    def backed(made: Any) -> None:
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        made.fit(X, Y, epochs=1, verbose=0, callbacks=[backup])

    backed(model())
    with pytest.raises(LoadError, match=r"\(Dropout\) has rate=0.5, it was 0.2"):
        backed(model(rate=0.5))


def with_first_numbers(folder: Path) -> None:
    """Make of the checkpoint one from before versions of random numbers were noted."""
    (path,) = folder.glob("*.safetensors")
    arrays, note = tensorfile.read(path)
    del note["settings"]["random"]
    tensorfile.write(path, arrays, note)


def test_other_random_numbers_are_refused_where_there_are_any(tmp_path: Path) -> None:
    train(tmp_path / "drops", 1)
    with_first_numbers(tmp_path / "drops")
    said = "other random numbers .* version 1, this seqir draws version 2; go on with"
    with pytest.raises(LoadError, match=said):
        train(tmp_path / "drops", 2)
    train(tmp_path / "plain", 1, model(rate=0.0))
    with_first_numbers(tmp_path / "plain")
    assert train(tmp_path / "plain", 2, model(rate=0.0)).history.epoch == [0, 1]
