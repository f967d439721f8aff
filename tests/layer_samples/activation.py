"""Samples: activation."""

from collections.abc import Iterator

from layer_samples.sample import LayerSample, s
from seqir import activations


def activation_layers() -> Iterator[LayerSample]:
    for name in activations.NAMES:
        if name == "threshold":  # needs two more arguments, in Keras too
            continue
        yield s("Activation", name, x=(3, 6))
        yield s("Dense", 4, name, x=(3, 5))
    yield s("Activation", "relu", x=(3, 4), dtype_in="float16", dtype="float16")
    yield s("Activation", "softmax", x=(2, 3, 4))
    yield s("Activation", None, x=(2, 3))
    x = (3, 4, 5)
    yield s("ReLU", x=x)
    yield s("ReLU", x=x, max_value=1.0)
    yield s("ReLU", x=x, negative_slope=0.2)
    yield s("ReLU", x=x, threshold=0.5)
    yield s("ReLU", 0.8, 0.1, 0.3, x=x)
    yield s("ReLU", 6, x=x)
    yield s("LeakyReLU", x=x)
    yield s("LeakyReLU", 0.1, x=x)
    yield s("ELU", x=x)
    yield s("ELU", 0.5, x=x)
    yield s("PReLU", x=x)
    yield s("PReLU", x=x, shared_axes=[1])
    yield s("PReLU", x=x, shared_axes=2)
    yield s("PReLU", x=(2, 3, 4, 5), shared_axes=[1, 2])
    yield s("PReLU", x=(2, 3, 4, 5), shared_axes=(1, 2, 3))
    yield s("PReLU", x=(3, 4), alpha_initializer="ones")
    yield s("Softmax", x=x)
    yield s("Softmax", 1, x=x)
    yield s("Softmax", x=x, axis=-2)
    yield s("Softmax", x=x, axis=(1, 2))
    yield s("Softmax", x=(2, 3, 4, 5), axis=[1, -1])
    yield s("Softmax", x=x, axis=(2,))


SAMPLES = (*activation_layers(),)
