"""Arguments for the functions of `seqir.ops`; a size of 5 can be unknown.

Arrays become inputs of the graph when a function is traced; numbers and lists stay
what they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class Case:
    """One call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    rtol: float = 1e-5

    @property
    def id(self) -> str:
        shown = [_short(a) for a in self.args]
        return ",".join(shown + [f"{k}={_short(v)}" for k, v in self.kwargs.items()])


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}".replace(" ", "")
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_short, value))}]"
    return str(value)


def case(*args: Any, rtol: float = 1e-5, **kwargs: Any) -> Case:
    return Case(args, kwargs, rtol)


def x(*shape: int, dtype: str = "float32", low: float = -2, high: float = 2) -> Any:
    rng = np.random.default_rng(zlib.crc32(f"{shape}{dtype}{low}".encode()))
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if "int" in dtype:
        low = 0 if dtype.startswith("u") and low < 0 else int(low)
        return np.asarray(rng.integers(low, int(high) + 1, shape), dtype)
    return np.asarray(rng.uniform(low, high, shape), dtype)


def i(*shape: int, dtype: str = "int32", low: int = -4, high: int = 4) -> Any:
    return x(*shape, dtype=dtype, low=low, high=high)


def flag(*shape: int) -> Any:
    return x(*shape, dtype="bool")


NUMBERS = ("float32", "float64", "float16", "int32", "int64", "uint8", "int8")
LOOSE = {"float16": 4e-3}


def floats(low: float = -2, high: float = 2, **kwargs: Any) -> list[Case]:
    """One array, for functions whose result has fractions."""
    every = [
        case(x(5, 3, dtype=d, low=low, high=high), rtol=LOOSE.get(d, 1e-5), **kwargs)
        for d in ("float32", "float64", "float16")
    ]
    low = max(int(low), -2)
    whole = [case(i(5, 3, low=low, high=max(int(high), low + 1)), **kwargs)]
    return every + whole + [case(x(low=max(low, 0.5), high=high), **kwargs)]


def numbers(low: float = -2, high: float = 2, **kwargs: Any) -> list[Case]:
    """One array of every kind."""
    return [
        case(x(5, 3, dtype=d, low=low, high=high), rtol=LOOSE.get(d, 1e-5), **kwargs)
        for d in NUMBERS
    ]


def pairs(low: float = -2, second: float | None = None, **kwargs: Any) -> list[Case]:
    """Two operands: types that meet, shapes that broadcast, Python numbers."""
    second = low if second is None else second
    cases = [
        case(x(5, 3, low=low), x(5, 3, low=second)),
        case(x(5, 1, low=low), x(3, low=second)),
        case(x(5, 3, low=low), 1.5),
        case(2, x(5, 3, low=second)),
    ]
    for a, b in (
        ("float32", "float64"),
        ("float32", "int32"),
        ("float16", "float32"),
        ("int32", "int32"),
        ("int32", "int64"),
        ("uint8", "int8"),
        ("int64", "float32"),
    ):
        left, right = x(5, 4, dtype=a, low=low), x(4, dtype=b, low=1)
        cases.append(case(left, right))
    cases.append(case(i(5, 3), 2))
    cases.append(case(i(5, 3, low=int(low)), 0.5))
    cases.append(case([1, 2, 3], x(5, 3, low=second)))
    return cases


def reductions(low: float = -2) -> list[Case]:
    cases = [
        case(x(5, 3, 4, low=low)),
        case(x(5, 3, 4, low=low), axis=1),
        case(x(5, 3, 4, low=low), axis=(0, -1), keepdims=True),
        case(x(5, 3, 4, low=low), axis=[1, 2]),
    ]
    for d in (*NUMBERS[1:], "bool", "int16", "uint32"):
        cases.append(case(x(5, 3, dtype=d, low=low), axis=1, rtol=LOOSE.get(d, 1e-5)))
    return cases


F, D = "float32", "float64"

