"""Well-known architectures, with Keras's names, layers and weights."""

from seqir.applications import (
    imagenet_utils,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from seqir.applications.mobilenet import MobileNet
from seqir.applications.mobilenet_v2 import MobileNetV2
from seqir.applications.mobilenet_v3 import MobileNetV3Large, MobileNetV3Small
from seqir.applications.resnet import ResNet50, ResNet101, ResNet152
from seqir.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from seqir.applications.vgg16 import VGG16
from seqir.applications.vgg19 import VGG19
from seqir.applications.xception import Xception

__all__ = [
    "VGG16",
    "VGG19",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "Xception",
    "imagenet_utils",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
