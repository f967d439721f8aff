"""Initializers: against Keras, against the distributions they promise, and raises."""

import os

os.environ.setdefault("KERAS_BACKEND", "numpy")

import math
import subprocess
import sys
import time

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqir import initializers as I
from seqir.errors import DTypeError

SHAPES = [(), (7,), (5, 9), (3, 4, 6), (3, 2, 4, 6), (2, 3, 2, 4, 5)]
PRESETS = [
    "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal",
    "LecunUniform",
]  # fmt: skip
RANDOM = [
    *PRESETS, "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling",
]  # fmt: skip
ALL = [*RANDOM, "Constant", "Identity", "Ones", "STFT", "Zeros"]
WINDOWS = [
    "boxcar", "hann", "hamming", "blackman", "nuttall", "blackmanharris", "flattop",
    "bartlett", "cosine",
]  # fmt: skip


@pytest.fixture(scope="module")
def keras_initializers():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "numpy":
        pytest.skip("another module of this process chose another Keras backend")
    return keras.initializers


# --- fans ---


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((5, 9), (5, 9)),
        ((3, 4, 6), (12, 18)),
        ((3, 3, 4, 6), (36, 54)),
        ((3, 3, 8, 1), (72, 9)),
        ((2, 3, 2, 4, 5), (48, 60)),
        ((0, 4), (0, 4)),
    ],
)
def test_fans(shape, fans):
    assert I.compute_fans(shape) == fans


def test_fans_by_axes():
    assert I.compute_fans((2, 3, 5), [0], [1, 2]) == (2, 15)
    assert I.compute_fans((2, 3, 5), [-1, 0], []) == (10, 1)


def test_fans_equal_keras(keras_initializers):
    from keras.src.initializers.random_initializers import compute_fans

    for shape in SHAPES:
        assert I.compute_fans(shape) == compute_fans(shape)
        for axes in [([0], [1, 2]), ([-1, 1], [0])]:
            if len(shape) > 2:
                assert I.compute_fans(shape, *axes) == compute_fans(shape, *axes)


def _spread(initializer, monkeypatch):
    """(kind, mean or low, std or high) that a seqir initializer asks to sample."""
    calls = []
    for module in ("scaling", "random"):
        for kind in ("uniform", "normal", "truncated"):

            def record(rng, sizes, work, a, b, kind=kind):
                calls.append((kind, a, b))
                return np.zeros(sizes, work)

            name = f"seqir.initializers.{module}.{kind}"
            monkeypatch.setattr(name, record)
    return lambda shape: (initializer(shape), calls.pop())[1]


def _keras_spread(initializer, monkeypatch):
    from keras.src.initializers import random_initializers as source

    calls = []

    def recorder(kind, a, b):
        def record(shape, dtype=None, seed=None, **given):
            calls.append((kind, given[a], given[b]))

        return record

    names = [("uniform", "minval", "maxval"), ("normal", "mean", "stddev")]
    for kind, a, b in names:
        monkeypatch.setattr(source.random, kind, recorder(kind, a, b))
    truncated = recorder("truncated", "mean", "stddev")
    monkeypatch.setattr(source.random, "truncated_normal", truncated)
    return lambda shape: (initializer(shape), calls.pop())[1]


