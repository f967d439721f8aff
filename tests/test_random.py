"""Random numbers: the same bits everywhere, and bits that look like chance."""

import itertools
import os
from typing import Any

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

import seqir
from seqir import initializers, layers, ops, random
from seqir.errors import ArgumentError, DTypeError, GraphError, ShapeError
from seqir.ir import Graph, Trace, evaluate
from seqir.lower import lower, to_proto
from seqir.ops.random import Key, bits
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
ort = pytest.importorskip("onnxruntime")

N = 1 << 18
KEYS = [*itertools.product((0, 1, 12345, 2**62 + 5), (0, 1, 1000), (0, 1))]
pairs = itertools.combinations


def draw(seed: int, step: int, stream: int, shape: tuple[int, ...] = (N,)) -> Any:
    return bits(Key(np.array(seed), np.array(step), stream), shape)


def fractions(*key: int, shape: tuple[int, ...] = (N,)) -> Any:
    return draw(*key, shape=shape) / 2.0**32 + 0.5


def graph_of(shape: tuple[Any, ...], function: Any, dtype: str = "float32") -> Graph:
    b = Trace("draw")
    x = Traced(b, b.input("x", TensorType(dtype, shape)))
    with b.active():
        y = function(x)
    return b.finish({"y": y.value})


def feeds(shape: tuple[int, ...], seed: int = 3, step: int = 5) -> dict[str, Any]:
    return {
        "x": np.zeros(shape, np.float32),
        "random_seed": np.array(seed),
        "random_step": np.array(step),
    }


def everywhere(graph: Graph, fed: dict[str, Any]) -> list[Any]:
    """The output by NumPy, ONNX Runtime with and without optimization, and ONNX."""
    found = [evaluate(graph, fed)["y"]]
    for opset in (17, 18):
        proto = to_proto(lower(graph, opset=opset))
        for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
            options = ort.SessionOptions()
            options.graph_optimization_level = getattr(
                ort.GraphOptimizationLevel, level
            )
            session = ort.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            found += session.run(None, fed)
        found += ReferenceEvaluator(proto).run(None, fed)
    return found


FUNCTIONS = {
    "bits": lambda x: bits(random.key(None), x),
    "uniform": lambda x: random.uniform(x, -1.0, 3.0),
    "half": lambda x: random.uniform(x, dtype="float16"),
    "double": lambda x: random.uniform(x, dtype="float64"),
    "bernoulli": lambda x: random.bernoulli(x, 0.3),
    "dropout": lambda x: random.dropout(x + 1.0, 0.3),
}


@pytest.mark.filterwarnings("ignore:.*overflow")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("seed", [0, -1, 2**62 + 99])
def test_every_evaluator_draws_the_same_numbers(name: str, seed: int) -> None:
    graph = graph_of(("batch", 67, 3), FUNCTIONS[name])
    first, *others = everywhere(graph, feeds((41, 67, 3), seed))
    for other in others:
        np.testing.assert_array_equal(other, first, strict=True)


@pytest.mark.filterwarnings("ignore:.*overflow")
def test_normal_numbers_differ_by_roundings_only() -> None:
    first, *others = everywhere(graph_of((7, "n"), random.normal), feeds((7, 999)))
    for other in others:
        np.testing.assert_allclose(other, first, rtol=2e-5, atol=2e-6)


def test_known_and_unknown_sizes_give_the_same_numbers() -> None:
    shapes = [(6, 4, 3), ("a", 4, 3), (6, "b", 3), ("a", "b", "c")]
    first, *others = (
        evaluate(graph_of(s, FUNCTIONS["bits"]), feeds((6, 4, 3)))["y"] for s in shapes
    )
    for other in others:
        np.testing.assert_array_equal(other, first)
    np.testing.assert_array_equal(draw(3, 5, 0, (6, 4, 3)), first)
    np.testing.assert_array_equal(first.ravel()[:10], draw(3, 5, 0, (10,)))


