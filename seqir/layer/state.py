"""What a layer knows of itself, apart from what was set on it as attributes.

`LayerState` is one object in one attribute; all others are the user's. `Stateful` is a
layer as far as this package's files need to know it to help `Layer`, which extends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeVar

from seqir import absent, random
from seqir.dtype_policies import DTypePolicyMap
from seqir.errors import ArgumentError
from seqir.ir import Array
from seqir.layer.offered import offered
from seqir.narrow import is_dict, is_sequence
from seqir.ops import changes
from seqir.ops.tensor import Call
from seqir.ops.variable import Variable
from seqir.text import one_line

State = TypeVar("State", bound="LayerState", covariant=True)


class LayerState:
    """What a layer knows of itself. What is not set by ``__init__`` is not known yet.

    Attributes:
        name: the layer's name.
        trainable: whether training changes the weights.
        variable_dtype: element type of the weights.
        compute_dtype: element type that the layer computes in.
        policies: where both are looked up by the layer's path, or None.
        autocast: whether floating-point inputs and weights are cast to that.
        activity_regularizer: penalty of the outputs, or None.
        input_shape: the batch shape that came with the arguments, or None.
        built: whether the weights exist.
        building: whether `build` is running.
        locked: whether `build` is done, and the weights are those that there are.
        build_shapes: what `build` was called with; None until it is done.
        variables: the layer's own weights, as they came.
        passing: variables that no file keeps and that are not among the weights.
        layers: the layers inside.
        holding: names of attributes that were set to what may hold layers, for files.
        calls: calls on tensors of models, in order.
        revision: how often anything but the weights, and whether they are trained, has
            changed since the layer was built.
        sessions: what runs calls on arrays.
        losses: what the last call on arrays has added to the loss.
        keys: seed and step of calls on arrays.
        handed_on: arguments that the ``__init__`` of seqir's class got, as it got them.
        made_with: arguments of an ``__init__`` of the user's, as they were given.
    """

    name: str
    trainable: bool
    variable_dtype: str
    compute_dtype: str
    autocast: bool
    activity_regularizer: Any
    input_shape: tuple[int | None, ...] | None

    def __init__(self, made_with: dict[str, object]) -> None:
        self.built = self.building = self.locked = False
        self.variables: list[Variable] = []
        self.passing: list[Variable] = []
        self.layers: list[Any] = []
        self.holding: dict[str, None] = {}
        self.calls: list[Call] = []
        self.revision = 0
        self.policies: DTypePolicyMap | None = None
        self.sessions: dict[str, Any] = {}
        self.losses: list[Array] = []
        self.keys = random.SeedGenerator()
        self.handed_on: dict[str, Any] = {}
        self.made_with = made_with
        self.build_shapes: tuple[tuple[object, ...], dict[str, object]] | None = None

    def copy(self) -> Self:
        """Another state with lists and dictionaries of its own."""
        found = object.__new__(type(self))
        found.__dict__.update(copied(self))
        return found


class HasState(Protocol[State]):
    """A layer, a model, or what a training takes for one."""

    @property
    def _layer_state(self) -> State: ...


def state_of(layer: HasState[State]) -> State:
    """What a layer knows of itself. Its name there is not among those of its users."""
    return vars(layer)["_layer_state"]


def has_changed(layer: HasState[LayerState]) -> None:
    """Sessions that the layer is part of are made anew."""
    state_of(layer).revision += 1
    changes.tick()


def walk(layer: HasState[LayerState]) -> Iterator[Stateful]:
    """A layer and all layers inside, each once, outer before inner."""
    seen: set[int] = set()
    stack: list[Any] = [layer]
    while stack:
        found = stack.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        stack.extend(reversed(state_of(found).layers))


def copied(thing: object) -> dict[str, object]:
    """The attributes of an object, with copies of what is appended to."""
    return {
        name: value.copy() if isinstance(value, list | dict | LayerState) else value
        for name, value in vars(thing).items()
    }


def kept(name: str, doc: str) -> Any:
    """An attribute of a layer that its state keeps under that name."""

    def write(layer: Stateful, value: object) -> None:
        setattr(state_of(layer), name, value)
        if layer.built:
            has_changed(layer)

    return property(attrgetter(f"_layer_state.{name}"), write, doc=doc)


class Stateful:
    """A layer, as far as its state and its attributes go."""

    min_ndim: ClassVar[int | None] = None
    """Smallest rank of an input, for the error message."""
    ndim: ClassVar[int | None] = None
    """The one rank an input can have."""
    input_spec: Any = None
    """What `InputSpec`, or a list of them, says of the inputs."""
    supports_masking: bool = False
    """Whether `compute_mask` is asked for the masks of outputs; so it is where a
    subclass defines it."""
    positions_seen: ClassVar[Literal["own", "all"] | None] = None
    """Which positions of the input an output depends on, if operators do not tell: on
    its own, wherever the layer moved it, or on all."""
    destroys_masks: ClassVar[bool] = True
    """Without `supports_masking`, what comes out has no mask, and a warning says so."""
    single_input: ClassVar[bool] = False
    """Takes one tensor and says so when it gets a list."""
    checks_rebuild: ClassVar[bool] = False
    """`build` runs again on a built layer, to compare the shapes."""
    keras_module: ClassVar[str] = "keras.layers"
    """Where Keras has the layer of that name; its files say it."""
    keras_name: ClassVar[str | None] = None
    """What its files call the class, if not by its own name."""
    _is_recorded: ClassVar[bool] = False
    _renamed: ClassVar[dict[str, str]] = {}
    """Former names of arguments, and their present ones."""
    _by_name: ClassVar[tuple[str, ...]] = ()
    """Arguments that are given by their names alone."""
    _absent: ClassVar[tuple[str, ...]] = ()
    """Arguments of the layer of Keras that must be None: they say nothing then."""

    _state_type: ClassVar[type[LayerState]] = LayerState
    _layer_state: LayerState

    name: str = kept("name", "The layer's name.")
    built: bool = kept("built", "Whether the weights exist.")
    variable_dtype: str = kept("variable_dtype", "Element type of the weights.")
    compute_dtype: str = kept("compute_dtype", "Element type that is computed in.")
    autocast: bool = kept("autocast", "Whether inputs and weights are cast to that.")
    activity_regularizer: Any = kept(
        "activity_regularizer", "Penalty of the outputs, or None."
    )

    @offered
    def calls(self) -> list[Call]:
        """Calls on tensors of models, in order."""
        return self._layer_state.calls

    def _called(self, call: Call) -> None:
        """Remember a call on tensors of models."""
        self._layer_state.calls.append(call)

    # What a subclass fills in.

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Outputs as a function of the inputs, with `seqir.ops`."""
        raise NotImplementedError(f"{type(self).__name__} has no call method")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs, given that of the inputs.

        For several outputs a list of masks in their order, None where there is none.
        """
        return previous_mask

    # Attributes are tracked: weights and layers are found wherever they are put.

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        self._track(value)
        object.__setattr__(self, name, value)
        if not isinstance(value, _PLAIN):
            self._layer_state.holding[name] = None
        if self.built:
            has_changed(self)

    def _track(self, value: object) -> None:
        if isinstance(value, Variable):
            own = self._layer_state.variables
            if value not in own:
                own.append(value)
        elif isinstance(value, Stateful):
            self._hold(value)
        elif is_dict(value) or is_sequence(value):
            for item in value.values() if is_dict(value) else value:
                self._track(item)

    def _hold(self, layer: Stateful) -> None:
        """Take a layer of an attribute for one inside."""
        inside = self._layer_state.layers
        if not any(layer is inner for inner in inside):
            inside.append(layer)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in _SET_BY_INIT and "name" not in vars(self._layer_state):
                raise ArgumentError(
                    f"call super().__init__() in {type(self).__name__}.__init__"
                )
            return absent.attribute(self, name)

    def __getstate__(self) -> dict[str, object]:
        """What a copy takes along: everything but sessions."""
        state = self._layer_state.copy()
        state.sessions.clear()
        return {**self.__dict__, "_layer_state": state}

    def __repr__(self) -> str:
        kind, name = type(self).__name__, one_line(self.name)
        return f"<{kind} name={name}, built={self.built}>"


_PLAIN = (str, int, float, NoneType, Variable)
"""Types of attributes in which there is no layer."""

_SET_BY_INIT = ("name", "variable_dtype", "compute_dtype", "autocast", "trainable")
