"""Samples: numbers as bins, indices as ones and counts."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s

EDGES = [-0.5, 0.0, 1.0]
FEW = {"dtype_in": "int32", "high": 6}


def categories() -> Iterator[LayerSample]:
    for mode in ("int", "one_hot", "multi_hot", "count"):
        alone = [(4,)] if mode in ("int", "one_hot") else []
        for shape in ((5, 1), (5, 3), (2, 3, 4), *alone):
            yield s("Discretization", EDGES, output_mode=mode, x=shape)
            if mode == "one_hot" or (mode != "int" and len(shape) < 3):
                yield s("CategoryEncoding", 6, mode, x=shape, **FEW)
        yield s("Discretization", EDGES, output_mode=mode, x=(4, 2), **FEW)
    yield s("Discretization", EDGES[::-1], x=(4, 2))
    yield s("Discretization", EDGES, x=(4, 2), dtype="float16", output_mode="count")
    yield s("CategoryEncoding", 6, x=(5, 3), **FEW)
    yield s("CategoryEncoding", 6, dtype="int32", x=(5, 3), **FEW)
    yield s("CategoryEncoding", 6, "count", dtype="mixed_float16", x=(5, 3), **FEW)


SAMPLES = (*categories(),)
