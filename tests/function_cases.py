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


def sparsemax(x: Any, axis: int = -1) -> Any:
    """Keras's NumPy backend makes it float64, the others keep float32."""
    return np.asarray(keras.ops.sparsemax(x, axis)).astype(x.dtype)


ORACLES: dict[str, Callable[..., Any]] = {
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