CASES: dict[str, list[Case]] = {
    **{
        name: floats()
        for name in [
            "arctan",
            "arcsinh",
            "ceil",
            "cos",
            "cosh",
            "deg2rad",
            "exp",
            "exp2",
            "expm1",
            "floor",
            "rad2deg",
            "round",
            "sin",
            "sinh",
            "tan",
            "tanh",
            "trunc",
            "cbrt",
        ]
    },
    **{
        name: floats()[:3]  # Keras's own types for integers depend on its backend
        for name in [
            "celu",
            "elu",
            "erf",
            "erfc",
            "gelu",
            "hard_shrink",
            "hard_sigmoid",
            "hard_silu",
            "hard_swish",
            "hard_tanh",
            "leaky_relu",
            "log_sigmoid",
            "mish",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "soft_shrink",
            "softplus",
            "softsign",
            "sparse_plus",
            "sparse_sigmoid",
            "squareplus",
            "swish",
            "tanh_shrink",
        ]
    },
    **{name: floats(0.1, 3) for name in ("log", "log1p", "log2", "log10", "sqrt")},
    **{name: floats(-0.9, 0.9) for name in ("arcsin", "arccos", "arctanh")},
    "arccosh": floats(1.1, 3),
    "rsqrt": floats(0.5, 3)[:3],
    "reciprocal": floats(0.5, 3)[:3],
    "threshold": floats(threshold=0.3, default_value=-1.0)[:3],
    **{n: numbers() for n in ("abs", "absolute", "negative", "sign", "square", "relu")},
    **{
        n: [case(np.array([np.nan, np.inf, -np.inf, 1, 0], d)) for d in (F, D)]
        for n in ("isnan", "isinf", "isfinite", "isposinf", "isneginf")
    },
    **{n: pairs() for n in ("add", "subtract", "multiply", "maximum", "minimum")},
    **{
        n: pairs()
        for n in [
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "squared_difference",
        ]
    },
    **{n: pairs(second=0.5) for n in ("divide", "true_divide", "floor_divide", "mod")},
    "divide_no_nan": [
        *pairs(second=0.5),
        case(x(3), np.array([0, 1, 0], F)),
    ],
    "power": [
        case(x(5, 3, low=0.1), x(3)),
        case(x(5, 3), 2),
        case(x(5, 3, low=0.1), 0.5),
        case(2.0, x(5, 3)),
        case(i(5, 3), i(3, low=0, high=3)),
        case(i(5, 3, dtype="uint8"), 2),
    ],
    "add_n": [case([x(5, 3), x(5, 3, low=0), x(3)])],
    **{
        n: [case(flag(5, 3), flag(3)), case(i(5, 3), flag(5, 1)), case(x(3), True)]
        for n in ("logical_and", "logical_or", "logical_xor")
    },
    "logical_not": [case(flag(5, 3)), case(i(5, low=0, high=1)), case(x(3))],
    "where": [
        case(flag(5, 3), x(5, 3), x(5, 3, low=0)),
        case(flag(5, 1), x(3), 0.0),
        case(i(5, low=0, high=1), i(5), 1),
        case(flag(3), x(3), i(3)),
    ],
    "clip": [
        *numbers(x_min=-1, x_max=1)[:5],
        case(x(5, 3), -0.5, 0.5),
        case(i(5, 3), 0.5, 1.5),
        case(x(5, 3), x(3, low=-2, high=0), x(3, low=0)),
    ],
    "glu": [case(x(5, 4)), case(x(4, 3), axis=0), case(x(5, 4, 3), axis=1)],
    **{
        n: [
            *floats()[:3],
            case(x(5, 3, 4), axis=1),
            case(x(5, 3, 4), axis=(1, 2)),
        ]
        for n in ("softmax", "log_softmax")
    },
    "sparsemax": [case(x(5, 4)), case(x(5, 4, 3), axis=1)],
    **{n: reductions() for n in ("sum", "max", "min", "prod", "mean", "all", "any")},
    **{n: [c for c in reductions() if c.args[0].dtype != bool] for n in ("var", "std")},
    "logsumexp": reductions()[:3],
    "moments": [
        case(x(5, 3, 4), axes=(0,)),
        case(x(5, 3, 4), axes=(1, 2), keepdims=True),
        case(x(5, 3, dtype="float16"), axes=[1], rtol=4e-3),
    ],
    "norm": [
        case(x(5, 3)),
        case(x(5, 3), axis=1),
        case(x(), keepdims=True),
        case(x(5, 3), ord="fro", axis=(0, 1), keepdims=True),
        *(case(x(5, 3), ord=p, axis=-1) for p in (1, 2, 3, 0, np.inf, -np.inf)),
    ],
    **{
        n: [
            case(x(5, 3, 4)),
            case(x(5, 3, 4), axis=1),
            case(x(5, 3), axis=-1, keepdims=True),
            case(i(5, 8, low=0, high=2), axis=1),
            case(i(5, 8, dtype="uint8"), axis=1),
            case(flag(5, 4), axis=0),
        ]
        for n in ("argmax", "argmin")
    },
    "cumsum": [
        case(x(5, 3)),
        case(x(5, 3), axis=1),
        case(i(5, 3), axis=0),
        case(i(5, 3, dtype="int8"), axis=1),
        case(flag(5, 3), axis=1),
        case(x(5, 3), axis=0, dtype="float64"),
    ],
    "cast": [case(x(5, 3), "int32"), case(i(5), "bool"), case(flag(5), F)],
    "convert_to_tensor": [
        case(x(5, 3)),
        case([1, 2, 3]),
        case([[1.5, 2.0], [0.0, 1.0]]),
        case(3),
        case(True),
        case(x(5, dtype=D)),
        case([1, 2], dtype="float16"),
        case(x(5, 3), dtype="int32"),
    ],
    "full_like": [case(x(5, 3), 2), case(i(5), 1, dtype=F), case(flag(5, 2), True)],
    "zeros_like": [case(x(5, 3)), case(i(5, 3)), case(x(5), dtype="int32")],
    "ones_like": [case(x(5, 3)), case(i(5, 3)), case(x(5), dtype="bool")],
    "one_hot": [
        case(i(5, low=0, high=3), 4),
        case(i(5, 3, low=-1, high=3), 4, axis=1),
        case(i(5, low=0, high=3, dtype="uint8"), 4, dtype="int32"),
    ],
    "take": [
        case(x(7, 3), i(5, low=0, high=6), axis=0),
        case(x(5, 4, 3), i(2, 2, low=-4, high=3), axis=1),
        case(x(4, 3), i(6, low=0, high=11)),
        case(x(4, 3), 2, axis=1),
        case(x(5, 3), [0, 2], axis=-1),
    ],
    "take_along_axis": [
        case(x(5, 4), i(5, 2, low=0, high=3), axis=1),
        case(x(4, 3), i(6, low=0, high=11)),
    ],
    "dot": [
        case(x(5, 3), x(3, 4)),
        case(x(3), x(3)),
        case(x(2, 5, 3), x(4, 3, 2)),
        case(x(5, 3), 2.0),
        case(i(5, 3), i(3)),
    ],
    "matmul": [
        case(x(5, 3), x(3, 4)),
        case(x(5, 2, 3), x(5, 3, 4)),
        case(x(3), x(3, 4)),
        case(i(5, 3), x(3, 4)),
        case(i(5, 3, dtype="int8"), i(3, 2, dtype="int8")),
        case(i(5, 3, dtype="uint8"), i(3, 2, dtype="int16")),
        case(x(5, 3), x(3, 2, dtype=D)),
    ],
    "einsum": [
        case("ij,jk->ik", x(5, 3), x(3, 4)),
        case("ij,jk", x(5, 3), x(3, 4)),
        case("b i j, b j k -> b i k", x(5, 2, 3), x(5, 3, 4)),
        case("...ij,jk->...ik", x(5, 2, 3), x(3, 4)),
        case("...i->...", x(5, 2, 3)),
        case("ij->j", i(5, 3)),
    ],
    "tensordot": [
        case(x(5, 3, 4), x(3, 4, 2)),
        case(x(5, 3), x(3, 4), axes=1),
        case(x(5, 3, 4), x(4, 3), axes=([1, 2], [1, 0])),
        case(x(3), x(4), axes=0),
    ],
    "inner": [case(x(5, 3), x(4, 3)), case(x(3), x(3)), case(x(5, 3), 2.0)],
    "vdot": [case(x(5), x(5)), case(x(2, 3), x(2, 3, low=0))],
    "outer": [case(x(5), x(3)), case(x(5, 2), i(3))],
    "shape": [case(x(5, 3))],
    "transpose": [
        case(x(5, 3, 4)),
        case(x(5, 3, 4), (0, 2, 1)),
        case(x(5, 3), axes=[-1, 0]),
    ],
    "swapaxes": [case(x(5, 3, 4), 0, 2), case(x(5, 3, 4), -1, 1)],
    "moveaxis": [
        case(x(5, 3, 4), 0, -1),
        case(x(5, 3, 4), 2, 0),
        case(x(5, 3, 4), (0, 1), (2, 0)),
    ],
    "reshape": [
        case(x(5, 4, 3), (-1, 12)),
        case(x(6, 12), (6, 3, 4)),
        case(x(5, 4), -1),
        case(x(5, 4), (-1,)),
        case(x(4, 3), (2, -1, 2)),
    ],
    "expand_dims": [case(x(5, 3), 0), case(x(5, 3), -1), case(x(5, 3), (0, 2))],
    "squeeze": [
        case(x(5, 1, 3, 1)),
        case(x(5, 1, 3), 1),
        case(x(5, 1, 1), axis=(-1, 1)),
    ],
    "broadcast_to": [case(x(5, 1), (5, 3)), case(x(3), (5, 3)), case(x(1, 1), (2, 2))],
    "expand_like": [case(x(5, 1), i(5, 3)), case(x(3), x(5, 3)), case(x(), x(2))],
    "concatenate": [
        case([x(5, 3), x(5, 2)], axis=1),
        case([x(5, 3), x(2, 3)]),
        case([x(5, 3), i(5, 1)], axis=-1),
    ],
    "stack": [case([x(5, 3), x(5, 3, low=0)]), case([x(5), i(5)], axis=-1)],
    "tile": [case(x(5, 3), (1, 2)), case(x(5, 3), (2, 1, 1)), case(x(3), 2)],
    "repeat": [case(x(5, 3), 2, axis=1), case(x(5, 3), 2), case(x(4), 3, axis=0)],
    "pad": [
        case(x(5, 3), ((0, 0), (1, 2))),
        case(x(5, 3), ((0, 0), (1, 0)), constant_values=2),
        case(x(5, 3), ((0, 0), (2, 1)), mode="reflect"),
        case(x(5, 3), ((0, 0), (2, 4)), mode="edge"),
        case(i(3), 1),
    ],
    "flip": [case(x(5, 3)), case(x(5, 3), axis=1), case(x(5, 3), axis=(0, -1))],
    "split": [
        case(x(5, 6), 3, axis=1),
        case(x(5, 6), [2, 3], axis=1),
        case(x(4, 3), 2),
    ],
    "unstack": [case(x(3, 4)), case(x(5, 3), axis=1), case(x(5, 3), 3, -1)],
    "getitem": [],
    "unique": [
        case(i(5, 2, low=-1, high=1)),
        case(x(4)),
        case(i(3, 4, low=0, high=3), True, True, True, True),
        case(i(6, low=0, high=3), return_counts=True, return_index=True, size=2),
        case(i(6, low=0, high=3), return_counts=True, return_index=True, size=8),
        case(x(5), size=7, fill_value=2.5),
    ],
    "nonzero": [case(flag(3, 4)), case(i(5, 2, low=-1, high=1)), case(x(4))],
    "sort": [case(x(5, 4)), case(x(4, 3), axis=0), case(i(5, 4, dtype="uint8"))],
    "argsort": [case(x(5, 4)), case(x(4, 3), axis=0), case(x()), case(x(), axis=0)],
    "top_k": [
        case(x(5, 4), 2),
        case(x(5, 4, 3), 3),
        case(np.array([3, 1, 2, 0], "uint8"), 2),
    ],
}

