"""Reading and writing variables: the same in a trace and on arrays."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

from seqir import ops
from seqir.ir import current_builder
from seqir.ops.apply import value_of
from seqir.ops.tensor import Traced, Variable


def read(variable: Variable) -> Any:
    """The present numbers, which no later assignment changes."""
    b = current_builder()
    return variable.array if b is None else Traced(b, value_of(b, variable))


def write(variable: Variable, value: Any) -> None:
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
    yield
    for variable, old in before:
        new = read(variable)
        if not _same(new, old):
            write(variable, ops.where(condition, new, old))


def _same(a: Any, b: Any) -> bool:
    return a.value is b.value if isinstance(a, Traced) else a is b


def moved(average: Any, value: Any, rate: Any) -> Any:
    """The average, moved to the value: ``average + (value - average) * rate``."""
    return average + (value - average) * rate
