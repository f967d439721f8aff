"""MobileNetV3: bottlenecks with squeeze-and-excitation and hard swish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from seqir import layers
from seqir.applications.blocks import batch_norm, channels, divisible, stride_padding
from seqir.applications.frame import (
    IMAGENET,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    framed,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.applications.mobilenet import check_alpha
from seqir.ops.tensor import KerasTensor

__all__ = [
    "MobileNetV3Large",
    "MobileNetV3Small",
    "decode_predictions",
    "preprocess_input",
]

# Images go in as they are: the model scales them itself.
preprocess_input = preprocessing(None)


class Block(NamedTuple):
    """A row of the paper's tables: SE says squeeze-and-excitation, HS hard swish."""

    expansion: float
    filters: int
    kernel_size: int
    strides: int
    squeeze: bool
    hard_swish: bool

    def variant(self, alpha: float, minimalistic: bool) -> Block:
        """The block `alpha` times as wide; minimalistic, without what is slow."""
        block = self._replace(filters=divisible(self.filters * alpha))
        if not minimalistic:
            return block
        return block._replace(kernel_size=3, squeeze=False, hard_swish=False)


SE, HS = True, True
__, RE = False, False
SMALL = (
    Block(1, 16, 3, 2, SE, RE),
    Block(72 / 16, 24, 3, 2, __, RE),
    Block(88 / 24, 24, 3, 1, __, RE),
    Block(4, 40, 5, 2, SE, HS),
    Block(6, 40, 5, 1, SE, HS),
    Block(6, 40, 5, 1, SE, HS),
    Block(3, 48, 5, 1, SE, HS),
    Block(3, 48, 5, 1, SE, HS),
    Block(6, 96, 5, 2, SE, HS),
    Block(6, 96, 5, 1, SE, HS),
    Block(6, 96, 5, 1, SE, HS),
)
LARGE = (
    Block(1, 16, 3, 1, __, RE),
    Block(4, 24, 3, 2, __, RE),
    Block(3, 24, 3, 1, __, RE),
    Block(3, 40, 5, 2, SE, RE),
    Block(3, 40, 5, 1, SE, RE),
    Block(3, 40, 5, 1, SE, RE),
    Block(6, 80, 3, 2, __, HS),
    Block(2.5, 80, 3, 1, __, HS),
    Block(2.3, 80, 3, 1, __, HS),
    Block(2.3, 80, 3, 1, __, HS),
    Block(6, 112, 3, 1, SE, HS),
    Block(6, 112, 3, 1, SE, HS),
    Block(6, 160, 5, 2, SE, HS),
    Block(6, 160, 5, 1, SE, HS),
    Block(6, 160, 5, 1, SE, HS),
)


@dataclass(frozen=True)
class Variant:
    """What Small and Large differ in."""

    kind: str
    blocks: Sequence[Block]
    top_width: int
    """Filters of the layer before the predictions."""
    md5: Mapping[str, tuple[str, str]]
    """Checksums of the published files, with and without top."""

    def pretrained(self, alpha: float, minimalistic: bool) -> Pretrained | None:
        """The published weights, if there are any."""
        kind = f"{self.kind}_minimalistic" if minimalistic else self.kind
        title = f"{kind}_224_{float(alpha)}_float"
        if title not in self.md5:
            return None
        stem = f"mobilenet_v3/weights_mobilenet_v3_{title}"
        return Pretrained(stem, *self.md5[title], no_top="_no_top_v2")


def _application(name: str, variant: Variant):
    """The function that builds a variant, with Keras's arguments."""

    def plan(
        input_shape: Sequence[int | None] | None = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Weights = IMAGENET,
        input_tensor: KerasTensor | None = None,
        classes: int = 1000,
        pooling: Pooling = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = name,
    ) -> Plan:
        check_alpha(weights, alpha, (1.0,) if minimalistic else (0.75, 1.0))
        activation = _relu if minimalistic else _hard_swish
        top = partial(
            _top,
            width=divisible(variant.top_width * max(alpha, 1.0)),
            swish=activation,
            dropout_rate=dropout_rate,
        )
        frame = Frame(variant.pretrained(alpha, minimalistic), top=top, sized="never")
        blocks = [block.variant(alpha, minimalistic) for block in variant.blocks]

        def features(x: KerasTensor) -> KerasTensor:
            if include_preprocessing:
                x = layers.Rescaling(1 / 127.5, -1.0)(x)
            x = _conv(x, 16, "conv", kernel_size=3, strides=2)
            x = activation(x)
            for i, block in enumerate(blocks):
                x = _block(x, i, block)
            return activation(_conv(x, divisible(6 * channels(x)), "conv_1"))

        return frame, features, name

    doc = f"""{name}, `alpha` times as wide.

    `minimalistic` leaves out kernels of 5x5, squeeze-and-excitation and hard swish.
    With `include_preprocessing` images go in with values from 0 to 255. Weights
    learned on ImageNet are those for images of 224x224.

    Raises: ArgumentError for weights of ImageNet with another width than was
        published.
    Source: Keras 3 ``applications.{name}``; arXiv:1905.02244.
    """
    return framed(plan, name, doc)


