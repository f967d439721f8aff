"""ResNet: bottlenecks of three convolutions beside a shortcut."""

from __future__ import annotations

from seqir import layers
from seqir.applications.blocks import batch_norm, relu
from seqir.applications.frame import Frame, Pretrained, application
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.ops.tensor import KerasTensor

__all__ = [
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "decode_predictions",
    "preprocess_input",
]

WIDTHS = (64, 128, 256, 512)
"""Filters of the bottlenecks of the four stages."""
EPSILON = 1.001e-5
"""What batch normalization adds to the variance."""

preprocess_input = preprocessing("caffe")


def resnet_frame(name: str, md5: str, md5_no_top: str) -> Frame:
    """The frame of all residual networks."""
    stem = f"resnet/{name}_weights_tf_dim_ordering_tf_kernels"
    return Frame(Pretrained(stem, md5, md5_no_top))


@application(
    "resnet50",
    resnet_frame(
        "resnet50",
        "2cb95161c43110f7111970584f804107",
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
)
def ResNet50(x: KerasTensor) -> KerasTensor:
    """ResNet of 50 layers. Source: Keras 3 ``ResNet50``; arXiv:1512.03385."""
    return _network(x, (3, 4, 6, 3))


@application(
    "resnet101",
    resnet_frame(
        "resnet101",
        "f1aeb4b969a6efcfb50fad2f0c20cfc5",
        "88cf7a10940856eca736dc7b7e228a21",
    ),
)
def ResNet101(x: KerasTensor) -> KerasTensor:
    """ResNet of 101 layers. Source: Keras 3 ``ResNet101``; arXiv:1512.03385."""
    return _network(x, (3, 4, 23, 3))


@application(
    "resnet152",
    resnet_frame(
        "resnet152",
        "100835be76be38e30d865e96f2aaae62",
        "ee4c566cf9a93f14d82f913c2dc6dd0c",
    ),
)
def ResNet152(x: KerasTensor) -> KerasTensor:
    """ResNet of 152 layers. Source: Keras 3 ``ResNet152``; arXiv:1512.03385."""
    return _network(x, (3, 8, 36, 3))


def _network(x: KerasTensor, depths: tuple[int, int, int, int]) -> KerasTensor:
    """The stem, then four stages of so many blocks."""
    x = padded(x, 3, "conv1_pad")
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = relu(batch_norm(x, "conv1_bn", epsilon=EPSILON), "conv1_relu")
    x = padded(x, 1, "pool1_pad")
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True), 2):
        for i in range(1, depth + 1):
            # The first block of a stage makes the images smaller, and wider.
            name = f"conv{stage}_block{i}"
            strides = 2 if i == 1 and stage > 2 else 1
            x = _block(x, filters, name, strides, projected=i == 1)
    return x


def _block(
    x: KerasTensor, filters: int, name: str, strides: int, projected: bool
) -> KerasTensor:
    """A bottleneck of convolutions 1, 3 and 1, beside the input or a projection."""
    beside = x
    if projected:
        beside = _conv(x, 4 * filters, 1, f"{name}_0", strides=strides)
    x = relu(_conv(x, filters, 1, f"{name}_1", strides=strides), f"{name}_1_relu")
    x = relu(_conv(x, filters, 3, f"{name}_2"), f"{name}_2_relu")
    x = _conv(x, 4 * filters, 1, f"{name}_3")
    return relu(layers.Add(name=f"{name}_add")([beside, x]), f"{name}_out")


def _conv(
    x: KerasTensor, filters: int, kernel_size: int, name: str, strides: int = 1
) -> KerasTensor:
    """Convolution with a bias, normalization."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="valid" if kernel_size == 1 else "same",
        name=f"{name}_conv",
    )(x)
    return batch_norm(x, f"{name}_bn", epsilon=EPSILON)


def padded(x: KerasTensor, size: int, name: str) -> KerasTensor:
    """Images with so many zeros on every side."""
    return layers.ZeroPadding2D(((size, size), (size, size)), name=name)(x)
