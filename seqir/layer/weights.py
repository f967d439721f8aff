"""The weights of a layer: made, listed, counted, replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import constraints, dtype_policies, dtypes, initializers, regularizers
from seqir.arguments import one_of
from seqir.dtype_policies import DTypePolicy, DTypePolicyMap, PolicyLike
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from seqir.ir import Array
from seqir.layer import checks, scope
from seqir.layer.aliases import ConstraintLike, InitializerLike, RegularizerLike
from seqir.layer.state import Stateful, walk
from seqir.narrow import is_sequence
from seqir.ops import changes
from seqir.ops.roles import ROLES, Role
from seqir.ops.variable import Variable, assign_all
from seqir.plain import python
from seqir.shapes import format_shape


class Weighted(Stateful):
    """A layer, as far as its weights go."""

    @property
    def dtype(self) -> str:
        """Element type of the weights."""
        return self.variable_dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """Which types the weights have and the layer computes in; any form is taken."""
        policies = self._layer_state.policies
        if policies is not None:
            return policies
        names = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}
        alike = self.variable_dtype == self.compute_dtype
        return DTypePolicy(self.variable_dtype if alike else names[self.compute_dtype])

    @dtype_policy.setter
    def dtype_policy(self, policy: PolicyLike | None) -> None:
        found = dtype_policies.get(policy)
        is_map = isinstance(found, DTypePolicyMap)
        self._layer_state.policies = found if is_map else None
        self.variable_dtype = found.variable_dtype
        self.compute_dtype = found.compute_dtype

    @property
    def path(self) -> str:
        """Name of the layer, as weights' paths have it."""
        return scope.path_of(self)

    def add_weight(
        self,
        shape: int | Sequence[int | None] = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        name: str | None = None,
        *,
        role: Role | None = None,
    ) -> Variable:
        """Make a weight; call it in `build` (or in ``__init__``).

        Its `role` follows from `trainable`, and from what `call` assigns to. Say
        "state" for what changes also when the layer only runs, or "statistic" for what
        changes in training: neither is trainable.

        Raises: ShapeError if a size is not known, GraphError once the layer is built,
            ArgumentError for a role that there is not.
        """
        state = self._layer_state
        if state.locked and not state.building:
            checks.refuse_weight(self, name)
        variable = make(
            self,
            name or f"variable_{len(state.variables)}",
            python(shape),
            initializer,
            dtype or self.variable_dtype,
            role or ("weight" if python(trainable) else "statistic"),
        )
        variable.trainable &= bool(trainable) and self.trainable
        variable.autocast = autocast
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._track(variable)
        return variable

    add_variable = add_weight

    @property
    def variables(self) -> list[Variable]:
        """All weights: own trainable, own non-trainable, those of layers inside."""
        found: dict[Variable, None] = {}
        for layer in walk(self):
            own = layer._layer_state.variables
            found.update((v, None) for v in own if v.role == "weight")
            found.update((v, None) for v in own if v.role != "weight")
        return list(found)

    @property
    def weights(self) -> list[Variable]:
        """All weights, in Keras's order."""
        return self.variables

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        return [w for w in self.weights if w.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training leaves alone or only keeps statistics in."""
        if not self.trainable:
            return self.weights
        return [w for w in self.weights if not w.trainable]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; set, it reaches all layers inside."""
        return self._layer_state.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in walk(self):
            layer._layer_state.trainable = bool(value)
            changes.tick()
            for variable in layer._layer_state.variables:
                variable.trainable = bool(value) and variable.role == "weight"

    def count_params(self) -> int:
        """Number of weight elements.

        Raises: NotBuiltError before the layer is built.
        """
        if not self.built:
            raise NotBuiltError(
                f"You tried to call count_params on layer {self.name!r}, but the layer "
                "isn't built. Call it on an input first, or call build(input_shape)."
            )
        return sum(w.size for w in self.weights)

    def get_weights(self) -> list[Array]:
        """Copies of all weights."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[object]) -> None:
        """Replace all weights; nothing changes if one of them does not fit.

        Raises: ShapeError for a wrong number of arrays or a wrong shape, DTypeError
            for what is not an array of numbers.
        """
        assign_all(self.weights, _arrays_for(self, weights))

    def reset_state(self) -> None:
        """Put all states, those of layers inside too, back to their initial values."""
        inside = [layer._layer_state for layer in walk(self)]
        own = (v for state in inside for v in (*state.variables, *state.passing))
        states = [v for v in dict.fromkeys(own) if v.role == "state"]
        assign_all(states, [v.initial_value for v in states])

    reset_states = reset_state


def make(
    layer: Weighted,
    name: str,
    shape: Any,
    initializer: InitializerLike,
    dtype: DTypeLike,
    role: Role,
) -> Variable:
    """A variable of that role, with the values that the initializer makes.

    Raises: ShapeError if a size is not known, ArgumentError for an unknown role.
    """
    one_of("role", role, ROLES)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(d is None for d in shape):
        raise ShapeError(
            f"weight {name!r} of layer {layer.name!r} would have shape "
            f"{format_shape(shape)}: the input must have a known size there"
        )
    dtype = dtypes.canonical(dtype)
    if initializer is None:
        initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
    values: Any = initializers.get(initializer)
    zero = np.zeros((), dtypes.to_numpy(dtype))
    array = zero if scope.empty() else values(shape, dtype)
    variable = Variable(array, name=name, trainable=role == "weight", dtype=dtype)
    if scope.empty():
        variable.take_no_memory(shape)
    variable.role = role
    variable.initial = None if role == "weight" else values
    variable.path = f"{layer.path}/{name}"
    return variable


def _arrays_for(layer: Weighted, weights: object) -> list[Array]:
    """An array for each weight of the layer.

    Raises: ArgumentError, ShapeError or DTypeError if there are others.
    """
    mine = layer.weights
    if not is_sequence(weights):
        raise ArgumentError(
            f"set_weights of layer {layer.name!r} takes a list of arrays, got "
            f"{type(weights).__name__}"
        )
    if len(weights) != len(mine):
        raise ShapeError(
            f"You called set_weights(weights) on layer {layer.name!r} with a weight "
            f"list of length {len(weights)}, but the layer has {len(mine)} weights."
        )
    arrays: list[Array] = []
    for variable, value in zip(mine, weights, strict=True):
        array = _numeric_array(value, variable.path)
        arrays.append(array)
        if array.shape != variable.shape:
            raise ShapeError(
                f"Layer {layer.name} weight {variable.path!r} of shape "
                f"{variable.shape} is not compatible with provided weight shape "
                f"{array.shape}."
            )
    return arrays


def _numeric_array(value: object, path: str) -> Array:
    """The value for a weight as an array.

    Raises: DTypeError if it is not an array of numbers.
    """
    try:
        array = value.array if isinstance(value, Variable) else np.asarray(value)
    except ValueError as error:
        raise DTypeError(f"the value for {path!r} is not a numeric array") from error
    if array.dtype == object or array.dtype.kind in "USMmc":
        raise DTypeError(f"the value for {path!r} is not a numeric array")
    return array