def test_the_bits_of_a_key_never_change() -> None:
    """Trainings that were resumed by a later version must draw the same numbers."""
    assert draw(0, 0, 0, (2,)).tolist() == [999815491, 308038689]
    assert draw(2**62 + 99, 7, 3, (2,)).tolist() == [1875024274, -2135014855]


def deviation(counts: Any, expected: float) -> float:
    """Chi-square in standard deviations from what it should be."""
    free = len(counts) - 1
    chi = float((((counts - expected) ** 2) / expected).sum())
    return (chi - free) / np.sqrt(2 * free)


@pytest.mark.parametrize("key", KEYS)
def test_numbers_are_uniform_and_independent_of_their_neighbours(key: Any) -> None:
    u = fractions(*key)
    centred = u - 0.5
    assert abs(centred.mean()) * np.sqrt(12 * N) < 5
    assert abs(u.var() - 1 / 12) * np.sqrt(180 * N) < 5
    places = draw(*key).view(np.uint32)
    for shift in range(8, 25, 4):
        counts = np.bincount((places >> shift) & 255, minlength=256)
        assert abs(deviation(counts, N / 256)) < 5
    for lag in (1, 2, 3, 5, 16, 64, 100, 1600, 65536):
        product = (centred[:-lag] * centred[lag:]).mean() * 12
        assert abs(product) * np.sqrt(N - lag) < 5
    cells = (u * 16).astype(int)
    triples = (cells[:-2] * 16 + cells[1:-1]) * 16 + cells[2:]
    counts = np.bincount(triples, minlength=4096)
    assert abs(deviation(counts, (N - 2) / 4096)) < 5


def test_keys_do_not_correlate() -> None:
    keys = itertools.product(range(3), range(5), range(4))
    drawn = np.array([fractions(*key, shape=(1 << 14,)) - 0.5 for key in keys])
    for lag in (0, 1):
        first, second = drawn[:, lag:], drawn[:, : drawn.shape[1] - lag]
        products = first @ second.T * 12 / np.sqrt(first.shape[1])
        products = products[np.triu_indices(len(drawn), 1)]
        assert 0.95 < products.std() < 1.05
        assert abs(products).max() < 5.5


@pytest.mark.parametrize("place", [0, 1, 77, 99_999])
def test_one_element_changes_by_chance_from_step_to_step(place: int) -> None:
    shape = (place + 1,)
    steps = 3000 if place < 1000 else 300
    u = np.array([fractions(7, s, 2, shape=shape)[place] for s in range(steps)]) - 0.5
    assert abs(u.mean()) * np.sqrt(12 * steps) < 4
    assert abs((u[1:] * u[:-1]).mean()) * 12 * np.sqrt(steps) < 4
    counts = np.bincount(((u + 0.5) * 16).astype(int), minlength=16)
    assert abs(deviation(counts, steps / 16)) < 4


@pytest.mark.parametrize("other", [(8, 3, 1), (7, 4, 1), (7, 3, 2), (7 + 2**40, 3, 1)])
def test_one_bit_of_the_key_changes_half_of_the_upper_24_bits(other: Any) -> None:
    changed = (draw(7, 3, 1) ^ draw(*other)).view(np.uint32)
    for place in range(8, 32):
        assert abs(((changed >> place) & 1).mean() - 0.5) < 0.005


def test_counts_of_dropped_elements_are_binomial() -> None:
    counts = np.array(
        [(fractions(5, s, 0, shape=(100,)) < 0.5).sum() for s in range(3000)]
    )
    assert abs(counts.mean() - 50) < 0.5
    assert 0.88 < counts.var() / 25 < 1.12


