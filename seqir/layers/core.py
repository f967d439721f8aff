"""Input, Dense, Embedding, Activation and their kind."""

from __future__ import annotations

from typing import Any

from seqir import config, dtypes, ops, shapes
from seqir.arguments import integer, is_integer, number
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.fields import keyword
from seqir.layer.aliases import (
    ConstraintLike,
    InitializerLike,
    Masks,
    RegularizerLike,
    Shape,
    SizesLike,
)
from seqir.layer.arguments import activation as activation_of
from seqir.layer.arguments import sizes
from seqir.layer.base import Layer
from seqir.layer.checks import check_getters
from seqir.layer.fields import check_known, present
from seqir.layer.recorded import noted
from seqir.ops.masks import masked
from seqir.ops.tensor import Call, KerasTensor, Result, TensorLike
from seqir.tensortype import TensorType

_AXIS_NAMES = {
    3: ("time",),
    4: ("height", "width"),
    5: ("depth", "height", "width"),
}


class InputLayer(Layer):
    """The place where arrays enter a model.

    An unknown size is None, or a name of your choice: sizes of one name are equal.

    Source: Keras 3 ``layers.InputLayer``.
    """

    def __init__(
        self,
        shape: SizesLike = None,
        batch_size: int | None = None,
        dtype: DTypeLike | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: SizesLike = None,
        input_tensor: object = None,
        optional: bool = False,
        name: str | None = None,
        **former: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        shape = former.pop("input_shape", shape)
        batch_shape = former.pop("batch_input_shape", batch_shape)
        check_known("InputLayer", former, ("shape", "batch_shape", "batch_size"))
        if sparse or ragged or optional or input_tensor is not None:
            raise UnsupportedError(
                "Input takes dense arrays: sparse, ragged, optional and tensor "
                "are not supported"
            )
        if (shape is None) == (batch_shape is None):
            raise ArgumentError("Input needs shape= or batch_shape=, and not both")
        if batch_size is not None and batch_shape is not None:
            raise ArgumentError(
                "Input takes batch_size= with shape=: batch_shape= has the size of the "
                f"batch itself, got batch_size={batch_size} and "
                f"batch_shape={batch_shape}"
            )
        if batch_shape is None:
            batch_shape = (batch_size, *sizes("shape", shape))
        given = sizes("batch_shape", batch_shape)
        self.batch_shape = tuple(_check_size(d) for d in given)
        self.keeps_names = False
        """Sizes are called as in the file that the model was read from."""
        self.incidental_batch = False
        """The batch size is only that of the first array the model was called on."""
        self.learned = False
        """Made for the first array, or by `build`: other sizes may come, too."""
        self.variable_dtype = dtypes.canonical(dtype or config.floatx())
        self.built = True
        tensor = KerasTensor(self.tensor_type(), name=name or None)
        self._layer_state.calls.append(Call(self, (), {}, [], tensor))

    def tensor_type(
        self, *, batch: str | int | None = None, prefix: str = ""
    ) -> TensorType:
        """Type of the tensor that enters, unknown sizes named.

        Names are those of the axes (``height``), with `prefix` where several inputs
        would share them.
        """
        rank = len(self.batch_shape)
        first = self.batch_shape[0] if rank else None
        dims: list[shapes.Dim] = []
        prefix = prefix or f"{self.name}_"
        names = _AXIS_NAMES.get(rank, ())
        if config.image_data_format() == "channels_first" and rank > 3:
            names = ("channels", *names)
        for i, d in enumerate(self.batch_shape):
            if i == 0 and self.keeps_names and not isinstance(batch, int):
                dims.append(first if first is not None else "batch")
            elif i == 0:
                dims.append(batch if batch is not None else first or "batch")
            elif d is not None:
                dims.append(d)
            else:
                axis = names[i - 1] if i - 1 < len(names) else f"size_{i}"
                dims.append(f"{prefix}{axis}" if prefix != "-" else axis)
        return TensorType(self.variable_dtype, tuple(dims))

    @property
    def dtype(self) -> str:
        """Element type that arrays are converted to."""
        return self.variable_dtype

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Not called: a model feeds it."""
        raise ArgumentError(
            f"{self.name!r} is an input: start a model with it, do not call it"
        )

    def _described(self) -> dict[str, object]:
        """The arguments that make an equal input."""
        return {
            "batch_shape": tuple(
                None if isinstance(d, str) else d for d in self.batch_shape
            ),
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def _check_size(d: object) -> int | str | None:
    if d is None:
        return None
    if isinstance(d, str):
        return shapes.check_symbol(d)
    if not is_integer(d):
        raise ArgumentError(f"a size of an Input is an integer or None, got {d!r}")
    if int(d) < 0:
        raise ArgumentError(f"a size of an Input must not be negative, got {d}")
    return int(d)


def Input(  # noqa: N802
    shape: SizesLike = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: SizesLike = None,
    name: str | None = None,
    tensor: object = None,
    optional: bool = False,
) -> Any:
    """A symbolic tensor to start a model with.

    Shapes: the batch is not part of `shape`; None is an unknown size.
    Source: Keras 3 ``keras.Input``.
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output


class Dense(Layer):
    """y = activation(x @ kernel + bias), on the last axis.

    Shapes: x[..., n] -> y[..., units].
    Weights: kernel[n, units], bias[units].
    Source: Keras 3 ``layers.Dense``.
    """

    units: int
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: InitializerLike = "glorot_uniform"
    bias_initializer: InitializerLike = "zeros"
    kernel_regularizer: RegularizerLike = None
    bias_regularizer: RegularizerLike = None
    activity_regularizer: RegularizerLike = keyword(default=None)
    kernel_constraint: ConstraintLike = keyword(default=None)
    bias_constraint: ConstraintLike = keyword(default=None)

    _absent = ("lora_rank", "lora_alpha", "quantization_config")
    supports_masking = True
    min_ndim = 2
    single_input = True

    def setup(self) -> None:
        self.units = integer("units", self.units, least=1)
        self.activation = activation_of(self.activation)

    def build(self, input_shape: Shape) -> None:
        n = input_shape[-1]
        if n is None:
            raise ShapeError(
                "Dense needs to know the size of the last axis of its input, "
                f"got {shapes.format_shape(input_shape)}"
            )
        self.kernel = self.add_weight(
            (n, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, x: Result) -> Result:
        self.check_axis(x.shape, -1, self.kernel.shape[0])
        y = ops.matmul(x, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)


class Embedding(Layer):
    """y = the row of the table that each integer names.

    Shapes: x[*i] of integers -> y[*i, output_dim].
    Weights: embeddings[input_dim, output_dim].
    Source: Keras 3 ``layers.Embedding``.
    """

    _absent = ("lora_rank", "lora_alpha", "quantization_config")
    single_input = True

    @noted
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: TensorLike | None = None,
        **kwargs: Any,
    ) -> None:
        # Not fields: a field called `weights` would hide the property of that name.
        kwargs = {k: v for k, v in kwargs.items() if k != "input_length"}
        super().__init__(**present(type(self), kwargs))
        self.input_dim = integer("input_dim", input_dim, least=1)
        self.output_dim = integer("output_dim", output_dim, least=1)
        self.embeddings_initializer = embeddings_initializer
        self.embeddings_regularizer = embeddings_regularizer
        self.embeddings_constraint = embeddings_constraint
        check_getters(vars(self))
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build(None)
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, x: Result) -> Result:
        y = ops.take(
            self.embeddings, ops.cast(x, "int32") if "int" not in x.dtype else x, axis=0
        )
        return ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs: Result, previous_mask: Masks = None) -> Masks:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def _described(self) -> dict[str, object]:
        names = (
            "input_dim",
            "output_dim",
            "embeddings_initializer",
            "embeddings_regularizer",
            "embeddings_constraint",
            "mask_zero",
        )
        return super()._described() | self._config_of(names)


