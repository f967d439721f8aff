"""MobileNet: depthwise convolutions, each followed by a pointwise one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from seqir import layers
from seqir.applications.blocks import batch_norm
from seqir.applications.frame import (
    IMAGENET,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    channel_axis,
    framed,
    plain_pool,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.errors import ArgumentError
from seqir.ops.tensor import KerasTensor

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

BLOCKS = (
    # filters, strides
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *5 * ((512, 1),),
    (1024, 2),
    (1024, 1),
)
SIZES = (128, 160, 192, 224)
"""Sizes of images that weights were published for."""
ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
"""Widths that weights were published for, as the files write them."""

preprocess_input = preprocessing("tf")


@framed
def MobileNet(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Weights = IMAGENET,
    input_tensor: KerasTensor | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: object = "softmax",
    name: str | None = None,
) -> Plan:
    """MobileNet, `alpha` times as wide, with `depth_multiplier` kernels per channel.

    Weights learned on ImageNet are those for images of the size asked for if there
    are such (128, 160, 192, 224), else those for 224.

    Raises: ArgumentError for weights of ImageNet with another width or depth
        multiplier than was published.
    Source: Keras 3 ``applications.MobileNet``; arXiv:1704.04861.
    """
    if weights == IMAGENET and depth_multiplier != 1:
        raise ArgumentError(
            "weights learned on ImageNet have depth_multiplier=1, got "
            f"{depth_multiplier!r}"
        )
    check_alpha(weights, alpha, tuple(ALPHAS))
    size = published_size(input_shape, SIZES)
    # No checksums were published with these files.
    stem = f"mobilenet/mobilenet_{ALPHAS.get(alpha)}_{size}_tf"
    frame = Frame(
        Pretrained(stem, None, None, no_top="_no_top"),
        default_size=size,
        top=partial(_top, dropout=dropout),
        pool=plain_pool,
    )
    if name is None:
        rows = named_size(input_shape, size, include_top, weights)
        name = f"mobilenet_{alpha:0.2f}_{rows}"
    features = partial(_features, alpha=alpha, depth_multiplier=depth_multiplier)
    return frame, features, name


def _features(x: KerasTensor, alpha: float, depth_multiplier: int) -> KerasTensor:
    """One convolution, then 13 pairs of a depthwise and a pointwise one."""
    conv = layers.Conv2D(
        int(32 * alpha), 3, 2, padding="same", use_bias=False, name="conv1"
    )
    x = _normalized_relu6(conv(x), "conv1")
    for i, (filters, strides) in enumerate(BLOCKS, 1):
        if strides > 1:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        depthwise = layers.DepthwiseConv2D(
            3,
            strides,
            padding="same" if strides == 1 else "valid",
            depth_multiplier=depth_multiplier,
            use_bias=False,
            name=f"conv_dw_{i}",
        )
        x = _normalized_relu6(depthwise(x), f"conv_dw_{i}")
        pointwise = layers.Conv2D(
            int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}"
        )
        x = _normalized_relu6(pointwise(x), f"conv_pw_{i}")
    return x


def _top(
    x: KerasTensor, classes: int, activation: object, dropout: float
) -> KerasTensor:
    """The mean over the image, dropout, and a convolution that is a Dense."""
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((classes,), name="reshape_2")(x)
    return layers.Activation(activation, name="predictions")(x)


def _normalized_relu6(x: KerasTensor, name: str) -> KerasTensor:
    """Normalization, relu up to 6."""
    return layers.ReLU(6.0, name=f"{name}_relu")(batch_norm(x, f"{name}_bn"))


def check_alpha(weights: Weights, alpha: float, published: Sequence[float]) -> None:
    """ArgumentError for a width that no weights were published for."""
    if weights == IMAGENET and alpha not in published:
        raise ArgumentError(
            "weights learned on ImageNet were published for alpha "
            f"{', '.join(map(str, published))}, got {alpha!r}"
        )


def published_size(
    input_shape: Sequence[int | None] | None, sizes: Sequence[int]
) -> int:
    """The size of square images if weights were published for it, else 224."""
    rows, columns = _rows_and_columns(input_shape)
    if rows is None or rows != columns or rows not in sizes:
        return 224
    return rows


def named_size(
    input_shape: Sequence[int | None] | None,
    size: int,
    include_top: bool,
    weights: Weights,
) -> int | None:
    """The size of images that a model has in its name."""
    if weights == IMAGENET or (include_top and input_shape is None):
        return size
    return _rows_and_columns(input_shape)[0]


def _rows_and_columns(
    input_shape: Sequence[int | None] | None,
) -> tuple[int | None, int | None]:
    shape = input_shape or ()
    if len(shape) != 3:
        return None, None  # the frame says what is wrong with it
    first = 1 if channel_axis() == 1 else 0
    return shape[first], shape[first + 1]
