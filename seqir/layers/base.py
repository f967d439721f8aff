"""The layer: weights that are made when the first input is seen, and a `call`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqir import (
    absent,
    constraints,
    dtype_policies,
    dtypes,
    naming,
    nest,
    random,
    regularizers,
)
from seqir.dtype_policies import DTypePolicy
from seqir.errors import (
    ArgumentError,
    NotBuiltError,
    SeqirError,
    ShapeError,
)
from seqir.ir import current_builder, current_trace
from seqir.layers import (
    arguments,
    checks,
    configuration,
    declared,
    eager,
    fields,
    masks,
    penalties,
    recorded,
    scope,
    weights,
)
from seqir.layers.keeping import Keeping
from seqir.layers.keywords import Keywords
from seqir.layers.scope import Snapshot, name_scope, once, outer_names
from seqir.ops import changes
from seqir.ops.apply import traced
from seqir.ops.call import is_symbolic, record
from seqir.ops.convert import cast
from seqir.ops.roles import Role
from seqir.ops.tensor import Call, Tensor, Traced
from seqir.ops.variable import Variable, assign_all
from seqir.plain import python
from seqir.shapes import format_shape
from seqir.text import one_line


class _State:
    """What a layer knows of itself; not its arguments."""

    name: str
    supports_masking: bool = False
    """Whether `compute_mask` is asked for the masks of outputs; so it is where a
    subclass defines it."""
    built: bool
    """Whether the weights exist."""
    calls: list[Call]
    """Calls on tensors of models, in order."""
    revision: int
    """How often anything but the weights, and whether they are trained, has changed
    since the layer was built."""
    _building: bool
    _locked: bool
    """Whether `build` is done, and the weights are those that there are."""
    _build_shapes: tuple[tuple[Any, ...], dict[str, Any]]
    """What `build` was called with; there once it is done."""
    _own_variables: list[Variable]
    _layers: list[Layer]
    _holding: dict[str, None]
    """Names of attributes that were set to what may hold layers, for files."""
    _sessions: dict[str, Any]
    _losses: list[np.ndarray[Any, Any]]
    """What the last call on arrays has added to the loss."""
    _keys: random.SeedGenerator
    """Seed and step of calls on arrays."""
    _trainable: bool
    _handed_on: dict[str, Any]
    """Arguments that the ``__init__`` of seqir's class got, as it got them."""
    _made_with: dict[str, Any]
    """Arguments of an ``__init__`` of the user's, as they were given."""


