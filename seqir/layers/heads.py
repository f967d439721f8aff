"""Attention of several heads, between projections."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from string import ascii_lowercase as letters
from typing import Any

from seqir import initializers, ops, random, regularizers
from seqir.arguments import integer, integers
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import keyword, placed
from seqir.initializers.base import Initializer
from seqir.layer.aliases import (
    ConstraintLike,
    InitializerLike,
    RegularizerLike,
    Shape,
)
from seqir.layer.arguments import stand_ins
from seqir.layer.base import Layer
from seqir.layers.activation import Softmax
from seqir.layers.einsum import EinsumDense
from seqir.layers.regularization import Dropout
from seqir.ops.create import at_or_below
from seqir.ops.masks import get_keras_mask, set_keras_mask, unmasked
from seqir.ops.tensor import Result
from seqir.plain import python
from seqir.shapes import format_shape


class _Projections:
    """The layers of a `_Heads`, under Keras's names."""

    _query_dense: Any = None
    _key_dense: Any = None
    _gate_dense: Any = None
    _value_dense: Any = None
    _output_dense: Any = None


class _Heads(_Projections, Layer):
    """Projections of query, key and value, attention, and a projection of the result.

    A subclass makes the projections in `build`, and says how keys and values are
    shared in `_for_each_head`.
    """

    dropout: float = keyword(default=0.0)
    use_bias: bool = keyword(default=True)
    sliding_window: int | None = keyword(default=None)
    flash_attention: bool | None = keyword(default=None)
    kernel_initializer: InitializerLike = keyword(default="glorot_uniform")
    bias_initializer: InitializerLike = keyword(default="zeros")
    kernel_regularizer: RegularizerLike = keyword(default=None)
    bias_regularizer: RegularizerLike = keyword(default=None)
    activity_regularizer: RegularizerLike = keyword(default=None)
    kernel_constraint: ConstraintLike = keyword(default=None)
    bias_constraint: ConstraintLike = keyword(default=None)
    use_gate: bool = keyword(default=False)
    seed: int | None = keyword(default=None)

    supports_masking = True

    def setup(self) -> None:
        random.check_share("dropout", self.dropout)
        if self.sliding_window is not None:
            integer("sliding_window", self.sliding_window, least=1)
        if self.flash_attention and self.dropout > 0:
            raise ArgumentError(
                "Dropout is not supported when flash attention is enabled. Please set "
                "dropout to 0.0 to use flash attention."
            )

    def _described(self) -> dict[str, object]:
        config = super()._described()
        del config["flash_attention"]  # which Keras does not keep
        return config

    def _projection(
        self,
        name: str,
        shape: Shape,
        sizes: Sequence[int],
        *,
        joined: int = 1,
        activation: str | None = None,
    ) -> EinsumDense:
        """A layer that makes the last axes of these sizes of the `joined` last ones."""
        free = len(shape) - joined
        kept, inner = letters[:free], letters[free : len(shape)]
        made = letters[len(shape) :][: len(sizes)]
        layer = EinsumDense(
            f"{kept}{inner},{inner}{made}->{kept}{made}",
            (*[None] * (free - 1), *sizes),
            activation,
            made if self.use_bias else None,
            _clone(self.kernel_initializer),
            _clone(self.bias_initializer),
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
            activity_regularizer=self._penalty,
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build(shape)
        return layer

    def _back(
        self,
        query_shape: Shape,
        heads: tuple[int, int],
        sizes: Sequence[int] | None = None,
    ) -> EinsumDense:
        """The projection of what heads of that number and size read."""
        *kept, size = query_shape
        assert size is not None, "the projection of the query has refused it"
        shape = (*kept, *heads)
        return self._projection("attention_output", shape, sizes or (size,), joined=2)

    @property
    def _penalty(self) -> RegularizerLike:
        """What the outputs of the projections are penalized by."""
        return self.activity_regularizer

    def _check_ranks(self, *shapes: Shape, most: float = math.inf) -> None:
        """ShapeError unless all have one rank, and an axis of time."""
        if len({len(shape) for shape in shapes}) > 1 or not 3 <= len(shapes[0]) <= most:
            wanted = "[N, T, n]" if most == 3 else "[N, T, n], or more axes between,"
            shown = " and ".join(map(format_shape, dict.fromkeys(shapes)))
            raise ShapeError(
                f"layer {self.name!r} takes query, value and key {wanted} of one rank, "
                f"got {shown}"
            )

    def _build_attention(self, rank: int, axes: Sequence[int], size: int) -> None:
        """What is between the projections: of tensors of that rank along those axes."""
        self._axes = tuple(axes)
        self._dot_product_equation, self._combine_equation = _equations(rank, axes)
        self._scale = 1.0 / math.sqrt(size)
        last = tuple(range(-len(self._axes), 0))
        policy = self.dtype_policy
        self._softmax = Softmax(last, dtype=policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=policy)

    def call(
        self,
        query: Result,
        value: Result,
        key: Result | None = None,
        query_mask: Result | None = None,
        value_mask: Result | None = None,
        key_mask: Result | None = None,
        attention_mask: Result | None = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Result | tuple[Result, Result | None]:
        query_mask = self._mask_of_query(query, value, key, query_mask)
        query, value = unmasked(query), unmasked(value)
        key = value if key is None else unmasked(key)
        mask = self._compute_attention_mask(
            query,
            value,
            query_mask,
            value_mask,
            key_mask,
            attention_mask,
            use_causal_mask,
        )
        gate = self._gate_dense(query) if self.use_gate else None
        y, scores = self._compute_attention(
            self._query_dense(query),
            self._for_each_head(self._key_dense(key)),
            self._for_each_head(self._value_dense(value)),
            mask,
            training,
            return_attention_scores,
        )
        y = self._output_dense(y if gate is None else y * gate)
        return (y, scores) if return_attention_scores else y

    def _mask_of_query(
        self, query: Result, value: Result, key: Result | None, given: Result | None
    ) -> Result | None:
        """The mask of the queries, of which one may have been passed."""
        return given

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Any:
        given = [s for s in (query_shape, value_shape, key_shape) if s is not None]
        tensors = (stand_ins(python(shape), self.compute_dtype) for shape in given)
        return self.compute_output_spec(*tensors).shape

    def _for_each_head(self, x: Result) -> Result:
        """Keys or values with as many heads as queries have."""
        return x

    def _compute_attention(
        self,
        query: Result,
        key: Result,
        value: Result,
        attention_mask: Result | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Result, Result | None]:
        """What the heads read, and the shares of it if asked for.

        Where a query may read nothing at all, the mean of all values comes out in
        the one case and zero in the other, as in Keras.
        """
        if self.flash_attention and return_attention_scores:
            raise ArgumentError(
                "Returning attention scores is not supported when flash attention is "
                "enabled. Please disable flash attention to access attention scores."
            )
        if attention_mask is not None:
            missing = len(self._dot_product_equation.partition("->")[2])
            first = -2 * len(self._axes) - 1
            for _ in range(missing - attention_mask.ndim):
                attention_mask = ops.expand_dims(attention_mask, first)
        if not self.dropout and not return_attention_scores and query.ndim == 4:
            y = ops.dot_product_attention(
                query, key, value, mask=attention_mask, scale=self._scale
            )
            return y, None
        query = query * ops.cast(self._scale, query.dtype)
        scores = ops.einsum(self._dot_product_equation, key, query)
        scores = self._softmax(scores, mask=attention_mask)
        kept = self._dropout_layer(scores, training=training)
        return ops.einsum(self._combine_equation, kept, value), scores

    def _compute_attention_mask(
        self,
        query: Result,
        value: Result,
        query_mask: Result | None = None,
        value_mask: Result | None = None,
        key_mask: Result | None = None,
        attention_mask: Result | None = None,
        use_causal_mask: bool = False,
    ) -> Result | None:
        """What each query may read: all masks together.

        Shapes: query_mask[N, T], value_mask and key_mask[N, S],
            attention_mask[N, T, S] -> [N, T, S].
        """
        found = [] if attention_mask is None else [ops.cast(attention_mask, "bool")]
        for mask, axis in ((query_mask, -1), (value_mask, -2), (key_mask, -2)):
            if mask is not None:
                found.append(ops.expand_dims(ops.cast(mask, "bool"), axis))
        sizes = ops.shape(query)[1], ops.shape(value)[1]
        if use_causal_mask:
            found.append(ops.expand_dims(at_or_below(*sizes), 0))
        if self.sliding_window is not None:
            near = at_or_below(*sizes, self.sliding_window - 1)
            far = at_or_below(*sizes, -self.sliding_window)
            window = ops.logical_and(near, ops.logical_not(far))
            found.append(ops.expand_dims(window, 0))
        return functools.reduce(ops.logical_and, found) if found else None


class MultiHeadAttention(_Heads):
    """y = concat over heads of softmax(q · kᵀ / √key_dim) · v, projected.

    q, k and v are projections of `query`, `key` (or `value`) and `value`. Read is what
    the masks of the tensors, `attention_mask`, `use_causal_mask` and `sliding_window`
    (how many steps to each side) allow. With `use_gate` what is read is multiplied by
    the sigmoid of one more projection of the query. `flash_attention` changes nothing:
    how it is computed is up to the runtime.

    Shapes: query[N, T, ..., a], value[N, S, ..., b], key[N, S, ..., c] -> y as query,
        or with a last axis of `output_shape`; scores[N, num_heads, T, S], for other
        `attention_axes` than the first.
    Weights: query/kernel[a, num_heads, key_dim], query/bias, key/..., gate/...,
        value/..., attention_output/kernel[num_heads, value_dim, a].
    Source: Keras 3 ``layers.MultiHeadAttention``; arXiv:1706.03762.
    """

    num_heads: int = placed(after=None)
    key_dim: int = placed(after="num_heads")
    value_dim: int | None = placed(default=None, after="key_dim")
    output_shape: Any = placed(default=None, after="use_bias")
    attention_axes: Any = placed(default=None, after="output_shape")

    def setup(self) -> None:
        super().setup()
        self.num_heads = integer("num_heads", self.num_heads, least=1)
        self.key_dim = integer("key_dim", self.key_dim, least=1)
        given = self.value_dim
        self.value_dim = self.key_dim
        if given is not None:
            self.value_dim = integer("value_dim", given, least=1)
        if self.output_shape is not None:
            self.output_shape = integers("output_shape", self.output_shape, least=1)
        if self.attention_axes is not None:
            self.attention_axes = integers("attention_axes", self.attention_axes)
        self._activity = self.activity_regularizer
        self.activity_regularizer = None  # the last projection adds it

    @property
    def _penalty(self) -> RegularizerLike:
        return self._activity

    def _described(self) -> dict[str, object]:
        config = super()._described()
        if self._activity is not None:
            activity = regularizers.serialize(self._activity)
            config["activity_regularizer"] = activity
        return config

    def build(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_ranks(query_shape, value_shape, key_shape)
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ShapeError(
                "All dimensions of `value` and `key`, except the last one, must be "
                f"equal. Received: value_shape={format_shape(value_shape)} and "
                f"key_shape={format_shape(key_shape)}"
            )
        keys = (self.num_heads, self.key_dim)
        values = (self.num_heads, self.value_dim or self.key_dim)
        self.query_dense = self._projection("query", query_shape, keys)
        self.key_dense = self._projection("key", key_shape, keys)
        if self.use_gate:
            self._gate_dense = self._projection(
                "gate", query_shape, values, activation="sigmoid"
            )
        self.value_dense = self._projection("value", value_shape, values)
        rank = len(value_shape) + 1
        axes = self.attention_axes or range(1, rank - 2)
        axes = [axis if axis >= 0 else rank - 1 + axis for axis in axes]
        if not all(0 < axis < rank - 2 for axis in axes):
            raise ShapeError(
                f"attention_axes={self.attention_axes} of layer {self.name!r} must lie "
                f"between the batch and the last axis of {format_shape(query_shape)}"
            )
        self._build_attention(rank, axes, self.key_dim)
        self.output_dense = self._back(query_shape, values, self.output_shape)

    def _mask_of_query(
        self, query: Result, value: Result, key: Result | None, given: Result | None
    ) -> Result | None:
        # As in Keras, where what was passed is not looked at, and where layers that
        # are called later on the same tensors do not see their masks any more, unless
        # tensors of a model connect them.
        found = get_keras_mask(query)
        for x in (query, value, key):
            if x is not None:
                set_keras_mask(x, None)
        return found

    # Keras has each of them under both names, and keeps them in files under these.
    _query_dense = property(lambda self: self.query_dense)
    _key_dense = property(lambda self: self.key_dense)
    _value_dense = property(lambda self: self.value_dense)
    _output_dense = property(lambda self: self.output_dense)


class GroupedQueryAttention(_Heads):
    """Attention of several heads, of which groups share their keys and values.

    It is called as `MultiHeadAttention` is, and takes the same masks.

    Shapes: query[N, T, a], value[N, S, b], key[N, S, c] -> y as query;
        scores[N, num_query_heads, T, S].
    Weights: query/kernel[a, num_query_heads, head_dim],
        key/kernel[c, num_key_value_heads, head_dim], value/..., gate/..., biases,
        attention_output/kernel[num_query_heads, head_dim, a].
    Source: Keras 3 ``layers.GroupQueryAttention``; arXiv:2305.13245.
    """

    head_dim: int = placed(after=None)
    num_query_heads: int = placed(after="head_dim")
    num_key_value_heads: int = placed(after="num_query_heads")

    keras_name = "GroupQueryAttention"

    def setup(self) -> None:
        super().setup()
        self.head_dim = integer("head_dim", self.head_dim, least=1)
        queries = integer("num_query_heads", self.num_query_heads, least=1)
        keys = integer("num_key_value_heads", self.num_key_value_heads, least=1)
        if queries % keys:
            raise ArgumentError(
                "`num_query_heads` must be divisible by `num_key_value_heads`, got "
                f"{queries} and {keys}"
            )
        self.num_query_heads, self.num_key_value_heads = queries, keys

    def build(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        queries = (self.num_query_heads, self.head_dim)
        keys = (self.num_key_value_heads, self.head_dim)
        key_shape = value_shape if key_shape is None else key_shape
        self._check_ranks(query_shape, value_shape, key_shape, most=3)
        self._query_dense = self._projection("query", query_shape, queries)
        self._key_dense = self._projection("key", key_shape, keys)
        if self.use_gate:
            self._gate_dense = self._projection(
                "gate", query_shape, queries, activation="sigmoid"
            )
        self._value_dense = self._projection("value", value_shape, keys)
        self._build_attention(4, (1,), self.head_dim)
        self._output_dense = self._back(query_shape, queries)

    def _for_each_head(self, x: Result) -> Result:
        shared = self.num_query_heads // self.num_key_value_heads
        return x if shared == 1 else ops.repeat(x, shared, axis=2)


GroupQueryAttention = GroupedQueryAttention


def _clone(initializer: InitializerLike) -> InitializerLike:
    """One that draws its own numbers."""
    found = initializers.get(initializer)
    return found.clone() if isinstance(found, Initializer) else initializer


def _equations(rank: int, axes: Sequence[int]) -> tuple[str, str]:
    """The equations of keys · queries -> scores, and of scores · values -> results.

    Axes that there is no attention along are those of a batch, also that of the heads.
    """
    query = letters[:rank]
    others = iter(letters[rank:])
    key = "".join(next(others) if i in axes else query[i] for i in range(rank))
    batch = "".join(query[i] for i in range(rank - 1) if i not in axes)
    inner = "".join(query[i] for i in axes), "".join(key[i] for i in axes)
    scores = f"{batch}{inner[0]}{inner[1]}"
    return f"{key},{query}->{scores}", f"{scores},{key}->{query}"


__all__ = ["GroupQueryAttention", "MultiHeadAttention"]
