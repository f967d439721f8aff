"""Samples: attention, and the dense layers that it is made of."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s


def einsum() -> Iterator[LayerSample]:
    name = "EinsumDense"
    yield s(name, "ab,bc->ac", 3, x=(2, 4), bias_axes="c")
    yield s(name, "abc,cd->abd", (None, 3), "relu", "d", x=(2, 5, 4))
    yield s(name, "...x,xy->...y", 3, x=(2, 4))
    yield s(name, "...x,xy->...y", 3, x=(2, 5, 6, 4), bias_axes="y")
    yield s(name, "ab...,bc->ac...", 3, x=(2, 4, 5), bias_axes="c")
    yield s(name, "abc,cde->abde", [None, 2, 3], x=(2, 5, 4), bias_axes="de")
    yield s(name, "abcd,cde->abe", (None, 3), x=(2, 5, 4, 6), bias_axes="e")
    yield s(name, "abc,bcd->abd", (5, 3), x=(2, 5, 4), bias_axes="bd")
    yield s(name, "abc,bde->abcde", (5, 4, 2, 3), x=(2, 5, 4), bias_axes="ce")
    yield s(name, "abc,bc->abc", (5, 4), x=(2, 5, 4), activation="tanh")
    yield s(name, "ab,bc->ac", 3, x=(2, 4), dtype="mixed_float16", bias_axes="c")


def one_head() -> Iterator[LayerSample]:
    pair = [(2, 5, 6), (2, 7, 6)]
    three = [(2, 5, 6), (2, 7, 4), (2, 7, 6)]
    causal, scores = {"use_causal_mask": True}, {"return_attention_scores": True}
    for name in ("Attention", "AdditiveAttention"):
        yield s(name, x=pair)
        yield s(name, x=pair, use_scale=name == "Attention", call=causal)
        yield s(name, x=three, dropout=0.25, call=scores)
        yield s(name, x=pair, dtype="mixed_float16")
    yield s("Attention", True, "concat", x=three)
    yield s("Attention", score_mode="concat", x=pair, call=causal)
    yield s("Attention", x=[(2, 3, 5, 6), (2, 3, 7, 6)])


def heads() -> Iterator[LayerSample]:
    name, query = "MultiHeadAttention", (2, 5, 6)
    pair, three = (query, (2, 7, 4)), (query, (2, 7, 4), (2, 7, 3))
    causal, scores = {"use_causal_mask": True}, {"return_attention_scores": True}
    yield s(name, 2, 3, x=pair)
    yield s(name, 2, 3, x=three, value_dim=5)
    yield s(name, 3, 2, x=pair, use_bias=False, output_shape=4)
    yield s(name, 2, 3, x=pair, call=causal)
    yield s(name, 2, 3, x=(query, query), dropout=0.25, call=scores)
    yield s(name, 2, 3, x=pair, sliding_window=2, call=causal)
    yield s(name, 2, 3, x=pair, use_gate=True, value_dim=4)
    yield s(name, 2, 3, x=pair, dtype="mixed_float16")
    wide = (2, 3, 4, 5)
    yield s(name, 2, 3, x=(wide, wide))
    yield s(name, 2, 3, x=(wide, wide), attention_axes=[2])
    yield s(name, 2, 3, x=(wide, wide), attention_axes=(1, 2), output_shape=(2, 3))
    name, pair = "GroupQueryAttention", (query, (2, 7, 6))
    yield s(name, 2, 2, 1, x=pair)
    yield s(name, 3, 4, 2, x=pair, use_bias=False)
    yield s(name, 3, 4, 1, x=pair, use_gate=True, call=causal)
    yield s(name, 3, 2, 2, x=(*pair, (2, 7, 3)))
    yield s(name, 3, 4, 2, x=pair, sliding_window=2, dropout=0.25)
    yield s(name, 3, 4, 2, x=pair, dtype="mixed_float16")


SAMPLES = (*einsum(), *one_head(), *heads())
