"""Samples: merging."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s


def merging() -> Iterator[LayerSample]:
    x = (2, 3, 4)
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        yield s(name, x=[x, x])
        yield s(name, x=[x, x, x])
        yield s(name, x=[x, x, x, x])
        yield s(name, x=[x, (2, 1, 4)])
        yield s(name, x=[(2, 3, 1), (2, 1, 4), x])
        yield s(name, x=[x, (2, 4)])
        yield s(name, x=[(2, 4), (2, 5, 3, 4), (2, 3, 4)])
        yield s(name, x=[x, x], dtype_in="int32", high=9)
    yield s("Subtract", x=[x, x])
    yield s("Subtract", x=[x, (2, 1, 4)])
    yield s("Subtract", x=[(2, 4), x])
    yield s("Add", x=[x, x], dtype="float64", dtype_in="float64")
    yield s("Concatenate", x=[x, x])
    yield s("Concatenate", x=[x, (2, 3, 2), (2, 3, 1)])
    yield s("Concatenate", 1, x=[x, (2, 5, 4)])
    yield s("Concatenate", x=[x, (2, 5, 4)], axis=-2)
    yield s("Concatenate", x=[x, (3, 3, 4)], axis=0)
    yield s("Concatenate", x=[(2, 3, 4, 2), (2, 3, 4, 5)], axis=3)
    yield s("Concatenate", x=[x])
    for normalize in (False, True):
        given = {"normalize": normalize}
        yield s("Dot", x=[(3, 4), (3, 4)], axes=1, **given)
        yield s("Dot", x=[(3, 4), (3, 4)], axes=-1, **given)
        yield s("Dot", x=[(2, 3, 4), (2, 5, 4)], axes=2, **given)
        yield s("Dot", x=[(2, 3, 4), (2, 3, 5)], axes=1, **given)
        yield s("Dot", (2, 1), x=[(2, 3, 4), (2, 4, 5)], **given)
        yield s("Dot", (1, 2), x=[(2, 4, 3), (2, 5, 4)], **given)
        yield s("Dot", x=[(2, 3, 4), (2, 4)], axes=(2, 1), **given)
        yield s("Dot", x=[(2, 4), (2, 3, 4)], axes=(1, 2), **given)
        yield s("Dot", x=[(2, 3, 4, 5), (2, 5, 6)], axes=(3, 1), **given)
        yield s("Dot", x=[(2, 3, 4, 5), (2, 6, 5, 7)], axes=(-1, -2), **given)
        yield s("Dot", x=[(2, 3, 4, 5), (2, 3)], axes=(1, 1), **given)


SAMPLES = (*merging(),)
