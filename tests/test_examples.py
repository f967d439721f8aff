"""The examples run, and leave behind what they say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import onnx
import pytest

FOLDER = Path(__file__).parents[1] / "examples"
FILES = {
    "compress": ("encoder.onnx", "decoder.onnx"),
    "custom_layer": ("custom_layer.onnx", "custom_layer.svg"),
    "denoise": ("denoise.onnx",),
    "digits": (
        "digits.onnx",
        "digits_confusion.png",
        "digits_features.onnx",
        "digits_history.png",
    ),
    "feature_extraction": ("whole.onnx", "body.onnx"),
    "forecast": ("forecast.onnx",),
    "functional": ("functional.onnx",),
    "gan": ("gan.png", "generator.onnx"),
    "grow_a_cnn": ("grown.onnx", "grown_three.onnx"),
    "photograph": (
        "photograph.onnx",
        "photograph_features.onnx",
        "photograph_features.png",
    ),
    "potential": ("potential.onnx",),
    "pretrained": ("mobilenet.weights.h5", "pretrained.onnx"),
    "saliency": ("saliency.onnx", "saliency.png"),
    "sort": ("sort.onnx",),
    "text": ("text.onnx",),
    "three_layers": ("three_layers.onnx",),
    "transfer": ("pretrained.safetensors", "transfer.onnx"),
}
SAYS = {
    "compress": r"error 0.1[0-3]\d, that of ten principal components 0.142",
    "custom_layer": "as NumPy computes it",
    "denoise": r"noise 0.299 before, 0.1[0-7]\d after",
    "digits": r"s: (9[89]\.\d\d|100\.00)% of the held-back digits right",
    "feature_extraction": r"body 11,680 \+ head 9,248 weights",
    "forecast": "2 nodes LSTM in the file, which takes any length",
    "functional": "onnxruntime agrees on positive",
    "gan": r"the mean of drawn digits is 0.0[0-5]\d from that of real ones",
    "grow_a_cnn": "weights  48,771",
    "photograph": "The model is exported, verified and run.",
    "pretrained": r"even: (7[5-9]|[89]\d|100)\.\d%.*\n.*\nthe head is the same",
    "potential": r"\de-(0[89]|1\d) from central differences\n.*by \d\.\de-0[34]",
    "saliency": r"[6-9]\d% of the flower's gradient is in the window, 8% of all",
    "sort": r"(9\d|100)\.\d% of 2000 new rows sorted right",
    "text": r"(9[5-9]|100)\.\d% of 1000 new sentences right",
    "three_layers": "6 weights, 35 numbers",
    "transfer": "the frozen weights are the same to the last bit",
}
NEEDS = {
    "compress": ("sklearn",),
    "denoise": ("sklearn",),
    "digits": ("sklearn", "matplotlib"),
    "gan": ("sklearn",),
    "photograph": ("sklearn", "matplotlib"),
    "pretrained": ("sklearn", "h5py"),
    "saliency": ("sklearn", "matplotlib"),
    "transfer": ("sklearn",),
}


def test_every_example_is_tested() -> None:
    assert sorted(p.stem for p in FOLDER.glob("*.py")) == sorted(FILES) == sorted(SAYS)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", FILES)
def test_example(
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("onnxruntime", *NEEDS.get(name, ())):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    module = load(name)
    assert module.__doc__
    assert f"python examples/{name}.py" in module.__doc__
    out = tmp_path / "new" / "out"
    module.main(str(out))
    assert re.search(SAYS[name], capsys.readouterr().out)
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES[name])
    for path in out.glob("*.onnx"):
        onnx.checker.check_model(path, full_check=True)
    assert list(tmp_path.iterdir()) == [out.parent]
