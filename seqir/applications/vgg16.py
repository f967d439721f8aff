"""VGG16: blocks of 3x3 convolutions between poolings."""

from __future__ import annotations

from seqir import layers
from seqir.applications.frame import Frame, Pretrained, application, plain_pool
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.ops.tensor import KerasTensor

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("caffe")


def vgg_frame(name: str, md5: str, md5_no_top: str) -> Frame:
    """The frame of both VGG networks."""
    stem = f"{name}/{name}_weights_tf_dim_ordering_tf_kernels"
    return Frame(Pretrained(stem, md5, md5_no_top), top=_top, pool=plain_pool)


def vgg_features(x: KerasTensor, depths: tuple[int, ...]) -> KerasTensor:
    """Five blocks of so many convolutions, each with a pooling after it."""
    widths = (64, 128, 256, 512, 512)
    for block, (filters, depth) in enumerate(zip(widths, depths, strict=True), 1):
        for i in range(1, depth + 1):
            name = f"block{block}_conv{i}"
            x = layers.Conv2D(filters, 3, 1, "same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    return x


def _top(x: KerasTensor, classes: int, activation: object) -> KerasTensor:
    """Two wide layers, then the predictions."""
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


@application(
    "vgg16",
    vgg_frame(
        "vgg16",
        "64373286793e3c8b2b4e3219cbf3544b",
        "6d6bbae143d832006294945121d1f1fc",
    ),
)
def VGG16(x: KerasTensor) -> KerasTensor:
    """VGG of 16 layers. Source: Keras 3 ``applications.VGG16``; arXiv:1409.1556."""
    return vgg_features(x, (2, 2, 3, 3, 3))
