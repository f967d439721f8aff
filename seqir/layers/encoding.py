"""Categories as numbers: indices, ones at their places, how often each is there."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from seqir import dtypes, nest, ops
from seqir.arguments import integer, one_of
from seqir.errors import ArgumentError, UnsupportedError
from seqir.layer.base import Layer
from seqir.narrow import is_dict, is_sequence
from seqir.operators.gather import ScatterElements
from seqir.ops.apply import apply
from seqir.ops.tensor import Result, Tensor, TensorLike

INT, ONE_HOT, MULTI_HOT, COUNT = MODES = ("int", "one_hot", "multi_hot", "count")
"""How a layer may write categories: `output_mode`."""

_FORMER: Final = {"binary": MULTI_HOT, "tf-idf": "tf_idf"}
"""Former names of modes."""


def mode_of(mode: object, known: tuple[str, ...] = MODES) -> str:
    """The `output_mode` by its present name.

    Raises: ArgumentError unless it is one of those known.
    """
    found = _FORMER.get(mode, mode) if isinstance(mode, str) else mode
    return one_of("output_mode", found, known)


def refuse_sparse(sparse: object, what: str = "sparse") -> None:
    """UnsupportedError for outputs that are not dense."""
    if sparse:
        raise UnsupportedError(
            f"layers give dense tensors: leave {what}=False, got {sparse!r}"
        )


def encoded(
    indices: Result,
    mode: str,
    depth: int,
    dtype: str,
    weights: TensorLike | None = None,
) -> Result:
    """Indices below `depth` in one of `MODES`; an index outside of it leaves zeros.

    Shapes: "int" as they are; "one_hot" [..., n] -> [..., n, depth], or [..., depth] if
        n is 1; "multi_hot" and "count" [N, n, ...] -> [N, ..., depth], [n] -> [depth].
    """
    if mode == INT:
        return ops.cast(indices, dtype)
    if indices.ndim == 0:
        indices = ops.expand_dims(indices, -1)
    if mode == ONE_HOT:
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, -1)
        return ops.one_hot(indices, depth, dtype=dtype)
    if depth > _MANY and indices.ndim == 2 and weights is None:
        counts = _counted(indices, depth, dtype)
        return ops.minimum(counts, 1) if mode == MULTI_HOT else counts
    if mode == MULTI_HOT:
        return ops.multi_hot(indices, depth, dtype=dtype)
    hot = ops.one_hot(indices, depth, dtype=dtype)
    if weights is not None:
        hot = hot * ops.expand_dims(weights, -1)
    return ops.sum(hot, axis=1 if indices.ndim > 1 else 0)


_MANY: Final = 256
"""Places from which on ones are added up where they belong, one by one."""


def _counted(indices: Result, depth: int, dtype: str) -> Result:
    """How often each index is in a row; without an array of all places for each."""
    inside = ops.logical_and(indices >= 0, indices < depth)
    places = ops.where(inside, indices, depth)  # a place behind the last one
    kind = "float32" if dtypes.is_float(dtype) else dtype
    zeros = ops.zeros((ops.shape(indices)[0], depth + 1), kind)
    ones = ops.ones_like(places, kind)
    counts = apply(ScatterElements(1), zeros, ops.cast(places, "int64"), ones)
    return ops.cast(counts[:, :depth], dtype)


class Preprocessing(Layer):
    """A layer that takes what data is read as: also Python's numbers and lists."""

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: object, *args: object, **kwargs: object
    ) -> Any:
        return super().__call__(as_arrays(inputs), *args, **kwargs)


def as_arrays(x: object) -> Any:
    """Python's numbers, texts and lists of them as arrays; all else as it is."""
    if is_dict(x):
        return {key: as_arrays(value) for key, value in x.items()}
    if is_sequence(x):
        leaves = nest.flatten(x)
        if any(isinstance(v, np.ndarray | Tensor) for v in leaves):
            return [as_arrays(v) for v in x]
        return np.asarray(x)
    if isinstance(x, bool | int | float | str | bytes):
        return np.asarray(x)
    return x


class CategoryEncoding(Preprocessing):
    """Ones at the places that indices name, or how often each is named.

    Shapes: x[..., n] -> y[..., num_tokens]; "one_hot" with n > 1 -> [..., n,
        num_tokens].
    Source: Keras 3 ``layers.CategoryEncoding``.
    """

    num_tokens: int | None = None
    output_mode: str = MULTI_HOT
    sparse: bool = False

    single_input = True

    def setup(self) -> None:
        refuse_sparse(self.sparse)
        self.output_mode = mode_of(self.output_mode, MODES[1:])
        if self.num_tokens is None:
            raise ArgumentError(
                "CategoryEncoding needs num_tokens, how many categories there are; "
                "where that is not known, use IntegerLookup"
            )
        self._depth = integer("num_tokens", self.num_tokens, least=1)

    def call(self, x: Result, count_weights: TensorLike | None = None) -> Result:
        if count_weights is not None:
            if self.output_mode != COUNT:
                raise ArgumentError(
                    f"layer {self.name!r} takes count_weights with "
                    f"output_mode='count', it has {self.output_mode!r}"
                )
            count_weights = ops.cast(count_weights, self.compute_dtype)
        dtype = self.variable_dtype if count_weights is None else self.compute_dtype
        return encoded(x, self.output_mode, self._depth, dtype, count_weights)

    def _described(self) -> dict[str, object]:
        found = super()._described()
        del found["sparse"]  # as in Keras
        return found


__all__ = ["CategoryEncoding"]
