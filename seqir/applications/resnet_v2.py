"""ResNet V2: normalization and relu come before the convolutions."""

from __future__ import annotations

from seqir import layers
from seqir.applications.blocks import batch_norm, relu
from seqir.applications.frame import application
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.applications.resnet import EPSILON, WIDTHS, padded, resnet_frame
from seqir.ops.tensor import KerasTensor

__all__ = [
    "ResNet50V2",
    "ResNet101V2",
    "ResNet152V2",
    "decode_predictions",
    "preprocess_input",
]

preprocess_input = preprocessing("tf")


@application(
    "resnet50v2",
    resnet_frame(
        "resnet50v2",
        "3ef43a0b657b3be2300d5770ece849e0",
        "fac2f116257151a9d068a22e544a4917",
    ),
)
def ResNet50V2(x: KerasTensor) -> KerasTensor:
    """ResNet V2 of 50 layers. Source: Keras 3 ``ResNet50V2``; arXiv:1603.05027."""
    return _network(x, (3, 4, 6, 3))


@application(
    "resnet101v2",
    resnet_frame(
        "resnet101v2",
        "6343647c601c52e1368623803854d971",
        "c0ed64b8031c3730f411d2eb4eea35b5",
    ),
)
def ResNet101V2(x: KerasTensor) -> KerasTensor:
    """ResNet V2 of 101 layers. Source: Keras 3 ``ResNet101V2``; arXiv:1603.05027."""
    return _network(x, (3, 4, 23, 3))


@application(
    "resnet152v2",
    resnet_frame(
        "resnet152v2",
        "a49b44d1979771252814e80f8ec446f9",
        "ed17cf2e0169df9d443503ef94b23b33",
    ),
)
def ResNet152V2(x: KerasTensor) -> KerasTensor:
    """ResNet V2 of 152 layers. Source: Keras 3 ``ResNet152V2``; arXiv:1603.05027."""
    return _network(x, (3, 8, 36, 3))


def _network(x: KerasTensor, depths: tuple[int, int, int, int]) -> KerasTensor:
    """The stem, four stages of so many blocks, a last normalization and relu."""
    x = padded(x, 3, "conv1_pad")
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = padded(x, 1, "pool1_pad")
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True), 2):
        for i in range(1, depth + 1):
            # The first block makes the images wider, the last one smaller.
            name = f"conv{stage}_block{i}"
            strides = 2 if i == depth and stage < 5 else 1
            x = _block(x, filters, name, strides, projected=i == 1)
    return _normalized_relu(x, "post")


def _block(
    x: KerasTensor, filters: int, name: str, strides: int, projected: bool
) -> KerasTensor:
    """A bottleneck of convolutions 1, 3 and 1, beside the input or a projection."""
    ready = _normalized_relu(x, f"{name}_preact")
    beside = x
    if projected:
        conv = layers.Conv2D(4 * filters, 1, strides=strides, name=f"{name}_0_conv")
        beside = conv(ready)
    elif strides > 1:
        beside = layers.MaxPooling2D(1, strides=strides)(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(ready)
    x = padded(_normalized_relu(x, f"{name}_1"), 1, f"{name}_2_pad")
    x = layers.Conv2D(
        filters, 3, strides=strides, use_bias=False, name=f"{name}_2_conv"
    )(x)
    x = _normalized_relu(x, f"{name}_2")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([beside, x])


def _normalized_relu(x: KerasTensor, name: str) -> KerasTensor:
    """Normalization, relu."""
    return relu(batch_norm(x, f"{name}_bn", epsilon=EPSILON), f"{name}_relu")
