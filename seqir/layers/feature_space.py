"""Tables: each column prepared in its own way, all of them as one vector."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias

from seqir import dtypes, naming, nest
from seqir.arguments import integer, one_of
from seqir.errors import ArgumentError, DTypeError, NotBuiltError, UnsupportedError
from seqir.layer.aliases import Stored, Tensors
from seqir.layer.base import Layer
from seqir.layer.keywords import keyword
from seqir.layer.state import state_of
from seqir.layers.core import Input
from seqir.layers.discretization import Discretization
from seqir.layers.encoding import INT, MULTI_HOT, ONE_HOT, CategoryEncoding
from seqir.layers.features import (
    FLOAT,
    Cross,
    Feature,
    Rows,
    TFDConcat,
    TFDIdentity,
    column,
    columns,
    stored,
    values,
)
from seqir.layers.hashing import HashedCrossing, Hashing
from seqir.layers.lookup import IntegerLookup, StringLookup
from seqir.layers.preprocessing import Normalization, Rescaling
from seqir.narrow import is_dict, is_mapping
from seqir.ops.call import is_symbolic
from seqir.ops.tensor import KerasTensor, Result, TensorLike

Features: TypeAlias = Any
"""A dict of features, or words for them; then of features."""
Crosses: TypeAlias = Any
"""Crosses, or names of features that make one; then crosses."""
CONCAT, DICT = "concat", "dict"
_KINDS: Final = (
    "float",
    "float_normalized",
    "float_rescaled",
    "float_discretized",
    "integer_categorical",
    "string_categorical",
    "integer_hashed",
    "string_hashed",
)


class FeatureSpace(Layer):
    """Columns of a table, each prepared by a layer of its own, side by side.

    `features` says for each column what it is, by a word ("float_normalized",
    "string_categorical", ...) or by what the methods of these names give; `crosses`
    which of them count together as well. `adapt` learns vocabularies, means and bins.
    It is called on a dict of columns or of single values, also in the `map` of a
    dataset; `get_inputs` and `get_encoded_features` are the ends of a model.

    Shapes: x[N] or x[N, 1] for each feature -> y[N, all places], the features in the
        order of their names, then the crosses; with "dict" one y for each.
    Source: ``keras.utils.FeatureSpace``.
    """

    features: Features
    output_mode: str = CONCAT
    crosses: Crosses = None
    crossing_dim: int = 32
    hashing_dim: int = 32
    num_discretization_bins: int = 32
    name: str = keyword(default=None)

    keras_module: ClassVar[str] = "keras.utils"

    # What a feature is.

    @classmethod
    def cross(
        cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = ONE_HOT
    ) -> Cross:
        """Features that count together, in `crossing_dim` buckets."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """A feature that a layer of yours prepares."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """A number as it is."""
        prepared = TFDIdentity(name=_named(name, "float"), dtype="float32")
        return Feature("float32", prepared, FLOAT)

    @classmethod
    def float_rescaled(
        cls,
        scale: TensorLike = 1.0,
        offset: TensorLike = 0.0,
        name: str | None = None,
    ) -> Feature:
        """A number times `scale`, plus `offset`."""
        prepared = Rescaling(scale, offset, name=_named(name, "float_rescaled"))
        return Feature("float32", prepared, FLOAT)

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """A number less the mean of all, divided by their deviation."""
        prepared = Normalization(axis=-1, name=_named(name, "float_normalized"))
        return Feature("float32", prepared, FLOAT)

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: TensorLike | None = None,
        output_mode: str = ONE_HOT,
        name: str | None = None,
    ) -> Feature:
        """The bin of a number; boundaries are given in the place of `num_bins`."""
        prepared = Discretization(
            bin_boundaries, num_bins, name=_named(name, "float_discretized")
        )
        return Feature("float32", prepared, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = ONE_HOT,
        name: str | None = None,
    ) -> Feature:
        """The place of an integer among those that were seen."""
        name = _named(name, "integer_categorical")
        prepared = IntegerLookup(max_tokens, num_oov_indices, name=name)
        return Feature("int32", prepared, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = ONE_HOT,
        name: str | None = None,
    ) -> Feature:
        """The place of a text among those that were seen."""
        name = _named(name, "string_categorical")
        prepared = StringLookup(max_tokens, num_oov_indices, name=name)
        return Feature("string", prepared, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = ONE_HOT, name: str | None = None
    ) -> Feature:
        """The bucket of a text."""
        prepared = Hashing(num_bins, name=_named(name, "string_hashed"))
        return Feature("string", prepared, output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = ONE_HOT, name: str | None = None
    ) -> Feature:
        """The bucket of an integer."""
        prepared = Hashing(num_bins, name=_named(name, "integer_hashed"))
        return Feature("int32", prepared, output_mode)

    # The layers.

    def setup(self) -> None:
        given: object = self.features
        if not is_dict(given) or not given:
            raise ArgumentError(
                "features of a FeatureSpace is a dict of names and what they are, got "
                f"{given!r}"
            )
        one_of("output_mode", self.output_mode, (CONCAT, DICT))
        for name in ("crossing_dim", "hashing_dim", "num_discretization_bins"):
            integer(name, getattr(self, name), least=1)
        self.features = {key: self._feature(key, what) for key, what in given.items()}
        self.crosses = [self._cross(one) for one in self.crosses or ()]
        self.inputs = {
            key: Input((1,), dtype=feature.dtype, name=key)
            for key, feature in self.features.items()
        }
        self.preprocessors: dict[str, Layer] = {
            key: feature.preprocessor for key, feature in self.features.items()
        }
        self.crossers: dict[str, Layer] = {
            one.name: HashedCrossing(one.crossing_dim, name=one.name)
            for one in self.crosses
        }
        self._adapted = False
        self._forget()

    def _feature(self, name: str, what: object) -> Feature:
        if isinstance(what, Feature):
            return what
        if is_mapping(what):
            config = what.get("config", {})
            return Feature.from_config(config if is_mapping(config) else {})
        kind = one_of(f"the feature {name!r}", what, _KINDS)
        make = getattr(self, kind)
        if kind.endswith("_hashed"):
            return make(self.hashing_dim, name=name)
        if kind == "float_discretized":
            return make(self.num_discretization_bins, name=name)
        return make(name=name)

    def _cross(self, what: Cross | Stored | Sequence[str]) -> Cross:
        if is_mapping(what):
            config = what.get("config")
            what = Cross.from_config(config if is_mapping(config) else {})
        found = what if isinstance(what, Cross) else Cross(what, self.crossing_dim)
        for name in found.feature_names:
            if name not in self.features:
                raise ArgumentError(
                    f"the cross {found.name!r} has no feature {name!r}: features are "
                    f"{', '.join(self.features)}"
                )
        return found

    def _forget(self) -> None:
        """Encode anew, by what the layers know."""
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self.concat: TFDConcat | None = None
        self.encoded_features: Tensors | None = None

    # Learning.

    def adapt(self, dataset: Rows) -> None:
        """Learn vocabularies, means and bins.

        `dataset` is a dict of arrays, or a dataset whose elements are dicts, in batches
        or one by one, perhaps with targets.

        Raises: ArgumentError for other data, or a feature that is not in it.
        """
        if not is_dict(dataset):
            if isinstance(dataset, str) or not hasattr(dataset, "__iter__"):
                raise ArgumentError(
                    "adapt of a FeatureSpace takes a dict of arrays or a dataset of "
                    f"dicts, got a {type(dataset).__name__}"
                )
            if hasattr(dataset, "__next__"):  # which each layer reads anew
                dataset = list(dataset)
        for name in self._learners():
            learner: Any = self.preprocessors[name]
            learner.adapt(columns(dataset, name))
        self._adapted = True
        self._forget()
        self.get_encoded_features()

    def _learners(self) -> list[str]:
        """The features whose layers have something to learn."""
        return [
            name
            for name, layer in self.preprocessors.items()
            if hasattr(layer, "adapt") and getattr(layer, "learns", True)
        ]

    # Ends of a model.

    def get_inputs(self) -> dict[str, KerasTensor]:
        """An input for each feature. Raises: as `get_encoded_features`."""
        self.get_encoded_features()
        return self.inputs

    def get_encoded_features(self) -> Tensors:
        """What the layers make of the inputs.

        Raises: NotBuiltError before `adapt`, where there is something to learn;
            DTypeError for features that cannot be side by side.
        """
        if not self._adapted and (learners := self._learners()):
            raise NotBuiltError(
                f"layer {self.name!r} (FeatureSpace) does not know its "
                f"{', '.join(learners)}: call adapt(dataset) before you use it"
            )
        if self.encoded_features is None:
            self.encoded_features = self._encoded(self.inputs)
        return self.encoded_features

    # Computing.

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Mapping[str, object]
    ) -> Tensors:
        """Encode a dict of columns, or of single values."""
        self.get_encoded_features()
        self._check_names(data)
        given = {name: values(name, data[name]) for name in self.features}
        prepared = {name: column(x) for name, x in given.items()}
        if any(map(is_symbolic, prepared.values())):
            return self._encoded(prepared)
        encoded = super().__call__(prepared)
        if all(x.ndim for x in given.values()):
            return encoded
        return nest.map_structure(lambda y: y[0], encoded)

    def call(self, data: dict[str, Result]) -> Tensors:
        return self._encoded(data)

    def _check_names(self, data: object) -> None:
        if not is_dict(data):
            raise ArgumentError(
                f"layer {self.name!r} (FeatureSpace) takes a dict of its features, got "
                f"a {type(data).__name__}; of a table dict(table) is one"
            )
        if unlike := sorted(map(str, data.keys() ^ self.features.keys())):
            said = "needs" if unlike[0] in self.features else "does not have"
            raise ArgumentError(
                f"layer {self.name!r} (FeatureSpace) {said} the feature "
                f"{unlike[0]!r}: it takes {', '.join(self.features)}"
            )

    def _encoded(self, data: Mapping[str, Result]) -> Tensors:
        """All features of columns, one after another or by name."""
        prepared = {name: self.preprocessors[name](x) for name, x in data.items()}
        crossed = {
            one.name: self.crossers[one.name]([prepared[n] for n in one.feature_names])
            for one in self.crosses
        }
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        modes |= {one.name: one.output_mode for one in self.crosses}
        pairs = [*sorted(prepared.items()), *sorted(crossed.items())]
        found = {name: self._as_ones(name, x, modes[name]) for name, x in pairs}
        if self.output_mode == DICT:
            return found
        for name, y in found.items():
            if not dtypes.is_float(y.dtype):
                raise DTypeError(
                    f"feature {name!r} is {y.dtype} and cannot stand beside others in "
                    "one vector: write output_mode='one_hot' for it, or "
                    "output_mode='dict' for all"
                )
        if self.concat is None:
            self.concat = TFDConcat(axis=-1)
        return self.concat([*found.values()])

    def _as_ones(self, name: str, x: Result, mode: str) -> Result:
        """The feature, with ones at the places of what it is, if it is to be so."""
        if mode != ONE_HOT:
            return x
        if name not in self.one_hot_encoders:
            encoder = CategoryEncoding(self._places(name, x), output_mode=MULTI_HOT)
            self.one_hot_encoders = {**self.one_hot_encoders, name: encoder}
        return self.one_hot_encoders[name](x)

    def _places(self, name: str, x: Result) -> int:
        """How many places a feature has."""
        layer = self.preprocessors.get(name) or self.crossers[name]
        found = None
        if isinstance(layer, IntegerLookup | StringLookup):
            found = layer.vocabulary_size()
        elif isinstance(layer, CategoryEncoding):
            found = layer.num_tokens
        elif isinstance(layer, Discretization):
            found = len(layer.bin_boundaries) + 1
        elif isinstance(layer, HashedCrossing | Hashing):
            found = layer.num_bins
        if found is None or not dtypes.is_integer(x.dtype):
            raise DTypeError(
                f"feature {name!r} has output_mode='one_hot', and its "
                f"{type(layer).__name__} gives {x.dtype} of no known number of places: "
                f"write output_mode={INT!r} or {FLOAT!r}"
            )
        return found

    # What files keep.

    def get_config(self) -> dict[str, object]:
        names = ("output_mode", "crossing_dim", "hashing_dim")
        return {
            "features": {name: stored(f) for name, f in self.features.items()},
            "crosses": [stored(one) for one in self.crosses],
            **{name: getattr(self, name) for name in names},
            "num_discretization_bins": self.num_discretization_bins,
        }

    def get_build_config(self) -> dict[str, object]:
        """For each feature, the shape that its layer is built for."""
        found: dict[str, object] = {}
        for name, layer in self.preprocessors.items():
            args, kwargs = state_of(layer).build_shapes or ((), {})
            shapes = [*args, *kwargs.values()]
            found[name] = {"input_shape": shapes[0]} if len(shapes) == 1 else {}
        return found

    def build_from_config(self, config: Mapping[str, object]) -> None:
        """Be what a file says: adapted, its layers built."""
        for name, layer in self.preprocessors.items():
            found = config.get(name)
            shape = found.get("input_shape") if is_mapping(found) else None
            if shape and not layer.built:
                layer.build(tuple(shape))
        self._adapted = True

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write a ``.keras`` file that `load_model` reads, of Keras too.

        Raises: NotBuiltError before `adapt`; UnsupportedError for another ending;
            ExportError if it cannot be written.
        """
        self.get_encoded_features()
        if not os.fspath(filepath).lower().endswith(".keras"):
            raise UnsupportedError(
                f"a FeatureSpace is saved as .keras, got {os.fspath(filepath)!r}"
            )
        # Files are above layers.
        saving = importlib.import_module("seqir.persistence.saving")
        saving.save_features(self, filepath, overwrite)


def _named(name: str | None, kind: str) -> str:
    """The name of the layer of a feature."""
    return f"{name or naming.auto_name(kind)}_preprocessor"


__all__ = ["FeatureSpace"]
