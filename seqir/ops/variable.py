"""Variables: weights, which live between runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from seqir import dtypes, naming, shapes
from seqir.arguments import one_of
from seqir.dtypes import DTypeLike
from seqir.errors import (
    DTypeError,
    GraphError,
    ShapeError,
    UnsupportedError,
)
from seqir.initializers.base import Initializer
from seqir.ir import (
    Array,
    Builder,
    FrozenArray,
    Trace,
    Value,
    current_builder,
    current_trace,
)
from seqir.operators.constant import Constant
from seqir.operators.convert import Cast
from seqir.ops import changes
from seqir.ops.changes import Slot
from seqir.ops.initial import made
from seqir.ops.roles import Role
from seqir.ops.tensor import Result, Tensor, TensorLike, Traced, holds, value_in
from seqir.tensortype import TensorType, type_of
from seqir.text import one_line


class Variable(Tensor):
    """A weight: an array that lives between runs and has a name in its layer.

    Reading it inside a layer's `call` makes it a parameter of the graph. `version`
    grows with every change, so that what was made from the old array can tell.

    `initializer` is an array, or the name of an initializer or a function
    ``f(shape, dtype=)``, which are called with `shape`.

    Raises: ArgumentError for a name with a slash, an unknown word, or an initializer
        without a shape; ShapeError for an array of another shape than `shape`;
        DTypeError for Python objects.
    Source: ``keras.Variable``.
    """

    __slots__ = (
        "_array",
        "_path",
        "_slot",
        "_trainable",
        "_version",
        "aggregation",
        "autocast",
        "constraint",
        "initial",
        "name",
        "regularizer",
        "role",
        "synchronization",
    )

    def __init__(
        self,
        initializer: Any,
        shape: int | Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
    ) -> None:
        self.name = naming.check_name(
            naming.auto_name("variable") if name is None else name
        )
        self.aggregation = _word("aggregation", aggregation, _AGGREGATIONS)
        """How several machines would join theirs; there is one."""
        self.synchronization = _word(
            "synchronization", synchronization, _SYNCHRONIZATIONS
        )
        array = made(self.name, initializer, shape, dtype)
        wanted = dtypes.to_numpy(dtypes.canonical(dtype or array.dtype))
        own = _owned(array, wanted)
        self._array: Array | None = own
        """The values, unless a slot holds them."""
        self._slot: Slot | None = None
        self._version = 0
        self._path = ""
        self._trainable = trainable
        self.role: Role = "weight" if trainable else "statistic"
        """What it is for; a statistic that `call` assigns to in inference is a state
        from then on."""
        self.initial: Any = None if trainable else own
        """What a state begins with: an array, or a function of shape and type."""
        self.regularizer: Any = None
        self.constraint: Any = None
        self.autocast = autocast
        """Layers of mixed precision read it in the type that they compute in."""

    @classmethod
    def holding(cls, array: Array, path: str, *, trainable: bool) -> Variable:
        """A variable of that path whose values are an array, which is not copied."""
        name = path.rpartition("/")[2].replace("\0", "") or "variable"
        found = cls(np.zeros((), array.dtype), trainable=trainable, name=name)
        kept = array.view()
        kept.flags.writeable = False
        found._array, found._path = kept, path
        return found

    @property
    def type(self) -> TensorType:
        """The type of the array, whatever it is read as."""
        array, slot = self._array, self._slot
        if array is None and slot is not None:
            return slot.type
        return type_of(self.array if array is None else array)

    @property
    def dtype(self) -> str:
        """Element type; in a layer's `call` the one that the layer reads it in."""
        b = current_trace()
        return self.type.dtype if b is None else b.type_of(self).dtype

    @property
    def trainable(self) -> bool:
        """Whether a training changes it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if value != self._trainable:
            self._trainable = value
            changes.tick()

    @property
    def path(self) -> str:
        """Name with the layers it lies in: ``model/dense/kernel``."""
        return self._path or self.name

    @path.setter
    def path(self, path: str) -> None:
        self._path = path

    def take_no_memory(self, shape: tuple[int, ...]) -> None:
        """Be of this shape, with one number for all values, until it is assigned."""
        self._array = np.broadcast_to(self.array, shape)

    @property
    def array(self) -> Array:
        """The present values, read-only and shared; `numpy()` copies.

        While a training holds them on its device, looking at them makes a copy.
        """
        with changes.together():
            if self._array is None:
                assert self._slot is not None
                return self._slot.read()
            return self._array

    @property
    def value(self) -> Result:
        """The present value: an array, in a trace a value of its graph."""
        b = current_builder()
        return self.array if b is None else Traced(b, read(b, self))

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether a step puts the gradient in its place, as float8 would need: never.

        Raises: UnsupportedError when it is set to anything but False.
        """
        return False

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if value is not False:
            raise UnsupportedError(
                f"overwrite_with_gradient of variable {self.path!r} must be False, got "
                f"{value!r}: it is for float8, which seqir does not have; use assign"
            )

    @property
    def version(self) -> int:
        """How often the values have changed."""
        return self._version + (self._slot.generation if self._slot else 0)

    @property
    def slot(self) -> Slot | None:
        """Where a training holds the values, if one does."""
        return self._slot

    def move_to(self, slot: Slot | None) -> None:
        """Let a slot hold the values from now on; None brings them back."""
        with changes.together():
            changes.settle(filter(None, (self._slot, slot)))
            array, self._version = self.array, self.version
            self._slot, self._array = slot, array
            changes.tick()
            if slot is not None:
                self._version -= slot.generation
                slot.write(array)
                self._array = None  # one place holds them

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(d for d in self.type.shape if isinstance(d, int))

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self.size * dtypes.to_numpy(self.type.dtype).itemsize

    def numpy(self) -> Array:
        """A copy of the present values."""
        return self.array.copy()

    @property
    def initial_value(self) -> Array:
        """What it began with; of a weight that is not kept, and this what it is now."""
        stored = self.type
        if callable(self.initial):
            return np.asarray(self.initial(stored.shape, dtype=stored.dtype))
        return self.array if self.initial is None else self.initial

    def assign(self, value: TensorLike) -> Result:
        """Replace the values; inside a trace, after the step has run.

        The value comes back, in the type of the variable.

        Raises: ShapeError if the shape differs, DTypeError for arrays of objects.
        """
        b = current_builder()
        if b is not None and isinstance(value, Variable):
            value = value.value
        if isinstance(value, Traced):
            return assign(self, value)
        array = value.array if isinstance(value, Variable) else np.asarray(value)
        if array.dtype.name not in dtypes.ALL:
            found = "Python objects" if array.dtype == object else f"{value!r}"
            raise DTypeError(f"variable {self.path!r} cannot hold {found}")
        stored = self.type
        if array.shape != stored.shape:
            raise ShapeError(
                f"variable {self.path!r} has shape {stored.shape}, "
                f"a value of shape {array.shape} cannot be assigned to it"
            )
        if b is not None:  # in every run, not in this trace
            array = array.astype(dtypes.to_numpy(stored.dtype))
            return assign(self, Traced(b, b(Constant(FrozenArray(array)))))
        with changes.together():
            if self._slot is not None:
                changes.settle((self._slot,))
                self._slot.write(array)
                fresh = array.astype(dtypes.to_numpy(stored.dtype))
            else:
                fresh = _owned(array, dtypes.to_numpy(stored.dtype))
                same = changes.same_bits(self.array, fresh)
                self._array = fresh
                if same:
                    return fresh  # what was made from them stays right
            self._version += 1
            changes.tick()
        return fresh

    def assign_add(self, value: TensorLike) -> Result:
        """``variable = variable + value``; raises what `assign` raises."""
        return self.assign(self + value)

    def assign_sub(self, value: TensorLike) -> Result:
        """``variable = variable - value``; raises what `assign` raises."""
        return self.assign(self - value)

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Array:
        self._refuse_in_a_trace()
        array = self.array if dtype is None else self.array.astype(dtype)
        return array.copy() if copy else array

    def __iter__(self) -> Iterator[Any]:
        if current_builder() is not None or not self.shape:
            return super().__iter__()
        return iter(self.array)

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __bool__(self) -> bool:
        raise DTypeError(
            f"variable {self.path!r} has no truth; compare it with a number, or use "
            "ops.where to choose between values"
        )

    def __pos__(self) -> Result:
        return self.value

    def _number(self) -> Array:
        self._refuse_in_a_trace()
        if self.shape:
            raise DTypeError(
                f"variable {self.path!r} of shape {self.shape} is not a single number; "
                "index it first"
            )
        return self.array

    def _refuse_in_a_trace(self) -> None:
        """Values that Python gets would stay what they are now in every later run."""
        if current_builder() is not None:
            raise DTypeError(
                f"the numbers of variable {self.path!r} are known when the model runs, "
                "not while it is traced; compute with the variable itself and "
                "seqir.ops, or take variable.numpy() for the numbers it has now"
            )

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """What a copy takes along: the values, not the device that holds them."""
        own = {name: getattr(self, name) for name in self.__slots__}
        with changes.together():
            own.update(_array=self.array, _slot=None, _version=self.version)
        if callable(self.initial) and not isinstance(self.initial, Initializer):
            own["initial"] = self.initial_value  # functions need not have a name
        return None, own

    def __repr__(self) -> str:
        shape = shapes.format_shape(self.shape)
        path = one_line(self.path)
        return f"<Variable path={path}, shape={shape}, dtype={self.dtype}>"


