"""What a package knows by name: its classes and functions, found, stored, made again.

Losses, metrics, optimizers, schedules, initializers, regularizers, constraints and
activations have one `Registry` each. It knows what the files of the package list in
their ``__all__``, and what the program has registered (`seqir.registered`); a name in
a file is looked up nowhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, Generic, TypeVar

from seqir import registered, stored
from seqir.errors import ArgumentError, did_you_mean
from seqir.narrow import is_mapping

T = TypeVar("T")
Function = Callable[..., Any]


def listed(*modules: ModuleType) -> list[Any]:
    """All that modules list in ``__all__``."""
    return [getattr(module, name) for module in modules for name in module.__all__]


class Registry(Generic[T]):
    """Classes that extend one base, and functions that do the same, by name.

    Attributes:
        classes: the classes by their own names.
        functions: the functions by their own names.
        names: everything that a name may stand for.
    """

    def __init__(
        self,
        package: str,
        kind: str,
        base: type[T],
        *,
        unknown: str = "{name!r} is not a {kind}.",
        hint: str = "",
        spellings: Callable[[str], Iterable[str]] = lambda name: (name,),
        any_case: bool = False,
        wraps: Registry[Any] | None = None,
    ) -> None:
        """An empty registry; `add` fills it.

        Args:
            package: where they are, as Keras calls it (``"losses"``).
            kind: what one of them is (``"loss"``).
            base: the class that all classes extend.
            unknown: what is said of a name (or another identifier) that is none.
            hint: what is said besides of an identifier that is not a name.
            spellings: the names that stand for a class, given its own.
            any_case: names in upper and lower case are the same.
            wraps: where the functions are known that are an argument ``fn``.
        """
        self.package = package
        self.kind = kind
        self.base = base
        self.classes: dict[str, type[T]] = {}
        self.functions: dict[str, Function] = {}
        self.names: dict[str, type[T] | Function] = {}
        self._unknown = unknown
        self._hint = hint
        self._spellings = spellings
        self._key: Callable[[str], str] = str.lower if any_case else str
        self._wraps: Registry[Any] = wraps or self

    def add(
        self,
        things: Iterable[Any],
        aliases: Mapping[str, type[T] | Function] | None = None,
    ) -> None:
        """Know these classes and functions, and other names for some of them.

        Classes that do not extend the base, and the base itself, are left out.
        """
        for thing in things:
            name = thing.__name__
            if not inspect.isclass(thing):
                self.functions[name] = self.names[name] = thing
            elif issubclass(thing, self.base) and thing is not self.base:
                self.classes[name] = thing
                for spelling in self._spellings(name):
                    self.names[self._key(spelling)] = thing
        self.names.update(aliases or {})

    def find(self, name: str) -> type[T] | Function:
        """The class or function of a name, of the package or registered.

        Raises: ArgumentError for an unknown name, with the nearest known one.
        """
        found = self.names.get(self._key(name))
        if found is None:
            found = registered.known().get(name)
            is_other = inspect.isclass(found) and not issubclass(found, self.base)
            if found is None or is_other:
                raise self._no_such(name)
        return found

    def get(self, identifier: Any) -> Any:
        """The object for a name, class, object, function, dictionary or None.

        The name of a class gives a new object, that of a function the function.

        Raises: ArgumentError for anything else, with the nearest known name.
        """
        if is_mapping(identifier):
            return self.restore(identifier)
        found: Any = (
            self.find(identifier) if isinstance(identifier, str) else identifier
        )
        made = found() if inspect.isclass(found) else found
        if made is None or callable(made) or isinstance(made, self.base):
            return made
        raise self._no_such(identifier, self._hint)

    def serialize(self, thing: Any) -> dict[str, Any]:
        """The dictionary that `deserialize` (and Keras) turns back into the object.

        Raises: ArgumentError for what has no configuration, and for a function that
            is not one of seqir's.
        """
        if isinstance(thing, self.base):
            return self._stored(thing)
        name = getattr(thing, "__name__", None)
        if name is None or self.functions.get(name) is not thing:
            raise ArgumentError(f"{thing!r} has no config, so it cannot be stored")
        return stored.function(name)

    def _stored(self, thing: Any) -> dict[str, Any]:
        cls, config = thing.__class__, thing.get_config()
        if "fn" in config:
            config["fn"] = self._wraps.serialize(config["fn"])
        own = self.classes.get(cls.__name__) is cls
        return stored.store(thing, config, self.package, own=own)

    def deserialize(
        self, config: Any, custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """The object or function that `serialize` (or Keras) made a dictionary of.

        Raises: ArgumentError for a dictionary of another form, and for classes that
            are neither seqir's nor registered nor in `custom_objects`.
        """
        return self.get(registered.custom(config, custom_objects))

    def restore(self, found: Mapping[str, Any]) -> Any:
        """The object or function of seqir that a dictionary stands for.

        Raises: ArgumentError for a dictionary of another form, and for classes that
            are not seqir's: they have to be made by whoever has them.
        """
        function = found.get("config")
        if found.get("class_name") == "function" and isinstance(function, str):
            return self.find(function)
        name, config = stored.unstore(found, self.package)
        cls: Any = self.find(name)
        if not hasattr(cls, "from_config"):
            raise self._no_such(name)
        if "fn" in config:
            config["fn"] = self._wraps.deserialize(config["fn"])
        return cls.from_config(config)

    def _no_such(self, identifier: Any, hint: str = "") -> ArgumentError:
        text = self._unknown.format(name=identifier, kind=self.kind)
        if isinstance(identifier, str):
            hint = did_you_mean(self._key(identifier), sorted(self.names))
        elif hint:
            text = text.removesuffix(".")
        return ArgumentError(f"{text}{hint}")
