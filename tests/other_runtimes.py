"""Files on other runtimes; what is not installed skips the test that asks for it."""

from pathlib import Path
from typing import Any

import pytest

Feeds = dict[str, Any]
"""Arrays in the order of the file's inputs."""


def openvino(path: Path, feeds: Feeds) -> Any:
    found = pytest.importorskip("openvino")
    core = found.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return core.compile_model(core.read_model(path), "CPU", exact)(feeds)[0]


def tract(path: Path, feeds: Feeds) -> Any:
    model = pytest.importorskip("tract").onnx().load(str(path))
    kinds = {"float": "f", "int": "i"}
    for i, array in enumerate(feeds.values()):
        sizes = "".join(f"{size}," for size in array.shape)
        kind = array.dtype.name
        for long, short in kinds.items():
            kind = kind.replace(long, short)
        if sizes:  # else it is known
            model.set_input_fact(i, sizes + kind)
    run = model.into_model().into_runnable().run
    return run([*feeds.values()])[0].to_numpy()


def opencv(path: Path, feeds: Feeds) -> Any:
    cv2 = pytest.importorskip("cv2", minversion="5")
    net = cv2.dnn.readNetFromONNX(str(path))
    for name, array in feeds.items():
        net.setInput(array, name)
    return net.forward()


def onnxruntime(path: Path, feeds: Feeds) -> Any:
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    return session.run(None, feeds)[0]


RUNTIMES = {"web": onnxruntime, "openvino": openvino, "opencv": opencv, "tract": tract}
"""By the target that files for it are written with."""