_AGGREGATIONS = ("none", "mean", "sum", "only_first_replica")
_SYNCHRONIZATIONS = ("none", "on_read", "on_write", "auto")


def _owned(array: Array, dtype: np.dtype[Any]) -> Array:
    """The values, read-only, in memory of which nobody else changes anything.

    What owns its values and is read-only is shared: nobody changes it.
    """
    kept = array.base is None and not array.flags.writeable
    own = np.array(array, dtype, copy=None if kept else True)
    own.flags.writeable = False
    return own


def _word(argument: str, word: str | None, known: tuple[str, ...]) -> str:
    return one_of(argument, "none" if word is None else word, known)


def read(b: Builder, variable: Variable) -> Value:
    """What a variable holds now in the graph, cast by the policy of the layer."""
    trace = _trace(b, variable)
    value = trace.read(variable, _parameter(b, variable), variable.type)
    dtype = trace.type_of(variable).dtype
    return value if value.type.dtype == dtype else b(Cast(dtype), value)


def assign(variable: Variable, value: Traced) -> Traced:
    """Give a variable a new value after the traced graph has run."""
    current, stored = current_builder(), variable.type
    b = value.builder
    if current is not None and holds(b, current):
        b = current  # inside a body, also what is made of tensors around it
    new = value
    if value.dtype != stored.dtype:
        new = Traced(b, b(Cast(stored.dtype), value_in(b, value)))
    if new.type != stored:
        raise GraphError(
            f"variable {variable.path!r} is {stored}, its new value is {new.type}"
        )
    trace = _trace(b, variable)
    trace.write(variable, _parameter(b, variable), value_in(b, new))
    if variable.role == "statistic" and not trace.training:
        variable.role = "state"  # nobody has to say so: the code does
    return new


def _trace(b: Builder, variable: Variable) -> Trace:
    """The builder as one that knows variables."""
    if not isinstance(b, Trace):
        raise GraphError(f"{variable!r} is read in a graph that is traced already")
    return b


def _parameter(b: Builder, variable: Variable) -> str:
    """The name of the parameter that stands for a variable."""
    return f"{b.path}/{variable.name}" if b.path else variable.path


def assign_all(variables: Sequence[Variable], values: Iterable[Any]) -> None:
    """Give each variable its value, in one change for all who read them.

    Raises: what `Variable.assign` raises; those before have changed then.
    """
    with changes.together():
        changes.settle(v.slot for v in variables if v.slot is not None)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
