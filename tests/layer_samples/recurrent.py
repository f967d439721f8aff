"""Samples: recurrent layers."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, inner, s


def recurrent() -> Iterator[LayerSample]:
    x = (2, 5, 3)
    for name in ("SimpleRNN", "LSTM", "GRU"):
        yield s(name, 4, x=x)
        yield s(name, 4, x=x, return_sequences=True)
        yield s(name, 4, x=x, return_sequences=True, return_state=True)
        yield s(name, 4, x=x, return_sequences=True, go_backwards=True)
        yield s(name, 4, x=x, return_state=True, go_backwards=True, use_bias=False)
        yield s(name, 4, x=x, unroll=True, return_sequences=True)
        yield s(name, 4, "relu", x=x, unroll=True, return_state=True, go_backwards=True)
        yield s(name, 4, "gelu", x=x, dropout=0.2, recurrent_dropout=0.3)
        yield s(name, 1, x=(1, 1, 1))
        yield s(name, 4, x=x, dtype="mixed_float16")
        yield s(name, 4, x=x, dtype="float64", dtype_in="float64")
        yield s(name, 4, x=x, trainable=False)
    for function in ("hard_sigmoid", "softsign", "hard_tanh"):
        yield s("LSTM", 4, x=x, recurrent_activation=function)
        yield s("GRU", 4, function, function, x=x, return_sequences=True)
    for function in ("elu", "softplus", "leaky_relu", "relu6", None):
        yield s("SimpleRNN", 4, function, x=x)
    yield s("LSTM", 4, x=x, unit_forget_bias=False, kernel_regularizer="l2")
    yield s("GRU", 4, x=x, reset_after=False)
    yield s("GRU", 4, "silu", x=x, reset_after=False, return_sequences=True)
    yield s("GRU", 4, x=x, reset_after=False, use_bias=False, unroll=True)
    yield from networks_of_cells()
    yield from both_ways()


def networks_of_cells() -> Iterator[LayerSample]:
    x = (2, 5, 3)
    long, gated = inner("LSTMCell", 4, name="a"), inner("GRUCell", 3, name="b")
    before = {"reset_after": False, "name": "c"}
    yield s("RNN", long, x=x)
    yield s("RNN", inner("GRUCell", 4, "relu", use_bias=False, **before), x=x)
    yield s("RNN", gated, x=x, return_sequences=True, go_backwards=True)
    yield s("RNN", long, True, True, x=x, unroll=True)
    stacked = inner(
        "StackedRNNCells", [long, inner("SimpleRNNCell", 2, name="d")], name="e"
    )
    yield s("RNN", stacked, x=x, return_sequences=True)
    yield s("RNN", stacked, x=x, unroll=True)


def both_ways() -> Iterator[LayerSample]:
    x = (2, 5, 3)
    every = {"return_sequences": True, "return_state": True, "name": "a"}
    for name in ("SimpleRNN", "LSTM", "GRU"):
        yield s("Bidirectional", inner(name, 4, name="a"), x=x)
        yield s("Bidirectional", inner(name, 4, **every), x=x)
    for mode in ("sum", "mul", "ave", None):
        yield s("Bidirectional", inner("GRU", 4, name="a"), mode, x=x)
        yield s("Bidirectional", inner("LSTM", 4, **every), mode, x=x)
    back = inner("LSTM", 4, return_sequences=True, go_backwards=True, name="b")
    ahead = inner("LSTM", 4, "relu", return_sequences=True, name="a")
    yield s("Bidirectional", ahead, x=x, backward_layer=back)
    cell = inner("LSTMCell", 4, name="c")
    loop = inner("RNN", cell, return_sequences=True, name="a")
    yield s("Bidirectional", loop, x=x)
    yield s("Bidirectional", inner("GRU", 4, name="a"), x=x, dtype="mixed_float16")


SAMPLES = tuple(recurrent())
