"""ONNX's own test cases compute what they should after reading, passes and writing."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from seqir import lower, passes, reading
from seqir.errors import SeqirError
from seqir.ir import verify
from seqir.reading import ReadGraph
from tools import onnx_coverage
from tools.backend_cases import Case, cases, light_models, read

CHUNKS = 12
OPTIONS = ort.SessionOptions()
OPTIONS.log_severity_level = 4
OPTIONS.intra_op_num_threads = 1


def written(found: ReadGraph) -> onnx.ModelProto:
    """The graph as a model again, after all passes."""
    verify(found.graph)
    bound = passes.bind(found.graph, found.weights)
    optimized = passes.run(bound, passes.INFERENCE, check=True)
    return lower.to_proto(lower.lower(optimized, opset=found.versions[""]))


def run(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any]:
    session = ort.InferenceSession(model.SerializeToString(), OPTIONS)
    return session.run(None, dict(feeds))


def same(found: Any, expected: Any, case: Case) -> bool:
    if isinstance(expected, list | tuple):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(same(*p, case) for p in pairs)
    if found is None or expected is None:
        return found is expected
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    if expected.dtype.kind in "OUS":
        return bool((found.astype(str) == expected.astype(str)).all())
    if found.dtype != expected.dtype and expected.dtype.kind != "V":
        return False
    wide = "complex128" if expected.dtype.kind == "c" else "float64"
    pair = found.astype(wide), expected.astype(wide)
    return np.allclose(*pair, rtol=case.rtol, atol=case.atol, equal_nan=True)


def names(infos: Iterable[onnx.ValueInfoProto]) -> list[str]:
    return [info.name for info in infos]


def trouble(place: int) -> str:
    """What is wrong with a case after reading and writing; nothing if all is right."""
    case, found = cases()[place], read(place)
    if isinstance(found, SeqirError):
        return str(found)
    try:
        model = written(found)
        if names(model.graph.output) != names(case.model.graph.output):
            return "other outputs"
        weights = names(case.model.graph.initializer)
        given = [n for n in names(case.model.graph.input) if n not in weights]
        if names(model.graph.input) != given:
            return "other inputs"
        onnx.checker.check_model(model, full_check=True)
        feeds = {name: case.feeds[name] for name in given}
        return "" if same(run(model, feeds), case.outputs, case) else "wrong outputs"
    except Exception as error:
        return repr(error)


def computes(case: Case) -> bool:
    """Whether ONNX Runtime computes the original, and the checker takes it."""
    try:
        onnx.checker.check_model(case.model, full_check=True)
        return same(run(case.model, case.feeds), case.outputs, case)
    except Exception:
        return False


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_cases_compute_what_they_did(chunk: int) -> None:
    places = range(chunk, len(cases()), CHUNKS)
    found = {place: text for place in places if (text := trouble(place))}
    bad = {cases()[i].name: text for i, text in found.items() if computes(cases()[i])}
    assert not bad


def test_most_cases_are_computed_by_onnx_runtime() -> None:
    """So that the test above does not pass because nothing ever runs."""
    places = range(0, len(cases()), 40)
    assert sum(not trouble(place) for place in places) > 0.6 * len(places)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=path.stem,
            marks=pytest.mark.slow
            if path.stem[6:] in ("bvlc_alexnet", "vgg19", "zfnet512")
            else (),
        )
        for path in light_models()
    ],
)
def test_well_known_networks_compute_what_they_did(path: Path) -> None:
    found = reading.read(reading.parse(path))
    feeds = {
        name: np.random.default_rng(0).random(value.type.shape, np.float32)
        for name, value in found.graph.inputs.items()
    }
    again = run(written(found), feeds)
    before = run(onnx.load(path), feeds)
    for one, other in zip(again, before, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_page_says_what_the_code_does() -> None:
    made = onnx_coverage.page()
    assert onnx_coverage.PAGE.read_text() == made, "run python -m tools.onnx_coverage"
