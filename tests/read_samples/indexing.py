"""Lookups, scattering, order, and what is left out."""

import numpy as np

from tests.read_samples.sample import integers, node

_TIES = np.array([[1, 3, 3], [2, 2, 0]], np.float32)

SAMPLES = [
    node("TopK", [2, 5], integers(2), constants=(1,), wanted=(True, True), axis=1),
    node("TopK", integers([3, 1, 2], [5, 9, 7], dtype="int32"), integers(2),
         constants=(1,), wanted=(True, True), axis=1, largest=0),
    node("ScatterElements", [3, 4], integers([0, 1], [2, -1]), [2, 2], axis=1,
         reduction="mul", static=True),
    node("ScatterElements", [3, 4], integers([0, 1], [2, -1]), [2, 2], axis=0,
         reduction="max", static=True),
    node("ScatterElements", [3, 4], integers([0, 1], [2, -1]), [2, 2], axis=0,
         reduction="add", smooth=True),
    node("ScatterND", [4, 3], integers([0], [2]), [2, 3], smooth=True),
    node("ScatterND", [4, 3], integers([0], [0]), [2, 3], reduction="min"),
    node("GatherND", [2, 3, 4], integers([0, 1], [1, 2]), smooth=True,
         static=True),
    node("GatherND", [2, 3, 4], integers([1], [2]), batch_dims=1, static=True),
    node("ReverseSequence", [4, 3, 2], integers(4, 1, 2), smooth=True),
    node("ReverseSequence", [3, 4], integers(4, 1, 2), batch_axis=0, time_axis=1),
    node("EyeLike", [3, 4], k=1),
    node("EyeLike", [2, 3], dtype=7),
    node("Compress", [3, 4], np.array([True, False, True]), axis=0),
    node("Compress", [2, 2], np.array([True, False, True, True])),
    node("Unique", _TIES, wanted=(True, True, True, True)),
    node("OneHot", integers(1, 2, -1), integers(4), [2],
         constants=(1,), axis=0),
    node("OneHot", integers(1, 2, -1), integers(4), [2], constants=(1,)),
    node("Slice", [2, 10], integers(5), integers(0), integers(1), integers(-2),
         constants=(1, 2, 3, 4), static=True),
]  # fmt: skip
