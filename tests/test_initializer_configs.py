"""Initializers in configurations, by name, and what they refuse."""

import json
import math

import numpy as np
import pytest
from test_initializers import ALL, PRESETS, RANDOM

from seqir import initializers as I
from seqir.errors import ArgumentError, ShapeError


@pytest.fixture(scope="module")
def keras_initializers():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "numpy":
        pytest.skip("another module of this process chose another Keras backend")
    return keras.initializers


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
        assert back.get_config() == config  # pyright: ignore[reportFunctionMemberAccess, reportOptionalMemberAccess]
    keras_back = keras_initializers.deserialize(stored)
    assert keras_initializers.serialize(keras_back) == stored
    if "seed" in arguments:
        np.testing.assert_array_equal(I.get(stored)((3, 4)), ours((3, 4)))  # pyright: ignore[reportOptionalCall]


def test_identity_keeps_its_gain_in_a_config(keras_initializers):
    """Keras 3.15 forgets it, but reads it."""
    assert keras_initializers.Identity(2.0).get_config() == {}
    stored = json.loads(json.dumps(I.serialize(I.Identity(2.0))))
    assert stored["config"] == {"gain": 2.0}
    assert I.get(stored) == I.Identity(2.0) == I.Identity(2.0).clone()
    assert keras_initializers.deserialize(stored).gain == 2.0
    assert I.get(keras_initializers.serialize(keras_initializers.Identity())).gain == 1  # pyright: ignore[reportFunctionMemberAccess, reportOptionalMemberAccess]


def test_signatures_equal_keras(keras_initializers):
    import inspect

    for name in ALL:
        ours, theirs = (
            [
                (p.name, p.default)
                for p in inspect.signature(getattr(package, name)).parameters.values()
            ]
            for package in (I, keras_initializers)
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
    assert made == Diagonal.from_config({"k": 2}) == made.clone()  # pyright: ignore[reportFunctionMemberAccess]
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
        I.get(name)(shape)  # pyright: ignore[reportOptionalCall]


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
        ("VarianceScaling", {"scale": 0}, "scale must be a finite number > 0, got 0"),
        ("VarianceScaling", {"scale": -1.0}, "scale must be a finite number > 0"),
        ("VarianceScaling", {"scale": "a"}, "scale must be a finite number > 0"),
        ("VarianceScaling", {"scale": True}, "scale must be a finite number > 0"),
        (
            "VarianceScaling",
            {"scale": math.inf},
            "finite number > 0, got inf",
        ),
        ("VarianceScaling", {"mode": "fan_on"}, "mode must be .* Did you mean 'fan_"),
        ("VarianceScaling", {"mode": None}, "mode must be 'fan_in', .* got None"),
        ("VarianceScaling", {"distribution": "gauss"}, "must be 'uniform', "),
        ("VarianceScaling", {"distribution": None}, "distribution must be 'uniform', "),
        ("HeNormal", {"input_axes": [0]}, "give both or neither"),
        ("HeNormal", {"output_axes": [0]}, "give both or neither"),
        ("HeNormal", {"input_axes": 1, "output_axes": [0]}, "input_axes must be a li"),
        ("HeNormal", {"input_axes": [0], "output_axes": ["a"]}, "output_axes must be"),
        ("RandomNormal", {"stddev": -1}, "stddev must be a finite number >= 0, got -1"),
        ("RandomNormal", {"mean": None}, "mean must be a finite number, got None"),
        ("TruncatedNormal", {"stddev": -0.1}, "stddev must be a finite number >= 0"),
        ("RandomUniform", {"minval": 1}, "minval=1 is above maxval=0.05"),
        ("RandomUniform", {"maxval": math.nan}, "must be a finite number, got nan"),
        ("Identity", {"gain": "big"}, "gain must be a finite number"),
        ("Orthogonal", {"gain": [1]}, "gain must be a finite number"),
        ("Constant", {"value": "a"}, "value must be a number or an array of numbers"),
        ("Constant", {"value": None}, "value must be a number or an array of numbers"),
        ("Constant", {"value": [[1], [2, 3]]}, "value must be a number or an array"),
        ("Constant", {"value": {"class_name": "__tensor__"}}, "value must be a number"),
        ("Constant", {"value": 1j}, "value must be a number or an array of numbers"),
        ("Constant", {"value": 2**70}, "value must be a number or an array of numb"),
        ("STFT", {"side": "both"}, "side must be 'real' or 'imag', got 'both'"),
        ("STFT", {"window": "han"}, "window must be 'boxcar', .* Did you mean 'hann'"),
        ("STFT", {"window": ("kaiser", 4.0)}, "window must be a name, a list of num"),
        ("STFT", {"window": [[1, 2], [3]]}, "window must be a name, a list of num"),
        ("STFT", {"window": 3}, "window must be a name, a list of numbers or None"),
        ("STFT", {"scaling": "dense"}, "scaling must be 'density', 'spectrum' or None"),
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

    with pytest.raises(ArgumentError, match="window must be 'boxcar', "):
        window_values("kaiser", 3)


def test_base_classes_are_abstract():
    with pytest.raises(NotImplementedError, match="Initializer has no __call__"):
        I.Initializer()((2,))
    with pytest.raises(NotImplementedError, match="RandomInitializer has no _sample"):
        I.RandomInitializer()((2,))
    assert I.Initializer().get_config() == {}
