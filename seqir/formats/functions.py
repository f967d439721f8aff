"""Functions of `seqir.ops` in a model, as the operations that Keras stores.

Keras keeps an operation by the name of its class, ``ReduceLogSum`` for
``reduce_log_sum``, with the arguments of its ``__init__`` apart from those that it is
called with. Ours are functions of all of them, with the same names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

from seqir import naming, ops
from seqir.errors import UnsafeFileError, UnsupportedError
from seqir.narrow import is_list, is_sequence
from seqir.ops import custom, flow, image
from seqir.ops.call import FunctionCall

_PACKAGES: Final = {
    "nn": """
        adaptive_average_pool adaptive_max_pool average_pool binary_crossentropy
        categorical_crossentropy celu conv conv_transpose depth_to_space depthwise_conv
        dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid hard_silu
        hard_tanh leaky_relu log_sigmoid log_softmax max_pool moments multi_hot
        normalize one_hot psnr relu relu6 selu separable_conv sigmoid silu soft_shrink
        softmax softplus softsign space_to_depth sparse_categorical_crossentropy
        sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold""",
    "math": """
        cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft
        logdet logsumexp rfft rsqrt segment_max segment_min segment_prod segment_sum
        stft top_k""",
    "core": """
        cast convert_to_tensor saturate_cast scatter scatter_update slice slice_update
        stop_gradient unstack""",
    "image": " ".join(image.__all__),
    "linalg": "cholesky cholesky_inverse det inv norm qr solve solve_triangular",
}
_PACKAGE_OF: Final = {
    f: package for package, names in _PACKAGES.items() for f in names.split()
}
"""Where Keras keeps the classes; all others are in ``numpy``."""

_SPELLED: Final = {
    "allclose": "AllClose", "getitem": "GetItem", "isin": "IsIn",
    "searchsorted": "SearchSorted", "deg2rad": "Deg2rad", "rad2deg": "Rad2deg",
    "log1p": "Log1p", "cdist": "CDist", "psnr": "PSNR",
    "fft": "FFT", "fft2": "FFT2", "ifft2": "IFFT2", "irfft": "IRFFT", "istft": "ISTFT",
    "rfft": "RFFT", "stft": "STFT", "ssim": "SSIM", "hsv_to_rgb": "HSVToRGB",
    "rgb_to_grayscale": "RGBToGrayscale", "rgb_to_hsv": "RGBToHSV",
}  # fmt: skip

_NONE_IN_KERAS_TEXT: Final = """
    add_n bartlett batch_normalization bincount blackman convert_to_numpy dtype
    empty expand_like extract_patches_3d eye hamming hanning hard_swish identity
    is_tensor kaiser
    layer_normalization mish ones rearrange rms_normalization shape
    squared_difference swish tri zeros
"""
_TAKE_FUNCTIONS: Final = frozenset({*flow.__all__, *custom.__all__})
_NONE_IN_KERAS: Final = frozenset(_NONE_IN_KERAS_TEXT.split()) | _TAKE_FUNCTIONS
"""What no operation in a file stands for: a file holds no functions of users."""

_OPERANDS_TEXT: Final = """
    x x1 x2 xs inputs kernel depthwise_kernel pointwise_kernel target output start
    stop step bins fill_value key targets predictions array condlist choicelist
    default indices values updates data segment_ids start_indices variable
    sorted_sequence condition weights query value bias mask scale operands
    constant_values y a b q images image1 image2 coordinates transform start_points
    end_points output_shape translation
"""
_OPERANDS: Final = frozenset(_OPERANDS_TEXT.split())
"""Parameters that Keras's operations are called with; the others make them."""

_ALSO: Final = {("isclose", "rtol"), ("isclose", "atol")}
_NOT: Final = {
    ("trapezoid", "x"),
    ("histogram", "bins"),
    ("unique", "fill_value"),
    ("squareplus", "b"),
    *((name, "fill_value") for name in image.__all__),
}
"""Functions of which that is not so."""

FUNCTIONS: Final = {
    name: function
    for name, function in {**vars(ops), **vars(image)}.items()
    if inspect.isfunction(function)
    and name in {*image.__all__, *ops.__all__, "getitem"} - _NONE_IN_KERAS
}
"""Functions that Keras has an operation for."""

