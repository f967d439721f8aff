"""Convolutions: plain, depthwise, separable, transposed."""

from __future__ import annotations

from typing import Any, ClassVar

from seqir import ops
from seqir.arguments import integer, integers
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError
from seqir.layers.arguments import activation as activation_of
from seqir.layers.base import Initializer, Layer
from seqir.layers.casting import require_float
from seqir.layers.keywords import keyword
from seqir.layers.spatial import (
    channel_axis,
    from_channels_first,
    padding_name,
    to_channels_first,
)
from seqir.operators.conv import Conv, ConvTranspose
from seqir.ops.apply import apply
from seqir.ops.spatial import resolve_padding, transpose_pads
from seqir.shapes import format_shape


class _Spatial(Layer):
    """Setup and helpers of all convolutions over `rank` spatial axes."""

    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    single_input = True

    def _setup(self: Any) -> None:
        for name in ("kernel_size", "strides", "dilation_rate"):
            found = integers(name, getattr(self, name), count=self.rank, least=1)
            setattr(self, name, found)
        self.padding = padding_name(self.padding, self.paddings)
        self.data_format = check_data_format(self.data_format)
        if self.padding == "causal" and self.data_format == "channels_first":
            raise ArgumentError("padding='causal' needs data_format='channels_last'")
        self.activation = activation_of(self.activation)

    def _check_dilation(self: Any) -> None:
        """What Keras has of no convolution that mixes channels."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"strides={self.strides} and dilation_rate={self.dilation_rate} "
                "cannot both be greater than 1"
            )

    def _channels(self: Any, input_shape: Any) -> int:
        channels = input_shape[channel_axis(self.data_format)]
        if channels is None:
            raise ShapeError(
                f"{type(self).__name__} needs to know the channels of its input, "
                f"got {format_shape(input_shape)}"
            )
        return channels

    def _check_channels(self: Any, x: Any, wanted: int) -> None:
        require_float(x, self.name)
        self.check_axis(x.shape, channel_axis(self.data_format), wanted)

    def _add_bias(self: Any, size: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (size,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _finish(self: Any, y: Any) -> Any:
        """Bias and activation on channels-first y, in the layer's own order."""
        y = from_channels_first(y, self.data_format)
        if self.use_bias:
            bias = self.bias
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (-1, *(1,) * self.rank))
            y = y + bias
        return self.activation(y)

    def _conv(
        self: Any, x: Any, w: Any, groups: int, strides: Any, dilations: Any
    ) -> Any:
        kernel = w.shape[2:]
        pads, same = resolve_padding(x, self.padding, kernel, strides, dilations)
        return apply(Conv(strides, pads, dilations, groups, same), x, w)


def _out_in_first(kernel: Any) -> Any:
    """A kernel[*size, in, out] as ONNX has it: [out, in, *size]."""
    rank = kernel.ndim - 2
    return ops.transpose(kernel, (rank + 1, rank, *range(rank)))


