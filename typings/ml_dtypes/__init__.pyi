"""ml_dtypes, as far as it is used: element types that NumPy has not."""

from typing import Any

from numpy import dtype, generic

bfloat16: type[generic[Any]]

def finfo(dtype: dtype[Any]) -> Any: ...
