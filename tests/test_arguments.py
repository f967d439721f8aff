"""Checks of arguments: what they return, what they refuse, and in which words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import arguments, callbacks, images, layers
from seqir.errors import ArgumentError

WORDS = ("epoch", "batch")


@pytest.mark.parametrize(
    ("check", "value", "found"),
    [
        (lambda v: arguments.integer("n", v, least=1), np.int8(3), 3),
        (lambda v: arguments.integer("n", v), np.array(-2), -2),
        (lambda v: arguments.integers("n", v), np.array([1, 2]), (1, 2)),
        (lambda v: arguments.integers("n", v, count=2), 3, (3, 3)),
        (lambda v: arguments.integers("n", v, count=2), [np.int64(3), 4], (3, 4)),
        (lambda v: arguments.integers("n", v, count=1), (3,), (3,)),
        (lambda v: arguments.integer_or("n", v, WORDS, least=1), np.int64(1), 1),
        (lambda v: arguments.integer_or("n", v, WORDS), np.str_("batch"), "batch"),
        (lambda v: arguments.integer_or("n", v, (-1,), least=1), -1, -1),
        (lambda v: arguments.number("n", v, least=0), np.float32(0.5), 0.5),
        (lambda v: arguments.floating("n", v, above=0), np.float32(0.5), 0.5),
        (lambda v: arguments.one_of("n", v, WORDS), np.str_("epoch"), "epoch"),
        (lambda v: arguments.one_of("n", v, (None, "a")), None, None),
        (arguments.verbosity, True, 1),
        (arguments.verbosity, np.False_, 0),
        (arguments.verbosity, np.int64(2), 2),
        (arguments.verbosity, "auto", "auto"),
    ],
)
def test_what_is_right_becomes_a_value_of_python(
    check: Callable[[Any], Any], value: Any, found: Any
) -> None:
    assert check(value) == found
    assert type(check(value)) is type(found)


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (lambda v: arguments.integer("n", v), np.array([1]), "n must be an integer, g"),
        (lambda v: arguments.integer("n", v), np.array(1.5), "n must be an integer, g"),
        (lambda v: arguments.integer("n", v, least=1), True, "n must be an integer >="),
        (lambda v: arguments.integers("n", v), [], "an integer or several of them"),
        (lambda v: arguments.integers("n", v), [1, "a"], "an integer or several of"),
        (lambda v: arguments.integers("n", v, count=2, least=1), (1, 2, 3),
         "an integer >= 1 or 2 of them, got (1, 2, 3)"),
        (lambda v: arguments.integers("n", v, count=2, least=1), 0, ">= 1 or 2 of"),
        (lambda v: arguments.integers("n", v, count=1, least=1), 0, ">= 1, got 0"),
        (lambda v: arguments.integer_or("n", v, WORDS, least=1), 0,
         "n must be 'epoch', 'batch' or an integer >= 1, got 0"),
        (lambda v: arguments.integer_or("n", v, WORDS, least=1), "epochs",
         "n must be 'epoch', 'batch' or an integer >= 1, got 'epochs'"),
        (lambda v: arguments.one_of("n", v, WORDS), "epohc", "Did you mean 'epoch'?"),
        (lambda v: arguments.one_of("n", v, (1, 2)), True, "must be 1 or 2, got True"),
        (lambda v: arguments.one_of("n", v, WORDS), np.array(WORDS), "or 'batch', got"),
        (arguments.verbosity, 3, "verbose must be 'auto', 0, 1 or 2, got 3"),
        (arguments.verbosity, None, "verbose must be 'auto', 0, 1 or 2, got None"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_one_wording(
    check: Callable[[Any], Any], value: Any, said: str
) -> None:
    with pytest.raises(ArgumentError) as refused:
        check(value)
    assert said in str(refused.value)


def test_arguments_that_numpy_made_are_taken_everywhere(tmp_path: Path) -> None:
    """Where a computation gave a size, a word or a frequency, as where Python did."""
    rate = callbacks.ReduceLROnPlateau(
        factor=np.float32(0.5), patience=np.int64(2), mode=np.array("min").item()
    )
    assert (rate.factor, rate.patience) == (0.5, 2)
    board = callbacks.TensorBoard(tmp_path, update_freq=np.int64(3))
    assert board.update_freq == 3
    kept = callbacks.BackupAndRestore(tmp_path / "kept", save_freq=np.int64(4))
    assert kept is not None
    assert layers.Conv2D(2, np.array([3, 2])).kernel_size == (3, 2)
    for name in "ab":
        (tmp_path / name).mkdir()
        images.save_img(tmp_path / name / "0.png", np.zeros((4, 4, 3)))
    folder = images.image_dataset_from_directory(
        tmp_path, image_size=np.array([3, 2]), verbose=False, class_names=["a", "b"]
    )
    assert folder[0][0].shape == (2, 3, 2, 3)  # pyright: ignore[reportAttributeAccessIssue]


def test_a_group_count_of_several_numbers_is_refused_in_words() -> None:
    for groups in ((1, 2), [], np.array([2, 2])):
        with pytest.raises(ArgumentError, match="groups must be -1 or an integer >= 1"):
            layers.GroupNormalization(groups)


def test_a_limit_of_epochs_may_be_numpys() -> None:
    keras.config.set_max_epochs(np.int64(2))
    assert keras.config.max_epochs() == 2
    keras.config.set_max_epochs(None)