class ReversibleEmbedding(Embedding):
    """y = the row of the table that each integer names; in reverse, scores of the rows.

    With ``reverse=True``, y = x @ transpose(embeddings), or of tables that are not tied
    x @ reverse_embeddings; with a cap, y = cap * tanh(y / cap).

    Shapes: x[*i] of integers -> y[*i, output_dim]; in reverse x[*i, output_dim] ->
        y[*i, input_dim].
    Weights: embeddings[input_dim, output_dim], if not tied
        reverse_embeddings[output_dim, input_dim].
    Source: Keras 3 ``layers.ReversibleEmbedding``.
    """

    @noted
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: DTypeLike | None = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.tie_weights = tie_weights  # before `weights` are set
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.reverse_dtype = reverse_dtype and dtypes.canonical(reverse_dtype)
        if logit_soft_cap is not None:
            number("logit_soft_cap", logit_soft_cap)
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, x: Result, reverse: bool = False) -> Result:
        if not reverse:
            y = super().call(x)
            return masked(y, ops.not_equal(x, 0)) if self.mask_zero else y
        self.check_axis(x.shape, -1, self.output_dim)
        kernel: Any = self.embeddings
        kernel = ops.transpose(kernel) if self.tie_weights else self.reverse_embeddings
        kernel = ops.cast(kernel, self.compute_dtype)
        if self.reverse_dtype:
            x = ops.cast(x, self.reverse_dtype)
            kernel = ops.cast(kernel, self.reverse_dtype)
        y = ops.matmul(x, kernel)
        cap = self.logit_soft_cap
        return y if cap is None else ops.tanh(y / cap) * cap

    def compute_mask(self, inputs: Result, previous_mask: Masks = None) -> Masks:
        return None  # `call` gives it, which knows the direction

    def _described(self) -> dict[str, object]:
        names = ("tie_weights", "reverse_dtype", "logit_soft_cap")
        return super()._described() | self._config_of(names)


class Activation(Layer):
    """y = activation(x). Source: Keras 3 ``layers.Activation``."""

    activation: Any

    supports_masking = True

    def setup(self) -> None:
        self.activation = activation_of(self.activation)

    def call(self, x: Result) -> Result:
        return self.activation(x)


class Identity(Layer):
    """y = x. Source: Keras 3 ``layers.Identity``."""

    supports_masking = True

    def call(self, x: Result) -> Result:
        return x


class Masking(Layer):
    """y = x, with a mask that holds where not all features are `mask_value`.

    Steps that it does not keep are 0 in y.

    Shapes: x[..., n] -> y as x, mask[...].
    Source: Keras 3 ``layers.Masking``.
    """

    mask_value: float = 0.0

    supports_masking = True
    single_input = True

    def setup(self) -> None:
        number("mask_value", self.mask_value)

    def call(self, x: Result) -> Result:
        return ops.where(ops.expand_dims(self._is_kept(x), -1), x, ops.zeros_like(x))

    def compute_mask(self, inputs: Result, previous_mask: Masks = None) -> Masks:
        return self._is_kept(inputs)

    def _is_kept(self, x: Result) -> Result:
        return ops.any(ops.not_equal(x, self.mask_value), axis=-1)


__all__ = [
    "Activation",
    "Dense",
    "Embedding",
    "Identity",
    "Input",
    "InputLayer",
    "Masking",
    "ReversibleEmbedding",
]
