"""Samples of ONNX nodes that the reader knows: one file for each family."""

from tests.read_samples import (
    classical,
    elements,
    indexing,
    layers,
    pooling,
    resizing,
    signals,
)
from tests.read_samples.sample import ReadSample as ReadSample

SAMPLES: list[ReadSample] = [
    *classical.SAMPLES,
    *elements.SAMPLES,
    *indexing.SAMPLES,
    *layers.SAMPLES,
    *pooling.SAMPLES,
    *resizing.SAMPLES,
    *signals.SAMPLES,
]
