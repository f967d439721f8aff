"""What all applications share: arguments, input, head, published weights.

An architecture is a function from images to features; `Frame` knows the rest, and
`application` makes of both the function that users call, with Keras's arguments::

    @application(
        "densenet121",
        Frame(pretrained=Pretrained("densenet/densenet121_weights_…", MD5, MD5_NO_TOP)),
    )
    def DenseNet121(x: KerasTensor) -> KerasTensor:
        '''DenseNet of 121 layers. Source: Keras 3 …; arXiv:1608.06993.'''
        return _network(x, (6, 12, 24, 16))

Where an architecture differs, its frame says so: `default_size` and `min_size` of the
images, `top` (features to predictions) and `pool` (features without a top), and when
the size of the images must be known (`sized`).

A function with arguments of its own is written out, and gives its frame, too::

    @framed
    def MobileNet(input_shape=None, alpha=1.0, …, name=None) -> Plan:
        frame = Frame(top=partial(_top, dropout=dropout), pool=plain_pool)
        return frame, partial(_features, alpha=alpha), name

Building blocks that know where channels are (`batch_norm`, `channels`, …) are in
`seqir.applications.blocks`.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias

from seqir import activations, config, downloads, layers
from seqir.arguments import one_of
from seqir.errors import ArgumentError, LoadError, did_you_mean
from seqir.layers.core import InputLayer
from seqir.model import Functional
from seqir.narrow import is_path
from seqir.ops.tensor import KerasTensor
from seqir.shapes import format_shape

P = ParamSpec("P")

IMAGENET = "imagenet"
STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications/"

Shape: TypeAlias = tuple[int | None, ...]
Weights: TypeAlias = str | os.PathLike[str] | None
Pooling: TypeAlias = Literal["avg", "max"] | None
Features: TypeAlias = Callable[[KerasTensor], KerasTensor]
Top: TypeAlias = Callable[[KerasTensor, int, Any], KerasTensor]
"""(features, classes, activation) -> predictions."""
Pool: TypeAlias = Callable[[KerasTensor, Pooling], KerasTensor]
"""(features, pooling) -> output without a top."""


class Application(Protocol):
    """A function that builds a model; the arguments are those of Keras."""

    def __call__(
        self,
        include_top: bool = True,
        weights: Weights = IMAGENET,
        input_tensor: KerasTensor | None = None,
        input_shape: Sequence[int | None] | None = None,
        pooling: Pooling = None,
        classes: int = 1000,
        classifier_activation: object = "softmax",
        name: str = ...,
    ) -> Functional:
        """Build the model."""
        ...


@dataclass(frozen=True)
class Pretrained:
    """The two published files of weights learned on ImageNet: with and without top.

    They are `<storage><stem>.h5` and `<storage><stem><no_top>.h5`; the digests are
    MD5 or SHA-256, None where none was published.
    """

    stem: str
    digest: str | None
    digest_no_top: str | None
    no_top: str = "_notop"
    storage: str = STORAGE

    def fetch(self, include_top: bool) -> Path:
        """Where the file is on this machine, downloaded if need be."""
        end = "" if include_top else self.no_top
        return downloads.fetch(
            f"{self.storage}{self.stem}{end}.h5",
            known_hash=self.digest if include_top else self.digest_no_top,
            subfolder="models",
        )


def dense_top(
    x: KerasTensor, classes: int, activation: object, pool_name: str | None = "avg_pool"
) -> KerasTensor:
    """Mean over the image, then one Dense called ``predictions``."""
    x = layers.GlobalAveragePooling2D(name=pool_name)(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def plain_pool(x: KerasTensor, pooling: Pooling) -> KerasTensor:
    """Features over the whole image, from a layer with an automatic name."""
    if pooling is None:
        return x
    return _POOLS[pooling]()(x)


def named_pool(x: KerasTensor, pooling: Pooling) -> KerasTensor:
    """Features over the whole image, from a layer called like ``avg_pool``."""
    if pooling is None:
        return x
    return _POOLS[pooling](name=f"{pooling}_pool")(x)


_POOLS: dict[str, Any] = {
    "avg": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
}


@dataclass(frozen=True)
class Frame:
    """All of an architecture but its features.

    `sized` says when the size of the images must be known: with a top (the default),
    always, or never.
    """

    pretrained: Pretrained | None = None
    default_size: int = 224
    min_size: int = 32
    top: Top = dense_top
    pool: Pool = named_pool
    sized: Literal["with_top", "always", "never"] = "with_top"

    def build(
        self,
        features: Features,
        name: str | None,
        *,
        include_top: bool,
        weights: Weights,
        input_tensor: KerasTensor | None,
        input_shape: Sequence[int | None] | None,
        pooling: Pooling,
        classes: int,
        classifier_activation: object,
    ) -> Functional:
        """The model: input, features, head, and its weights.

        Raises: ArgumentError for arguments that make no sense together, LoadError for
            a file of weights that is not there.
        """
        one_of("pooling", pooling, (*_POOLS, None))
        check_weights(weights)
        if include_top and weights is not None:
            check_trained_top(weights, classes, classifier_activation)
        shape = self.input_shape(input_shape, include_top, weights)
        if input_tensor is None:
            images = inputs = layers.Input(shape)
        else:
            images = check_input_tensor(input_tensor, input_shape)
            inputs = sources(images)
            self.check_size(images.shape[1:])
        x = features(images)
        if include_top:
            x = self.top(x, classes, classifier_activation)
        else:
            x = self.pool(x, pooling)
        model = Functional(inputs, x, name=name)
        if weights == IMAGENET:
            model.load_weights(self.pretrained_path(model.name, include_top))
        elif weights is not None:
            model.load_weights(weights)
        return model

    def pretrained_path(self, name: str, include_top: bool) -> Path:
        """Where the weights learned on ImageNet are on this machine.

        Raises: ArgumentError if none were published.
        """
        if self.pretrained is None:
            raise ArgumentError(
                f"model {name!r} has no weights learned on ImageNet; pass weights=None "
                "or the path of a file"
            )
        return self.pretrained.fetch(include_top)

    def input_shape(
        self,
        given: Sequence[int | None] | None,
        include_top: bool,
        weights: Weights,
    ) -> Shape:
        """Shape of the images without the batch; None where any size will do.

        Raises: ArgumentError for a shape that the model or its weights cannot have.
        """
        sized = include_top if self.sized == "with_top" else self.sized == "always"
        if given is None:
            return image_shape(self.default_size if sized else None, 3)
        shape = tuple(given)
        if len(shape) != 3:
            raise ArgumentError(
                "input_shape must be three sizes, those of one image, got "
                f"{format_shape(shape)}"
            )
        if weights == IMAGENET and shape[0 if channel_axis() == 1 else -1] != 3:
            raise ArgumentError(
                "weights learned on ImageNet need images of 3 channels, got "
                f"input_shape={format_shape(shape)}"
            )
        wanted = image_shape(self.default_size, 3)
        if weights == IMAGENET and include_top and sized and shape != wanted:
            raise ArgumentError(
                f"with weights='imagenet' input_shape must be {format_shape(wanted)}, "
                f"got {format_shape(shape)}; include_top=False may allow other sizes"
            )
        self.check_size(shape)
        if sized and None in shape:
            way = "; include_top=False allows None" * (self.sized == "with_top")
            raise ArgumentError(
                f"input_shape must say all sizes here, got {format_shape(shape)}{way}"
            )
        return shape

    def check_size(self, shape: Shape) -> None:
        """ArgumentError for images smaller than the model can take."""
        sizes = shape[1:] if channel_axis() == 1 else shape[:-1]
        if any(size is not None and size < self.min_size for size in sizes):
            raise ArgumentError(
                f"images must be at least {self.min_size}x{self.min_size} here, got "
                f"the shape {format_shape(shape)}"
            )


Plan: TypeAlias = tuple[Frame, Features, str | None]
"""What a model is built of, and its name."""
_COMMON = (
    "include_top", "weights", "input_tensor", "input_shape", "pooling", "classes",
    "classifier_activation",
)  # fmt: skip
"""Arguments of all applications, which `Frame.build` takes."""


def framed(
    plan: Callable[P, Plan], title: str | None = None, doc: str | None = None
) -> Callable[P, Functional]:
    """Make of a plan the function that users call, with a name and a docstring.

    The plan has Keras's arguments, in their order, and says what follows from those of
    its own; the frame takes those that all have.
    """
    named: Any = plan
    if title is not None:
        named.__name__ = named.__qualname__ = title
        named.__doc__ = doc
    known = inspect.signature(plan)

    @functools.wraps(plan)
    def build(*args: P.args, **kwargs: P.kwargs) -> Functional:
        frame, features, name = plan(*args, **kwargs)
        given = known.bind(*args, **kwargs)
        given.apply_defaults()
        common = {each: given.arguments[each] for each in _COMMON}
        return frame.build(features, name, **common)

    made: Any = build
    made.__signature__ = known.replace(return_annotation="Functional")
    return build


def application(name: str, frame: Frame) -> Callable[[Features], Application]:
    """Make of an architecture's features the function that users call."""

    def decorate(features: Features) -> Application:
        def plan(
            include_top: bool = True,
            weights: Weights = IMAGENET,
            input_tensor: KerasTensor | None = None,
            input_shape: Sequence[int | None] | None = None,
            pooling: Pooling = None,
            classes: int = 1000,
            classifier_activation: object = "softmax",
            name: str = name,
        ) -> Plan:
            return frame, features, name

        plan.__module__ = features.__module__
        return framed(plan, features.__name__, features.__doc__)

    return decorate


