"""EfficientNetV2: first stages without depthwise convolutions. arXiv:2104.00298.

The models take pixels from 0 to 255 unless `include_preprocessing` is False; then
they take what their first layers would have made: numbers from -1 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from seqir import layers
from seqir.applications.blocks import batch_norm, channels
from seqir.applications.efficientnet import (
    COLOUR_DEVIATIONS,
    DROPPED,
    Stage,
    activate,
    attend,
    beside,
    block_prefix,
    convolve,
    convolve_channels,
    dropout_top,
)
from seqir.applications.frame import (
    IMAGENET,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    channel_axis,
    framed,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.initializers import Constant
from seqir.ops.tensor import KerasTensor

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]

FUSED = 3
"""So many stages are of fused blocks, the others of depthwise ones."""
MOMENTUM = 0.9
COLOUR_MEANS = (0.485, 0.456, 0.406)

# Stage(repeats, kernel, strides, expansion, filters)
BASE = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 4, 32),
    Stage(2, 3, 2, 4, 48),
    Stage(3, 3, 2, 4, 96),
    Stage(5, 3, 1, 6, 112),
    Stage(8, 3, 2, 6, 192),
)
SMALL = (
    Stage(2, 3, 1, 1, 24),
    Stage(4, 3, 2, 4, 48),
    Stage(4, 3, 2, 4, 64),
    Stage(6, 3, 2, 4, 128),
    Stage(9, 3, 1, 6, 160),
    Stage(15, 3, 2, 6, 256),
)
MEDIUM = (
    Stage(3, 3, 1, 1, 24),
    Stage(5, 3, 2, 4, 48),
    Stage(5, 3, 2, 4, 80),
    Stage(7, 3, 2, 4, 160),
    Stage(14, 3, 1, 6, 176),
    Stage(18, 3, 2, 6, 304),
    Stage(5, 3, 1, 6, 512),
)
LARGE = (
    Stage(4, 3, 1, 1, 32),
    Stage(7, 3, 2, 4, 64),
    Stage(7, 3, 2, 4, 96),
    Stage(10, 3, 2, 4, 192),
    Stage(19, 3, 1, 6, 224),
    Stage(25, 3, 2, 6, 384),
    Stage(7, 3, 1, 6, 640),
)

preprocess_input = preprocessing(None)


def _scaled(
    variant: str,
    stages: Sequence[Stage],
    stem: int,
    width: float,
    depth: float,
    default_size: int,
    digest: str,
    digest_no_top: str,
):
    """The function that makes the network of these stages, width and depth."""
    default_name = f"efficientnetv2-{variant}"
    frame = Frame(
        Pretrained(f"efficientnet_v2/{default_name}", digest, digest_no_top),
        default_size,
        top=partial(dropout_top, rate=0.2, bias_initializer=Constant(0.0)),
    )
    network = partial(_features, stages=stages, stem=stem, width=width, depth=depth)

    def plan(
        include_top: bool = True,
        weights: Weights = IMAGENET,
        input_tensor: KerasTensor | None = None,
        input_shape: Sequence[int | None] | None = None,
        pooling: Pooling = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = default_name,
    ) -> Plan:
        def features(x: KerasTensor) -> KerasTensor:
            if include_preprocessing:
                x = _preprocess(x, by_colour=stages is BASE)
            return network(x)

        return frame, features, name

    title = f"EfficientNetV2{variant.upper()}"
    doc = (
        f"EfficientNetV2 {variant.upper()}.\n\n"
        f"    Source: Keras 3 ``applications.{title}``; arXiv:2104.00298.\n    "
    )
    return framed(plan, title, doc)


def _preprocess(x: KerasTensor, by_colour: bool) -> KerasTensor:
    """Pixels from 0 to 255 around 0, each colour by its own statistics or all alike."""
    if not by_colour or channels(x) != 3:
        return layers.Rescaling(1.0 / 128.0, offset=-1)(x)
    x = layers.Rescaling(1.0 / 255)(x)
    variances = [deviation**2 for deviation in COLOUR_DEVIATIONS]
    return layers.Normalization(
        axis=channel_axis(), mean=list(COLOUR_MEANS), variance=variances
    )(x)


def _features(
    x: KerasTensor, *, stages: Sequence[Stage], stem: int, width: float, depth: float
) -> KerasTensor:
    x = convolve(x, _multiple(stem * width), 3, "stem_", strides=2, momentum=MOMENTUM)
    total = sum(stage.repeats for stage in stages)  # Keras counts them before scaling
    done = 0
    for number, stage in enumerate(stages, start=1):
        stage = stage._replace(filters=_multiple(stage.filters * width))
        block = _fused_block if number <= FUSED else _depthwise_block
        for i in range(math.ceil(stage.repeats * depth)):
            strides = stage.strides if i == 0 else 1
            prefix = block_prefix(number, i)
            y = block(x, stage, strides, prefix)
            x = beside(x, y, DROPPED * done / total, prefix) if strides == 1 else y
            done += 1
    return convolve(x, _multiple(1280 * width), 1, "top_", momentum=MOMENTUM)


def _fused_block(
    x: KerasTensor, stage: Stage, strides: int, prefix: str
) -> KerasTensor:
    """One convolution that expands, and a projection; or one that does both."""
    if stage.expansion == 1:
        return convolve(
            x,
            stage.filters,
            stage.kernel,
            f"{prefix}project_",
            strides=strides,
            momentum=MOMENTUM,
        )
    y = convolve(
        x,
        channels(x) * stage.expansion,
        stage.kernel,
        f"{prefix}expand_",
        strides=strides,
        momentum=MOMENTUM,
    )
    return _project(y, stage, prefix)


def _depthwise_block(
    x: KerasTensor, stage: Stage, strides: int, prefix: str
) -> KerasTensor:
    """Expansion, convolution of each channel, attention, projection."""
    width = channels(x)
    y = convolve(x, width * stage.expansion, 1, f"{prefix}expand_", momentum=MOMENTUM)
    y = convolve_channels(y, stage.kernel, strides, "same", f"{prefix}dwconv2")
    y = activate(batch_norm(y, f"{prefix}bn", momentum=MOMENTUM), prefix)
    y = attend(y, width // 4, prefix)
    return _project(y, stage, prefix)


def _project(x: KerasTensor, stage: Stage, prefix: str) -> KerasTensor:
    return convolve(
        x, stage.filters, 1, f"{prefix}project_", activated=False, momentum=MOMENTUM
    )


def _multiple(width: float) -> int:
    """The multiple of 8 next to a width."""
    return max(8, int(width + 4) // 8 * 8)


EfficientNetV2B0 = _scaled(
    "b0", BASE, 32, 1.0, 1.0, 224,
    "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff",
)  # fmt: skip
EfficientNetV2B1 = _scaled(
    "b1", BASE, 32, 1.0, 1.1, 240,
    "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37",
)  # fmt: skip
EfficientNetV2B2 = _scaled(
    "b2", BASE, 32, 1.1, 1.2, 260,
    "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb",
)  # fmt: skip
EfficientNetV2B3 = _scaled(
    "b3", BASE, 32, 1.2, 1.4, 300,
    "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856",
)  # fmt: skip
EfficientNetV2S = _scaled(
    "s", SMALL, 24, 1.0, 1.0, 384,
    "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070",
)  # fmt: skip
EfficientNetV2M = _scaled(
    "m", MEDIUM, 24, 1.0, 1.0, 480,
    "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342",
)  # fmt: skip
EfficientNetV2L = _scaled(
    "l", LARGE, 32, 1.0, 1.0, 480,
    "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615",
)  # fmt: skip
