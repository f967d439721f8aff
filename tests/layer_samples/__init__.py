"""Layers with arguments and inputs to try them on, for every layer that there is.

Sizes are small and differ from each other, so that a swapped axis cannot hide. Each
module has the samples of one family, in `SAMPLES`; all modules here are collected.
"""

import importlib
import pkgutil

from layer_samples.sample import MERGING, LayerSample

__all__ = ["MERGING", "SAMPLES", "LayerSample"]

SAMPLES: tuple[LayerSample, ...] = tuple(
    sample
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__))
    if module != "sample"
    for sample in importlib.import_module(f"layer_samples.{module}").SAMPLES
)
