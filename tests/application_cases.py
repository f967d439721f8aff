"""Which models of seqir.applications are compared with Keras's.

`PUBLISHED` models are built as for the weights of ImageNet, whose files are recorded
instead of read: structure, and where the weights would come from. `COMPUTED` models
are small, and computed by both sides with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One call of an application; `slow` if it is not for every run."""

    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    slow: bool = False

    @property
    def id(self) -> str:
        """The call in short."""
        given = ",".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.function}({given})".replace(" ", "")


def small(function: str, size: int, *, slow: bool = False, **arguments: Any) -> Case:
    """A model of small images."""
    return Case(function, {"input_shape": (size, size, 3), **arguments}, slow)


def without_top(
    function: str, pooling: str | None = "avg", *, slow: bool = False, **arguments: Any
) -> Case:
    """A model that ends with its features."""
    return Case(function, {"include_top": False, "pooling": pooling, **arguments}, slow)


PUBLISHED = [
    Case("Xception"),
    without_top("Xception", "max"),
    Case("VGG16", slow=True),
    without_top("VGG16", None),
    Case("VGG19", slow=True),
    without_top("VGG19"),
    Case("ResNet50"),
    without_top("ResNet50"),
    Case("ResNet101"),
    without_top("ResNet101", None, slow=True),
    Case("ResNet152"),
    without_top("ResNet152", "max", slow=True),
    Case("ResNet50V2"),
    without_top("ResNet50V2", "max"),
    Case("ResNet101V2"),
    without_top("ResNet101V2", slow=True),
    Case("ResNet152V2"),
    without_top("ResNet152V2", None, slow=True),
    Case("MobileNet"),
    Case("MobileNet", {"alpha": 0.25, "input_shape": (128, 128, 3)}),
    without_top("MobileNet", alpha=0.5),
    without_top("MobileNet", "max", alpha=0.75, input_shape=(160, 160, 3)),
    Case("MobileNetV2"),
    Case("MobileNetV2", {"alpha": 1.4, "input_shape": (96, 96, 3)}),
    without_top("MobileNetV2", alpha=0.35),
    without_top("MobileNetV2", "max", input_shape=(100, 100, 3)),
    Case("MobileNetV3Small"),
    Case("MobileNetV3Small", {"minimalistic": True}),
    without_top("MobileNetV3Small", alpha=0.75),
    without_top("MobileNetV3Small", "max", minimalistic=True),
    Case("MobileNetV3Large"),
    Case("MobileNetV3Large", {"alpha": 0.75, "dropout_rate": 0}),
    without_top("MobileNetV3Large", "max", include_preprocessing=False),
    without_top("MobileNetV3Large", None, minimalistic=True),
    Case("DenseNet121", slow=True),
    without_top("DenseNet121"),
    Case("DenseNet169", slow=True),
    without_top("DenseNet169", None, slow=True),
    Case("DenseNet201", slow=True),
    without_top("DenseNet201", "max", slow=True),
    Case("InceptionV3", slow=True),
    without_top("InceptionV3", "max"),
    Case("InceptionResNetV2", slow=True),
    without_top("InceptionResNetV2", input_shape=(80, 76, 3), slow=True),
    Case("EfficientNetB0"),
    without_top("EfficientNetB0", "max", slow=True),
    without_top("EfficientNetB1", None, slow=True),
    Case("EfficientNetB2", slow=True),
    without_top("EfficientNetB3", input_shape=(50, 60, 3)),
    Case("EfficientNetB4", slow=True),
    without_top("EfficientNetB5", "max", slow=True),
    Case("EfficientNetB6", slow=True),
    Case("EfficientNetB7", slow=True),
    Case("EfficientNetV2B0"),
    without_top("EfficientNetV2B0", "max", include_preprocessing=False),
    without_top("EfficientNetV2B1", None, slow=True),
    Case("EfficientNetV2B2", slow=True),
    without_top("EfficientNetV2B3", input_shape=(50, 60, 3)),
    without_top("EfficientNetV2S", slow=True),
    Case("EfficientNetV2M", slow=True),
    Case("EfficientNetV2L", slow=True),
    Case("NASNetMobile", slow=True),
    without_top("NASNetMobile", "max"),
    without_top("NASNetMobile", None, input_shape=(70, 65, 3), slow=True),
    Case("NASNetLarge", slow=True),
    without_top("NASNetLarge", input_shape=(331, 331, 3), slow=True),
    Case("ConvNeXtTiny", slow=True),
    without_top("ConvNeXtTiny", "max", input_shape=(64, None, 3)),
    Case("ConvNeXtSmall", {"include_preprocessing": False}, slow=True),
    without_top("ConvNeXtBase", None, input_shape=(64, 64, 3), slow=True),
    Case("ConvNeXtLarge", slow=True),
    Case("ConvNeXtXLarge", slow=True),
]

COMPUTED = [
    small("Xception", 71, include_top=False, pooling="avg"),
    small("VGG16", 32, include_top=False),
    small("VGG16", 32, classes=7, slow=True),
    small("VGG19", 33, include_top=False, pooling="max"),
    small("ResNet50", 48, classes=10, classifier_activation=None),
    small("ResNet50V2", 49, include_top=False, pooling="avg"),
    small("MobileNet", 64, alpha=0.25, depth_multiplier=2, classifier_activation=None),
    Case("MobileNet", {"alpha": 0.5, "input_shape": (65, 48, 3), "include_top": False}),
    small("MobileNetV2", 64, alpha=0.35, classifier_activation=None),
    Case("MobileNetV2", {"input_shape": (47, 66, 3), "include_top": False}),
    small("MobileNetV3Small", 64, classes=10, classifier_activation=None),
    small(
        "MobileNetV3Small", 33, alpha=1.4, minimalistic=True, classifier_activation=None
    ),
    small("MobileNetV3Large", 48, include_top=False, pooling="max"),
    small("DenseNet121", 32, classes=10, classifier_activation=None, slow=True),
    Case("DenseNet121", {"input_shape": (49, 34, 1), "include_top": False}),
    small("InceptionV3", 75, include_top=False, pooling="avg"),
    small("InceptionResNetV2", 75, classes=10, classifier_activation=None, slow=True),
    small("EfficientNetB0", 33, classes=10, classifier_activation=None),
    Case(
        "EfficientNetB0", {"input_shape": (40, 47, 1), "include_top": False}, slow=True
    ),
    small("EfficientNetB1", 32, include_top=False, pooling="avg", slow=True),
    small("EfficientNetV2B0", 33, classes=10, classifier_activation=None),
    Case(
        "EfficientNetV2B0",
        {"input_shape": (40, 47, 1), "include_top": False},
        slow=True,
    ),
    small("NASNetMobile", 32, classes=10, classifier_activation=None, slow=True),
    Case("NASNetMobile", {"input_shape": (49, 34, 1), "include_top": False}),
    small("ConvNeXtTiny", 32, classes=10, classifier_activation=None),
    Case("ConvNeXtTiny", {"input_shape": (49, 34, 1), "include_top": False}, slow=True),
]

LARGER = {
    "ResNet101", "ResNet152", "ResNet101V2", "ResNet152V2",
    "DenseNet169", "DenseNet201",
    "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5",
    "EfficientNetB6", "EfficientNetB7",
    "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2S",
    "EfficientNetV2M", "EfficientNetV2L",
    "NASNetLarge", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge",
}  # fmt: skip
"""More of the blocks of a smaller one, which is computed: their structure will do."""

HEADS = ("Xception", "MobileNetV2", "MobileNetV3Small")
"""Whose features learn a new head in every run; in slow runs all do."""
