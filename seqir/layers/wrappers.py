"""Layers around another layer."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from seqir import initializers, nest, ops
from seqir.arguments import integer
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Trace, current_trace
from seqir.layer.aliases import Masks, Stored, Tensors
from seqir.layer.base import Layer
from seqir.layer.state import state_of, walk
from seqir.narrow import is_dict, is_mapping, is_structure
from seqir.ops.apply import value_of
from seqir.ops.tensor import Result, Traced
from seqir.shapes import format_shape


def inner_layer(
    owner: Layer, value: object, custom_objects: Mapping[str, object] | None = None
) -> Any:
    """The layer that an argument is, or that the dictionary there stands for.

    Raises: ArgumentError for anything else.
    """
    if is_mapping(value):
        value = deserialized(value, custom_objects)
    if not isinstance(value, Layer):
        kind = type(owner).__name__
        raise ArgumentError(
            f"Please initialize `{kind}` layer with a `keras.layers.Layer` instance. "
            f"Received: {value!r}"
        )
    return value


def deserialized(stored: Stored, custom_objects: Mapping[str, object] | None) -> Any:
    """The layer that a dictionary stands for."""
    # Layers are below models and files, and a model can be an argument as well.
    saving = importlib.import_module("seqir.saving")
    return saving.deserialize_keras_object(stored, custom_objects)


def all_deserialized(
    stored: Any, custom_objects: Mapping[str, object] | None
) -> list[Any]:
    """The layers of a list; those that are dictionaries are made."""
    return [
        deserialized(one, custom_objects) if is_mapping(one) else one for one in stored
    ]


class Wrapper(Layer):
    """A layer that has another one inside; make classes of your own from it.

    Weights: those of the layer inside.
    Source: Keras 3 ``layers.Wrapper``.
    """

    layer: Any

    def setup(self) -> None:
        self.layer = inner_layer(self, self.layer)

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: Mapping[str, object] | None = None,
    ) -> Any:
        """The wrapper that a configuration describes, with the layer inside."""
        layer = config.get("layer")
        if is_mapping(layer):
            config = {**config, "layer": deserialized(layer, custom_objects)}
        return super().from_config(config)


class TimeDistributed(Wrapper):
    """y[:, t] = layer(x[:, t]), for each step t with the same weights.

    Steps are computed at once, as if they were samples. A layer that changes its state
    in a call (`BatchNormalization` in training) computes them one after the other.

    Shapes: x[N, T, ...] -> y[N, T, ...], where layer: [N, ...] -> [N, ...]; several
        inputs or outputs as the layer has them.
    Weights: those of the layer.
    Source: Keras 3 ``layers.TimeDistributed``.
    """

    supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        super().build(_without_time(input_shape))

    def call(self, inputs: Tensors, mask: Masks = None) -> Tensors:
        first = nest.flatten(inputs)[0]
        given = {}
        if mask is not None:
            for x, m in zip(nest.flatten(inputs), nest.flatten(mask), strict=False):
                self._check_mask(x, m)
            if "mask" in self.layer._call_arguments:
                given["mask"] = mask
        sizes = ops.shape(first)[:2]
        folded = nest.map_structure(_folded, (inputs, given))
        if self._assigns(*folded):
            steps = nest.map_structure(_swapped, (inputs, given))
            ys = ops.map(lambda step: self.layer.trace(step[0], **step[1]), steps)
            return nest.map_structure(lambda y: self._autocast(_swapped(y)), ys)
        ys = self.layer.trace(folded[0], **folded[1])
        return nest.map_structure(
            lambda y: self._autocast(ops.reshape(y, (*sizes, *ops.shape(y)[1:]))), ys
        )

    def _assigns(self, inputs: Tensors, given: dict[str, Any]) -> bool:
        """Whether the layer gives variables new values in this call."""
        inside = (v for x in walk(self.layer) for v in state_of(x).variables)
        outer = current_trace()
        if outer is None or all(v.role == "weight" for v in inside):
            return False
        trial = Trace("trial", training=outer.training)

        def entered(x: Any) -> Any:
            if not isinstance(x, Traced):
                return x
            name = f"input_{len(trial.inputs)}"
            return Traced(trial, trial.input(name, value_of(outer, x).type))

        with trial.active():
            inputs, given = nest.map_structure(entered, (inputs, given))
            self.layer.trace(inputs, **given)
        return bool(trial.updates)

    def _check_mask(self, x: Result, mask: Result | None) -> None:
        if mask is None:
            return
        if len(mask.shape) < 2:
            raise ShapeError(
                "The `mask` passed to the `TimeDistributed` layer must be at least 2D "
                f"(e.g., `(batch_size, timesteps)`), but it has {len(mask.shape)} "
                f"dimension(s) with shape {format_shape(mask.shape)}."
            )
        pairs = zip(x.shape[:2], mask.shape[:2], strict=True)
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise ShapeError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape "
                f"{format_shape(mask.shape)} that is incompatible with the input shape "
                f"{format_shape(x.shape)}. The first two dimensions of the mask (batch "
                "size and timesteps) must match the input's first two dimensions. "
                f"Expected mask shape prefix: {format_shape(x.shape[:2])}."
            )


class SpectralNormalization(Wrapper):
    """The layer inside, whose kernel is divided by its largest singular value σ.

    Power iteration finds it, `power_iterations` times in each call in training:
    ``v = norm(u·Wᵀ), u = norm(v·W), σ = v·W·uᵀ``, with W[size, units]. A call in
    training assigns the kernel; a step of `fit` computes with ``W / σ`` and changes W,
    as that of Keras on JAX does. A kernel of zeros stays as it is.

    Shapes: those of the layer.
    Weights: those of the layer, vector_u[1, units] that is not trained.
    Raises: ArgumentError if the layer has neither a `kernel` nor `embeddings`.
    Source: Keras 3 ``layers.SpectralNormalization``; arXiv:1802.05957.
    """

    power_iterations: int = 1

    def setup(self) -> None:
        super().setup()
        integer("power_iterations", self.power_iterations, least=1)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        found = (getattr(self.layer, n, None) for n in ("kernel", "embeddings"))
        self.kernel: Any = next((w for w in found if w is not None), None)
        if self.kernel is None:
            kind = type(self.layer).__name__
            raise ArgumentError(
                f"{kind} object has no attribute 'kernel' nor 'embeddings', which "
                f"layer {self.name!r} (SpectralNormalization) could divide"
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Tensors, training: bool = False) -> Any:
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        kernel = ops.convert_to_tensor(self.kernel)
        w = ops.reshape(kernel, (-1, ops.shape(kernel)[-1]))
        u = v = ops.convert_to_tensor(self.vector_u)
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(w)))
            u = _unit(ops.matmul(v, w))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.reshape(ops.matmul(ops.matmul(v, w), ops.transpose(u)), ())
        empty = ops.all(ops.equal(kernel, 0))
        self.vector_u.assign(ops.where(empty, self.vector_u, u))
        self.kernel.assign(kernel / ops.where(empty, ops.ones_like(sigma), sigma))


def _unit(x: Result) -> Result:
    """x of length 1; zeros stay zeros."""
    length = ops.sqrt(ops.sum(ops.square(x)))
    return x / ops.where(ops.equal(length, 0), ops.ones_like(length), length)


def _without_time(shape: Any) -> Any:
    """The shape (or structure of shapes) of one step.

    Raises: ShapeError for a shape without an axis of time and one behind it.
    """
    if is_dict(shape):
        return {key: _without_time(value) for key, value in shape.items()}
    if any(is_structure(size) for size in shape):
        return [_without_time(each) for each in shape]
    if len(shape) < 3:
        raise ShapeError(
            "`TimeDistributed` Layer should be passed an `input_shape` with at least "
            f"3 dimensions, received: {format_shape(tuple(shape))}"
        )
    return (shape[0], *shape[2:])


def _folded(x: Result | None) -> Result | None:
    """The steps of all samples as samples; None for a mask that there is not."""
    if x is None:
        return None
    first, second, *rest = ops.shape(x)
    return ops.reshape(x, (first * second, *rest))


def _swapped(x: Result | None) -> Result | None:
    """The first two axes swapped; None for a mask that there is not."""
    return None if x is None else ops.swapaxes(x, 0, 1)


__all__ = ["SpectralNormalization", "TimeDistributed", "Wrapper"]
