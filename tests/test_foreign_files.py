"""Files that other tools wrote compute in ONNX Runtime what their tools say."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from foreign_files import ARCHIVE, FILES, ForeignFile, plain

GAPS = {"half": 2e-3, "quantized": 0.1}
OPTIONS = ort.SessionOptions()
OPTIONS.log_severity_level = 4


def assert_same(found: Any, expected: Any, gap: float) -> None:
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, gap)
        return
    found = np.asarray(found)
    if expected.dtype.kind == "U":
        np.testing.assert_array_equal(found.astype(str), expected)
        return
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=gap, atol=gap)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_archive_is_what_its_tools_say(file: ForeignFile, tmp_path: Path) -> None:
    session = ort.InferenceSession(file.write(tmp_path), OPTIONS)
    assert tuple(i.name for i in session.get_inputs()) == file.input_names
    found = session.run(list(file.output_names), file.inputs)
    for value, expected in zip(found, file.outputs.values(), strict=True):
        assert_same(plain(value), expected, GAPS.get(file.kind, 1e-5))


def test_the_archive_has_all_kinds_of_tools_and_files() -> None:
    kinds = {"image", "sequence", "numbers", "control", "half", "quantized", "table"}
    assert {file.kind for file in FILES} == kinds | {"text"}
    assert ARCHIVE.stat().st_size < 2_500_000
    models = {file.name: onnx.load_from_string(file.model) for file in FILES}
    opsets = {
        o.version for m in models.values() for o in m.opset_import if not o.domain
    }
    assert opsets >= {*range(7, 12), 13, 17, 18, 20, 23}
    assert {m.ir_version for m in models.values()} >= {3, 4, 5, 6, 7, 8, 9, 10}
