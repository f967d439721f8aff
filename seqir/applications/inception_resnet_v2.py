"""InceptionResNetV2: branches of different reach with shortcuts. arXiv:1602.07261."""

from __future__ import annotations

from seqir import layers
from seqir.applications.blocks import channels, relu
from seqir.applications.frame import Frame, Pretrained, application, plain_pool
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.applications.inception_v3 import (
    TWICE,
    Convolution,
    averaged,
    chain,
    convolve,
    halved,
    join,
    stem,
)
from seqir.layers.residual import CustomScaleLayer
from seqir.ops.tensor import KerasTensor

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")

Branches = tuple[tuple[Convolution, ...], ...]

BLOCK35: Branches = (
    ((32, 1),),
    ((32, 1), (32, 3)),
    ((32, 1), (48, 3), (64, 3)),
)
BLOCK17: Branches = (
    ((192, 1),),
    ((128, 1), (160, (1, 7)), (192, (7, 1))),
)
BLOCK8: Branches = (
    ((192, 1),),
    ((192, 1), (224, (1, 3)), (256, (3, 1))),
)


@application(
    "inception_resnet_v2",
    Frame(
        Pretrained(
            "inception_resnet_v2/"
            "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels",
            "e693bd0210a403b3192acc6073ad2e96",
            "d19885ff4a710c122648d3b5c3b684e4",
        ),
        default_size=299,
        min_size=75,
        pool=plain_pool,
    ),
)
def InceptionResNetV2(x: KerasTensor) -> KerasTensor:
    """Inception with shortcuts.

    Source: Keras 3 ``applications.InceptionResNetV2``; arXiv:1602.07261.
    """
    x = stem(x)
    branches = chain(x, (96, 1)), chain(x, (48, 1), (64, 5)), chain(x, *TWICE)
    x = join(*branches, averaged(x, 64), name="mixed_5b")
    for i in range(1, 11):
        x = _block(x, BLOCK35, f"block35_{i}", scale=0.17)
    branches = halved(x, (384, 3)), halved(x, (256, 1), (256, 3), (384, 3))
    x = join(*branches, layers.MaxPooling2D(3, strides=2)(x), name="mixed_6a")
    for i in range(1, 21):
        x = _block(x, BLOCK17, f"block17_{i}", scale=0.1)
    branches = (
        halved(x, (256, 1), (384, 3)),
        halved(x, (256, 1), (288, 3)),
        halved(x, (256, 1), (288, 3), (320, 3)),
    )
    x = join(*branches, layers.MaxPooling2D(3, strides=2)(x), name="mixed_7a")
    for i in range(1, 10):
        x = _block(x, BLOCK8, f"block8_{i}", scale=0.2)
    x = _block(x, BLOCK8, "block8_10", scale=1.0, activated=False)
    return convolve(x, 1536, 1, name="conv_7b")


def _block(
    x: KerasTensor,
    branches: Branches,
    name: str,
    *,
    scale: float,
    activated: bool = True,
) -> KerasTensor:
    """x and, scaled, what the branches together make of it."""
    mixed = join(*(chain(x, *branch) for branch in branches), name=f"{name}_mixed")
    y = layers.Conv2D(channels(x), 1, padding="same", name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(scale)([x, y])
    return relu(x, f"{name}_ac") if activated else x
