"""The runtimes that files are written for, with what was seen of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from seqir.arguments import one_of
from seqir.ir import ONNX_RUNTIME, Target

ANY: Final = Target("any", deep_reductions=False, log_sum_exp=False)
"""What as many runtimes as possible get right, and is not slower on ONNX Runtime."""

_EVEN: Final = replace(ANY, uneven_pads=False, size_checks=False)
"""With a node more after a ``ConvTranspose``, and none that looks at sizes."""

TARGETS: Final = {
    target.name: target
    for target in (
        ANY,
        replace(ONNX_RUNTIME, name="web"),
        replace(ANY, name="openvino", deep_reductions=True),
        replace(_EVEN, name="tensorrt"),
        replace(ANY, name="tract", narrow_gemm=False, size_checks=False),
        replace(
            _EVEN, name="opencv", auto_pad=False, wide_types=False, free_batch=False
        ),
        replace(
            _EVEN,
            name="mobile",
            spatial_reductions=False,
            wide_types=False,
            free_batch=False,
        ),
    )
}
"""By name. "web" is ONNX Runtime for browsers, "mobile" ncnn with pnnx; no TensorRT was
at hand, so it is spared what few runtimes have."""


def of(name: str | None, file_opset: int | None = None) -> Target:
    """The target of that name; if it is None, a model of a file stays as it was there.

    Raises: ArgumentError if there is none.
    """
    if name is None:
        return ANY if file_opset is None else ONNX_RUNTIME
    return TARGETS[one_of("target", name, tuple(TARGETS))]
