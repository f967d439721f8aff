"""Properties that give way to attributes of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class offered(Generic[T]):  # noqa: N801 - it is used as `property` is
    """A property under a name that users give to attributes of their own, too.

    What is set under that name hides it. `of` is what it says all the same: the
    package itself reads it so.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, instance: None, cls: type) -> Self: ...
    @overload
    def __get__(self, instance: object, cls: type) -> T: ...
    def __get__(self, instance: object, cls: type) -> T | Self:
        return self if instance is None else self._read(instance)

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: object) -> None: ...

    def of(self, instance: object) -> T:
        """What the property says of an object, whatever was set on it."""
        return self._read(instance)
