"""Does a file compute what the model computes? Run both and compare."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqir import dtypes, lower, runtime, shapes
from seqir.errors import VerificationError
from seqir.ir import Array, Graph, constant_of, evaluate, unsure_sizes
from seqir.tensortype import TensorType

TOLERANCE = {"float64": 1e-9, "float32": 2e-4, "float16": 2e-2, "bfloat16": 1e-1}
"""Largest error allowed, relative to the largest magnitude of the output: what a
reordering of sums can do in that precision over some hundred layers."""

_SIZES = (8, 16, 32, 64, 128, 224, 299, 512, 1024)
"""What unknown sizes are tried as, until every size in the graph is positive."""


@dataclass(frozen=True)
class OutputError:
    """How far an output of the file is from that of the model."""

    name: str
    absolute: float
    relative: float
    """The absolute error over the largest magnitude of the output."""


def verify_file(
    path: Path, naive: Graph, *, reference: bool, pixels: Collection[str] = ()
) -> list[OutputError]:
    """Compare a written file with the graph before any pass, on random inputs.

    Bytes for the inputs in `pixels` have all values that there are.

    Raises: VerificationError naming the first output that differs, or a weight that
        makes the outputs meaningless.
    """
    feeds = random_inputs(naive, pixels)
    found_session = runtime.Session.from_file(path, device="cpu")
    found = dict(zip(found_session.output_names, found_session.run(feeds), strict=True))
    del found_session
    if reference:
        wanted = evaluate(naive, feeds)
    else:
        model, arrays = lower.split(lower.lower(naive, opset=None))
        session = runtime.Session(model, arrays, device="cpu", optimize=False)
        wanted = dict(zip(session.output_names, session.run(feeds), strict=True))
    return [_compare(name, found[name], wanted[name], naive) for name in wanted]


def random_inputs(graph: Graph, pixels: Collection[str] = ()) -> dict[str, Array]:
    """Arrays for the inputs, always the same.

    Fractions are uniform in [-1, 1), integers 0 or 1, bytes of `pixels` 0 to 255.
    """
    rng = np.random.Generator(np.random.Philox(0))
    sizes = _sizes(graph)
    return {
        name: _random(v.type, sizes, rng, name in pixels)
        for name, v in graph.inputs.items()
    }


def _random(
    type_: TensorType, sizes: Mapping[str, int], rng: np.random.Generator, pixels: bool
) -> Array:
    shape = [shapes.evaluate(d, sizes) for d in type_.shape]
    if dtypes.is_float(type_.dtype):
        values: Array = rng.uniform(-1, 1, shape)
    else:
        values = rng.integers(0, 256 if pixels and type_.dtype == "uint8" else 2, shape)
    return values.astype(dtypes.to_numpy(type_.dtype))


def _sizes(graph: Graph) -> dict[str, int]:
    """Numbers for the unknown sizes with which every size in the graph is positive.

    Sizes that the run needs to be equal are.
    """
    pairs = {pair for node in graph.nodes for pair in unsure_sizes(node)}
    dims = {d for v in graph.values() for d in v.type.shape if isinstance(d, str)}
    names = sorted({s for d in dims for s in shapes.symbols(d)})
    batches = {
        s
        for v in graph.inputs.values()
        for s in (shapes.symbols(v.type.shape[0]) if v.type.shape else ())
    }
    for guess in (*_SIZES, *(range(1, _SIZES[-1]) if pairs else ())):
        sizes = {n: 2 if n in batches else guess for n in names}
        if all(shapes.evaluate(d, sizes) > 0 for d in dims) and all(
            shapes.evaluate(a, sizes) == shapes.evaluate(b, sizes) for a, b in pairs
        ):
            return sizes
    raise VerificationError(
        f"found no sizes for {', '.join(names)} with which the model can be verified; "
        "export with verify=False"
    )


def _compare(name: str, found: Array, wanted: Array, graph: Graph) -> OutputError:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise VerificationError(
            f"output {name!r} of the file is {found.dtype}{list(found.shape)}, the "
            f"model's is {wanted.dtype}{list(wanted.shape)}"
        )
    dtype = dtypes.canonical(wanted.dtype)
    if not dtypes.is_float(dtype):
        wrong = int(np.count_nonzero(found != wanted))
        if wrong:
            raise VerificationError(f"output {name!r} differs in {wrong} elements")
        return OutputError(name, 0.0, 0.0)
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    if not np.isfinite(b).all():
        _explain_not_finite(name, graph)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        raise VerificationError(f"output {name!r} of the file has NaN where the "
                                "model has none")  # fmt: skip
    with np.errstate(invalid="ignore"):
        absolute = float(np.nanmax(np.abs(np.where(a == b, 0, a - b)), initial=0.0))
    largest = float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
    relative = absolute / largest if largest else absolute
    if not relative <= TOLERANCE[dtype]:
        raise VerificationError(
            f"output {name!r} of the file differs from the model by {absolute:.3g} "
            f"({relative:.3g} of the largest magnitude, allowed is {TOLERANCE[dtype]})"
        )
    return OutputError(name, absolute, relative)


def _explain_not_finite(name: str, graph: Graph) -> None:
    """VerificationError naming a weight that is not finite, if there is one."""
    for node in graph.nodes:
        array = constant_of(node)
        if array is None or not dtypes.is_float(dtypes.canonical(array.dtype)):
            continue
        if not np.isfinite(array.astype(np.float32)).all():
            label = node.op.array.label or "a constant"  # type: ignore[attr-defined]
            raise VerificationError(
                f"output {name!r} is not finite because weight {label!r} holds NaN or "
                "infinite values; fix the weight, or export with verify=False"
            )
