"""Initializers: against Keras, against the distributions they promise, and raises."""

import os

os.environ.setdefault("KERAS_BACKEND", "numpy")

import json
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
from seqir.errors import ArgumentError, DTypeError, ShapeError

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
    assert a.seed != b.seed
    assert not np.array_equal(a((4, 5)), b((4, 5)))
    same = type(a)(seed=9)((4, 5)), type(a)(seed=9)((4, 5))
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


# --- configs ---

CONFIGS = [
    *((name, {"seed": 3}) for name in PRESETS),
    *((name, {"input_axes": [0], "output_axes": [1]}) for name in PRESETS),
    ("Orthogonal", {"gain": 2.0, "seed": 1}),
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0}),
    ("RandomUniform", {"minval": -1, "maxval": 1, "seed": 0}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 2.0, "seed": 4}),
    ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "Normal"}),
    ("Constant", {}),
    ("Constant", {"value": 3}),
    ("Constant", {"value": [1, 2.5]}),
    ("Constant", {"value": np.array([[1.0, 2.0]])}),
    ("Constant", {"value": np.array([1, 2], "int32")}),
    ("Ones", {}),
    ("Zeros", {}),
    ("STFT", {}),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": None, "periodic": True}),
    ("STFT", {"window": None, "scaling": "spectrum"}),
]


@pytest.mark.parametrize(("name", "arguments"), CONFIGS)
def test_config_equals_keras_and_round_trips(keras_initializers, name, arguments):
    ours = getattr(I, name)(**arguments)
    theirs = getattr(keras_initializers, name)(**arguments)
    config = ours.get_config()
    assert config == theirs.get_config()
    assert list(config) == list(theirs.get_config())
    assert I.serialize(ours) == keras_initializers.serialize(theirs)
    stored = json.loads(json.dumps(I.serialize(ours)))
    for back in (
        I.get(stored),
        I.get(keras_initializers.serialize(theirs)),
        I.get({"class_name": name, "config": config}),
        type(ours).from_config(config),
        ours.clone(),
    ):
        assert type(back) is type(ours)
        assert back == ours
        assert hash(back) == hash(ours)
        assert back.get_config() == config
    keras_back = keras_initializers.deserialize(stored)
    assert keras_initializers.serialize(keras_back) == stored
    if "seed" in arguments:
        np.testing.assert_array_equal(I.get(stored)((3, 4)), ours((3, 4)))


def test_identity_keeps_its_gain_in_a_config(keras_initializers):
    """Keras 3.15 forgets it, but reads it."""
    assert keras_initializers.Identity(2.0).get_config() == {}
    stored = json.loads(json.dumps(I.serialize(I.Identity(2.0))))
    assert stored["config"] == {"gain": 2.0}
    assert I.get(stored) == I.Identity(2.0) == I.Identity(2.0).clone()
    assert keras_initializers.deserialize(stored).gain == 2.0
    assert I.get(keras_initializers.serialize(keras_initializers.Identity())).gain == 1


def test_signatures_equal_keras(keras_initializers):
    import inspect

    for name in ALL:
        ours, theirs = (
            [
                (p.name, p.default)
                for p in inspect.signature(getattr(room, name)).parameters.values()
            ]
            for room in (I, keras_initializers)
        )
        assert ours == theirs, name


def test_repr():
    assert repr(I.Zeros()) == "Zeros()"
    wanted = "GlorotUniform(seed=3, input_axes=None, output_axes=None)"
    assert repr(I.GlorotUniform(seed=3)) == wanted
    made = I.VarianceScaling(2.0, "fan_out", "uniform", 5)
    assert eval(repr(made), vars(I)) == made


def test_equality():
    assert I.HeNormal(seed=1) == I.HeNormal(seed=1)
    assert I.HeNormal(seed=1) != I.HeNormal(seed=2)
    assert I.HeNormal(seed=1) != I.HeUniform(seed=1)
    assert I.Zeros() != "zeros"
    assert I.RandomNormal() != I.TruncatedNormal()
    assert I.Constant(1) == I.Constant(1.0)
    assert hash(I.Constant(1)) == hash(I.Constant(1.0))
    assert I.Constant(np.ones(2)) == I.Constant(np.ones(2))


# --- get ---


def test_names_are_those_of_keras(keras_initializers):
    from keras.src.initializers import ALL_OBJECTS_DICT

    abstract = {"Initializer", "initializer"}
    for name, cls in ALL_OBJECTS_DICT.items():
        if name not in abstract:
            assert type(I.get(name)).__name__ == cls.__name__, name


