"""EfficientNet: one network, scaled in width, depth and image size. arXiv:1905.11946.

The models take pixels from 0 to 255: their first layers scale them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from seqir import layers
from seqir.applications.blocks import batch_norm, channels, divisible, stride_padding
from seqir.applications.frame import (
    IMAGENET,
    Application,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    channel_axis,
    framed,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.initializers import VarianceScaling
from seqir.ops.tensor import KerasTensor

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]


class Stage(NamedTuple):
    """Blocks of one kind; the first of them has the strides."""

    repeats: int
    kernel: int
    strides: int
    expansion: int
    """How many times as wide as its input a block is inside."""
    filters: int


STAGES = (
    Stage(repeats=1, kernel=3, strides=1, expansion=1, filters=16),
    Stage(repeats=2, kernel=3, strides=2, expansion=6, filters=24),
    Stage(repeats=2, kernel=5, strides=2, expansion=6, filters=40),
    Stage(repeats=3, kernel=3, strides=2, expansion=6, filters=80),
    Stage(repeats=3, kernel=5, strides=1, expansion=6, filters=112),
    Stage(repeats=4, kernel=5, strides=2, expansion=6, filters=192),
    Stage(repeats=1, kernel=3, strides=1, expansion=6, filters=320),
)
DROPPED = 0.2
"""Share of the samples for which training leaves out the last block."""
COLOUR_DEVIATIONS = (0.229, 0.224, 0.225)

preprocess_input = preprocessing(None)


def _scaled(
    number: int,
    width: float,
    depth: float,
    default_size: int,
    dropout: float,
    digest: str,
    digest_no_top: str,
) -> Application:
    """The function that makes the network of this width and depth."""
    default_name = f"efficientnetb{number}"
    storage = "https://storage.googleapis.com/keras-applications/"
    frame = Frame(
        Pretrained(default_name, digest, digest_no_top, storage=storage),
        default_size,
        top=partial(dropout_top, rate=dropout),
    )

    def plan(
        include_top: bool = True,
        weights: Weights = IMAGENET,
        input_tensor: KerasTensor | None = None,
        input_shape: Sequence[int | None] | None = None,
        pooling: Pooling = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = default_name,
    ) -> Plan:
        trained = weights == IMAGENET
        features = partial(_features, width=width, depth=depth, trained=trained)
        return frame, features, name

    title = f"EfficientNetB{number}"
    doc = (
        f"EfficientNet B{number}: {width} times as wide, {depth} times as deep.\n\n"
        f"    Source: Keras 3 ``applications.{title}``; arXiv:1905.11946.\n    "
    )
    return framed(plan, title, doc)


def _features(
    x: KerasTensor, *, width: float, depth: float, trained: bool
) -> KerasTensor:
    x = layers.Rescaling(1.0 / 255.0)(x)
    x = layers.Normalization(axis=channel_axis())(x)
    if trained:  # the published statistics are variances where deviations belong
        x = layers.Rescaling([1.0 / math.sqrt(d) for d in COLOUR_DEVIATIONS])(x)
    x = layers.ZeroPadding2D(stride_padding(x, 3), name="stem_conv_pad")(x)
    x = convolve(x, divisible(32 * width), 3, "stem_", strides=2, padding="valid")
    stages = [
        s._replace(
            repeats=math.ceil(s.repeats * depth), filters=divisible(s.filters * width)
        )
        for s in STAGES
    ]
    total = sum(stage.repeats for stage in stages)
    done = 0
    for number, stage in enumerate(stages, start=1):
        for i in range(stage.repeats):
            strides = stage.strides if i == 0 else 1
            dropped = DROPPED * done / total
            x = _block(x, stage, strides, dropped, block_prefix(number, i))
            done += 1
    return convolve(x, divisible(1280 * width), 1, "top_")


def _block(
    x: KerasTensor, stage: Stage, strides: int, dropped: float, prefix: str
) -> KerasTensor:
    """Wide inside: expansion, convolution of each channel, attention, projection."""
    width = channels(x)
    y = x
    if stage.expansion != 1:
        y = convolve(y, width * stage.expansion, 1, f"{prefix}expand_")
    padding = "same"
    if strides == 2:
        zeros = stride_padding(y, stage.kernel)
        y = layers.ZeroPadding2D(zeros, name=f"{prefix}dwconv_pad")(y)
        padding = "valid"
    y = convolve_channels(y, stage.kernel, strides, padding, f"{prefix}dwconv")
    y = activate(batch_norm(y, f"{prefix}bn"), prefix)
    y = attend(y, width // 4, prefix)
    y = convolve(y, stage.filters, 1, f"{prefix}project_", activated=False)
    return y if strides != 1 else beside(x, y, dropped, prefix)


def dropout_top(
    x: KerasTensor,
    classes: int,
    activation: Any,
    rate: float,
    bias_initializer: Any = "zeros",
) -> KerasTensor:
    """Mean over the image, dropout, one Dense called ``predictions``."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(rate, name="top_dropout")(x)
    return layers.Dense(
        classes,
        activation=activation,
        kernel_initializer=VarianceScaling(1.0 / 3.0, "fan_out", "uniform"),
        bias_initializer=bias_initializer,
        name="predictions",
    )(x)


