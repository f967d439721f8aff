"""Wrong uses of layers: every error that a layer raises is tried."""

import ast
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_augmentation import CASES as AUGMENTATION
from bad_composed_layers import CASES as COMPOSED
from bad_features import CASES as FEATURES
from bad_preprocessing import CASES as PREPROCESSING
from bad_recurrent import CASES as RECURRENT
from test_bad_input import CASES as OTHER_CASES

import seqir
from seqir import layers as k
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    DTypeError,
    GraphError,
    ShapeError,
    UnsupportedError,
    explain,
)
from seqir.layers.residual import CustomScaleLayer

Case = tuple[str, Callable[[], Any], type[Exception], str]
Input = seqir.Input


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


class Adding(k.Layer):
    """The identity, with something added to the loss."""

    loss: Any

    def call(self, x: Any) -> Any:
        self.add_loss(self.loss(x))
        return x


class Holding(k.Layer):
    def __init__(self, inner: Any) -> None:
        super().__init__()


class Growing(k.Layer):
    def call(self, x: Any) -> Any:
        return x * self.add_weight((3,))


class Unnamed(k.Layer):
    def __init__(self, *units: int) -> None:
        super().__init__()


def after(layer: Any, first: Any, second: Any) -> Any:
    """The layer built on one input and called on another."""
    return lambda: (layer()(first), layer_of(layer, first)(second))


def layer_of(make: Callable[[], Any], first: Any) -> Any:
    layer = make()
    layer(first)
    return layer


def set_weights(value: Any) -> Any:
    return lambda: layer_of(lambda: k.Dense(2, name="d"), ones(1, 3)).set_weights(value)


