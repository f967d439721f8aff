"""What is said of one feature of a table, and how its values come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final, Self, TypeAlias

import numpy as np

from seqir import ops
from seqir.arguments import integer, one_of
from seqir.data.batch import noting, unpack
from seqir.data.chain import UNKNOWN_CARDINALITY, ChainedDataset, Dataset
from seqir.data.convert import holds_text, numbers, to_text
from seqir.errors import ArgumentError
from seqir.ir import Array
from seqir.layer import configuration
from seqir.layer.aliases import Stored
from seqir.layer.base import Layer
from seqir.layers.encoding import INT, ONE_HOT, as_arrays
from seqir.layers.merging import Concatenate
from seqir.layers.wrappers import deserialized
from seqir.narrow import is_dict, is_mapping
from seqir.ops.tensor import Result, Tensor

Values: TypeAlias = Any
"""An array of numbers or text, or a tensor."""
Rows: TypeAlias = Any
"""A dict of arrays, or a dataset of dicts."""
FLOAT: Final = "float"
_MODULE: Final = "keras.src.layers.preprocessing.feature_space"
_BATCH: Final = 32
"""Rows that layers see at once while they are adapted."""


class Feature:
    """One column of a table: its element type, and the layer that prepares it."""

    def __init__(
        self, dtype: str, preprocessor: Layer | Stored, output_mode: str
    ) -> None:
        self.dtype = dtype
        self.output_mode = one_of("output_mode", output_mode, (INT, ONE_HOT, FLOAT))
        found: object = preprocessor
        if is_mapping(preprocessor):
            found = deserialized(preprocessor, None)
        if not isinstance(found, Layer):
            raise ArgumentError(
                f"the preprocessor of a feature is a layer, got {found!r}"
            )
        self.preprocessor = found

    def get_config(self) -> Stored:
        """The arguments as plain data."""
        layer = configuration.plain("preprocessor", self.preprocessor)
        found = {"dtype": self.dtype, "preprocessor": layer}
        return found | {"output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """What `get_config` describes."""
        return cls(**config)


class Cross:
    """Several features together, in `crossing_dim` buckets."""

    def __init__(
        self,
        feature_names: Sequence[str],
        crossing_dim: int,
        output_mode: str = ONE_HOT,
    ) -> None:
        self.feature_names = tuple(feature_names)
        self.crossing_dim = integer("crossing_dim", crossing_dim, least=1)
        self.output_mode = one_of("output_mode", output_mode, (INT, ONE_HOT))

    @property
    def name(self) -> str:
        """The names of the features, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> Stored:
        """The arguments as plain data."""
        found = {"feature_names": [*self.feature_names]}
        return found | {
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """What `get_config` describes."""
        return cls(**config)


def stored(what: Feature | Cross) -> Stored:
    """The dictionary that stands for it in files of Keras."""
    name = type(what).__name__
    head = {"module": _MODULE, "class_name": name, "registered_name": name}
    return {**head, "config": what.get_config()}


class TFDIdentity(Layer):
    """y = x, in floating point. Source: Keras 3 ``utils.FeatureSpace``."""

    keras_module: ClassVar[str] = _MODULE

    def call(self, x: Result) -> Result:
        return ops.cast(x, self.compute_dtype)


class TFDConcat(Concatenate):
    """Features side by side. Source: Keras 3 ``utils.FeatureSpace``."""

    keras_module: ClassVar[str] = _MODULE


def values(name: str, given: object) -> Values:
    """What is given for a feature, as an array or the tensor that it is.

    Raises: ArgumentError, DTypeError for what is no array of numbers or text.
    """
    x = as_arrays(given)
    if isinstance(x, Tensor):
        return x
    with noting(f"in feature {name!r}"):
        return to_text(x) if holds_text(x) else numbers(x, "data")


def column(x: Values) -> Values:
    """Values with an axis of one number; a single value is a row."""
    if isinstance(x, Tensor):
        return ops.expand_dims(x, -1) if x.ndim == 1 else x
    return x.reshape(-1, 1) if x.ndim < 2 else x


def columns(data: Rows, name: str) -> Dataset:
    """The values of a feature as columns, of data that layers are adapted to.

    Single values are put together, so many at once as Keras does.

    Raises: ArgumentError, DTypeError for what is no dict of arrays or dataset of dicts.
    """

    def walk(turn: int) -> Iterator[Array]:
        if is_dict(data):
            whole = column(values(name, of(data, name)))
            yield from (whole[at : at + _BATCH] for at in range(0, len(whole), _BATCH))
            return
        pieces = (values(name, of(_row(item), name)) for item in data)
        for piece in pieces:
            single = piece.ndim == 0
            more = islice(pieces, _BATCH - 1) if single else ()
            yield column(np.stack([piece, *more]) if single else piece)

    return ChainedDataset(walk, UNKNOWN_CARDINALITY)


def of(row: Mapping[str, object], name: str) -> object:
    """What a row has for a feature. Raises: ArgumentError if it has nothing."""
    if name not in row:
        raise ArgumentError(
            f"the data has no feature {name!r}, it has {', '.join(map(str, row))}"
        )
    return row[name]


def _row(item: object) -> Mapping[str, object]:
    """The features of an element of a dataset, without its targets."""
    found = unpack(item)[0]
    if not is_dict(found):
        raise ArgumentError(
            "adapt of a FeatureSpace takes a dict of arrays or a dataset of dicts, got "
            f"a dataset of {type(found).__name__}"
        )
    return found


__all__ = ["TFDConcat", "TFDIdentity"]