SCALINGS = [
    *((name, {}) for name in PRESETS),
    *(
        ("VarianceScaling", {"scale": 0.7, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("uniform", "truncated_normal", "untruncated_normal")
    ),
    ("RandomNormal", {"mean": 2.0, "stddev": 3.0}),
    ("TruncatedNormal", {}),
    ("RandomUniform", {}),
]


@pytest.mark.parametrize(("name", "arguments"), SCALINGS)
def test_parameters_of_the_distribution_equal_keras(
    keras_initializers, monkeypatch, name, arguments
):
    ours = _spread(getattr(I, name)(**arguments), monkeypatch)
    keras_class = getattr(keras_initializers, name)
    theirs = _keras_spread(keras_class(**arguments), monkeypatch)
    for shape in SHAPES:
        (kind, a, b), (kind_k, a_k, b_k) = ours(shape), theirs(shape)
        assert kind == kind_k
        np.testing.assert_allclose((a, b), (a_k, b_k), rtol=1e-13)


@pytest.mark.parametrize("name", PRESETS)
def test_axes_change_the_parameters_as_in_keras(keras_initializers, monkeypatch, name):
    axes = {"input_axes": [0], "output_axes": [1, 2]}
    ours = _spread(getattr(I, name)(**axes), monkeypatch)
    theirs = _keras_spread(getattr(keras_initializers, name)(**axes), monkeypatch)
    (_, *found), (_, *wanted) = ours((6, 4, 5)), theirs((6, 4, 5))
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_truncated_std_is_that_of_a_unit_normal_cut_at_two():
    from seqir.initializers.scaling import TRUNCATED_STD

    assert math.isclose(TRUNCATED_STD, 0.87962566103423978, rel_tol=1e-14)


# --- distributions: a million samples, bounds of more than five standard errors ---

BIG = (1000, 1000)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_samples(dtype):
    x = I.RandomUniform(-1.0, 3.0, seed=11)(BIG, dtype)
    assert x.dtype == dtype
    assert x.min() >= -1
    assert x.max() <= 3
    assert x.min() < -0.9999
    assert x.max() > 2.9999
    assert abs(x.mean(dtype="f8") - 1) < 0.006
    assert abs(x.var(dtype="f8") - 16 / 12) < 0.007
    counts = np.histogram(x, 20, (-1, 3))[0]
    assert np.abs(counts - 50_000).max() < 1200


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_samples(dtype):
    x = I.RandomNormal(0.5, 2.0, seed=12)(BIG, dtype)
    assert abs(x.mean(dtype="f8") - 0.5) < 0.011
    assert abs(x.std(dtype="f8") - 2) < 0.008
    z = (x.astype("f8") - 0.5) / 2
    assert abs((z**3).mean()) < 0.02
    assert abs((z**4).mean() - 3) < 0.06
    for k in (1, 2, 3):
        share = math.erf(k / math.sqrt(2))
        assert abs((np.abs(z) < k).mean() - share) < 0.003


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truncated_samples(dtype):
    x = I.TruncatedNormal(0.5, 2.0, seed=13)(BIG, dtype)
    z = (x.astype("f8") - 0.5) / 2
    assert np.abs(z).max() <= 2 + 1e-6
    assert np.abs(z).max() > 1.99
    assert abs(z.mean()) < 0.005
    assert abs(z.std() - 0.87962566) < 0.003
    share = math.erf(1 / math.sqrt(2)) / math.erf(math.sqrt(2))
    assert abs((np.abs(z) < 1).mean() - share) < 0.003


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("shape", [(400, 900), (3, 3, 100, 300)])
def test_variance_of_the_presets(name, shape):
    fan_in, fan_out = I.compute_fans(shape)
    wanted = {
        "Glorot": 2 / (fan_in + fan_out), "He": 2 / fan_in, "Lecun": 1 / fan_in
    }[name.removesuffix("Normal").removesuffix("Uniform")]  # fmt: skip
    x = getattr(I, name)(seed=14)(shape)
    assert abs(x.var(dtype="f8") / wanted - 1) < 0.02
    assert abs(x.mean(dtype="f8")) < 6 * math.sqrt(wanted / x.size)
    limit = math.sqrt(3 * wanted)
    if name.endswith("Uniform"):
        assert limit * 0.999 < np.abs(x).max() <= limit * (1 + 1e-6)
    else:
        assert np.abs(x).max() <= 2 * math.sqrt(wanted) / 0.87962566 * (1 + 1e-6)


def test_untruncated_reaches_past_two_deviations():
    x = I.VarianceScaling(4.0, "fan_out", "untruncated_normal", seed=1)((100, 1000))
    std = math.sqrt(4 / 1000)
    assert abs(x.std() / std - 1) < 0.02
    assert np.abs(x).max() > 3.5 * std


def test_moments_equal_samples_of_keras(keras_initializers):
    for name in PRESETS:
        ours = getattr(I, name)(seed=3)((300, 500))
        theirs = np.asarray(getattr(keras_initializers, name)(seed=3)((300, 500)))
        assert abs(ours.std() / theirs.std() - 1) < 0.015
        assert abs(np.abs(ours).max() / np.abs(theirs).max() - 1) < 0.01


def test_neighbouring_seeds_are_unrelated():
    x = np.stack([I.RandomNormal(seed=s)((20_000,)) for s in range(6)])
    assert np.abs(np.corrcoef(x) - np.eye(6)).max() < 0.04


def test_blocks_do_not_repeat():
    x = I.RandomUniform(seed=1)((300_000,), "float64")
    assert np.unique(x).size == x.size


def test_ten_million_numbers_are_quick():
    """About 50 ms; the bound leaves room for a busy machine."""
    made, took = I.GlorotUniform(seed=1), []
    for _ in range(3):
        start = time.perf_counter()
        made((2500, 4000))
        took.append(time.perf_counter() - start)
    assert min(took) < 0.5


# --- known values ---


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3), (2, 1, 3)])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Zeros", ()),
        ("Ones", ()),
        ("Constant", ()),
        ("Constant", (2.7,)),
        ("Constant", (-3,)),
        ("Constant", (True,)),
    ],
)
def test_constants_equal_keras(keras_initializers, name, arguments, shape, dtype):
    ours = getattr(I, name)(*arguments)(shape, dtype)
    theirs = np.asarray(getattr(keras_initializers, name)(*arguments)(shape, dtype))
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, theirs, strict=True)