ARGUMENTS: list[Case] = [
    ("ceiling below zero", lambda: k.ReLU(-1.0), ArgumentError,
     "max_value must be a number >= 0, got -1.0"),
    ("slope of nothing", lambda: k.ReLU(negative_slope=None), ArgumentError,
     "negative_slope must be a number >= 0, got None"),
    ("ceiling as text", lambda: k.ReLU("6"), ArgumentError,
     "max_value must be a number >= 0, got '6'"),
    ("slope as text", lambda: k.LeakyReLU("a"), ArgumentError, "must be a number"),
    ("alpha as text", lambda: k.ELU("a"), ArgumentError, "alpha must be a number"),
    ("shared axes as text", lambda: k.PReLU(shared_axes="a"), ArgumentError,
     "shared_axes must be an integer or several of them, got 'a'"),
    ("softmax axis as text", lambda: k.Softmax("a"), ArgumentError, "axis must be an"),
    ("activation of a number", lambda: k.Activation(3), ArgumentError,
     "unknown activation 3: pass a name or a function"),
    ("activation with arguments", lambda: k.Activation("threshold"), ArgumentError,
     "'threshold' needs two more arguments: pass a function"),
    ("units as true", lambda: k.Dense(True), ArgumentError, "got True"),
    ("units as fraction", lambda: k.Dense(3.0), ArgumentError, "got 3.0"),
    ("initializer", lambda: k.Dense(3, kernel_initializer="zeross"), ArgumentError,
     "'zeross' is not an initializer. Did you mean 'zeros'"),
    ("regularizer", lambda: k.Dense(3, kernel_regularizer="l3"), ArgumentError,
     "unknown regularizer 'l3'"),
    ("constraint", lambda: k.Dense(3, bias_constraint="noneg"), ArgumentError,
     "unknown constraint 'noneg'. Did you mean 'non_neg'"),
    ("initializer of an embedding",
     lambda: k.Embedding(3, 2, embeddings_initializer="unifrm"), ArgumentError,
     "Did you mean 'uniform'"),
    ("keyword of an embedding", lambda: k.Embedding(3, 2, mask_zeros=True),
     ArgumentError, "passed to Embedding: .* Did you mean 'mask_zero'"),
    ("output of an embedding", lambda: k.Embedding(3, 0), ArgumentError,
     "output_dim must be an integer >= 1"),
    ("weights of an embedding", lambda: k.Embedding(3, 2, weights=ones(2, 2)),
     ShapeError, r"of shape \(3, 2\) is not compatible .* shape \(2, 2\)"),
    ("mixed type", lambda: k.Dense(3, dtype="mixed_foo"), DTypeError,
     "'mixed_foo' is not a dtype policy"),
    ("input shape of a first layer", lambda: k.Dense(3, input_shape={4}),
     ArgumentError, "input_shape must be a tuple of sizes"),
    ("causal channels first",
     lambda: k.Conv1D(3, 2, padding="causal", data_format="channels_first"),
     ArgumentError, "padding='causal' needs data_format='channels_last'"),
    ("no padding", lambda: k.Conv2D(3, 2, padding=None), ArgumentError, "got None"),
    ("stride of zero", lambda: k.Conv2D(3, 2, strides=0), ArgumentError,
     "strides must be an integer >= 1"),
    ("dilation of zero", lambda: k.Conv2D(3, 2, dilation_rate=0), ArgumentError,
     "dilation_rate must be an integer >= 1"),
    ("kernel as fraction", lambda: k.Conv2D(3, 2.5), ArgumentError, "got 2.5"),
    ("no filters", lambda: k.SeparableConv2D(0, 2), ArgumentError, "filters must be"),
    ("no multiplier", lambda: k.DepthwiseConv2D(2, depth_multiplier=0), ArgumentError,
     "depth_multiplier must be an int"),
    ("no groups", lambda: k.Conv1D(2, 2, groups=0), ArgumentError, "groups must be"),
    ("output padding", lambda: k.Conv2DTranspose(2, 3, strides=2, output_padding=2),
     ArgumentError, r"output_padding=\(2, 2\) must be smaller than strides"),
    ("output padding below zero", lambda: k.Conv1DTranspose(2, 3, output_padding=-1),
     ArgumentError, "output_padding must be an integer >= 0"),
    ("pool of zero", lambda: k.MaxPooling2D(0), ArgumentError, "pool_size must be"),
    ("no pool size", lambda: k.AveragePooling2D(), ArgumentError,
     "AveragePooling2D needs the argument 'pool_size'"),
    ("pool padding", lambda: k.MaxPooling1D(2, padding="causal"), ArgumentError,
     "'valid' or 'same', got 'causal'"),
    ("pool format", lambda: k.GlobalMaxPooling2D(data_format="NCHW"), ArgumentError,
     "data_format must be"),
    ("two axes to normalize", lambda: k.BatchNormalization(axis=[1, 2]), ArgumentError,
     r"axis must be an integer, got \[1, 2\]"),
    ("limits that are none", lambda: k.BatchNormalization(
        renorm=True, renorm_clipping={"rmax": 3, "smax": 1}), ArgumentError,
     "with some of the keys rmax, rmin, dmax, got {'rmax': 3, 'smax': 1}"),
    ("limits that cross", lambda: k.BatchNormalization(
        renorm=True, renorm_clipping={"rmax": 1, "rmin": 2}), ArgumentError,
     "rmax of renorm_clipping must not be below rmin, got rmax=1 and rmin=2"),
    ("limit below zero", lambda: k.BatchNormalization(
        renorm=True, renorm_clipping={"dmax": -1}), ArgumentError,
     "dmax of renorm_clipping must be a number >= 0, got -1"),
    ("momentum", lambda: k.BatchNormalization(momentum="a"), ArgumentError,
     "momentum must be a number"),
    ("epsilon", lambda: k.BatchNormalization(epsilon=-1.0), ArgumentError,
     "epsilon must be a number >= 0"),
    ("no axis", lambda: k.LayerNormalization(axis=[]), ArgumentError,
     r"axis must be an integer or several of them, got \[\]"),
    ("axis of a join", lambda: k.Concatenate(axis="a"), ArgumentError, "axis must be"),
    ("axes of a join", lambda: k.Concatenate(axis=(1, 2)), ArgumentError,
     "axis must be an integer"),
    ("axes of a product", lambda: k.Dot("a"), ArgumentError, "axes must be an integer"),
    ("shape as text", lambda: k.Reshape("ab"), ArgumentError,
     "target_shape must be positive integers with at most one -1"),
    ("shape as fraction", lambda: k.Reshape(2.5), ArgumentError,
     "target_shape must be a tuple of sizes, got 2.5"),
    ("two sizes left open", lambda: k.Reshape((-1, -1)), ArgumentError,
     "at most one -1"),
    ("order from zero", lambda: k.Permute((0, 1)), ArgumentError,
     r"dims must order the axes 1 to 2, got \(0, 1\)"),
    ("repeat nothing", lambda: k.RepeatVector(0), ArgumentError, "n must be an int"),
    ("pad as text", lambda: k.ZeroPadding2D("a"), ArgumentError,
     "padding must be an integer >= 0 or 2 integers or 2 pairs of integers, got 'a'"),
    ("pad by a fraction", lambda: k.ZeroPadding1D(1.5), ArgumentError,
     "padding must be an integer >= 0 or a pair, got 1.5"),
    ("pad by three", lambda: k.ZeroPadding2D(((1, 2, 3), (1, 2))), ArgumentError,
     "padding must be"),
    ("pad by nothing", lambda: k.ZeroPadding1D(()), ArgumentError, "padding must be"),
    ("crop a fraction", lambda: k.Cropping1D((1.5, 1)), ArgumentError, "cropping must"),
    ("enlarge by zero", lambda: k.UpSampling1D(0), ArgumentError, "size must be an i"),
    ("scale by nothing", lambda: k.Rescaling(None), ArgumentError,
     "scale must be a number or an array of numbers, got None"),
    ("offset as text", lambda: k.Rescaling(1.0, "a"), ArgumentError, "offset must be"),
    ("a mean alone", lambda: k.Normalization(mean=1.0), ArgumentError,
     "are given both or not at all, got mean=1.0 and variance=None"),
    ("unlike statistics", lambda: k.Normalization(mean=[1.0], variance=1.0),
     ArgumentError, r"the same shape, .* got the shapes \(1,\) and \(\)"),
    ("statistics of text", lambda: k.Normalization(mean="a", variance="b"),
     ArgumentError, "mean must be a number or an array of numbers, got 'a'"),
    ("too few statistics", lambda: k.Normalization(mean=[1.0] * 2, variance=[1.0] * 2)(
     ones(2, 3)), ShapeError, r"have the shape \(2,\), and the axis \(-1,\)"),
    ("normalize what", lambda: k.Normalization()(Input((None,))), ShapeError,
     r"needs to know the sizes of its axis \(-1,\)"),
    ("adapt what is given", lambda: k.Normalization(mean=1.0, variance=1.0,
     name="n").adapt(ones(2, 3)), ArgumentError, "'n' was given mean and variance"),
    ("adapt to nothing", lambda: k.Normalization(name="n").adapt(ones(0, 3)),
     ArgumentError, "adapt of layer 'n' got no data"),
    ("adapt to no batch", lambda: k.Normalization(name="n").adapt([]),
     ArgumentError, "adapt of layer 'n' got no data"),
    ("adapt to a number", lambda: k.Normalization(name="n").adapt(3),
     ArgumentError, "takes an array or an iterable of batches, got 3"),
    ("adapt to another size", lambda: layer_of(k.Normalization, ones(2, 3)).adapt(
     ones(2, 4)), ShapeError, "expected axis 1 of input shape to have value 3"),
    ("adapt to another rank", lambda: layer_of(k.Normalization, ones(2, 3)).adapt(
     ones(2, 3, 3)), ShapeError, "is built for data of rank 2, adapt got"),
    ("another size", lambda: k.Resizing(0, 3), ArgumentError,
     "height must be an integer >= 1, got 0"),
    ("resize how", lambda: k.Resizing(2, 3, "area"), ArgumentError,
     "interpolation must be 'nearest', 'bilinear', 'bicubic', 'lanczos3' or"),
    ("crop and pad", lambda: k.Resizing(2, 3, crop_to_aspect_ratio=True,
     pad_to_aspect_ratio=True), ArgumentError, "only one of crop_to_aspect_ratio and"),
    ("fill how", lambda: k.Resizing(2, 3, fill_mode="wrap"), ArgumentError,
     "fill_mode must be 'constant', got 'wrap'"),
    ("resize volumes", lambda: k.Resizing(2, 3)(ones(1, 2, 2, 2, 3)), ShapeError,
     "takes images, of rank 4, or one, of rank 3"),
    ("crop what", lambda: k.Resizing(2, 3, crop_to_aspect_ratio=True)(
     Input((None, 5, 3))), UnsupportedError,
     r"crops to an aspect ratio and needs images of a known size"),
    ("cubic of what", lambda: k.Resizing(2, 3, "bicubic")(Input((None, None, 3))),
     UnsupportedError, "cubic interpolation needs images of a known size"),
    ("mean of what", lambda: k.Resizing(2, 3, antialias=True)(Input((None, 5, 3))),
     UnsupportedError, "antialias=True needs images of a known size"),
    ("no groups", lambda: k.GroupNormalization(0), ArgumentError,
     "groups must be -1 or an integer >= 1, got 0"),
    ("groups along axes", lambda: k.GroupNormalization(2, (1, 2)), ArgumentError,
     r"axis must be an integer, got \(1, 2\)"),
    ("uneven groups", lambda: k.GroupNormalization(4)(ones(2, 6)), ArgumentError,
     "6 channels cannot be cut into 4 equal groups"),
    ("groups of what", lambda: k.GroupNormalization(2)(Input((None,))), ShapeError,
     "GroupNormalization needs to know the size of its axis -1"),
    ("noise without end", lambda: k.GaussianDropout(1), ArgumentError,
     "rate of GaussianDropout must be below 1"),
    ("nothing left", lambda: k.AlphaDropout(1.0), ArgumentError,
     "rate of AlphaDropout must be below 1"),
    ("a noise", lambda: k.GaussianNoise.__base__.disturb(k.GaussianNoise(1), 1),  # pyright: ignore[reportOptionalMemberAccess]
     NotImplementedError, "GaussianNoise has no disturb"),
    ("negative noise", lambda: k.GaussianNoise(-1), ArgumentError,
     "stddev must be a number >= 0"),
    ("loss outside of a call", lambda: k.Dense(2, name="d").add_loss(1.0), GraphError,
     "call add_loss of layer 'd' inside its call"),
    ("loss of a tensor", lambda: Adding(lambda x: x)(ones(2)), ShapeError,
     r"takes scalars, got f32\[2\]: take its sum or mean"),
    ("loss of integers", lambda: Adding(lambda x: np.int32(3))(ones(2)), DTypeError,
     r"takes floating-point scalars, got i32\[\]"),
    ("rate as text", lambda: k.Dropout("a"), ArgumentError, "rate must be a number"),
    ("input both ways", lambda: Input((2,), batch_shape=(None, 2)), ArgumentError,
     "needs shape= or batch_shape=, and not both"),
    ("input shape as set", lambda: Input({1, 2}), ArgumentError,
     "shape must be a tuple of sizes"),
    ("input type", lambda: Input((2,), dtype="flot32"), DTypeError, "Did you mean"),
    ("weight of negative size", lambda: k.Layer().add_weight((2, -1), "zeros"),
     ShapeError, "not negative"),
]  # fmt: skip

