"""Functions of ``keras.ops`` that seqir does not have, each with the reason.

`docs/ops.md` is made of this list and of the functions that are there.
"""

from __future__ import annotations

from typing import Final, NoReturn

from seqir.errors import AbsentError

_COMPLEX = (
    "no tensor here is complex; keep real and imaginary parts as two tensors, as "
    "ops.fft takes and returns them"
)
_DECOMPOSED = (
    "ONNX has no such decomposition, and how many steps it takes depends on the "
    "numbers; use ops.solve, ops.qr or ops.cholesky, or numpy.linalg on arrays"
)
_GRADIENTS = (
    "gradients come from each operator's own rule; ops.stop_gradient cuts one, and "
    "compile and fit compute them"
)

REFUSED: Final[dict[str, str]] = {
    **dict.fromkeys(("polar", "view_as_complex", "view_as_real"), _COMPLEX),
    **dict.fromkeys(("eig", "eigh", "svd", "pinv", "matrix_rank"), _DECOMPOSED),
    **dict.fromkeys(("lstsq", "lu_factor"), _DECOMPOSED),
    **dict.fromkeys(("jvp",), _GRADIENTS),
    "image.elastic_transform": (
        "what it draws cannot be given to it; blur keras.random.normal with "
        "ops.image.gaussian_blur and read the images there with "
        "ops.image.map_coordinates"
    ),
    "view": (
        "ONNX cannot read the bits of a number as those of another type; "
        "use ops.cast, which converts the value"
    ),
    "nextafter": (
        "ONNX cannot read the bits of a floating-point number, which the next one "
        "differs in; use numpy.nextafter on arrays"
    ),
    "ctc_loss": (
        "use losses.ctc, which takes labels filled up with 0 and a time of known size; "
        "a length for each row is not taken"
    ),
    "ctc_decode": (
        "its search takes a loop whose length the data say; use numpy on what the "
        "model predicts"
    ),
}  # fmt: skip
"""Why not, and what to use instead."""

PARTLY: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("cholesky", "cholesky_inverse", "det", "inv", "logdet", "qr", "slogdet"),
        "of known sizes",
    ),
    **dict.fromkeys(("solve", "solve_triangular"), "of known sizes"),
    "image.affine_transform": "the last two numbers of a transform are not read",
    "image.scale_and_translate": "scale and translation are numbers, not tensors",
    "bincount": "of arrays only: the numbers say how many counts there are",
    **dict.fromkeys(
        ("segment_max", "segment_min", "segment_prod", "segment_sum"),
        "`num_segments` is needed",
    ),
    **dict.fromkeys(
        ("adaptive_average_pool", "adaptive_max_pool", "cumprod"), "of known sizes"
    ),
    "moments": "`synchronized=True` is refused",
    "norm": 'matrices have the orders `None` and `"fro"`',
    "vectorize": "of functions of numbers; a `signature` is refused",
    "unique": "all numbers of a tensor, not slices along an axis of several",
}
"""What functions that are there do not do."""


def refuse(name: str, package: str = "") -> NoReturn:
    """Say why a package of `seqir.ops`, or that itself, has no such function.

    Raises: AbsentError for a function of Keras, AttributeError for any other name.
    """
    inside = f"{package}.{name}" if package else name
    for known in (inside, name):
        if known in REFUSED:
            raise AbsentError(f"seqir has no ops.{known}: {REFUSED[known]}")
    place = f"seqir.ops.{package}" if package else "seqir.ops"
    raise AttributeError(f"module {place!r} has no attribute {name!r}")
