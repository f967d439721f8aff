"""Arrays in a file come back as they were."""

from pathlib import Path

import ml_dtypes
import numpy as np

from seqir import tensorfile


def test_shapes_and_types_come_back(tmp_path: Path) -> None:
    arrays = {
        "scalar": np.array(3, np.int32),
        "one": np.ones((1,), np.float32),
        "empty": np.zeros((0, 4), np.float64),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "half": np.array([1.5], ml_dtypes.bfloat16),
    }
    tensorfile.write(tmp_path / "a.safetensors", arrays, {"kind": "test"})
    found, note = tensorfile.read(tmp_path / "a.safetensors")
    assert note == {"kind": "test"}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found[name], array)
