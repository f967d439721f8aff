"""Passes: printed graph in, printed graph out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from graphs import graph_value

from seqir import ops, passes
from seqir.errors import GraphError
from seqir.ir import Graph, Node, Op, Trace, evaluate
from seqir.operators.conv import Conv
from seqir.operators.elementwise import Unary
from seqir.operators.norm import BatchNorm
from seqir.ops.apply import apply
from seqir.ops.bodies import branch
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType


def trace(shape: tuple[Any, ...], body: Callable[[Any], Any]) -> Graph:
    b = Trace("g")
    x = Traced(b, b.input("x", TensorType("float32", shape)))
    with b.active():
        y = body(x)
    outputs = y if isinstance(y, tuple) else (y,)
    return b.finish({f"y{i}": v.value for i, v in enumerate(outputs)})


def body_of(graph: Graph) -> str:
    """The text form without the first line, indentation removed."""
    return "\n".join(line.strip() for line in str(graph).splitlines()[1:])


def same_numbers(before: Graph, after: Graph, shape: tuple[int, ...]) -> None:
    feeds = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    wanted = evaluate(before, feeds)
    for name, value in evaluate(after, feeds).items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-5, atol=1e-5)


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def conv(x: Any, filters: int = 2) -> Any:
    w = np.arange(filters * x.shape[1], dtype=np.float32).reshape(filters, -1, 1, 1)
    return apply(Conv((1, 1), ((0, 0), (0, 0)), (1, 1)), x, w)


def test_dead_code_goes() -> None:
    def body(x: Any) -> Any:
        ops.exp(x)
        return ops.relu(x)

    after = passes.eliminate_dead(trace(("n", 2), body))
    assert body_of(after) == "%0: f32[n, 2] = relu x\nreturn y0 = %0"


def test_a_clean_graph_is_returned_as_it_is() -> None:
    graph = trace(("n", 2), ops.relu)
    for step in passes.INFERENCE + passes.STRUCTURE:
        assert step(graph) is graph


def test_equal_nodes_merge_and_so_do_their_users() -> None:
    graph = trace(("n", 2), lambda x: ops.exp(x) * 2.0 + ops.exp(x) * 2.0)
    after = passes.run(graph, (passes.eliminate_common, passes.eliminate_dead))
    assert body_of(after) == (
        "%0: f32[n, 2] = exp x\n"
        "%1: f32[] = constant(2.0)\n"
        "%2: f32[n, 2] = mul %0 %1\n"
        "%3: f32[n, 2] = add %2 %2\n"
        "return y0 = %3"
    )


@dataclass(frozen=True)
class Noisy(Unary):
    """An operator that gives another number each time it is asked."""

    name: ClassVar[str] = "noisy"
    pure: ClassVar[bool] = False

    def compute(self, x: Any) -> Any:
        raise AssertionError("computed before the model runs")


@dataclass(frozen=True)
class Foreign(Unary):
    """An operator that NumPy knows nothing of."""

    name: ClassVar[str] = "foreign"
    folds: ClassVar[bool] = False

    def compute(self, x: Any) -> Any:
        raise AssertionError("computed before the model runs")


def test_what_is_not_pure_is_neither_merged_nor_folded() -> None:
    def twice(op: Op) -> Callable[[Any], Any]:
        return lambda x: x * apply(op, ones(2)) + apply(op, ones(2))

    def count(op: Op, f: Callable[[Any], Any]) -> int:
        after = passes.run(trace(("n", 2), f), passes.INFERENCE)
        return sum(op in (n.op, *inside(n)) for n in after.nodes)

    def inside(node: Node) -> Iterator[Op]:
        return (n.op for body in node.op.bodies for n in body.nodes)

    def branches(x: Any) -> Any:
        (y,) = branch(np.True_, lambda: [apply(Noisy(), x)], lambda: [x])
        (z,) = branch(np.True_, lambda: [apply(Noisy(), x)], lambda: [x])
        return y + z

    assert count(Noisy(), twice(Noisy())) == 2
    assert count(Foreign(), twice(Foreign())) == 1
    assert count(Noisy(), branches) == 2


@dataclass(frozen=True)
class Named(Op):
    """An operator with an attribute of the name that constants have theirs under."""

    name: ClassVar[str] = "named"
    array: str = "a word"

    def infer(self) -> tuple[TensorType]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (TensorType("float32", ()),)

    def evaluate(self) -> tuple[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (np.float32(1),)

    def lower(self, emit: Any, node: Any) -> tuple[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (emit.scalar(1, "float32"),)


def test_a_constant_is_what_an_operator_says_it_is() -> None:
    graph = trace((2,), lambda x: x * apply(Named()))
    after = passes.run(graph, passes.INFERENCE)
    assert [n.op.name for n in after.nodes] == ["named", "mul"]
    assert after.fingerprint() == graph.fingerprint()


def test_constants_fold_but_not_into_something_larger() -> None:
    def body(x: Any) -> Any:
        b = x.builder
        from seqir.ir import FrozenArray
        from seqir.operators.constant import Constant
        from seqir.operators.movement import Expand

        c = Traced(b, b(Constant(FrozenArray(ones(4, 1)))))
        small = ops.exp(c) - 1.0
        large = apply(Expand((4, 100_000)), c)
        return x * small, large

    after = passes.run(
        trace(("n", 4, 1), body), (passes.fold_constants, passes.eliminate_dead)
    )
    kinds = [type(n.op).__name__ for n in after.nodes]
    assert sorted(kinds) == ["Constant", "Constant", "Expand", "Mul"]


def test_transposes_cancel_around_elementwise_work() -> None:
    def body(x: Any) -> Any:
        y = ops.relu(ops.transpose(x, (0, 3, 1, 2)))
        return ops.transpose(y, (0, 2, 3, 1))

    after = passes.move_transposes(trace(("n", 2, 3, 4), body))
    assert body_of(after) == "%0: f32[n, 2, 3, 4] = relu x\nreturn y0 = %0"


def test_a_bias_meets_the_transposed_value_transposed() -> None:
    def body(x: Any) -> Any:
        y = ops.transpose(x, (0, 2, 3, 1)) + np.arange(2, dtype=np.float32)
        return ops.transpose(ops.relu(y), (0, 3, 1, 2))

    graph = trace(("n", 2, 3, 4), body)
    after = passes.run(
        graph,
        (passes.move_transposes, passes.fold_constants, passes.eliminate_dead),
        check=True,
    )
    assert body_of(after) == (
        "%0: f32[1, 2, 1, 1] = constant([[[[0.0]], [[1.0]]]])\n"
        "%1: f32[n, 2, 3, 4] = add x %0\n"
        "%2: f32[n, 2, 3, 4] = relu %1\n"
        "return y0 = %2"
    )
    same_numbers(graph, after, (2, 2, 3, 4))


def test_a_reduction_takes_the_transpose_away() -> None:
    graph = trace(
        ("n", 2, 3, 4), lambda x: ops.max(ops.transpose(x, (0, 2, 3, 1)), (1, 2))
    )
    after = passes.move_transposes(graph)
    assert body_of(after) == "%0: f32[n, 2] = reduce_max(axes=(2, 3)) x\nreturn y0 = %0"
    same_numbers(graph, after, (2, 2, 3, 4))


def test_a_transpose_that_moves_only_ones_becomes_a_reshape() -> None:
    def body(x: Any) -> Any:
        return ops.reshape(ops.transpose(x, (0, 2, 3, 1)), (-1, 5))

    graph = trace(("n", 5, 1, 1), body)
    after = passes.run(graph, (passes.move_transposes, passes.simplify))
    after = passes.eliminate_dead(after)
    assert body_of(after) == "%0: f32[n, 5] = reshape(-1, 5) x\nreturn y0 = %0"
    same_numbers(graph, after, (2, 5, 1, 1))


def test_a_shared_transpose_is_done_once() -> None:
    def body(x: Any) -> Any:
        y = ops.transpose(x, (0, 2, 1))
        return ops.reshape(y, (-1, 6)), ops.matmul(y, ones(2, 3))

    after = passes.move_transposes(trace(("n", 2, 3), body))
    assert str(after).count("transpose") == 1


def test_branches_that_meet_share_their_transpose() -> None:
    def body(x: Any) -> Any:
        a = ops.transpose(ops.relu(x), (0, 2, 3, 1))
        b = ops.transpose(ops.exp(x), (0, 2, 3, 1))
        return ops.transpose(ops.concatenate([a, b], -1), (0, 3, 1, 2))

    graph = trace(("n", 2, 3, 4), body)
    after = passes.move_transposes(graph)
    assert body_of(after) == (
        "%0: f32[n, 2, 3, 4] = relu x\n"
        "%1: f32[n, 2, 3, 4] = exp x\n"
        "%2: f32[n, 4, 3, 4] = concat(axis=1) %0 %1\n"
        "return y0 = %2"
    )


def test_batch_normalization_and_bias_fold_into_the_convolution() -> None:
    def body(x: Any) -> Any:
        y = conv(x) + np.array([[[1.0]], [[2.0]]], np.float32)
        stats = [np.array(v, np.float32) for v in ((2, 1), (0, 1), (1, 0), (3, 0))]
        return apply(BatchNorm(1.0), y, *stats)

    graph = trace(("n", 1, 2, 2), body)
    after = passes.run(graph, (passes.fold_affine, passes.eliminate_dead), check=True)
    assert body_of(after) == (
        "%0: f32[2, 1, 1, 1] = constant([[[[0.0]]], [[[1.0]]]])\n"
        "%1: f32[2] = constant([0.0, 3.0])\n"
        "%2: f32[n, 2, 2, 2] = conv(strides=(1, 1), pads=((0, 0), (0, 0)), "
        "dilations=(1, 1)) x %0 %1\n"
        "return y0 = %2"
    )
    same_numbers(graph, after, (2, 1, 2, 2))


def test_a_product_and_a_row_become_one_gemm() -> None:
    graph = trace(("n", 3), lambda x: ops.matmul(x, ones(3, 2)) + ones(2))
    after = passes.run(graph, (passes.fold_affine, passes.eliminate_dead))
    assert "gemm" in str(after)
    assert "add" not in str(after)
    same_numbers(graph, after, (4, 3))


def test_nothing_folds_into_a_result_that_is_read_elsewhere() -> None:
    def body(x: Any) -> Any:
        y = conv(x)
        return y, y + np.float32(1.0)

    graph = trace(("n", 1, 2, 2), body)
    assert passes.fold_affine(graph) is graph


def test_a_shift_along_another_axis_does_not_fold() -> None:
    graph = trace(("n", 1, 2, 2), lambda x: conv(x) + ones(1, 2))
    assert passes.fold_affine(graph) is graph


def test_scalars_have_no_channels_to_fold() -> None:
    graph = trace((), lambda x: x * np.float32(2) + np.float32(1))
    assert passes.fold_affine(graph) is graph


def test_a_rank_3_product_keeps_its_bias() -> None:
    graph = trace(("n", 4, 3), lambda x: ops.matmul(x, ones(3, 2)) + ones(2))
    assert passes.fold_affine(graph) is graph


def test_the_order_of_flattened_features_goes_into_the_weights() -> None:
    def body(x: Any) -> Any:
        y = ops.reshape(ops.transpose(x, (0, 2, 3, 1)), (-1, 24))
        return ops.matmul(y, np.arange(48, dtype=np.float32).reshape(24, 2))

    graph = trace(("n", 2, 3, 4), body)
    after = passes.run(graph, (passes.absorb_order, passes.eliminate_dead), check=True)
    assert body_of(after) == (
        "%0: f32[n, 24] = reshape(-1, 24) x\n"
        "%1: f32[24, 2] = constant(f32[24, 2])\n"
        "%2: f32[n, 2] = matmul %0 %1\n"
        "return y0 = %2"
    )
    same_numbers(graph, after, (5, 2, 3, 4))


def test_nodes_that_do_nothing_go() -> None:
    def body(x: Any) -> Any:
        y = ops.transpose(ops.transpose(x, (1, 0, 2)), (1, 0, 2))
        y = ops.reshape(ops.reshape(y, (-1, 6)), (-1, 2, 3))
        return ops.cast(ops.pad(y, 0), "float32")

    after = passes.run(
        trace(("n", 2, 3), body), (passes.simplify, passes.eliminate_dead)
    )
    assert body_of(after) == "return y0 = x"


def test_bind_turns_weights_into_named_constants() -> None:
    b = Trace("g")
    x = b.input("x", TensorType("float32", ("n", 2)))
    w = b.param("dense/kernel", TensorType("float32", (2, 2)))
    y = ops.matmul(Traced(b, x), Traced(b, w))
    graph = passes.bind(b.finish({"y": graph_value(y)}), {"dense/kernel": ones(2, 2)})
    assert not graph.params
    assert graph.nodes[0].op.array.label == "dense/kernel"  # pyright: ignore[reportAttributeAccessIssue]
    assert passes.bind(graph, {}) is graph


def test_a_failing_pass_says_which_came_before() -> None:
    def broken(graph: Graph) -> Graph:
        raise GraphError("it broke")

    with pytest.raises(GraphError, match="it broke") as caught:
        passes.run(trace(("n",), ops.relu), (passes.simplify, broken))
    assert "in pass broken after simplify" in caught.value.__notes__