def test_array_constants_equal_keras(keras_initializers):
    value = [[1.5], [2.0]]
    for given_value in (value, np.array(value), np.array([1, 2, 3])):
        ours = I.Constant(given_value)((2, 3))
        theirs = np.asarray(keras_initializers.Constant(given_value)((2, 3)))
        np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("shape", [(4, 4), (2, 5), (5, 2), (0, 3)])
@pytest.mark.parametrize("gain", [1.0, 2.5, -1])
def test_identity_equals_keras(keras_initializers, shape, gain):
    for dtype in ("float32", "float64", "float16"):
        ours = I.Identity(gain)(shape, dtype)
        theirs = np.asarray(keras_initializers.Identity(gain)(shape, dtype))
        np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("window", [*WINDOWS, None])
@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
def test_stft_equals_keras(keras_initializers, side, window, scaling):
    for periodic in (False, True):
        for shape in [(16, 1, 9), (7, 1, 5), (256, 1, 129), (1, 1, 2)]:
            given_args = (side, window, scaling, periodic)
            ours = I.STFT(*given_args)(shape)
            theirs = np.asarray(keras_initializers.STFT(*given_args)(shape))
            np.testing.assert_array_equal(ours, theirs, strict=True)


def test_stft_in_float64_is_the_fourier_transform():
    signal = np.random.default_rng(0).normal(size=16)
    kernels = (I.STFT(s, None)((16, 1, 9), "float64")[:, 0] for s in ("real", "imag"))
    real, imag = (signal @ kernel for kernel in kernels)
    np.testing.assert_allclose(real + 1j * imag, np.fft.rfft(signal), atol=1e-12)


def test_stft_with_values_as_window(keras_initializers):
    values = [0.5, 1.0, 2.0, 0.25]
    theirs = np.asarray(keras_initializers.STFT(window=values)((4, 1, 3)))
    for window in (values, tuple(values), np.array(values)):
        np.testing.assert_array_equal(I.STFT(window=window)((4, 1, 3)), theirs)
        assert I.STFT(window=window).get_config()["window"] == values


# --- orthogonality ---


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (3, 3, 4, 5), (2, 2, 40)])
@pytest.mark.parametrize("gain", [1.0, 0.5, -2])
@pytest.mark.parametrize(("dtype", "tol"), [("float32", 1e-5), ("float64", 1e-13)])
def test_orthogonal(shape, gain, dtype, tol):
    x = I.Orthogonal(gain, seed=5)(shape, dtype)
    assert x.shape == shape
    assert x.dtype == dtype
    assert x.flags.c_contiguous
    m = x.reshape(-1, shape[-1]) / gain
    gram = m.T @ m if m.shape[0] >= m.shape[1] else m @ m.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=tol)


def test_orthogonal_is_uniform():
    """Haar measure: half of the determinants are negative, entries have mean 0."""
    x = np.stack([I.Orthogonal(seed=s)((3, 3), "float64") for s in range(2000)])
    assert abs((np.linalg.det(x) > 0).mean() - 0.5) < 0.06
    assert np.abs(x.mean(axis=0)).max() < 0.07
    assert np.abs((x**2).mean(axis=0) - 1 / 3).max() < 0.04


def test_orthogonal_without_elements():
    assert I.Orthogonal()((0, 3)).shape == (0, 3)
    assert I.Orthogonal()((3, 0)).shape == (3, 0)


# --- types ---


