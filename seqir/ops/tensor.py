"""Tensors: what layers, losses and user code compute with.

==============  ==========================================================
`Traced`        a value of the graph that is being built right now; the
                functions of `seqir.ops` append nodes to that graph
`KerasTensor`   a tensor of a model under construction; functions and
                layers record a `Call`, nothing is computed
`Variable`      a weight: an array that lives between runs
NumPy arrays    functions compute at once
==============  ==========================================================

All of them have `shape`, `dtype` and Python's operators.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from seqir import dtypes, naming, shapes
from seqir.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from seqir.initializers.base import Initializer, check_choice
from seqir.ir import Array, Builder, Value, current_builder, current_trace
from seqir.ops import changes
from seqir.ops.changes import Slot
from seqir.ops.initial import made
from seqir.ops.roles import Role
from seqir.tensortype import TensorType, type_of
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.ops.call import Call

    class _Operators:
        """Python's operators, for type checkers; see `_install_operators`."""

        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __rfloordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __rmod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __rmatmul__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __rand__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __ror__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
        def __rxor__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __abs__(self) -> Any: ...
        def __invert__(self) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...

else:
    _Operators = object


class Tensor(_Operators):
    """A typed value with Python's operators; base of everything symbolic."""

    __slots__ = ()

    @property
    def type(self) -> TensorType:
        """Element type and shape, with the names of unknown sizes."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Sizes, None where unknown."""
        return tuple(d if isinstance(d, int) else None for d in self.type.shape)

    @property
    def dtype(self) -> str:
        """Element type."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.type.rank

    def __eq__(self, other: object) -> Any:
        from seqir import ops

        return ops.equal(self, other) if self._compares(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        from seqir import ops

        # Nothing asks lists and dicts what is unequal: here Keras compares numbers.
        symbolic = isinstance(self, KerasTensor) and isinstance(other, KerasTensor)
        compares = symbolic or self._compares(other)
        return ops.not_equal(self, other) if compares else NotImplemented

    __hash__ = object.__hash__

    def _compares(self, other: Any) -> bool:
        """Whether ``self == other`` is a question about numbers, not about objects.

        Variables and tensors of a model are members of lists and keys of dicts, so
        they equal no other one of their kind.
        """
        if isinstance(other, Tensor):
            return type(self) is not type(other) or isinstance(self, Traced)
        return isinstance(other, int | float | list | tuple | np.ndarray | np.generic)

    def __pos__(self) -> Any:
        return self

    def __round__(self, ndigits: int | None = None) -> Any:
        from seqir import ops

        return ops.round(self, ndigits or 0)

    def __len__(self) -> int:
        raise TypeError(f"{self!r} has no length; use its shape")

    def __bool__(self) -> bool:
        raise DTypeError(
            f"the truth of {self!r} is not known while a model is built; use ops.where "
            "to choose between values, ops.cond to run one of two functions, or "
            "ops.while_loop"
        )

    def __iter__(self) -> Any:
        raise TypeError(
            f"{self!r} cannot be iterated over; use ops.unstack where the size is "
            "known, ops.map or ops.scan to run a function along an axis, or index it"
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise DTypeError(
            f"{self!r} has no numbers yet, NumPy cannot take it; use seqir.ops instead"
        )

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        from seqir.ops.ufuncs import computed

        return computed(ufunc, method, *inputs, **kwargs)


def _install_operators() -> None:
    """Give Tensor Python's operators, each one a function of `seqir.ops`."""
    names = {
        "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
        "pow": "power", "matmul": "matmul", "mod": "mod",
        "floordiv": "floor_divide", "and": "logical_and", "or": "logical_or",
        "xor": "logical_xor",
    }  # fmt: skip

    def binary(function: str, swap: bool) -> Any:
        def method(self: Tensor, other: Any) -> Any:
            from seqir import ops

            fn = getattr(ops, function)
            return fn(other, self) if swap else fn(self, other)

        return method

    for python, function in names.items():
        setattr(Tensor, f"__{python}__", binary(function, swap=False))
        setattr(Tensor, f"__r{python}__", binary(function, swap=True))
    for python, function in {
        "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    }.items():  # fmt: skip
        setattr(Tensor, f"__{python}__", binary(function, swap=False))

    def unary(function: str) -> Any:
        def method(self: Tensor) -> Any:
            from seqir import ops

            return getattr(ops, function)(self)

        return method

    for python, function in {
        "neg": "negative", "abs": "absolute", "invert": "logical_not",
    }.items():  # fmt: skip
        setattr(Tensor, f"__{python}__", unary(function))

    def getitem(self: Tensor, key: Any) -> Any:
        from seqir import ops

        return ops.getitem(self, key)

    Tensor.__getitem__ = getitem


_install_operators()


class Traced(Tensor):
    """A value of the graph that is being built."""

    __slots__ = ("_keras_mask", "builder", "value")

    def __init__(
        self, builder: Builder, value: Value, mask: Traced | None = None
    ) -> None:
        self.builder = builder
        self.value = value
        if mask is not None:
            self._keras_mask = mask

    @property
    def type(self) -> TensorType:
        return self.value.type

    @property
    def mask(self) -> Traced | None:
        """Which steps count; what functions compute has none. Keras's `_keras_mask`."""
        from seqir.ops.apply import traced

        found = getattr(self, "_keras_mask", None)
        return None if found is None else traced(self.builder, found)

    @mask.setter
    def mask(self, mask: Traced | None) -> None:
        self._keras_mask = mask

    def __repr__(self) -> str:
        return f"<Traced {self.value.type}>"


class KerasTensor(Tensor):
    """A tensor of a model: the result of a recorded call, with nothing computed.

    One that you make, of a shape and an element type, says what a layer's
    ``compute_output_spec`` takes and gives.

    Source: ``keras.KerasTensor``.
    """

    __slots__ = ("_keras_mask", "_type", "call", "index", "name")
    call: Call | None
    index: int

    def __init__(
        self,
        shape: TensorType | Sequence[int | str | None],
        dtype: str = "float32",
        *,
        name: str | None = None,
    ) -> None:
        if not isinstance(shape, TensorType):
            dims = (f"size_{i}" if d is None else d for i, d in enumerate(shape))
            shape = TensorType(dtypes.canonical(dtype), tuple(dims))
        self._type = shape
        self.name = naming.auto_name("keras_tensor") if name is None else name
        self.call = None
        self.index = 0

    @property
    def type(self) -> TensorType:
        return self._type

    def __repr__(self) -> str:
        shape = shapes.format_shape(self.shape)
        name = one_line(str(self.name))
        return f"<KerasTensor shape={shape}, dtype={self.dtype}, name={name}>"


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
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
    ) -> None:
        self.name = check_name(naming.auto_name("variable") if name is None else name)
        self.aggregation = _word("aggregation", aggregation, _AGGREGATIONS)
        """How several machines would join theirs; there is one."""
        self.synchronization = _word(
            "synchronization", synchronization, _SYNCHRONIZATIONS
        )
        array = made(self.name, initializer, shape, dtype)
        wanted = dtypes.to_numpy(dtypes.canonical(dtype or array.dtype))
        own = np.array(array, wanted)
        own.flags.writeable = False
        self._array: Array | None = own
        """The numbers, unless a slot holds them."""
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

    @property
    def type(self) -> TensorType:
        b = current_trace()
        if b is not None and b.autocast and self.autocast:
            stored = self.stored_type
            if dtypes.is_float(stored.dtype):
                return TensorType(b.autocast, stored.shape)
        return self.stored_type

    @property
    def stored_type(self) -> TensorType:
        """The type of the array, whatever it is read as."""
        array, slot = self._array, self._slot
        if array is None and slot is not None:
            return slot.type
        return type_of(self.array if array is None else array)

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

    @property
    def array(self) -> Array:
        """The present numbers, read-only and shared; `numpy()` copies.

        While a training holds them on its device, looking at them makes a copy.
        """
        with changes.together():
            if self._array is None:
                assert self._slot is not None
                return self._slot.read()
            return self._array

    @property
    def value(self) -> Any:
        """The present value: an array, in a trace a value of its graph."""
        b = current_builder()
        if b is None:
            return self.array
        from seqir.ops.apply import traced

        return traced(b, self)

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
        """How often the numbers have changed."""
        return self._version + (self._slot.generation if self._slot else 0)

    @property
    def slot(self) -> Slot | None:
        """Where a training holds the numbers, if one does."""
        return self._slot

    def move_to(self, slot: Slot | None) -> None:
        """Let a slot hold the numbers from now on; None brings them back."""
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
        return math.prod(d for d in self.stored_type.shape if isinstance(d, int))

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self.size * dtypes.to_numpy(self.stored_type.dtype).itemsize

    def numpy(self) -> Array:
        """A copy of the present numbers."""
        return self.array.copy()

    @property
    def initial_value(self) -> Array:
        """What it began with; of a weight that is not kept, and this what it is now."""
        stored = self.stored_type
        if callable(self.initial):
            return np.asarray(self.initial(stored.shape, dtype=stored.dtype))
        return self.array if self.initial is None else self.initial

    def assign(self, value: Any) -> Any:
        """Replace the numbers; inside a trace, after the step has run.

        The value comes back, in the type of the variable.

        Raises: ShapeError if the shape differs, DTypeError for arrays of objects.
        """
        if isinstance(value, Traced):
            from seqir.ops.apply import assign

            return assign(self, value)
        array = value.array if isinstance(value, Variable) else np.asarray(value)
        if array.dtype.name not in dtypes.ALL:
            found = "Python objects" if array.dtype == object else f"{value!r}"
            raise DTypeError(f"variable {self.path!r} cannot hold {found}")
        stored = self.stored_type
        if array.shape != stored.shape:
            raise ShapeError(
                f"variable {self.path!r} has shape {stored.shape}, "
                f"a value of shape {array.shape} cannot be assigned to it"
            )
        with changes.together():
            if self._slot is not None:
                changes.settle((self._slot,))
                self._slot.write(array)
                fresh = array.astype(dtypes.to_numpy(stored.dtype))
            else:
                # What owns its numbers and is read-only is shared: nobody changes it.
                kept = array.base is None and not array.flags.writeable
                wanted = dtypes.to_numpy(stored.dtype)
                fresh = np.array(array, wanted, copy=None if kept else True)
                fresh.flags.writeable = False
                same = _same_bits(self.array, fresh)
                self._array = fresh
                if same:
                    return fresh  # what was made from them stays right
            self._version += 1
            changes.tick()
        return fresh

    def assign_add(self, value: Any) -> Any:
        """``variable = variable + value``; raises what `assign` raises."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Any:
        """``variable = variable - value``; raises what `assign` raises."""
        return self.assign(self - value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        self._refuse_in_a_trace()
        array = self.array if dtype is None else self.array.astype(dtype)
        return array.copy() if copy else array

    def __iter__(self) -> Any:
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

    def __pos__(self) -> Any:
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
        """Numbers that Python gets would stay what they are now in every later run."""
        if current_builder() is not None:
            raise DTypeError(
                f"the numbers of variable {self.path!r} are known when the model runs, "
                "not while it is traced; compute with the variable itself and "
                "seqir.ops, or take variable.numpy() for the numbers it has now"
            )

    def __getstate__(self) -> Any:
        """What a copy takes along: the numbers, not the device that holds them."""
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


def _word(argument: str, word: str | None, known: tuple[str, ...]) -> str:
    return check_choice(argument, "none" if word is None else word, known)


def _same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays of one type are equal to the bit, if that is easy to see."""
    if not (a.flags.c_contiguous and b.flags.c_contiguous):
        return False
    return np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))


def assign_all(variables: Sequence[Variable], values: Iterable[Any]) -> None:
    """Give each variable its value, in one change for all who read them.

    Raises: what `Variable.assign` raises; those before have changed then.
    """
    with changes.together():
        changes.settle(v.slot for v in variables if v.slot is not None)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def check_name(name: Any) -> str:
    """The name, if layers and tensors can have it.

    Raises: ArgumentError for anything but a non-empty string without a slash or NUL.
    """
    if not isinstance(name, str) or not name or "/" in name or "\0" in name:
        raise ArgumentError(
            f"argument name must be a non-empty string without '/', got {name!r}"
        )
    return name


Result: TypeAlias = Tensor | Array
"""What functions compute: a symbolic tensor from symbolic ones, else an array."""
TensorLike: TypeAlias = Result | np.generic | float | Sequence[Any]
"""What functions compute with."""
