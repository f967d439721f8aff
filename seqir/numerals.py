"""Numbers, times and amounts of bytes as people read them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def numeral(name: str, value: Any) -> str:
    """A value with four significant digits; a learning rate as power of ten."""
    array = np.asarray(value)
    if array.ndim:
        return "[" + " ".join(numeral(name, v) for v in array.ravel()) + "]"
    number = float(array)
    if not math.isfinite(number):
        return str(number)
    size = abs(number)
    if name.startswith("learning_rate") or size >= 1e5 or 0 < size < 1e-4:
        return f"{number:.3e}"
    before = math.floor(math.log10(size)) if size else 0
    return f"{number:.{max(0, 3 - before)}f}"


def duration(seconds: float) -> str:
    """A time: ``0.8s``, ``12s``, ``3:05``, ``1:02:03``."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def pace(seconds: float) -> str:
    """A time per step: ``250 us/step``, ``3.10 ms/step``, ``2.50 s/step``."""
    if seconds < 999.5e-6:
        return f"{seconds * 1e6:.0f} us/step"
    value, unit = (seconds, "s") if seconds >= 0.9995 else (seconds * 1e3, "ms")
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}/step"


def amount(size: int, total: int | None = None) -> str:
    """Bytes: ``17 bytes``, ``4.4 kB``; of a total, in its unit: ``0.3/4.4 kB``."""
    sizes = [size] if total is None else [size, total]
    scale, unit = 1, "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if sizes[-1] / scale < (1000 if scale == 1 else 999.95):
            break
        scale, unit = scale * 1000, larger
    shown = [f"{n / scale:.{int(scale > 1)}f}" for n in sizes]
    return f"{'/'.join(shown)} {unit}"
