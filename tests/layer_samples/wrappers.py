"""Samples: wrappers."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, inner, s


def wrappers() -> Iterator[LayerSample]:
    name, x = "TimeDistributed", (2, 5, 4)
    dense = inner("Dense", 3, name="inner")
    yield s(name, dense, x=x)
    yield s(name, dense, x=(2, 5, 3, 4))
    yield s(name, dense, x=x, dtype="mixed_float16")
    yield s(name, inner("Dense", 3, "relu", name="inner"), x=x, trainable=False)
    yield s(name, inner("Dropout", 0.5, name="inner"), x=x)
    yield s(name, inner("BatchNormalization", name="inner"), x=x)
    yield s(name, inner("BatchNormalization", 1, name="inner"), x=(2, 5, 4, 3))
    yield s(name, inner("Conv2D", 3, 2, name="inner"), x=(2, 3, 6, 5, 2))
    yield s(name, inner("MaxPooling1D", name="inner"), x=(2, 3, 6, 4))
    yield s(name, inner("Flatten", name="inner"), x=(2, 3, 6, 4))
    given = {"dtype_in": "int32", "high": 7}
    yield s(name, inner("Embedding", 7, 3, name="inner"), x=(2, 5, 4), **given)
    yield s(name, inner(name, dense, name="outer"), x=(2, 3, 5, 4))


def spectral() -> Iterator[LayerSample]:
    name = "SpectralNormalization"
    yield s(name, inner("Dense", 3, name="inner"), x=(2, 4))
    yield s(name, inner("Conv2D", 3, 2, name="inner"), 2, x=(2, 5, 4, 2))


SAMPLES = (*wrappers(), *spectral())
