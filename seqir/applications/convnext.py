"""ConvNeXt: a convolutional network built like a transformer. arXiv:2201.03545.

The models take pixels from 0 to 255 unless `include_preprocessing` is False; then
they take colours of mean 0 and variance 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from seqir import config, layers
from seqir.applications.frame import (
    IMAGENET,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    framed,
    plain_pool,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.errors import UnsupportedError
from seqir.layers.residual import LayerScale, StochasticDepth
from seqir.model import Sequential
from seqir.ops.tensor import KerasTensor

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "LayerScale",
    "StochasticDepth",
    "decode_predictions",
    "preprocess_input",
]

EPSILON = 1e-6
"""What layer normalization adds to the variance."""
COLOUR_MEANS = (0.485, 0.456, 0.406)
COLOUR_DEVIATIONS = (0.229, 0.224, 0.225)

preprocess_input = preprocessing(None)


def _model(
    size: str,
    depths: Sequence[int],
    widths: Sequence[int],
    digest: str,
    digest_no_top: str,
):
    """The function that makes the network of stages so deep and wide."""
    default_name = f"convnext_{size}"
    stored = Pretrained(f"convnext/{default_name}", digest, digest_no_top)

    def plan(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Weights = IMAGENET,
        input_tensor: KerasTensor | None = None,
        input_shape: Sequence[int | None] | None = None,
        pooling: Pooling = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = default_name,
    ) -> Plan:
        if config.image_data_format() == "channels_first":
            raise UnsupportedError(
                "ConvNeXt normalizes over the last axis, so its images are "
                "'channels_last', got image_data_format 'channels_first'; call "
                "config.set_image_data_format('channels_last') first"
            )

        def features(x: KerasTensor) -> KerasTensor:
            if include_preprocessing and x.shape[-1] == 3:
                x = _standardize(x, f"{name}_prestem_normalization")
            return _features(x, depths, widths, name)

        frame = Frame(stored, top=partial(_top, name=name), pool=_pool)
        return frame, features, name

    title = f"ConvNeXt{'XLarge' if size == 'xlarge' else size.title()}"
    doc = (
        f"ConvNeXt, stages of {', '.join(map(str, depths))} blocks and "
        f"{', '.join(map(str, widths))} channels.\n\n"
        "    Raises: UnsupportedError if images are channels first.\n"
        f"    Source: Keras 3 ``applications.{title}``; arXiv:2201.03545.\n    "
    )
    return framed(plan, title, doc)


def _standardize(x: KerasTensor, name: str) -> KerasTensor:
    """Pixels from 0 to 255 with mean 0 and variance 1 in each colour."""
    return layers.Normalization(
        mean=[mean * 255 for mean in COLOUR_MEANS],
        variance=[(deviation * 255) ** 2 for deviation in COLOUR_DEVIATIONS],
        name=name,
    )(x)


def _features(
    x: KerasTensor, depths: Sequence[int], widths: Sequence[int], name: str
) -> KerasTensor:
    """Stages of blocks; before each of them the images get smaller."""
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        x = _patchify(width, name)(x) if stage == 0 else _halve(width, stage, name)(x)
        for i in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
    return x


def _patchify(width: int, name: str) -> Sequential:
    """One vector for each patch of 4x4 pixels."""
    return Sequential(
        [
            layers.Conv2D(width, 4, strides=4, name=f"{name}_stem_conv"),
            _layer_norm(f"{name}_stem_layernorm"),
        ],
        name=f"{name}_stem",
    )


def _halve(width: int, stage: int, name: str) -> Sequential:
    """One vector for each 2x2 of those before."""
    number = stage - 1
    return Sequential(
        [
            _layer_norm(f"{name}_downsampling_layernorm_{number}"),
            layers.Conv2D(
                width, 2, strides=2, name=f"{name}_downsampling_conv_{number}"
            ),
        ],
        name=f"{name}_downsampling_block_{number}",
    )


def _block(x: KerasTensor, width: int, name: str) -> KerasTensor:
    """x, and what a convolution of each channel and two Dense make of it."""
    y = layers.Conv2D(
        width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv"
    )(x)
    y = _layer_norm(f"{name}_layernorm")(y)
    y = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(y)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(width, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(1e-6, width, name=f"{name}_layer_scale")(y)
    return x + layers.Activation("linear", name=f"{name}_identity")(y)


def _top(x: KerasTensor, classes: int, activation: object, name: str) -> KerasTensor:
    x = layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
    x = _layer_norm(f"{name}_head_layernorm")(x)
    return layers.Dense(classes, activation=activation, name=f"{name}_head_dense")(x)


def _pool(x: KerasTensor, pooling: Pooling) -> KerasTensor:
    return _layer_norm(None)(plain_pool(x, pooling))


def _layer_norm(name: str | None) -> layers.Layer:
    return layers.LayerNormalization(epsilon=EPSILON, name=name)


ConvNeXtTiny = _model(
    "tiny",
    (3, 3, 9, 3),
    (96, 192, 384, 768),
    "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
    "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
)
ConvNeXtSmall = _model(
    "small",
    (3, 3, 27, 3),
    (96, 192, 384, 768),
    "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
    "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
)
ConvNeXtBase = _model(
    "base",
    (3, 3, 27, 3),
    (128, 256, 512, 1024),
    "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
    "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
)
ConvNeXtLarge = _model(
    "large",
    (3, 3, 27, 3),
    (192, 384, 768, 1536),
    "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
    "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
)
ConvNeXtXLarge = _model(
    "xlarge",
    (3, 3, 27, 3),
    (256, 512, 1024, 2048),
    "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
    "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
)
