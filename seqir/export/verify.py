"""Does a file compute what the model computes? Run both and compare."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from seqir import dtypes, lower, passes, runtime
from seqir.errors import RunError, VerificationError
from seqir.export.draws import Draws, trial_sizes
from seqir.ir import (
    ONNX_RUNTIME,
    Array,
    Builder,
    FrozenArray,
    Graph,
    Node,
    Target,
    Value,
    evaluate,
    replay,
)
from seqir.narrow import is_mapping, is_sequence
from seqir.network.states import new
from seqir.operators.constant import Constant
from seqir.passes.widen import widened

TOLERANCE = {"float64": 1e-9, "float32": 2e-4, "float16": 2e-2, "bfloat16": 1e-1}
"""Largest error allowed, relative to the largest magnitude of the output: what a
reordering of sums can do in that precision over some hundred layers."""

REACHES: Final = (1.0, 16.0, 256.0, 4096.0)
"""How far inputs reach, in units of the model's own range, until outputs differ."""

_SMALL: Final = 2**24
"""Bytes of weights up to which NumPy is quick enough."""

_TELLING: Final = 4.0
"""By how many tolerances the outputs of different samples must differ."""

GAINS: Final = (4.0, 16.0, 64.0)
"""What kernels are multiplied by until outputs differ."""

Run: TypeAlias = Callable[[dict[str, Array]], dict[str, Array]]


@dataclass(frozen=True)
class OutputError:
    """How far an output of the file is from that of the model."""

    name: str
    absolute: float
    relative: float
    """The absolute error over the largest magnitude of the output."""


@dataclass(frozen=True)
class Case:
    """Inputs, and what the model makes of them."""

    feeds: dict[str, Array]
    wanted: dict[str, Array]


def verify_file(
    path: Path,
    naive: Graph,
    target: Target = ONNX_RUNTIME,
    *,
    reference: bool,
    pixels: Collection[str] = (),
    state: Mapping[str, Array] | None = None,
) -> list[OutputError]:
    """Compare a written file with the graph before any pass, on random inputs.

    Bytes for the inputs in `pixels` have all values that there are. `state` are inputs
    that are not random ones: they begin so, and go on as the outputs say.

    Raises: VerificationError naming the first output that differs, or a weight that
        makes the outputs meaningless.
    """
    # One program after the other: the weights of both may be more than there is room.
    state = state or {}
    model = run_of(naive, reference=reference)
    cases = list(cases_of(naive, model, pixels, state))
    del model
    for name in naive.outputs:
        _check_finite(name, cases[0].wanted[name], naive)
    session = runtime.Session.from_file(path, device="cpu")
    judge = _Judge(naive, cases)
    for case in cases:
        judge.compare(case, _outputs(session, case.feeds))
    if not _telling(naive, cases, state):
        del session
        _verify_quiet(path, naive, target, reference, pixels, state)
    return list(judge.errors.values())


def _verify_quiet(
    path: Path,
    naive: Graph,
    target: Target,
    reference: bool,
    pixels: Collection[str],
    state: Mapping[str, Array],
) -> None:
    """Verify a file whose outputs do not depend on the inputs, which tells nothing.

    Its weights must be those that the passes make, and the passes must make of louder
    weights, whose outputs do depend on the inputs, what is right for these.
    """
    opset, stored = lower.read_weights(path)
    graph = passes.run(naive, passes.INFERENCE)
    made = lower.lower(graph, opset=opset, target=target)
    for name, array in made.initializers.items():
        if name not in stored or stored[name].tobytes() != array.tobytes():
            raise VerificationError(
                f"weight {name!r} of the file is not what the model's weights come to"
            )
    for gain in GAINS:
        loud = _louder(naive, gain)
        model = run_of(loud, reference=reference)
        cases = [c for c in cases_of(loud, model, pixels, state) if _all_finite(c)]
        if not cases or not _telling(loud, cases, state):
            continue
        optimized = passes.run(loud, passes.INFERENCE)
        session = runtime.Session.of_graph(optimized, opset=opset, device="cpu")
        judge = _Judge(loud, cases)
        for case in cases:
            judge.compare(case, _outputs(session, case.feeds))
        return


