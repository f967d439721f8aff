"""First values of weights: ``initializer(shape, dtype) -> np.ndarray``.

The names, arguments and configs are those of Keras, the numbers are not::

    >>> from seqir import initializers
    >>> kernel = initializers.get("glorot_uniform")
    >>> kernel((3, 4)).shape
    (3, 4)

An initializer has no state: the same instance gives the same values for the same
shape and type on every call. Without a seed it draws one when it is made, so two
``get("glorot_uniform")`` differ; `set_random_seed` makes what follows repeatable.
Values are sampled in float64 for float64 and else in float32 (Philox, keyed by the
seed), then rounded to the requested type.
"""

from typing import Any

from seqir.initializers import constant, random, registry, sampling, scaling, stft
from seqir.initializers.base import Initializer
from seqir.initializers.constant import *
from seqir.initializers.random import *
from seqir.initializers.random import RandomInitializer
from seqir.initializers.registry import *
from seqir.initializers.sampling import *
from seqir.initializers.scaling import *
from seqir.initializers.stft import *

__all__ = ["Initializer", "RandomInitializer"]
__all__ += constant.__all__
__all__ += random.__all__
__all__ += registry.__all__
__all__ += sampling.__all__
__all__ += scaling.__all__
__all__ += stft.__all__


def __getattr__(name: str) -> Any:
    if name in registry.REGISTRY.names:  # Keras has its classes under their names, too
        return registry.REGISTRY.names[name]
    raise AttributeError(f"module 'seqir.initializers' has no attribute {name!r}")
