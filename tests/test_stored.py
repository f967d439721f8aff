"""Objects from their configurations: what does not fit is said in one sentence."""

from typing import Any

import pytest

from seqir import (
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from seqir.errors import ArgumentError


@pytest.mark.parametrize(
    "cls",
    [
        constraints.MaxNorm,
        initializers.Constant,
        losses.MeanSquaredError,
        metrics.Mean,
        optimizers.schedules.ExponentialDecay,
        regularizers.L2,
    ],
)
def test_a_name_that_is_no_argument(cls: Any) -> None:
    text = rf"config {{'ratee': 1}} does not fit {cls.__name__}: .+"
    with pytest.raises(ArgumentError, match=text):
        cls.from_config({"ratee": 1})
