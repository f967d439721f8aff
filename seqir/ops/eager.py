"""What calls on arrays give: NumPy arrays with what tensors of frameworks have."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import nest
from seqir.narrow import is_structure
from seqir.plain import is_array, is_numpy_scalar


class EagerTensor(np.ndarray[Any, Any]):
    """A NumPy array that came out of a layer, a model, a function or a dataset.

    It is an array in all it does. Besides it has `numpy()`; one number of it is a
    tensor as well; and it may carry a mask, which what is computed of it does not have.

    Source: TensorFlow's class of this name; ``_keras_mask`` of Keras's tensors.
    """

    _keras_mask: Any

    def numpy(self) -> Any:
        """The same memory as an array of NumPy, or as one of its numbers."""
        return self.view(np.ndarray)[()]

    def __getitem__(self, index: Any) -> Any:
        return eager(super().__getitem__(index))

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(self.numpy())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.item(), digits)

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()


def eager(result: Any) -> Any:
    """The arrays of a structure as tensors; what else is in it stays."""
    if isinstance(result, EagerTensor):
        return result
    if is_array(result):
        return result.view(EagerTensor)
    if is_numpy_scalar(result):
        return np.asarray(result).view(EagerTensor)
    if is_structure(result):
        return nest.map_structure(eager, result)
    return result
