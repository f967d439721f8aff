"""Tensors: what layers, losses and user code compute with.

==============  ==========================================================
`Traced`        a value of the graph that is being built right now; the
                functions of `seqir.ops` append nodes to that graph
`KerasTensor`   a tensor of a model under construction; functions and
                layers record a `Call`, nothing is computed
`Variable`      a weight: an array that lives between runs (`variable.py`)
NumPy arrays    functions compute at once
==============  ==========================================================

All of them have `shape`, `dtype` and Python's operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from seqir import dtypes, naming, nest, shapes
from seqir.dtypes import DTypeLike
from seqir.errors import (
    DTypeError,
    GraphError,
)
from seqir.ir import (
    Array,
    Builder,
    FrozenArray,
    Region,
    Value,
)
from seqir.operators.constant import Constant
from seqir.tensortype import TensorType
from seqir.text import one_line

if TYPE_CHECKING:

    class _Operators:
        """Python's operators, for type checkers; see `seqir.ops.methods`."""

        def __add__(self, other: object) -> Result: ...
        def __radd__(self, other: object) -> Result: ...
        def __sub__(self, other: object) -> Result: ...
        def __rsub__(self, other: object) -> Result: ...
        def __mul__(self, other: object) -> Result: ...
        def __rmul__(self, other: object) -> Result: ...
        def __truediv__(self, other: object) -> Result: ...
        def __rtruediv__(self, other: object) -> Result: ...
        def __floordiv__(self, other: object) -> Result: ...
        def __rfloordiv__(self, other: object) -> Result: ...
        def __mod__(self, other: object) -> Result: ...
        def __rmod__(self, other: object) -> Result: ...
        def __pow__(self, other: object) -> Result: ...
        def __rpow__(self, other: object) -> Result: ...
        def __matmul__(self, other: object) -> Result: ...
        def __rmatmul__(self, other: object) -> Result: ...
        def __and__(self, other: object) -> Result: ...
        def __rand__(self, other: object) -> Result: ...
        def __or__(self, other: object) -> Result: ...
        def __ror__(self, other: object) -> Result: ...
        def __xor__(self, other: object) -> Result: ...
        def __rxor__(self, other: object) -> Result: ...
        def __lt__(self, other: object) -> Result: ...
        def __le__(self, other: object) -> Result: ...
        def __gt__(self, other: object) -> Result: ...
        def __ge__(self, other: object) -> Result: ...
        def __neg__(self) -> Result: ...
        def __abs__(self) -> Result: ...
        def __invert__(self) -> Result: ...
        def __round__(self, ndigits: int | None = None) -> Result: ...
        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...
        def __hash__(self) -> int: ...
        def __getitem__(self, key: Index) -> Result: ...
        def astype(self, dtype: DTypeLike) -> Result: ...

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

    def __pos__(self) -> Any:
        return self

    def __len__(self) -> int:
        raise TypeError(f"{self!r} has no length; use its shape")

    def __bool__(self) -> bool:
        raise DTypeError(
            f"the truth of {self!r} is not known while a model is built; use ops.where "
            "to choose between values, ops.cond to run one of two functions, or "
            "ops.while_loop"
        )

    def __float__(self) -> float:
        raise DTypeError(
            f"{self!r} is no number while a model is built or a step is traced: "
            "compute with seqir.ops, and report it in the logs"
        )

    def __int__(self) -> int:
        return int(float(self))

    def __iter__(self) -> Any:
        raise TypeError(
            f"{self!r} cannot be iterated over; use ops.unstack where the size is "
            "known, ops.map or ops.scan to run a function along an axis, or index it"
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise DTypeError(
            f"{self!r} has no numbers yet, NumPy cannot take it; use seqir.ops instead"
        )


if TYPE_CHECKING:

    class _Closed(Tensor):
        """Python's operators of traced values, which make traced values."""

        def __add__(self, other: object) -> Traced: ...
        def __radd__(self, other: object) -> Traced: ...
        def __sub__(self, other: object) -> Traced: ...
        def __rsub__(self, other: object) -> Traced: ...
        def __mul__(self, other: object) -> Traced: ...
        def __rmul__(self, other: object) -> Traced: ...
        def __truediv__(self, other: object) -> Traced: ...
        def __rtruediv__(self, other: object) -> Traced: ...
        def __floordiv__(self, other: object) -> Traced: ...
        def __rfloordiv__(self, other: object) -> Traced: ...
        def __mod__(self, other: object) -> Traced: ...
        def __rmod__(self, other: object) -> Traced: ...
        def __pow__(self, other: object) -> Traced: ...
        def __rpow__(self, other: object) -> Traced: ...
        def __matmul__(self, other: object) -> Traced: ...
        def __rmatmul__(self, other: object) -> Traced: ...
        def __and__(self, other: object) -> Traced: ...
        def __rand__(self, other: object) -> Traced: ...
        def __or__(self, other: object) -> Traced: ...
        def __ror__(self, other: object) -> Traced: ...
        def __xor__(self, other: object) -> Traced: ...
        def __rxor__(self, other: object) -> Traced: ...
        def __lt__(self, other: object) -> Traced: ...
        def __le__(self, other: object) -> Traced: ...
        def __gt__(self, other: object) -> Traced: ...
        def __ge__(self, other: object) -> Traced: ...
        def __neg__(self) -> Traced: ...
        def __abs__(self) -> Traced: ...
        def __invert__(self) -> Traced: ...
        def __getitem__(self, key: Index) -> Traced: ...

else:
    _Closed = Tensor


class Traced(_Closed):
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
        found = getattr(self, "_keras_mask", None)
        if found is None or isinstance(found, Traced):
            return found
        return Traced(self.builder, self.builder(Constant(FrozenArray(found))))

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


class Call:
    """One call of a layer or function on tensors of a model.

    `args` and `kwargs` keep their structure, with the tensors in them, which are
    `inputs`; `outputs` is the structure that came back.
    """

    __slots__ = ("args", "inputs", "kwargs", "outputs", "target")

    def __init__(
        self,
        target: Any,
        args: Any,
        kwargs: Any,
        inputs: list[KerasTensor],
        outputs: Any,
    ) -> None:
        self.target = target
        # The caller may go on using its own lists: this call keeps the present ones.
        self.args, self.kwargs = nest.map_structure(lambda leaf: leaf, (args, kwargs))
        self.inputs = inputs
        self.outputs = outputs
        for i, tensor in enumerate(nest.flatten(outputs)):
            if tensor is not None:
                tensor.call, tensor.index = self, i

    def __repr__(self) -> str:
        return f"<Call of {self.target.name}>"


def check_open(x: Traced) -> None:
    """Refuse a tensor of a body that is complete."""
    if isinstance(x.builder, Region) and x.builder.closed:
        raise GraphError(
            f"{x!r} was computed inside a loop or a branch, which is over: return it "
            "from the function that computes it"
        )


def holds(outer: Builder, inner: Builder | None) -> bool:
    """Whether a builder is another, or lies around it."""
    while inner is not None and inner is not outer:
        inner = inner.outer
    return inner is outer


def value_in(b: Builder, x: Traced) -> Value:
    """The value that stands for x in a graph: in a body, x is captured.

    Raises: GraphError if x is of another graph, or of a body that is over.
    """
    if x.builder is b:
        return x.value
    if isinstance(b, Region) and holds(x.builder, b.around):
        return b.capture(value_in(b.around, x))
    check_open(x)
    raise GraphError(f"{x!r} belongs to another graph than the one being built")


Result: TypeAlias = Tensor | Array
"""What functions compute: a symbolic tensor from symbolic ones, else an array."""
TensorLike: TypeAlias = Result | np.generic | float | Sequence[Any]
"""What functions compute with."""
IndexPart: TypeAlias = slice | EllipsisType | TensorLike | None
"""What stands for one axis, several or a new one where a tensor is indexed."""
Index: TypeAlias = IndexPart | tuple[IndexPart, ...]
"""What a tensor is indexed with."""
