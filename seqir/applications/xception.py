"""Xception: depthwise separable convolutions with residual connections."""

from __future__ import annotations

from seqir import layers
from seqir.applications.blocks import batch_norm, relu
from seqir.applications.frame import Frame, Pretrained, application, plain_pool
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.ops.tensor import KerasTensor

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")


@application(
    "xception",
    Frame(
        Pretrained(
            "xception/xception_weights_tf_dim_ordering_tf_kernels",
            "0a58e3b7378bc2990ea3b43d5981f1f6",
            "b0042744bf5b25fce3cb969f33bebb97",
        ),
        default_size=299,
        min_size=71,
        pool=plain_pool,
    ),
)
def Xception(x: KerasTensor) -> KerasTensor:
    """Xception. Source: Keras 3 ``applications.Xception``; arXiv:1610.02357."""
    # Entry flow.
    x = _conv(x, 32, "block1_conv1", strides=2)
    x = _conv(x, 64, "block1_conv2")
    x = _down(x, (128, 128), "block2", relu_first=False)
    x = _down(x, (256, 256), "block3")
    x = _down(x, (728, 728), "block4")
    # Middle flow.
    for i in range(5, 13):
        x = _same(x, 728, f"block{i}")
    # Exit flow.
    x = _down(x, (728, 1024), "block13")
    for i, filters in enumerate((1536, 2048), 1):
        x = _separable(x, filters, f"block14_sepconv{i}")
        x = relu(x, f"block14_sepconv{i}_act")
    return x


def _conv(x: KerasTensor, filters: int, name: str, strides: int = 1) -> KerasTensor:
    """Convolution, normalization, relu."""
    x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x)
    return relu(batch_norm(x, f"{name}_bn"), f"{name}_act")


def _separable(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Separable convolution, normalization."""
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return batch_norm(x, f"{name}_bn")


def _down(
    x: KerasTensor, filters: tuple[int, int], name: str, relu_first: bool = True
) -> KerasTensor:
    """Two separable convolutions and a pooling, beside a convolution of stride 2."""
    beside = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    beside = batch_norm(beside)
    for i, width in enumerate(filters, 1):
        if i > 1 or relu_first:
            x = relu(x, f"{name}_sepconv{i}_act")
        x = _separable(x, width, f"{name}_sepconv{i}")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.add([x, beside])


def _same(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Three separable convolutions, beside the input itself."""
    beside = x
    for i in (1, 2, 3):
        x = relu(x, f"{name}_sepconv{i}_act")
        x = _separable(x, filters, f"{name}_sepconv{i}")
    return layers.add([x, beside])
