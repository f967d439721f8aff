"""Convolutions: plain, depthwise, separable, transposed."""

from __future__ import annotations

from typing import Any, ClassVar

from seqir import ops
from seqir.arguments import integer, integers
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import fixed, keyword, placed
from seqir.layer.aliases import ConstraintLike, InitializerLike, RegularizerLike, Shape
from seqir.layer.arguments import activation as activation_of
from seqir.layer.base import Layer
from seqir.layer.casting import require_float
from seqir.layers.spatial import (
    channel_axis,
    from_channels_first,
    padding_name,
    to_channels_first,
)
from seqir.operators.conv import Conv, ConvTranspose
from seqir.operators.taps import Ints
from seqir.ops.apply import apply
from seqir.ops.spatial import resolve_padding, transpose_pads
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.shapes import format_shape


class _Spatial(Layer):
    """Arguments, setup and helpers of all convolutions over `rank` spatial axes."""

    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    single_input = True

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: str | None = keyword(default=None)
    dilation_rate: Any = keyword(default=1)
    activation: Any = keyword(default=None)
    use_bias: bool = keyword(default=True)
    bias_initializer: InitializerLike = keyword(default="zeros")
    bias_regularizer: RegularizerLike = keyword(default=None)
    activity_regularizer: RegularizerLike = keyword(default=None)
    bias_constraint: ConstraintLike = keyword(default=None)

    def _setup(self) -> None:
        for name in ("kernel_size", "strides", "dilation_rate"):
            found = integers(name, getattr(self, name), count=self.rank, least=1)
            setattr(self, name, found)
        self.padding = padding_name(self.padding, self.paddings)
        self.data_format = check_data_format(self.data_format)
        if self.padding == "causal" and self.data_format == "channels_first":
            raise ArgumentError("padding='causal' needs data_format='channels_last'")
        self.activation = activation_of(self.activation)

    def _check_dilation(self) -> None:
        """What Keras has of no convolution that mixes channels."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"strides={self.strides} and dilation_rate={self.dilation_rate} "
                "cannot both be greater than 1"
            )

    def _channels(self, input_shape: Shape) -> int:
        channels = input_shape[channel_axis(self.data_format)]
        if channels is None:
            raise ShapeError(
                f"{type(self).__name__} needs to know the channels of its input, "
                f"got {format_shape(input_shape)}"
            )
        return channels

    def _check_channels(self, x: Result, wanted: int) -> None:
        require_float(x, self.name)
        self.check_axis(x.shape, channel_axis(self.data_format), wanted)

    def _add_bias(self, size: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (size,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _finish(self, y: Result) -> Result:
        """Bias and activation on channels-first y, in the layer's own order."""
        y = from_channels_first(y, self.data_format)
        bias = self.bias
        if bias is not None:
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (-1, *(1,) * self.rank))
            y = y + bias
        return self.activation(y)

    def _conv(
        self, x: Result, w: Result, groups: int, strides: Ints, dilations: Ints
    ) -> Result:
        size = self.kernel_size
        pads, same = resolve_padding(x, self.padding, size, strides, dilations)
        return apply(Conv(strides, pads, dilations, groups, same), x, w)


def _out_in_first(kernel: Result | Variable) -> Result:
    """A kernel[*size, in, out] as ONNX has it: [out, in, *size]."""
    rank = kernel.ndim - 2
    return ops.transpose(kernel, (rank + 1, rank, *range(rank)))


class _Mixing(_Spatial):
    """Arguments of the convolutions that have one kernel, which mixes channels."""

    kernel_initializer: InitializerLike = placed(
        default="glorot_uniform", after="use_bias"
    )
    kernel_regularizer: RegularizerLike = placed(default=None, after="bias_initializer")
    kernel_constraint: ConstraintLike = placed(
        default=None, after="activity_regularizer"
    )

    def _add_kernel(self, inner: int, outer: int) -> None:
        self.kernel = self.add_weight(
            (*self.kernel_size, inner, outer),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )


