"""Resizing in all ways."""

from typing import Any

import numpy as np

from tests.read_samples.sample import integers, node

_TWICE = np.array([1, 1, 2, 3], np.float32)
_ROOM = np.array([1, 1, 1.6, 0.7], np.float32)
_IMAGE = [2, 3, 4, 5]


def _scaled(scales: Any = _TWICE, *, static: bool = False, **given: Any) -> Any:
    return node("Resize", _IMAGE, None, scales, constants=(2,), static=static, **given)


def _sized(*sizes: int, **given: Any) -> Any:
    vector = integers(*sizes)
    return node(
        "Resize", _IMAGE, None, None, vector, constants=(3,), static=True, **given
    )


SAMPLES = [
    *(
        _scaled(mode=mode, coordinate_transformation_mode=where, smooth=True)
        for mode in ("nearest", "linear")
        for where in ("half_pixel", "asymmetric", "align_corners")
    ),
    _scaled(_ROOM, static=True, mode="linear", smooth=True),
    _scaled(_ROOM, static=True, mode="nearest", nearest_mode="floor"),
    _scaled(_ROOM, static=True, mode="cubic", smooth=True),
    _scaled(_ROOM, static=True, mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1),
    _scaled(_ROOM, static=True, mode="linear", antialias=1),
    _sized(2, 3, 7, 4, mode="linear", coordinate_transformation_mode="align_corners"),
    _sized(2, 3, 7, 1, mode="linear",
           coordinate_transformation_mode="pytorch_half_pixel"),
    _sized(2, 3, 3, 9, mode="nearest", nearest_mode="ceil"),
    _sized(9, 8, mode="nearest", axes=[2, 3], keep_aspect_ratio_policy="not_larger",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    node("Resize", _IMAGE, np.array([0, 0, 0.4, 0.6, 1, 1, 0.8, 1.2], np.float32), None,
         integers(2, 3, 3, 3), constants=(1, 3), mode="linear", static=True,
         extrapolation_value=7.0,
         coordinate_transformation_mode="tf_crop_and_resize"),
]  # fmt: skip