INPUTS: list[Case] = [
    ("a number", lambda: k.Dense(3, name="d")(3), ArgumentError,
     "layer 'd' takes an array, got 3"),
    ("a text", lambda: k.Dense(3)("abc"), ArgumentError, "takes an array, got 'abc'"),
    ("nothing", lambda: k.Dense(3)(), ArgumentError, "called without an input"),
    ("none", lambda: k.Dense(3)(None), ArgumentError, "takes an array, got None"),
    ("a list of numbers", lambda: k.Dense(3)([[1.0, 2.0], [1.0]]), ArgumentError,
     "got numbers in a Python list: wrap it in numpy.asarray"),
    ("a text among arrays", lambda: k.Add()([ones(2, 2), "a"]), ArgumentError,
     "takes arrays, got 'a' among its inputs"),
    ("a number among tensors", lambda: k.Add()([Input((2,)), 3]), ArgumentError,
     "called on a list of tensors, got 3 in it"),
    ("two arrays for one", lambda: k.Dense(3)([ones(2, 3), ones(2, 3)]), ShapeError,
     r"expects 1 input\(s\), but it received 2 .*functional Model\(inputs, outputs\)"),
    ("too many arguments", lambda: k.Dense(3)(ones(2, 3), ones(2, 3)), ArgumentError,
     r"wrong arguments: too many positional arguments; its call takes \(x\)"),
    ("unknown argument", lambda: k.Dense(3)(ones(2, 3), foo=1), ArgumentError,
     "unexpected keyword argument 'foo'"),
    ("training as text", lambda: k.Dropout(0.1)(ones(2), training="yes"),
     ArgumentError, "must be True or False, got 'yes'"),
    ("complex numbers", lambda: k.Dense(3)(np.ones((2, 2), complex)), DTypeError,
     "expected an array of numbers, got ndarray of complex128"),
    ("objects", lambda: k.Dense(3)(np.array([[None, 1]])), DTypeError, "of object"),
    ("texts", lambda: k.Embedding(3, 2)(np.array([["a"]])), DTypeError,
     "computes with numbers, not with text"),
    ("integers to convolve", lambda: k.Conv2D(3, 2)(np.ones((1, 4, 4, 1), int)),
     DTypeError, r"got int64: cast its input with ops.cast, or give the Input dtype="),
    ("shared axis", lambda: k.PReLU(shared_axes=[4])(ones(2, 3)), ShapeError,
     "shared_axes counts from 1 to 1 here, got 4"),
    ("unknown size to learn", lambda: k.PReLU()(Input((None, 3))), ShapeError,
     "weight 'alpha' of layer 'p_re_lu' .* the input must have a known size there"),
    ("other sizes", after(k.PReLU, ones(2, 3), ones(2, 4)), ShapeError,
     r"expected axis 1 of input shape to have value 3, .* shape \(2, 4\)"),
    ("other channels", after(lambda: k.Conv2D(2, 2), ones(1, 4, 4, 1),
     ones(1, 4, 4, 2)), ShapeError, "expected axis -1 .* value 1"),
    ("other statistics", after(k.BatchNormalization, ones(1, 4), ones(1, 5)),
     ShapeError, "expected axis -1 .* value 4"),
    ("other features", after(k.LayerNormalization, ones(1, 4), ones(1, 5)),
     ShapeError, "expected axis 1 .* value 4"),
    ("batch axis", lambda: k.BatchNormalization(axis=0)(ones(2, 4)), ArgumentError,
     "axis of BatchNormalization must not be the batch axis"),
    ("axis too far", lambda: k.LayerNormalization(axis=5)(ones(2, 3)), ShapeError,
     "axis 5 is out of range for rank 2"),
    ("unknown channels", lambda: k.BatchNormalization()(Input((None,))), ShapeError,
     r"needs to know the size of its axis -1, got \(None, None\)"),
    ("glu of an odd size", lambda: k.Activation("glu")(ones(2, 3)), ArgumentError,
     "glu halves axis 1, its size 3 is not even"),
    ("subtract three", lambda: k.Subtract()([ones(2, 2)] * 3), ArgumentError,
     "A Subtract layer should be .* a list of exactly 2 inputs, got a list of 3"),
    ("add nothing", lambda: k.Add()([]), ArgumentError, "An Add .* got a list of 0"),
    ("add one array", lambda: k.Add()(ones(2, 2)), ArgumentError,
     "at least 1 input, got one tensor; .*functional API"),
    ("add a dict", lambda: k.Add()({"a": ones(2, 2)}), ArgumentError, "got a dict"),
    ("add other sizes", lambda: k.Add()([ones(2, 3), ones(2, 4)]), ShapeError,
     r"incompatible shapes \(2, 3\), \(2, 4\)"),
    ("join one", lambda: k.Concatenate()(ones(2, 2)), ArgumentError, "got one tensor"),
    ("join ranks", lambda: k.Concatenate()([ones(2, 2), ones(2, 2, 2)]), ShapeError,
     r"must have one rank, got \(2, 2\), \(2, 2, 2\)"),
    ("join too far", lambda: k.Concatenate(axis=4)([ones(2, 2)] * 2), ShapeError,
     "axis 4 is out of range for rank 2"),
    ("dot of the batch", lambda: k.Dot(0)([ones(2, 2)] * 2), ArgumentError,
     "must not be the batch axis"),
    ("dot of sizes", lambda: k.Dot(1)([ones(2, 2), ones(2, 3)]), ShapeError,
     r"axis 1 of \(2, 2\) and axis 1 of \(2, 3\)"),
    ("dot of three", lambda: k.Dot(1)([ones(2, 2)] * 3), ArgumentError,
     "exactly 2 inputs, got a list of 3"),
    ("flatten a number", lambda: k.Flatten()(np.float32(3)), ShapeError,
     "expected min_ndim=1, found ndim=0"),
    ("reshape the rest", lambda: k.Reshape((-1, 4))(ones(2, 3)), ShapeError,
     r"\(2, 3\) cannot be reshaped to target_shape=\(-1, 4\): the numbers"),
    ("repeat an image", lambda: k.RepeatVector(2)(ones(2, 3, 4)), ShapeError,
     "expected ndim=2, found ndim=3"),
    ("crop all", lambda: k.Cropping1D(2)(ones(2, 4, 1)), ShapeError,
     r"cropping=\(\(2, 2\),\) leaves nothing of axis 1, whose size is 4"),
    ("window", lambda: k.AveragePooling1D(5)(ones(2, 4, 4)), ShapeError,
     "a window of 5 does not fit into a size of 4"),
    ("call of an input", lambda: k.InputLayer((2,), name="i")(ones(2, 2)),
     ArgumentError, "'i' is an input: start a model with it, do not call it"),
    ("shape of what", lambda: k.Dense(2).compute_output_shape(4), ArgumentError,
     "input_shape must be a tuple of sizes, got 4"),
    ("shape of an unknown", lambda: k.Dense(2).compute_output_shape((None, None)),
     ShapeError, "size of the last axis"),
    ("weights: a number", set_weights(3), ArgumentError,
     "set_weights of layer 'd' takes a list of arrays, got int"),
    ("weights: too few", set_weights([ones(3, 2)]), ShapeError, "list of length 1"),
    ("weights: other shape", set_weights([ones(3, 2), ones(3)]), ShapeError,
     r"'d/bias' of shape \(2,\) is not compatible"),
    ("weights: ragged", set_weights([[[1, 2], [3]], [1, 2]]), DTypeError,
     "the value for 'd/kernel' is not a numeric array"),
    ("weights: texts", set_weights([np.full((3, 2), "a"), ones(2)]), DTypeError,
     "the value for 'd/kernel' is not a numeric array"),
    ("a merging layer", lambda: k.Concatenate.__base__().combine([]),  # pyright: ignore[reportOptionalCall]
     NotImplementedError, "_Merge has no combine method"),
]  # fmt: skip

