"""Classes whose arguments are declared as fields, each of them written once.

A class that annotates attributes and has no ``__init__`` gets one. It takes the fields
of the class and of those above it, up to the next ``__init__`` that somebody wrote, and
passes on to that one what it takes itself::

    class Huber(LossFunctionWrapper):
        fn = staticmethod(huber)
        delta: float = 1.0
        name = "huber_loss"

``Huber(delta, reduction, name, dtype)``: an annotation makes an argument, here
``delta``, and an attribute without one another default, here of ``name``. What the
``__init__`` above needs and nobody gives is an attribute of the class, here ``fn``.

Layers say what is wrong with arguments in words of their own (`seqir.layer.fields`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    dataclass_transform,
    overload,
)

from seqir.errors import SeqirError

REQUIRED: Final = inspect.Parameter.empty
Fields = dict[str, object]
"""Names of arguments, and their defaults or `REQUIRED`."""
Init = Callable[..., None]

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
_NAMED: Final = (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY)


class _Fixed:
    """A field of a class above that is not an argument any more."""

    def __init__(self, value: object) -> None:
        self.value = value


def fixed(value: object, *, init: Literal[False] = False) -> Any:
    """The value of a field that is an argument of a class above only."""
    del init  # which is for type checkers
    return _Fixed(value)


class _Placed:
    """A field that does not come behind those of the classes above."""

    def __init__(self, value: object, after: str | None) -> None:
        self.value = value
        self.after = after


@overload
def placed(*, after: str | None) -> Any: ...
@overload
def placed(
    *, default: Any, after: str | None, kw_only: Literal[True] = True
) -> Any: ...
def placed(
    *, default: Any = REQUIRED, after: str | None, kw_only: Literal[True] = True
) -> Any:
    """A field that comes right after that one, of those that there are; None: first.

    Type checkers take it for an argument by its name alone, if it has a default: they
    put the fields of a class behind all those of the classes above.
    """
    del kw_only
    return _Placed(default, after)


def keyword(*, default: Any, kw_only: Literal[True] = True) -> Any:
    """A field that type checkers take for an argument by its name alone.

    So are those whose place differs among the classes below, and those that the
    ``__init__`` of a class above takes: type checkers put fields in the order of the
    classes, and what they take by its place must stand in that place.
    """
    del kw_only
    return default


def collect(cls: type) -> Fields:
    """Take the fields that a class declares itself, and leave their values."""
    found: Fields = {}
    for name, kind in inspect.get_annotations(cls).items():
        if name.startswith("_") or "ClassVar" in str(kind):
            continue
        default = found[name] = cls.__dict__.get(name, REQUIRED)
        if isinstance(default, _Fixed | _Placed):
            setattr(cls, name, default.value)
            if default.value is REQUIRED:
                delattr(cls, name)
        elif default is not REQUIRED and _is_property(cls.__mro__[1:], name):
            delattr(cls, name)  # which would hide it
    return found


def _is_property(classes: Iterable[type], name: str) -> bool:
    return any(isinstance(vars(cls).get(name), property) for cls in classes)


def own(cls: type) -> Fields:
    """What `collect` has found."""
    return cls.__dict__.get("_own_fields", {})


def taken(cls: type) -> Fields:
    """Fields of a class and of those above it, up to an ``__init__`` in words."""
    found: list[Fields] = []
    for above in cls.__mro__:
        made = above.__dict__.get("__init__")
        if made is not None and not hasattr(made, "fields"):
            break
        found.append(own(above))
    return _joined(reversed(found))


def declared(cls: type) -> Fields:
    """Fields of a class and of all above it."""
    return _joined(own(above) for above in reversed(cls.__mro__))


def _joined(found: Iterable[Fields]) -> Fields:
    """Fields of several classes, each extended by the next, in the order they have."""
    joined: Fields = {}
    for name, value in (item for fields in found for item in fields.items()):
        if isinstance(joined.get(name), _Fixed):
            del joined[name]  # an argument again, it has a place of its own
        if isinstance(value, _Placed):
            items = [(n, v) for n, v in joined.items() if n != name]
            names = [None, *(n for n, _ in items)]
            place = names.index(value.after)
            joined = dict([*items[:place], (name, value.value), *items[place:]])
        else:
            joined[name] = value
    return {n: value for n, value in joined.items() if not isinstance(value, _Fixed)}


def initializers_after(kind: type, cls: type) -> Iterator[Init]:
    """What is to be called once `cls` has taken its fields, in the order of `kind`."""
    order = kind.__mro__
    taken = True
    for above in order[order.index(cls) + 1 :]:
        init = above.__dict__.get("__init__")
        if init is None:
            continue
        taken = taken and hasattr(init, "fields") and issubclass(cls, above)
        if not taken:
            yield init


@functools.lru_cache(maxsize=256)
def _parameters(init: Init) -> Mapping[str, inspect.Parameter]:
    """What an ``__init__`` takes; asked of the same one for classes and objects.

    That of `object` is a text, which it takes a parser of Python to read.
    """
    known = _of_object if init is object.__init__ else init
    return inspect.signature(known).parameters


def _of_object(self: object, /, *args: object, **kwargs: object) -> None:
    """What ``object.__init__`` takes."""


def positional(signature: inspect.Signature) -> list[str]:
    """The arguments of an ``__init__`` that can be given by their places."""
    return _names(signature, _POSITIONAL)


def names(init: Init) -> list[str]:
    """The arguments of an ``__init__``."""
    return _names(inspect.signature(init), _NAMED)


def _names(signature: inspect.Signature, kinds: Container[object]) -> list[str]:
    _, *parameters = signature.parameters.values()
    return [p.name for p in parameters if p.kind in kinds]


def signature(
    cls: type,
    fields: Fields,
    last: tuple[str, ...] = (),
    keywords: tuple[str, ...] = (),
    order: tuple[str, ...] = (),
) -> inspect.Signature:
    """The signature that help() shows, with ``self``.

    What the next ``__init__`` takes by its place comes first, then the fields, then
    what is `last`; `keywords`, and what is last but not known here, are ``**kwargs``.
    What `order` names comes before all others; what the ``_by_name`` of a class names
    is no positional argument.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    _, *taken = _parameters(next(initializers_after(cls, cls))).values()
    above = {p.name: p for p in taken if p.kind is kind}
    hidden = {*fields, *last, *keywords, *_given_by(cls, above.values())}
    found = [inspect.Parameter("self", kind)]
    found += [p for p in above.values() if p.name not in hidden]
    by_name: tuple[str, ...] = getattr(cls, "_by_name", ())
    ordered = {name: fields[name] for name in order if name in fields} | fields
    last_of_all = {name: ordered.pop(name) for name in by_name if name in ordered}
    for name, default in ordered.items():
        if default is REQUIRED and found[-1].default is not REQUIRED:
            kind = inspect.Parameter.KEYWORD_ONLY
        found.append(inspect.Parameter(name, kind, default=default))
    for name in last:
        if name in above and name not in fields:
            default = _default(cls, above[name])
            found.append(inspect.Parameter(name, kind, default=default))
    found += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in last_of_all.items()
    ]
    places = {name: place for place, name in enumerate(("self", *order))}
    found.sort(key=lambda p: places.get(p.name, len(places)))
    if {*last, *keywords} - {p.name for p in found}:
        found.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(found)


