"""Where Keras keeps the weights of a model: a path for each layer.

A path is made of the names of attributes and, inside of lists, of the names of
classes: ``layers/dense_1`` is the second Dense of a model, whatever its own name is. An
object that is found twice is kept at its first path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from seqir.layer.state import state_of, walk
from seqir.layers import Layer
from seqir.naming import to_snake_case
from seqir.narrow import is_dict, is_structure
from seqir.ops.call import FunctionCall
from seqir.ops.variable import Variable
from seqir.optimizers import Optimizer

OPTIMIZER: Final = "optimizer"
VARIABLES: Final = "vars"
"""The group of an object, in which there are its variables by their numbers."""


@dataclass(frozen=True)
class Place:
    """An object that may have variables, and the path it is kept at."""

    path: str
    thing: Layer | Optimizer
    variables: tuple[Variable, ...]

    @property
    def name(self) -> str:
        """The name of the object."""
        return self.thing.name

    @property
    def group(self) -> str:
        """The group of a file that holds the variables as ``0``, ``1``, ..."""
        return f"{self.path}/{VARIABLES}" if self.path else VARIABLES


def places(
    model: Layer, optimizer: Optimizer | None = None, *, recount: bool = True
) -> list[Place]:
    """The places of a model, and those of its optimizer.

    An object that is met again has been kept, and Keras 3 counts it all the same; with
    `recount` False it is not counted.
    """
    seen: set[int] = set()
    found = list(_places(model, "", seen, recount))
    if optimizer is not None:
        found.extend(_places(optimizer, OPTIMIZER, seen, recount))
    return found


def left(found: Iterable[Place], skip: Iterable[Layer]) -> list[Place]:
    """Places without those of some layers, and of all layers inside of them."""
    gone = {id(inner) for layer in skip for inner in walk(layer)}
    return [place for place in found if id(place.thing) not in gone]


def _places(thing: Any, path: str, seen: set[int], recount: bool) -> Iterator[Place]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    yield Place(path, thing, tuple(_own_variables(thing)))
    for name, child in _children(thing):
        inner = f"{path}/{name}" if path else name
        if isinstance(child, Layer | Optimizer):
            yield from _places(child, inner, seen, recount)
        else:
            yield from _contained(child, inner, seen, recount)


def _contained(
    container: Any, path: str, seen: set[int], recount: bool
) -> Iterator[Place]:
    items = list(container.values()) if is_dict(container) else container
    used: Counter[str] = Counter()
    for item in items:
        single = isinstance(item, Layer | Optimizer)
        if not single and not is_structure(item):
            continue
        if id(item) in seen and not recount:
            continue
        name = to_snake_case(type(item).__name__) if single else "container"
        count = used[name]
        used[name] += 1
        inner = f"{path}/{name}_{count}" if count else f"{path}/{name}"
        if single:
            yield from _places(item, inner, seen, recount)
        else:
            yield from _contained(item, inner, seen, recount)


def _children(thing: Any) -> Iterator[tuple[str, object]]:
    """Attributes that may hold layers, in Keras's order: private ones last.

    Those of a layer are the ones that were set as attributes; what seqir keeps in it
    besides is not. The list of a model's layers is one: of a model that is made of
    them the first, of one with a `call` in its place by name.
    """
    kind = getattr(thing.__class__, "model_kind", None)
    inside: list[object] = thing.layers if kind is not None else []
    attributes: dict[str, object] = {**vars(thing)}
    names = [*state_of(thing).holding] if isinstance(thing, Layer) else [*attributes]
    if kind is not None:
        layers = [x for x in inside if not isinstance(x, FunctionCall)]
        if kind == "subclass":
            attributes["layers"] = layers
            names.append("layers")
        else:
            yield "layers", layers
    for name in sorted(sorted(names), key=_is_private):
        child = attributes.get(name)
        if _may_hold(child):
            yield name, child


def _is_private(name: str) -> bool:
    return name.startswith("_")


def _may_hold(child: object) -> bool:
    return isinstance(child, Layer | Optimizer | list | tuple | dict)


def _own_variables(thing: Any) -> list[Variable]:
    if isinstance(thing, Optimizer):
        return thing.variables
    own = thing._layer_state.variables
    return sorted(own, key=lambda variable: variable.role != "weight")
