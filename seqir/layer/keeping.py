"""What a file keeps of a layer."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from seqir.errors import ShapeError
from seqir.layer.state import Stateful
from seqir.ops.tensor import TensorLike
from seqir.ops.variable import Variable


class Keeping(Stateful):
    """The methods of a layer that say what a file keeps of it beside its settings.

    Files of Keras 3's formats call them; a layer of yours may keep arrays that are no
    weights, or, with ``save_assets(folder)`` and ``load_assets(folder)``, files of any
    kind in a ``.keras`` file.
    """

    def save_own_variables(self, store: MutableMapping[str, object]) -> None:
        """Put arrays into `store` by their names; the layer's own weights by numbers.

        Source: Keras 3 ``layers.Layer.save_own_variables``.
        """
        for index, variable in enumerate(self._kept()):
            store[str(index)] = variable.array

    def load_own_variables(self, store: Mapping[str, TensorLike]) -> None:
        """Take the arrays that `save_own_variables` put there.

        Raises: ShapeError if there are more or fewer than the layer has weights.
        Source: Keras 3 ``layers.Layer.load_own_variables``.
        """
        variables = self._kept()
        if len(store) != len(variables):
            raise ShapeError(
                f"layer {self.name!r} has {len(variables)} weights of its own, and the "
                f"file {len(store)} arrays, {', '.join(sorted(store)) or 'none'}: take "
                "those that are not weights out of the store in load_own_variables"
            )
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])

    def _kept(self) -> list[Variable]:
        return sorted(self._layer_state.variables, key=lambda v: v.role != "weight")
