"""Samples: preprocessing."""

from collections.abc import Iterator

import numpy as np

from layer_samples.sample import FIRST, LayerSample, s, swapped


def preprocessing() -> Iterator[LayerSample]:
    yield s("Rescaling", 0.5, x=(2, 3))
    yield s("Rescaling", 1 / 127.5, offset=-1.0, x=(2, 3))
    yield s("Rescaling", 2, 1, x=(2, 3), dtype_in="uint8", high=255)
    yield s("Rescaling", np.float32([1, 2, 3]), x=(2, 3), offset=np.float32([0, 1, 2]))
    yield s("Rescaling", [0.1, 0.2, 0.3], x=(2, 4, 3), offset=[0.0, -1.0, 1.0])
    x, pixels = (2, 6, 9, 3), {"dtype_in": "uint8", "high": 256}
    yield s("Normalization", x=x)
    yield s("Normalization", x=x, axis=1)
    yield s("Normalization", x=x, axis=(1, -1), invert=True)
    yield s("Normalization", None, x=x)
    yield s("Normalization", x=(4, 3), dtype="mixed_float16")
    yield s("Normalization", x=(4, 3), dtype_in="int32", high=9)
    yield s("Normalization", -1, [1.0, 2.0, 3.0], [0.5, 1.0, 4.0], x=x, **pixels)
    yield s("Normalization", -1, 2.0, 0.0, True, x=x)
    yield s("Normalization", None, 2.0, 0.25, x=x)
    yield s("Normalization", (-1, 1), [1.0, 2.0, 3.0], [0.5, 1.0, 4.0], x=x)
    yield s("Normalization", x=(4, 3), dtype="float64", dtype_in="float64")
    for mode in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        yield s("Resizing", 4, 7, mode, x=x)
        yield s("Resizing", 13, 12, mode, x=swapped(x), **FIRST)
        if mode != "nearest":
            yield s("Resizing", 4, 5, mode, antialias=True, x=x)
    for mode in ("nearest", "bilinear"):
        yield s("Resizing", 3, 3, mode, x=x, **pixels)
        yield s("Resizing", 12, 18, mode, x=swapped(x), **FIRST, **pixels)
        yield s("Resizing", 3, 3, mode, True, x=x, **pixels)
        yield s("Resizing", 5, 12, mode, True, x=swapped(x), **FIRST)
        yield s("Resizing", 3, 4, mode, False, True, x=x)
        yield s("Resizing", 4, 12, mode, False, True, fill_value=0.7, x=x, **pixels)
    yield s("Resizing", 6, 9, x=x, **pixels)
    yield s("Resizing", 6, 3, "bicubic", x=x)
    yield s("Resizing", 3, 3, x=x, dtype="float16", dtype_in="float16")
    yield s("CenterCrop", 4, 4, x=x)
    yield s("CenterCrop", 3, 9, x=swapped(x), **FIRST)
    yield s("CenterCrop", 5, 2, x=x, **pixels)
    yield s("CenterCrop", 6, 10, x=x)
    yield s("CenterCrop", 9, 4, x=swapped(x), **FIRST)


SAMPLES = (*preprocessing(),)
