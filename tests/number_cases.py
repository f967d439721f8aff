"""Arguments for functions of numbers, of their bits, and of many of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from function_cases import Case, case, flag, floats, i, numbers, x

F, D = "float32", "float64"
NAN = np.array([np.nan, np.inf, -np.inf, 1, 0, -2], F)
HOLES = np.where(x(5, 4) > 1, np.nan, x(5, 4)).astype(F)
LOST = np.where(np.arange(5)[:, None] == 2, np.nan, HOLES).astype(F)
ENDS = np.array([-(2**31), -1, 0, 1, 2**31 - 1], "int32")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")


def integer_pairs(low: int = -9) -> list[Case]:
    """Two operands of integers: every type, types that meet, numbers of Python."""
    same = [case(i(5, 3, dtype=d, low=low, high=9), i(3, dtype=d)) for d in INTEGERS]
    return [
        *same,
        case(i(5, 3, low=low), 3),
        case(i(5, 1, dtype="uint8"), i(3, dtype="int8", low=0)),
        case(i(5, 3, dtype="int64"), i(5, 3)),
    ]


def quantiles(scale: float = 1) -> list[Case]:
    q = np.array([0.1, 0.5, 1.0], F) * np.float32(scale)
    return [
        case(x(5, 4), 0.3 * scale),
        case(x(5, 4), q, axis=1),
        case(x(5, 3, 4), q, axis=(0, 2), keepdims=True),
        case(x(5, 4), 0.3 * scale, keepdims=True),
        case(i(5, 4), 0.4 * scale, axis=0),
        case(x(5, 4, dtype=D), np.asarray(0.7 * scale), axis=-1),
        *(
            case(x(5, 4), np.array([0.2, 0.85], F) * np.float32(scale), 1, method=m)
            for m in ("linear", "lower", "higher", "midpoint", "nearest")
        ),
    ]


SHIFTS = [
    *(case(i(5, 3, dtype=d, low=-9, high=9), i(3, dtype=d, low=0)) for d in INTEGERS),
    case(ENDS, np.array([0, 1, 5, 31, 30], "int32")),
    case(i(5, 3), 2),
    case(ENDS[:, None], np.array([30, 31, 32, 40], "int32")),
]

CASES: dict[str, list[Case]] = {
    **{
        name: [*integer_pairs(), case(flag(5, 3), flag(3)), case(ENDS[:, None], ENDS)]
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    },
    **{
        name: [*(case(i(5, 3, dtype=d)) for d in INTEGERS), case(flag(5)), case(ENDS)]
        for name in ("bitwise_not", "bitwise_invert")
    },
    **{name: SHIFTS for name in ("bitwise_left_shift", "left_shift")},
    **{name: SHIFTS for name in ("bitwise_right_shift", "right_shift")},
    "fabs": floats(),
    **{
        name: [
            case(x(5, 3), x(3)),
            case(NAN[:, None], NAN),
            case(i(5, 3), i(3)),
            case(x(5, 3), 0.5),
            case(x(5, 3, dtype="float16"), x(3, dtype="float16")),
            case(i(5, dtype="uint8"), x(5)),
        ]
        for name in ("fmin", "fmax")
    },
    "signbit": [
        case(np.array([-0.0, 0.0, -1.0, 2.0, -np.inf, np.inf], F)),
        case(x(5, 3)),
        case(i(5, 3)),
        case(x(5, dtype="float16")),
    ],
    "heaviside": [
        case(x(5, 3), x(3)),
        case(NAN, np.array(0.5, F)),
        case(i(5, low=-1, high=1), i(5)),
        case(i(5, dtype="int64"), i(5, dtype="int64")),
        case(x(5, dtype="float16"), x(5, dtype="float16")),
    ],
    "ldexp": [
        case(x(5, 3), i(3)),
        case(x(5), np.array([200, -200, 0, 127, -140], "int32")),
        case(np.array([1e-38, 1e38], F), np.array([200, -200], "int32")),
        case(i(5), i(5)),
        case(x(5, dtype=D), i(5, dtype="int64")),
    ],
    "logaddexp2": [
        case(x(5, 3), x(3)),
        case(x(3, low=300, high=400), x(3, low=-90)),
        case(i(5), i(5)),
        case(x(5, dtype=D), x(5)),
    ],
    **{
        name: [
            *integer_pairs(low=-20),
            case(np.array([0, 0, 6, -4], "int32"), np.array([0, 5, 0, 6], "int32")),
            case(np.array([1836311903, 6], "int32"), np.array([1134903170, 4], "int32"))
            if name == "gcd"
            else case(i(5, 3, low=-60, high=60), i(3, low=-60, high=60)),
        ]
        for name in ("gcd", "lcm")
    },
    "sinc": [*floats(), case(np.array([0, 1e-3, 1, -0.5], F))],
    "erfinv": [
        *floats(-0.99, 0.99)[:3],
        case(np.array([0, 1e-6, -0.9, 0.9999, 0.999999, 1, -1, 1.5, np.nan], F)),
        case(np.array([1e-12, 0.85, 1 - 1e-13, -0.97], D), rtol=1e-11),
    ],
    **{n: numbers() for n in ("real", "imag", "isreal", "conj", "conjugate")},
    "angle": [*numbers(), case(NAN), case(np.array([0, -0.0], F))],
    "i0": [
        *floats(-4, 4),
        *floats(-30, 30)[:2],
        case(np.array([0, -0.0, 7.999, 8, 8.001, 80, np.nan], F)),
        case(np.array([0, 1e-9, -7.9, 8, 8.1, 50, 700], D), rtol=1e-13),
        case(i(5, 3, dtype="int64")),
    ],
    "cdist": [
        case(x(5, 3), x(4, 3)),
        case(x(2, 5, 3), x(2, 4, 3)),
        case(x(5, 3), x(5, 3)),
        case(x(5, 3, dtype=D), x(4, 3, dtype=D)),
    ],
    "quantile": quantiles(),
    "percentile": quantiles(100),
    "nanquantile": [
        *quantiles(),
        case(HOLES, np.array([0.2, 0.7], F), axis=1),
        case(LOST, 0.4, axis=1),
        case(LOST, np.array([0.2, 0.7], F)),
    ],
    "nanpercentile": [*quantiles(100), case(HOLES, 40.0, axis=0, keepdims=True)],
    "nanmedian": [case(HOLES), case(LOST, axis=1), case(HOLES, axis=0, keepdims=True)],
    **{
        name: [
            case(HOLES),
            case(HOLES, axis=1),
            case(HOLES, axis=0, keepdims=True),
            case(i(5, 4), axis=1),
        ]
        for name in ("nanargmax", "nanargmin")
    },
    "cumprod": [
        case(x(4, 3)),
        case(x(5, 4), axis=1),
        case(x(5, 7), axis=-1),
        case(i(4, 3), axis=0),
        case(i(5, 3, dtype="int8"), axis=1),
        case(flag(5, 3), axis=1),
        case(x(5, 3), axis=1, dtype=D),
        case(x(5, 1, 3), axis=1),
    ],
    "nancumsum": [case(HOLES, axis=1), case(i(5, 3), axis=0), case(HOLES)],
    "nancumprod": [case(HOLES, axis=1), case(i(4, 3), axis=0), case(HOLES[:4])],
    **{
        name: [
            case(x(5, 3), np.array([0, 2, 0, 1, 2], "int32"), num_segments=4),
            case(i(5), np.array([0, 2, 0, 1, 3], "int32"), num_segments=4),
            case(x(5, 2, 3), np.array([1, 0, -1, 1, 0], "int32"), num_segments=2),
        ]
        for name in ("segment_max", "segment_min", "segment_prod")
    },
    "empty_like": [case(np.zeros((0, 3), F)), case(np.zeros((0, 2)), dtype="int32")],
    "diagflat": [case(x(3)), case(x(2, 2), k=1), case(i(3), k=-1)],
    "dsplit": [case(x(5, 3, 4), 2), case(x(5, 3, 4), [1, 3])],
    "vander": [
        case(x(4)),
        case(x(5), N=3),
        case(i(4), increasing=True),
        case(x(5), N=2, increasing=True),
    ],
    "corrcoef": [case(x(3, 8)), case(x(8)), case(x(4, 5, dtype=D))],
    "correlate": [
        case(x(n), x(m, low=0), mode=mode)
        for n, m in ((7, 3), (6, 4), (3, 6), (4, 4))
        for mode in ("valid", "same", "full")
    ]
    + [case(i(6), i(3))],
    "bincount": [
        case([1, 2, 2, 5]),
        case([1, 2, 2, 5], minlength=8),
        case([1, 2, 2, 5], weights=[0.5, 1, 2, 1.5]),
    ],
    "histogram": [case(x(20)), case(i(8), 4), case(x(20), 4, (-1, 1))],
    "geomspace": [
        case(1, 1000, 4),
        case(2, 8, 5, endpoint=False),
        case(np.array([1.0, 2.0], F), np.array([100.0, 32.0], F), 3, axis=-1),
    ],
    **{
        name: [case(7), case(8), case(1)]
        for name in ("bartlett", "blackman", "hamming", "hanning")
    },
    "kaiser": [case(7, 3.0), case(8, 5.5)],
    "argpartition": [case(x(5, 4), 2), case(x(4, 3), 1, axis=0), case(i(1, 3), -1)],
    "rearrange": [
        case(x(5, 4, 6, 3), "b h w c -> b c h w"),
        case(x(5, 4, 6, 3), "b (h p) (w q) c -> b h w (p q c)", p=2, q=3),
        case(x(5, 4, 6), "b h w -> b (w h)"),
        case(x(5, 12), "b (h w) -> h b w", h=3),
    ],
    **{
        name: [
            case(x(5, 7, 3), 3),
            case(x(5, 7, 6, 2), (3, 4)),
            case(x(5, 2, 7, 6), 3, data_format="channels_first"),
            case(x(2, 4, 6, 3, 2), (2, 4, 3)),
        ]
        for name in ("adaptive_average_pool", "adaptive_max_pool")
    },
}


def of_nothing(name: str) -> Callable[..., Any]:
    """NumPy warns of rows that are all NaN."""

    def quantile(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(keras.ops, name)(*args, **kwargs)

    return quantile


def segments(name: str) -> Callable[..., Any]:
    """In the type of the data, as on JAX."""

    def segment(data: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(keras.ops, name)(data, *args, **kwargs).astype(data.dtype)

    return segment


def histogram(*args: Any, **kwargs: Any) -> Any:
    """Counts in the type of the edges, as on JAX."""
    counts, edges = keras.ops.histogram(*args, **kwargs)
    return counts.astype(F), edges.astype(F)


ORACLES: dict[str, Callable[..., Any]] = {
    "nanquantile": of_nothing("nanquantile"),
    "nanmedian": of_nothing("nanmedian"),
    "segment_max": segments("segment_max"),
    "segment_min": segments("segment_min"),
    "histogram": histogram,
    "argpartition": lambda x, kth, axis=-1: np.argsort(x, axis).astype("int32"),
}