def test_get():
    assert I.get(None) is None
    made = I.Zeros()
    assert I.get(made) is made
    assert isinstance(I.get(I.HeNormal), I.HeNormal)

    def ones(shape, dtype=None):
        return np.ones(shape, dtype)

    assert I.get(ones) is ones
    assert I.get("uniform") == I.RandomUniform(-0.05, 0.05)
    assert I.get({"class_name": "zeros"}) == I.Zeros()


def test_own_initializer():
    class Diagonal(I.Initializer):
        def __init__(self, k=1):
            self.k = k

        def __call__(self, shape, dtype=None):
            return np.eye(*shape, k=self.k, dtype=dtype)

        def get_config(self):
            return {"k": self.k}

    made = I.get(Diagonal(2))
    assert made == Diagonal.from_config({"k": 2}) == made.clone()
    assert repr(made) == "Diagonal(k=2)"
    stored = I.serialize(made)
    assert stored is not None
    assert stored["class_name"] == "Diagonal"
    with pytest.raises(ArgumentError, match="Diagonal is not one of seqir's init"):
        I.get(stored)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("glorot_unifrom", "not an initializer. Did you mean 'glorot_uniform'"),
        ("HeNorml", "Did you mean 'HeNormal'"),
        ("", "'' is not an initializer"),
        (3, "3 is not an initializer"),
        (int, "<class 'int'> is not an initializer"),
        ([1, 2], r"pass Constant\(array\)"),
        ({}, "what is stored for initializers is"),
        ({"class_name": 3}, "what is stored for initializers is"),
        ({"class_name": "Zeros", "config": 3}, "what is stored for initializers is"),
        ({"class_name": "Zero", "config": {}}, "Did you mean 'Zeros'"),
        ({"class_name": "Ones", "module": "os"}, "os.Ones is not one of seqir's"),
        (
            {"class_name": "HeNormal", "config": {"sed": 1}},
            "does not fit HeNormal: .*'sed'",
        ),
    ],
)
def test_get_refuses(identifier, text):
    with pytest.raises(ArgumentError, match=text):
        I.get(identifier)


def test_serialize_refuses_functions():
    assert I.serialize(None) is None
    with pytest.raises(ArgumentError, match="has no config, so it cannot be stored"):
        I.serialize(np.ones)


# --- raises ---


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((-1, 2), "are not negative, got"),
        ((2.0, 3), "are integers, got shape"),
        ((None, 3), "are integers, got shape"),
        (("batch", 3), "are integers, got shape"),
        ((True, 3), "are integers, got shape"),
        ((np.True_, 3), "are integers, got shape"),
        (5, r"a shape is a tuple such as \(3, 4\), got 5"),
        (None, "a shape is a tuple"),
        ("ab", "a shape is a tuple"),
    ],
)
def test_bad_shapes(name, shape, text):
    with pytest.raises(ShapeError, match=text):
        I.get(name)(shape)


def test_numpy_sizes():
    assert I.get("glorot_uniform")(np.array([2, 3])).shape == (2, 3)


