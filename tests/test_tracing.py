"""What a model keeps of the calls it is made of."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.errors import NotBuiltError, ShapeError


class Net(seqir.Model):
    def __init__(self) -> None:
        super().__init__(name="net")
        self.hidden = layers.Dense(4, activation="relu")
        self.head = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.head(self.hidden(x))


def test_a_subclass_with_a_call_is_a_model(tmp_path: Any) -> None:
    net = Net()
    with pytest.raises(NotBuiltError, match="has no defined inputs yet"):
        _ = net.inputs
    x = np.linspace(-1, 1, 15, dtype=np.float32).reshape(3, 5)
    y = net(x)
    np.testing.assert_allclose(y, net.head(net.hidden(x)), rtol=1e-6)
    assert net(x[:1]).shape == (1, 2)
    assert [w.path for w in net.weights][:2] == ["net/dense/kernel", "net/dense/bias"]
    assert net.count_params() == 34
    report = net.export(tmp_path / "net.onnx")
    assert report.inputs == {"input_layer": "f32[batch, 5]"}
    tensor = seqir.Input((5,))
    outer = seqir.Model(tensor, layers.ReLU()(net(tensor)))
    np.testing.assert_allclose(outer(x), np.maximum(y, 0), rtol=1e-6)


def test_a_subclass_that_fails_to_build_stays_unbuilt() -> None:
    net = Net()
    with pytest.raises(ShapeError, match="size of the last axis"):
        net.build((None, None))
    assert not net.built
    assert net(np.ones((2, 5))).shape == (2, 2)


def test_a_call_keeps_the_list_as_it_was() -> None:
    features = [seqir.Input((4,))]
    for _ in range(3):
        joined = layers.Concatenate()(features) if len(features) > 1 else features[0]
        features.append(layers.Dense(4)(joined))
    model = seqir.Model(features[0], features[-1])
    assert model(np.ones((2, 4))).shape == (2, 4)


def test_functions_are_named_in_the_graph() -> None:
    x = seqir.Input((4,))
    graph = seqir.Model(x, ops.exp(x * 2.0)).graph()
    assert [n.source for n in graph.nodes if n.operands] == ["multiply", "exp"]
    assert graph.sources == {"multiply": "Multiply", "exp": "Exp"}
