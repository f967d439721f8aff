"""Arguments at the edges for the functions of `seqir.ops`, and Keras's numbers.

Infinities, NaN, narrow and mixed types, sizes of 0 and 1, axes and arguments as NumPy
has them. What Keras's NumPy backend gets wrong itself is written out.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from function_cases import Case, case, flag, i, x

INF, NAN = np.inf, np.nan
ODD = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 100.0, -100.0, 1e-6]
ROWS = [[INF, INF], [-INF, -INF], [NAN, 1], [INF, 1], [-INF, 1], [INF, -INF]]


def odd(dtype: str = "float32") -> Any:
    return np.array(ODD, dtype)


def rows(dtype: str = "float32") -> Any:
    return np.array(ROWS, dtype)


F16 = "float16"
EMPTY, FLAT = x(0, 3), x(0)

CORNERS: dict[str, list[Case]] = {
    **{
        name: [case(odd()), case(odd("float64")), case(odd(F16), rtol=4e-3)]
        for name in (
            "arcsinh",
            "celu",
            "elu",
            "exp2",
            "expm1",
            "isinf",
            "isneginf",
            "isposinf",
            "leaky_relu",
            "log1p",
            "nan_to_num",
            "sigmoid",
            "soft_shrink",
            "tanh",
        )
    },
    "log1p": [case(np.array([1e-9, 0.5, 1, 1.5, 1e6, 1e8, 1e30, INF], "float32"))],
    "expm1": [case(np.array([1e-9, 0.5, -200, -80, 80, -INF, INF], "float32"))],
    "round": [
        *(
            case(np.array([-15, -25, 14, 15, 25, 5, 45, 120], d), decimals=-1)
            for d in ("int8", "int16", "int32", "int64")
        ),
        case(np.array([15, 25, 250, 149], "uint8"), decimals=-1),
        case(np.array([150, 250, -50, 49]), decimals=-2),
        case(np.array([7, 2**62]), decimals=-25),
        case(x(3), decimals=np.int64(1)),
        case(i(3), decimals=1),
    ],
    "nan_to_num": [case(odd(F16), nan=np.float32(1), posinf=np.int64(5), rtol=4e-3)],
    "hard_tanh": [case(i(5, 3)), case(i(5, dtype="int8"))],
    "threshold": [case(i(5, 3), 1, 0)],
    "celu": [case(x(5), alpha=np.float64(0.5)), case(odd(), alpha=0.5)],
    **{
        name: [case(flag(5, 3), flag(3)), case(flag(5), True)]
        for name in ("add", "multiply", "maximum", "minimum")
    },
    "clip": [case(i(5, 3), -1, 300), case(i(5, dtype="int64"), -INF, 1)],
    "logsumexp": [case(rows(), axis=1), case(rows("float64"), axis=1), case(FLAT)],
    "arctan2": [case(x(5, dtype=F16), i(5, dtype="uint8", low=1), rtol=4e-3)],
    "max": [
        case(x(5, 3), axis=1, initial=0),
        case(i(5, 3), initial=100),
        case(EMPTY, axis=0, initial=-1.0),
        case(FLAT, initial=2.0),
        case(x(5, 0), axis=1, keepdims=True, initial=3.0),
        case(x(2, 3, 4), axis=(np.int64(0), np.int32(2))),
    ],
    "min": [
        case(x(5, 3), axis=1, initial=0),
        case(EMPTY, axis=0, initial=-1.0),
        case(x(5, 3), None, False, -9.0),
    ],
    "all": [case(FLAT), case(EMPTY, axis=0), case(np.array([NAN, 1]))],
    "any": [case(FLAT), case(EMPTY, axis=0, keepdims=True)],
    "mean": [case(FLAT), case(EMPTY, axis=0), case(i(0))],
    "var": [case(FLAT), case(np.array([300, -300, 300], F16), rtol=4e-3)],
    "median": [case(rows(), axis=1), case(x(3, 0), axis=1), case(FLAT)],
    "nanmax": [case(i(5, 3)), case(i(5, 3, dtype="uint8"), axis=1), case(flag(5))],
    "nanmin": [case(i(5, 3), axis=0, keepdims=True), case(i(5, dtype="int8"))],
    **{
        name: [
            case(x(5, 3), keepdims=True),
            case(x(2, 3, 4), axis=None, keepdims=True),
            case(x(5, 3), axis=np.int64(1)),
            case(x(), keepdims=True),
        ]
        for name in ("argmax", "argmin")
    },
    "moments": [
        case(np.array([[300, -300]], F16), [1], rtol=4e-3),
        case(np.array([[60000, -60000]], F16), [1], rtol=4e-3),
        case(np.array([[INF, 1]], F16), [1]),
        case(np.full(3000, 100, F16), [0], rtol=4e-3),
        case(x(5, 3), np.int64(0)),
    ],
    "norm": [
        *(
            case(x(2, 3, 4), ord=p, axis=axes, keepdims=keep)
            for p in (None, "fro", 1, -1, INF, -INF)
            for axes, keep in (((1, 2), False), ((-1, 0), True), ((2, 1), False))
        ),
        case(x(3, 4), ord=1),
        case(x(5, 3), ord=np.int64(1), axis=np.int64(1)),
        case(x(5), ord=np.float32(3)),
        case(x(5), ord=-1),
        case(x(5), ord=-2),
    ],
    "trapezoid": [
        *(case(x(2, 3, 4), x=x(n), axis=a) for a, n in ((0, 2), (1, 3), (-1, 4))),
        *(case(x(2, 3, 4), x=x(2, 3, 4, low=0), axis=a) for a in (0, 1, 2)),
        case(x(2, 3, 4), x=i(3), axis=1),
        case(x(1)),
    ],
    "sort": [case(x(2, 3), axis=None), case(i(2, 3), axis=np.int64(0))],
    "argsort": [case(x(2, 3), axis=None)],
    "diff": [case(x(5, 4), np.int64(2), np.int64(0))],
    "segment_sum": [
        case(np.array([NAN, INF, 1, 2], "float32"), np.array([0, 1, 2, 2]), 3),
        case(x(5, 2, 3), i(5, low=0, high=2), num_segments=np.int64(3)),
        case(x(5, 3), np.array([2, 0, 2, 0, 2], "uint8"), num_segments=3),
    ],
    **{
        name: [case(flag(3, 3)), case(flag(2, 4, 3), k=np.int64(1)), case(i(3, 3))]
        for name in ("tril", "triu")
    },
    "diag": [case(flag(4)), case(flag(4), k=np.int64(-1)), case(i(4, dtype="int8"))],
    "cross": [
        case(x(2), x(2, low=0)),
        case(x(5, 2), x(5, 2, low=0)),
        case(x(5, 2), x(5, 3)),
        case(x(5, 3), x(5, 2)),
        case(i(2, 5), i(2, 5, low=0), axis=0),
    ],
    "einsum": [
        case("ij,ij->ij", x(2, 3), x(1, 3)),
        case("bij,bjk->bik", x(1, 2, 3), x(4, 3, 2)),
        case("bij,bjk->bik", x(4, 2, 3), x(1, 3, 2)),
        case("...ij,...jk->...ik", x(1, 2, 3), x(4, 3, 2)),
        case("ij,jk->ik", x(1, 1), x(1, 3)),
        case("i->i", x(1)),
    ],
    "tensordot": [
        case(x(5, 3), x(3, 4), axes=np.int64(1)),
        case(x(5, 3), x(3, 4), axes=np.array([1, 0])),
        case(x(5, 3), x(3, 4), axes=((-1,), (-2,))),
    ],
    "concatenate": [
        case([x(2, 3), x(4)], axis=None),
        case([x(), x(2)], axis=None),
        case([x(5, 3), x(5, 2)], axis=np.int64(1)),
    ],
    "split": [
        case(x(0, 3), 3),
        case(x(5, 0), 2, axis=1),
        case(x(5, 4), np.int64(2), axis=np.int64(1)),
        case(x(5, 4), np.array([1, 3]), axis=1),
    ],
    "array_split": [case(x(0), 2), case(x(5, 0), 3, axis=1)],
    "pad": [
        *(
            case(x(3, 4), width, mode=mode)
            for mode in ("symmetric", "wrap", "reflect", "edge")
            for width in (1, ((0, 3), (2, 0)), ((7, 8), (0, 9)))
        ),
        case(flag(2, 3), 1, mode="symmetric"),
        case(i(3), np.array([[1, 2]])),
        case(x(3), 1, constant_values=np.float32(2)),
    ],
    "repeat": [
        case(x(5, 3), np.int64(2), axis=1),
        case(x(2, 3), [1, 0, 2], axis=1),
        case(x(3), np.array([2, 1, 0])),
        case(x(2, 3), 0, axis=0),
    ],
    "tile": [case(x(5, 3), np.int64(2)), case(x(5, 3), np.array([1, 2]))],
    "rot90": [case(x(2, 3, 4), axes=(-1, -2)), case(x(3, 3), k=np.int64(3))],
    "roll": [
        case(x(4, 3), np.int64(2), np.int64(1)),
        case(x(4, 3), (1, 2), axis=0),
        case(x(4, 3), 1, axis=(0, 1)),
    ],
    "swapaxes": [case(x(2, 3, 4), np.int64(0), np.int64(-1))],
    "moveaxis": [case(x(2, 3, 4), np.int64(0), np.int32(2))],
    "expand_dims": [case(x(5, 3), np.int64(1)), case(x(5, 3), (0, -1))],
    "squeeze": [case(x(5, 1, 3), np.int64(1))],
    "broadcast_to": [case(x(3), np.array([2, 3]))],
    "reshape": [
        case(x(2, 3), np.array([3, 2])),
        case(x(2, 3), (np.int64(3), np.int32(-1))),
        case(EMPTY, (3, 0)),
        case(x(0, 2), (2, -1)),
        case(x(2, 0), (0, 2)),
    ],
    "meshgrid": [
        case(np.array([NAN, INF], "float32"), np.array([INF, 1, 2], "float32")),
        case(FLAT, x(2)),
    ],
    "take_along_axis": [
        case(x(2, 4, 6), i(2, 1, 3, low=0, high=5), axis=2),
        case(x(1, 3, 4), i(2, 3, 1, low=0, high=3), axis=-1),
        case(x(2, 3), i(4, 2, low=0, high=2)[:1], axis=1),
        case(flag(5, 1, 4), i(1, 3, 2, low=0, high=3), axis=2),
    ],
    "scatter": [case(np.array([[0], [1]]), x(2), np.array([4]))],
    "scatter_update": [
        case(x(3, 4), np.array([[1], [1]]), x(2, 4), reduction=r)
        for r in ("max", "min")
    ],
    "one_hot": [case(i(5, low=0, high=3), np.int64(4), np.int64(0))],
    "searchsorted": [
        case(np.array([1, 2, INF], "float32"), odd()),
        case(np.array([1, 2, NAN], "float32"), odd(), side="right"),
    ],
    "digitize": [case(x(5), [1.0, 0.0, -1.0]), case(x(5), [0.0, 1.0])],
    "unravel_index": [case(i(5, low=0, high=5), np.array([2, 3]))],
    "softmax": [
        case(x(5, 3), axis=np.int64(0)),
        case(np.array([[1000, 1001], [-INF, 1], [-INF, -INF]], "float32")),
    ],
    "log_softmax": [case(np.array([[1000, 0], [-1000, 1]], "float32"), axis=(0, 1))],
    "full_like": [
        case(x(3, 2), x(2)),
        case(x(3, 2), x(3, 1)),
        case(i(3, 2), np.float32(2)),
    ],
    "full": [case((2, 2), x(2)), case(np.array([2, 3]), 1), case(np.int64(3), 2.5)],
    "zeros": [case(np.array([2, 0]))],
    "linspace": [
        case(x(3), x(3, low=1), 4),
        case(x(3), 1.0, 4, endpoint=False, axis=-1),
        case(x(3), x(3, low=1), np.int64(3), axis=1),
        case(x(3), x(3, low=1), 1),
    ],
    "logspace": [case(x(3), 1.0, 4), case(x(3), x(3), 3, base=2)],
    "array": [case([np.float32(1), 2]), case([np.int64(1), 2]), case([True, 2])],
    "layer_normalization": [
        case(x(2, 3, 4), x(3, 4), x(3, 4, low=0), axis=(1, 2), rtol=1e-4),
        case(x(2, 3, 4), x(12), x(12, low=0), axis=(1, 2), rtol=1e-4),
        case(x(2, 3, 4), x(2, 4), None, axis=(0, 2), rtol=1e-4),
        case(x(2, 3, 4), x(3, 4), x(3, 4), axis=(-2, -1), rtol=1e-4),
    ],
    "normalize": [case(x(5, 3), np.int64(1), 1)],
    "get_item": [
        case(x(3, 4), np.array([True, False, True])),
        case(x(3, 4), (slice(None), [0, 1])),
        case(x(3, 4, 5), (slice(1, None), np.array([0, -1]), slice(None, 2))),
        case(x(3, 4), (..., np.array([[0, 1], [2, 3]]))),
        case(x(3, 4), (None, slice(None), [1, 0])),
    ],
    "dot_product_attention": [
        case(*[x(5, 3, 2, 4)] * 3, flash_attention=False, attn_logits_soft_cap=None),
    ],
    "stop_gradient": [case([x(3), x(2)])],
}

NARROW: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("cbrt", ()),
    ("celu", ()),
    ("cos", ()),
    ("deg2rad", ()),
    ("elu", ()),
    ("erf", ()),
    ("erfc", ()),
    ("exp", ()),
    ("exp2", ()),
    ("expm1", ()),
    ("gelu", ()),
    ("hard_shrink", ()),
    ("hard_sigmoid", ()),
    ("hard_silu", ()),
    ("hard_tanh", ()),
    ("i0", ()),
    ("leaky_relu", ()),
    ("log_sigmoid", ()),
    ("log_softmax", ()),
    ("logsumexp", ()),
    ("max", ()),
    ("mean", ()),
    ("median", ()),
    ("mish", ()),
    ("nan_to_num", ()),
    ("nanmax", ()),
    ("nanmean", ()),
    ("normalize", ()),
    ("rad2deg", ()),
    ("relu6", ()),
    ("round", ()),
    ("rsqrt", ()),
    ("selu", ()),
    ("sigmoid", ()),
    ("silu", ()),
    ("soft_shrink", ()),
    ("softmax", ()),
    ("softplus", ()),
    ("softsign", ()),
    ("sparse_plus", ()),
    ("sparse_sigmoid", ()),
    ("squareplus", ()),
    ("std", ()),
    ("sum", ()),
    ("tanh_shrink", ()),
    ("trapezoid", ()),
    ("var", ()),
    ("log", ()),
    ("log1p", ()),
    ("log2", ()),
    ("log10", ()),
    ("sqrt", ()),
    ("square", ()),
    ("trunc", ()),
    ("tril", ()),
    ("triu", ()),
    ("sort", ()),
    ("cumsum", ()),
    ("diff", ()),
    ("norm", ()),
    ("round", (1,)),
    ("threshold", (0.5, 1)),
    ("tensordot", (np.ones((3, 1), ml_dtypes.bfloat16), 1)),
)
"""Functions that keep bfloat16, and what follows x."""


def narrow(dtype: str = "float32") -> Any:
    """Numbers that bfloat16 has, in a type; all are positive, none is a tie."""
    values = x(4, 3, low=0.2, high=3).astype(ml_dtypes.bfloat16)
    return values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


REFUSED: tuple[tuple[str, tuple[Any, ...], dict[str, Any], str], ...] = (
    ("max", (FLAT,), {}, "f32[0] has no number along (0,): no max"),
    ("min", (EMPTY, 0), {}, "f32[0, 3] has no number along (0,): no min"),
    ("sum", (x(2, 3), (0, 0)), {}, "axes (0, 0) name one place twice"),
    ("sum", (x(2, 3), 0.5), {}, "expected an integer or several, got 0.5"),
    ("argmax", (x(2, 3), 1.5), {}, "an axis is an integer, got 1.5"),
    ("norm", (x(2, 3, 4),), {"axis": (0, 1, 2)}, "got 3 axes"),
    ("norm", (x(3, 3), 2), {}, "of matrices is not there: use None, 'fro', 1"),
    ("multi_hot", (i(3), 4), {"depth": 4}, "multi_hot has no argument 'depth'"),
    ("pad", (x(3), 1, "reflect", 2), {}, "constant_values are for mode 'constant'"),
    ("pad", (x(3, 4), -1), {}, "pad cannot take away: -1"),
    ("pad", (x(3, 4), 1.5), {}, "pad_width must be an integer, or pairs of them"),
    ("pad", (x(3), 1), {"constant_values": (1, 2)}, "must be one number, got (1, 2)"),
    ("pad", (FLAT, 1, "wrap"), {}, "axis 0 of size 0 has nothing to pad it with"),
    ("rot90", (x(2, 3),), {"axes": (0, 0)}, "axes (0, 0) name one place twice"),
    ("rot90", (x(2, 3),), {"axes": (0,)}, "rot90 turns two different axes"),
    ("roll", (x(2, 3), (1, 2), (0, 1, 0)), {}, "roll got shifts (1, 2) for axes"),
    ("digitize", (x(3), x(2, 2)), {}, "expected an ordered vector, got f32[2, 2]"),
    ("split", (x(4, 3), 0), {}, "axis 0 of size 4 has no 0 equal parts"),
    ("split", (x(4, 3), 2.5), {}, "expected an integer or several, got 2.5"),
    ("array_split", (x(4), 0), {}, "array_split needs at least one part, got 0"),
    ("slice", (x(4), [0], [5]), {}, "no block of 5 is in axis 0 of size 4"),
    ("slice", (x(4), [0], [-2]), {}, "a block cannot have the size -2 along axis 0"),
    ("slice", (x(2, 3), [0], [1]), {}, "needs a beginning and a size for each axis"),
    ("slice_update", (x(4), [0], x(5)), {}, "no block of 5 is in axis 0 of size 4"),
    ("slice_update", (x(4), [0, 0], x(2)), {}, "needs a beginning for each axis"),
    ("moveaxis", (x(2, 3), (0, 1), 0), {}, "cannot move axes (0, 1) to 0"),
    ("swapaxes", (x(2, 3), 0, 2), {}, "axis 2 is out of range for rank 2"),
    ("broadcast_to", (x(2, 3), (3,)), {}, "f32[2, 3] does not broadcast to (3,)"),
    ("take", (x(3), np.array([3])), {}, "gather: index 3 is out of bounds"),
    ("take_along_axis", (x(2, 3), i(2), 1), {}, "needs indices of rank 2, got i32[2]"),
    ("tile", (x(2), -1), {}, "tile needs 1 repeats, got (-1,)"),
    ("repeat", (x(2), -1), {}, "repeat cannot repeat -1 times"),
    ("repeat", (x(3), [1, 2], 0), {}, "2 repeats do not fit a size of 3"),
    ("tensordot", (x(2), x(2), 2), {}, "ranks 1 and 1 have no 2 axes to sum over"),
    ("tensordot", (x(2, 2), x(2), ((0, 1), (0,))), {}, "as many of one operand as of"),
    ("tril", (x(3),), {}, "expected a matrix or more axes, got f32[3]"),
    ("stack", ([],), {}, "stack needs at least one tensor"),
    ("hstack", ([],), {}, "ops.hstack cannot take these arguments"),
    ("unstack", (x(2, 3), 3), {}, "axis 0 has size 2, not num=3"),
    ("top_k", (x(4), -1), {}, "top_k of -1 from an axis of size 4"),
    ("one_hot", (i(2), -1), {}, "num_classes must not be negative, got -1"),
    ("one_hot", (i(2), 3, -1, None, True), {}, "one_hot gives dense tensors"),
    ("depth_to_space", (x(1, 2, 2, 4), 0), {}, "block_size must be positive, got 0"),
    ("space_to_depth", (x(2, 2, 4), 2), {}, "expected images of rank 4"),
    ("depth_to_space", (x(1, 2, 2, 4), 2, "nhwc"), {}, "data_format must be"),
    ("array", ([[1], [2, 3]],), {}, "got nested lists of unequal lengths"),
    ("arange", (0, 5, 0), {}, "arange needs a step that is not 0"),
    ("eye", (-1,), {}, "sizes must not be negative, got (-1, -1)"),
    ("zeros", (2.5,), {}, "a size must be an integer, got 2.5"),
    ("linspace", (0, 1, -1), {}, "num must not be negative, got -1"),
    ("getitem", (x(3), "a"), {}, "got text where numbers are needed"),
    ("getitem", (x(3, 3), flag(2, 3)), {}, "a mask b1[2, 3] does not fit f32[3, 3]"),
    (
        "getitem",
        (x(2, 3, 3), (slice(1), flag(3, 3))),
        {},
        "a mask b1[3, 3] beside other indices must be a known vector",
    ),
    (
        "dot_product_attention",
        (*[x(1, 2, 1, 4)] * 3,),
        {"attn_logits_soft_cap": 2.0},
        "dot_product_attention has no attn_logits_soft_cap",
    ),
)
"""Function, arguments, and what the error says."""