def _louder(graph: Graph, gain: float) -> Graph:
    """The graph with its kernels multiplied."""

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        frozen = node.op.constant
        if frozen is None or frozen.array.ndim < 2 or not dtypes.is_float(frozen.dtype):
            return None
        array = frozen.array
        kernel = FrozenArray((array * gain).astype(array.dtype), frozen.label)
        return [b(Constant(kernel))]

    return replay(graph, visit)


def _outputs(session: runtime.Session, feeds: dict[str, Array]) -> dict[str, Array]:
    found = zip(session.output_names, session.run(feeds), strict=True)
    return {name: _as_array(value) for name, value in found}


def _as_array(value: Any) -> Array:
    """An output as an array: of a sequence or a map all its numbers, in order."""
    if is_mapping(value):
        return _as_array([value[key] for key in sorted(value)])
    if is_sequence(value):
        parts = [np.ravel(_as_array(each)) for each in value]
        return np.concatenate(parts) if parts else np.zeros(0)
    return np.asarray(value)


def run_of(naive: Graph, *, reference: bool) -> Run:
    """What a file is compared with: the graph as it is."""
    if reference:
        return lambda feeds: evaluate(naive, feeds)
    apart = passes.Apart.of(naive)
    session = runtime.Session.of_graph(apart.rest, device="cpu", optimize=False)
    return lambda feeds: _outputs(session, apart.run(feeds))


def cases_of(
    graph: Graph, run: Run, pixels: Collection[str], state: Mapping[str, Array]
) -> Iterator[Case]:
    """Inputs that tell a right file from a wrong one.

    First of a usual size, drawn anew until the outputs depend on them; then of the
    sizes at which the rules for shapes round differently, where small models are
    compared with NumPy.
    """
    usual, *edges = trial_sizes(graph)
    draws = Draws(graph, usual, pixels)
    tried: list[Case] = []
    reach = REACHES[0]
    # One run more where there are states, for they may begin with zeros.
    for reach in (REACHES[0], *REACHES) if state else REACHES:
        feeds = {**draws(usual, reach), **state}
        try:
            case = Case(feeds, run(feeds))
        except (RunError, IndexError):
            if not draws.limits:
                raise
            draws.limits.clear()  # what looked like row numbers was something else
            feeds = {**draws(usual, reach), **state}
            case = Case(feeds, run(feeds))
        if tried and not _all_finite(case):
            break
        tried.append(case)
        if _telling(graph, tried, state) and (len(tried) > 1 or not state):
            break
        state = {name: case.wanted[new(name)] for name in state}
    yield from tried
    # Where a runtime could have another rule than the operator; NumPy is slow.
    constants = (node.op.constant for node in graph.nodes)
    small = sum(c.array.nbytes for c in constants if c is not None) <= _SMALL
    known = not _only_runtime(graph)
    for sizes in edges:
        feeds = {**draws(sizes, reach), **state}
        try:
            yield Case(feeds, evaluate(graph, feeds) if small and known else run(feeds))
        except RunError:
            if known:
                raise  # else the runtime alone knows which sizes there can be


def _only_runtime(graph: Graph) -> bool:
    """Whether a runtime alone knows what some node computes."""
    return any(node.op.only_runtime for node in graph.nodes)


def _telling(graph: Graph, cases: Sequence[Case], state: Collection[str] = ()) -> bool:
    """Whether every output depends on the inputs by more than what is allowed.

    What a state becomes need not: it may count.
    """
    allowed = tolerances_of(graph)
    names = graph.outputs.keys() - map(new, state)
    return all(_differs(name, cases, allowed[name]) for name in names)


def _differs(name: str, cases: Sequence[Case], tolerance: float) -> bool:
    samples: list[Array] = []
    for case in cases:
        y = case.wanted[name]
        y = _as_numbers(y)
        samples += list(y[:2]) if y.ndim and len(y) > 1 else [y]
    first = samples[0].astype(np.float64)
    largest = max(np.max(np.abs(s.astype(np.float64)), initial=0.0) for s in samples)
    least = _TELLING * tolerance * largest
    return any(
        s.shape == first.shape
        and np.max(np.abs(s.astype(np.float64) - first), initial=0.0) > least
        for s in samples[1:]
    )


def tolerances_of(graph: Graph) -> dict[str, float]:
    """What is allowed for each output: by the narrowest type that it came through."""
    allowed: dict[Value, float] = {}

    def own(value: Value) -> float:
        return TOLERANCE.get(value.type.dtype, 0.0)

    for value in (*graph.inputs.values(), *graph.params.values()):
        allowed[value] = own(value)
    for node in graph.nodes:
        before = max((allowed[v] for v in node.operands), default=0.0)
        allowed.update((v, max(before, own(v))) for v in node.results)
    return {name: allowed[value] for name, value in graph.outputs.items()}


