"""Arguments for functions that networks are made of: filters, pools, norms, losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from function_cases import Case, case, flag, i, x

F = "float32"
SUMS = x(5, 4, low=0.1) / x(5, 4, low=0.1).sum(-1, keepdims=True)
IMAGE, LINE, SOLID = x(5, 7, 6, 4), x(5, 9, 3), x(2, 4, 6, 4, 2)

CASES: dict[str, list[Case]] = {
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


ORACLES: dict[str, Callable[..., Any]] = {
    "dot_product_attention": attention,
    "max_pool": pooling("max_pool"),
    "average_pool": pooling("average_pool"),
}
"""What Keras's NumPy backend has in a narrower form."""