STACKS: list[Case] = [
    ("a stack of a number", lambda: seqir.Sequential(3), ArgumentError,
     "takes a list of layers, got one int"),
    ("a stack on numbers", lambda: seqir.Sequential([k.Dense(2)], name="s")([[1.0]]),
     ArgumentError, "model 's' takes arrays, got numbers in a Python list"),
    ("a stack on text", lambda: seqir.Sequential([k.Dense(2)])("abc"), ArgumentError,
     "takes an array, got 'abc'"),
    ("a stack on nothing", lambda: seqir.Sequential([k.Dense(2)])(None),
     ArgumentError, "takes an array, got None"),
    ("predict nothing", lambda: seqir.Sequential([k.Dense(2)]).predict(None),
     ArgumentError, "takes an array, got None"),
    ("predict a number", lambda: seqir.Sequential([k.Dense(2)]).predict(3.0),
     ArgumentError, "takes an array, got 3.0"),
    ("predict nowhere", lambda: seqir.Sequential().predict(ones(2, 2)), GraphError,
     "has no layers. Call model.add"),
    ("two arrays one by one", lambda: seqir.Sequential([k.Dense(2)])(
     ones(2, 2), ones(2, 2)), ArgumentError,
     "must be True or False, got a tensor; several inputs go into one list"),
    ("two arrays", lambda: seqir.Sequential([k.Dense(2)])([ones(2, 2), ones(2, 2)]),
     GraphError, r"one input, but Sequential .* is given 2; use the functional API"),
]  # fmt: skip