@pytest.mark.parametrize(
    ("made", "shape", "text"),
    [
        (I.Identity(), (3,), r"Identity makes matrices, got shape \(3,\)"),
        (I.Identity(), (3, 3, 3), "Identity makes matrices"),
        (I.Orthogonal(), (3,), r"needs two or more sizes, got shape \(3,\)"),
        (I.Orthogonal(), (), "needs two or more sizes"),
        (I.STFT(), (8, 5), r"kernels \(time, 1, bins >= 2\), got \(8, 5\)"),
        (I.STFT(), (8, 2, 5), "STFT makes kernels"),
        (I.STFT(), (8, 1, 1), "STFT makes kernels"),
        (I.STFT(window=[1, 2]), (3, 1, 3), r"shape \(2,\) does not fit 3 time steps"),
        (I.Constant([1, 2]), (3,), r"shape \(2,\) cannot fill shape \(3,\)"),
        (I.Constant([[1, 2]]), (2,), r"shape \(1, 2\) cannot fill"),
        (I.GlorotUniform(0, [5], [1]), (2, 3, 4), r"input_axes=\[5\] and output_axes"),
        (I.GlorotUniform(0, [1], [-3]), (2, 3), r"do not fit shape \(2, 3\) of rank 2"),
    ],
)
def test_shapes_that_do_not_fit(made, shape, text):
    with pytest.raises(ShapeError, match=text):
        made(shape)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("VarianceScaling", {"scale": 0}, "scale must be positive, got 0"),
        ("VarianceScaling", {"scale": -1.0}, "scale must be positive, got -1.0"),
        ("VarianceScaling", {"scale": "a"}, "scale must be a number, got 'a'"),
        ("VarianceScaling", {"scale": True}, "scale must be a number"),
        ("VarianceScaling", {"scale": math.inf}, "scale must be finite, got inf"),
        ("VarianceScaling", {"mode": "fan_on"}, "mode must be .* Did you mean 'fan_"),
        ("VarianceScaling", {"mode": None}, "mode must be one of .* got None"),
        ("VarianceScaling", {"distribution": "gauss"}, "distribution must be one of"),
        ("VarianceScaling", {"distribution": None}, "distribution must be one of"),
        ("HeNormal", {"input_axes": [0]}, "give both or neither"),
        ("HeNormal", {"output_axes": [0]}, "give both or neither"),
        ("HeNormal", {"input_axes": 1, "output_axes": [0]}, "input_axes must be a li"),
        ("HeNormal", {"input_axes": [0], "output_axes": ["a"]}, "output_axes must be"),
        ("RandomNormal", {"stddev": -1}, "stddev must not be negative, got -1"),
        ("RandomNormal", {"mean": None}, "mean must be a number, got None"),
        ("TruncatedNormal", {"stddev": -0.1}, "stddev must not be negative"),
        ("RandomUniform", {"minval": 1}, "minval=1 is above maxval=0.05"),
        ("RandomUniform", {"maxval": math.nan}, "maxval must be finite, got nan"),
        ("Identity", {"gain": "big"}, "gain must be a number"),
        ("Orthogonal", {"gain": [1]}, "gain must be a number"),
        ("Constant", {"value": "a"}, "value must be a number or an array of numbers"),
        ("Constant", {"value": None}, "value must be a number or an array of numbers"),
        ("Constant", {"value": [[1], [2, 3]]}, "value must be a number or an array"),
        ("Constant", {"value": {"class_name": "__tensor__"}}, "value must be a number"),
        ("Constant", {"value": 1j}, "value must be a number or an array of numbers"),
        ("Constant", {"value": 2**70}, "value must be a number or an array of numb"),
        ("STFT", {"side": "both"}, "side must be one of real, imag, got 'both'"),
        ("STFT", {"window": "han"}, "window must be one of .* Did you mean 'hann'"),
        ("STFT", {"window": ("kaiser", 4.0)}, "window must be a name, a list of num"),
        ("STFT", {"window": [[1, 2], [3]]}, "window must be a name, a list of num"),
        ("STFT", {"window": 3}, "window must be a name, a list of numbers or None"),
        ("STFT", {"scaling": "dense"}, "scaling must be one of density, spectrum"),
    ],
)
def test_bad_arguments(name, arguments, text):
    with pytest.raises(ArgumentError, match=text):
        getattr(I, name)(**arguments)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize(
    ("seed", "text"),
    [
        ("x", "seed must be an integer, got 'x'"),
        (1.0, "seed must be an integer, got 1.0"),
        (True, "seed must be an integer, got True"),
        (-1, r"seed must be from 0 to 2\*\*64 - 1, got -1"),
        (2**64, r"seed must be from 0 to 2\*\*64 - 1, got 18446744073709551616"),
    ],
)
def test_bad_seeds(name, seed, text):
    with pytest.raises(ArgumentError, match=text):
        getattr(I, name)(seed=seed)
    with pytest.raises(ArgumentError, match=text):
        I.set_random_seed(seed)


def test_set_random_seed_needs_a_number():
    with pytest.raises(ArgumentError, match="seed must be an integer, got None"):
        I.set_random_seed(None)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(300, "uint8"), (-1, "uint8"), (1e9, "float16"), (1e39, "float32"),
     (math.nan, "int32"), (math.inf, "int64"), (2**40, "int32")],
)  # fmt: skip
def test_constants_that_do_not_fit_the_type(value, dtype):
    with pytest.raises(ArgumentError, match=f"{dtype} cannot hold the value"):
        I.Constant(value)((2,), dtype)


def test_constants_that_are_not_finite():
    x = I.Constant([math.nan, math.inf, -math.inf])((3,), "float16")
    np.testing.assert_array_equal(x, [math.nan, math.inf, -math.inf])


@pytest.mark.parametrize("scaling", ["density", "spectrum"])
def test_window_of_zeros_has_no_norm(scaling):
    with pytest.raises(ArgumentError, match="is zero everywhere, so scaling"):
        I.STFT(scaling=scaling, window=[0.0, 0.0])((2, 1, 3))


def test_unknown_window_values():
    from seqir.initializers.stft import window_values

    with pytest.raises(ArgumentError, match="window must be one of"):
        window_values("kaiser", 3)


def test_base_classes_are_abstract():
    with pytest.raises(NotImplementedError, match="Initializer has no __call__"):
        I.Initializer()((2,))
    with pytest.raises(NotImplementedError, match="RandomInitializer has no _sample"):
        I.RandomInitializer()((2,))
    assert I.Initializer().get_config() == {}