def channel_axis() -> int:
    """The axis of a batch of images that has the channels: 1 or -1."""
    return 1 if config.image_data_format() == "channels_first" else -1


def image_shape(size: int | None, channels: int) -> Shape:
    """Shape of a square image, in the default data format."""
    if channel_axis() == 1:
        return (channels, size, size)
    return (size, size, channels)


def check_weights(weights: object) -> None:
    """ArgumentError or LoadError unless these are words or a file that is there."""
    if weights is None or weights == IMAGENET:
        return
    if not is_path(weights):
        raise ArgumentError(
            f"weights must be None, 'imagenet' or the path of a file, got {weights!r}"
        )
    path = Path(weights)
    if not path.exists():
        hint = did_you_mean(str(weights), [IMAGENET])
        raise LoadError(
            f"weights must be None, 'imagenet' or the path of a file; there is no file "
            f"{str(path)!r}.{hint}"
        )


def check_trained_top(weights: Weights, classes: int, activation: object) -> None:
    """ArgumentError for a top that trained weights cannot have."""
    if weights == IMAGENET and classes != 1000:
        raise ArgumentError(
            f"weights='imagenet' with include_top=True has 1000 classes, got "
            f"classes={classes}; use include_top=False and a head of your own"
        )
    trained = (activations.get("softmax"), activations.get(None))
    if activations.get(activation) not in trained:
        raise ArgumentError(
            "classifier_activation must be 'softmax' or None when trained weights are "
            f"loaded into the top, got {activation!r}"
        )