class Layer(_State, Keywords, Keeping):
    """A function of tensors with weights.

    Subclass it, make weights in `build` with `add_weight`, and compute in `call` with
    `seqir.ops` and Python's operators. Arguments are either declared as fields::

        class Scale(Layer):
            factor: float = 1.0

            def build(self, input_shape):
                self.gain = self.add_weight(shape=input_shape[-1:], initializer="ones")

            def call(self, x):
                return x * self.gain * self.factor

    or taken in an ``__init__`` of your own that passes ``**kwargs`` on.

    Called on arrays a layer runs at once; on tensors of a model it becomes part of
    the model; inside another layer's `call` it is traced with it.
    """

    min_ndim: ClassVar[int | None] = None
    """Smallest rank of an input, for the error message."""
    ndim: ClassVar[int | None] = None
    """The one rank an input can have."""
    destroys_masks: ClassVar[bool] = True
    """Without `supports_masking`, what comes out has no mask, and a warning says so."""
    single_input: ClassVar[bool] = False
    """Takes one tensor and says so when it gets a list."""
    checks_rebuild: ClassVar[bool] = False
    """`build` runs again on a built layer, to compare the shapes."""
    _is_recorded: ClassVar[bool] = False
    _renamed: ClassVar[dict[str, str]] = {}
    """Former names of arguments, and their present ones."""
    _absent: ClassVar[tuple[str, ...]] = ()
    """Arguments of the layer of Keras that must be None: they say nothing then."""
    keras_module: ClassVar[str] = "keras.layers"
    """Where Keras has the layer of that name; its files say it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "build" in own:
            cls.build = once(cls.build)
        if "compute_mask" in own and "supports_masking" not in own:
            cls.supports_masking = True
        fields.declare(cls)
        recorded.declare(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A layer that attributes can be set on, even before ``super().__init__()``."""
        layer = object.__new__(cls)
        layer.__dict__.update(
            _own_variables=[],
            _layers=[],
            _holding={},
            _sessions={},
            _losses=[],
            _keys=random.SeedGenerator(),
            _building=False,
            _locked=False,
            _handed_on={},
            _made_with=recorded.of_call(cls, args, kwargs),
            built=False,
            calls=[],
            revision=0,
        )
        return layer

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        autocast: bool = True,
        **kwargs: Any,
    ) -> None:
        kind, trainable = type(self).__name__, python(trainable)
        if kwargs.keys() - fields.BASE_KEYWORDS:
            fields.check_known(kind, kwargs, fields.known_to(type(self)))
        if not isinstance(trainable, bool):
            raise ArgumentError(
                f"Expected trainable to be a boolean, got {trainable!r}"
            )
        self.__dict__["_trainable"] = trainable
        self.name = naming.auto_name(kind) if name is None else naming.check_name(name)
        self.dtype_policy = dtype
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._input_shape_arg = arguments.legacy_input_shape(kwargs)

    # What a subclass fills in.

    def setup(self) -> None:
        """Check and normalize the fields; called once they are set."""

    @once
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (None where unknown)."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Outputs as a function of the inputs, with `seqir.ops`."""
        raise NotImplementedError(f"{type(self).__name__} has no call method")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs, given that of the inputs.

        For several outputs a list of masks in their order, None where there is none.
        """
        return previous_mask

    # Weights.

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
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
        if self._locked and not self._building:
            checks.refuse_weight(self, name)
        variable = weights.make(
            self,
            name or f"variable_{len(self._own_variables)}",
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
        for layer in self._walk():
            own = layer._own_variables
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
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._walk():
            layer.__dict__["_trainable"] = bool(value)
            changes.tick()
            for variable in layer._own_variables:
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

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of all weights."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weights; nothing changes if one of them does not fit.

        Raises: ShapeError for a wrong number of arrays or a wrong shape, DTypeError
            for what is not an array of numbers.
        """
        assign_all(self.weights, arguments.arrays_for(self, weights))

    def reset_state(self) -> None:
        """Put all states, those of layers inside too, back to their initial values."""
        own = (v for layer in self._walk() for v in layer._own_variables)
        states = [v for v in dict.fromkeys(own) if v.role == "state"]
        assign_all(states, [v.initial_value for v in states])

    # Losses.

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or a list of them) to the loss; call it in `call`.

        Raises: GraphError outside of `call`, ShapeError for what is not a scalar.
        """
        penalties.add(self, loss)

    @property
    def losses(self) -> list[Any]:
        """Scalars that the last call on arrays has added, then penalties of weights.

        A model keeps what was added only when it is called with ``training=True``.
        """
        return penalties.losses(self, self._losses)

    # Connections.

    @property
    def dtype(self) -> str:
        """Element type of the weights."""
        return self.variable_dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """Which types the weights have and the layer computes in; any form is taken."""
        names = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}
        alike = self.variable_dtype == self.compute_dtype
        return DTypePolicy(self.variable_dtype if alike else names[self.compute_dtype])

    @dtype_policy.setter
    def dtype_policy(self, policy: Any) -> None:
        found = dtype_policies.get(policy)
        self.variable_dtype = found.variable_dtype
        self.compute_dtype = found.compute_dtype

    @property
    def input(self) -> Any:
        """Tensor (or structure) that the layer was first called on in a model."""
        inputs = self._first_call("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """Tensor (or structure) that came out of the first call in a model."""
        return self._first_call("output").outputs

    @property
    def path(self) -> str:
        """Name of the layer, as weights' paths have it."""
        return "/".join((*outer_names(self), self.name))

    def _first_call(self, what: str) -> Call:
        if not self.calls:
            raise NotBuiltError(
                f"The layer {self.name} has never been called and thus has no "
                f"defined {what}."
            )
        return self.calls[0]

    # Calling.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        checks.check_positional(self, args)
        leaves = nest.flatten((args, kwargs))
        if any(map(is_symbolic, leaves)):
            outputs = record(self, args, kwargs)
            declared.compare(self, args, kwargs, outputs)
            return outputs
        if any(isinstance(x, Traced) for x in leaves) or current_builder():
            return self.trace(*args, **kwargs)
        return self.run(*args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays, with ONNX Runtime."""
        return eager.run(self, args, kwargs)

    def next_key(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Seed and step for the random numbers of one more call on arrays."""
        return self._keys.next()

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """Append the layer to the graph under construction; its output values."""
        b = current_trace()
        assert b is not None, "a layer is traced inside Trace.active()"
        try:
            self._check_inputs(args)
            args, kwargs = nest.map_structure(self._autocast, (args, kwargs))
            self._ensure_built(args, kwargs)
            args, kwargs, training = arguments.with_training(
                self, args, kwargs, b.training
            )
            given = masks.given(self, args, kwargs)
            kwargs = given.kwargs
            with (
                b.source(self.name, type(self).__name__),
                b.mode(training=training, autocast=self._weights_dtype),
                name_scope(self),
            ):
                outputs = self.call(*args, **kwargs)
                outputs = nest.map_structure(lambda y: traced(b, y), outputs)
                if self.activity_regularizer is not None:
                    penalties.add_activity(self, outputs)
                return masks.passed_on(self, given, outputs)
        except SeqirError as error:
            checks.add_note(error, self._note(args))
            raise

    @property
    def _weights_dtype(self) -> str | None:
        """What floating-point weights are read as, if not as they are stored."""
        mixed = self.autocast and self.compute_dtype != self.variable_dtype
        return self.compute_dtype if mixed else None

    @property
    def _input_dtype(self) -> str | None:
        """What floating-point inputs are cast to."""
        return self.compute_dtype if self.autocast else None

    def connect_masks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
    ) -> None:
        """Give the outputs of a call on tensors of a model their masks."""
        args, kwargs, _ = arguments.with_training(self, args, kwargs, outer=False)
        masks.connect(self, masks.given(self, args, kwargs), outputs)

    @property
    def _call_arguments(self) -> tuple[str, ...]:
        return checks.call_arguments(self)

    def _autocast(self, x: Any) -> Any:
        wanted = self._input_dtype
        if not isinstance(x, Traced) or not wanted or x.dtype == wanted:
            return x
        if dtypes.is_float(x.dtype):
            return Traced(x.builder, cast(x, wanted).value, x.mask)
        return x

    def _check_inputs(self, args: tuple[Any, ...]) -> None:
        checks.check_inputs(self, args)

    def check_axis(
        self, shape: Sequence[int | None], axis: int, wanted: int | None
    ) -> None:
        """ShapeError unless the input has the size there that the weights need."""
        if shape[axis] is not None and shape[axis] != wanted:
            raise ShapeError(
                f"Input 0 of layer '{self.name}' is incompatible with the layer: "
                f"expected axis {axis} of input shape to have value {wanted}, but "
                f"received input with shape {format_shape(shape)}"
            )

    def _ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.built:
            return
        shapes = checks.build_shapes(self, args, kwargs)
        if shapes is not None:
            self.build(**shapes)
            return
        tensors = args[0] if args else next(iter(kwargs.values()), None)
        self.build(nest.map_structure(lambda x: getattr(x, "shape", None), tensors))

    def _note(self, args: Any) -> str:
        types = [str(x.type) for x in nest.flatten(args) if isinstance(x, Tensor)]
        inputs = f", input {', '.join(types)}" if types else ""
        return f"in layer {self.name!r} ({type(self).__name__}){inputs}"

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for inputs of this shape; nothing is built.

        Raises: ShapeError if such an input does not fit.
        """
        spec = self.compute_output_spec(
            arguments.stand_ins(python(input_shape), self.compute_dtype)
        )
        return nest.map_structure(lambda t: t.shape, spec)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Output tensors for symbolic inputs; nothing is built or recorded."""
        before = Snapshot(self)
        try:
            with naming.apart(), scope.without_values():
                return record(self, args, kwargs)
        finally:
            before.restore()

    # Attributes are tracked: weights and layers are found wherever they are put.

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        self._track(value)
        object.__setattr__(self, name, value)
        if not isinstance(value, _PLAIN):
            self._holding[name] = None
        if self.built:
            self._has_changed()

    def _has_changed(self) -> None:
        """Sessions that the layer is part of are made anew."""
        self.__dict__["revision"] += 1
        changes.tick()

    def _track(self, value: Any) -> None:
        if isinstance(value, Variable):
            if value not in self._own_variables:
                self._own_variables.append(value)
        elif isinstance(value, Layer):
            self._hold(value)
        elif isinstance(value, list | tuple | dict):
            for item in value.values() if isinstance(value, dict) else value:
                if isinstance(item, Variable | Layer | list | tuple):
                    self._track(item)

    def _hold(self, layer: Layer) -> None:
        """Take a layer of an attribute for one inside."""
        if not any(layer is inner for inner in self._layers):
            self._layers.append(layer)

    def _walk(self) -> Iterator[Layer]:
        """This layer and all layers inside, each once, outer before inner."""
        seen: set[int] = set()
        stack: list[Layer] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            yield layer
            stack.extend(reversed(layer._inner_layers()))

    def _inner_layers(self) -> list[Layer]:
        return self._layers

    # Configuration.

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal, unbuilt layer.

        Those of an ``__init__`` of your own are in it as they were given, unless you
        define `get_config` yourself.

        Raises: UnsupportedError if one of them is more than plain data.
        """
        config = self._described()
        if type(self).get_config is Layer.get_config and type(self)._is_recorded:
            return recorded.config(self, config)
        return config

    def _described(self) -> dict[str, Any]:
        """The arguments that seqir's class knows of, as plain data."""
        base = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = regularizers.serialize(
                self.activity_regularizer
            )
        return base | self._config_of(fields.described(type(self)))

    def _config_of(self, names: Iterable[str]) -> dict[str, Any]:
        """These arguments as plain data."""
        return {name: configuration.plain(name, getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer that `get_config` (or that of Keras) describes.

        Raises: UnsupportedError for what only Keras's layer of that name can be.
        """
        return configuration.made(cls, config)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in _SET_BY_INIT and "name" not in self.__dict__:
                raise ArgumentError(
                    f"call super().__init__() in {type(self).__name__}.__init__"
                )
            return absent.attribute(self, name)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: everything but sessions."""
        return {**self.__dict__, "_sessions": {}}

    def __repr__(self) -> str:
        kind, name = type(self).__name__, one_line(self.name)
        return f"<{kind} name={name}, built={self.built}>"


_PLAIN = (str, int, float, NoneType, Variable)
"""Types of attributes in which there is no layer."""

_SET_BY_INIT = ("name", "variable_dtype", "compute_dtype", "autocast", "_trainable")

Initializer = Callable[..., Any] | str | None
