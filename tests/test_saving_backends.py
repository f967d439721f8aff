"""Older files that a backend wrote which turned kernels around: Theano."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.models import load_model

h5py = pytest.importorskip("h5py")
FLIPPED = {
    "Conv1D": (7, 2),
    "Conv2D": (6, 7, 2),
    "Conv3D": (4, 5, 6, 2),
    "Conv1DTranspose": (4, 2),
    "Conv2DTranspose": (4, 5, 2),
}
SAME = {
    "DepthwiseConv2D": (6, 7, 2),
    "SeparableConv1D": (7, 2),
    "SeparableConv2D": (6, 7, 2),
}


def from_backend(backend: str, model: Any, path: Path) -> Path:
    model.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["backend"] = backend
        file.attrs["keras_version"] = "2.2.4"
    return path


def filled(model: Any) -> Any:
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def model_of(kind: str) -> Any:
    arguments: dict[str, Any] = {} if kind == "DepthwiseConv2D" else {"filters": 3}
    shape = {**FLIPPED, **SAME}[kind]
    layer = getattr(layers, kind)(kernel_size=3, **arguments)
    return filled(seqir.Sequential([seqir.Input(shape), layer]))


def turned(kernel: Any) -> Any:
    for axis in range(kernel.ndim - 2):
        kernel = np.flip(kernel, axis)
    return kernel


@pytest.mark.parametrize("kind", [*FLIPPED, *SAME])
@pytest.mark.parametrize("backend", ["theano", "cntk", "tensorflow"])
def test_kernels(backend: str, kind: str, tmp_path: Path) -> None:
    model = model_of(kind)
    path = from_backend(backend, model, tmp_path / "m.h5")
    first, *rest = model.get_weights()
    flipped = backend == "theano" and kind in FLIPPED
    wanted = [turned(first) if flipped else first, *rest]
    loaded = load_model(path)
    model.load_weights(path)
    for found in (loaded, model):
        for mine, its in zip(found.get_weights(), wanted, strict=True):
            np.testing.assert_array_equal(mine, its)


def test_numbers_are_those_of_a_convolution(tmp_path: Path) -> None:
    model = filled(
        seqir.Sequential(
            [seqir.Input((9, 1)), layers.Conv1D(1, 4, use_bias=False)], name="m"
        )
    )
    kernel = model.get_weights()[0][:, 0, 0]
    found = load_model(from_backend("theano", model, tmp_path / "m.h5"))
    x = np.random.default_rng(1).normal(size=9).astype(np.float32)
    wanted = np.convolve(x, kernel, mode="valid")
    np.testing.assert_allclose(found(x[None, :, None])[0, :, 0], wanted, rtol=1e-5)


def test_models_inside_and_layers_by_name(tmp_path: Path) -> None:
    inner = seqir.Sequential(
        [seqir.Input((6, 6, 2)), layers.Conv2D(3, 3, name="conv"), layers.Flatten()],
        name="inner",
    )
    model = filled(
        seqir.Sequential([seqir.Input((6, 6, 2)), inner, layers.Dense(2, name="end")])
    )
    kernel, *rest = model.get_weights()
    path = from_backend("theano", model, tmp_path / "m.h5")
    model.load_weights(path, by_name=True)
    for mine, its in zip(model.get_weights(), [turned(kernel), *rest], strict=True):
        np.testing.assert_array_equal(mine, its)


def test_weights_alone_say_it_in_their_root(tmp_path: Path) -> None:
    model = model_of("Conv2D")
    kernel, bias = model.get_weights()
    name = model.layers[0].name
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [name.encode()]
        file.attrs["backend"] = b"theano"
        group = file.create_group(name)
        group.attrs["weight_names"] = [b"kernel:0", b"bias:0"]
        group["kernel:0"], group["bias:0"] = kernel, bias
    model.load_weights(tmp_path / "w.h5")
    np.testing.assert_array_equal(model.get_weights()[0], turned(kernel))


def test_the_state_of_a_training_is_of_turned_kernels(tmp_path: Path) -> None:
    model = model_of("Conv1D")
    model.compile("adam", "mse")
    model.fit(np.ones((2, 7, 2)), np.zeros((2, 5, 3)), verbose=0)
    path = from_backend("theano", model, tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="kernels, which are turned around: it starts"):
        assert int(load_model(path).optimizer.iterations) == 0