def check_input_tensor(
    tensor: object, input_shape: Sequence[int | None] | None
) -> KerasTensor:
    """The tensor, if a model of images can start with it.

    Raises: ArgumentError for what is no such tensor, or if `input_shape` says
        something else.
    """
    if not isinstance(tensor, KerasTensor):
        raise ArgumentError(
            "input_tensor must be a tensor of a model (Input or what a layer gave), "
            f"got {type(tensor).__name__}"
        )
    shape = tensor.shape[1:]
    if len(shape) != 3:
        raise ArgumentError(
            f"input_tensor must be a batch of images, got {format_shape(tensor.shape)}"
        )
    pairs = zip(shape, input_shape or shape, strict=True)
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise ArgumentError(
            f"input_shape is {format_shape(tuple(input_shape or ()))} and that of "
            f"input_tensor is {format_shape(shape)}; leave input_shape out"
        )
    return tensor


def sources(tensor: KerasTensor) -> list[KerasTensor]:
    """The inputs that a tensor is computed from."""
    found: dict[KerasTensor, None] = {}
    seen: set[KerasTensor] = set()
    stack = [tensor]
    while stack:
        tensor = stack.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        if tensor.call is None or isinstance(tensor.call.target, InputLayer):
            found[tensor] = None
        else:
            stack.extend(reversed(tensor.call.inputs))
    return list(found)
