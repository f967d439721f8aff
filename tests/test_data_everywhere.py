"""What fit takes, evaluate, predict, single batches and calls take as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import DTypeError

A = np.array([1, 2, 3, 4])
B = np.array([True, False, True, True])
Y = np.ones((4, 1), np.float32)


def pandas_frame(kinds: dict[str, str]) -> Callable[[], Any]:
    def make() -> Any:
        pandas = pytest.importorskip("pandas")
        if "pyarrow" in str(kinds):
            pytest.importorskip("pyarrow")
        frame = pandas.DataFrame({"a": A, "b": B})
        return frame.astype(kinds)

    return make


def polars_frame() -> Any:
    return pytest.importorskip("polars").DataFrame({"a": A, "b": B})


def arrow_table() -> Any:
    return pytest.importorskip("pyarrow").table({"a": A, "b": B})


FORMS: dict[str, Callable[[], Any]] = {
    "integers and truths": pandas_frame({}),
    "floats and truths": pandas_frame({"a": "float64"}),
    "nullable": pandas_frame({"a": "Int64", "b": "boolean"}),
    "arrow-backed": pandas_frame({"a": "int64[pyarrow]", "b": "bool[pyarrow]"}),
    "polars": polars_frame,
    "pyarrow": arrow_table,
    "masked without holes": lambda: np.ma.masked_array(np.stack([A, B], 1)),
}


def ways(model: Any, x: Any) -> dict[str, Callable[[], Any]]:
    return {
        "fit": lambda: model.fit(x, Y, verbose=0),
        "evaluate": lambda: model.evaluate(x, Y, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(x, Y),
        "test_on_batch": lambda: model.test_on_batch(x, Y),
        "predict": lambda: model.predict(x, verbose=0),
        "predict_on_batch": lambda: model.predict_on_batch(x),
        "call": lambda: model(x),
    }


def made() -> Any:
    seqir.utils.set_random_seed(0)
    model = seqir.Sequential([seqir.Input((2,)), layers.Dense(1)])
    model.compile(seqir.optimizers.SGD(0.0), "mse")
    return model


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_data_of_all_forms_are_taken_everywhere(make: Any) -> None:
    model, x = made(), make()
    wanted = model(np.stack([A, B], 1).astype(np.float32))
    error = float(((wanted - Y) ** 2).mean())
    found = {name: call() for name, call in ways(model, x).items()}
    for name in ("predict", "predict_on_batch", "call"):
        np.testing.assert_allclose(found[name], wanted, rtol=1e-6, err_msg=name)
    assert found["fit"].history["loss"] == pytest.approx([error])
    for name in ("evaluate", "train_on_batch", "test_on_batch"):
        assert found[name] == pytest.approx(error), name


BAD: dict[str, Callable[[], Any]] = {
    "holes": lambda: np.ma.masked_array(np.ones((4, 2)), mask=np.eye(4, 2) > 0),
    "texts": pandas_frame({"b": "str"}),
    "objects": lambda: np.array([["a", 1]] * 4, object),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_data_that_are_no_numbers_are_refused_everywhere(make: Any) -> None:
    model, x = made(), make()
    for name, call in ways(model, x).items():
        with pytest.raises(
            DTypeError, match=r"masked array with holes|no numbers|not n"
        ):
            pytest.fail(f"{name} took it: {call()}")
