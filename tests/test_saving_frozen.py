"""Older files of models in models of which other parts are frozen than in the file."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.models import load_model

h5py = pytest.importorskip("h5py")
X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def model_of(library: Any, frozen: tuple[bool, ...], name: str | None = None) -> Any:
    """A base with a base inside; all kernels have one shape, names are automatic."""
    make = library.layers
    kinds = (make.Dense, make.BatchNormalization, make.Dense, make.Dense)
    parts: list[Any] = [make.Dense(4), make.BatchNormalization(), make.Dense(4)]
    inner = library.Sequential([make.Input((4,)), *parts], name="inner")
    parts.append(make.Dense(4))
    outer = library.Sequential([make.Input((4,)), inner, parts[3]], name="outer")
    assert [type(part) for part in parts] == list(kinds)
    for part, frozen_one in zip(parts, frozen, strict=True):
        part.trainable = not frozen_one
    x = make.Input((4,))
    return library.Model(x, make.Dense(2)(outer(make.Dense(4)(x))), name=name)


def randomized(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.2, 1, w.shape) for w in model.get_weights()])
    return model


def weights_only(path: Path, groups: dict[str, dict[str, Any]]) -> Path:
    """As Keras 2 keeps weights alone: groups of layers at the root."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in groups]
        for layer, weights in groups.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name, value in weights.items():
                group[name] = value
    return path


PATTERNS = [*itertools.product((False, True), repeat=4)]


@pytest.mark.parametrize("kept", PATTERNS)
def test_what_is_frozen_does_not_move_weights(
    kept: tuple[bool, ...], tmp_path: Path
) -> None:
    wanted = randomized(model_of(seqir, kept))
    wanted.save(tmp_path / "m.h5")
    for frozen in PATTERNS:
        twin = model_of(seqir, frozen)
        twin.load_weights(tmp_path / "m.h5")
        np.testing.assert_allclose(twin(X), wanted(X), rtol=1e-5)
    same = load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(same(X), wanted(X), rtol=1e-5)


@pytest.mark.parametrize("kept", [PATTERNS[4], PATTERNS[9]])
def test_files_of_keras(kept: tuple[bool, ...], tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    theirs = randomized(model_of(keras, kept))
    theirs.save(tmp_path / "m.h5")
    wanted = np.asarray(theirs(X))
    for frozen in PATTERNS[::3]:
        twin = model_of(seqir, frozen)
        twin.load_weights(tmp_path / "m.h5")
        np.testing.assert_allclose(twin(X), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("dense_7", "dense_8"),  # numbers that count on
        ("dense", "dense_1"),
        ("dense_9", "dense_10"),  # 10 is after 9
        ("own", "other"),
        ("own_1", "other_1"),  # loaded and saved again in one process
        ("base/own", "base/other"),
    ],
)
@pytest.mark.parametrize("frozen", [None, 0, 1])
def test_names_decide(first: str, second: str, frozen: Any, tmp_path: Path) -> None:
    """Those of Keras 2, where the first or none was frozen when it was saved."""
    names = ("own", "other") if "own" in first else (None, None)
    rng = np.random.default_rng(2)
    own, other = (
        {f"{n}/{k}:0": rng.normal(size=s) for k, s in shapes.items()}
        for n, shapes in zip(
            (first, second), [{"kernel": (4, 4), "bias": (4,)}] * 2, strict=True
        )
    )
    own, other = (
        {k: v.astype(np.float32) for k, v in part.items()} for part in (own, other)
    )
    (a, b), (c, d) = own.values(), other.values()
    for stored in ({**own, **other}, {**other, **own}):
        path = weights_only(tmp_path / "m.h5", {"base": stored})
        base = seqir.Sequential(
            [seqir.Input((4,)), *(layers.Dense(4, name=name) for name in names)],
            name="base",
        )
        if frozen is not None:
            base.layers[frozen].trainable = False
        model = seqir.Sequential([seqir.Input((4,)), base])
        model.load_weights(path)
        np.testing.assert_allclose(model(X), (X @ a + b) @ c + d, rtol=1e-5)


def test_layers_of_ones_own_with_layers_inside(tmp_path: Path) -> None:
    class Pair(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.first, self.second = layers.Dense(4), layers.Dense(4)

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    def make() -> tuple[Any, Any]:
        pair = Pair()
        return seqir.Sequential([seqir.Input((4,)), pair]), pair

    kept, pair = make()
    pair.first.trainable = False
    randomized(kept).save(tmp_path / "m.h5")
    twin, _ = make()
    twin.load_weights(tmp_path / "m.h5")
    np.testing.assert_allclose(twin(X), kept(X), rtol=1e-5)


def test_other_names_are_found_by_their_place(tmp_path: Path) -> None:
    """As Keras does; an order that nothing frozen explains is not a reason to move."""
    rng = np.random.default_rng(3)
    kernels = rng.normal(size=(3, 4, 4)).astype(np.float32)
    for names in (("x", "y", "z"), ("c", "b", "a")):
        stored = {f"{n}/kernel:0": k for n, k in zip(names, kernels, strict=True)}
        path = weights_only(tmp_path / "m.h5", {"base": stored})
        inner = [layers.Dense(4, use_bias=False, name=n) for n in "abc"]
        base = seqir.Sequential([seqir.Input((4,)), *inner], name="base")
        model = seqir.Sequential([seqir.Input((4,)), base])
        model.load_weights(path)
        for mine, its in zip(model.get_weights(), kernels, strict=True):
            np.testing.assert_array_equal(mine, its)


def test_weights_that_had_other_names(tmp_path: Path) -> None:
    """Keras 2 calls the kernel of a depthwise convolution depthwise_kernel."""
    rng = np.random.default_rng(4)
    first, second = (rng.normal(size=(3, 3, 3, 1)).astype(np.float32) for _ in "ab")
    stored = {"two/depthwise_kernel:0": second, "one/depthwise_kernel:0": first}
    path = weights_only(tmp_path / "m.h5", {"base": stored})
    parts = [
        layers.DepthwiseConv2D(3, use_bias=False, name=n, padding="same")
        for n in ("one", "two")
    ]
    base = seqir.Sequential([seqir.Input((5, 5, 3)), *parts], name="base")
    model = seqir.Sequential([seqir.Input((5, 5, 3)), base])
    model.load_weights(path)
    for mine, its in zip(model.get_weights(), (first, second), strict=True):
        np.testing.assert_array_equal(mine, its)
