"""Cells run along an axis of time, one step after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqir import nest, ops
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import keyword
from seqir.layer import configuration, weights
from seqir.layer.aliases import Masks, Shape
from seqir.layer.base import Layer
from seqir.layers.cells import dropped_once
from seqir.layers.wrappers import all_deserialized, deserialized
from seqir.narrow import is_mapping, is_sequence
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.plain import python
from seqir.shapes import format_shape


class RNN(Layer):
    """A cell, run over all steps of a sequence.

    A cell is a layer whose ``call(inputs, states)`` gives an output and new states, and
    that has a `state_size`; several of them in a list are one on top of the other.
    Where a mask is False, the states stay what they are, and the output is that of
    the step before, or 0 with `zero_output_for_mask`.

    Shapes: x[N, T, ...] -> y[N, ...], or y[N, T, ...] with `return_sequences`, in the
        order of the steps; with `return_state` the last states come behind it.
    Weights: those of the cell.
    Source: Keras 3 ``layers.RNN``.
    """

    cell: Any
    return_sequences: bool = keyword(default=False)
    return_state: bool = keyword(default=False)
    go_backwards: bool = keyword(default=False)
    stateful: bool = keyword(default=False)
    unroll: bool = keyword(default=False)
    zero_output_for_mask: bool = keyword(default=False)

    supports_masking = True

    def setup(self) -> None:
        cell = self.cell
        if is_sequence(cell):
            cell = StackedRNNCells(cell)
        if not callable(getattr(cell, "call", None)) or not callable(cell):
            raise ArgumentError(
                f"Argument `cell` should have a `call` method. Received: cell={cell!r}"
            )
        size = getattr(cell, "state_size", None)
        if not isinstance(size, int | list | tuple):
            raise ArgumentError(
                "The RNN cell should have a `state_size` attribute, an integer or a "
                f"list of integers, one for each state. Received: cell={cell!r}"
            )
        self.cell = cell

    @property
    def state_size(self) -> list[Any]:
        """The size of each state."""
        size = self.cell.state_size
        return [size] if isinstance(size, int) else list(size)

    @property
    def _cell_dtype(self) -> str:
        return getattr(self.cell, "compute_dtype", self.compute_dtype)

    # Weights and states.

    def build(self, sequences_shape: Shape, initial_state_shape: object = None) -> None:
        if len(sequences_shape) < 3:
            raise ShapeError(
                f"layer {self.name!r} takes sequences [N, T, ...], got the shape "
                f"{format_shape(sequences_shape)}"
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful:
            self._add_states(sequences_shape)

    def _add_states(self, shape: Shape) -> None:
        """Variables that hold the states from one call to the next."""
        if shape[0] is None:
            raise ShapeError(
                "When using `stateful=True` in a RNN, the batch size must be static: "
                "give Input(batch_shape=...). Found dynamic batch size: "
                f"sequence.shape={format_shape(shape)}"
            )
        for state in nest.flatten(self.get_initial_state(shape[0])):
            variable = weights.make(
                self, "rnn_state", state.shape, "zeros", self.variable_dtype, "state"
            )
            self._layer_state.passing.append(variable)

    @property
    def states(self) -> Any:
        """The variables that hold the states, None unless there are some."""
        found = self._layer_state.passing
        return self._packed(found, found[0].shape[0]) if found else None

    def _packed(self, states: Sequence[Any], batch: SizeLike | None) -> list[Any]:
        return nest.pack(self.get_initial_state(batch), [*states])

    def get_initial_state(self, batch_size: SizeLike | None) -> list[Any]:
        """The states to begin with, as the cell says, or 0."""
        found = initial_state(self.cell, batch_size, self._cell_dtype)
        return list(found) if is_sequence(found) else [found]

    # Calling.

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return super().__call__(*separated(args, kwargs), **kwargs)

    def call(
        self,
        sequences: Result,
        initial_state: Any = None,
        mask: Masks = None,
        training: bool = False,
    ) -> Any:
        steps = sequences.shape[1]
        if self.unroll and steps is None:
            raise ShapeError(
                "Cannot unroll a RNN if the time dimension is undefined: specify it by "
                "the shape or batch_shape of the Input. Found: sequences.shape="
                f"{format_shape(sequences.shape)}"
            )
        states = self._given_states(sequences, initial_state)
        known = step_mask(mask, sequences, self.name)
        y, states = self._run(sequences, states, known, training)
        states = nest.map_structure(lambda s: ops.cast(s, self.compute_dtype), states)
        if self.stateful:
            new = nest.flatten(states)
            for variable, state in zip(self._layer_state.passing, new, strict=True):
                variable.assign(ops.reshape(state, ops.shape(variable)))
        y = ops.cast(y, self.compute_dtype)
        return (y, *states) if self.return_state else y

    def _given_states(self, x: Result, given: Any) -> list[Any] | None:
        """The states to begin with, None if they are as the cell says."""
        if self.stateful:
            expected = self._layer_state.passing[0].shape[0]
            if x.shape[0] not in (None, expected):
                raise ShapeError(
                    "If an RNN is stateful, the batch size of the input sequences must "
                    "be the same as the batch size of the initial state. Expected "
                    f"batch size: {expected}. Received batch size: {x.shape[0]}"
                )
            if given is None:
                batch = ops.shape(x)[0]
                return nest.map_structure(
                    lambda v: ops.reshape(v, (batch, *v.shape[1:])), self.states
                )
        if given is None:
            return None
        leaves = nest.flatten(given)
        structure = self.get_initial_state(ops.shape(x)[0])
        wanted = nest.flatten(structure)
        if len(leaves) != len(wanted):
            raise ArgumentError(
                f"layer {self.name!r} has {len(wanted)} states, got an initial_state "
                f"of {len(leaves)} tensors"
            )
        for i, (leaf, like) in enumerate(zip(leaves, wanted, strict=True)):
            found, right = tuple(leaf.shape), tuple(like.shape)
            known = [None not in pair for pair in zip(found, right, strict=False)]
            if len(found) != len(right) or any(
                k and a != b for k, a, b in zip(known, found, right, strict=True)
            ):
                raise ShapeError(
                    f"state {i} of layer {self.name!r} has the shape "
                    f"{format_shape(right)}, got an initial_state of shape "
                    f"{format_shape(found)}"
                )
        return nest.pack(structure, leaves)

    def _run(
        self, x: Result, states: list[Any] | None, mask: Result | None, training: bool
    ) -> tuple[Result, list[Any]]:
        """The outputs, of one or of all steps as they are asked for, and the states."""
        batch = ops.shape(x)[0]
        start = self.get_initial_state(batch) if states is None else states
        start = nest.map_structure(lambda s: ops.cast(s, self._cell_dtype), start)
        along = [ops.swapaxes(x, 0, 1)]
        along += [] if mask is None else [ops.transpose(mask)]
        run = self._written_out if self.unroll else self._scanned
        with dropped_once(self.cell, batch, training=training):
            return run(along, start)

    def _scanned(
        self, along: list[Result], states: list[Any]
    ) -> tuple[Result, list[Any]]:
        def step(before: list[Any], slices: list[Result]) -> tuple[list[Any], Result]:
            last = None if self.zero_output_for_mask else self._output_in(before)
            y, new = self._step(slices, before, last)
            return new, y

        states, ys = ops.scan(step, states, along, reverse=self.go_backwards)
        if not self.return_sequences:
            return ys[0] if self.go_backwards else ys[-1], states
        return ops.swapaxes(ops.flip(ys, 0) if self.go_backwards else ys, 0, 1), states

    def _output_in(self, states: list[Any]) -> Result:
        """The first state, of several cells that of the last: the output before."""
        several = is_sequence(states[0])
        several = several or isinstance(self.cell, StackedRNNCells)
        return nest.flatten(states[-1] if several else states)[0]

    def _written_out(
        self, along: list[Result], states: list[Any]
    ) -> tuple[Result, list[Any]]:
        steps = range(along[0].shape[0] or 0)
        ys: list[Result] = []
        for t in reversed(steps) if self.go_backwards else steps:
            last = ys[-1] if ys else None
            y, states = self._step([x[t] for x in along], states, last)
            ys.append(y)
        return ops.stack(ys, 1) if self.return_sequences else ys[-1], states

    def _step(
        self, slices: Sequence[Result], before: list[Any], last: Result | None
    ) -> tuple[Result, list[Any]]:
        """The output of a step and the states behind it.

        `last` stands for an output that is masked, and if it is None, 0 does.
        """
        x, *mask = slices
        y, new = self.cell(x, before)
        new = nest.pack(before, nest.flatten(new))
        if not mask:
            return y, new

        def chosen(a: Result, b: Result) -> Result:
            inside = ops.reshape(mask[0], (-1, *(1,) * (len(a.shape) - 1)))
            return ops.where(inside, a, b)

        leaves = zip(nest.flatten(new), nest.flatten(before), strict=True)
        kept = nest.pack(before, [chosen(a, b) for a, b in leaves])
        return chosen(y, ops.zeros_like(y) if last is None else last), kept

    def compute_mask(self, inputs: Any, previous_mask: Masks = None) -> Masks:
        mask: Any = nest.flatten(previous_mask)[0]
        mask = mask if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: Mapping[str, object] | None = None,
    ) -> Any:
        """The layer that a configuration describes, with the cell inside."""
        cell = config.get("cell")
        if is_mapping(cell):
            config = {**config, "cell": deserialized(cell, custom_objects)}
        return super().from_config(config)


def separated(
    args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[object, ...]:
    """The arguments of a call; states that came in a list with the sequences go apart.

    So Keras 2 calls recurrent layers, and its files do.
    """
    first = args[0] if args else None
    if not is_sequence(first) or len(args) > 1 or len(first) < 2:
        return args
    kwargs.setdefault("initial_state", [*first[1:]])
    return (first[0],)


def again(layer: Any, **changes: object) -> Any:
    """An equal layer without its weights, with these arguments changed."""
    config = {**layer.get_config(), **changes}
    for name in ("use_cudnn", "implementation"):
        if hasattr(layer, name):
            config.setdefault(name, getattr(layer, name))
    for name in ("activation", "recurrent_activation"):
        function: object = getattr(layer, name, None)
        if hasattr(type(function), "connections"):  # models are not made of names
            config[name] = function
    if "cell" in config:
        config["cell"] = again(layer.cell)
    if "cells" in config:
        config["cells"] = [again(cell) for cell in layer.cells]
    return layer.from_config(config)


def step_mask(mask: Masks, x: Result, name: str) -> Result | None:
    """A mask [N, T] of truth values: that of the first of several inputs.

    Raises: ShapeError unless it has as many steps as the sequences.
    """
    found: Any = keyword(default=nest.flatten(mask)[0])
    if found is None:
        return None
    steps, wanted = (y.shape[1] if len(y.shape) > 1 else None for y in (found, x))
    if len(found.shape) < 2 or (None not in (steps, wanted) and steps != wanted):
        raise ShapeError(
            f"layer {name!r} got sequences of shape {format_shape(x.shape)} and a mask "
            f"of shape {format_shape(found.shape)}: give a truth value for each step"
        )
    found = ops.cast(found, "bool")
    return ops.any(found, -1) if len(found.shape) > 2 else found


def initial_state(cell: Any, batch: SizeLike | None, dtype: str) -> Any:
    """The states that a cell begins with: as it says, or zeros."""
    own = getattr(cell, "get_initial_state", None)
    return (
        _zeros(batch, cell.state_size, dtype) if own is None else own(batch_size=batch)
    )


def _zeros(batch: SizeLike | None, size: Any, dtype: str) -> Any:
    """Zeros for each sample; for a list of sizes a list of them."""
    if is_sequence(size):
        return [_zeros(batch, each, dtype) for each in size]
    sizes: Any = keyword(default=(batch, size))
    return ops.zeros(sizes, dtype)


class StackedRNNCells(Layer):
    """Cells on top of each other: each gets the output of the one before.

    Shapes: x[N, n], a list of the states of each cell -> y of the last cell, and the
        same list of new states.
    Weights: those of the cells.
    Source: Keras 3 ``layers.StackedRNNCells``.
    """

    cells: Any

    def setup(self) -> None:
        self.cells = list(self.cells)
        if not self.cells:
            raise ArgumentError("StackedRNNCells needs at least one cell, got []")
        for cell in self.cells:
            for name in ("call", "state_size"):
                if getattr(cell, name, None) is None:
                    raise ArgumentError(
                        f"All cells must have a `{name}`. Received a cell without: "
                        f"{cell!r}"
                    )

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the output, that of the last cell."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: SizeLike | None = None) -> list[Any]:
        """The states to begin with, those of each cell in its list."""
        return [
            initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells
        ]

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size(cell))

    def call(
        self, inputs: Result, states: list[Any], training: bool = False
    ) -> tuple[Result, list[Any]]:
        kept: list[Any] = []
        for cell, own in zip(self.cells, states, strict=True):
            given = list(own) if is_sequence(own) else [own]
            inputs, new = cell(inputs, given)
            kept.append(nest.pack(own, nest.flatten(new)))
        return inputs, kept

    def _described(self) -> dict[str, object]:
        entries = [configuration.entry(cell) for cell in self.cells]
        return {**super()._described(), "cells": entries}

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: Mapping[str, object] | None = None,
    ) -> Any:
        """The cells that a configuration describes."""
        cells = all_deserialized(config["cells"], custom_objects)
        return super().from_config({**config, "cells": cells})


def output_size(cell: Any) -> int:
    """The size of the output of a cell: that of its first state if it does not say."""
    size = getattr(cell, "output_size", None)
    size = cell.state_size if size is None else size
    return python(size[0] if is_sequence(size) else size)


__all__ = ["RNN", "StackedRNNCells"]