NAN = np.array([np.nan, np.inf, -np.inf, 1, 0, -2], F)
HOLES = np.where(x(5, 4) > 1, np.nan, x(5, 4))
SUMS = x(5, 4, low=0.1) / x(5, 4, low=0.1).sum(-1, keepdims=True)
IMAGE, LINE, SOLID = x(5, 7, 6, 4), x(5, 9, 3), x(2, 4, 6, 4, 2)

CASES |= {
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
    "depth_to_space": [
        case(x(5, 2, 3, 8), 2),
        case(x(5, 18, 2, 3), 3, data_format="channels_first"),
    ],
    "space_to_depth": [
        case(x(5, 4, 6, 2), 2),
        case(x(5, 2, 6, 3), 3, data_format="channels_first"),
    ],
    "conv": [
        case(IMAGE, x(3, 3, 4, 2)),
        case(IMAGE, x(3, 2, 4, 2), strides=(2, 1), padding="same"),
        case(IMAGE, x(2, 3, 2, 6), strides=2, dilation_rate=1),
        case(IMAGE, x(2, 2, 4, 3), dilation_rate=(2, 1), padding="same"),
        case(x(5, 4, 7, 6), x(3, 3, 4, 2), data_format="channels_first"),
        case(LINE, x(3, 3, 4)),
        case(LINE, x(2, 3, 4), strides=3, padding="SAME"),
        case(SOLID, x(2, 3, 2, 2, 3), padding="same"),
    ],
    "depthwise_conv": [
        case(IMAGE, x(3, 3, 4, 1)),
        case(IMAGE, x(2, 3, 4, 2), strides=2, padding="same"),
        case(LINE, x(3, 3, 2), dilation_rate=2),
    ],
    "separable_conv": [
        case(IMAGE, x(3, 3, 4, 2), x(1, 1, 8, 3)),
        case(LINE, x(3, 3, 1), x(1, 3, 2), strides=2, padding="same"),
    ],
    "conv_transpose": [
        case(IMAGE, x(*k, 2, 4), strides=s, padding=p, output_padding=e, **more)
        for k, s, p, e, more in (
            ((3, 3), 1, "valid", None, {}),
            ((2, 3), 2, "same", None, {}),
            ((3, 2), (3, 2), "valid", None, {}),
            ((2, 2), 3, "valid", None, {}),
            ((3, 3), 2, "same", 1, {}),
            ((3, 3), 2, "valid", (1, 0), {}),
            ((2, 2), 1, "same", None, {"dilation_rate": 2}),
            ((1, 1), 2, "same", None, {}),
        )
    ]
    + [case(LINE, x(4, 2, 3), strides=2, padding="same")],
    **{
        n: [
            case(IMAGE, (2, 2)),
            case(IMAGE, (3, 2), strides=(2, 1), padding="same"),
            case(LINE, (2,), padding="same"),
            case(SOLID, (2, 3, 2), strides=1),
            case(x(5, 4, 7, 6), (2, 2), data_format="channels_first"),
        ]
        for n in ("max_pool", "average_pool")
    },
    "normalize": [
        case(x(5, 3)),
        case(x(5, 3), axis=0),
        case(x(5, 3), order=1),
        case(x(5, 3), order=3, axis=1),
        case(x()),
        case(x(), axis=0, order=1),
    ],
    "batch_normalization": [
        case(x(5, 3), x(3), x(3, low=0.1), -1),
        case(x(5, 3, 4), x(3), x(3, low=0.1), 1, offset=x(3), scale=x(3, low=0)),
        case(x(5, 3), x(3), x(3, low=0.1), axis=1, epsilon=0.1),
    ],
    "layer_normalization": [
        case(x(5, 3, 4), rtol=1e-4),
        case(x(5, 3, 4), x(4), x(4, low=0), rtol=1e-4),
        case(x(5, 3, 4), x(3, 4), axis=(1, 2), epsilon=1e-3, rtol=1e-4),
        case(x(5, 3, 4), x(3), axis=1, rtol=1e-4),
        case(x(5, 4, dtype="float16"), rtol=4e-3),
    ],
    "rms_normalization": [
        case(x(5, 3, 4)),
        case(x(5, 3, 4), x(4), epsilon=1e-3),
        case(x(5, 3, 4), axis=(1, 2)),
        case(x(5, 4, dtype="float16"), rtol=4e-3),
    ],
    "multi_hot": [
        case(i(5, 3, low=0, high=5), 6),
        case(i(3, low=0, high=5), 6),
        case(i(5, 3, low=0, high=5), num_classes=6, dtype="int32"),
        case(i(3, low=0, high=5), num_tokens=6),
    ],
    "categorical_crossentropy": [
        case(SUMS, SUMS[:, ::-1].copy()),
        case(SUMS, x(5, 4), from_logits=True),
        case(x(4, 5, low=0), x(4, 5, low=0.1), axis=0),
    ],
    "sparse_categorical_crossentropy": [
        case(i(5, low=0, high=3), SUMS),
        case(i(5, 1, low=0, high=3), x(5, 4), from_logits=True),
        case(i(5, 3, low=0, high=3), x(5, 3, 4, low=0.1)),
    ],
    "binary_crossentropy": [
        case(x(5, 3, low=0, high=1), x(5, 3, low=0.1, high=0.9)),
        case(x(5, 3, low=0, high=1), x(5, 3), from_logits=True),
        case(np.array([0, 1], F), np.array([0, 1], F)),
    ],
    "dot_product_attention": [
        case(x(5, 3, 2, 4), x(5, 6, 2, 4), x(5, 6, 2, 4, low=0)),
        case(x(5, 3, 4, 2), x(5, 6, 2, 2), x(5, 6, 2, 2, low=0), scale=0.5),
        case(x(5, 3, 2, 4), x(5, 3, 2, 4), x(5, 3, 2, 4, low=0), is_causal=True),
        case(
            x(5, 3, 2, 4),
            x(5, 6, 2, 4),
            x(5, 6, 2, 4, low=0),
            bias=x(2, 3, 6),
            mask=flag(5, 1, 3, 6) | (np.arange(6) == 0),
        ),
    ],
}