_BY_CLASS: Final = {
    "".join(name.split("_")).lower(): function for name, function in FUNCTIONS.items()
}

_MAX_SECTIONS: Final = 10_000
"""Most parts that a tensor is split into: each is a tensor of the model."""


def is_operation(entry: Mapping[str, object]) -> bool:
    """Whether an entry of a model is an operation and not a layer."""
    module = entry.get("module")
    return isinstance(module, str) and bool(
        re.fullmatch(r"keras\.(src\.)?ops(\.\w+)?", module)
    )


def is_known(kind: object) -> bool:
    """Whether `kind` is the class of an operation."""
    return isinstance(kind, str) and kind.lower() in _BY_CLASS


class Operation:
    """A function of `seqir.ops` and the arguments that are not tensors.

    Raises: UnsupportedError if seqir has no such function, or it has no such argument.
    """

    def __init__(self, kind: str, config: Mapping[str, object]) -> None:
        function = _BY_CLASS.get(kind.lower())
        if function is None:
            raise UnsupportedError(
                f"seqir.ops has no function for the operation {kind!r}"
            )
        self.function, name = function, function.__name__
        self.name = config.get("name") or naming.auto_name(name)
        parameters = inspect.signature(self.function).parameters
        self.config = {k: v for k, v in config.items() if k != "name"}
        for unknown in self.config.keys() - parameters.keys():
            if (value := self.config.pop(unknown)) not in (None, False):
                raise UnsupportedError(
                    f"ops.{name} has no argument {unknown!r}, which is {value!r} here"
                )
        sections = self.config.get("indices_or_sections")
        if isinstance(sections, int) and sections > _MAX_SECTIONS:
            raise UnsafeFileError(
                f"{name} into {sections:,} parts, as no model does, would fill memory"
            )
        self._free = [p for p in parameters.values() if p.name not in self.config]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function: `args` take the parameters that are still free."""
        if self._free and self._free[0].kind is inspect.Parameter.VAR_POSITIONAL:
            first = [*self.config.values()]
            operands = args[0] if args and is_sequence(args[0]) else args
            return self.function(*first, *operands, **kwargs)
        given = dict(zip((p.name for p in self._free), args, strict=False))
        if is_list(given.get("key")):  # JSON has no tuples
            given["key"] = tuple(given["key"])
        return self.function(**{**given, **self.config, **kwargs})


def entry(call: FunctionCall) -> dict[str, Any]:
    """The dictionary that stands for a function in a model.

    Raises: UnsupportedError for functions that files have no operation for.
    """
    name = call.function.__name__
    if FUNCTIONS.get(name) is not call.function:
        raise UnsupportedError(
            f"{call.name!r} is a call of {name}, which files have no operation for: "
            "put it into a layer of your own"
        )
    module, kind = stored_as(name)
    made_with = {k: v for k, v in _bound(call).items() if not is_operand(name, k)}
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": call.name, **made_with},
        "registered_name": kind,
    }


def stored_as(name: str) -> tuple[str, str]:
    """The module and the class that Keras has for a function of `seqir.ops`."""
    kind = _SPELLED.get(name) or "".join(w.capitalize() for w in name.split("_"))
    return f"keras.src.ops.{_PACKAGE_OF.get(name, 'numpy')}", kind


def is_operand(name: str, parameter: str) -> bool:
    """Whether Keras's operation is called with that argument of a function."""
    return (name, parameter) in _ALSO or (
        parameter in _OPERANDS and (name, parameter) not in _NOT
    )


def operands(call: FunctionCall) -> list[Any]:
    """What Keras's operation is called with; what is None at the end is left out."""
    found: list[Any] = []
    for name, value in _bound(call).items():
        if is_operand(call.function.__name__, name):
            found += value if name == "operands" else [value]
    while found and found[-1] is None:
        found.pop()
    return found


def _bound(call: FunctionCall) -> dict[str, Any]:
    """All arguments of the one call, by name, defaults included."""
    made = call.calls[0]
    bound = inspect.signature(call.function).bind(*made.args, **made.kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)