class _Conv(_Mixing):
    """Cross-correlation over `rank` spatial axes."""

    groups: int = placed(default=1, after="dilation_rate")

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

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"the {channels} channels of the input must be divisible by groups "
                f"(={self.groups})"
            )
        self._built_for = channels
        self._add_kernel(channels // self.groups, self.filters)
        self._add_bias(self.filters)

    def call(self, x: Result) -> Result:
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


class _ByChannel(_Spatial):
    """Arguments of the convolutions that treat every channel on its own first."""

    depthwise_initializer: InitializerLike = placed(
        default="glorot_uniform", after="use_bias"
    )
    depthwise_regularizer: RegularizerLike = placed(
        default=None, after="bias_initializer"
    )
    depthwise_constraint: ConstraintLike = placed(
        default=None, after="activity_regularizer"
    )

    def _depthwise(self, channels: int, multiplier: int, name: str) -> Variable:
        return self.add_weight(
            (*self.kernel_size, channels, multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name=name,
        )


class _DepthwiseConv(_ByChannel):
    """Every channel is convolved on its own, with `depth_multiplier` kernels."""

    filters: int = fixed(0)
    depth_multiplier: int = placed(default=1, after="padding")

    def setup(self) -> None:
        multiplier = integer("depth_multiplier", self.depth_multiplier, least=1)
        self.depth_multiplier = multiplier
        self._setup()

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._depthwise(channels, self.depth_multiplier, "kernel")
        self._add_bias(channels * self.depth_multiplier)

    def call(self, x: Result) -> Result:
        channels = self.kernel.shape[-2]
        assert channels is not None
        self._check_channels(x, channels)
        x = to_channels_first(x, self.data_format)
        w = _grouped(self.kernel)
        y = self._conv(x, w, channels, self.strides, self.dilation_rate)
        return self._finish(y)


def _grouped(kernel: Variable) -> Result:
    """A depthwise kernel[*size, C, M] as the grouped kernel[C*M, 1, *size]."""
    joined = ops.reshape(kernel, (*ops.shape(kernel)[:-2], 1, -1))
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


class _SeparableConv(_ByChannel):
    """A depthwise convolution and a 1x1 convolution that mixes channels."""

    depth_multiplier: int = placed(default=1, after="dilation_rate")
    pointwise_initializer: InitializerLike = placed(
        default="glorot_uniform", after="depthwise_initializer"
    )
    pointwise_regularizer: RegularizerLike = placed(
        default=None, after="depthwise_regularizer"
    )
    pointwise_constraint: ConstraintLike = placed(
        default=None, after="depthwise_constraint"
    )

    def setup(self) -> None:
        self.filters = integer("filters", self.filters, least=1)
        multiplier = integer("depth_multiplier", self.depth_multiplier, least=1)
        self.depth_multiplier = multiplier
        self._setup()

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        multiplier = self.depth_multiplier
        self.depthwise_kernel = self._depthwise(
            channels, multiplier, "depthwise_kernel"
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self._add_bias(self.filters)

    def call(self, x: Result) -> Result:
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


class _ConvTranspose(_Mixing):
    """The transpose of a convolution: it enlarges by its strides."""

    output_padding: Any = placed(default=None, after="padding")

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

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self._add_kernel(self.filters, channels)
        self._add_bias(self.filters)

    def call(self, x: Result) -> Result:
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


class Conv3DTranspose(_ConvTranspose):
    """3-D transposed convolution.

    Shapes: x[N, D, H, W, C] -> y[N, D', H', W', filters].
    Weights: kernel[d, h, w, filters, C], bias[filters].
    Source: Keras 3 ``layers.Conv3DTranspose``.
    """

    output_padding: Any = placed(default=None, after="data_format")

    rank = 3
    ndim = 5


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D


__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]
