"""Convolutions, normalizations, and nodes of several layers in one."""

from typing import Any

import numpy as np

from tests.read_samples.sample import integers, node, numbers

_IMAGE = [2, 4, 5, 6]
_POSITIVE = np.abs(numbers(4))
_MS: Any = {"domain": "com.microsoft"}
_BYTES = np.arange(96, dtype=np.uint8).reshape(1, 2, 6, 8)
_KERNEL = np.arange(54, dtype=np.int8).reshape(3, 2, 3, 3)

SAMPLES = [
    node("Conv", _IMAGE, [3, 4, 2, 2], auto_pad="SAME_LOWER", strides=[1, 2],
         smooth=True, static=True),
    node("Conv", _IMAGE, [4, 2, 2, 2], [4], auto_pad="SAME_LOWER", group=2,
         static=True),
    node("ConvTranspose", _IMAGE, [4, 2, 3, 3], auto_pad="SAME_UPPER", strides=[2, 2],
         static=True),
    node("ConvTranspose", _IMAGE, [4, 2, 3, 3], [2], auto_pad="SAME_LOWER",
         strides=[2, 1], smooth=True, static=True),
    node("ConvTranspose", _IMAGE, [4, 2, 3, 3], output_shape=[10, 12], strides=[2, 2],
         static=True),
    node("ConvInteger", _BYTES, _KERNEL.astype(np.uint8), integers(3, dtype="uint8"),
         static=True),
    node("FusedConv", _IMAGE, [3, 4, 2, 2], [3], [2, 3, 4, 5], activation="Relu",
         smooth=True, static=True, **_MS),
    node("FusedConv", _IMAGE, [3, 4, 2, 2], activation="LeakyRelu",
         activation_params=[0.1], static=True, **_MS),
    node("BatchNormalization", _IMAGE, [4], [4], [4], _POSITIVE, training_mode=1,
         wanted=(True, True, True), smooth=True, static=True),
    node("LayerNormalization", [2, 3, 4], [3, 4], [3, 4], axis=1, smooth=True),
    node("LayerNormalization", [2, 3, 4], [4], wanted=(True, True, True), smooth=True),
    node("RMSNormalization", [2, 3, 4], [4], opset=23, smooth=True),
    node("InstanceNormalization", _IMAGE, [4], [4], smooth=True, static=True),
    node("GroupNormalization", _IMAGE, [4], [4], num_groups=2, smooth=True,
         static=True),
    node("LRN", _IMAGE, size=3, alpha=0.1, smooth=True, static=True),
    node("LpNormalization", [2, 3], axis=0, p=2, smooth=True),
    node("MeanVarianceNormalization", _IMAGE, smooth=True),
    node("SkipLayerNormalization", [2, 3, 4], [2, 3, 4], [4], [4], [4],
         wanted=(True, False, False, True), smooth=True, **_MS),
    node("SimplifiedLayerNormalization", [2, 3, 4], [4], smooth=True),
    node("SkipSimplifiedLayerNormalization", [2, 3, 4], [2, 3, 4], [4], smooth=True,
         **_MS),
    node("Gelu", [2, 3], smooth=True, **_MS),
    node("BiasGelu", [2, 3], [3], smooth=True, **_MS),
    node("FastGelu", [2, 3], [3], smooth=True, **_MS),
    node("QuickGelu", [2, 3], smooth=True, **_MS),
    node("QuantizeLinear", [2, 3], np.float32(0.02), integers(128, dtype="uint8")[0]),
    node("QuantizeLinear", [2, 3], np.array([0.02, 0.1, 0.3], np.float32),
         integers(1, -2, 3, dtype="int8"), axis=1),
    node("DequantizeLinear", integers([1, -3, 5], [7, 9, 2], dtype="int8"),
         np.array([0.02, 0.1, 0.3], np.float32), integers(1, -2, 3, dtype="int8"),
         axis=1),
    node("DynamicQuantizeLinear", [3, 4], wanted=(True, True, True)),
    node("QLinearConv", _BYTES, np.float32(0.1), integers(7, dtype="uint8")[0], _KERNEL,
         np.array([0.2, 0.1, 0.3], np.float32), integers(0, 0, 0, dtype="int8"),
         np.float32(9.5), integers(20, dtype="uint8")[0],
         integers(100, -200, 300, dtype="int32"), pads=[1, 1, 1, 1], static=True),
    node("MaxPool", _BYTES, kernel_shape=[2, 2], pads=[1, 0, 0, 0], static=True),
    node("MatMulInteger", _BYTES[0, 0], _BYTES[0, 1].T.copy(),
         integers(3, dtype="uint8")[0], integers(9, dtype="uint8")[0], static=True),
]  # fmt: skip