def _block(x: KerasTensor, index: int, block: Block) -> KerasTensor:
    """Expand, convolve each channel, squeeze, project; beside the input if it fits."""
    name = f"expanded_conv_{index}" if index else "expanded_conv"
    activation = _hard_swish if block.hard_swish else _relu
    width = channels(x)
    inner = divisible(width * block.expansion)
    y = x
    if index:
        y = activation(_conv(y, inner, f"{name}_expand"))
    if block.strides > 1:
        around = stride_padding(y, block.kernel_size)
        y = layers.ZeroPadding2D(around, name=f"{name}_depthwise_pad")(y)
    y = layers.DepthwiseConv2D(
        block.kernel_size,
        block.strides,
        padding="same" if block.strides == 1 else "valid",
        use_bias=False,
        name=f"{name}_depthwise",
    )(y)
    y = activation(_norm(y, f"{name}_depthwise_bn"))
    if block.squeeze:
        y = _squeeze(y, inner, f"{name}_squeeze_excite")
    y = _conv(y, block.filters, f"{name}_project")
    if block.strides > 1 or block.filters != width:
        return y
    return layers.Add(name=f"{name}_add")([x, y])


def _squeeze(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Every channel times a weight that is made of the means of all channels."""
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = layers.Conv2D(divisible(filters / 4), 1, padding="same", name=f"{name}_conv")(y)
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = layers.Conv2D(filters, 1, padding="same", name=f"{name}_conv_1")(y)
    y = layers.ReLU(6.0)(y + 3.0) * (1 / 6)  # hard sigmoid
    return layers.Multiply(name=f"{name}_mul")([x, y])


def _conv(
    x: KerasTensor, filters: int, name: str, kernel_size: int = 1, strides: int = 1
) -> KerasTensor:
    """Convolution, normalization."""
    x = layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, name=name
    )(x)
    return _norm(x, f"{name}_bn")


def _norm(x: KerasTensor, name: str) -> KerasTensor:
    return batch_norm(x, name, momentum=0.999)


def _relu(x: KerasTensor) -> KerasTensor:
    return layers.ReLU()(x)


def _hard_swish(x: KerasTensor) -> KerasTensor:
    return layers.Activation("hard_swish")(x)


def _top(
    x: KerasTensor,
    classes: int,
    activation: object,
    width: int,
    swish: Callable[[KerasTensor], KerasTensor],
    dropout_rate: float,
) -> KerasTensor:
    """The mean over the image, and two convolutions that are Dense layers."""
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = swish(layers.Conv2D(width, 1, padding="same", name="conv_2")(x))
    if dropout_rate > 0:
        x = layers.Dropout(dropout_rate)(x)
    x = layers.Conv2D(classes, 1, padding="same", name="logits")(x)
    x = layers.Flatten()(x)
    return layers.Activation(activation, name="predictions")(x)


MobileNetV3Small = _application(
    "MobileNetV3Small",
    Variant(
        "small",
        SMALL,
        1024,
        {
            "small_224_0.75_float": (
                "cb65d4e5be93758266aa0a7f2c6708b7",
                "ebdb5cc8e0b497cd13a7c275d475c819",
            ),
            "small_224_1.0_float": (
                "8768d4c2e7dee89b9d02b2d03d65d862",
                "d3e8ec802a04aa4fc771ee12a9a9b836",
            ),
            "small_minimalistic_224_1.0_float": (
                "99cd97fb2fcdad2bf028eb838de69e37",
                "cde8136e733e811080d9fcd8a252f7e4",
            ),
        },
    ),
)
MobileNetV3Large = _application(
    "MobileNetV3Large",
    Variant(
        "large",
        LARGE,
        1280,
        {
            "large_224_0.75_float": (
                "765b44a33ad4005b3ac83185abf1d0eb",
                "40af19a13ebea4e2ee0c676887f69a2e",
            ),
            "large_224_1.0_float": (
                "59e551e166be033d707958cf9e29a6a7",
                "07fb09a5933dd0c8eaafa16978110389",
            ),
            "large_minimalistic_224_1.0_float": (
                "675e7b876c45c57e9e63e6d90a36599c",
                "ec5221f64a2f6d1ef965a614bdae7973",
            ),
        },
    ),
)