def block_prefix(stage: int, block: int) -> str:
    """What the names in a block begin with: ``block2a_``, ``block2b_``, ..."""
    return f"block{stage}{chr(ord('a') + block)}_"


def convolve(
    x: KerasTensor,
    filters: int,
    kernel: int,
    prefix: str,
    *,
    strides: int = 1,
    padding: str = "same",
    activated: bool = True,
    **norm: object,
) -> KerasTensor:
    """A convolution, normalized and (if not told otherwise) activated."""
    x = layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=_fan_out(),
        name=f"{prefix}conv",
    )(x)
    x = batch_norm(x, f"{prefix}bn", **norm)
    return activate(x, prefix) if activated else x


def convolve_channels(
    x: KerasTensor, kernel: int, strides: int, padding: str, name: str
) -> KerasTensor:
    """A convolution of each channel for itself."""
    return layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        depthwise_initializer=_fan_out(),
        name=name,
    )(x)


def activate(x: KerasTensor, prefix: str) -> KerasTensor:
    """x * sigmoid(x)."""
    return layers.Activation("silu", name=f"{prefix}activation")(x)


def attend(x: KerasTensor, squeezed: int, prefix: str) -> KerasTensor:
    """Weight the channels by what they have in the mean. arXiv:1709.01507."""
    width = channels(x)
    column = (width, 1, 1) if channel_axis() == 1 else (1, 1, width)
    y = layers.GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    y = layers.Reshape(column, name=f"{prefix}se_reshape")(y)
    for filters, activation, end in (
        (squeezed, "silu", "se_reduce"),
        (width, "sigmoid", "se_expand"),
    ):
        y = layers.Conv2D(
            filters,
            1,
            padding="same",
            activation=activation,
            kernel_initializer=_fan_out(),
            name=f"{prefix}{end}",
        )(y)
    return layers.Multiply(name=f"{prefix}se_excite")([x, y])


def beside(x: KerasTensor, y: KerasTensor, dropped: float, prefix: str) -> KerasTensor:
    """x + y if they are equally wide, else y; for a share of samples y is dropped."""
    if channels(x) != channels(y):
        return y
    if dropped:
        per_sample = (None, 1, 1, 1)
        y = layers.Dropout(dropped, noise_shape=per_sample, name=f"{prefix}drop")(y)
    return layers.Add(name=f"{prefix}add")([y, x])


def _fan_out() -> VarianceScaling:
    """A new initializer each time, so that no two kernels begin alike."""
    return VarianceScaling(2.0, "fan_out", "truncated_normal")


EfficientNetB0 = _scaled(
    0, 1.0, 1.0, 224, 0.2,
    "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d",
)  # fmt: skip
EfficientNetB1 = _scaled(
    1, 1.0, 1.1, 240, 0.2,
    "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432",
)  # fmt: skip
EfficientNetB2 = _scaled(
    2, 1.1, 1.2, 260, 0.3,
    "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39",
)  # fmt: skip
EfficientNetB3 = _scaled(
    3, 1.2, 1.4, 300, 0.3,
    "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226",
)  # fmt: skip
EfficientNetB4 = _scaled(
    4, 1.4, 1.8, 380, 0.4,
    "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba",
)  # fmt: skip
EfficientNetB5 = _scaled(
    5, 1.6, 2.2, 456, 0.4,
    "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f",
)  # fmt: skip
EfficientNetB6 = _scaled(
    6, 1.8, 2.6, 528, 0.5,
    "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743",
)  # fmt: skip
EfficientNetB7 = _scaled(
    7, 2.0, 3.1, 600, 0.5,
    "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a",
)  # fmt: skip
