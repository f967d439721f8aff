"""Arguments for the functions of `seqir.ops.image`; a size of 5 can be unknown."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from function_cases import Case, case, x

FIRST = "channels_first"
MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
SHIFT = [1.0137, 0.1071, -0.4312, 0.2093, 0.9178, 1.3119, 0.0, 0.0]
ZOOM = [0.6123, 0.0, 1.2317, 0.0, 1.4171, -0.7291, 0.0, 0.0]
START = [[0, 0], [8, 1], [1, 6], [7, 7]]
END = [[1, 0], [7, 0], [0, 7], [8, 6]]


def bytes_(*shape: int) -> Any:
    return x(*shape, dtype="uint8", low=0, high=255)


def both(*shape: int, **kwargs: Any) -> list[Case]:
    """Channels last, channels first, and one image of each."""
    last, first = (*shape[:-1], 3), (shape[0], 3, *shape[1:-1])
    return [
        case(x(*last, low=0.1), **kwargs),
        case(x(*last[1:], low=0.1, dtype="float64"), **kwargs),
        case(x(*first, low=0.1), **kwargs, data_format=FIRST),
        case(x(*first[1:], low=0.1), **kwargs, data_format=FIRST),
    ]


def places(*shape: int) -> Any:
    return x(*shape, low=-3.3, high=9.1)


PATCHES: tuple[dict[str, Any], ...] = (
    {"size": 2},
    {"size": (3, 2), "strides": (2, 1)},
    {"size": 3, "strides": 2, "padding": "same"},
    {"size": (2, 3), "strides": 1, "dilation_rate": 2, "padding": "same"},
)
EDGES: tuple[tuple[int | None, ...], ...] = (
    (1, 2, 0, 1, None, None),
    (1, None, None, 0, 9, 12),
    (None, 0, 2, None, 13, 11),
)
CUTS: tuple[tuple[int | None, ...], ...] = (
    (1, 2, 0, 1, None, None),
    (1, None, None, 0, 3, 2),
    (None, 0, 2, None, 3, 4),
)

CASES: dict[str, list[Case]] = {
    "rgb_to_grayscale": [
        *both(5, 4, 6, 3),
        case(bytes_(5, 4, 6, 3)),
        case(x(5, 4, 6, 1)),
    ],
    "rgb_to_hsv": [
        *both(5, 4, 6, 3),
        case(np.repeat(x(5, 4, 1, low=0), 3, -1)),
        case(np.zeros((1, 2, 2, 3), np.float32)),
    ],
    "hsv_to_rgb": both(5, 4, 6, 3),
    "resize": [
        c
        for how in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
        for c in both(5, 6, 8, 3, size=(4, 9), interpolation=how)
    ]
    + [
        *both(5, 6, 9, 3, size=(4, 4), crop_to_aspect_ratio=True),
        *both(5, 6, 9, 3, size=(4, 4), pad_to_aspect_ratio=True, fill_value=0.5),
        *both(5, 6, 9, 3, size=(4, 4), antialias=True),
        case(bytes_(5, 6, 8, 3), (3, 4)),
        case(bytes_(5, 6, 8, 3), (4, 9), "nearest"),
        case(bytes_(5, 6, 8, 3), (4, 9), "bicubic"),
    ],
    "pad_images": [
        case(x(5, 7, 8, 3), *edges, data_format="channels_last") for edges in EDGES
    ]
    + [case(x(5, 3, 7, 8), *EDGES[1], data_format=FIRST)]
    + [case(bytes_(7, 8, 3), *EDGES[2])],
    "crop_images": [
        case(x(5, 7, 8, 3), *edges, data_format="channels_last") for edges in CUTS
    ]
    + [case(x(5, 3, 7, 8), *CUTS[1], data_format=FIRST)]
    + [case(bytes_(7, 8, 3), *CUTS[2])],
    "extract_patches": [c for how in PATCHES for c in both(5, 6, 8, 3, **how)]
    + [case(bytes_(5, 6, 8, 3), 2), case(x(5, 4, 6, 3, 2), (2, 3, 2))],
    "extract_patches_3d": [
        case(x(5, 4, 6, 3, 2), 2),
        case(x(4, 6, 3, 2), (2, 3, 1), 1, padding="same"),
        case(x(5, 2, 4, 6, 3), 2, 2, data_format=FIRST),
    ],
    "gaussian_blur": [
        case(x(5, 6, 8, 3), data_format="channels_last"),
        case(x(6, 8, 3, dtype="float64"), (5, 3), (0.7, 2.0), "channels_last"),
        case(x(5, 3, 6, 8), (2, 5), data_format=FIRST),
        case(x(3, 6, 8), data_format=FIRST),
    ],
    "sobel_edges": [
        case(x(5, 6, 8, 3)),
        case(x(5, 3, 6, 8), data_format=FIRST),
        case(x(5, 6, 8, 3, dtype="int32", high=9)),
    ],
    "ssim": [
        case(x(5, 12, 13, 3, low=0), x(5, 12, 13, 3, low=0.2)),
        case(x(12, 13, 3, low=0), x(12, 13, 3, low=0.2), 2.0, 5, 1.0, 0.02, 0.04),
        case(x(5, 3, 12, 13, low=0), x(5, 3, 12, 13, low=1), data_format=FIRST),
    ],
    "map_coordinates": [
        case(x(6, 7), places(2, 5, 3), order, mode, fill_value=1.5, rtol=1e-4)
        for order in (0, 1)
        for mode in MODES
    ]
    + [
        case(x(4, 3, 2, dtype="float64"), places(3, 5).astype("float64"), 1),
        case(bytes_(6, 7), places(2, 5), 1, "nearest"),
        case(x(6), places(1, 5), 1, "reflect", rtol=1e-4),
    ],
    "affine_transform": [
        case(x(5, 6, 8, 3), np.array(SHIFT, "float32"), how, mode, 0.5, rtol=1e-4)
        for how in ("nearest", "bilinear")
        for mode in MODES
    ]
    + [
        case(x(2, 6, 8, 3), np.array([SHIFT, ZOOM], "float32"), rtol=1e-4),
        case(x(6, 8, 3), np.array(ZOOM, "float32"), rtol=1e-4),
        case(x(5, 3, 6, 8), np.array(ZOOM, "float32"), data_format=FIRST, rtol=1e-4),
    ],
    "perspective_transform": [
        case(x(1, 8, 9, 3), START, END, rtol=1e-4),
        case(x(8, 9, 3), START, END, "nearest", 0.5, rtol=1e-4),
        case(x(2, 3, 8, 9), [START, END], [END, START], data_format=FIRST, rtol=1e-4),
    ],
    "scale_and_translate": [
        case(x(5, 6, 8, 3), (5, 9, 7, 3), [1.4, 0.7], [0.3, -1.0], (1, 2), how)
        for how in ("linear", "bicubic", "lanczos3", "lanczos5")
    ]
    + [case(x(6, 8), (4, 8), [0.5], [1.0], (0,), "trilinear", False)],
}  # fmt: skip


def sobel_edges(images: Any, data_format: str = "channels_last") -> Any:
    """By differences of shifted images; Keras's NumPy backend mixes up channels."""
    rows, columns = (1, 2) if data_format == "channels_last" else (2, 3)
    around = [(0, 0)] * 4
    around[rows] = around[columns] = (1, 1)

    def part(y: Any, axis: int, begin: int) -> Any:
        return y.take(range(begin, y.shape[axis] - 2 + begin), axis)

    def slope(along: int, across: int) -> Any:
        y = np.pad(images, around)
        y = part(y, across, 0) + 2 * part(y, across, 1) + part(y, across, 2)
        return part(y, along, 2) - part(y, along, 0)

    return np.stack([slope(rows, columns), slope(columns, rows)], -1)


