"""What ONNX Runtime's quantization makes of a convolutional network, in its forms."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from foreign_onnx_entry import Entry, digits, run
from foreign_onnx_torch import CASES, exported, train
from onnxconverter_common import float16
from onnxruntime import quantization as q


class Examples(q.CalibrationDataReader):
    def __init__(self, name: str) -> None:
        self.left = [{name: digits()[0][i : i + 32]} for i in range(0, 128, 32)]

    def get_next(self) -> Any:
        return self.left.pop() if self.left else None


def entries() -> Iterator[Entry]:
    torch.manual_seed(0)
    network = CASES["cnn"].make()
    train(network)
    x = CASES["cnn"].inputs(torch.Generator().manual_seed(1))
    plain = exported(CASES["cnn"], network.eval(), x, "l17")
    images = [np.asarray(a) for a in x]

    def entry(name: str, model: onnx.ModelProto) -> Entry:
        blank = Entry(f"quantized_{name}", model, images, [], tool, "quantized")
        return replace(blank, outputs=run(blank))

    tool = f"onnxruntime {ort.__version__} quantization"
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "plain.onnx", Path(folder) / "out.onnx"
        onnx.save(plain, path)
        forms = {"qdq": q.QuantFormat.QDQ, "operators": q.QuantFormat.QOperator}
        for name, form in forms.items():
            q.quantize_static(
                path,
                out,
                Examples("image"),
                quant_format=form,
                per_channel=form is q.QuantFormat.QDQ,
                activation_type=q.QuantType.QUInt8,
                weight_type=q.QuantType.QInt8,
            )
            yield entry(name, onnx.load(out))
        q.quantize_dynamic(path, out, weight_type=q.QuantType.QUInt8)
        yield entry("dynamic", onnx.load(out))
    half = float16.convert_float_to_float16(plain, keep_io_types=True)
    expected = [network(*x).detach().numpy()]
    yield Entry(
        "converted_half", half, images, expected, "onnxconverter-common", "half"
    )
