"""Timing: medians of interleaved runs, so that a slow moment hits both sides."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def median_seconds(
    *functions: Callable[[], Any], repeat: int = 9, number: int = 1
) -> list[float]:
    """Median time of each function, measured in turn: A B C A B C ..."""
    samples: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(repeat):
        for times, function in zip(samples, functions, strict=True):
            start = time.perf_counter()
            for _ in range(number):
                function()
            times.append((time.perf_counter() - start) / number)
    return [statistics.median(times) for times in samples]
