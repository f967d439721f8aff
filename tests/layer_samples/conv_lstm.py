"""Samples: ConvLSTM."""

from collections.abc import Iterator

from layer_samples.sample import FIRST, LayerSample, s


def conv_lstm() -> Iterator[LayerSample]:
    sizes = (5, 4, 3)
    for rank in (1, 2, 3):
        name, x = f"ConvLSTM{rank}D", (2, 3, *sizes[:rank], 2)
        first = (2, 3, 2, *sizes[:rank])
        yield s(name, 2, 2, x=x)
        yield s(name, 2, 3, x=x, padding="same", strides=2, return_sequences=True)
        yield s(name, 2, 2, x=x, return_state=True, go_backwards=True, use_bias=False)
        yield s(name, 2, 2, x=first, padding="same", unroll=True, **FIRST)
    x = (2, 3, 5, 4, 2)
    yield s("ConvLSTM2D", 2, (2, 1), x=x, dilation_rate=2, activation="relu")
    yield s("ConvLSTM2D", 2, 2, x=x, dropout=0.2, recurrent_dropout=0.3)
    yield s("ConvLSTM2D", 1, 1, x=(2, 2, 2, 2, 1), dtype="mixed_float16")


SAMPLES = tuple(conv_lstm())
