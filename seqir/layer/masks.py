"""Masks on their way through a layer: into its `call`, and on to what comes out."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from seqir import nest
from seqir.errors import ArgumentError
from seqir.layer import checks
from seqir.layer.state import Stateful
from seqir.narrow import is_structure
from seqir.ops.masks import get_keras_mask, masked, set_keras_mask
from seqir.ops.tensor import Result, Tensor


class Given(NamedTuple):
    """What a layer is called with, as far as masks are concerned."""

    first: Any
    """The first argument of `call`."""
    mask: Any
    """Its mask, or the one that was passed as ``mask=``."""
    kwargs: dict[str, Any]
    """Arguments by name, masks filled in."""


def given(
    layer: Stateful, args: tuple[object, ...], kwargs: dict[str, object]
) -> Given:
    """The arguments with masks where `call` takes them and nothing was passed.

    One tensor (or structure of tensors) among the arguments fills ``mask``; of several
    each fills the argument called ``<its name>_mask``.

    Raises: ArgumentError unless the arguments are those of the layer's `call`.
    """
    bound = checks.bind_call(layer, args, kwargs)
    bound.apply_defaults()
    _, *rest = bound.arguments.items()
    arguments = dict(rest)
    tensors = {name: x for name, x in arguments.items() if _is_tensors(x)}
    single = len(tensors) == 1
    filled: dict[str, Any] = {}
    for name, x in tensors.items():
        wanted = "mask" if single else f"{name}_mask"
        if arguments.get(wanted, x) is None:
            filled[wanted] = of(x)
    kwargs = kwargs | filled
    first = next(iter(arguments.values()), None)
    mask = kwargs.get("mask")
    return Given(first, of(first) if mask is None else mask, kwargs)


def of(structure: object) -> Any:
    """The masks of a structure of tensors, in the same structure."""
    return nest.map_structure(get_keras_mask, structure)


def passed_on(layer: Stateful, given: Given, outputs: object) -> Any:
    """The outputs of a traced call with their masks.

    An output keeps the mask that it has: one that a layer inside, or `call`, gave it.
    """
    ys = nest.flatten(outputs)
    masks = of_outputs(layer, given, ys)
    return nest.pack(outputs, list(map(masked, ys, masks))) if masks else outputs


def put_on(inputs: object, mask: object, who: str) -> Any:
    """The traced inputs of a model with the masks that it was called with.

    Raises: ArgumentError unless there is one for each, or None.
    """
    masks, xs = nest.flatten(mask), nest.flatten(inputs)
    if all(m is None for m in masks):
        return inputs
    if len(masks) != len(xs):
        raise ArgumentError(
            f"model {who!r} has {len(xs)} inputs, got {len(masks)} masks"
        )
    return nest.pack(inputs, list(map(masked, xs, masks)))


def connect(layer: Stateful, given: Given, outputs: object) -> None:
    """Give the outputs of a call on tensors of a model their masks."""
    ys = nest.flatten(outputs)
    for y, mask in zip(ys, of_outputs(layer, given, ys), strict=False):
        if mask is not None:
            set_keras_mask(y, mask)


def of_outputs(layer: Stateful, given: Given, ys: list[object]) -> list[Result | None]:
    """A mask for each output that has none yet and gets one; empty if none does."""
    if not layer.supports_masking:
        if layer.destroys_masks and any(
            m is not None for m in nest.flatten(given.mask)
        ):
            _warn(layer)
        return []
    missing = [get_keras_mask(y) is None for y in ys]
    found = layer.compute_mask(given.first, given.mask) if any(missing) else None
    if found is None:
        return []
    masks = nest.flatten(found)[: len(ys)]
    masks += [None] * (len(ys) - len(masks))
    return [m if none else None for m, none in zip(masks, missing, strict=True)]


def _warn(layer: Stateful) -> None:
    warnings.warn(
        f"Layer '{layer.name}' (of type {type(layer).__name__}) was passed an input "
        "with a mask attached to it. However, this layer does not support masking and "
        "will therefore destroy the mask information. Downstream layers will not see "
        "the mask.",
        stacklevel=2,
    )


def _is_tensors(x: object) -> bool:
    """Whether an argument is a tensor, or a structure of tensors (and None)."""
    if not is_structure(x):
        return isinstance(x, Tensor | np.ndarray | np.generic)
    leaves = nest.flatten(x)
    return bool(leaves) and all(y is None or _is_tensors(y) for y in leaves)
