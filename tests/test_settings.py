"""Settings of the process, and the small functions of ``seqir.utils``."""

from collections.abc import Iterator

import numpy as np
import pytest

import seqir
from seqir import config, layers
from seqir.errors import ArgumentError


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = config.floatx(), config.image_data_format(), config.epsilon()
    yield
    config.set_floatx(before[0])
    config.set_image_data_format(before[1])
    config.set_epsilon(before[2])


def test_floatx_is_the_type_of_new_weights() -> None:
    config.set_floatx("float64")
    layer = layers.Dense(2)
    assert layer(np.ones((1, 3))).dtype == np.float64
    assert layer.kernel.dtype == "float64"


def test_the_data_format_is_that_of_new_layers() -> None:
    config.set_image_data_format("channels_first")
    model = seqir.Sequential([seqir.Input((3, 8, 8)), layers.Conv2D(4, 3)])
    assert model.output_shape == (None, 4, 6, 6)
    with pytest.raises(ArgumentError, match="data_format must be"):
        config.set_image_data_format("NCHW")  # type: ignore[arg-type]


def test_epsilon() -> None:
    config.set_epsilon(1e-5)
    assert config.epsilon() == 1e-5


def test_to_categorical() -> None:
    rows = seqir.utils.to_categorical([0, 2])
    np.testing.assert_array_equal(rows, [[1, 0, 0], [0, 0, 1]])
    assert seqir.utils.to_categorical([[1]], 4).shape == (1, 4)
    with pytest.raises(ArgumentError, match="labels must be from 0 to 1"):
        seqir.utils.to_categorical([2], 2)
