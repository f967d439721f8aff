"""What is known of a runtime, by which operators choose how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Target:
    """The facts of a runtime that say which of two ways of writing it gets right.

    What is not said here is written one way for all.
    """

    name: str
    auto_pad: bool = True
    """Finds the pads of windows over images of unknown size itself (``auto_pad``)."""
    uneven_pads: bool = True
    """Has ``ConvTranspose`` with other pads at the end than at the beginning."""
    deep_reductions: bool = True
    """Reduces several axes of a tensor of more than four."""
    spatial_reductions: bool = True
    """Reduces the spatial axes of images other than by its global poolings."""
    log_sum_exp: bool = True
    """Has ``ReduceLogSumExp`` with its axes as attribute."""
    narrow_gemm: bool = True
    """Has ``Gemm`` for other types than float32."""
    wide_types: bool = True
    """Computes with float64."""
    size_checks: bool = True
    """Takes the nodes that fail where an image is too small for a window."""
    free_batch: bool = True
    """Runs batches of any size."""


ONNX_RUNTIME: Final = Target("onnxruntime")
"""What runs models here; it has everything."""
