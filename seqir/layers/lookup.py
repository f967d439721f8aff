"""Words and numbers as their places in a vocabulary, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seqir import config, dtypes, ops
from seqir.arguments import integer, one_of
from seqir.data.convert import to_rows
from seqir.dtypes import STRING
from seqir.errors import ArgumentError, CorruptFileError, NotBuiltError
from seqir.ir import Array, FrozenArray
from seqir.layer.keywords import keyword
from seqir.layer.state import has_changed
from seqir.layers.adapting import batches, no_data
from seqir.layers.encoding import (
    COUNT,
    INT,
    MODES,
    Preprocessing,
    encoded,
    mode_of,
    refuse_sparse,
)
from seqir.layers.hashes import Salt, buckets, salt_of
from seqir.layers.vocabulary import TF_IDF, Token, Tokens, Vocabulary, checked_size
from seqir.operators.text import Lookup, OnHost, StrictLookup, sizes_of
from seqir.ops.apply import apply
from seqir.ops.tensor import Result, TensorLike
from seqir.plain import listed

FLOORMOD, FARMHASH = "floormod", "farmhash"
FILE = "vocabulary.txt"
"""The file of an archive that Keras keeps a vocabulary in."""


class WithVocabulary(Preprocessing):
    """A layer that has a vocabulary: given, read from a file, or learned."""

    _derived: ClassVar[tuple[str, ...]] = ("vocabulary_size", "has_input_vocabulary")
    """What configurations of Keras say that follows from the rest."""

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The words in the order of their places."""
        return self._words.listed(special=include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many places there are, the special ones too."""
        return len(self._words)

    def set_vocabulary(
        self, vocabulary: Tokens, idf_weights: Sequence[float] | Array | None = None
    ) -> None:
        """Take these words, or those of a file, one in each line.

        Raises: ArgumentError for words twice, none, or too many, and for weights
            where they do not belong.
        """
        self._words.set(vocabulary, idf_weights)
        if self.built:
            has_changed(self)

    def _begin(
        self, words: Vocabulary, vocabulary: Tokens | None, idf_weights: Any
    ) -> None:
        """Begin with no words, or those that the layer is made with."""
        self._words = words
        self._given = vocabulary is not None
        """Whether the vocabulary was given, and is not to be learned."""
        if vocabulary is not None:
            self._words.set(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ArgumentError("idf_weights belong to a vocabulary: give both")

    def load_vocabulary(self, path: str) -> None:
        """Take the words of a file, one in each line. Raises: as `set_vocabulary`."""
        self.set_vocabulary(path)

    def adapt(
        self, data: object, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learn the words of an array, or of all (or `steps`) batches.

        The most frequent come first; the last in the alphabet of those as frequent.

        Raises: ArgumentError if the vocabulary was given, or there is no data.
        """
        del batch_size  # what there is to count, is counted whole
        if self._given:
            raise ArgumentError(
                f"layer {self.name!r} was given its vocabulary: make one without a "
                "vocabulary to adapt it"
            )
        found = self._documents(data, steps)
        if not self._words.learn(found):
            raise no_data(self.name)
        if self.built:
            has_changed(self)

    @property
    def learns(self) -> bool:
        """Whether there is something for `adapt` to learn."""
        return not self._given

    def _documents(
        self, data: object, steps: int | None
    ) -> Iterator[list[list[Token]]]:
        """The words of each document, batch by batch."""
        several = not isinstance(data, np.ndarray | list | tuple)
        for batch in batches(data, self.name, steps, to_rows):
            # A vector is one document, but alone it is a column.
            rows = batch.reshape(len(batch) if batch.ndim > 1 or not several else 1, -1)
            yield [self._words.tokens(row) for row in rows]

    # What files keep.

    def save_own_variables(self, store: MutableMapping[str, object]) -> None:
        if self._words.idf is not None:
            store["idf_weights"] = self._words.idf

    def load_own_variables(self, store: Mapping[str, TensorLike]) -> None:
        if "idf_weights" in store:
            self._words.idf = np.asarray(store["idf_weights"], np.float32)

    def load_assets(self, folder: str) -> None:
        """Take the vocabulary that Keras keeps in a file of the archive."""
        if not self._words.words:
            lines = Path(folder, FILE).read_text("utf-8").splitlines()
            while lines and not lines[-1]:
                lines.pop()
            weights = self._words.idf
            self._words.idf = None
            self._words.set(lines, None if weights is None else weights[: len(lines)])
            said, found = self._words.expected, len(self._words)
            if said not in (0, found):
                raise CorruptFileError(
                    f"layer {self.name!r} is to have a vocabulary of {said} places, "
                    f"and the {FILE} of the file has {found}"
                )

    @property
    def _words_kept(self) -> dict[str, object]:
        """What a configuration says of the vocabulary."""
        words, weights = self._words.listed(), self._words.idf
        known = bool(self._words.words)
        return {
            "vocabulary": words if known else None,
            "idf_weights": weights[: len(words)].tolist()
            if known and weights is not None
            else None,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The layer that `get_config` describes, with the words that it had learned."""
        known = {k: v for k, v in config.items() if k not in cls._derived}
        layer = super().from_config(known)
        size = config.get("vocabulary_size")
        if size is not None:
            layer._words.expected = integer("vocabulary_size", size, least=0)
        return layer

    # Looking up.

    def _looked_up(self, x: Result) -> Result:
        """The place of each word."""
        words = self._words
        masked = 0 if words.mode == INT else -1
        keys = ([] if words.mask is None else [words.mask]) + words.words
        values = ([] if words.mask is None else [masked]) + [*words.places]
        unknown = words.first_oov if words.num_oov == 1 else _UNKNOWN
        table = _table(words.dtype, keys, values, unknown, strict=not words.num_oov)
        return apply(table, x)

    def _written(self, indices: Result) -> Result:
        """Places in the form that `output_mode` says."""
        words = self._words
        if words.mode == INT:
            return indices
        if not words.known:
            raise NotBuiltError(
                f"layer {self.name!r} does not know its vocabulary: call adapt with "
                "data before you call the layer, or make it with vocabulary="
            )
        mode = COUNT if words.mode == TF_IDF else words.mode
        found = encoded(indices, mode, words.depth, config.floatx())
        # The outputs' shape is known before the weights are.
        if words.mode == TF_IDF and words.idf is not None:
            found = found * words.idf.astype(dtypes.to_numpy(config.floatx()))
        return found


_UNKNOWN = -2
"""The place of what has none yet."""


def _table(
    dtype: str,
    keys: Sequence[Token],
    values: Sequence[Token],
    default: Token,
    *,
    strict: bool = False,
) -> Lookup:
    """What looks up: text or integers, in each direction."""
    if not keys:  # of nothing everything is the default
        keys, values = ["" if dtype == STRING else 0], [default]
    kind = object if isinstance(default, str) else np.int64
    of = object if dtype == STRING else np.int64
    pair = FrozenArray(np.array(keys, of)), FrozenArray(np.array(values, kind))
    return StrictLookup(*pair, -1) if strict else Lookup(*pair, default)


class _Choices:
    """Arguments of the layers themselves, which order them."""

    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    vocabulary: Any
    idf_weights: Any
    invert: bool
    output_mode: str
    sparse: bool
    pad_to_max_tokens: bool
    salt: Any


class _IndexLookup(_Choices, WithVocabulary):
    """A word's place in a vocabulary."""

    kind: ClassVar[str]
    """The element type of words."""
    single_input = True

    encoding = "utf-8"
    oov_method = FARMHASH

    def setup(self) -> None:
        refuse_sparse(self.sparse)
        self.output_mode = mode_of(self.output_mode, (*MODES, TF_IDF))
        if self.invert and self.output_mode != INT:
            raise ArgumentError(
                f"an inverted lookup gives words: it has output_mode='int', got "
                f"{self.output_mode!r}"
            )
        one_of("oov_method", self.oov_method, (FLOORMOD, FARMHASH))
        self._salt = salt_of(self.salt)
        if self.salt is not None and self._by_remainder:
            raise ArgumentError(
                "salt is for hashes: write oov_method='farmhash' with it"
            )
        words = Vocabulary(
            self.kind,
            self.name,
            self.output_mode,
            checked_size("pad_to_max_tokens", self.max_tokens, self.pad_to_max_tokens),
            integer("num_oov_indices", self.num_oov_indices, least=0),
            self._token("mask_token", self.mask_token),
            self._token("oov_token", self.oov_token),
            bool(self.invert),
            bool(self.pad_to_max_tokens),
            self.encoding,
        )
        self._begin(words, self.vocabulary, self.idf_weights)

    def _token(self, name: str, value: object) -> Token | None:
        if value is None:
            return None
        if self.kind == STRING:
            if not isinstance(value, str):
                raise ArgumentError(f"{name} must be text or None, got {value!r}")
            return value
        return integer(name, value)

    @property
    def _by_remainder(self) -> bool:
        return self.kind != STRING and self.oov_method == FLOORMOD

    @property
    def input_dtype(self) -> str:
        """What a model that begins with the layer takes."""
        return "int64" if self.invert else self.kind

    def call(self, x: Result) -> Result:
        words = self._words
        if self.invert or self.kind != STRING:
            x = ops.cast(x, "int64") if x.dtype != STRING else x
        if self.invert:
            places, values = [*words.places], [*words.words]
            if words.mask is not None:
                places, values = [0, *places], [words.mask, *values]
            default = words.oov
            if default is None:
                default = "" if self.kind == STRING else -1
            return apply(_table("int64", places, values, default), x)
        found = self._looked_up(x)
        if words.num_oov > 1:
            found = ops.where(found == _UNKNOWN, self._buckets(x), found)
        return self._written(found)

    def _buckets(self, x: Result) -> Result:
        """The places of what is not in the vocabulary."""
        count, first = self._words.num_oov, self._words.first_oov
        if self._by_remainder:
            return ops.mod(x, count) + first
        hashed = OnHost(
            buckets(count, self._salt), "int64", sizes_of(x.ndim), "a hash of words"
        )
        return apply(hashed, x) + first

    def _described(self) -> dict[str, object]:
        found = super()._described() | self._words_kept
        for name in ("max_tokens", "num_oov_indices", "mask_token", "oov_token"):
            found[name] = listed(found[name])
        found["salt"] = None if self._salt is None else [*self._salt]
        size = len(self._words) if self._words.words else None
        method = FLOORMOD if self.kind == STRING else self.oov_method
        return found | {"vocabulary_size": size, "oov_method": method}


class StringLookup(_IndexLookup):
    """Each word's place in a vocabulary, or with `invert` the word at each place.

    Shapes: "int" x -> y as x; else as `CategoryEncoding`.
    Source: Keras 3 ``layers.StringLookup``.
    """

    kind = STRING

    max_tokens: int | None = None
    num_oov_indices: int = 1
    mask_token: str | None = None
    oov_token: str | None = "[UNK]"
    vocabulary: Tokens | None = None
    idf_weights: Any = None
    invert: bool = False
    output_mode: str = INT
    pad_to_max_tokens: bool = False
    sparse: bool = False
    encoding: str = "utf-8"
    name: str = keyword(default=None)
    salt: Salt | int | None = keyword(default=None)
    _derived = (*WithVocabulary._derived, "oov_method")


class IntegerLookup(_IndexLookup):
    """Each integer's place in a vocabulary, or with `invert` the integer at each place.

    Shapes: "int" x -> y as x; else as `CategoryEncoding`.
    Source: Keras 3 ``layers.IntegerLookup``.
    """

    kind = "int64"

    max_tokens: int | None = None
    num_oov_indices: int = 1
    mask_token: int | None = None
    oov_token: int | None = -1
    vocabulary: Tokens | None = None
    vocabulary_dtype: str = "int64"
    idf_weights: Any = None
    invert: bool = False
    output_mode: str = INT
    sparse: bool = False
    pad_to_max_tokens: bool = False
    oov_method: str = FLOORMOD
    salt: Salt | int | None = None
    name: str = keyword(default=None)

    def setup(self) -> None:
        one_of("vocabulary_dtype", self.vocabulary_dtype, ("int64",))
        super().setup()


__all__ = ["IntegerLookup", "StringLookup"]
