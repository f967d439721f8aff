"""The base class of metrics: numbers that are gathered batch after batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from seqir import absent, config, dtype_policies, dtypes, initializers, naming
from seqir.dtype_policies import PolicyLike
from seqir.dtypes import DTypeLike
from seqir.errors import NotBuiltError
from seqir.fields import Declared, keyword
from seqir.ir import Array, current_builder
from seqir.narrow import is_mapping
from seqir.ops.apply import value_of
from seqir.ops.tensor import Result, Traced
from seqir.ops.variable import Variable, assign_all
from seqir.plain import PlainArguments
from seqir.stored import from_arguments

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Direction: TypeAlias = Literal["up", "down"]


class _Directed:
    """What is no argument of a metric."""

    direction: Direction | None = None
    """Whether more is better, less is, or neither is known."""


class Metric(_Directed, Declared, PlainArguments):
    """Base of all metrics; a subclass has `update_state` and `result`.

    Its state lies in variables that `__init__` makes with `add_variable`. What
    `update_state` assigns becomes part of the graph while one is traced, and happens
    at once on arrays::

        class TruePositives(Metric):
            def __init__(self, name="true_positives", **kwargs):
                super().__init__(name=name, **kwargs)
                self.total = self.add_variable((), "zeros", name="total")

            def update_state(self, y_true, y_pred, sample_weight=None):
                found = ops.cast(y_true, "float32") * ops.cast(y_pred > 0.5, "float32")
                self.total.assign(self.total + ops.sum(found))

            def result(self):
                return self.total

    Source: ``keras.metrics.Metric``.
    """

    usual_dtype: ClassVar[str | None] = None
    """What it computes in if nothing is said; None is the default type."""
    last = ("name", "dtype")

    name: str = keyword(default=None)
    dtype: str = keyword(default=None)

    def __init__(
        self, dtype: PolicyLike | None = None, name: str | None = None
    ) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        # A policy of mixed precision says what it computes in.
        policy = dtype_policies.get(dtype or self.usual_dtype or config.floatx())
        self.dtype = policy.compute_dtype
        self._initial: dict[Variable, Array] = {}

    def add_variable(
        self,
        shape: Iterable[int],
        initializer: object,
        dtype: DTypeLike | None = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new variable of the state; `initializer` makes the value it starts with.

        `aggregation` says how several machines would join theirs; there is one.

        Raises: NotBuiltError before ``super().__init__()`` was called.
        """
        if "_initial" not in vars(self):
            raise NotBuiltError(
                f"{type(self).__name__}.__init__ must call super().__init__() before "
                "it adds variables"
            )
        make = initializers.get(initializer) or initializers.Zeros()
        variable = Variable(
            make(tuple(shape), _dtype(dtype)),
            name=name or "variable",
            trainable=False,
            dtype=_dtype(dtype),
        )
        variable.path = f"{self.name.replace('/', '>')}/{variable.name}"
        variable.autocast = False
        self._initial[variable] = variable.array
        return variable

    def add_weight(
        self,
        shape: Iterable[int] = (),
        initializer: object = None,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """A new variable of the state: `add_variable`, zeros by default."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take one batch into account."""
        raise NotImplementedError(f"{type(self).__name__} has no update_state")

    def result(self) -> Result:
        """The number so far, or a dictionary of numbers."""
        raise NotImplementedError(f"{type(self).__name__} has no result")

    def results(self) -> dict[str, Any]:
        """The result under its name, or the items of a dictionary that `result` gives.

        While a graph is traced they are values of that graph.
        """
        found = self.result()
        named = found if is_mapping(found) else {self.name: found}
        return {name: read(value) for name, value in named.items()}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result after one more batch."""
        self.update_state(*args, **kwargs)
        return self.result()

    def initial_values(self) -> dict[Variable, Array]:
        """What each variable of the state starts with, in order."""
        found = list(held(self))
        self._notice(found)
        values = dict(self._initial)
        for metric in found:
            if isinstance(metric, Metric):
                values.update(metric.initial_values())
        return values

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if "_initial" in vars(self):
            self._notice(_found([value]))

    def _notice(self, items: Iterable[Variable | Metric]) -> None:
        """Remember what variables that were not made by `add_variable` start with."""
        for item in items:
            if isinstance(item, Variable):
                self._initial.setdefault(item, item.array)

    @property
    def variables(self) -> list[Variable]:
        """The state, with that of metrics inside this one."""
        return list(self.initial_values())

    def reset_state(self) -> None:
        """Start anew: every variable gets its first value. Not part of any graph."""
        values = self.initial_values()
        assign_all(list(values), values.values())

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return absent.attribute(self, name)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        own = {name: getattr(self, name) for name in self.arguments}
        return {"name": self.name, "dtype": self.dtype, **own}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The metric that `get_config` describes.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def held(owner: object) -> Iterator[Variable | Metric]:
    """The variables and metrics that an object has as attributes.

    They may lie in lists, tuples, sets and dicts, which may lie in each other.
    """
    return _found([value for name, value in vars(owner).items() if name != "_initial"])


def _is_container(x: object) -> TypeIs[Mapping[str, Any] | Collection[Any]]:
    return isinstance(x, Mapping | list | tuple | set)


def _found(values: list[Any]) -> Iterator[Variable | Metric]:
    seen: set[int] = set()
    todo = values[::-1]
    while todo:
        value = todo.pop()
        if isinstance(value, Variable | Metric):
            yield value
        elif _is_container(value) and id(value) not in seen:
            seen.add(id(value))
            inside = value.values() if is_mapping(value) else value
            todo.extend(reversed(list(inside)))


def _dtype(dtype: DTypeLike | None) -> str:
    return config.floatx() if dtype is None else dtypes.canonical(dtype)


def read(value: object) -> Any:
    """The present value of a variable, anything else as it is."""
    if not isinstance(value, Variable):
        return value
    b = current_builder()
    return value.array if b is None else Traced(b, value_of(b, value))


__all__ = ["Metric", "held"]
