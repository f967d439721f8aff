"""MobileNetV2: bottlenecks that are wide inside, beside a shortcut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from seqir import layers
from seqir.applications.blocks import batch_norm, channels, divisible, stride_padding
from seqir.applications.frame import (
    IMAGENET,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    dense_top,
    framed,
    plain_pool,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.applications.mobilenet import check_alpha, named_size, published_size
from seqir.ops.tensor import KerasTensor

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

STAGES = (
    # expansion, filters, blocks, strides of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
SIZES = (96, 128, 160, 192, 224)
"""Sizes of images that weights were published for."""
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths that weights were published for."""

preprocess_input = preprocessing("tf")


@framed
def MobileNetV2(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Weights = IMAGENET,
    input_tensor: KerasTensor | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: object = "softmax",
    name: str | None = None,
) -> Plan:
    """MobileNetV2, `alpha` times as wide.

    Weights learned on ImageNet are those for images of the size asked for if there
    are such (96, 128, 160, 192, 224), else those for 224.

    Raises: ArgumentError for weights of ImageNet with another width than was
        published.
    Source: Keras 3 ``applications.MobileNetV2``; arXiv:1801.04381.
    """
    check_alpha(weights, alpha, ALPHAS)
    given = input_shape
    if given is None and isinstance(input_tensor, KerasTensor):
        given = input_tensor.shape[1:]
    size = published_size(given, SIZES)
    # No checksums were published with these files.
    kernels = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels"
    stem = f"mobilenet_v2/{kernels}_{float(alpha)}_{size}"
    frame = Frame(
        Pretrained(stem, None, None, no_top="_no_top"),
        default_size=size,
        top=partial(dense_top, pool_name=None),
        pool=plain_pool,
    )
    if name is None:
        rows = named_size(input_shape, size, include_top, weights)
        name = f"mobilenetv2_{alpha:0.2f}_{rows}"
    return frame, partial(_features, alpha=alpha), name


def _features(x: KerasTensor, alpha: float) -> KerasTensor:
    """One convolution, 17 blocks, and a pointwise convolution."""
    conv = layers.Conv2D(
        divisible(32 * alpha), 3, 2, padding="same", use_bias=False, name="Conv1"
    )
    x = layers.ReLU(6.0, name="Conv1_relu")(_norm(conv(x), "bn_Conv1"))
    block = 0
    for expansion, filters, depth, strides in STAGES:
        width = divisible(int(filters * alpha))
        for i in range(depth):
            x = _block(x, block, expansion, width, strides if i == 0 else 1)
            block += 1
    # The last layer does not get narrower than in the paper.
    width = divisible(1280 * max(alpha, 1.0))
    x = layers.Conv2D(width, 1, use_bias=False, name="Conv_1")(x)
    return layers.ReLU(6.0, name="out_relu")(_norm(x, "Conv_1_bn"))


def _block(
    x: KerasTensor, block: int, expansion: int, filters: int, strides: int
) -> KerasTensor:
    """Expand, convolve each channel, project; beside the input where shapes fit."""
    name = f"block_{block}" if block else "expanded_conv"
    width = channels(x)
    y = x
    if block:
        expand = _pointwise(expansion * width, f"{name}_expand")
        y = _normalized_relu6(expand(y), f"{name}_expand")
    if strides > 1:
        y = layers.ZeroPadding2D(stride_padding(y, 3), name=f"{name}_pad")(y)
    depthwise = layers.DepthwiseConv2D(
        3,
        strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=f"{name}_depthwise",
    )
    y = _normalized_relu6(depthwise(y), f"{name}_depthwise")
    project = _pointwise(filters, f"{name}_project")
    y = _norm(project(y), f"{name}_project_BN")
    if strides > 1 or filters != width:
        return y
    return layers.Add(name=f"{name}_add")([x, y])


def _pointwise(filters: int, name: str) -> layers.Conv2D:
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)


def _norm(x: KerasTensor, name: str) -> KerasTensor:
    return batch_norm(x, name, momentum=0.999)


def _normalized_relu6(x: KerasTensor, name: str) -> KerasTensor:
    return layers.ReLU(6.0, name=f"{name}_relu")(_norm(x, f"{name}_BN"))
