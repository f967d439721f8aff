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

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.ir import Array, Builder, Value, current_builder
from seqir.tensortype import TensorType

if TYPE_CHECKING:
    from seqir.ops.call import Call


class Size:
    """An unknown size under arithmetic: ``ops.shape(x)[0] * 2``."""

    __slots__ = ("dim",)

    def __init__(self, dim: shapes.Dim) -> None:
        self.dim = dim

    @staticmethod
    def of(dim: shapes.Dim) -> Any:
        """An int for a known size, a Size for an unknown one."""
        return dim if isinstance(dim, int) else Size(dim)

    def __add__(self, other: Any) -> Any:
        return Size.of(shapes.add(self.dim, dim_of(other)))

    def __sub__(self, other: Any) -> Any:
        return Size.of(shapes.add(self.dim, shapes.mul(-1, dim_of(other))))

    def __rsub__(self, other: Any) -> Any:
        return Size.of(shapes.add(dim_of(other), shapes.mul(-1, self.dim)))

    def __mul__(self, other: Any) -> Any:
        return Size.of(shapes.mul(self.dim, dim_of(other)))

    def __floordiv__(self, other: Any) -> Any:
        return Size.of(shapes.floordiv(self.dim, dim_of(other)))

    __radd__ = __add__
    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.dim == other.dim

    def __hash__(self) -> int:
        return hash(self.dim)

    def __repr__(self) -> str:
        return f"<Size {self.dim}>"


def dim_of(size: Any) -> shapes.Dim:
    """The size as the IR has it: an int or a name."""
    if isinstance(size, Size):
        return size.dim
    if isinstance(size, int | np.integer) and not isinstance(size, bool):
        return int(size)
    raise ShapeError(f"a size must be an integer, got {size!r}")


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
        return f"<KerasTensor shape={shape}, dtype={self.dtype}, name={self.name}>"


class Slot(Protocol):
    """Memory of a device that holds the numbers of a variable during a training."""

    ahead: bool
    """The device has changed them since they were last read."""
    generation: int
    """How often the device has changed them."""

    def read(self) -> Array:
        """A read-only copy of the present numbers; no longer ahead."""
        ...

    def write(self, array: Array) -> None:
        """Replace the numbers; no longer ahead."""
        ...


class Variable(Tensor):
    """A weight: an array that lives between runs and has a name in its layer.

    Reading it inside a layer's `call` makes it a parameter of the graph. `version`
    grows with every change, so that what was made from the old array can tell.
    """

    __slots__ = (
        "_array",
        "_path",
        "_slot",
        "_version",
        "autocast",
        "constraint",
        "name",
        "regularizer",
        "trainable",
        "trainable_by_design",
    )
    clock = 0
    """Assignments to any variable so far: nothing changed while it stands still."""

    def __init__(
        self,
        array: Any,
        *,
        name: str = "variable",
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        array = np.asarray(array)
        if array.dtype == object:
            raise DTypeError(f"variable {name!r} cannot hold Python objects")
        wanted = dtypes.to_numpy(dtypes.canonical(dtype or array.dtype))
        self._array: Array = np.array(array, wanted)
        self._array.flags.writeable = False
        self._slot: Slot | None = None
        self._version = 0
        self.name = name
        self._path = ""
        self.trainable = trainable
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
        return TensorType(dtypes.canonical(self._array.dtype), self._array.shape)

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
        if self._slot is not None and self._slot.ahead:
            self._array = self._slot.read()
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
        array, self._version = self.array, self.version
        self._slot = slot
        Variable.clock += 1
        if slot is None:
            return
        self._version -= slot.generation
        slot.write(array)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._array.size

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self._array.nbytes

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
        if array.shape != self._array.shape:
            raise ShapeError(
                f"variable {self.path!r} has shape {self._array.shape}, "
                f"a value of shape {array.shape} cannot be assigned to it"
            )
        # What owns its numbers and is read-only is shared: nobody changes it.
        kept = array.base is None and not array.flags.writeable
        fresh = np.array(array, self._array.dtype, copy=None if kept else True)
        fresh.flags.writeable = False
        self._array = fresh
        self._version += 1
        Variable.clock += 1
        if self._slot is not None:
            self._slot.write(fresh)
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
        own.update(_array=self.array, _slot=None, _version=self.version)
        return None, own

    def __repr__(self) -> str:
        shape = shapes.format_shape(self.shape)
        return f"<Variable path={self.path}, shape={shape}, dtype={self.dtype}>"


def check_name(name: Any) -> str:
    """The name, if layers and tensors can have it.

    Raises: ArgumentError for anything but a non-empty string without a slash or NUL.
    """
    if not isinstance(name, str) or not name or "/" in name or "\0" in name:
        raise ArgumentError(
            f"argument name must be a non-empty string without '/', got {name!r}"
        )
    return name