KEYS: tuple[Any, ...] = (
    0,
    -1,
    slice(1, None),
    (slice(None), 1),
    (slice(None), slice(None, None, 2)),
    (slice(None), slice(None, None, -1)),
    (slice(None), slice(3, 0, -2)),
    (..., 0),
    (..., None, slice(0, 2)),
    (None, slice(None), 0, None),
    (0, 1, 2),
    None,
    ...,
    np.array([0, 2, -1]),
)
CASES["getitem"] = [case(x(5, 4, 3), key) for key in KEYS]


def top_k(x: Any, k: int) -> Any:
    values, places = keras.ops.top_k(x, k)
    return values, places.astype("int32")  # as its other backends


def unique(x: Any, *args: Any, **kwargs: Any) -> Any:
    found = keras.ops.unique(x, *args, **kwargs)
    if not isinstance(found, tuple):
        return found
    return found[0], *(y.astype("int32") for y in found[1:])  # as on JAX


def attention(query: Any, key: Any, value: Any, **kwargs: Any) -> Any:
    """With fewer key heads than query heads, which Keras has on other backends."""
    times = query.shape[2] // key.shape[2]
    key, value = (np.repeat(v, times, 2) for v in (key, value))
    return keras.ops.dot_product_attention(query, key, value, **kwargs)


