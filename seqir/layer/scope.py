"""How layers are being built or traced: inside of which, with values or without.

What is asked for here holds for the thread that asks, and for nobody else.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from seqir.ir import outside
from seqir.layer.state import Stateful, copied, state_of, walk
from seqir.plain import python

_scopes: ContextVar[tuple[Stateful, ...]] = ContextVar("seqir_scopes", default=())
_empty: ContextVar[bool] = ContextVar("seqir_empty", default=False)


@contextmanager
def name_scope(layer: Stateful) -> Generator[None]:
    """Layers that make weights inside get a path that starts with this one's name."""
    outer = _scopes.get()
    if outer and outer[-1] is layer:
        yield
        return
    token = _scopes.set((*outer, layer))
    try:
        yield
    finally:
        _scopes.reset(token)


def outer_names(layer: Stateful) -> list[str]:
    """Names of the layers that this one is being built or traced inside of."""
    return [outer.name for outer in _scopes.get() if outer is not layer]


def path_of(layer: Stateful) -> str:
    """Name of a layer, as weights' paths have it."""
    return "/".join((*outer_names(layer), layer.name))


def look_up_policy(layer: Stateful) -> None:
    """Take what a map of policies has for the path, which is known now."""
    policies = state_of(layer).policies
    if policies is not None:
        found = policies[path_of(layer)]
        layer.variable_dtype = found.variable_dtype
        layer.compute_dtype = found.compute_dtype


@contextmanager
def without_values() -> Generator[None]:
    """Weights that are made inside take no memory, until they are assigned."""
    token = _empty.set(True)
    try:
        yield
    finally:
        _empty.reset(token)


def empty() -> bool:
    """Whether weights are made without values now."""
    return _empty.get()


class Snapshot:
    """The state of a layer and all layers inside, to go back to."""

    def __init__(self, layer: Stateful) -> None:
        self.saved = [(inner, copied(inner)) for inner in walk(layer)]

    def restore(self) -> None:
        """Put everything back as it was."""
        for layer, state in self.saved:
            for name in layer.__dict__.keys() - state.keys():
                del layer.__dict__[name]
            layer.__dict__.update(state)


_building = threading.RLock()
"""Held while a layer is built: threads that share a layer build it once."""


def _in_child() -> None:
    """After a fork: the thread that built is not there."""
    global _building
    _building = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


@contextmanager
def one_thread() -> Generator[None]:
    """What is inside runs in one thread at a time, as building does."""
    with _building:
        yield


def once(build: Callable[..., None]) -> Callable[..., None]:
    """A build method that marks the layer as built, or leaves nothing behind."""

    @functools.wraps(build)
    def wrapper(self: Stateful, *args: object, **kwargs: object) -> None:
        with _building:
            alone(self, *args, **kwargs)

    def alone(self: Stateful, *args: object, **kwargs: object) -> None:
        if state_of(self).building:  # super().build(input_shape)
            build(self, *args, **kwargs)
            return
        if self.built and not self.checks_rebuild:
            return
        state = state_of(self)
        before = [*state.variables], [*state.layers]
        args, kwargs = python(args), python(kwargs)
        state_of(self).building = True
        try:
            with name_scope(self), outside():
                look_up_policy(self)
                build(self, *args, **kwargs)
        except BaseException:
            state = state_of(self)
            state.variables[:], state.layers[:] = before
            raise
        finally:
            state_of(self).building = False
        state = state_of(self)
        state.built = state.locked = True
        state.build_shapes = args, kwargs

    return wrapper