def _given_by(cls: type, parameters: Iterable[inspect.Parameter]) -> list[str]:
    """What an ``__init__`` needs that is an attribute of the class."""
    return [
        p.name
        for p in parameters
        if p.default is REQUIRED
        and p.kind in _NAMED
        and hasattr(cls, p.name)
        and not _is_property(cls.__mro__, p.name)
    ]


def _default(cls: type, parameter: inspect.Parameter) -> object:
    """The default of an argument of the next ``__init__``, for this class."""
    for above in cls.__mro__:
        init = above.__dict__.get("__init__")
        if init is not None and not hasattr(init, "fields"):
            break
        value: object = above.__dict__.get(parameter.name, parameter)
        if value is not parameter and not hasattr(type(value), "__get__"):
            return value
    return parameter.default


if TYPE_CHECKING:

    @dataclass_transform(field_specifiers=(fixed, keyword, placed))
    class _Fields: ...

else:
    _Fields = object


class Declared(_Fields):
    """Base of what is configured: a class with fields gets its ``__init__``."""

    arguments: ClassVar[tuple[str, ...]] = ()
    """Attributes that the configuration has, besides those of every class."""
    last: ClassVar[tuple[str, ...]] = ()
    """Arguments of every class, which come last."""
    keywords: ClassVar[tuple[str, ...]] = ()
    """Arguments of every class that its own signature does not show."""
    order: ClassVar[tuple[str, ...]] = ()
    """Arguments that come first, where fields and `last` have another order."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        if "__init__" not in cls.__dict__:
            _declare(cls)
        super().__init_subclass__(**kwargs)

    def _setup(self) -> None:
        """Check the fields and make what follows from them; called once all are set."""


def _declare(cls: Any) -> None:
    mine = cls._own_fields = collect(cls)
    following = _parameters(next(initializers_after(cls, cls)))
    own: Mapping[str, object] = cls.__dict__
    if not mine and not own.keys() & following.keys():
        return  # the ``__init__`` of the class above will do
    found = taken(cls)
    if mine and "arguments" not in own:
        shared = {*cls.last, *cls.keywords, *following}
        known = dict.fromkeys([*cls.arguments, *found])
        gone = {name for name, value in mine.items() if isinstance(value, _Fixed)}
        cls.arguments = tuple(name for name in known if name not in shared | gone)
    cls.__init__ = _initializer(cls, found)


def _binder(shown: inspect.Signature) -> Callable[..., dict[str, object]]:
    """A function of arguments that gives the value of each parameter, in order.

    It is ``shown.bind``, which looks at each parameter in turn and takes ten times as
    long, where something is wrong or not known.

    Raises: TypeError for arguments that do not fit.
    """
    parameters = shown.parameters.values()
    places = [p.name for p in parameters if p.kind in _POSITIONAL]
    defaults = {p.name: p.default for p in parameters if p.kind in _NAMED}

    def bind(*args: object, **kwargs: object) -> dict[str, object]:
        given = dict(zip(places, args, strict=False))
        values: dict[str, object] = {**defaults, **given, **kwargs}
        known = len(values) == len(defaults)
        once = len(given) == len(args) and given.keys().isdisjoint(kwargs)
        if known and once and not any(v is REQUIRED for v in values.values()):
            return values
        bound = shown.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    return bind


def _initializer(cls: Any, fields: Fields) -> Init:
    """The ``__init__`` of a class that takes these fields."""
    shown = signature(cls, fields, cls.last, cls.keywords, cls.order)
    bind = _binder(shown)

    def initialize(self: Any, *args: object, **kwargs: object) -> None:
        try:
            values = bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__() {error}") from None
        passed: Any = values.pop("kwargs", {})
        kind = self.__class__
        later = [*initializers_after(kind, cls)]
        above = _parameters(later[0])
        del values["self"]
        for name, value in values.items():
            if name in fields and name not in above:
                setattr(self, name, value)
            else:
                passed[name] = value
        for name in _given_by(kind, [*above.values()][1:]):
            passed.setdefault(name, getattr(self, name))
        later[0](self, **passed)
        if not any(hasattr(init, "fields") for init in later):
            try:
                self._setup()
            except SeqirError as error:
                error.add_note(f"in the arguments of {type(self).__name__}")
                raise

    made: Any = initialize
    made.__name__ = "__init__"
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__signature__ = shown
    made.fields = tuple(fields)
    return made
