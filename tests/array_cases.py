"""Arguments for functions that make arrays, arrange them and look into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from function_cases import Case, case, flag, i, x

F = "float32"
NAN = np.array([np.nan, np.inf, -np.inf, 1, 0, -2], F)
EDGES = np.array([0.0, -0.0, 2, -3, np.inf, -np.inf, np.nan, 1e-30, 3e38], F)
HOLES = np.where(x(5, 4) > 1, np.nan, x(5, 4))

CASES: dict[str, list[Case]] = {
    "isclose": [
        case(x(5, 3), x(5, 3)),
        case(x(5, 3), x(3)),
        case(NAN, NAN, equal_nan=True),
        case(NAN, NAN[::-1].copy()),
        case(x(5), x(5), rtol=1.0, atol=0.1),
    ],
    "allclose": [case(x(5, 3), x(5, 3)), case(x(5, 3), x(3))],
    "logaddexp": [case(x(5, 3), x(3)), case(x(3, low=80, high=90), x(3, low=-90))],
    "arctan2": [
        case(x(5, 3), x(5, 3, low=-1)),
        case(np.array([0, 0, 1, -1, 0], F), np.array([1, -1, 0, 0, 0], F)),
        case(EDGES[:, None], EDGES),
        case(i(5), i(5, low=1)),
    ],
    "hypot": [case(x(5, 3), x(3)), case(i(5), i(5, low=1))],
    "fmod": [
        case(x(5, 3), x(3, low=0.5)),
        case(i(5, 3, low=-9), i(3, low=1)),
        case(i(5, 3, low=-9), -2),
        case(np.array([-(2**31), 7], "int32"), np.array([7, -(2**31)], "int32")),
        case(np.array([5, -0.0, 1e30, -7.5], F), np.array([np.inf, 1, 3, -2], F)),
        case(np.array([True, False]), np.array([True, True])),
        case(np.array([True, False]), 2.5),
        case(np.array([True, False]), np.array([2, 3], "uint8")),
    ],
    "nan_to_num": [case(NAN), case(NAN, nan=1.0, posinf=5.0, neginf=-5.0), case(i(5))],
    "select": [
        case([flag(5, 3), flag(3)], [x(5, 3), x(3)]),
        case([flag(5), flag(5)], [x(5), x(5, low=0)], default=2.0),
    ],
    "saturate_cast": [
        case(x(5, 3, low=-300, high=300), "int8"),
        case(i(5, 3, low=-300, high=300), "uint8"),
        case(i(5, low=0, high=255, dtype="uint8"), "int8"),
        case(x(5), "float16"),
    ],
    "full": [case((2, 3), 1.5), case((2,), 3, dtype="int32"), case([2, 2], True)],
    "zeros": [case((2, 3)), case((2,), dtype="int32"), case(3)],
    "ones": [case((2, 3)), case((2,), dtype="bool")],
    "empty": [case((0, 3))],
    "eye": [case(3), case(2, 4), case(3, k=1, dtype="int32")],
    "identity": [case(3), case(2, dtype="bool")],
    "tri": [case(3), case(2, 4), case(3, k=-1, dtype="int32")],
    "arange": [
        case(5),
        case(1, 7, 2),
        case(5.0),
        case(0, 1, 0.25),
        case(5, dtype="float64"),
    ],
    "linspace": [
        case(0, 1, 5),
        case(0.0, 2.0, num=4, endpoint=False),
        case(0, 1, 3, retstep=True),
        case(0, 9, 4, dtype="int32"),
    ],
    "logspace": [case(0, 2, 5), case(0, 3, 4, base=2)],
    **{
        n: [case(x(5, 3)), case(x(5, 3), axis=0), case(i(5, 3), axis=1, keepdims=True)]
        for n in ("amax", "amin", "ptp")
    },
    "average": [
        case(x(5, 3)),
        case(x(5, 3), axis=1),
        case(x(5, 3), axis=1, weights=x(3, low=0.1)),
        case(x(5, 3), weights=x(5, 3, low=0.1)),
        case(i(5, 3), axis=0),
    ],
    "count_nonzero": [
        case(i(5, 3, low=0, high=1)),
        case(x(5, 3), axis=1),
        case(flag(5, 3), axis=0),
    ],
    "diff": [
        case(x(5, 4)),
        case(x(5, 4), n=2),
        case(x(5, 4), axis=0),
        case(i(5, 4)),
        case(flag(5, 4)),
    ],
    "median": [
        case(x(3, 4)),
        case(x(5, 4), axis=1),
        case(x(5, 3, 4), axis=(1, 2), keepdims=True),
        case(x(3, 4), axis=0),
    ],
    **{
        n: [case(HOLES), case(HOLES, axis=1), case(HOLES, axis=0, keepdims=True)]
        for n in (
            "nansum",
            "nanprod",
            "nanmean",
            "nanvar",
            "nanstd",
            "nanmax",
            "nanmin",
        )
    },
    "trapezoid": [
        case(x(5, 4)),
        case(x(5, 4), dx=0.5),
        case(x(5, 4), x=x(4)),
        case(x(4, 3), axis=0),
    ],
    "in_top_k": [
        case(i(5, low=0, high=3), x(5, 4), 1),
        case(i(5, low=0, high=3), x(5, 4), 3),
    ],
    "segment_sum": [
        case(x(5, 3), i(5, low=0, high=2), num_segments=3),
        case(i(5), i(5, low=0, high=2), num_segments=4),
    ],
    "tril": [case(x(5, 4, 3)), case(x(3, 4), k=1), case(i(3, 3), k=-1)],
    "triu": [case(x(5, 4, 3)), case(x(3, 4), k=1), case(i(3, 3), k=-1)],
    "diagonal": [
        case(x(3, 4)),
        case(x(4, 3), offset=1),
        case(x(4, 3), offset=-2),
        case(x(5, 4, 3), axis1=1, axis2=2),
        case(x(3, 5, 4), 0, 0, 2),
    ],
    "diag": [case(x(4)), case(x(4), k=2), case(x(3), k=-1), case(x(3, 4), k=1)],
    "trace": [case(x(3, 4)), case(i(4, 4), offset=1), case(x(5, 3, 3), 0, 1, 2)],
    "cross": [
        case(x(5, 3), x(5, 3, low=0)),
        case(x(3), x(5, 3)),
        case(x(3, 5), x(3, 5, low=0), axis=0),
    ],
    "kron": [case(x(5, 3), x(2, 4)), case(x(3), x(4)), case(x(3), x(2, 2))],
    "ravel": [case(x(5, 3)), case(x())],
    "get_item": [case(x(5, 4), (slice(None), slice(1, 3)))],
    "copy": [case(x(5, 3)), case(i(3))],
    "append": [case(x(5, 3), x(2)), case(x(5, 3), x(5, 2), axis=1)],
    "hstack": [case([x(5, 3), x(5, 2)]), case([x(5), x(5)]), case([x(), x(3)])],
    "vstack": [case([x(5, 3), x(2, 3)]), case([x(4), x(4)])],
    "dstack": [case([x(5, 3), x(5, 3)]), case([x(3), x(3)]), case([x(5, 3, 2)])],
    "array_split": [
        case(x(7, 3), 3),
        case(x(5, 6), 2, axis=1),
    ],
    "vsplit": [case(x(4, 3), 2), case(x(6, 3), [1, 4])],
    "hsplit": [case(x(5, 4), 2), case(x(4), 2)],
    "stop_gradient": [case(x(5, 3))],
    "scatter": [
        case(np.array([[0], [2], [0]]), x(3, 4), (5, 4)),
        case(np.array([[0, 1], [1, 2]], "int32"), i(2), (2, 3)),
    ],
    "scatter_update": [
        case(x(5, 3), np.array([[0], [2]]), x(2, 3)),
        case(x(3, 4), np.array([[0, 1], [2, 3]]), x(2)),
        case(x(3, 4), np.array([[1], [1]]), x(2, 4), reduction="add"),
        case(x(3, 4), np.array([[1], [1]]), x(2, 4), reduction="mul"),
    ],
    "array": [case([1.5, 2]), case([1, 2]), case(3, dtype="float16"), case(x(3))],
    "convert_to_numpy": [case(x(5, 3))],
    "is_tensor": [case(x(3)), case([1]), case(2.0)],
    "ndim": [case(x(5, 3)), case(x())],
    "size": [case(x(5, 3)), case(x())],
    "dtype": [case(x(5, 3)), case(i(3))],
    "fliplr": [case(x(5, 3))],
    "flipud": [case(x(5, 3))],
    "rot90": [
        *(case(x(5, 3), k=k) for k in range(-1, 4)),
        case(x(5, 3, 4), axes=(1, 2)),
        case(x(5, 3, 4), axes=(2, 0)),
    ],
    "roll": [
        case(x(4, 3), 2),
        case(x(5, 3), 1, axis=1),
        case(x(5, 3), -1, axis=0),
        case(x(5, 3), (1, -4), axis=(0, 1)),
        case(x(5, 3), 3, axis=1),
    ],
    "slice": [case(x(5, 4), (0, 1), (5, 2)), case(x(6, 4), [1, 0], [2, 4])],
    "slice_update": [
        case(x(5, 4), (0, 1), x(5, 2)),
        case(x(6, 4), [2, 0], x(3, 4)),
        case(i(4), [1], x(2)),
    ],
    "meshgrid": [
        case(x(5), x(3)),
        case(x(5), x(3), indexing="ij"),
        case(x(5), x(3), i(4)),
        case(x(5)),
    ],
    "searchsorted": [
        case(np.array([0.0, 1, 1, 2], F), x(5, 3)),
        case(np.array([0, 1, 1, 2]), i(5), side="right"),
    ],
    "digitize": [
        case(x(5, 3), np.array([-1, 0, 0.5], F)),
        case(i(5), np.array([0, 2])),
    ],
    "isin": [case(i(5, 3), i(4)), case(i(5), i(2, 2), invert=True)],
    "unravel_index": [
        case(i(5, low=0, high=23), (2, 3, 4)),
        case(i(5, low=0, high=11, dtype="int64"), (3, 4)),
    ],
}


def scatter_update(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Keras's NumPy backend writes into its argument."""
    return keras.ops.scatter_update(x.copy(), *args, **kwargs)


ORACLES: dict[str, Callable[..., Any]] = {"scatter_update": scatter_update}
"""What Keras's NumPy backend gives otherwise."""
