"""Variables that remember something between steps, in a trace and on arrays."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from seqir import config, dtypes, initializers, ops
from seqir.errors import ArgumentError
from seqir.initializers.base import check_shape
from seqir.ir import current_builder
from seqir.narrow import is_sequence
from seqir.ops.apply import value_of
from seqir.ops.tensor import Result, TensorLike, Traced
from seqir.ops.variable import Variable


def read(variable: Variable) -> Result:
    """The present numbers, which no later assignment changes."""
    b = current_builder()
    return variable.array if b is None else Traced(b, value_of(b, variable))


def write(variable: Variable, value: TensorLike) -> None:
    """Assign a value; inside a trace also one that is an array or a variable."""
    b = current_builder()
    if b is not None and not isinstance(value, Traced):
        value = Traced(b, value_of(b, ops.cast(value, variable.dtype)))
    variable.assign(value)


@contextmanager
def only_if(condition: Any, variables: Iterable[Variable]) -> Generator[None]:
    """What is assigned to the variables inside counts only if the condition holds.

    Shapes: the condition is one truth value. ONNX ``Where`` with such a condition
    takes the time of the three passes of ``m * new + (1 - m) * old``, and numbers
    that are not finite cannot leak through it.
    """
    before = [(variable, read(variable)) for variable in variables]
    with np.errstate(all="ignore"):  # what does not count may be anything
        yield
    for variable, old in before:
        new = read(variable)
        if not _same(new, old):
            write(variable, ops.where(condition, new, old))


def _same(a: Any, b: Any) -> bool:
    return a.value is b.value if isinstance(a, Traced) else a is b


def moved(average: Result, value: Result, rate: Result | float) -> Result:
    """The average, moved to the value: ``average + (value - average) * rate``."""
    return average + (value - average) * rate


class Stateful:
    """An object that owns state variables and assigns to variables.

    Attributes:
        name: the first part of their paths.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._variables: list[Variable] = []

    def add_variable(
        self,
        shape: Sequence[Any],
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new variable of the state, of the default type if none is given."""
        dtype = dtypes.canonical(dtype or config.floatx())
        found: Callable[..., Any] | None = initializers.get(initializer)
        make = found or initializers.Zeros()
        zeros = type(make) is initializers.Zeros
        variable = Variable(
            make(() if zeros else tuple(shape), dtype),
            name=name or "variable",
            trainable=False,
            dtype=dtype,
        )
        if zeros:  # before the first step there is nothing to remember
            variable.take_no_memory(check_shape(shape))
        if isinstance(make, initializers.Initializer):  # which takes less memory
            variable.initial = make
        variable.path = f"{self.name}/{variable.name}"
        variable.autocast = False
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: Any = "zeros",
    ) -> Variable:
        """A new variable of the state: of that variable's shape and type.

        It is called ``<path of the variable with underscores>_<name>``.
        """
        stored = reference_variable.type
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            stored.shape,
            initializer,
            stored.dtype,
            f"{path}_{name or 'var'}",
        )

    def add_optimizer_variables(
        self,
        trainable_variables: Iterable[Variable],
        name: Any,
        initializer: Any = "zeros",
    ) -> Any:
        """A slot of that name for each variable, as a list.

        For a list of names (and one initializer, or a list of them) it is a tuple of
        lists, made variable by variable.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = is_sequence(initializer)
        makers = list(initializer) if several else [initializer] * len(names)
        if len(makers) != len(names):
            raise ArgumentError(
                f"{len(names)} slots need one initializer or {len(names)}, "
                f"got {len(makers)}"
            )
        slots: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for slot, each, maker in zip(slots, names, makers, strict=True):
                slot.append(self.add_variable_from_reference(variable, each, maker))
        return slots[0] if isinstance(name, str) else slots

    def assign(self, variable: Variable, value: TensorLike) -> None:
        """``variable = value``."""
        write(variable, value)

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        """``variable += value``."""
        write(variable, variable + value)

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        """``variable -= value``."""
        write(variable, variable - value)
