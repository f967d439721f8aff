"""A recurrent layer over sequences from both ends."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from seqir import nest, ops
from seqir.arguments import one_of
from seqir.errors import ArgumentError
from seqir.ir import current_trace
from seqir.layer import configuration
from seqir.layer.aliases import Masks, Shape
from seqir.layer.base import Layer
from seqir.layer.recorded import noted
from seqir.layers import whole
from seqir.layers.recurrent import Gated
from seqir.layers.rnn import again, separated, step_mask
from seqir.layers.wrappers import deserialized
from seqir.narrow import is_mapping
from seqir.ops.tensor import Result, TensorLike

_ALIKE = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """A recurrent layer, and one that runs from the end, over the same sequences.

    Their outputs are merged: "concat", "sum", "mul", "ave", or None for both of them.
    With `return_state` the last states of the first layer come behind, then those of
    the second. The layer that is given is copied.

    Shapes: x[N, T, ...] -> y[N, T, ...] or y[N, ...], as the layers have it; twice as
        many units with "concat".
    Weights: those of the two layers.
    Source: Keras 3 ``layers.Bidirectional``; Schuster and Paliwal 1997.
    """

    supports_masking = True

    @noted
    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: list[TensorLike] | None = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, found in (("layer", layer), ("backward_layer", backward_layer)):
            needed = name == "layer" or found is not None
            if needed and not hasattr(found, "go_backwards"):
                raise ArgumentError(
                    f"{name} of Bidirectional must be a recurrent layer, got {found!r}"
                )
        self.merge_mode = one_of(
            "merge_mode", merge_mode, ("sum", "mul", "ave", "concat", None)
        )
        plain = layer.name.removeprefix("forward_")
        self.forward_layer = again(layer, name=f"forward_{plain}")
        if backward_layer is None:
            plain = layer.name.removeprefix("backward_")
            changes = {"go_backwards": True, "name": f"backward_{plain}"}
            backward_layer = again(layer, **changes)
        self.backward_layer = backward_layer
        self._check_layers()
        for each in (self.forward_layer, self.backward_layer):
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = each.return_sequences
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self._first_weights = weights

    def _check_layers(self) -> None:
        ahead, back = self.forward_layer, self.backward_layer
        if ahead.go_backwards == back.go_backwards:
            raise ArgumentError(
                "Forward layer and backward layer should have different `go_backwards` "
                f"value. Received: forward_layer.go_backwards {ahead.go_backwards}, "
                f"backward_layer.go_backwards={back.go_backwards}"
            )
        for name in _ALIKE:
            pair = getattr(ahead, name), getattr(back, name)
            if pair[0] != pair[1]:
                raise ArgumentError(
                    "Forward layer and backward layer are expected to have the same "
                    f'value for attribute "{name}", got "{pair[0]}" for forward layer '
                    f'and "{pair[1]}" for backward layer'
                )

    def build(self, sequences_shape: Shape, initial_state_shape: object = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights:
            self.set_weights(self._first_weights)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return super().__call__(*separated(args, kwargs), **kwargs)

    def call(
        self,
        sequences: Result,
        initial_state: Any = None,
        mask: Masks = None,
        training: bool = False,
    ) -> Any:
        halves: list[Any] = [None, None]
        if initial_state is not None:
            given, ahead = list(initial_state), self.forward_layer
            n = len(given) // 2
            count = 2 * len(ahead.state_size)
            if len(given) != count:
                raise ArgumentError(
                    f"layer {self.name!r} has {count} states, got an initial_state of "
                    f"{len(given)} tensors"
                )
            halves = [given[:n], given[n:]]
        ways = self._ways(halves, training)
        if ways is None:
            ys, states = self._one_by_one(sequences, halves, mask)
        else:
            known = step_mask(mask, sequences, self.name)
            ys, states = self._together(ways, sequences, known)
        found = self._merged(ys) + (states if self.return_state else [])
        return tuple(found) if len(found) > 1 else found[0]

    def _ways(
        self, halves: list[Any], training: bool
    ) -> tuple[whole.Way, whole.Way] | None:
        """Both layers as directions of one operator; None if there is none."""
        ahead, back = self.forward_layer, self.backward_layer
        for layer in (ahead, back):
            if (
                not isinstance(layer, Gated)
                or layer.stateful
                or layer.activity_regularizer is not None
                or layer.dtype_policy != self.dtype_policy
                or (training and (layer.dropout or layer.recurrent_dropout))
            ):
                return None
        found: list[whole.Way] = []
        for layer, states in zip((ahead, back), halves, strict=True):
            with _inside(layer):
                way = layer._way(states)
            if way is None:
                return None
            found.append(way)
        first, second = found
        return (first, second) if whole.together(found) else None

    def _together(
        self, ways: tuple[whole.Way, whole.Way], x: Result, mask: Result | None
    ) -> tuple[list[Result], list[Result]]:
        """What both layers give, both in the order of the steps, and their states."""
        sequences = self.return_sequences
        y, (first, second) = whole.run(
            ways, x, mask, sequences=sequences, zero=sequences
        )
        if self.merge_mode == "concat":
            return [y], [*first, *second]
        return ops.split(y, 2, -1), [*first, *second]

    def _one_by_one(
        self, x: Result, halves: list[Any], mask: Masks
    ) -> tuple[list[Result], list[Result]]:
        """The same, each layer run alone."""
        ys: list[Result] = []
        states: list[Result] = []
        for layer, own in zip(
            (self.forward_layer, self.backward_layer), halves, strict=True
        ):
            given = {} if own is None else {"initial_state": own}
            found = layer(x, mask=mask, **given)
            found = list(found) if self.return_state else [found]
            ys.append(ops.cast(found[0], self.compute_dtype))
            states += found[1:]
        if self.return_sequences:
            ys[1] = ops.flip(ys[1], 1)
        return ys, states

    def _merged(self, ys: list[Result]) -> list[Result]:
        """The outputs of both layers, merged unless they stay apart."""
        if len(ys) == 1 or self.merge_mode is None:
            return ys
        first, second = ys
        match self.merge_mode:
            case "concat":
                return [ops.concatenate(ys, -1)]
            case "sum":
                return [first + second]
            case "mul":
                return [first * second]
            case _:
                return [(first + second) / 2]

    def compute_mask(self, inputs: Any, previous_mask: Masks = None) -> Masks:
        mask: Any = nest.flatten(previous_mask)[0]
        mask = mask if self.return_sequences else None
        several = self.merge_mode is None
        return [mask, mask] if several else [mask] if self.return_state else mask

    @property
    def states(self) -> Any:
        """The states that both layers keep, None unless there are some."""
        ahead, back = self.forward_layer.states, self.backward_layer.states
        return (*ahead, *back) if ahead and back else None

    def _described(self) -> dict[str, object]:
        layers = {"layer": self.forward_layer, "backward_layer": self.backward_layer}
        entries = {name: configuration.entry(x) for name, x in layers.items()}
        return {**super()._described(), "merge_mode": self.merge_mode, **entries}

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: Mapping[str, object] | None = None,
    ) -> Any:
        """The layer that a configuration describes, with those inside."""
        kept = dict(config)
        for name in ("layer", "backward_layer"):
            stored = kept.get(name)
            if is_mapping(stored):
                kept[name] = deserialized(stored, custom_objects)
        return super().from_config(kept)


@contextmanager
def _inside(layer: Layer) -> Generator[None]:
    """What is traced inside is of that layer."""
    b = current_trace()
    if b is None:
        yield
        return
    with b.source(layer.name, type(layer).__name__):
        yield


__all__ = ["Bidirectional"]
