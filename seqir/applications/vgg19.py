"""VGG19: VGG16 with three convolutions more."""

from __future__ import annotations

from seqir.applications.frame import application
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.applications.vgg16 import vgg_features, vgg_frame
from seqir.ops.tensor import KerasTensor

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("caffe")


@application(
    "vgg19",
    vgg_frame(
        "vgg19",
        "cbe5617147190e668d6c5d5026f83318",
        "253f8cb515780f3b799900260a226db6",
    ),
)
def VGG19(x: KerasTensor) -> KerasTensor:
    """VGG of 19 layers. Source: Keras 3 ``applications.VGG19``; arXiv:1409.1556."""
    return vgg_features(x, (2, 2, 4, 4, 4))
