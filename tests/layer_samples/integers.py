"""Samples: integers."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s


def of_integers() -> Iterator[LayerSample]:
    x = (2, 4, 4, 2)
    for dtype in ("int32", "uint8"):
        given = {"x": x, "dtype_in": dtype, "high": 200}
        yield s("BatchNormalization", **given)
        yield s("MaxPooling2D", 2, **given)
        yield s("MaxPooling2D", 3, padding="same", **given)
        yield s("GlobalMaxPooling2D", **given)
        yield s("UpSampling2D", 2, **given)
        yield s("ZeroPadding2D", 1, **given)
        yield s("Cropping2D", 1, **given)
        yield s("Flatten", **given)
        yield s("ReLU", **given)
        yield s("Dense", 3, **given)
    yield s("AveragePooling2D", 2, x=x, dtype_in="int32", high=9)
    yield s("UpSampling3D", 2, x=(1, 2, 2, 2, 1), dtype_in="uint8", high=9)


SAMPLES = (*of_integers(),)
