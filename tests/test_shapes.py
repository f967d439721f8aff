"""Sizes: the arithmetic of unknown sizes is the arithmetic of integers."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from seqir import shapes
from seqir.errors import ShapeError

SIZES = {"a": 7, "b": 12, "batch": 5, "n": 60}
names = st.sampled_from(sorted(SIZES))
numbers = st.integers(-6, 12)
dims = st.one_of(names, numbers)
divisors = st.one_of(names, st.integers(1, 9))


def value(dim: shapes.Dim) -> int:
    return shapes.evaluate(dim, SIZES)


class Expression:
    """A size and the number that it stands for."""

    def __init__(self, dim: shapes.Dim, number: int) -> None:
        self.dim, self.number = dim, number

    def __repr__(self) -> str:
        return f"{self.dim} = {self.number}"


def combine(children: Any) -> Any:
    def add(x: Expression, y: Expression) -> Expression:
        return Expression(shapes.add(x.dim, y.dim), x.number + y.number)

    def mul(x: Expression, y: Expression) -> Expression:
        return Expression(shapes.mul(x.dim, y.dim), x.number * y.number)

    def divide(x: Expression, by: shapes.Dim) -> Expression:
        return Expression(shapes.floordiv(x.dim, by), x.number // value(by))

    def smaller(x: Expression, y: Expression) -> Expression:
        return Expression(shapes.minimum(x.dim, y.dim), min(x.number, y.number))

    return st.one_of(
        st.builds(add, children, children),
        st.builds(mul, children, children),
        st.builds(divide, children, divisors),
        st.builds(smaller, children, children),
    )


leaves = dims.map(lambda d: Expression(d, value(d)))
expressions = st.recursive(leaves, combine, max_leaves=6)


@given(expressions)
def test_expressions_evaluate_to_the_number_they_stand_for(e: Expression) -> None:
    assert value(e.dim) == e.number


@given(expressions)
def test_a_size_is_text_that_python_reads(e: Expression) -> None:
    assert eval(str(e.dim), {}, dict(SIZES)) == e.number
    assert shapes.symbols(e.dim) <= SIZES.keys()
    if isinstance(e.dim, str):
        ast.parse(e.dim, mode="eval")


@given(expressions)
def test_printing_and_parsing_round_trip(e: Expression) -> None:
    assert shapes.add(e.dim) == e.dim
    assert shapes.mul(e.dim, 1) == e.dim
    assert shapes.add(e.dim, 0) == e.dim
    assert shapes.rename(e.dim, {}) == e.dim


@given(expressions, expressions, expressions)
def test_equal_expressions_have_equal_names(
    x: Expression, y: Expression, z: Expression
) -> None:
    a, b, c = x.dim, y.dim, z.dim
    assert shapes.add(a, b) == shapes.add(b, a)
    assert shapes.mul(a, b) == shapes.mul(b, a)
    assert shapes.add(shapes.add(a, b), c) == shapes.add(a, shapes.add(b, c), 0)
    assert shapes.mul(a, shapes.add(b, c)) == shapes.add(
        shapes.mul(a, b), shapes.mul(a, c)
    )
    assert shapes.add(a, shapes.mul(-1, a)) == 0


@given(expressions, expressions, expressions)
def test_the_smaller_and_the_larger_size_have_one_name(
    x: Expression, y: Expression, z: Expression
) -> None:
    a, b, c = x.dim, y.dim, z.dim
    assert shapes.minimum(a, b) == shapes.minimum(b, a)
    assert shapes.minimum(a, a) == a
    assert shapes.minimum(shapes.add(a, c), shapes.add(b, c)) == shapes.add(
        shapes.minimum(a, b), c
    )
    assert value(shapes.maximum(a, b)) == max(x.number, y.number)
    whole = shapes.add(shapes.minimum(a, b), shapes.maximum(a, b))
    assert whole == shapes.add(a, b)


@given(expressions)
def test_what_is_seen_never_to_be_negative_is_not(e: Expression) -> None:
    if shapes.never_negative(e.dim):
        assert e.number >= 0


def test_sizes_of_parts_are_seen_not_to_be_negative() -> None:
    parts = ("n - n//2", "n - n//2 - n//3", "n - min(2, n)", "b*(n//3)", "2*n")
    for size in (*parts, "min(n, n//2 + 1) - n//2", "n - 2*(n//2)"):
        assert shapes.never_negative(size), size
    for size in ("n - 1", "-n", "n - b", "(n - 9)//2"):
        assert not shapes.never_negative(size), size
    assert shapes.minimum("n//2", "n") == "n//2"
    assert shapes.minimum("n - 5", 0) == "min(5, n) - 5"


@given(expressions, expressions)
def test_sizes_that_are_equal_may_be_equal(x: Expression, y: Expression) -> None:
    if x.number == y.number:
        assert shapes.may_equal(x.dim, y.dim)


def test_sizes_that_differ_whatever_their_names_stand_for() -> None:
    assert not shapes.may_equal("4*n", "5*n")
    assert not shapes.may_equal("4*n", "4*n - 4")
    assert shapes.may_equal("4*b*n", "16*b")
    assert shapes.may_equal("2*b", "3*n")


@given(expressions, st.integers(1, 9))
def test_multiples_leave_a_division(e: Expression, by: int) -> None:
    assert shapes.floordiv(shapes.mul(e.dim, by), by) == e.dim
    assert shapes.floordiv(shapes.add(shapes.mul(e.dim, by), by - 1), by) == e.dim
    assert value(shapes.ceildiv(e.dim, by)) == -(-e.number // by)


@given(expressions, names)
def test_a_size_divides_its_multiples(e: Expression, by: str) -> None:
    assert shapes.floordiv(shapes.mul(e.dim, by), by) == e.dim


@given(
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 4),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.integers(1, 3),
)
def test_windows_of_unknown_sizes_are_those_of_known_ones(
    size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int
) -> None:
    named = shapes.window("n", kernel, stride, pads, dilation)
    reach = dilation * (kernel - 1) + 1
    padded = size + sum(pads)
    if padded < reach:
        with pytest.raises(ShapeError, match="does not fit into a size of"):
            shapes.window(size, kernel, stride, pads, dilation)
        return
    places = len(range(0, padded - reach + 1, stride))
    assert shapes.window(size, kernel, stride, pads, dilation) == places
    assert shapes.evaluate(named, {"n": size}) == places


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_same_padding_gives_one_window_per_stride(
    size: int, kernel: int, stride: int, dilation: int
) -> None:
    pads = shapes.same_pads(size, kernel, stride, dilation)
    assert shapes.window(size, kernel, stride, pads, dilation) == -(-size // stride)
    assert 0 <= pads[1] - pads[0] <= 1  # pyright: ignore[reportOptionalSubscript]


@given(expressions, names, st.integers(1, 20))
def test_renaming_is_evaluating_with_another_number(
    e: Expression, name: str, number: int
) -> None:
    wanted = shapes.evaluate(e.dim, SIZES | {name: number})
    assert value(shapes.rename(e.dim, {name: number})) == wanted
    fresh = shapes.rename(e.dim, {name: "fresh"})
    assert shapes.evaluate(fresh, SIZES | {"fresh": number}) == wanted
    assert name not in shapes.symbols(fresh)


@given(mutually_broadcastable_shapes(num_shapes=3, min_side=1, max_side=4))
def test_broadcasting_is_that_of_numpy(found: Any) -> None:
    assert shapes.broadcast(*found.input_shapes) == found.result_shape


@given(mutually_broadcastable_shapes(num_shapes=2, min_side=1, max_side=4))
def test_unknown_sizes_broadcast_like_the_sizes_they_stand_for(found: Any) -> None:
    sizes = {"a": 4}
    known = found.input_shapes
    named = [tuple("a" if d == 4 else d for d in s) for s in known]
    y = shapes.broadcast(*named)
    assert tuple(shapes.evaluate(d, sizes) for d in y) == found.result_shape


def test_broadcasting_of_unknown_sizes() -> None:
    assert shapes.broadcast() == ()
    assert shapes.broadcast(("n",), (1,)) == ("n",)
    assert shapes.broadcast(("n",), (3,)) == (3,)
    assert shapes.broadcast(("n", 1), ("m",)) == ("n", "m")
    assert shapes.broadcast((0,), (1,)) == (0,)
    with pytest.raises(ShapeError, match=r"shapes \(2, None\) and \(3, 4\) do not"):
        shapes.broadcast((2, "n"), (3, 4))


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (shapes.add("height", -3), "height - 3"),
        (shapes.add("a", "a"), "2*a"),
        (shapes.mul("a", "b", 2), "2*a*b"),
        (shapes.mul(-1, "a"), "-a"),
        (shapes.floordiv("a", 2), "a//2"),
        (shapes.floordiv(shapes.add("a", 1), 2), "(a + 1)//2"),
        (shapes.window("height", 3, 2, (0, 0), 1), "(height + 1)//2 - 1"),
        (shapes.mul(shapes.floordiv("a", 2), 4), "4*(a//2)"),
        (shapes.mul(shapes.floordiv("a", 2), "a"), "a*(a//2)"),
        (shapes.floordiv(shapes.floordiv("a", 2), 2), "(a//2)//2"),
        (shapes.floordiv("a", shapes.add("b", 1)), "a//(b + 1)"),
        (shapes.mul("a", 0), 0),
        (shapes.add("a", shapes.mul("a", -1), 4), 4),
        (shapes.mul(), 1),
        (shapes.add(), 0),
        (shapes.volume(("a", 2, 3)), "6*a"),
        (shapes.volume(()), 1),
        (shapes.floordiv("a", 1), "a"),
        (shapes.floordiv("a", "a"), 1),
    ],
)
def test_the_normal_form(dim: shapes.Dim, text: shapes.Dim) -> None:
    assert dim == text


def test_unknown_names_are_reported() -> None:
    with pytest.raises(ShapeError, match="the size 'time' is not known"):
        shapes.evaluate("time + 1", {"batch": 2})


@pytest.mark.parametrize("name", ["", "2a", "a b", "a-b", "a+1", "ä", "a\n"])
def test_names_are_identifiers(name: str) -> None:
    with pytest.raises(ShapeError, match="is named by an identifier such as 'time'"):
        shapes.check_symbol(name)
    assert shapes.check_symbol("time_1") == "time_1"


@given(st.integers(0, 5), st.integers(-7, 7))
def test_axes_count_from_the_front(rank: int, axis: int) -> None:
    if -rank <= axis < rank:
        assert shapes.normalize_axis(axis, rank) == range(rank)[axis]
        return
    with pytest.raises(ShapeError, match=f"axis {axis} is out of range for rank"):
        shapes.normalize_axis(axis, rank)


def test_shapes_print_as_keras_prints_them() -> None:
    assert shapes.format_shape(("batch", 28, 28, 1)) == "(None, 28, 28, 1)"
    assert shapes.format_shape((3,)) == "(3,)"
    assert shapes.format_shape(()) == "()"
    assert shapes.format_shape((None, 3)) == "(None, 3)"


def test_permute_reorders_axes() -> None:
    assert shapes.permute(("n", 2, 3), (2, 0, 1)) == (3, "n", 2)
    assert shapes.permute(np.zeros((2, 3)).shape, (1, 0)) == (3, 2)
