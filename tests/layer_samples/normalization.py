"""Samples: normalization."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s


def normalization() -> Iterator[LayerSample]:
    for rank in (2, 3, 4):
        x = (3, 5, 4, 6)[:rank]
        yield s("BatchNormalization", x=x)
        yield s("BatchNormalization", x=x, center=False)
        yield s("BatchNormalization", x=x, scale=False)
        yield s("BatchNormalization", x=x, center=False, scale=False, epsilon=0.1)
        yield s("BatchNormalization", x=x, axis=1)
        yield s("BatchNormalization", x=x, axis=1 - rank)
        yield s("LayerNormalization", x=x)
        yield s("LayerNormalization", x=x, center=False)
        yield s("LayerNormalization", x=x, scale=False, epsilon=0.1)
        yield s("LayerNormalization", x=x, center=False, scale=False)
        yield s("LayerNormalization", x=x, axis=1)
    yield s("BatchNormalization", x=(2, 3, 4, 5), axis=2)
    yield s("BatchNormalization", x=(2, 3, 2, 4, 5))
    yield s("BatchNormalization", x=(3, 4), dtype="float64", dtype_in="float64")
    yield s("BatchNormalization", x=(3, 4), dtype="mixed_float16")
    yield s("BatchNormalization", 1, x=(3, 4, 5), renorm=True, scale=False)
    limits = {"rmax": 1.5, "rmin": 0.5, "dmax": 0.25}
    yield s("BatchNormalization", x=(3, 4), renorm=True, renorm_clipping=limits)
    yield s("GroupNormalization", 2, x=(3, 4))
    yield s("GroupNormalization", 3, x=(2, 4, 5, 6), epsilon=0.1)
    yield s("GroupNormalization", 3, 1, x=(2, 6, 5, 4), center=False)
    yield s("GroupNormalization", 3, 2, x=(2, 5, 6, 4), scale=False)
    yield s("GroupNormalization", -1, x=(2, 4, 3))
    yield s("GroupNormalization", 2, x=(2, 3, 4), dtype="mixed_float16")
    yield s("RMSNormalization", x=(2, 3, 4))
    yield s("RMSNormalization", x=(2, 3, 4), axis=[1, 2], epsilon=0.1)
    yield s("UnitNormalization", x=(2, 3, 4))
    yield s("UnitNormalization", [1, 2], x=(2, 3, 4))
    yield s("UnitNormalization", 1, x=(2, 3, 4))
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=[-1, -2])
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=[1, 3])
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=(1, 2, 3))
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=[2, 3], scale=False)
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=-2)
    yield s("LayerNormalization", x=(3, 4), dtype="float64", dtype_in="float64")
    yield s("LayerNormalization", x=(3, 4), dtype="float16", dtype_in="float16")
    yield s("LayerNormalization", x=(3, 4), dtype="mixed_float16")


SAMPLES = (*normalization(),)
