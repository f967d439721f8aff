"""Samples: core."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s


def core() -> Iterator[LayerSample]:
    yield s("Dense", 3, x=(2, 4))
    yield s("Dense", 3, x=(2, 4), use_bias=False)
    yield s("Dense", 3, "relu", False, x=(2, 5, 4))
    yield s("Dense", 3, x=(2, 3, 5, 4))
    yield s("Dense", 1, x=(2, 1))
    yield s("Dense", 3, x=(2, 4), dtype="float16", dtype_in="float16")
    yield s("Dense", 3, x=(2, 4), dtype="float64", dtype_in="float64")
    yield s("Dense", 3, x=(2, 4), dtype="mixed_float16")
    yield s("Dense", 3, x=(2, 4), dtype_in="float64")
    yield s("Dense", 3, x=(2, 4), trainable=False)
    yield s("Embedding", 7, 3, x=(2, 4), dtype_in="int32", high=7)
    yield s("Embedding", 7, 3, x=(2,), dtype_in="int64", high=7)
    yield s("Embedding", 7, 3, x=(2, 4, 2), dtype_in="int32", high=7, mask_zero=True)
    yield s("Embedding", 7, 3, x=(2, 4), high=7)
    yield s("Embedding", 7, 3, x=(2, 4), dtype_in="int32", high=7, dtype="float16")
    yield s(
        "Embedding", 7, 3, x=(2, 4), dtype_in="int32", high=7, dtype="mixed_float16"
    )
    name, back = "ReversibleEmbedding", (2, 5, 3)
    yield s(name, 7, 3, x=(2, 4), dtype_in="int32", high=7)
    yield s(name, 7, 3, x=(2, 4), mask_zero=True, dtype_in="int32", high=7)
    yield s(name, 7, 3, False, x=(2, 4, 5), dtype_in="int32", high=7)
    yield s(name, 7, 3, x=back, call={"reverse": True})
    yield s(name, 7, 3, False, x=back, call={"reverse": True})
    yield s(name, 7, 3, x=back, logit_soft_cap=0.5, call={"reverse": True})
    yield s(name, 7, 3, x=back, reverse_dtype="float64", call={"reverse": True})
    yield s(name, 7, 3, x=back, dtype="mixed_float16", call={"reverse": True})
    yield s("Dropout", 0.5, x=(2, 4))
    yield s("Dropout", 0, x=(2, 3, 4), noise_shape=(2, 1, 4))
    yield s("SpatialDropout1D", 0.5, x=(2, 3, 4))
    yield s("SpatialDropout2D", 0.5, x=(2, 3, 5, 4))
    yield s("SpatialDropout3D", 0.5, x=(2, 3, 5, 2, 4))
    yield s("GaussianDropout", 0.5, x=(2, 4))
    yield s("GaussianNoise", 0.5, x=(2, 4))
    yield s("AlphaDropout", 0.5, x=(2, 4))
    yield s("ActivityRegularization", 0.5, 0.25, x=(2, 4))
    yield s("Identity", x=(2, 4))
    yield s("Identity", x=(2, 4), dtype_in="int32", high=4)
    yield s("Masking", x=(2, 5, 4))
    yield s("Masking", 3.0, x=(2, 5, 1), high=5)
    yield s("Masking", x=(2, 3, 5, 1), dtype_in="int32", high=2)
    yield s("Masking", x=(2, 4), dtype="mixed_float16")


SAMPLES = (*core(),)
