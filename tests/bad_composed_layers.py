"""Wrong uses of layers that are made of others: wrappers, attention, core."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seqir import layers as k
from seqir.errors import ArgumentError, ShapeError, UnsupportedError

Case = tuple[str, Callable[[], Any], type[Exception], str]


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def built(layer: Any, x: Any) -> Any:
    """The layer, called once."""
    layer(x)
    return layer


WRAPPERS: list[Case] = [
    ("no layer to distribute", lambda: k.TimeDistributed("dense"), ArgumentError,
     "initialize `TimeDistributed` layer with a `keras.layers.Layer` instance"),
    ("class in place of a layer", lambda: k.Wrapper(k.Dense), ArgumentError,
     "initialize `Wrapper` layer .* Received: <class"),
    ("no steps", lambda: k.TimeDistributed(k.Dense(2))(ones(2, 3)), ShapeError,
     r"with at least 3 dimensions, received: \(2, 3\)"),
    ("mask of one axis",
     lambda: k.TimeDistributed(k.Dense(2))(ones(2, 3, 4), mask=ones(3)), ShapeError,
     r"at least 2D .* has 1 dimension\(s\) with shape \(3,\)"),
    ("mask of other steps",
     lambda: k.TimeDistributed(k.Dense(2))(ones(2, 3, 4), mask=ones(2, 4)), ShapeError,
     r"shape \(2, 4\) that is incompatible .* prefix: \(2, 3\)"),
]  # fmt: skip

SPECTRAL: list[Case] = [
    ("nothing to divide", lambda: k.SpectralNormalization(k.ReLU())(ones(2, 3)),
     ArgumentError, "ReLU object has no attribute 'kernel' nor 'embeddings'"),
    ("no iterations", lambda: k.SpectralNormalization(k.Dense(2), 0), ArgumentError,
     "power_iterations must be an integer >= 1, got 0"),
    ("far parts", lambda: k.STFTSpectrogram(frame_length=8, frame_step=9),
     ArgumentError, "not greater than `frame_length`. Received frame_step=9"),
    ("few points", lambda: k.STFTSpectrogram(frame_length=8, fft_length=4),
     ArgumentError, "`fft_length` should be not less than `frame_length`"),
    ("mode", lambda: k.STFTSpectrogram("power"), ArgumentError, "mode must be 'log',"),
    ("window", lambda: k.STFTSpectrogram(window="hat"), ArgumentError,
     "window must be .* got 'hat'"),
    ("few points of parts", lambda: k.MelSpectrogram(8, sequence_length=9),
     ArgumentError, "`fft_length` must be greater than or equal to `sequence_length`"),
    ("channels", lambda: k.MelSpectrogram(8, 4)(ones(2, 20, 1)), ShapeError,
     r"takes signals \[samples\] or \[N, samples\], got the shape \(2, 20, 1\)"),
]  # fmt: skip

ATTENTION: list[Case] = [
    ("queries without time", lambda: k.MultiHeadAttention(2, 3)(ones(2, 4), ones(2, 4)),
     ShapeError, r"takes query, value and key \[N, T, n\].* got \(2, 4\)"),
    ("values without time",
     lambda: k.MultiHeadAttention(2, 3)(ones(2, 3, 4), ones(2, 4)),
     ShapeError, r"of one rank, got \(2, 3, 4\) and \(2, 4\)"),
    ("images for groups",
     lambda: k.GroupQueryAttention(2, 2, 1)(ones(2, 3, 3, 4), ones(2, 3, 3, 4)),
     ShapeError, r"key \[N, T, n\] of one rank, got \(2, 3, 3, 4\)"),
    ("attention along features",
     lambda: k.MultiHeadAttention(2, 3, attention_axes=2)(ones(2, 3, 4), ones(2, 3, 4)),
     ShapeError, r"attention_axes=.* must lie between the batch and the last axis"),
    ("keys of other sizes", lambda: k.Attention()([ones(2, 3, 4), ones(2, 3, 5)]),
     ShapeError, r"must have one size, got \(2, 3, 4\) and \(2, 3, 5\)"),
    ("one tensor", lambda: k.Attention()(ones(2, 3, 4)), ArgumentError,
     r"must be called on a list of inputs, namely \[query, value\]"),
    ("four tensors", lambda: k.AdditiveAttention()([ones(2, 3, 4)] * 4), ArgumentError,
     "AdditiveAttention layer accepts inputs list of length 2 or 3"),
    ("mask of both", lambda: k.Attention()([ones(2, 3, 4)] * 2, mask=ones(2, 3)),
     ArgumentError, "layer mask must be a list, namely"),
    ("one mask", lambda: k.Attention()([ones(2, 3, 4)] * 2, mask=[ones(2, 3)]),
     ArgumentError, "accepts mask list of length 2 or 3. Received length: 1"),
    ("score mode", lambda: k.Attention(score_mode="dott"), ArgumentError,
     "score_mode must be 'dot' or 'concat', got 'dott'"),
    ("no heads", lambda: k.MultiHeadAttention(0, 3), ArgumentError,
     "num_heads must be an integer >= 1, got 0"),
    ("no size of keys", lambda: k.MultiHeadAttention(2, 2.5), ArgumentError,
     "key_dim must be an integer >= 1, got 2.5"),
    ("axes as text", lambda: k.MultiHeadAttention(2, 3, attention_axes="a"),
     ArgumentError, "attention_axes must be an integer or several of them"),
    ("no window", lambda: k.MultiHeadAttention(2, 3, sliding_window=0), ArgumentError,
     "sliding_window must be an integer >= 1, got 0"),
    ("dropout of flash attention",
     lambda: k.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True),
     ArgumentError, "Dropout is not supported when flash attention is enabled"),
    ("scores of flash attention",
     lambda: k.GroupQueryAttention(2, 2, 1, flash_attention=True)(
         ones(2, 3, 4), ones(2, 3, 4), return_attention_scores=True),
     ArgumentError, "attention scores is not supported when flash attention"),
    ("keys of another length",
     lambda: k.MultiHeadAttention(2, 3)(ones(2, 3, 4), ones(2, 5, 4), ones(2, 6, 4)),
     ShapeError, r"value_shape=\(2, 5, 4\) and key_shape=\(2, 6, 4\)"),
    ("heads that are not shared", lambda: k.GroupQueryAttention(2, 3, 2),
     ArgumentError, "must be divisible by `num_key_value_heads`, got 3 and 2"),
]  # fmt: skip

EINSUM: list[Case] = [
    ("equation of another form", lambda: k.EinsumDense("ab,bc", 3), ArgumentError,
     "Invalid einsum equation 'ab,bc'. Equations must be in the form"),
    ("equation of other axes", lambda: k.EinsumDense("ab,bc->ac", 3)(ones(2, 3, 4)),
     ShapeError, "'ab,bc->ac' takes tensors of 2 axes, got shape"),
    ("axes missing", lambda: k.EinsumDense("abc,cd->abd", 3)(ones(2, 3, 4)), ShapeError,
     r"makes 3 axes, and output_shape=\(3,\) has 1 without the batch"),
    ("size of a shared axis",
     lambda: k.EinsumDense("abc,cd->abd", (5, 3))(ones(2, 3, 4)), ShapeError,
     "shared dimension 'b'. Input shape is 3, and output shape is 5"),
    ("axis of the output from nowhere",
     lambda: k.EinsumDense("ab,bc->acd", (3, 4))(ones(2, 3)), ArgumentError,
     "Dimension 'd' was specified in the output 'acd' but has no"),
    ("axis of the kernel from nowhere",
     lambda: k.EinsumDense("ab,bcd->ac", 3)(ones(2, 3)), ArgumentError,
     "Weight dimension 'd' did not have a match"),
    ("axis of the bias", 
     lambda: k.EinsumDense("ab,bc->ac", 3, bias_axes="d")(ones(2, 3)), ArgumentError,
     "Bias dimension 'd' was requested"),
    ("another rank", lambda: built(k.EinsumDense("...a,ab->...b", 3), ones(2, 3))(
        ones(2, 3, 3)), ShapeError, "expected ndim=2, found ndim=3"),
    ("lora", lambda: k.EinsumDense("ab,bc->ac", 3, lora_rank=2), UnsupportedError,
     "EinsumDense of seqir has no 'lora_rank'"),
]  # fmt: skip

LAMBDA: list[Case] = [
    ("no function", lambda: k.Lambda(3, name="own"), ArgumentError,
     r"function of layer 'own' \(Lambda\) must be a function, got 3"),
    ("a size alone", lambda: k.Lambda(abs, 3, name="own"), ArgumentError,
     r"output_shape of layer 'own' \(Lambda\) must be sizes without the batch"),
]  # fmt: skip

CASES = [*WRAPPERS, *SPECTRAL, *ATTENTION, *EINSUM, *LAMBDA]