def test_uniform_numbers_end_below_the_upper_bound() -> None:
    for dtype, places in (("float32", 24), ("float16", 11), ("bfloat16", 8)):
        u = random.uniform((1 << 20,), dtype=dtype, seed=1).astype(np.float64)
        assert np.asarray(u).min() >= 0
        assert np.asarray(u).max() <= 1 - 2.0**-places
    scaled = random.uniform((1000,), -3.0, 5.0, seed=1)
    assert -3 <= np.asarray(scaled).min() < -2.9
    assert 4.9 < np.asarray(scaled).max() < 5
    assert scaled.dtype == np.float32


def test_normal_numbers_are_normal() -> None:
    z = random.normal((N,), seed=4).astype(np.float64)
    assert abs(np.asarray(z).mean()) < 5 / np.sqrt(N)
    assert abs(np.asarray(z).var() - 1) < 5 * np.sqrt(2 / N)
    assert abs(np.asarray(z**3).mean()) < 5 * np.sqrt(15 / N)
    assert abs(np.asarray(z**4).mean() - 3) < 5 * np.sqrt(96 / N)
    below = [np.asarray(z < limit).mean() for limit in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    np.testing.assert_allclose(
        below, [0.02275, 0.15866, 0.5, 0.84134, 0.97725], atol=0.004
    )
    assert np.isfinite(z).all()
    shifted = random.normal((N,), 3.0, 0.5, seed=4)
    np.testing.assert_allclose(shifted, z * 0.5 + 3, rtol=1e-5)


def test_bernoulli_keeps_its_probability() -> None:
    for p in (0.0, 0.1, 0.75, 1.0):
        drawn = random.bernoulli((N,), p, "int32", seed=2)
        assert set(np.unique(drawn)) <= {0, 1}
        assert abs(np.asarray(drawn).mean() - p) <= 5 * np.sqrt(p * (1 - p) / N)


def test_calls_on_arrays_differ_unless_the_seed_is_a_number() -> None:
    first, second = random.uniform((5,)), random.uniform((5,))
    assert not np.array_equal(first, second)
    initializers.set_random_seed(1)
    first = random.uniform((5,))
    initializers.set_random_seed(1)
    np.testing.assert_array_equal(first, random.uniform((5,)))
    np.testing.assert_array_equal(
        random.uniform((5,), seed=9), random.uniform((5,), seed=9)
    )


def test_a_seed_generator_counts_its_steps() -> None:
    one, two = random.SeedGenerator(5), random.SeedGenerator(5)
    drawn = [random.uniform((4,), seed=one) for _ in range(3)]
    for each in drawn:
        np.testing.assert_array_equal(each, random.uniform((4,), seed=two))
    assert not np.array_equal(drawn[0], drawn[1])
    assert [int(v) for v in one.next()] == [5, 3]
    assert one.get_config() == {"seed": 5}
    unseeded = random.SeedGenerator()
    assert unseeded.next()[0] == unseeded.next()[0]
    assert int(random.SeedGenerator(2**64 - 1).next()[0]) == -1


def test_streams_follow_the_order_of_the_trace() -> None:
    def twice(x: Any) -> Any:
        a = random.uniform(x)
        return ops.stack([a, random.uniform(x), random.uniform(x, seed=7)])

    graph = graph_of((4,), twice)
    a, b, constant = evaluate(graph, feeds((4,)))["y"]
    assert not np.array_equal(a, b)
    assert graph.fingerprint() == graph_of((4,), twice).fingerprint()
    np.testing.assert_array_equal(constant, random.uniform((4,), seed=7))


def test_a_generator_of_its_own_seed_does_not_hear_the_run() -> None:
    def seeded(x: Any) -> Any:
        return random.uniform(x, seed=random.SeedGenerator(7))

    one = evaluate(graph_of((4,), seeded), feeds((4,), seed=1, step=5))["y"]
    two = evaluate(graph_of((4,), seeded), feeds((4,), seed=2, step=5))["y"]
    late = evaluate(graph_of((4,), seeded), feeds((4,), seed=1, step=6))["y"]
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, late)


