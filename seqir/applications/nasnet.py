"""NASNet: two kinds of cells that a search has found. arXiv:1707.07012."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from seqir import layers
from seqir.applications.blocks import batch_norm, channels, relu, stride_padding
from seqir.applications.frame import (
    IMAGENET,
    Frame,
    Plan,
    Pooling,
    Pretrained,
    Weights,
    channel_axis,
    dense_top,
    framed,
    plain_pool,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.ops.tensor import KerasTensor

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")


def _searched(
    size: str,
    default_size: int,
    stem: int,
    filters: int,
    repeats: int,
    skip_reduction: bool,
    digest: str,
    digest_no_top: str,
):
    """The function that makes the network of so many cells of this width."""
    stored = Pretrained(
        f"nasnet/NASNet-{size}", digest, digest_no_top, no_top="-no-top"
    )
    frame = Frame(
        stored,
        default_size,
        top=partial(dense_top, pool_name=None),
        pool=plain_pool,
        sized="always",
    )
    features = partial(
        _features,
        stem=stem,
        filters=filters,
        repeats=repeats,
        skip_reduction=skip_reduction,
    )

    def plan(
        input_shape: Sequence[int | None] | None = None,
        include_top: bool = True,
        weights: Weights = IMAGENET,
        input_tensor: KerasTensor | None = None,
        pooling: Pooling = None,
        classes: int = 1000,
        classifier_activation: object = "softmax",
        name: str = f"nasnet_{size}",
    ) -> Plan:
        return frame, features, name

    title = f"NASNet{size.title()}"
    doc = (
        f"NASNet-A, the {size} one; the size of the images is always fixed.\n\n"
        f"    Source: Keras 3 ``applications.{title}``; arXiv:1707.07012.\n    "
    )
    return framed(plan, title, doc)


def _features(
    x: KerasTensor, *, stem: int, filters: int, repeats: int, skip_reduction: bool
) -> KerasTensor:
    """A stem that halves the images three times, then three stages of cells.

    A cell reads what the two cells before it have made. With `skip_reduction` the
    cell after one that halves the images reads what that one has read.
    """
    x = _convolve(x, stem, "stem_conv1", kernel=3, strides=2, padding="valid")
    x = _normalize(x, "stem_bn1")
    x, before = _reduction_cell(x, None, filters // 4, "stem_1"), x
    x, before = _reduction_cell(x, before, filters // 2, "stem_2"), x
    for stage in range(3):
        width = filters * 2**stage
        first = stage * repeats
        if stage:
            halved = _reduction_cell(x, before, width, f"reduce_{first}")
            x, before = halved, before if skip_reduction else x
            first += 1  # the number that the reduction cell has taken
        for number in range(first, first + repeats):
            x, before = _normal_cell(x, before, width, f"{number}"), x
    return relu(x)


def _normal_cell(
    x: KerasTensor, before: KerasTensor, filters: int, cell: str
) -> KerasTensor:
    """Five sums of what two branches make of the two inputs, side by side."""

    def separable(x: KerasTensor, kernel: int, branch: str) -> KerasTensor:
        return _separable(x, filters, kernel, f"normal_{branch}_{cell}")

    def average(x: KerasTensor, branch: str) -> KerasTensor:
        name = f"normal_{branch}_{cell}"
        return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)

    def add(x: KerasTensor, y: KerasTensor, number: int) -> KerasTensor:
        return layers.Add(name=f"normal_add_{number}_{cell}")([x, y])

    p = _adjust(before, x, filters, cell)
    h = _project(relu(x), filters, f"normal_conv_1_{cell}", f"normal_bn_1_{cell}")
    sums = (
        add(separable(h, 5, "left1"), separable(p, 3, "right1"), 1),
        add(separable(p, 5, "left2"), separable(p, 3, "right2"), 2),
        add(average(h, "left3"), p, 3),
        add(average(p, "left4"), average(p, "right4"), 4),
        add(separable(h, 3, "left5"), h, 5),
    )
    return _join([p, *sums], f"normal_concat_{cell}")


def _reduction_cell(
    x: KerasTensor, before: KerasTensor | None, filters: int, cell: str
) -> KerasTensor:
    """Sums of branches that halve the height and width, side by side."""

    def separable(
        x: KerasTensor, kernel: int, strides: int, branch: str
    ) -> KerasTensor:
        return _separable(x, filters, kernel, f"reduction_{branch}_{cell}", strides)

    def pool(kind: Any, x: KerasTensor, branch: str, **how: Any) -> Any:
        return kind(3, name=f"reduction_{branch}_{cell}", **how)(x)

    def add(x: KerasTensor, y: KerasTensor, name: str | None) -> KerasTensor:
        return layers.Add(name=name and f"reduction_{name}_{cell}")([x, y])

    most, mean = layers.MaxPooling2D, layers.AveragePooling2D
    p = _adjust(before, x, filters, cell)
    h = _project(relu(x), filters, f"reduction_conv_1_{cell}", f"reduction_bn_1_{cell}")
    padded = layers.ZeroPadding2D(stride_padding(h, 3), name=f"reduction_pad_1_{cell}")(
        h
    )
    first = add(separable(h, 5, 2, "left1"), separable(p, 7, 2, "right1"), "add_1")
    second = add(
        pool(most, padded, "left2", strides=2),
        separable(p, 7, 2, "right2"),
        "add_2",
    )
    third = add(
        pool(mean, padded, "left3", strides=2),
        separable(p, 5, 2, "right3"),
        "add3",
    )
    fourth = add(second, pool(mean, first, "left4", strides=1, padding="same"), None)
    fifth = add(
        separable(first, 3, 1, "left4"),
        pool(most, padded, "right5", strides=2),
        "add4",
    )
    return _join([second, third, fourth, fifth], f"reduction_concat_{cell}")


def _adjust(
    p: KerasTensor | None, x: KerasTensor, filters: int, cell: str
) -> KerasTensor:
    """What was before x, with the size of x and so many channels."""
    if p is None:
        return x
    if _size(p) != _size(x):
        return _halve(p, filters, cell)
    if channels(p) != filters:
        conv, norm = f"adjust_conv_projection_{cell}", f"adjust_bn_{cell}"
        return _project(relu(p), filters, conv, norm)
    return p


def _halve(p: KerasTensor, filters: int, cell: str) -> KerasTensor:
    """Every second pixel, and in other channels the pixels between them."""
    p = relu(p, f"adjust_relu_1_{cell}")
    between = layers.ZeroPadding2D(((0, 1), (0, 1)))(p)
    between = layers.Cropping2D(((1, 0), (1, 0)))(between)
    halves: list[KerasTensor] = []
    for number, pixels in enumerate((p, between), start=1):
        taken = layers.AveragePooling2D(
            1, strides=2, name=f"adjust_avg_pool_{number}_{cell}"
        )(pixels)
        halves.append(_convolve(taken, filters // 2, f"adjust_conv_{number}_{cell}"))
    return _normalize(_join(halves, None), f"adjust_bn_{cell}")


def _separable(
    x: KerasTensor, filters: int, kernel: int, name: str, strides: int = 1
) -> KerasTensor:
    """Two separable convolutions, the first of them with the strides."""
    x = relu(x)
    padding = "same"
    if strides == 2:
        zeros = stride_padding(x, kernel)
        x = layers.ZeroPadding2D(zeros, name=f"separable_conv_1_pad_{name}")(x)
        padding = "valid"
    for number, step, margin in ((1, strides, padding), (2, 1, "same")):
        if number == 2:
            x = relu(x)
        x = layers.SeparableConv2D(
            filters,
            kernel,
            strides=step,
            padding=margin,
            use_bias=False,
            name=f"separable_conv_{number}_{name}",
        )(x)
        x = _normalize(x, f"separable_conv_{number}_bn_{name}")
    return x


def _project(x: KerasTensor, filters: int, conv: str, norm: str) -> KerasTensor:
    return _normalize(_convolve(x, filters, conv), norm)


def _convolve(
    x: KerasTensor,
    filters: int,
    name: str,
    kernel: int = 1,
    strides: int = 1,
    padding: str = "same",
) -> KerasTensor:
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _normalize(x: KerasTensor, name: str) -> KerasTensor:
    return batch_norm(x, name, momentum=0.9997)


def _join(tensors: Sequence[KerasTensor], name: str | None) -> KerasTensor:
    return layers.Concatenate(axis=channel_axis(), name=name)(list(tensors))


def _size(x: KerasTensor) -> tuple[int | None, ...]:
    """Height and width."""
    return x.shape[2:] if channel_axis() == 1 else x.shape[1:-1]


NASNetMobile = _searched(
    "mobile",
    default_size=224,
    stem=32,
    filters=44,
    repeats=4,
    skip_reduction=False,
    digest="020fb642bf7360b370c678b08e0adf61",
    digest_no_top="1ed92395b5b598bdda52abe5c0dbfd63",
)
NASNetLarge = _searched(
    "large",
    default_size=331,
    stem=96,
    filters=168,
    repeats=6,
    skip_reduction=True,
    digest="11577c9a518f0070763c2b964a382f17",
    digest_no_top="d81d89dc07e6e56530c4e77faddd61b5",
)