CONFIGS: list[Case] = [
    ("a quantized policy", lambda: k.Dense(2, dtype={"class_name": "Int8"}),
     UnsupportedError, "the dtype policy 'Int8' with config None is not one of"),
    ("what only Keras has", lambda: k.Dense.from_config(
     {"units": 2, "quantization_config": {"bits": 8}}), UnsupportedError,
     "Dense of seqir has no 'quantization_config', which is {'bits': 8} here"),
    ("an array of another form", lambda: k.Rescaling.from_config(
     {"scale": {"class_name": "__tensor__", "config": [1.0]}}), CorruptFileError,
     r"an array is stored as value and dtype, got \[1.0\]"),
    ("a branch without its trunk", lambda: CustomScaleLayer(0.1, name="s")(
     ones(1, 3)), ArgumentError,
     "'s' takes a list of two inputs, a tensor and its branch"),
    ("an activation that is not a layer", lambda: k.Dense(
     2, activation={"class_name": "Nope", "config": {}}), ArgumentError,
     "activation 'Nope' is not a layer of seqir"),
    ("an argument that is not plain data", lambda: Holding(k.Dense(1)).get_config(),
     UnsupportedError, "argument inner of layer 'holding.*' is .* no plain data"),
    ("a mask that does not broadcast", lambda: k.Softmax(name="s")(
     ones(2, 3), mask=np.ones((2, 1, 3), bool)), ShapeError,
     r"the mask of layer 's' must broadcast to its inputs \(2, 3\), got a mask of "),
    ("more masks than inputs", lambda: seqir.Sequential([k.Dense(2)], name="s")(
     ones(2, 3), mask=[np.ones(2, bool)] * 2), ArgumentError,
     "model 's' has 1 inputs, got 2 masks"),
    ("a weight after build", lambda: (lambda layer: (
     layer.build((2, 3)), layer.add_weight((2,), name="late")))(k.Dense(2, name="d")),
     GraphError, "layer 'd' is built, so it cannot get the weight 'late' any more"),
    ("a weight in call", lambda: Growing(name="g")(ones(2, 3)), GraphError,
     "make it in build, or in Growing.__init__"),
    ("two batch sizes", lambda: k.Input(batch_size=2, batch_shape=(2, 3)),
     ArgumentError, r"batch_shape= has the size of the batch itself, got batch_size=2"),
    ("arrays that are not weights", lambda: k.Dense(2, name="d").load_own_variables(
     {"0": ones(2)}), ShapeError,
     "layer 'd' has 0 weights of its own, and the file 1 arrays, 0: take those that "),
    ("low rank", lambda: k.Dense(2, lora_rank=4), UnsupportedError,
     "Dense of seqir has no 'lora_rank', which is 4 here"),
    ("a negative noise shape", lambda: k.Dropout(0.5, (2, -1)), ArgumentError,
     r"noise_shape must be a tuple of positive integers, .* got \(2, -1\)"),
    ("a setting by its place", lambda: k.BatchNormalization(name="b")(ones(2, 3), True),
     ArgumentError, "'b' by their place, got True: write training=True"),
    ("arguments without names", lambda: Unnamed(1, 2).get_config(), UnsupportedError,
     "made with positional arguments that have no name"),
]  # fmt: skip

