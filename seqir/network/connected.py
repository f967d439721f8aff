"""Masks that tensors of a functional model were connected with."""

from __future__ import annotations

from typing import Any

from seqir import nest
from seqir.layer import masks
from seqir.layer.base import Layer
from seqir.ops.call import repeat
from seqir.ops.tensor import Call, KerasTensor, Traced


class ConnectedMasks:
    """Calls of a functional model once more, with the masks that they were made with.

    In Keras the argument ``mask`` of a layer of one tensor is found when layers are
    connected. A layer that takes the masks off its inputs when it runs, as
    MultiHeadAttention does, changes what `compute_mask` and outputs get, and not that
    argument. Only masks that are another one when the model runs are kept here.
    """

    def __init__(self) -> None:
        self._found: dict[KerasTensor, Any] = {}

    def repeat(self, call: Call, args: Any, kwargs: dict[str, Any]) -> Any:
        """What a call gives for other arguments."""
        tensors = nest.flatten((call.args, call.kwargs))
        pairs = zip(tensors, nest.flatten((args, kwargs)), strict=False)
        entering = {
            t: (x, x.mask)
            for t, x in pairs
            if isinstance(t, KerasTensor) and isinstance(x, Traced)
        }
        given = None
        if self._found.keys() & entering.keys() and isinstance(call.target, Layer):
            given = masks.given(call.target, *self._as_connected(call, args, kwargs))
            if isinstance(given.first, Traced) and "mask" in given.kwargs:
                kwargs = {"mask": given.mask} | kwargs
        results = repeat(call.target, args, kwargs)
        for tensor, (x, mask) in entering.items():
            if mask is not None and x.mask is None:
                self._found.setdefault(tensor, mask)
        if given is not None:
            self._keep(call, given, results)
        return results

    def _as_connected(self, call: Call, args: Any, kwargs: Any) -> Any:
        """The arguments with the masks that they were connected with."""
        tensors = iter(nest.flatten((call.args, call.kwargs)))

        def connected(x: Any) -> Any:
            tensor = next(tensors, None)
            mask = self._found.get(tensor) if isinstance(tensor, KerasTensor) else None
            return x if mask is None else Traced(x.builder, x.value, mask)

        return nest.map_structure(connected, (args, kwargs))

    def _keep(self, call: Call, given: masks.Given, results: Any) -> None:
        ys = nest.flatten(results)
        bare: list[object] = [Traced(y.builder, y.value) for y in ys]
        found = masks.of_outputs(call.target, given, bare)
        outputs = nest.flatten(call.outputs)
        for tensor, y, mask in zip(outputs, ys, found, strict=False):
            if mask is not y.mask:
                self._found[tensor] = mask
