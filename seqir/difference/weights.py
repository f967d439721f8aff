"""How two tensors differ."""

from __future__ import annotations

import numpy as np

from seqir.difference.report import WeightChange
from seqir.ir import Array
from seqir.tensortype import type_of

_CHUNK = 1 << 22
"""Numbers that are compared at once: tensors may be larger than memory."""


def compared(name: str, first: Array, second: Array) -> WeightChange | None:
    """How a tensor has changed; None if it has not."""
    types = str(type_of(first)), str(type_of(second))
    if types[0] != types[1]:
        return WeightChange("retyped", name, types[1], types[0])
    if first.dtype == object:
        count = int(np.count_nonzero(first != second))
        if not count:
            return None
        return WeightChange(
            "changed", name, types[1], differing=count, total=first.size
        )
    a, b = first.reshape(-1), second.reshape(-1)
    count, largest, relative = 0, 0.0, 0.0
    for start in range(0, a.size, _CHUNK):
        x, y = a[start : start + _CHUNK], b[start : start + _CHUNK]
        if x.tobytes() == y.tobytes():
            continue
        wide = np.complex128 if x.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            u, v = x.astype(wide), y.astype(wide)
            unlike = ~((x == y) | (np.isnan(u) & np.isnan(v)))
            u, v = u[unlike], v[unlike]
            gap = np.abs(u - v)
            scale = np.maximum(np.abs(u), np.abs(v))
            count += int(u.size)
            if gap.size:
                largest = max(largest, float(np.max(gap)))
                relative = max(relative, float(np.nanmax(gap / scale, initial=0.0)))
    if not count:
        return None
    return WeightChange(
        "changed", name, types[1], "", largest, relative, count, first.size
    )
