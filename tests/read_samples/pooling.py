"""Pools in all forms."""

import numpy as np

from tests.read_samples.sample import node, numbers

_IMAGE = [2, 3, 5, 6]
_PLACES = np.array([[[[5, 7], [13, 15]]]], np.int64)

SAMPLES = [
    node("AveragePool", _IMAGE, kernel_shape=[3, 2], pads=[1, 0, 1, 1],
         count_include_pad=1, smooth=True, static=True),
    node("AveragePool", _IMAGE, kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1,
         pads=[1, 1, 1, 1], count_include_pad=1, static=True),
    node("AveragePool", _IMAGE, kernel_shape=[2, 2], strides=[2, 2],
         auto_pad="SAME_LOWER", static=True),
    node("AveragePool", _IMAGE, kernel_shape=[2, 2], dilations=[2, 1],
         pads=[1, 1, 0, 0], smooth=True, static=True),
    node("AveragePool", _IMAGE, kernel_shape=[2, 2], dilations=[2, 2], strides=[2, 2],
         ceil_mode=1, pads=[1, 1, 1, 1], count_include_pad=1, static=True),
    node("MaxPool", _IMAGE, kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1,
         smooth=True, static=True),
    node("MaxPool", _IMAGE, kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 0, 0, 1],
         smooth=True, static=True),
    node("MaxPool", _IMAGE, kernel_shape=[3, 3], auto_pad="SAME_LOWER", static=True),
    node("MaxPool", _IMAGE, kernel_shape=[2, 2], strides=[2, 2], wanted=(True, True),
         pads=[1, 1, 0, 0], static=True),
    node("MaxPool", _IMAGE, kernel_shape=[2, 2], storage_order=1, wanted=(True, True),
         static=True),
    node("MaxPool", [2, 3, 7], kernel_shape=[3], wanted=(True, True), static=True),
    node("LpPool", _IMAGE, kernel_shape=[2, 3], p=2, strides=[1, 2], smooth=True,
         static=True),
    node("LpPool", [2, 3, 8], kernel_shape=[3], p=3, pads=[1, 1], static=True),
    node("MaxUnpool", numbers(1, 1, 2, 2), _PLACES, kernel_shape=[2, 2],
         strides=[2, 2], smooth=True),
    node("GlobalLpPool", _IMAGE, p=3, smooth=True),
]  # fmt: skip