class Sampling(layers.Layer):
    """z = mean + n, n normal, the shape taken from the input's sizes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = random.SeedGenerator(3)

    def call(self, mean: Any) -> Any:
        batch, dim = ops.shape(mean)
        return mean + random.normal((batch, dim), seed=self.seed_generator)


def test_shapes_of_unknown_sizes() -> None:
    sampling = Sampling()
    x = np.full((1000, 4), 5.0, np.float32)
    y = sampling(x)
    assert abs(y.mean() - 5) < 0.1
    assert abs(y.std() - 1) < 0.1
    assert not np.array_equal(y, sampling(x))
    model = seqir.Sequential([seqir.Input((4,)), Sampling()])
    np.testing.assert_array_equal(model(x, training=True), y)
    several = graph_of(
        ("a", 3, "b"), lambda x: random.uniform((*ops.shape(x)[::-1], 2))
    )
    assert several.outputs["y"].type == TensorType("float32", ("b", 3, "a", 2))
    found = evaluate(several, feeds((2, 3, 4)))["y"]
    whole = graph_of((4, 3, 2, 2), random.uniform)
    fed = feeds((4, 3, 2, 2))
    np.testing.assert_array_equal(found, evaluate(whole, fed)["y"])


def test_a_model_that_draws_when_it_runs() -> None:
    model = seqir.Sequential([seqir.Input((4,)), Sampling()])
    x = np.zeros((3, 4), np.float32)
    assert not np.array_equal(model(x), model(x))
    assert model.predict(x).shape == (3, 4)


def test_functions_of_tensors_of_models() -> None:
    x = seqir.Input((4,))
    model = seqir.Model(x, random.dropout(x, 0.5, seed=3))
    y = model(np.ones((8, 4), np.float32))
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(
        y, random.dropout(np.ones((8, 4), np.float32), 0.5, seed=3)
    )


def test_dropout_of_arrays() -> None:
    x = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(random.dropout(x, 0), x)
    np.testing.assert_array_equal(random.dropout(x, 1.0), np.zeros_like(x))
    y = random.dropout(x, 0.5, noise_shape=(None, 1, 4), seed=1)
    kept = (y != 0).all(1)
    np.testing.assert_array_equal(kept, (y != 0).any(1))
    np.testing.assert_allclose(y, x * kept[:, None] * 2, rtol=1e-6)
    assert 0 < kept.sum() < 8


def outside(size: Any) -> Any:
    b = Trace("other")
    with b.active():
        return random.uniform((size,))


def unknown_size() -> Any:
    b = Trace("one")
    return ops.shape(Traced(b, b.input("x", TensorType("float32", ("n",)))))[0]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: random.dropout(np.ones(3), 1.5), ArgumentError,
         "rate must be a number from 0 to 1, got 1.5"),
        (lambda: random.dropout(np.ones(3), "a"), ArgumentError,
         "rate must be a number"),
        (lambda: random.bernoulli((3,), -0.5), ArgumentError,
         "probability must be a number from 0 to 1"),
        (lambda: random.dropout(np.ones((2, 3)), 0.5, (2, 2)), ShapeError,
         r"noise_shape \(2, 2\) does not broadcast to \(2, 3\)"),
        (lambda: random.dropout(np.ones((2, 3)), 0.5, (2,)), ShapeError,
         "does not broadcast"),
        (lambda: random.uniform((3,), seed="a"), ArgumentError,
         "seed must be an integer"),
        (lambda: random.SeedGenerator(-1), ArgumentError, "seed must be from 0"),
        (lambda: random.normal((3,), dtype="int32"), DTypeError,
         "random.normal makes floating-point values, which int32 cannot hold"),
        (lambda: random.normal((None, 3)), ShapeError,
         r"a size that is not known yet is ops.shape\(x\)\[i\], not None"),
        (lambda: outside(unknown_size()), GraphError, "belongs to another graph"),
    ],
)  # fmt: skip
def test_wrong_uses(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def fits(found: Any, distribution: Any) -> None:
    """Assert that numbers fill 20 parts of equal probability equally."""
    parts = distribution.cdf(np.asarray(found, np.float64))
    counts, _ = np.histogram(parts, 20, (0.0, 1.0))
    share = parts.size / 20
    assert ((counts - share) ** 2 / share).sum() < 46  # 0.05% are above


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0, 60.0])
def test_gamma_numbers_are_spread_as_their_distribution(alpha: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = random.gamma((20000,), alpha, seed=5)
    assert found.dtype == np.float32
    fits(found, stats.gamma(alpha))
    np.testing.assert_array_equal(found, random.gamma((20000,), alpha, seed=5))


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 5.0), (30.0, 0.5)])
def test_beta_numbers_are_spread_as_their_distribution(a: float, b: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    fits(random.beta((20000,), a, b, seed=5), stats.beta(a, b))
    rows = random.beta((3, 2), np.float32([a, b]), 1.0, seed=5)
    assert rows.shape == (3, 2)
    assert np.isfinite(random.beta((100,), 1e-6, 1e-6, seed=1)).all()


def test_truncated_normal_numbers_are_spread_as_their_distribution() -> None:
    stats = pytest.importorskip("scipy.stats")
    found = random.truncated_normal((20000,), 1.0, 3.0, seed=5)
    fits(found, stats.truncnorm(-2, 2, 1, 3))
    assert np.asarray(found).min() >= -5
    assert np.asarray(found).max() <= 7


@pytest.mark.parametrize(("n", "p"), [(10, 0.3), (16, 0.9), (17, 0.4), (1000, 0.02)])
def test_binomial_numbers_are_spread_as_their_distribution(n: int, p: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = random.binomial((20000,), n, p, seed=5)
    counts = np.bincount(found.astype(int), minlength=n + 1)
    wanted = stats.binom(n, p).pmf(np.arange(n + 1)) * 20000
    often = wanted > 20
    distance = ((counts - wanted) ** 2 / np.maximum(wanted, 1e-9))[often].sum()
    assert distance < stats.chi2(often.sum()).ppf(0.9995)
    drawn = random.binomial((3,), [0, 5, 9], [0.5, 0.0, 1.0])
    assert np.asarray(drawn).tolist() == [0, 0, 9]


class Drawing(seqir.layers.Layer):
    """Every distribution, for each element of x."""

    def call(self, x: Any) -> Any:
        n = seqir.ops.shape(x)
        return seqir.ops.stack(
            [
                random.gamma(n, 0.5),
                random.beta(n, 0.5, 2.0),
                random.truncated_normal(x),
                random.binomial(n, 40, 0.5),
            ]
        )


def test_distributions_are_drawn_in_models() -> None:
    t = seqir.Input((3,))
    model = seqir.Model(t, Drawing()(t))
    found = [model(np.zeros((4, 3), np.float32)) for _ in range(2)]
    assert found[0].shape == (4, 4, 3)
    assert not (found[0] == found[1]).all((1, 2)).any()
    assert len(np.unique(found[0][0])) == 12


BAD_DISTRIBUTIONS: list[tuple[Any, str]] = [
    (lambda: random.gamma((2,), 0.0), "alpha must be a number > 0, got 0.0"),
    (lambda: random.beta((2,), 1.0, -1), "beta must be a number > 0, got -1"),
    (lambda: random.binomial((2,), -1, 0.5), "counts of random.binomial must be >= 0"),
    (
        lambda: random.binomial((2,), seqir.Input(()), 0.5),
        "counts of random.binomial must be numbers, got a tensor that the graph",
    ),
]


@pytest.mark.parametrize(("call", "match"), BAD_DISTRIBUTIONS)
def test_wrong_parameters_are_named(call: Any, match: str) -> None:
    with pytest.raises(seqir.errors.ArgumentError) as caught:
        call()
    assert match in str(caught.value)
