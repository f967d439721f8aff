"""The Sequential model: Keras's rules, and errors that leave it as it was."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import seqir
from seqir import layers
from seqir.errors import ArgumentError, GraphError, NotBuiltError, ShapeError
from seqir.layers import Conv2D, Dense, Input
from seqir.summary.summary import summary_of

TOLERANCE = 1e-5


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def random(*shape: int) -> Any:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def rows(model: seqir.Model) -> list[tuple[Any, int]]:
    """Output shape and parameters of each row of the summary."""
    return [(row.output_shape, row.params) for row in summary_of(model).rows]


def three_layers() -> seqir.Sequential:
    return seqir.Sequential(
        [
            Dense(2, activation="relu", name="layer1"),
            Dense(3, activation="relu", name="layer2"),
            Dense(4, name="layer3"),
        ]
    )


def feature_model() -> seqir.Sequential:
    return seqir.Sequential(
        [
            Input(shape=(250, 250, 3)),
            Conv2D(32, 5, strides=2, activation="relu"),
            Conv2D(32, 3, activation="relu", name="my_intermediate_layer"),
            Conv2D(32, 3, activation="relu"),
        ]
    )


# Before it is built.


def test_after_pop_everything_is_that_of_the_shorter_model(
    tmp_path: Path,
) -> None:
    layer_list = [Dense(2, name="a"), Dense(3, name="b"), Dense(4, name="c")]
    model = seqir.Sequential([Input((5,)), *layer_list], name="m")
    x = random(2, 5)
    assert model(x).shape == (2, 4)
    removed = model.pop()
    assert removed is layer_list[2]
    assert model.output_shape == (None, 3)
    assert model.count_params() == 12 + 9
    assert rows(model) == [((None, 2), 12), ((None, 3), 9)]
    np.testing.assert_allclose(model(x), layer_list[1](layer_list[0](x)), rtol=1e-5)
    assert "c" not in str(model.graph()).split()
    report = model.export(tmp_path / "m.onnx")
    assert report.outputs == {"b": "f32[batch, 3]"}
    names = {i.name for i in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert not any("c/" in name for name in names)
    model.add(Dense(7, name="c"))
    assert model(x).shape == (2, 7)


def test_an_unbuilt_model_says_what_to_do(tmp_path: Path) -> None:
    model = three_layers()
    assert model.built is False
    what_to_do = r"call it on an array, call build\(input_shape\), or start it with"
    for ask in (
        lambda: model.weights,
        lambda: model.summary(),
        lambda: model.export(tmp_path / "m.onnx"),
        lambda: model.graph(),
        lambda: model.get_weights(),
        lambda: model.trainable_weights,
        lambda: model.inputs,
        lambda: model.outputs,
        lambda: model.output_shape,
        lambda: model.cut_points(),
        lambda: model.slice("layer1"),
        lambda: model.to_ir(),
    ):
        with pytest.raises(NotBuiltError, match=what_to_do):
            ask()
    with pytest.raises(NotBuiltError, match=r"isn't built\. Call it on an input first"):
        model.count_params()
    assert not list(tmp_path.iterdir())
    model(ones(1, 4))
    assert model.built is True
    assert len(model.weights) == 6


@pytest.mark.parametrize(
    "given",
    [{"input_dim": 4}, {"batch_input_shape": (7, 4)}, {"batch_shape": (7, 4)}],
)
def test_older_spellings(given: dict[str, Any]) -> None:
    model = seqir.Sequential([Dense(2, **given)])
    batch = None if "input_dim" in given else 7
    assert model.input_shape == (batch, 4)


def test_given_names_are_not_counted() -> None:
    names = [Dense(1, name="dense_1").name, Dense(1).name, Dense(1).name]
    assert names == ["dense_1", "dense", "dense_1"]


def test_a_layer_that_was_never_called_has_none() -> None:
    layer = Dense(2, name="lonely")
    for name in ("input", "output"):
        with pytest.raises(NotBuiltError, match=f"lonely .* no defined {name}"):
            getattr(layer, name)
        assert not hasattr(layer, name)


def two_inputs() -> Any:
    class TwoInputs(layers.Layer):
        def call(self, a: Any, b: Any) -> Any:
            return a + b

    return TwoInputs(name="both")


def two_outputs() -> Any:
    class TwoOutputs(layers.Layer):
        def call(self, x: Any) -> Any:
            return x, x * 2.0

    return TwoOutputs(name="split")


def test_a_layer_with_two_inputs_is_no_stack() -> None:
    with pytest.raises(GraphError, match=r"'both' .*functional API, Model\(inputs"):
        seqir.Sequential([Input((4,)), two_inputs()])


def test_a_merging_layer_is_no_stack() -> None:
    with pytest.raises(ArgumentError, match="Add layer should be called on a list"):
        seqir.Sequential([Input((4,)), Dense(3), layers.Add()])


def test_a_layer_after_two_outputs_is_no_stack() -> None:
    message = r"'dense' takes one input, .* 2 outputs; use the functional API, Model\("
    with pytest.raises(GraphError, match=message):
        seqir.Sequential([Input((4,)), two_outputs(), Dense(2)])


def test_two_inputs_are_no_stack() -> None:
    with pytest.raises(GraphError, match=r"already been .*functional API, Model\("):
        seqir.Sequential([Input((4,)), Input((3,))])
    model = seqir.Sequential([Dense(2)])
    with pytest.raises(
        GraphError, match=r"is given 2; use the functional API, Model\("
    ):
        model.build([(None, 4), (None, 3)])


def test_the_functional_model_does_all_of_it() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(3, name="shared")
    x, y = shared(a), shared(b)
    first, second = two_outputs()(two_inputs()(x, y))
    model = seqir.Model([a, b], [first, layers.Add()([x, second])])
    xs = [random(2, 4), ones(2, 4)]
    p, q = (shared(v) for v in xs)
    found = model(xs)
    np.testing.assert_allclose(found[0], p + q, rtol=TOLERANCE, atol=1e-5)
    np.testing.assert_allclose(found[1], p + 2 * (p + q), rtol=TOLERANCE, atol=1e-5)


# Building the stack.


def test_outputs_of_a_list_layer_may_go_to_a_merging_layer() -> None:
    model = seqir.Sequential([Input((4,)), two_outputs(), layers.Add()])
    np.testing.assert_allclose(model(ones(1, 4)), 3 * ones(1, 4))


def test_a_stack_may_end_with_several_outputs() -> None:
    model = seqir.Sequential([Input((4,)), two_outputs()])
    found = model(ones(2, 4))
    assert [y.shape for y in found] == [(2, 4), (2, 4)]
    assert list(model.output_shape) == [(None, 4), (None, 4)]
    assert len(model.outputs) == 2


def test_layers_is_a_copy_and_cannot_be_set() -> None:
    model = three_layers()
    model.layers.clear()
    assert len(model.layers) == 3
    with pytest.raises(ArgumentError, match=r"cannot be set\. Use add"):
        model.layers = []


def test_a_failed_add_leaves_the_model_unchanged() -> None:
    model = seqir.Sequential([Input((8, 8, 3)), Conv2D(4, 3, name="conv")])
    before = model(ones(1, 8, 8, 3))
    bad = Dense(2, name="bad_kernel")
    bad(ones(1, 9))
    attempts = (
        bad,
        Conv2D(2, 9, name="too_large"),
        Dense(2, name="conv"),
        Input((3,)),
        "dense",
        two_inputs(),
    )
    for attempt in attempts:
        with pytest.raises(ValueError):
            model.add(attempt)
        assert [layer.name for layer in model.layers] == ["conv"]
        assert model.output_shape == (None, 6, 6, 4)
        assert model.count_params() == 112
        np.testing.assert_array_equal(model(ones(1, 8, 8, 3)), before)
    model.add(Conv2D(2, 3, name="too_large"))
    assert model.output_shape == (None, 4, 4, 2)


def test_a_failed_build_leaves_the_model_unbuilt() -> None:
    model = seqir.Sequential([Dense(4), Conv2D(2, 3)])
    with pytest.raises(ShapeError, match="expected ndim=4"):
        model(ones(2, 5))
    assert not model.built
    with pytest.raises(NotBuiltError):
        _ = model.inputs
    model.pop()
    assert model(ones(2, 5)).shape == (2, 4)


def test_the_same_layer_may_be_there_twice() -> None:
    layer = Dense(4, use_bias=False)
    model = seqir.Sequential([Input((4,)), layer, layer])
    assert len(model.layers) == 2
    assert len(model.weights) == 1
    assert model.count_params() == 16
    kernel = layer.get_weights()[0]
    np.testing.assert_allclose(
        model(ones(1, 4)), ones(1, 4) @ kernel @ kernel, rtol=1e-4, atol=1e-5
    )
    model.pop()
    np.testing.assert_allclose(model(ones(1, 4)), ones(1, 4) @ kernel, rtol=1e-5)
    with pytest.raises(GraphError, match="unique names"):
        model.add(Dense(1, name=layer.name))


def test_pop_down_to_nothing_and_up_again() -> None:
    model = seqir.Sequential([Input((4,)), Dense(2)])
    model.pop()
    assert not model.built
    assert model.layers == []
    model.add(Dense(3))
    assert model.built
    assert model.input_shape == (None, 4)
    assert model(ones(2, 4)).shape == (2, 3)


def test_a_popped_name_is_free_again() -> None:
    model = seqir.Sequential([Dense(2, name="a"), Dense(3, name="b")])
    model.pop()
    model.add(Dense(4, name="b"))
    assert model(ones(1, 2)).shape == (1, 4)


def test_an_input_may_come_in_the_constructor_or_as_a_layer() -> None:
    for source in (Input((4,)), layers.InputLayer((4,))):
        model = seqir.Sequential([source, Dense(2)])
        assert model.input_shape == (None, 4)


def test_layers_may_be_any_iterable() -> None:
    model = seqir.Sequential(Dense(n) for n in (4, 3, 2))
    assert model(ones(1, 5)).shape == (1, 2)
    assert len(model) == 3
    assert bool(seqir.Sequential()) is True


def test_build_with_a_shape() -> None:
    model = three_layers()
    model.build((None, 5))
    assert model.input_shape == (None, 5)
    model.build((None, 5))
    with pytest.raises(ShapeError, match=r"\(None, 5\). You cannot build it with"):
        model.build((2, 5))
    with pytest.raises(GraphError, match=r"has no layers\. Call model\.add"):
        seqir.Sequential(name="x").build((None, 5))


def test_the_first_call_builds_and_later_calls_may_have_other_batches() -> None:
    model = three_layers()
    assert model(ones(5, 3)).shape == (5, 4)
    assert model.input_shape == (5, 3)
    assert model(ones(2, 3)).shape == (2, 4)
    assert model.predict(ones(70, 3)).shape == (70, 4)


def test_predict_builds() -> None:
    model = three_layers()
    assert model.predict(ones(70, 3), batch_size=32).shape == (70, 4)
    assert len(model.weights) == 6


def test_an_empty_batch_gives_an_empty_output() -> None:
    model = feature_model()
    assert model(np.zeros((0, 250, 250, 3), np.float32)).shape == (0, 119, 119, 32)
    assert model.predict(np.zeros((0, 250, 250, 3))).shape == (0, 119, 119, 32)
    assert Dense(3)(np.zeros((0, 4))).shape == (0, 3)


def test_a_symbolic_call_builds_with_an_unknown_batch() -> None:
    model = three_layers()
    y = model(Input((4,)))
    assert y.shape == (None, 4)
    assert len(model.weights) == 6


def test_arrays_are_converted_to_the_type_of_the_input() -> None:
    model = seqir.Sequential([Input((3,)), Dense(2)])
    wanted = model(ones(2, 3))
    for dtype in ("float64", "int64", "uint8", "bool", "float16"):
        np.testing.assert_array_equal(model(np.ones((2, 3), dtype)), wanted)
    assert model(np.ones((3, 2)).T).dtype == np.float32


def test_a_last_axis_of_one_comes_and_goes() -> None:
    vector = seqir.Sequential([Input((4,)), Dense(2)])
    assert vector(ones(3, 4, 1)).shape == (3, 2)
    column = seqir.Sequential([Input((1,)), Dense(2)])
    assert column(ones(3)).shape == (3, 2)


# Looking at it.


def test_get_layer() -> None:
    model = three_layers()
    assert model.get_layer("layer2") is model.layers[1]
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(index=-1) is model.layers[2]


def test_compute_output_shape_builds_nothing() -> None:
    model = three_layers()
    assert model.compute_output_shape((None, 7)) == (None, 4)
    assert model.compute_output_shape((5, 7)) == (5, 4)
    assert not model.built
    assert not any(layer.built for layer in model.layers)


def test_trainable_weights_follow_the_flags() -> None:
    model = seqir.Sequential(
        [Input((4,)), Dense(3), layers.BatchNormalization(), Dense(2)]
    )
    assert len(model.trainable_weights) == 6
    assert len(model.non_trainable_weights) == 2
    for layer in model.layers[:-1]:
        layer.trainable = False
    names = [w.path.split("/", 1)[1] for w in model.trainable_weights]
    assert names == ["dense_1/kernel", "dense_1/bias"]
    table = summary_of(model)
    assert (table.trainable_params, table.non_trainable_params) == (8, 27)
    order = [w.path for w in model.weights]
    model.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 8
    model.trainable = True
    assert len(model.trainable_weights) == 6
    assert [w.path for w in model.weights] == order


def test_an_untrainable_model_keeps_the_flags_of_its_layers() -> None:
    model = seqir.Sequential([Input((4,)), Dense(3)], trainable=False)
    assert model.layers[0].trainable
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 2


def test_get_and_set_weights() -> None:
    a, b = three_layers(), three_layers()
    x = random(2, 5)
    wanted = a(x)
    b.build((None, 5))
    b.set_weights(a.get_weights())
    np.testing.assert_array_equal(b(x), wanted)
    copies = a.get_weights()
    copies[0][:] = 0
    np.testing.assert_array_equal(a(x), wanted)


def test_set_weights_is_all_or_nothing() -> None:
    model = three_layers()
    model.build((None, 5))
    before = model.get_weights()
    new = [w + 1 for w in before]
    bad = [*new[:5], np.zeros((5,))]
    for attempt, words in (
        (bad, r"weight 'sequential/layer3/bias' of shape \(4,\)"),
        (new[:5], "list of length 5, but the layer has 6 weights"),
        ([*new[:5], np.array([None] * 4)], "not a numeric array"),
    ):
        with pytest.raises(ValueError, match=words):
            model.set_weights(attempt)
        for w, old in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(w, old)


def test_changed_weights_change_the_output() -> None:
    model = seqir.Sequential([Input((2,)), Dense(1, use_bias=False)])
    model.layers[0].kernel.assign([[1.0], [2.0]])
    assert model(np.float32([[1, 1]])).item() == 3.0
    model.layers[0].kernel.assign([[4.0], [2.0]])
    assert model(np.float32([[1, 1]])).item() == 6.0
    assert model.layers[0](np.float32([[1, 1]])).item() == 6.0


def test_only_what_nobody_can_change_is_shared() -> None:
    kernel = seqir.Sequential([Input((2,)), Dense(1)]).layers[0].kernel
    own, frozen = np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)
    frozen.flags.writeable = False
    view = own[:]
    view.flags.writeable = False
    for array, shared in ((own, False), (view, False), (frozen, True)):
        kernel.assign(array)
        assert np.shares_memory(kernel.array, array) == shared
        assert own.flags.writeable
    kernel.assign(frozen.astype(np.float64))
    assert kernel.dtype == kernel.array.dtype == np.float32


def test_paths_have_the_models_names() -> None:
    inner = seqir.Sequential([Dense(2, name="d")], name="inner")
    outer = seqir.Sequential([Input((4,)), inner], name="outer")
    assert [w.path for w in outer.weights] == [
        "outer/inner/d/kernel",
        "outer/inner/d/bias",
    ]
    built = seqir.Sequential([Input((4,)), Dense(2, name="d")], name="built")
    outer = seqir.Sequential([Input((4,)), built], name="outer")
    assert outer.weights[0].path == "built/d/kernel"


# Models inside.


def test_a_model_is_a_layer() -> None:
    inner = seqir.Sequential([Dense(3, activation="relu"), Dense(4)], name="inner")
    model = seqir.Sequential([Input((5,)), inner, Dense(2)])
    assert [layer.name for layer in model.layers] == ["inner", "dense_2"]
    assert rows(model) == [((None, 4), 34), ((None, 2), 10)]
    x = random(3, 5)
    np.testing.assert_allclose(model(x), model.layers[1](inner(x)), rtol=1e-5)


def test_a_built_model_first_gives_the_input_shape() -> None:
    inner = seqir.Sequential([Input((5,)), Dense(3)])
    model = seqir.Sequential([inner, Dense(2)])
    assert model.input_shape == (None, 5)
    x = Input((6,))
    functional = seqir.Model(x, Dense(3)(x))
    model = seqir.Sequential([functional, Dense(2)])
    assert model.input_shape == (None, 6)
    assert model(ones(2, 6)).shape == (2, 2)


def test_training_a_frozen_part_again_counts_for_the_outer_model() -> None:
    inner = seqir.Sequential([Input((4,)), Dense(3)])
    outer = seqir.Sequential([Input((4,)), inner])
    inner.trainable = False
    assert outer.trainable_weights == []
    inner.layers[0].trainable = True
    assert inner.trainable_weights == []
    assert len(outer.trainable_weights) == 2


def test_an_inner_stack_that_changes_changes_the_outer_one() -> None:
    inner = seqir.Sequential([Input((4,)), Dense(4, name="a"), Dense(4, name="b")])
    outer = seqir.Sequential([Input((4,)), inner])
    x = random(2, 4)
    outer(x)
    inner.pop()
    np.testing.assert_allclose(outer(x), inner.layers[0](x), rtol=1e-5)


def test_two_thousand_layers_need_no_recursion() -> None:
    model = seqir.Sequential([Input((1,))])
    for i in range(2000):
        model.add(layers.Rescaling(1.0, offset=1.0, name=f"r{i}"))
    assert len(model.layers) == 2000
    assert model(np.zeros((1, 1), np.float32)).item() == 2000
    assert model.count_params() == 0
    assert len(summary_of(model).rows) == 2000
    assert len(model.graph().nodes) >= 2000
    model.pop()
    assert model(np.zeros((1, 1), np.float32)).item() == 1999


# Training and inference.


def test_training_is_passed_on() -> None:
    class Scale(layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            return x * (2.0 if training else 1.0)

    inner = seqir.Sequential([Scale()])
    model = seqir.Sequential([Input((1,)), Scale(), inner])
    assert model(ones(1, 1)).item() == 1
    assert model(ones(1, 1), training=True).item() == 4
    assert model(ones(1, 1), training=False).item() == 1
    assert model.predict(ones(1, 1)).item() == 1


def test_cut_points_of_a_stack() -> None:
    model = seqir.Sequential(
        [Input((4,)), Dense(3, name="a"), Dense(3, name="b"), Dense(3, name="c")]
    )
    assert model.cut_points() == ["a", "b"]
    head, tail = model.slice("a"), model.slice("c", inputs="a")
    x = random(2, 4)
    np.testing.assert_allclose(tail(head(x)), model(x), rtol=1e-5, atol=1e-6)
    two = model.slice("a|c")
    assert [y.shape for y in two(x)] == [(2, 3), (2, 3)]


def test_a_layer_in_an_attribute_is_no_part_of_the_stack() -> None:
    class WithMore(seqir.Sequential):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.more = Dense(6)
            self.add(Dense(2))

    for model in (WithMore(), seqir.Sequential([Input((3,)), Dense(2)])):
        model.extra = [Dense(6), {"a": Dense(7)}]
        assert [type(layer).__name__ for layer in model.layers] == ["Dense"]
        assert model(np.ones((1, 3))).shape == (1, 2)
        assert len(model.weights) == 2
