"""Sparse matrices of SciPy, which become dense batch by batch."""

from __future__ import annotations

import math
from typing import Any

from seqir.data.convert import Array, to_array


class SparseRows:
    """The rows of a sparse matrix: those that are taken come as a dense array.

    Raises: DTypeError for a matrix that holds no numbers of a known type.
    """

    def __init__(self, matrix: Any, name: str) -> None:
        self._matrix = matrix.tocsr()
        self.shape: tuple[int, int] = self._matrix.shape
        self.dtype = to_array(self._matrix[:0].toarray(), name).dtype
        self.ndim = 2

    @property
    def nbytes(self) -> int:
        """The bytes of the dense array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Array) -> Array:
        return self._matrix[rows].toarray()

    def tocsr(self) -> Any:
        """The matrix, in SciPy's form of rows."""
        return self._matrix

    def toarray(self) -> Array:
        """All rows, dense."""
        return self._matrix.toarray()
