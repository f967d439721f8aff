"""Words and integers in buckets, one by one or several together."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes, ops
from seqir.arguments import integer
from seqir.dtypes import STRING
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.ir import FrozenArray
from seqir.layer.keywords import keyword
from seqir.layers.encoding import (
    INT,
    ONE_HOT,
    Preprocessing,
    encoded,
    mode_of,
    refuse_sparse,
)
from seqir.layers.hashes import Salt, buckets, crossed, salt_of
from seqir.narrow import is_sequence
from seqir.operators.text import Lookup, OnHost, sizes_of
from seqir.ops.apply import apply
from seqir.ops.tensor import Result


class Hashing(Preprocessing):
    """The bucket of each word or integer: its hash, modulo the number of buckets.

    The hash is FarmHash, and SipHash where there is a `salt`. What equals `mask_value`
    is in bucket 0, and nothing else.

    Shapes: "int" x -> y as x; else as `CategoryEncoding`.
    Source: Keras 3 ``layers.Hashing``.
    """

    num_bins: int
    mask_value: str | int | None = None
    salt: Salt | int | None = None
    output_mode: str = INT
    sparse: bool = False

    single_input = True

    def setup(self) -> None:
        refuse_sparse(self.sparse)
        self.output_mode = mode_of(self.output_mode)
        self._bins = integer("num_bins", self.num_bins, least=1)
        self._salt = salt_of(self.salt)
        if self.output_mode == INT and not dtypes.is_integer(self.compute_dtype):
            self.dtype_policy = "int64"

    def call(self, x: Result) -> Result:
        if dtypes.is_float(x.dtype):
            x = ops.cast(x, "int64")
        masks = self.mask_value is not None and self._bins > 1
        count = self._bins - 1 if masks else self._bins
        hashed = OnHost(
            buckets(count, self._salt), "int64", sizes_of(x.ndim), f"hash ({self.name})"
        )
        found = apply(hashed, x)
        if masks:
            found = ops.where(self._is_masked(x), 0, found + 1)
        return encoded(found, self.output_mode, self._bins, self.compute_dtype)

    def _is_masked(self, x: Result) -> Result:
        value = self.mask_value
        if x.dtype != STRING:
            return x == integer("mask_value", value)
        if not isinstance(value, str):
            raise ArgumentError(
                f"layer {self.name!r} hashes text, its mask_value is {value!r}: write "
                f"mask_value={str(value)!r}"
            )
        keys = FrozenArray(np.array([value], object))
        found = apply(Lookup(keys, FrozenArray(np.array([1])), 0), x)
        return found == 1

    def _described(self) -> dict[str, object]:
        found = super()._described()
        return found | {"salt": None if self._salt is None else [*self._salt]}


class HashedCrossing(Preprocessing):
    """The bucket of several features together: the hash of all of them.

    Shapes: [x1[N, 1], x2[N, 1], ...] -> y[N, 1], or with "one_hot" [N, num_bins].
    Source: Keras 3 ``layers.HashedCrossing``.
    """

    num_bins: int
    output_mode: str = INT
    sparse: bool = False
    name: str = keyword(default=None)
    dtype: Any = keyword(default=None)

    def setup(self) -> None:
        refuse_sparse(self.sparse)
        self.output_mode = mode_of(self.output_mode, (INT, ONE_HOT))
        self._bins = integer("num_bins", self.num_bins, least=1)
        if self.output_mode == INT and not dtypes.is_integer(self.compute_dtype):
            self.dtype_policy = "int64"
        self.autocast = False  # fractions are no features

    def call(self, inputs: list[Result]) -> Result:
        if not is_sequence(inputs) or len(inputs) < 2:
            raise ArgumentError(
                f"layer {self.name!r} crosses a list of at least two features"
            )
        shapes = {x.shape for x in inputs}
        first = inputs[0]
        if (
            len(shapes) > 1
            or first.ndim > 2
            or (first.ndim == 2 and first.shape[1] != 1)
        ):
            raise ShapeError(
                f"layer {self.name!r} crosses features of one shape, (batch,) or "
                f"(batch, 1), got {', '.join(str(x.shape) for x in inputs)}"
            )
        for x in inputs:
            if dtypes.is_float(x.dtype):
                raise DTypeError(
                    f"layer {self.name!r} crosses integers and text, got {x.dtype}"
                )
        hashed = OnHost(
            crossed(self._bins), "int64", sizes_of(first.ndim), f"cross ({self.name})"
        )
        found = apply(hashed, *inputs)
        return encoded(found, self.output_mode, self._bins, self.compute_dtype)

    def _described(self) -> dict[str, object]:
        found = super()._described()
        del found["trainable"]  # as in Keras, whose layer does not take it
        return found


__all__ = ["HashedCrossing", "Hashing"]
