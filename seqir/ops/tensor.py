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
from typing import TYPE_CHECKING, Any

import numpy as np

from seqir import config, dtypes, shapes
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.ir import Array, Builder, Value, current_builder
from seqir.ops import changes
from seqir.ops.changes import Slot
from seqir.tensortype import TensorType
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.ops.call import Call


if TYPE_CHECKING:

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
        def __or__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
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
    __array_priority__ = 100  # array + tensor is the tensor's __radd__
    __array_ufunc__ = None

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

    def __len__(self) -> int:
        raise TypeError(f"{self!r} has no length; use its shape")

    def __bool__(self) -> bool:
        raise DTypeError(
            f"the truth of {self!r} is not known while a model is built; "
            "use ops.where to choose between values"
        )

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} cannot be iterated over; index it or use ops.split")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise DTypeError(
            f"{self!r} has no numbers yet, NumPy cannot take it; use seqir.ops instead"
        )


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

    Tensor.__getitem__ = getitem  # type: ignore[attr-defined]


_install_operators()


class Traced(Tensor):
    """A value of the graph that is being built."""

    __slots__ = ("builder", "mask", "value")

    def __init__(self, builder: Builder, value: Value, mask: Any = None) -> None:
        self.builder = builder
        self.value = value
        self.mask = mask
        """Which time steps count, for layers that propagate a mask."""

    @property
    def type(self) -> TensorType:
        return self.value.type

    def __repr__(self) -> str:
        return f"<Traced {self.value.type}>"


class KerasTensor(Tensor):
    """A tensor of a model: the result of a recorded call, with nothing computed."""

    __slots__ = ("_type", "call", "index", "name")

    def __init__(
        self, type: TensorType, name: str, call: Call | None = None, index: int = 0
    ) -> None:
        self._type = type
        self.name = name
        self.call = call
        self.index = index

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
    """

    __slots__ = (
        "_array",
        "_path",
        "_slot",
        "_trainable",
        "_version",
        "autocast",
        "constraint",
        "name",
        "regularizer",
        "trainable_by_design",
    )

    def __init__(
        self,
        array: Any,
        *,
        name: str = "variable",
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        written = not hasattr(array, "dtype")  # numbers of Python have no type
        array = np.asarray(array)
        if array.dtype == object:
            raise DTypeError(f"variable {name!r} cannot hold Python objects")
        if written and dtype is None and array.dtype.kind in "if":
            dtype = "int32" if array.dtype.kind == "i" else config.floatx()
        wanted = dtypes.to_numpy(dtypes.canonical(dtype or array.dtype))
        own = np.array(array, wanted)
        own.flags.writeable = False
        self._array: Array | None = own
        """The numbers, unless a slot holds them."""
        self._slot: Slot | None = None
        self._version = 0
        self.name = name
        self._path = ""
        self._trainable = trainable
        self.trainable_by_design = trainable
        """Whether it is meant to be trained; moving statistics are not."""
        self.regularizer: Any = None
        self.constraint: Any = None
        self.autocast = True
        """Layers of mixed precision read it in the type that they compute in."""

    @property
    def type(self) -> TensorType:
        b = current_builder()
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
        array = self.array
        return TensorType(dtypes.canonical(array.dtype), array.shape)

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

    def assign(self, value: Any) -> Any:
        """Replace the numbers; inside a trace, after the step has run.

        Raises: ShapeError if the shape differs, DTypeError for arrays of objects.
        """
        if isinstance(value, Traced):
            from seqir.ops.apply import update

            return update(self, value)
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
            else:
                # What owns its numbers and is read-only is shared: nobody changes it.
                kept = array.base is None and not array.flags.writeable
                wanted = dtypes.to_numpy(stored.dtype)
                fresh = np.array(array, wanted, copy=None if kept else True)
                fresh.flags.writeable = False
                same = _same_bits(self.array, fresh)
                self._array = fresh
                if same:
                    return self  # what was made from them stays right
            self._version += 1
            changes.tick()
        return self

    def assign_add(self, value: Any) -> Any:
        """``variable = variable + value``; raises what `assign` raises."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Any:
        """``variable = variable - value``; raises what `assign` raises."""
        return self.assign(self - value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.array if dtype is None else self.array.astype(dtype)
        return array.copy() if copy else array

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __getstate__(self) -> Any:
        """What a copy takes along: the numbers, not the device that holds them."""
        own = {name: getattr(self, name) for name in self.__slots__}
        with changes.together():
            own.update(_array=self.array, _slot=None, _version=self.version)
        return None, own

    def __repr__(self) -> str:
        shape = shapes.format_shape(self.shape)
        path = one_line(self.path)
        return f"<Variable path={path}, shape={shape}, dtype={self.dtype}>"


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
