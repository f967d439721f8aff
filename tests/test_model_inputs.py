"""Structures of arrays that models are given, compared with those they were made of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ArgumentError, ShapeError

keras = pytest.importorskip("keras")

# Keras warns of what it takes in order.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ONES, TENS = np.ones((3, 2), np.float32), np.full((3, 2), 10, np.float32)


def named(k: Any, *names: str) -> Any:
    """A difference of two inputs that are found by these keys, zeta minus alpha."""
    inputs = {name: k.Input((2,), name=name) for name in names}
    return k.Model(
        inputs, k.layers.Subtract()([inputs["zeta"], inputs["alpha"]]), name="named"
    )


def compiled(model: Any) -> Any:
    model.compile("sgd", "mse")
    return model


USES: dict[str, Callable[[Any, Any], Any]] = {
    "call": lambda m, x: m(x),
    "call in training": lambda m, x: m(x, training=True),
    "predict": lambda m, x: m.predict(x),
    "predict in batches": lambda m, x: m.predict(x, batch_size=2),
    "predict on a batch": lambda m, x: m.predict_on_batch(x),
    "evaluate": lambda m, x: compiled(m).evaluate(x, ONES, verbose=0),
    "fit": lambda m, x: compiled(m).fit(x, ONES, verbose=0),
    "validation": lambda m, x: compiled(m).fit(
        {"zeta": ONES, "alpha": ONES}, ONES, validation_data=(x, ONES), verbose=0
    ),
    "train on a batch": lambda m, x: compiled(m).train_on_batch(x, ONES),
    "test on a batch": lambda m, x: compiled(m).test_on_batch(x, ONES),
    "fit with a cache": lambda m, x: compiled(m).fit(
        x, ONES, verbose=0, cache_frozen="memory"
    ),
    "batches": lambda m, x: compiled(m).fit(iter([(x, ONES)]), verbose=0),
}


def trainable_difference() -> Any:
    zeta, alpha = seqir.Input((2,), name="zeta"), seqir.Input((2,), name="alpha")
    difference = layers.Subtract()([zeta, alpha])
    features = layers.Dense(2, trainable=False)(difference)
    return seqir.Model(
        {"zeta": zeta, "alpha": alpha}, layers.Dense(2)(features), name="named"
    )


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_is_not_matched_with_keys(use: str, kind: Any) -> None:
    with pytest.raises(
        ArgumentError,
        match=r"model 'named' finds its inputs by key, as \{'zeta': zeta, 'alpha': "
        r"alpha\}; a (list|tuple) does not say which array is which: pass a dict",
    ):
        USES[use](trainable_difference(), kind([ONES, TENS]))


def test_a_list_of_symbolic_tensors_is_not_matched_with_keys() -> None:
    model = trainable_difference()
    with pytest.raises(ArgumentError, match="finds its inputs by key"):
        model([seqir.Input((2,)), seqir.Input((2,))])
    joined = model({"alpha": seqir.Input((2,)), "zeta": seqir.Input((2,))})
    assert joined.shape == (None, 2)


@pytest.mark.parametrize("use", ["call", "predict", "call in training"])
def test_keys_in_sorted_order_say_which_array_of_a_list_is_meant(use: str) -> None:
    found = USES[use](named(seqir, "alpha", "zeta"), [ONES, TENS])
    expected = named(keras, "alpha", "zeta")([ONES, TENS])
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def structures(k: Any) -> dict[str, tuple[Any, Any]]:
    """Models of nested inputs, each with what it is given."""

    def inputs() -> list[Any]:
        return [k.Input((2,), name=name) for name in "zac"]

    def joined(z: Any, a: Any, c: Any) -> Any:
        return k.layers.Subtract()([z, a]) * 3.0 + c

    made: dict[str, tuple[Any, Any]] = {}
    a, b, c = ONES, TENS, 5 * ONES
    z, y, x = inputs()
    made["dict of dicts"] = (
        k.Model({"p": {"z": z, "y": y}, "c": x}, joined(z, y, x)),
        {"c": c, "p": {"z": a, "y": b}},
    )
    z, y, x = inputs()
    made["dict of lists"] = (
        k.Model({"p": [z, y], "c": x}, joined(z, y, x)),
        {"p": [a, b], "c": c},
    )
    z, y, x = inputs()
    made["list of dicts"] = (
        k.Model([{"z": z, "y": y}, x], joined(z, y, x)),
        [{"z": a, "y": b}, c],
    )
    z, y, x = inputs()
    made["list of lists"] = (k.Model([[z, y], x], joined(z, y, x)), [[a, b], c])
    z, y, x = inputs()
    made["list of lists, given flat"] = (
        k.Model([[z, y], x], joined(z, y, x)),
        [a, b, c],
    )
    z, y, x = inputs()
    made["tuple of tuples"] = (k.Model(((z, y), x), joined(z, y, x)), ((a, b), c))
    z, y, x = inputs()
    made["list, by name"] = (
        k.Model([z, y, x], joined(z, y, x)),
        {"z": a, "a": b, "c": c},
    )
    return made


@pytest.mark.parametrize("kind", structures(seqir))
def test_nested_inputs(kind: str) -> None:
    model, x = structures(seqir)[kind]
    expected = np.asarray(structures(keras)[kind][0](x))
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.predict(x, batch_size=2), expected)
    np.testing.assert_array_equal(model(x, training=True), expected)
    model.compile("sgd", "mse")
    assert model.evaluate(x, expected, verbose=0) == 0
    # Inside another model, by a call on tensors in the same structure.
    again = seqir.Model(model.input, model(model.input) * 2.0)
    np.testing.assert_array_equal(again(x), 2 * expected)


@pytest.mark.parametrize(
    ("inputs", "x", "message"),
    [
        (["zeta", "alpha"], {"zeta": ONES}, "the given dict lacks 'alpha'"),
        (["zeta", "alpha"], {"zeta": ONES, "alpha": ONES, "b": ONES},
         "has no input named 'b'; it has 'zeta', 'alpha'"),
        (["zeta", "alpha"], ONES, "got one array; pass a list or a dict"),
        (["zeta", "alpha"], [ONES], "got a list of 1 arrays"),
        (["zeta", "alpha"], [ONES, None], "takes an array, got None"),
        ({"p": {"zeta": 0, "alpha": 0}}, {"p": [ONES, ONES]},
         r"has its inputs as \{'p': \{'zeta': zeta, 'alpha': alpha\}\}, and was given "
         r"\{'p': \[array, array\]\}; pass them in the structure"),
        ({"p": {"zeta": 0, "alpha": 0}}, {"p": {"zeta": ONES}}, "lacks 'alpha'"),
        ({"p": {"zeta": 0, "alpha": 0}}, {"zeta": ONES, "alpha": ONES}, "lacks 'p'"),
        ([{"zeta": 0}, "alpha"], [[ONES, ONES], ONES], "got a list of 3 arrays"),
        ([{"zeta": 0, "alpha": 0}], [ONES, ONES], "finds its inputs by key"),
        (["zeta"], {"zeta": {"q": ONES}}, "pass them in the structure"),
        (["zeta"], {"q": ONES}, "the given dict lacks 'zeta'"),
        (["zeta"], [ONES, ONES], "got a list of 2 arrays"),
    ],
)  # fmt: skip
def test_structures_that_do_not_fit(inputs: Any, x: Any, message: str) -> None:
    from seqir import nest

    if isinstance(inputs, dict) or isinstance(inputs[0], dict):
        made = {name: seqir.Input((2,), name=name) for name in ("zeta", "alpha")}

        def filled(s: Any) -> Any:
            if isinstance(s, dict):
                return {k: filled(v) if v else made[k] for k, v in s.items()}
            return [filled(v) for v in s] if isinstance(s, list) else made[s]

        structure = filled(inputs)
    else:
        structure = [seqir.Input((2,), name=name) for name in inputs]
    tensors = nest.flatten(structure)
    output = layers.Add()(tensors) if len(tensors) > 1 else tensors[0] * 2.0
    model = seqir.Model(structure, output)
    with pytest.raises(ArgumentError, match=message):
        model(x)
    with pytest.raises(ArgumentError, match=message):
        model.predict(x)


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        ((4, 4, 1), (4, 4, 1),
         r"Expected shape \(None, 4, 4, 1\).* shape \(4, 4, 1\); for one sample, pass "
         r"x\[None\]$"),
        ((4, 4, 3), (4, 4, 3), r"incompatible shape \(4, 4, 3\); for one sample"),
        ((4, 4), (2, 4, 3, 1), r"incompatible shape \(2, 4, 3, 1\)$"),
        ((3, 1), (5, 4), r"incompatible shape \(5, 4\)$"),
        ((None, 1), (5,), r"incompatible shape \(5,\)$"),
        ((4,), (), r"incompatible shape \(\)$"),
    ],
)  # fmt: skip
def test_the_error_for_a_wrong_shape_shows_the_shape_given(
    shape: Any, given: Any, message: str
) -> None:
    model = seqir.Sequential([seqir.Input(shape), layers.Activation("relu")])
    for use in (model, model.predict):
        with pytest.raises(ShapeError, match=message):
            use(np.zeros(given, np.float32))


@pytest.mark.parametrize(("shape", "given"), [((4, 1), (4,)), ((4,), (4, 1))])
def test_a_last_axis_of_one_is_added_or_dropped_between_models(
    shape: Any, given: Any
) -> None:
    def outer(k: Any) -> Any:
        x = k.Input(shape)
        inner = k.Model(x, x * 2.0)
        y = k.Input(given)
        return k.Model(y, inner(y))

    x = np.arange(8, dtype=np.float32).reshape(2, *given)
    found = outer(seqir)(x)
    np.testing.assert_array_equal(found, np.asarray(outer(keras)(x)))


def test_an_inner_model_gets_the_kind_of_numbers_it_was_made_for() -> None:
    def outer(k: Any) -> Any:
        x = k.Input((3,), dtype="int32")
        inner = k.Model(x, x // 2)
        y = k.Input((3,))
        return k.Model(y, inner(y * 1.5))

    x = np.array([[1.0, 2.0, 5.0]], np.float32)
    found = outer(seqir)(x)
    expected = np.asarray(outer(keras)(x))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_training_takes_arrays_as_inference_does() -> None:
    x = seqir.Input((3,), dtype="int32")
    model = seqir.Model(x, x // 2)
    given = np.array([[3.9, 2.0, 5.0]])
    np.testing.assert_array_equal(model(given, training=True), model(given))
