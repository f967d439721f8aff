"""DenseNet: every layer reads what all layers before it have made. arXiv:1608.06993."""

from __future__ import annotations

from collections.abc import Sequence

from seqir import layers
from seqir.applications.blocks import batch_norm, channels, relu
from seqir.applications.frame import Frame, Pretrained, application, channel_axis
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.ops.tensor import KerasTensor

__all__ = [
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "decode_predictions",
    "preprocess_input",
]

GROWTH = 32
"""Channels that each layer adds."""

preprocess_input = preprocessing("torch")


def _frame(depth: int, digest: str, digest_no_top: str) -> Frame:
    stem = f"densenet/densenet{depth}_weights_tf_dim_ordering_tf_kernels"
    return Frame(Pretrained(stem, digest, digest_no_top))


@application(
    "densenet121",
    _frame(121, "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
)
def DenseNet121(x: KerasTensor) -> KerasTensor:
    """DenseNet of 121 layers.

    Source: Keras 3 ``applications.DenseNet121``; arXiv:1608.06993.
    """
    return _network(x, (6, 12, 24, 16))


@application(
    "densenet169",
    _frame(169, "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
)
def DenseNet169(x: KerasTensor) -> KerasTensor:
    """DenseNet of 169 layers.

    Source: Keras 3 ``applications.DenseNet169``; arXiv:1608.06993.
    """
    return _network(x, (6, 12, 32, 32))


@application(
    "densenet201",
    _frame(201, "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
)
def DenseNet201(x: KerasTensor) -> KerasTensor:
    """DenseNet of 201 layers.

    Source: Keras 3 ``applications.DenseNet201``; arXiv:1608.06993.
    """
    return _network(x, (6, 12, 48, 32))


def _network(x: KerasTensor, depths: Sequence[int]) -> KerasTensor:
    """Dense blocks of so many layers, with a transition between two."""
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = _normalize(x, "conv1_")
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for number, depth in enumerate(depths, start=2):
        if number > 2:
            x = _transition(x, f"pool{number - 1}_")
        for i in range(1, depth + 1):
            x = _dense_layer(x, f"conv{number}_block{i}_")
    return _normalize(x, "")


def _dense_layer(x: KerasTensor, prefix: str) -> KerasTensor:
    """x, and new channels made of all of x."""
    y = _normalize(x, f"{prefix}0_")
    y = layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{prefix}1_conv")(y)
    y = _normalize(y, f"{prefix}1_")
    y = layers.Conv2D(
        GROWTH, 3, padding="same", use_bias=False, name=f"{prefix}2_conv"
    )(y)
    return layers.Concatenate(axis=channel_axis(), name=f"{prefix}concat")([x, y])


def _transition(x: KerasTensor, prefix: str) -> KerasTensor:
    """Half of the channels, at half of the height and width."""
    x = _normalize(x, prefix)
    half = channels(x) // 2
    x = layers.Conv2D(half, 1, use_bias=False, name=f"{prefix}conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{prefix}pool")(x)


def _normalize(x: KerasTensor, prefix: str) -> KerasTensor:
    x = batch_norm(x, f"{prefix}bn", epsilon=1.001e-5)
    return relu(x, f"{prefix}relu")
