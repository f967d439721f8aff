"""Products by an equation: which factor ONNX Runtime gets first, and the values."""

import numpy as np
import pytest

from seqir import lower
from seqir.ir import Builder
from seqir.operators.linalg import Einsum
from seqir.runtime import Session
from seqir.tensortype import TensorType

pytest.importorskip("onnxruntime")

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "m": 7}

ORDERS = [
    # Attention: scores, what they weigh, and the gradients of both.
    ("aecd,abcd->acbe", "abcd,aecd->acbe"),
    ("acbe,aecd->abcd", "acbe,aecd->abcd"),
    ("abcd,aecd->acbe", "abcd,aecd->acbe"),
    ("abcd,acbe->aecd", "acbe,abcd->aecd"),
    # A dense layer into heads and out of them, and the gradients.
    ("abm,mcd->abcd", "abm,mcd->abcd"),
    ("abcd,mcd->abm", "abcd,mcd->abm"),
    ("abcd,abm->mcd", "abm,abcd->mcd"),
    ("abcd,cdm->abm", "abcd,cdm->abm"),
    ("abm,cdm->abcd", "abm,cdm->abcd"),
    ("abm,abcd->cdm", "abm,abcd->cdm"),
    # Products that are in order, without rows or columns, outer, and of diagonals.
    ("abc,acd->abd", "abc,acd->abd"),
    ("ab,ab->", "ab,ab->"),
    ("b,a->ab", "a,b->ab"),
    ("aab,bc->ac", "aab,bc->ac"),
    ("abc,d->d", "abc,d->d"),
    # Others than pairs stay as they are.
    ("abc->cab", "abc->cab"),
    ("b,a,c->abc", "b,a,c->abc"),
]


@pytest.mark.parametrize(("equation", "written"), ORDERS)
def test_the_factor_whose_axes_move_least_comes_first(equation, written):
    rng = np.random.default_rng(0)
    terms = equation.split("->")[0].split(",")
    arrays = [rng.normal(size=[SIZES[c] for c in t]).astype(np.float32) for t in terms]
    b = Builder("product")
    xs = [
        b.input(f"x{i}", TensorType("float32", x.shape)) for i, x in enumerate(arrays)
    ]
    graph = b.finish({"y": b(Einsum(equation), *xs)})
    (node,) = lower.to_proto(lower.lower(graph)).graph.node
    assert node.attribute[0].s.decode() == written
    fed = {f"x{i}": x for i, x in enumerate(arrays)}
    found = Session.of_graph(graph, device="cpu").run(fed)[0]
    wide = np.einsum(equation, *(x.astype(np.float64) for x in arrays))
    np.testing.assert_allclose(found, wide, rtol=1e-4, atol=1e-4)
