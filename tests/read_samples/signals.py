"""Fourier transforms, windows, grids, recurrent and attention nodes, and padding."""

from typing import Any

import numpy as np

from tests.read_samples.sample import integers, node, numbers

_MS: Any = {"domain": "com.microsoft"}
_GRID = np.linspace(-1.3, 1.3, 2 * 3 * 4 * 2).reshape(2, 3, 4, 2).astype(np.float32)
_MASK = integers([1, 1, 0], [1, 1, 1], dtype="int32")

SAMPLES = [
    node("DFT", [2, 6, 1], None, integers(1)[0], constants=(2,), onesided=1,
         smooth=True, static=True),
    node("DFT", [2, 6, 2], integers(8)[0], integers(1)[0], constants=(1, 2),
         static=True),
    node("DFT", [2, 6, 2], integers(4)[0], integers(-2)[0], constants=(1, 2),
         inverse=1, static=True),
    node("DFT", [2, 5, 2], opset=17, axis=1, smooth=True, static=True),
    node("STFT", [2, 20, 1], integers(4)[0], [8], constants=(1,), smooth=True,
         static=True),
    node("STFT", [2, 20, 1], integers(3)[0], None, integers(6)[0], constants=(1, 3),
         onesided=0, static=True),
    node("HannWindow", integers(6)[0], constants=(0,)),
    node("BlackmanWindow", integers(6)[0], constants=(0,), periodic=0),
    node("HammingWindow", integers(5)[0], constants=(0,)),
    *(
        node("GridSample", [2, 3, 5, 4], _GRID, mode=mode, padding_mode=around,
             align_corners=int(aligned), smooth=mode != "nearest" and aligned,
             static=True)
        for mode in ("nearest", "linear", "cubic")
        for around in ("zeros", "border", "reflection")
        for aligned in (False, True)
    ),
    node("AffineGrid", [2, 2, 3], integers(2, 3, 4, 5), constants=(1,), smooth=True),
    node("AffineGrid", [2, 3, 4], integers(2, 3, 2, 4, 5), constants=(1,),
         align_corners=1),
    node("Pad", [3, 4], integers(-1, 1, 2, -2), constants=(1,), smooth=True),
    node("Pad", [3, 4], integers(1, 1, 0, -1), constants=(1,), mode="edge"),
    node("Pad", [3, 4], integers(1, 0, 0, 2), np.float32(0.5), constants=(1,),
         smooth=True),
    node("Col2Im", [2, 12, 6], integers(3, 4), integers(2, 2), constants=(1, 2),
         smooth=True, static=True),
    node("Range", np.float32(1), np.float32(4.2), np.float32(0.5)),
    node("Range", integers(9)[0], integers(1)[0], integers(-3)[0]),
    node("RotaryEmbedding", [2, 3, 4, 8], [50, 4], [50, 4],
         integers([0, 1, 2, 3], [4, 5, 6, 7]), opset=23, smooth=True, static=True),
    node("Attention", [2, 3, 8], [8, 12], [12], _MASK, num_heads=2, smooth=True,
         static=True, **_MS),
    node("Attention", [2, 3, 8], [8, 12], [12], num_heads=2, unidirectional=1,
         static=True, **_MS),
    node("MultiHeadAttention", [2, 3, 8], [2, 5, 8], [2, 5, 8], [24], num_heads=2,
         smooth=True, static=True, **_MS),
    node("MultiHeadAttention", [2, 3, 8], [2, 3, 8], [2, 3, 8], None, _MASK,
         numbers(1, 2, 3, 3), num_heads=2, scale=0.3, static=True, **_MS),
]  # fmt: skip