def pooling(name: str) -> Callable[..., Any]:
    """Keras's NumPy backend lacks the default strides."""

    def pool(x: Any, pool_size: Any, strides: Any = None, **kwargs: Any) -> Any:
        return getattr(keras.ops, name)(x, pool_size, strides or pool_size, **kwargs)

    return pool


def scatter_update(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Keras's NumPy backend writes into its argument."""
    return keras.ops.scatter_update(x.copy(), *args, **kwargs)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """Keras's NumPy backend makes it float64, the others keep float32."""
    return np.asarray(keras.ops.sparsemax(x, axis)).astype(x.dtype)


ORACLES: dict[str, Callable[..., Any]] = {
    "scatter_update": scatter_update,
    "dot_product_attention": attention,
    "max_pool": pooling("max_pool"),
    "average_pool": pooling("average_pool"),
    "sparsemax": sparsemax,
    "top_k": top_k,
    "add_n": sum,
    "getitem": lambda x, key: x[key],
    "unique": unique,
    "expand_like": lambda a, like: np.broadcast_to(a, like.shape),
    "squared_difference": lambda a, b: keras.ops.square(keras.ops.subtract(a, b)),
    "mish": lambda x: keras.activations.mish(x),
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype.name,
    "size": lambda x: x.size,
    "ndim": lambda x: x.ndim,
}
"""What functions that Keras lacks, or has in a narrower form, should give."""

UNTRACED = {"convert_to_numpy", "array", "dtype", "is_tensor", "ndim", "shape", "size"}
"""Functions whose result is not a tensor."""

COUNTED_BY_THE_RUN = {"nonzero", "unique"}
"""Functions whose results have a size that depends on numbers."""

BAD_CALLS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("where", (flag(3), x(3)), "where needs both choices, or none"),
    ("glu", (x(3),), "glu halves axis 0, its size 3 is not even"),
    ("norm", (x(3, 3), 3), "norm of order 3 of matrices is not there: use None"),
    ("norm", (x(3), "nuc"), "norm of order 'nuc' is of vectors or matrices"),
    ("norm", (x(3), "fro"), "norm of order 'fro' is of vectors or matrices"),
    ("norm", (x(2, 3, 4), 1), "along one axis or two, got 3 axes"),
    ("moments", (x(3), 0, False, True), "not synchronized across machines"),
    ("einsum", ("ij,jk->ik", x(2, 3)), "einsum 'ij,jk->ik' takes 2 operands"),
    ("concatenate", ([],), "concatenate needs at least one tensor"),
    ("pad", (x(3), 1, "wrong"), "edge, reflect, symmetric, wrap, not 'wrong'"),
    ("split", (x(5, 3), 2, 1), "axis 1 of size 3 has no 2 equal parts"),
    ("reshape", (x(4, 3), (5, -1)), "f32[4, 3] cannot be reshaped to (5, -1)"),
    ("reshape", (x(4, 3), (5, 2)), "f32[4, 3] cannot be reshaped to (5, 2)"),
    ("reshape", (x(4, 3), (-1, -1)), "leaves more than one size open"),
    ("reshape", (x(4, 3), (-2, 3)), "sizes must not be negative, got (-2, 3)"),
    ("reshape", (x(4), ("n",)), "a size must be an integer, got 'n'"),
    ("unique", (x(3, 2), True, False, False, False, 0), "leave axis=None"),
    ("getitem", (x(3), x(4) > 0), "a mask b1[4] does not fit f32[3]"),
    ("getitem", (x(3), (0, 0)), "too many indices for rank 1"),
    ("getitem", (x(3), 3), "index 3 is out of range for axis 0 of size 3"),
    ("getitem", (x(3, 3), (0, i(2))), "index with one tensor at a time"),
    ("full", ((None, 3), 0), "a size that is not known yet is ops.shape(x)[i]"),
    ("average", (x(5, 3), None, x(3)), "average with a vector of weights needs one"),
    ("segment_sum", (x(3), i(3)), "segment_sum needs num_segments"),
    ("diag", (x(2, 2, 2),), "diag takes a vector or a matrix, got f32[2, 2, 2]"),
    ("cross", (x(5, 4), x(5, 4)), "cross takes vectors of 2 or 3, got f32[5, 4]"),
    ("searchsorted", (x(3), x(3), "middle"), "side must be 'left' or 'right'"),
    ("depth_to_space", (x(1, 2, 2, 6), 2), "6 channels cannot be divided by 4"),
    ("space_to_depth", (x(1, 3, 2, 6), 2), "3 rows cannot be divided by 2"),
    ("conv", (x(1, 7, 4), x(3, 3, 2)), "kernel of 3 channels does not divide 4"),
    ("conv", (x(1, 7, 3), x(3, 3, 2), (1, 1)), "expected 1 numbers, got (1, 1)"),
    ("conv", (x(1, 7, 3), x(3, 3, 2), 1, "full"), "must be 'valid' or 'same'"),
    ("conv", (x(1, 7, 3), x(3, 3, 2), 1, "same", "NHWC"), "data_format must be"),
    ("conv_transpose", (x(1, 7, 3), x(3, 2, 3), 1, "full"), "'valid' or 'same'"),
    ("normalize", (x(3), -1, 0), "order must be a positive integer, got 0"),
    ("multi_hot", (i(3),), "multi_hot needs num_classes"),
    ("sort", (x(),), "axis -1 is out of range for rank 0"),
    ("softmax", (x(),), "axis -1 is out of range for rank 0"),
    ("categorical_crossentropy", (x(3), x(5, 3)), "must have one shape"),
    ("sparse_categorical_crossentropy", (i(5, 3), x(5, 4)), "without axis -1"),
    ("dot_product_attention", (x(3), x(3), x(3)), "takes tensors of rank 4"),
    (
        "dot_product_attention",
        (x(1, 2, 3, 4), x(1, 2, 2, 4), x(1, 2, 2, 4)),
        "3 query heads cannot share 2 key heads",
    ),
    ("scatter", (i(3, 1), x(3), (None,)), "is ops.shape(x)[i], not None"),
    ("scatter_update", (x(3), i(2, 1), x(2), "sum"), "reduction must be None, 'add'"),
    ("cast", (x(3), "complex64"), "'complex64' is not an element type of seqir"),
    ("sum", (x(3), 1), "axis 1 is out of range for rank 1"),
    ("matmul", (x(5, 3), x(5, 3)), "inner sizes to agree, got 3 of f32[5, 3] and 5"),
)
"""Function, arguments, and what the error says."""
