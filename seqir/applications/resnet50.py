"""ResNet50, under the name that Keras has it by too."""

from seqir.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
