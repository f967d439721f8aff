"""Layers, with Keras 3's names, arguments, weights and values.

A layer composes functions of `seqir.ops`: its fields are its arguments, `build` makes
its weights, `call` computes. It knows nothing of models, files and training. What a
layer is stands in `seqir.layer`. Each file lists its own layers at its end, in
`__all__`, and is loaded when one of them is asked for: `FILES` says which file it is.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from seqir import absent
from seqir.layer import configuration
from seqir.layer.base import Layer
from seqir.layer.families import LAYERS
from seqir.layer.specs import InputSpec

FILES: Final = {
    "activation": "ELU LeakyReLU PReLU ReLU Softmax",
    "attention": "AdditiveAttention Attention",
    "augmentation_affine": "RandomRotation RandomShear RandomTranslation RandomZoom",
    "augmentation_chains": "AugMix",
    "augmentation_color": """
        RandomBrightness RandomColorDegeneration RandomColorJitter
        RandomContrast RandomGrayscale RandomHue RandomInvert RandomSaturation""",
    "augmentation_detail": "RandomErasing RandomGaussianBlur RandomSharpness",
    "augmentation_geometry": "RandomCrop RandomFlip",
    "augmentation_mix": "CutMix MixUp RandAugment",
    "augmentation_tiles": "ContrastLimitedAdaptiveHistogramEqualization",
    "augmentation_tone": "AutoContrast Equalization RandomPosterization Solarization",
    "augmentation_warp": "RandomElasticTransform RandomPerspective",
    "bidirectional": "Bidirectional",
    "boxes": "MaxNumBoundingBoxes",
    "cells": "GRUCell LSTMCell SimpleRNNCell",
    "conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    "convolution": """
        Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
        Convolution1D Convolution1DTranspose Convolution2D
        Convolution2DTranspose Convolution3D Convolution3DTranspose
        DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D
        SeparableConvolution1D SeparableConvolution2D""",
    "core": """
        Activation Dense Embedding Identity Input InputLayer Masking
        ReversibleEmbedding""",
    "discretization": "Discretization",
    "einsum": "EinsumDense",
    "encoding": "CategoryEncoding",
    "hashing": "HashedCrossing Hashing",
    "heads": "GroupQueryAttention MultiHeadAttention",
    "lambdas": "Lambda",
    "lookup": "IntegerLookup StringLookup",
    "merging": """
        Add Average Concatenate Dot Maximum Minimum Multiply Subtract add
        average concatenate dot maximum minimum multiply subtract""",
    "normalization": """
        BatchNormalization GroupNormalization LayerNormalization
        RMSNormalization UnitNormalization""",
    "pipeline": "Pipeline",
    "pooling": """
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D
        AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
        AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
        AvgPool1D AvgPool2D AvgPool3D GlobalAveragePooling1D
        GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
        GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D
        GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
        MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D""",
    "preprocessing": "Normalization Rescaling",
    "recurrent": "GRU LSTM SimpleRNN",
    "regularization": """
        ActivityRegularization AlphaDropout Dropout GaussianDropout
        GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D""",
    "reshaping": """
        Cropping1D Cropping2D Cropping3D Flatten Permute RepeatVector Reshape
        UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
        ZeroPadding3D""",
    "resizing": "CenterCrop Resizing",
    "rnn": "RNN StackedRNNCells",
    "spectrograms": "MelSpectrogram STFTSpectrogram",
    "vectorization": "TextVectorization",
    "wrappers": "SpectralNormalization TimeDistributed Wrapper",
}
"""The layers of each file, as its `__all__` has them."""
ELSEWHERE: Final = {
    "feature_space": "FeatureSpace",
    "features": "TFDConcat TFDIdentity",
    "residual": "CustomScaleLayer LayerScale StochasticDepth",
}
"""Layers that files have, and that Keras has under no name or not among its layers."""

LAYERS.add(__name__, FILES | ELSEWHERE)

__all__ = ["InputSpec", "Layer", "deserialize", "serialize"]

if TYPE_CHECKING:
    from seqir.layers import (
        activation,
        attention,
        augmentation_affine,
        augmentation_chains,
        augmentation_color,
        augmentation_detail,
        augmentation_geometry,
        augmentation_mix,
        augmentation_tiles,
        augmentation_tone,
        augmentation_warp,
        bidirectional,
        boxes,
        cells,
        conv_lstm,
        convolution,
        core,
        discretization,
        einsum,
        encoding,
        hashing,
        heads,
        lambdas,
        lookup,
        merging,
        normalization,
        pipeline,
        pooling,
        preprocessing,
        recurrent,
        regularization,
        reshaping,
        resizing,
        rnn,
        spectrograms,
        vectorization,
        wrappers,
    )
    from seqir.layers.activation import *
    from seqir.layers.attention import *
    from seqir.layers.augmentation_affine import *
    from seqir.layers.augmentation_chains import *
    from seqir.layers.augmentation_color import *
    from seqir.layers.augmentation_detail import *
    from seqir.layers.augmentation_geometry import *
    from seqir.layers.augmentation_mix import *
    from seqir.layers.augmentation_tiles import *
    from seqir.layers.augmentation_tone import *
    from seqir.layers.augmentation_warp import *
    from seqir.layers.bidirectional import *
    from seqir.layers.boxes import *
    from seqir.layers.cells import *
    from seqir.layers.conv_lstm import *
    from seqir.layers.convolution import *
    from seqir.layers.core import *
    from seqir.layers.discretization import *
    from seqir.layers.einsum import *
    from seqir.layers.encoding import *
    from seqir.layers.hashing import *
    from seqir.layers.heads import *
    from seqir.layers.lambdas import *
    from seqir.layers.lookup import *
    from seqir.layers.merging import *
    from seqir.layers.normalization import *
    from seqir.layers.pipeline import *
    from seqir.layers.pooling import *
    from seqir.layers.preprocessing import *
    from seqir.layers.recurrent import *
    from seqir.layers.regularization import *
    from seqir.layers.reshaping import *
    from seqir.layers.resizing import *
    from seqir.layers.rnn import *
    from seqir.layers.spectrograms import *
    from seqir.layers.vectorization import *
    from seqir.layers.wrappers import *

    __all__ += activation.__all__
    __all__ += attention.__all__
    __all__ += augmentation_affine.__all__
    __all__ += augmentation_chains.__all__
    __all__ += augmentation_color.__all__
    __all__ += augmentation_detail.__all__
    __all__ += augmentation_geometry.__all__
    __all__ += augmentation_mix.__all__
    __all__ += augmentation_tiles.__all__
    __all__ += augmentation_tone.__all__
    __all__ += augmentation_warp.__all__
    __all__ += bidirectional.__all__
    __all__ += boxes.__all__
    __all__ += cells.__all__
    __all__ += conv_lstm.__all__
    __all__ += convolution.__all__
    __all__ += core.__all__
    __all__ += discretization.__all__
    __all__ += einsum.__all__
    __all__ += encoding.__all__
    __all__ += hashing.__all__
    __all__ += heads.__all__
    __all__ += lambdas.__all__
    __all__ += lookup.__all__
    __all__ += merging.__all__
    __all__ += normalization.__all__
    __all__ += pipeline.__all__
    __all__ += pooling.__all__
    __all__ += preprocessing.__all__
    __all__ += recurrent.__all__
    __all__ += regularization.__all__
    __all__ += reshaping.__all__
    __all__ += resizing.__all__
    __all__ += rnn.__all__
    __all__ += spectrograms.__all__
    __all__ += vectorization.__all__
    __all__ += wrappers.__all__

else:
    __all__ += " ".join(FILES.values()).split()

    def __getattr__(name: str) -> Any:
        if name in FILES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in __all__:
            absent.refuse("layers", name)
        value = globals()[name] = LAYERS.load(name)
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)


def serialize(layer: Layer) -> dict[str, Any]:
    """The dictionary that stands for a layer. Source: ``keras.layers.serialize``."""
    return configuration.entry(layer)


def deserialize(config: object, custom_objects: object = None) -> Any:
    """The layer that a dictionary stands for.

    Raises: UnsafeFileError, UnsupportedError or CorruptFileError with all reasons.
    Source: ``keras.layers.deserialize``.
    """
    # Layers are below models and files, which a layer may have inside.
    serialization = importlib.import_module("seqir.saving")
    return serialization.deserialize_keras_object(config, custom_objects)
