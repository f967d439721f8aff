"""Sparse matrices of SciPy as data: dense batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import data, layers
from seqir.data.sparse import SparseRows
from seqir.errors import DTypeError, ShapeError

sparse: Any = pytest.importorskip("scipy.sparse")

R = np.random.default_rng(6)
X = (R.normal(size=(12, 5)) * (R.random((12, 5)) > 0.6)).astype(np.float32)
Y = R.normal(size=(12, 1)).astype(np.float32)
KINDS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]
FORMS = [f"{kind}_{form}" for kind in KINDS for form in ("matrix", "array")]


def model_of() -> Any:
    dense = layers.Dense(1, kernel_initializer="ones")
    model = seqir.Sequential([seqir.Input((5,)), dense])
    model.compile(seqir.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("form", FORMS)
def test_each_form_counts_as_its_dense_array(form: str) -> None:
    matrix = getattr(sparse, form)(X)
    model, wanted = model_of(), model_of()
    options: Any = {"batch_size": 5, "shuffle": False, "epochs": 2, "verbose": 0}
    found = model.fit(matrix, Y, **options).history
    assert found == wanted.fit(X, Y, **options).history
    for name in ("evaluate", "predict"):
        given = (Y,) if name == "evaluate" else ()
        dense = getattr(wanted, name)(X, *given, batch_size=5, verbose=0)
        other = getattr(model, name)(matrix, *given, batch_size=5, verbose=0)
        np.testing.assert_array_equal(other, dense)


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_shuffled_split_and_validated(shuffle: Any) -> None:
    matrix = sparse.csr_array(X)
    histories: list[Any] = []
    for x in (matrix, X):
        seqir.utils.set_random_seed(3)
        options: Any = {"batch_size": 4, "shuffle": shuffle, "verbose": 0}
        split = model_of().fit(x, Y, validation_split=0.25, **options).history
        given = model_of().fit(x, Y, validation_data=(x, Y), **options).history
        histories.append((split, given))
    assert histories[0] == histories[1]


def test_single_batches_generators_and_structures() -> None:
    matrix = sparse.csr_matrix(X)
    model, dense = model_of(), X.sum(1, keepdims=True)
    np.testing.assert_allclose(model(matrix), dense, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(matrix), dense, rtol=1e-5)
    np.testing.assert_allclose(model.predict([matrix], verbose=0), dense, rtol=1e-5)
    wide = sparse.csr_matrix(X.astype(np.float64))
    np.testing.assert_allclose(model.predict(wide, verbose=0), dense, rtol=1e-5)
    loss = np.square(dense - Y).mean()
    np.testing.assert_allclose(model.test_on_batch(matrix, Y), loss, rtol=1e-5)
    np.testing.assert_allclose(model.test_on_batch(X, sparse.csr_array(Y)), loss, 1e-5)
    found = model.evaluate(((matrix, Y) for _ in range(2)), verbose=0)
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(matrix, Y), loss, rtol=1e-5)


def test_only_the_rows_of_a_batch_are_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    take = SparseRows.__getitem__

    def noting(self: SparseRows, rows: Any) -> Any:
        found = take(self, rows)
        taken.append(len(found))
        return found

    def never(self: SparseRows) -> Any:
        raise AssertionError("all rows at once")

    monkeypatch.setattr(SparseRows, "__getitem__", noting)
    monkeypatch.setattr(SparseRows, "toarray", never)
    (x, *_), _ = data.split(sparse.csc_matrix(X), Y, None, 0.25)
    model_of().fit(x, Y[:9], batch_size=3, verbose=0)
    model_of().predict(sparse.coo_matrix(X), batch_size=3, verbose=0)
    assert set(taken) == {3}


def test_wrong_matrices_are_refused() -> None:
    with pytest.raises(DTypeError, match="x holds complex numbers"):
        model_of().fit(sparse.csr_matrix(X * 1j), Y, verbose=0)
    with pytest.raises(ShapeError, match="the numbers of samples differ"):
        model_of().fit(sparse.csr_matrix(X[:7]), Y, verbose=0)