class _Judge:
    """Compares outputs; where they differ, float64 says which of them is wrong."""

    def __init__(self, graph: Graph, cases: list[Case]) -> None:
        self.graph = graph
        self.only_runtime = _only_runtime(graph)
        self.tolerances = tolerances_of(graph)
        self.largest = {
            name: max(_largest(case.wanted[name]) for case in cases)
            for name in graph.outputs
        }
        self.errors = {name: OutputError(name, 0.0, 0.0) for name in graph.outputs}
        self._wide: Graph | None = None

    def compare(self, case: Case, found: Mapping[str, Array]) -> None:
        """Raises: VerificationError naming the output that differs."""
        truth: dict[str, Array] | None = None
        for name, wanted in case.wanted.items():
            error = self._error(name, found[name], wanted)
            allowed = self.tolerances[name]
            if error.relative > allowed and not self.only_runtime:
                truth = self._truth(case.feeds) if truth is None else truth
                exact = truth[name]
                error = self._error(name, found[name], exact.astype(wanted.dtype))
                model = self._error(name, wanted, exact.astype(wanted.dtype))
                allowed = max(allowed, model.relative)
            if not error.relative <= allowed:
                raise VerificationError(
                    f"output {name!r} of the file differs from the model by "
                    f"{error.absolute:.3g} ({error.relative:.3g} of the largest "
                    f"magnitude, allowed is {allowed:.3g})"
                )
            self.errors[name] = max(self.errors[name], error, key=_relative)

    def _error(self, name: str, found: Array, wanted: Array) -> OutputError:
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise VerificationError(
                f"output {name!r} of the file is {found.dtype}{list(found.shape)}, "
                f"the model's is {wanted.dtype}{list(wanted.shape)}"
            )
        if not dtypes.is_float(dtypes.canonical(wanted.dtype)):
            wrong = int(np.count_nonzero(found != wanted))
            if wrong:
                raise VerificationError(f"output {name!r} differs in {wrong} elements")
            return OutputError(name, 0.0, 0.0)
        a, b = found.astype(np.float64), wanted.astype(np.float64)
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            raise VerificationError(f"output {name!r} of the file has NaN where the "
                                    "model has none")  # fmt: skip
        with np.errstate(invalid="ignore"):
            absolute = float(np.nanmax(np.abs(np.where(a == b, 0, a - b)), initial=0.0))
        largest = self.largest[name]
        return OutputError(name, absolute, absolute / largest if largest else absolute)

    def _truth(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """What the model computes if nothing is rounded to a narrower type."""
        if self._wide is None:
            self._wide = widened(self.graph)
        wide = {
            name: feeds[name].astype(dtypes.to_numpy(value.type.dtype))
            for name, value in self._wide.inputs.items()
        }
        return evaluate(self._wide, wide)


def _relative(error: OutputError) -> float:
    return error.relative


def _all_finite(case: Case) -> bool:
    return all(_finite(y) for y in case.wanted.values())


def _finite(y: Array) -> bool:
    return bool(np.isfinite(_as_numbers(y)).all())


def _as_numbers(y: Array) -> Array:
    """The values in float64; equal texts as equal numbers."""
    if y.dtype != object:
        return y.astype(np.float64)
    found = [zlib.crc32(text.encode()) for text in y.ravel().tolist()]
    return np.array(found, np.float64).reshape(y.shape)


def _largest(y: Array) -> float:
    values = np.abs(_as_numbers(y))
    return float(np.max(values[np.isfinite(values)], initial=0.0))


def _check_finite(name: str, y: Array, graph: Graph) -> None:
    """VerificationError naming a weight that is not finite, if there is one."""
    if _finite(y):
        return
    for node in graph.nodes:
        frozen = node.op.constant
        if frozen is None or not dtypes.is_float(frozen.dtype):
            continue
        if not np.isfinite(frozen.array.astype(np.float32)).all():
            label = frozen.label or "a constant"
            raise VerificationError(
                f"output {name!r} is not finite because weight {label!r} holds NaN or "
                "infinite values; fix the weight, or export with verify=False"
            )
