"""Samples: pooling."""

from collections.abc import Iterator

from layer_samples.sample import FIRST, SPATIAL, LayerSample, s, swapped


def pooling() -> Iterator[LayerSample]:
    for rank, x in SPATIAL.items():
        for kind in ("Max", "Average"):
            name = f"{kind}Pooling{rank}D"
            yield s(name, 2, x=x)
            yield s(name, 3, x=x, strides=2)
            yield s(name, 2, x=x, padding="same")
            yield s(name, 3, x=x, strides=2, padding="same")
            yield s(name, 3, x=x, strides=1, padding="same")
            yield s(name, 2, x=x, strides=3, padding="same")
            yield s(name, 1, x=x, strides=2)
            yield s(name, 2, x=swapped(x), **FIRST)
            yield s(name, 3, x=swapped(x), strides=2, padding="same", **FIRST)
            whole = f"Global{kind}Pooling{rank}D"
            yield s(whole, x=x)
            yield s(whole, x=x, keepdims=True)
            yield s(whole, x=swapped(x), **FIRST)
            yield s(whole, x=swapped(x), keepdims=True, **FIRST)
        if rank > 1:
            sizes = (2, 3, 1)[:rank]
            yield s(f"MaxPooling{rank}D", sizes, x=x)
            yield s(f"AveragePooling{rank}D", sizes, x=x, padding="same")
            yield s(f"AveragePooling{rank}D", 2, (1, 2, 3)[:rank], x=x)
        yield s(f"MaxPooling{rank}D", x=x)
    yield s("MaxPooling2D", 5, x=(2, 3, 4, 2), padding="same")
    yield s("AveragePooling2D", 5, x=(2, 3, 4, 2), padding="same")


def adaptive() -> Iterator[LayerSample]:
    for rank, x in SPATIAL.items():
        sizes = (4, 3, 2)[:rank]
        for kind in ("Average", "Max"):
            name = f"Adaptive{kind}Pooling{rank}D"
            yield s(name, 3, x=x)
            yield s(name, 1, x=x)
            yield s(name, sizes, x=x)
            yield s(name, sizes, x=swapped(x), **FIRST)
            yield s(name, output_size=x[1:-1], x=x)
    yield s("AdaptiveAveragePooling2D", 4, x=(2, 3, 7, 2))  # more than there are
    yield s("AdaptiveMaxPooling2D", [4, 2], x=(2, 3, 7, 2))
    yield s("AdaptiveMaxPooling1D", 3, x=(2, 7, 2), dtype="mixed_float16")


SAMPLES = (*pooling(), *adaptive())