class _Conv(_Spatial):
    """Cross-correlation over `rank` spatial axes."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: Any = None
    dilation_rate: Any = 1
    groups: int = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = keyword(default=None)
    kernel_constraint: Any = None
    bias_constraint: Any = None

    _absent = ("lora_rank", "lora_alpha", "quantization_config")

    def setup(self) -> None:
        self.filters = integer("filters", self.filters, least=1)
        self.groups = integer("groups", self.groups, least=1)
        if self.filters % self.groups:
            raise ArgumentError(
                f"filters (={self.filters}) must be divisible by groups "
                f"(={self.groups})"
            )
        self._setup()
        self._check_dilation()

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"the {channels} channels of the input must be divisible by groups "
                f"(={self.groups})"
            )
        self._built_for = channels
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self._add_bias(self.filters)

    def call(self, x: Any) -> Any:
        self._check_channels(x, self._built_for)
        x = to_channels_first(x, self.data_format)
        w = _out_in_first(self.kernel)
        y = self._conv(x, w, self.groups, self.strides, self.dilation_rate)
        return self._finish(y)


class Conv1D(_Conv):
    """1-D convolution of sequences.

    Shapes: x[N, T, C] -> y[N, T', filters].
    Weights: kernel[k, C/groups, filters], bias[filters].
    Source: Keras 3 ``layers.Conv1D``.
    """

    rank = 1
    ndim = 3
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """2-D convolution of images.

    Shapes: x[N, H, W, C] -> y[N, H', W', filters].
    Weights: kernel[h, w, C/groups, filters], bias[filters].
    Source: Keras 3 ``layers.Conv2D``.
    """

    rank = 2
    ndim = 4


class Conv3D(_Conv):
    """3-D convolution of volumes.

    Shapes: x[N, D, H, W, C] -> y[N, D', H', W', filters].
    Weights: kernel[d, h, w, C/groups, filters], bias[filters].
    Source: Keras 3 ``layers.Conv3D``.
    """

    rank = 3
    ndim = 5


class _DepthwiseConv(_Spatial):
    """Every channel is convolved on its own, with `depth_multiplier` kernels."""

    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    depth_multiplier: int = 1
    data_format: Any = None
    dilation_rate: Any = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = keyword(default=None)
    depthwise_constraint: Any = None
    bias_constraint: Any = None

    def setup(self) -> None:
        multiplier = integer("depth_multiplier", self.depth_multiplier, least=1)
        self.depth_multiplier = multiplier
        self._setup()

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self._add_bias(channels * self.depth_multiplier)

    def call(self, x: Any) -> Any:
        channels = self.kernel.shape[-2]
        assert channels is not None
        self._check_channels(x, channels)
        x = to_channels_first(x, self.data_format)
        w = _grouped(self.kernel)
        y = self._conv(x, w, channels, self.strides, self.dilation_rate)
        return self._finish(y)


def _grouped(kernel: Any) -> Any:
    """A depthwise kernel[*size, C, M] as the grouped kernel[C*M, 1, *size]."""
    *size, channels, multiplier = kernel.shape
    joined = ops.reshape(kernel, (*size, 1, channels * multiplier))
    return _out_in_first(joined)


class DepthwiseConv1D(_DepthwiseConv):
    """1-D convolution of every channel on its own.

    Shapes: x[N, T, C] -> y[N, T', C * depth_multiplier].
    Weights: kernel[k, C, depth_multiplier], bias[C * depth_multiplier].
    Source: Keras 3 ``layers.DepthwiseConv1D``.
    """

    rank = 1
    ndim = 3


class DepthwiseConv2D(_DepthwiseConv):
    """2-D convolution of every channel on its own.

    Shapes: x[N, H, W, C] -> y[N, H', W', C * depth_multiplier].
    Weights: kernel[h, w, C, depth_multiplier], bias[C * depth_multiplier].
    Source: Keras 3 ``layers.DepthwiseConv2D``.
    """

    rank = 2
    ndim = 4


class _SeparableConv(_Spatial):
    """A depthwise convolution and a 1x1 convolution that mixes channels."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: Any = None
    dilation_rate: Any = 1
    depth_multiplier: int = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    pointwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Any = None
    pointwise_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = keyword(default=None)
    depthwise_constraint: Any = None
    pointwise_constraint: Any = None
    bias_constraint: Any = None

    def setup(self) -> None:
        self.filters = integer("filters", self.filters, least=1)
        multiplier = integer("depth_multiplier", self.depth_multiplier, least=1)
        self.depth_multiplier = multiplier
        self._setup()

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self._add_bias(self.filters)

    def call(self, x: Any) -> Any:
        channels = self.depthwise_kernel.shape[-2]
        assert channels is not None
        self._check_channels(x, channels)
        x = to_channels_first(x, self.data_format)
        w = _grouped(self.depthwise_kernel)
        y = self._conv(x, w, channels, self.strides, self.dilation_rate)
        ones = (1,) * self.rank
        point = _out_in_first(self.pointwise_kernel)
        y = apply(Conv(ones, ((0, 0),) * self.rank, ones), y, point)
        return self._finish(y)


class SeparableConv1D(_SeparableConv):
    """1-D separable convolution.

    Shapes: x[N, T, C] -> y[N, T', filters].
    Weights: depthwise_kernel[k, C, m], pointwise_kernel[1, C*m, filters], bias.
    Source: Keras 3 ``layers.SeparableConv1D``.
    """

    rank = 1
    ndim = 3
    paddings = ("valid", "same", "causal")


class SeparableConv2D(_SeparableConv):
    """2-D separable convolution.

    Shapes: x[N, H, W, C] -> y[N, H', W', filters].
    Weights: depthwise_kernel[h, w, C, m], pointwise_kernel[1, 1, C*m, filters], bias.
    Source: Keras 3 ``layers.SeparableConv2D``.
    """

    rank = 2
    ndim = 4


class _ConvTranspose(_Spatial):
    """The transpose of a convolution: it enlarges by its strides."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    output_padding: Any = None
    data_format: Any = None
    dilation_rate: Any = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = keyword(default=None)
    kernel_constraint: Any = None
    bias_constraint: Any = None

    def setup(self) -> None:
        self.filters = integer("filters", self.filters, least=1)
        if self.output_padding is not None:
            self.output_padding = integers(
                "output_padding", self.output_padding, count=self.rank, least=0
            )
        self._setup()
        self._check_dilation()
        for extra, stride in zip(self.output_padding or (), self.strides, strict=False):
            if extra >= stride:
                raise ArgumentError(
                    f"output_padding={self.output_padding} must be smaller than "
                    f"strides={self.strides}"
                )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self._add_bias(self.filters)

    def call(self, x: Any) -> Any:
        channels = self.kernel.shape[-1]
        assert channels is not None
        self._check_channels(x, channels)
        x = to_channels_first(x, self.data_format)
        w = _out_in_first(self.kernel)  # [*size, out, in] as ONNX's [in, out, *size]
        given = self.output_padding or (None,) * self.rank
        axes = zip(
            self.kernel_size, self.strides, self.dilation_rate, given, strict=True
        )
        found = [transpose_pads(self.padding, *axis) for axis in axes]
        pads, extra = zip(*found, strict=True)
        op = ConvTranspose(self.strides, pads, self.dilation_rate, extra)
        return self._finish(apply(op, x, w))


class Conv1DTranspose(_ConvTranspose):
    """1-D transposed convolution.

    Shapes: x[N, T, C] -> y[N, T', filters].
    Weights: kernel[k, filters, C], bias[filters].
    Source: Keras 3 ``layers.Conv1DTranspose``.
    """

    rank = 1
    ndim = 3


class Conv2DTranspose(_ConvTranspose):
    """2-D transposed convolution.

    Shapes: x[N, H, W, C] -> y[N, H', W', filters].
    Weights: kernel[h, w, filters, C], bias[filters].
    Source: Keras 3 ``layers.Conv2DTranspose``.
    """

    rank = 2
    ndim = 4
