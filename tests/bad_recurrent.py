"""Recurrent layers that cannot be, and calls of them, with the words of the error."""

from collections.abc import Callable
from typing import Any

import numpy as np

import seqir
from seqir import layers as k
from seqir.errors import ArgumentError, ShapeError

X = np.ones((4, 5, 3), np.float32)
Case = tuple[str, Callable[[], Any], type[Exception], str]


def stateful() -> Any:
    layer = k.GRU(3, stateful=True)
    layer.build((4, 5, 3))
    return layer


def stateful_model() -> Any:
    model = seqir.Sequential([seqir.Input(batch_shape=(4, 5, 3)), stateful()])
    model.compile("sgd", "mse")
    return model


OTHER_BATCH = (
    r"do not fit layer 'gru\w*': it holds values of shape \(4, 3\), and these inputs "
    r"need \(2, 3\); give batches of the size that it was built for"
)


def both(layer: Any, **kwargs: Any) -> Any:
    return k.Bidirectional(layer, **kwargs)


CASES: list[Case] = [
    ("units", lambda: k.LSTM(0), ArgumentError, "units must be an integer >= 1"),
    ("cudnn", lambda: k.GRU(3, use_cudnn="no"), ArgumentError, "use_cudnn must be"),
    ("cell", lambda: k.RNN(5), ArgumentError, "should have a `call` method"),
    ("state_size", lambda: k.RNN(k.Dense(3)), ArgumentError, "have a `state_size`"),
    ("no cells", lambda: k.StackedRNNCells([]), ArgumentError, "at least one cell"),
    (
        "steps of steps",
        lambda: k.TimeDistributed(k.LSTM(3))(X),
        ShapeError,
        r"layer 'lstm.*' takes sequences \[N, T, ...\], got the shape \(4, 3\)",
    ),
    (
        "large kernel",
        lambda: k.ConvLSTM1D(3, 9)(np.ones((2, 3, 8, 1), np.float32)),
        ShapeError,
        r"kernels of size \(9,\) do not fit into the images \(2, 8, 1\)",
    ),
    (
        "stacked",
        lambda: k.RNN([k.Dense(3)]),
        ArgumentError,
        "All cells must have a `state_size`",
    ),
    (
        "unroll",
        lambda: k.LSTM(3, unroll=True)(seqir.Input((None, 3))),
        ShapeError,
        "Cannot unroll a RNN",
    ),
    (
        "features",
        lambda: k.LSTM(3)(seqir.Input((4, None))),
        ShapeError,
        "needs to know the size of the last axis",
    ),
    (
        "stateful without a batch",
        lambda: k.LSTM(3, stateful=True)(seqir.Input((4, 3))),
        ShapeError,
        "batch size must be static",
    ),
    (
        "stateful with another batch",
        lambda: stateful()(X[:2]),
        ShapeError,
        "Expected batch size: 4. Received batch size: 2",
    ),
    (
        "stateful predictions of another batch",
        lambda: stateful_model().predict(X, batch_size=2, verbose=0),
        ShapeError,
        OTHER_BATCH,
    ),
    (
        "stateful training on another batch",
        lambda: stateful_model().train_on_batch(X[:2], X[:2, 0]),
        ShapeError,
        OTHER_BATCH,
    ),
    (
        "too few states",
        lambda: k.LSTM(3)(X, initial_state=[X[:, 0]]),
        ArgumentError,
        "has 2 states, got an initial_state of 1 tensors",
    ),
    (
        "states of another size",
        lambda: k.GRU(4)(X, initial_state=[X[:, 0]]),
        ShapeError,
        r"has the shape \(4, 4\), got an initial_state of shape \(4, 3\)",
    ),
    ("rank", lambda: k.GRU(4)(X[0]), ShapeError, "expected ndim=3, found ndim=2"),
    ("both of", lambda: both(5), ArgumentError, "must be a recurrent layer, got 5"),
    (
        "a layer that is not recurrent",
        lambda: both(k.Dense(2)),
        ArgumentError,
        "must be a recurrent layer, got <Dense",
    ),
    (
        "backward",
        lambda: both(k.GRU(2), backward_layer="GRU"),
        ArgumentError,
        "backward_layer of Bidirectional must be a recurrent layer, got 'GRU'",
    ),
    (
        "merge",
        lambda: both(k.GRU(2), merge_mode="max"),
        ArgumentError,
        "merge_mode must be",
    ),
    (
        "one direction",
        lambda: both(k.GRU(2), backward_layer=k.GRU(2)),
        ArgumentError,
        "should have different `go_backwards`",
    ),
    (
        "unlike",
        lambda: both(
            k.GRU(2), backward_layer=k.GRU(2, return_state=True, go_backwards=True)
        ),
        ArgumentError,
        'the same value for attribute "return_state"',
    ),
    (
        "states of both",
        lambda: both(k.GRU(4))(X, initial_state=[X[:, 0]] * 3),
        ArgumentError,
        "has 2 states, got an initial_state of 3 tensors",
    ),
    ("filters", lambda: k.ConvLSTM2D(0, 2), ArgumentError, "filters must be an integ"),
    (
        "strides and dilations",
        lambda: k.ConvLSTM2D(2, 2, 2, dilation_rate=2),
        ArgumentError,
        "cannot both be greater than 1",
    ),
    (
        "images",
        lambda: k.ConvLSTM2D(2, 2)(seqir.Input((None, None, 4, 2))),
        ShapeError,
        "need to know the size of images and their channels",
    ),
    (
        "a mask of fewer steps",
        lambda: k.LSTM(2)(X, mask=np.ones((len(X), 2), bool)),
        ShapeError,
        "give a truth value for each step",
    ),
    (
        "a mask without steps",
        lambda: k.Bidirectional(k.GRU(2))(X, mask=np.ones(len(X), bool)),
        ShapeError,
        "give a truth value for each step",
    ),
]