CASES = [
    *ARGUMENTS,
    *INPUTS,
    *STACKS,
    *CONFIGS,
    *FEATURES,
    *PREPROCESSING,
    *RECURRENT,
    *COMPOSED,
    *AUGMENTATION,
]


@pytest.mark.parametrize(
    ("use", "error", "match"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_wrong_use(use: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        use()
    text = explain(caught.value)
    assert "\n" not in text
    assert "Traced" not in text


def test_a_wrong_argument_names_the_layer() -> None:
    with pytest.raises(ArgumentError) as caught:
        k.Conv2D(3, 0, name="first")
    assert explain(caught.value) == (
        "kernel_size must be an integer >= 1 or 2 of them, got 0 "
        "(in layer 'first' (Conv2D))"
    )


def raises_of(folder: Path) -> set[tuple[str, int]]:
    """File and line of every error that is raised with a text."""
    return {
        (str(path), node.lineno)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise) and node.exc is not None
    }


def test_every_error_of_the_layers_is_tried() -> None:
    wanted = raises_of(Path(k.__file__).parent)
    files = {file for file, _ in wanted}
    met: set[tuple[str, int]] = set()

    def watch(frame: Any, event: str, arg: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        if event == "line":
            met.add((file, frame.f_lineno))
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    threading.settrace(watch)
    try:
        for _, use, error, _ in [*CASES, *OTHER_CASES]:
            with pytest.raises(error):
                use()
    finally:
        sys.settrace(before)
        threading.settrace(before)  # type: ignore[arg-type]
    missing = sorted(f"{Path(f).name}:{line}" for f, line in wanted - met)
    assert not missing, "no case makes these lines raise"
