"""Loops and branches of users: ops.scan and its family, in every place they run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import autodiff, ir, layers, ops, passes
from seqir.errors import ArgumentError, GraphError, ShapeError, UnsupportedError
from seqir.ir import Trace, evaluate
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType, type_of

pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(11)
X = RNG.normal(size=(5, 2, 3)).astype("float32")
H = RNG.normal(size=(2, 3)).astype("float32")


def model_of(f: Any, *arrays: Any, named: bool = True) -> Any:
    """A function of tensors as a model, with sizes that the run knows."""
    names = "pqrst"
    inputs = [
        keras.Input(
            batch_shape=[None if named else d for d in a.shape],
            dtype=a.dtype.name,
            name=f"input_{names[i]}",
        )
        for i, a in enumerate(arrays)
    ]
    return keras.Model(inputs, f(*inputs))


def traced(f: Any, *arrays: Any) -> list[Any]:
    """The results of a traced function, from the NumPy reference, after all passes."""
    b = Trace("f")
    with b.active():
        xs = [Traced(b, b.input(f"x{i}", type_of(a))) for i, a in enumerate(arrays)]
        found = keras.tree.flatten(f(*xs))
    outputs = {f"y{i}": y.value for i, y in enumerate(found) if y is not None}
    graph = passes.run(b.finish(outputs), passes.training("cpu"), check=True)
    feeds = {f"x{i}": a for i, a in enumerate(arrays) if f"x{i}" in graph.inputs}
    results = evaluate(graph, feeds)
    return [results[name] for name in outputs]


def running(h: Any, x: Any) -> tuple[Any, Any]:
    new = ops.tanh(h + x * 0.5)
    return new, {"square": new * new, "sum": ops.sum(x)}


def by_hand(h: Any, xs: Any, *, reverse: bool = False) -> tuple[Any, Any, Any]:
    squares, sums = [], []
    for x in xs[::-1] if reverse else xs:
        h = np.tanh(h + x * 0.5)
        squares.append(h * h)
        sums.append(x.sum())
    order = -1 if reverse else 1
    return h, np.stack(squares)[::order], np.stack(sums)[::order]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, True])
def test_scan_is_the_loop_written_by_hand(reverse: bool, unroll: Any) -> None:
    wanted = by_hand(H, X, reverse=reverse)

    def f(h: Any, xs: Any) -> Any:
        return ops.scan(running, h, xs, reverse=reverse, unroll=unroll)

    last, ys = f(H, X)
    found = [last, ys["square"], ys["sum"]]
    for a, b, c in zip(wanted, found, traced(f, H, X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-6)
    model = model_of(f, H, X)
    last, ys = model([H, X])
    for a, b in zip(wanted, (last, ys["square"], ys["sum"]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_scan_without_xs_counts_and_may_give_nothing() -> None:
    def f(h: Any) -> Any:
        return ops.scan(lambda c, x: (c * 2.0, None), h, length=4)

    last, nothing = f(H)
    assert nothing is None
    np.testing.assert_allclose(last, H * 16)
    np.testing.assert_allclose(traced(f, H)[0], H * 16)


def test_scan_over_no_steps_gives_what_it_was_given() -> None:
    nothing = X[:0]
    last, ys = ops.scan(running, H, nothing)
    np.testing.assert_array_equal(last, H)
    assert ys["square"].shape == (0, 2, 3)
    model = model_of(lambda h, x: ops.scan(running, h, x), H, X)
    with pytest.raises(ShapeError, match="give at least one step"):
        model([H, nothing])
    last, ys = model_of(lambda h, x: ops.scan(running, h, x[:0]), H, X)([H, X])
    np.testing.assert_array_equal(last, H)
    assert ys["square"].shape == (0, 2, 3)
    assert ys["sum"].shape == (0,)


def test_map_and_vectorized_map() -> None:
    def f(x: Any) -> Any:
        return ops.matmul(x, ops.transpose(x))

    wanted = X @ X.transpose(0, 2, 1)
    for map_ in (ops.map, ops.vectorized_map):
        np.testing.assert_allclose(map_(f, X), wanted, rtol=1e-5)
        (found,) = traced(lambda x, m=map_: m(f, x), X)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    (found,) = traced(lambda x: ops.map(lambda p: p["a"] - p["b"], {"a": x, "b": x}), X)
    np.testing.assert_array_equal(found, X * 0)


def test_vectorize_calls_a_function_of_numbers() -> None:
    def f(a: Any, b: Any, scale: Any = 1.0) -> Any:
        assert a.shape == b.shape == ()
        return ops.where(a > b, a - b, a + b) * scale

    def g(x: Any, y: Any) -> Any:
        return ops.vectorize(f)(x, y, 2.0), ops.vectorize(f, excluded={2})(x, y, 3.0)

    row = X[0, :1] + 0.5
    wanted = np.where(row < X, X - row, X + row)
    found = [*g(X, row), *traced(g, X, row), *model_of(g, X, row)([X, row])]
    for y, scale in zip(found, [2.0, 3.0] * 3, strict=True):
        np.testing.assert_allclose(y, wanted * scale, rtol=1e-5)
    named = ops.numpy.vectorize(f)([1, 2, 3, 4], 2, scale=10)
    np.testing.assert_array_equal(named, [30, 40, 10, 20])
    both = ops.vectorize(lambda a: {"twice": a + a, "whole": ops.cast(a, "int32")})(X)
    np.testing.assert_array_equal(both["twice"], X * 2)
    assert both["whole"].shape == X.shape
    assert ops.vectorize(lambda a: a, excluded=[0])("as it is") == "as it is"


def doubling(limit: float) -> Any:
    def f(x: Any) -> Any:
        return ops.while_loop(
            lambda n, z: ops.sum(z * z) < limit, lambda n, z: (n + 1, z * 2.0), (0, x)
        )

    return f


def test_while_loop_runs_until_the_condition_fails() -> None:
    f = doubling(100.0)
    n, z = f(H)
    (count, doubled) = traced(f, H)
    assert count == n > 0
    np.testing.assert_array_equal(doubled, z)
    assert (doubled**2).sum() >= 100 > ((doubled / 2) ** 2).sum()
    count, doubled = model_of(f, H)([H])
    assert count == n
    count, _ = model_of(doubling(-1.0), H)([H])
    assert count == 0


def test_while_loop_with_one_variable_and_a_limit() -> None:
    def f(x: Any) -> Any:
        return ops.while_loop(
            lambda z: ops.max(z) < 1e9,
            lambda z: z + 1.0,
            x,
            maximum_iterations=np.int64(3),
        )

    np.testing.assert_allclose(f(H), H + 3, rtol=1e-6)
    np.testing.assert_allclose(traced(f, H)[0], H + 3, rtol=1e-6)


def test_fori_loop_from_and_to_numbers_that_the_run_knows() -> None:
    def f(x: Any, first: Any, last: Any) -> Any:
        return ops.fori_loop(first, last, lambda i, v: v + ops.cast(i, "float32"), x)

    for first, last in ((2, 6), (3, 3), (5, 1)):
        wanted = H + sum(range(first, last))
        np.testing.assert_allclose(f(H, first, last), wanted, rtol=1e-6)
        ends = np.int32(first), np.int32(last)
        np.testing.assert_allclose(traced(f, H, *ends)[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("positive", [True, False])
def test_cond_runs_one_branch_only(positive: bool) -> None:
    x = np.abs(X) if positive else -np.abs(X)

    def f(x: Any) -> Any:
        return ops.cond(
            ops.sum(x) > 0.0,
            lambda: {"a": x * 2.0, "b": [ops.sum(x)]},
            lambda: {"a": -x, "b": [ops.max(x)]},
        )

    wanted = {"a": x * 2, "b": [x.sum()]} if positive else {"a": -x, "b": [x.max()]}

    class Choosing(layers.Layer):
        def call(self, x: Any) -> Any:
            return f(x)

    for found in (f(x), model_of(Choosing(), x)([x])):
        np.testing.assert_allclose(found["a"], wanted["a"])
        np.testing.assert_allclose(found["b"][0], wanted["b"][0], rtol=1e-5)
    np.testing.assert_allclose(traced(f, x)[0], wanted["a"])


def test_cond_of_a_number_and_of_a_known_truth() -> None:
    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (2,))))
        y = ops.cond(np.bool_(True), lambda: x, lambda: x * 2.0)
        assert y.value is x.value  # nothing to decide when the model runs
    (found,) = traced(lambda n: ops.cond(n, lambda: n + 1, lambda: n), np.int32(7))
    assert found == 8


@pytest.mark.parametrize("index", [-3, 0, 1, 2, 3, 9])
def test_switch_takes_the_nearest_branch(index: int) -> None:
    branches = [lambda x, k=k: x * k + k for k in (1.0, 2.0, 3.0, 4.0)]
    wanted = branches[min(max(index, 0), 3)](H)

    def f(i: Any, x: Any) -> Any:
        return ops.switch(i, branches, x)

    np.testing.assert_allclose(f(index, H), wanted)
    np.testing.assert_allclose(traced(f, np.int32(index), H)[0], wanted)
    graph = model_of(f, np.int32(index).reshape(()), H).graph()
    assert sum(node.op.name == "cond" for node in graph.nodes) == 1


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_associative_scan(reverse: bool, axis: int) -> None:
    def f(a: Any, b: Any) -> Any:  # affine maps, one after the other
        return a[0] * b[0], a[1] * b[0] + b[1]

    def g(x: Any) -> Any:
        return ops.associative_scan(f, (x, x + 1.0), reverse, axis)

    first = np.moveaxis(X, axis, 0)
    first = first[::-1] if reverse else first
    pairs = [(first[0], first[0] + 1)]
    for x in first[1:]:
        pairs.append(f(pairs[-1], (x, x + 1)))
    wanted = [np.stack(ys)[:: -1 if reverse else 1] for ys in zip(*pairs, strict=True)]
    wanted = [np.moveaxis(y, 0, axis) for y in wanted]
    for found in (g(X), traced(g, X), model_of(g, X)([X])):
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_custom_gradient_replaces_the_gradient() -> None:
    @ops.custom_gradient
    def clipped(x: Any, y: Any) -> Any:
        product = x * y

        def gradient(upstream: Any) -> Any:
            return ops.clip(upstream * y, -1.0, 1.0), product * 0.0 + 7.0

        return product, gradient

    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", ("n",))))
        y = Traced(b, b.input("y", TensorType("float32", ("n",))))
        dx, dy = autodiff.gradient(ops.sum(clipped(x, y)), [x, y])
    assert dx is not None
    assert dy is not None
    graph = b.finish({"dx": dx.value, "dy": dy.value})
    graph = passes.run(graph, passes.STRUCTURE, check=True)
    assert all(node.op.name != "custom_gradient" for node in graph.nodes)
    feeds = {"x": np.float32([1, 2]), "y": np.float32([0.5, 30])}
    found = evaluate(graph, feeds)
    np.testing.assert_allclose(found["dx"], [0.5, 1])
    np.testing.assert_allclose(found["dy"], [7, 7])
    np.testing.assert_allclose(clipped(feeds["x"], feeds["y"]), [0.5, 60])


# What a body does besides computing its results.


class Counting(layers.Layer):
    """Counts the steps of all its loops, and gives the sum along time."""

    def build(self, input_shape: Any) -> None:
        self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def call(self, x: Any) -> Any:
        def step(total: Any, each: Any) -> tuple[Any, None]:
            self.steps.assign(self.steps + 1.0)
            return total + each, None

        total, _ = ops.scan(step, ops.zeros_like(x[:, 0]), ops.moveaxis(x, 1, 0))
        return total + 0.0 * self.steps


def test_an_assignment_in_a_body_is_carried() -> None:
    model = keras.Sequential([keras.Input((None, 3)), Counting(name="counting")])
    layer = model.get_layer("counting")
    total = model(X)
    np.testing.assert_allclose(total, X.sum(1), rtol=1e-5)
    assert float(layer.steps.numpy()) == 2
    model(np.concatenate([X, X], 1))
    assert float(layer.steps.numpy()) == 6


def test_assignments_in_branches_and_in_loops_inside_of_loops() -> None:
    count = Variable(np.float32(0), name="count")

    def f(x: Any) -> Any:
        def add(amount: float) -> list[Any]:
            count.assign(count + amount)
            return [count.value]

        def step(carry: Any, each: Any) -> Any:
            (seen,) = ops.cond(
                ops.sum(each) > 0.0, lambda: add(1.0), lambda: [count.value]
            )
            ops.scan(lambda c, r: (c, add(10.0)[0]), 0.0, each)
            return carry + seen, None

        return ops.scan(step, 0.0, x)[0]

    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (4, 2))))
        y = f(x)
    graph = ir.verify(b.finish({"y": y.value}))
    given = np.float32([[1, 1], [-1, -1], [2, 2], [0, 1]])
    found = evaluate(graph, {"x": given}, {"count": np.float32(100)})
    assert found["count"] == 100 + 3 + 10 * 8
    assert found["y"] == 101 + 121 + 142 + 163


class Penalized(layers.Layer):
    """Adds the mean of squares of every step to the loss."""

    def call(self, x: Any) -> Any:
        def step(total: Any, each: Any) -> tuple[Any, None]:
            self.add_loss(ops.mean(each * each))
            return total + each, None

        return ops.scan(step, ops.zeros_like(x[:, 0]), ops.moveaxis(x, 1, 0))[0]


def test_losses_of_a_body_are_added_up() -> None:
    layer = Penalized()
    layer(X)
    wanted = sum((x * x).mean() for x in X.transpose(1, 0, 2))
    np.testing.assert_allclose(float(sum(layer.losses)), wanted, rtol=1e-5)


def test_random_numbers_differ_from_step_to_step() -> None:
    seed = keras.random.SeedGenerator(3)

    def f(x: Any) -> Any:
        def inner(c: Any, each: Any) -> Any:
            return c, keras.random.uniform((2,), seed=seed)

        def step(c: Any, each: Any) -> Any:
            return c, ops.scan(inner, 0.0, each)[1]

        return ops.scan(step, 0.0, x)[1]

    model = model_of(f, X[:, :, 0])
    found = model(X[:, :, 0])
    assert found.shape == (5, 2, 2)
    assert len(np.unique(found)) == found.size
    assert not np.array_equal(found, model(X[:, :, 0]))  # nor do runs repeat


# What cannot be.


def test_a_while_loop_without_a_limit_has_no_gradient() -> None:
    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (2, 3))))
        y = doubling(9.0)(x)[1]
        with pytest.raises(UnsupportedError, match="pass maximum_iterations"):
            autodiff.gradient(ops.sum(y), [x])


def test_a_while_loop_with_a_limit_has_one() -> None:
    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (2, 3))))
        y = ops.while_loop(
            lambda z: ops.sum(z * z) < 100.0, lambda z: z * 2.0, x, maximum_iterations=9
        )
        (dx,) = autodiff.gradient(ops.sum(y), [x])
    assert dx is not None
    found = evaluate(b.finish({"dx": dx.value, "y": y.value}), {"x": H})
    np.testing.assert_allclose(found["dx"], found["y"] / H, rtol=1e-5)


def test_what_leaves_a_body_unreturned_is_refused() -> None:
    kept: list[Any] = []

    def step(c: Any, x: Any) -> Any:
        kept.append(x * 2.0)
        return c + x, None

    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (4, 2))))
        ops.scan(step, np.zeros(2, "float32"), x)
        with pytest.raises(GraphError, match="return it from the function"):
            kept[0] + x  # pyright: ignore[reportUnusedExpression]


@pytest.mark.parametrize(
    ("f", "error", "match"),
    [
        (lambda x: ops.scan(lambda c, s: c, x, x), ArgumentError, "a pair"),
        (lambda x: ops.scan(lambda c, s: (c, s), 0.0), ArgumentError, "needs xs"),
        (lambda x: ops.scan(lambda c, s: (c, s), 0.0, x, length=9), ArgumentError,
         "different sizes: 4, 9"),
        (lambda x: ops.scan(lambda c, s: (c, s), 0.0, x, unroll=0), ArgumentError,
         "unroll must be a positive"),
        (lambda x: ops.scan(lambda c, s: (c, s), 0.0, 1.0), ArgumentError, "a scalar"),
        (lambda x: ops.scan(lambda c, s: ([c], s), 0.0, x), ArgumentError,
         "hand on the same structure"),
        (lambda x: ops.scan(lambda c, s: (s, s), 0.0, x), ShapeError,
         r"number 0 is f32\[\] before a step and f32\[2\] after"),
        (lambda x: ops.cond(x, lambda: x, lambda: x), ArgumentError, "ops.where"),
        (lambda x: ops.cond(x[0, 0] > 0.0, lambda: x, lambda: [x]), ArgumentError,
         "give the same structure"),
        (lambda x: ops.cond(x[0, 0] > 0.0, lambda: x, lambda: x[0]), ShapeError,
         "branches of cond"),
        (lambda x: ops.vectorize(x), ArgumentError, "vectorize takes a function, got"),
        (lambda x: ops.vectorize(ops.exp, signature="(n)->()"), UnsupportedError,
         r"takes no signature, got '\(n\)->\(\)'; use ops.map"),
        (lambda x: ops.switch(1, []), ArgumentError, "at least one branch"),
        (lambda x: ops.while_loop(lambda z: z[0, 0] > 0.0, lambda z: z, x, "many"),
         ArgumentError, "maximum_iterations must be an integer"),
        (lambda x: ops.custom_gradient(lambda v: v)(x), ArgumentError,
         "the function that is its gradient"),
        (lambda x: ops.custom_gradient(lambda v: (v, lambda g: (g, g)))(x),
         ArgumentError, "2 cotangents for 1 arguments"),
        (lambda x: ops.custom_gradient(lambda v: (v, lambda g: g[0]))(x),
         ArgumentError, "the types must be equal"),
        (lambda x: x if x[0, 0] > 0.0 else -x, Exception, "ops.cond"),
        (lambda x: [each for each in x], TypeError, "ops.map or ops.scan"),
    ],
)  # fmt: skip
def test_mistakes_are_named(f: Any, error: Any, match: str) -> None:
    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (4, 2))))
        with pytest.raises(error, match=match):
            f(x)


def test_errors_of_users_functions_are_their_own() -> None:
    def step(c: Any, x: Any) -> Any:
        return int("one"), x

    with pytest.raises(ValueError, match="invalid literal"):
        ops.scan(step, 0.0, np.zeros((3, 2), "float32"))


def test_tensors_of_a_model_do_not_enter_a_branch_by_the_side() -> None:
    x = keras.Input((3,))
    with pytest.raises(GraphError, match="a function of a loop or a branch"):
        ops.cond(ops.sum(x) > 0.0, lambda: x, lambda: -x)


def test_a_condition_that_assigns_is_refused() -> None:
    count = Variable(np.float32(0), name="count")

    def goes_on(z: Any) -> Any:
        count.assign(count + 1.0)
        return ops.sum(z) < 3.0

    b = Trace()
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (4, 2))))
        with pytest.raises(GraphError, match="do so in its body"):
            ops.while_loop(goes_on, lambda z: z + 1.0, x)