@pytest.mark.parametrize("name", RANDOM)
def test_types(name):
    made = getattr(I, name)(seed=1)
    assert made((4, 5)).dtype == np.float32
    for dtype in ("float16", "float32", "float64", "bfloat16", np.float64, "float64"):
        wanted = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
        assert made((4, 5), dtype).dtype == wanted
    single = made((4, 5))
    np.testing.assert_array_equal(made((4, 5), "float16"), single.astype("float16"))
    np.testing.assert_array_equal(
        made((4, 5), "bfloat16"), single.astype(ml_dtypes.bfloat16)
    )


@pytest.mark.parametrize("name", ["Constant", "Identity", "Ones", "Zeros"])
def test_bfloat16_of_known_values(name):
    x = getattr(I, name)()((2, 2), "bfloat16")
    assert x.dtype == ml_dtypes.bfloat16
    value = I.Constant(np.array([1.5], ml_dtypes.bfloat16))
    assert value((2,)).tolist() == [1.5, 1.5]


@pytest.mark.parametrize("name", [*RANDOM, "STFT"])
@pytest.mark.parametrize("dtype", ["int32", "bool", "uint8"])
def test_random_values_need_fractions(name, dtype):
    with pytest.raises(
        DTypeError, match=f"{name} makes floating-point values, which {dtype}"
    ):
        getattr(I, name)()((4, 1, 3), dtype)


def test_unknown_type():
    with pytest.raises(DTypeError, match="'float23' is not an element type"):
        I.Zeros()((2,), "float23")


# --- seeds ---


@given(
    name=st.sampled_from(ALL),
    shape=st.lists(st.integers(0, 5), min_size=2, max_size=2),
    dtype=st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
)
@settings(max_examples=60, deadline=None)
def test_no_state(name, shape, dtype):
    if name == "STFT":
        shape = [shape[0] + 3, 1, shape[1] + 2]
    made = I.get(name)
    first = made(shape, dtype)
    again = made(tuple(shape), dtype)
    np.testing.assert_array_equal(first, again)
    assert first is not again
    assert first.flags.writeable
    assert first.shape == tuple(shape)


@pytest.mark.parametrize("name", RANDOM)
def test_each_unseeded_instance_is_different(name):
    a, b = I.get(name), I.get(name)
    assert a.seed != b.seed  # pyright: ignore[reportFunctionMemberAccess, reportOptionalMemberAccess]
    assert not np.array_equal(a((4, 5)), b((4, 5)))  # pyright: ignore[reportOptionalCall]
    same = type(a)(seed=9)((4, 5)), type(a)(seed=9)((4, 5))  # pyright: ignore[reportOptionalCall]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize("seed", [0, 2**64 - 1, np.int64(7)])
def test_seeds_at_the_limits(seed):
    x = I.RandomNormal(seed=seed)((100,))
    assert 0.03 < x.std() < 0.07
    assert type(I.RandomNormal(seed=seed).get_config()["seed"]) is int
    I.set_random_seed(seed)


def test_set_random_seed_repeats_what_follows():
    def made():
        I.set_random_seed(42)
        return [I.get(n)((3, 4)) for n in ("glorot_uniform", "normal", "orthogonal")]

    for a, b in zip(made(), made(), strict=True):
        np.testing.assert_array_equal(a, b)
    I.set_random_seed(43)
    assert not np.array_equal(I.get("glorot_uniform")((3, 4)), made()[0])


def test_given_seeds_do_not_use_up_drawn_ones():
    I.set_random_seed(1)
    first = I.draw_seed()
    I.set_random_seed(1)
    I.GlorotUniform(seed=5)((2, 2))
    assert I.draw_seed() == first


FRESH = """
from seqir import initializers as I
if {seed} is not None:
    I.set_random_seed({seed})
for name in ("glorot_uniform", "he_normal", "orthogonal"):
    print(I.get(name)((3, 4)).tobytes().hex())
print(I.GlorotNormal(seed=3)((2, 2)).tobytes().hex())
"""


def _fresh(seed):
    command = [sys.executable, "-c", FRESH.format(seed=seed)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def test_fresh_processes():
    a, b, other = _fresh(7), _fresh(7), _fresh(None)
    assert a == b
    assert not set(a[:3]) & set(other[:3])
    assert a[3] == other[3]


def test_stored_numbers():
    """The numbers of a seed are part of what users rely on."""
    x = I.RandomUniform(0.0, 1.0, seed=1)((3,), "float64")
    raw = np.random.Generator(np.random.Philox(key=1)).random(3)
    np.testing.assert_array_equal(x, raw)
