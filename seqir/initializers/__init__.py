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

from seqir.initializers import registry
from seqir.initializers.base import Initializer
from seqir.initializers.constant import Constant, Identity, Ones, Zeros
from seqir.initializers.random import (
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from seqir.initializers.registry import get, serialize
from seqir.initializers.sampling import draw_seed, set_random_seed
from seqir.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)
from seqir.initializers.stft import STFT
from seqir.registered import custom

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "draw_seed",
    "get",
    "serialize",
    "set_random_seed",
]


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The initializer that `serialize` (or Keras) made a dictionary of."""
    return get(custom(config, custom_objects))


def __getattr__(name: str) -> Any:
    if name in registry.NAMES:  # Keras has its classes under their names, too
        return registry.NAMES[name]
    raise AttributeError(f"module 'seqir.initializers' has no attribute {name!r}")