NUMBERS = ("perspective_transform", "scale_and_translate")


def oracle(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Keras's function, which takes some of its numbers as arrays alone."""
    name = function.__name__
    if name == "sobel_edges":
        return sobel_edges(*args, **kwargs)
    args = tuple(
        np.asarray(a, np.float32) if isinstance(a, list) and name in NUMBERS else a
        for a in args
    )
    if name == "affine_transform" and args[1].ndim == 1 and args[0].ndim == 4:
        args = (args[0], np.repeat(args[1][None], len(args[0]), 0), *args[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


BAD_CALLS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("resize", (x(3, 4), 2), "images, of rank 4, or one, of rank 3; got f32[3, 4]"),
    ("resize", (x(4, 4, 3), (2, 2), "area"), "interpolation must be 'nearest',"),
    ("resize", (x(4, 4, 3), (2, 0)), "size must be an integer >= 1"),
    ("resize", (x(4, 4, 3), 2, "nearest", False, True, True), "can be True"),
    ("resize", (x(4, 4, 3), 2, "nearest", False, False, False, "edge"), "'constant'"),
    ("resize", (x(4, 4, 3), 2, "nearest", False, False, False, "constant", 0, "NHWC"),
     "data_format must be 'channels_last' or"),
    ("rgb_to_grayscale", (x(4, 4, 2),), "of 3 channels or 1, got f32[4, 4, 2]"),
    ("rgb_to_hsv", (x(4, 4, 2),), "takes images of 3 channels, got f32[4, 4, 2]"),
    ("hsv_to_rgb", (bytes_(4, 4, 3),), "floating-point numbers, got u8[4, 4, 3]"),
    ("gaussian_blur", (x(4, 4, 3), (3, 3), (1.0,)), "sigma must be two numbers"),
    ("gaussian_blur", (x(4, 4, 3), (3, 3), (1.0, 0.0)), "must be above 0, got 0.0"),
    ("sobel_edges", (x(4, 4, 3),), "takes images, of rank 4; got f32[4, 4, 3]"),
    ("ssim", (x(4, 4, 3), x(4, 5, 3)), "one shape, got f32[4, 4, 3] and f32[4, 5, 3]"),
    ("ssim", (x(4, 4, 3), x(4, 4, 3)), "takes images of at least 11 by 11, got"),
    ("pad_images", (x(4, 4, 3), 1, 1, 1, 1, 9), "takes two of three for the height"),
    ("pad_images", (x(4, 4, 3), 1, -1, 1, 1), "left_padding must not be negative"),
    ("pad_images", (x(4, 4, 3), 1, 1, None, 1, 3), "leave -2 pixels for the other"),
    ("crop_images", (x(4, 4, 3), 1, 1, 1), "takes two of three for the width"),
    ("crop_images", (x(4, 4, 3), 3, 1, 3, 1), "leave -2 pixels for the other"),
    ("crop_images", (x(4, 4, 3), 1, 1, None, 1, 4), "leave -1 pixels for the other"),
    ("extract_patches", (x(4, 4, 3), (1, 2, 3, 4)), "size must be one number, two or"),
    ("extract_patches", (x(4, 4), 2), "cut from tensors of rank 4, or of 3 without"),
    ("extract_patches", (x(4, 4, 3), 2, 0), "strides must be an integer >= 1"),
    ("extract_patches", (x(4, 4, 3), 2, 1, 1, "full"), "padding must be 'valid' or"),
    ("map_coordinates", (x(4, 4), x(3, 2), 1), "coordinates [2, ...], got f32[3, 2]"),
    ("map_coordinates", (x(4, 4), x(2, 2), 2), "order must be 0 or 1, got 2"),
    ("map_coordinates", (x(4, 4), x(2, 2), 1, "edge"), "fill_mode must be 'co"),
    ("map_coordinates", (x(0, 4), x(2, 2), 1), "finds no pixels in f32[0, 4]"),
    ("affine_transform", (x(4, 4, 3), x(6)), "8 numbers or rows of them, got f32[6]"),
    ("affine_transform", (x(4, 4, 3), x(8), "cubic"), "must be 'nearest' or"),
    ("perspective_transform", (x(4, 4, 3), START[:3], END[:3]), "must be (4, 2) or"),
    ("perspective_transform", (x(4, 4, 3), START, [[0, 0]] * 4), "of a quadrilateral"),
    ("scale_and_translate", (x(4, 4), (4, 4), [1.0], [0.0, 1.0], (0, 1), "linear"),
     "scale must be 2 numbers, got [1.0]"),
    ("scale_and_translate", (x(4, 4), (4, 5), [1.0], [0.0], (0,), "linear"),
     "output_shape (4, 5) changes axes beside (0,) of f32[4, 4]"),
    ("scale_and_translate", (x(4, 4), (4, 4), [1.0], [0.0], (0,), "area"), "method"),
)  # fmt: skip
"""Function, arguments, and what the error says."""
