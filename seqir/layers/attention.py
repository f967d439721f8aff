"""Attention of one head: what is read is a mean of values, by how keys fit a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import ops, random
from seqir.arguments import one_of
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import fixed
from seqir.layer.aliases import InitializerLike, Masks, Shape
from seqir.layer.base import Layer
from seqir.narrow import is_list
from seqir.ops.create import at_or_below
from seqir.ops.tensor import Result, Tensor
from seqir.shapes import format_shape


class Attention(Layer):
    """y = softmax(query · keyᵀ) · value, where masks hold.

    With ``score_mode="concat"`` a query and a key fit by ``sum(tanh(query + key))``;
    with `use_scale` by a factor that is trained.

    Call on ``[query, value]`` or ``[query, value, key]``; masks are those of query and
    value. With `return_attention_scores` the shares come out as well; with
    `use_causal_mask` nothing is read that lies behind the query.

    Shapes: query[N, T, d], value[N, S, v], key[N, S, d] -> y[N, T, v], scores[N, T, S].
    Weights: scale[] (with `use_scale`), concat_score_weight[] (with "concat").
    Source: Keras 3 ``layers.Attention``; arXiv:1508.04025.
    """

    use_scale: bool = False
    score_mode: str = "dot"
    dropout: float = 0.0
    seed: int | None = None

    def setup(self) -> None:
        one_of("score_mode", self.score_mode, ("dot", "concat"))
        random.check_share("dropout", self.dropout)
        self.seed_generator = random.SeedGenerator(self.seed)

    def build(self, input_shape: Sequence[Shape]) -> None:
        self._check(input_shape)
        self.scale = self._weight("scale", (), "ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self._weight("concat_score_weight", (), "ones")

    def _weight(self, name: str, shape: Shape, initializer: InitializerLike) -> Any:
        return self.add_weight(shape, initializer, name=name)

    def call(
        self,
        inputs: Sequence[Result],
        mask: Masks = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Result | tuple[Result, Result]:
        self._check(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if isinstance(mask, list) else (None, None)
        scores = self._calculate_scores(query, key)
        if value_mask is not None:
            value_mask = ops.cast(value_mask, "bool")
        if use_causal_mask:
            seen = ops.expand_dims(at_or_below(*ops.shape(scores)[-2:]), 0)
            if value_mask is not None:
                seen = ops.logical_and(ops.expand_dims(value_mask, -2), seen)
            value_mask = seen
        y, weights = self._apply_scores(scores, value, value_mask, training)
        if query_mask is not None:
            kept = ops.expand_dims(ops.cast(query_mask, "bool"), -1)
            y = ops.where(kept, y, ops.zeros_like(y))
        return (y, weights) if return_attention_scores else y

    def _calculate_scores(self, query: Result, key: Result) -> Result:
        """How well each key fits each query."""
        if self.score_mode == "dot":
            self._check_sizes(query, key)
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        both = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        if self.scale is not None:
            both = both * self.scale
        return ops.sum(ops.tanh(both), axis=-1) * self.concat_score_weight

    def _check_sizes(self, query: Result, key: Result) -> None:
        """ShapeError unless query and key have the same number of features."""
        sizes = {x.shape[-1] for x in (query, key)} - {None}
        if len(sizes) > 1:
            raise ShapeError(
                f"layer {self.name!r} compares query and key along their last axis, "
                f"which must have one size, got {format_shape(query.shape)} and "
                f"{format_shape(key.shape)}"
            )

    def _apply_scores(
        self,
        scores: Result,
        value: Result,
        scores_mask: Result | None = None,
        training: bool = False,
    ) -> tuple[Result, Result]:
        """The mean of the values by their scores, and the share of each."""
        if scores_mask is not None:
            if scores_mask.ndim == 2:
                scores_mask = ops.expand_dims(scores_mask, -2)
            lower = scores - (65504.0 if scores.dtype == "float16" else 1e9)
            scores = ops.where(scores_mask, scores, lower)
        weights = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, None, self.seed_generator)
        return ops.matmul(weights, value), weights

    def compute_mask(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: Sequence[Result], mask: Masks = None
    ) -> Masks:
        self._check(inputs, mask)
        return mask[0] if isinstance(mask, list) else None

    def _check(self, inputs: Any, mask: Any = None) -> None:
        """ArgumentError unless these are the inputs of a call, and their masks."""
        kind = type(self).__name__
        named = "namely [query, value] or [query, value, key]"
        if not is_list(inputs):
            raise ArgumentError(
                f"{kind} layer must be called on a list of inputs, {named}. Received: "
                f"inputs={_shown(inputs)}."
            )
        if len(inputs) not in (2, 3):
            raise ArgumentError(
                f"{kind} layer accepts inputs list of length 2 or 3, {named}. Received "
                f"length: {len(inputs)}."
            )
        if mask is None:
            return
        if not is_list(mask):
            raise ArgumentError(
                f"{kind} layer mask must be a list, namely [query_mask, value_mask]. "
                f"Received: mask={_shown(mask)}."
            )
        if len(mask) not in (2, 3):
            raise ArgumentError(
                f"{kind} layer accepts mask list of length 2 or 3. Received length: "
                f"{len(mask)}."
            )


def _shown(x: Any) -> str:
    return str(x.type) if isinstance(x, Tensor) else repr(x)


class AdditiveAttention(Attention):
    """y = softmax(sum(scale * tanh(query + key))) · value, where masks hold.

    Called as `Attention` is.

    Shapes: query[N, T, d], value[N, S, v], key[N, S, d] -> y[N, T, v], scores[N, T, S].
    Weights: scale[d] (with `use_scale`).
    Source: Keras 3 ``layers.AdditiveAttention``; arXiv:1409.0473.
    """

    use_scale: bool = True
    score_mode: str = fixed("dot")

    def build(self, input_shape: Sequence[Shape]) -> None:
        self._check(input_shape)
        size = (input_shape[0][-1],)
        self.scale = None
        if self.use_scale:
            self.scale = self._weight("scale", size, "glorot_uniform")

    def _calculate_scores(self, query: Result, key: Result) -> Result:
        both = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(both if self.scale is None else both * self.scale, axis=-1)


__all__ = ["AdditiveAttention", "Attention"]
