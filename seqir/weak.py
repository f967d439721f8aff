"""An attribute that names its owner and does not keep it alive."""

from __future__ import annotations

import weakref
from typing import Any, Generic, Self, TypeVar, cast, overload

T = TypeVar("T")


class Owner(Generic[T]):
    """What an object belongs to: ``model = Owner["Model"]()`` in its class.

    Without it a model and what it holds would form a circle, and its sessions would
    live until Python's collector comes by, which does not see how large they are.
    """

    def __set_name__(self, cls: type, name: str) -> None:
        self._place = f"_{name}"

    @overload
    def __get__(self, instance: None, cls: type) -> Self: ...
    @overload
    def __get__(self, instance: object, cls: type) -> T: ...
    def __get__(self, instance: Any, cls: type) -> Any:
        if instance is None:
            return self
        reference = instance.__dict__.get(self._place)
        if reference is None:
            name = self._place.removeprefix("_")
            raise AttributeError(f"{type(instance).__name__} has no {name} yet")
        return cast("T", reference())

    def __set__(self, instance: Any, value: T) -> None:
        instance.__dict__[self._place] = _Reference(value)


class _Reference(weakref.ref[Any]):
    """A weak reference that copies and pickles take along."""

    def __reduce__(self) -> Any:
        return _Reference, (self(),)
