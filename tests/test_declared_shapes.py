"""Layers that say themselves which shape comes out of them."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops

keras = pytest.importorskip("keras")

X = np.ones((2, 3), np.float32)


def kinds(k: Any) -> dict[str, Any]:
    class Shape(k.layers.Layer):
        def call(self, x: Any) -> Any:
            return k.ops.concatenate([x, x], -1)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*input_shape[:-1], input_shape[-1] * 2)

    class Spec(Shape):
        def compute_output_spec(self, x: Any) -> Any:
            return k.KerasTensor((*x.shape[:-1], x.shape[-1] * 2), dtype=x.dtype)

    class Several(k.layers.Layer):
        def call(self, a: Any, b: Any) -> Any:
            return {"sum": a + b, "first": a}

        def compute_output_shape(self, a_shape: Any, b_shape: Any) -> Any:
            return {"sum": a_shape, "first": a_shape}

    return {"shape": Shape, "spec": Spec, "several": Several}


@pytest.mark.parametrize("kind", kinds(seqir))
def test_what_they_say_is_what_comes_out(kind: str) -> None:
    shapes = []
    for k in (seqir, keras):
        inputs = [k.Input((3,)) for _ in range(2 if kind == "several" else 1)]
        layer = kinds(k)[kind]()
        y = layer(*inputs)
        found = [t.shape for t in (y.values() if isinstance(y, dict) else [y])]
        shapes.append(found)
        if kind != "several":
            assert layer.compute_output_shape((None, 3)) == (None, 6)
            assert layer.compute_output_spec(k.KerasTensor((4, 3))).shape == (4, 6)
    assert shapes[0] == shapes[1]


def test_a_spec_alone_gives_the_shape() -> None:
    class Spec(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.relu(x)

        def compute_output_spec(self, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            return seqir.KerasTensor(x.shape, dtype="float32")

    assert Spec().compute_output_shape((None, 3)) == (None, 3)


@pytest.mark.parametrize("said", [(None, 7), (None, 3, 1), [(None, 3), (None, 3)]])
def test_another_shape_than_the_computed_one_is_told(said: Any) -> None:
    class Wrong(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.relu(x)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return said

    message = (
        r"compute_output_shape of layer 'w' \(Wrong\) says .* computes \(None, 3\)"
    )
    x = seqir.Input((3,))
    with pytest.warns(UserWarning, match=message):
        y = Wrong(name="w")(x)
    assert y.shape == (None, 3)
    assert seqir.Model(x, y)(X).shape == (2, 3)


def test_sizes_that_nobody_knows_are_no_other_shape() -> None:
    class Vague(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.relu(x)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (None, None)

    assert Vague()(seqir.Input((3,))).shape == (None, 3)
