"""How layers are being built or traced: inside of which, with values or without."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqir.layers.base import Layer

_scopes: list[Layer] = []


@contextmanager
def name_scope(layer: Layer) -> Generator[None]:
    """Layers that make weights inside get a path that starts with this one's name."""
    if _scopes and _scopes[-1] is layer:
        yield
        return
    _scopes.append(layer)
    try:
        yield
    finally:
        _scopes.pop()


def outer_names(layer: Layer) -> list[str]:
    """Names of the layers that this one is being built or traced inside of."""
    return [outer.name for outer in _scopes if outer is not layer]


_without_values: list[bool] = []


@contextmanager
def without_values() -> Generator[None]:
    """Weights that are made inside take no memory, until they are assigned."""
    _without_values.append(True)
    try:
        yield
    finally:
        _without_values.pop()


def empty() -> bool:
    """Whether weights are made without values now."""
    return bool(_without_values)


class Snapshot:
    """The state of a layer and all layers inside, to go back to."""

    def __init__(self, layer: Layer) -> None:
        self.saved = [(inner, _copy(inner)) for inner in layer._walk()]

    def restore(self) -> None:
        """Put everything back as it was."""
        for layer, state in self.saved:
            layer.__dict__.clear()
            layer.__dict__.update(state)


def _copy(layer: Layer) -> dict[str, Any]:
    """The attributes of a layer, with copies of the lists that building appends to."""
    return {
        k: v.copy() if isinstance(v, list | dict) else v
        for k, v in layer.__dict__.items()
    }


def once(build: Callable[..., None]) -> Callable[..., None]:
    """A build method that marks the layer as built, or leaves nothing behind."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self.__dict__["_building"]:  # super().build(input_shape)
            build(self, *args, **kwargs)
            return
        if self.built and not self.checks_rebuild:
            return
        before = list(self._own_variables), list(self._layers)
        self.__dict__["_building"] = True
        try:
            with name_scope(self):
                build(self, *args, **kwargs)
        except BaseException:
            self._own_variables[:], self._layers[:] = before
            raise
        finally:
            self.__dict__["_building"] = False
        self.__dict__["built"] = True

    return wrapper
