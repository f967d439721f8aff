"""Masks: on tensors of a model, through layers and models, as Keras has them."""

import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras.src import backend

import seqir
from seqir import layers
from seqir.backend import set_keras_mask

# On NumPy Keras infers the shapes of outputs with arrays that hold anything.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

IDS = np.array([[1, 2, 0, 3], [4, 0, 0, 0], [5, 6, 3, 1]], "int32")


def close(found: Any, wanted: Any) -> None:
    wanted = np.asarray(wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def both(build: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The same with seqir and with Keras."""
    return build(seqir), build(keras)


def equal_weights(mine: Any, theirs: Any) -> None:
    """Give a model the weights that Keras's has."""
    mine.set_weights([np.asarray(w) for w in theirs.get_weights()])


def mask_of(x: Any) -> Any:
    return getattr(x, "_keras_mask", None)


def set_mask(k: Any) -> Any:
    return set_keras_mask if k is seqir else backend.set_keras_mask


def noop(k: Any) -> Any:
    """A layer that only passes the mask on, with two outputs."""

    class Twice(k.layers.Layer):
        def __init__(self, how: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.supports_masking = True
            self.how = how

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return {
                "first": mask,
                "both": [mask, mask],
                "second": [None, mask],
                "none": None,
                "dict": {"a": mask, "b": mask},
            }[self.how]

        def call(self, x: Any) -> Any:
            return {"a": x * 2.0, "b": x * 3.0} if self.how == "dict" else (x * 2, x)

    return Twice


@pytest.mark.parametrize("how", ["first", "both", "second", "none", "dict"])
def test_two_outputs_have_the_masks_that_the_layer_says(how: str) -> None:
    def build(k: Any) -> Any:
        ids = k.Input((None,), dtype="int32")
        x = k.layers.Embedding(9, 3, mask_zero=True, name="e")(ids)
        out = noop(k)(how)(x * 1.0 if how == "none" else x)
        y, z = out.values() if how == "dict" else out
        has = [mask_of(t) is not None for t in (x, y, z)]
        pool = k.layers.GlobalAveragePooling1D
        return k.Model(ids, [pool()(y), pool()(z)]), has

    (mine, has), (theirs, wanted) = both(build)
    assert has == wanted
    equal_weights(mine, theirs)
    for found, expected in zip(mine(IDS), theirs(IDS), strict=True):
        close(found, expected)


def recording(k: Any, seen: list[Any]) -> Any:
    """Layers that note which masks their `call` gets."""

    def note(*given: Any) -> None:
        shown = [keras.tree.map_structure(lambda m: m is not None, g) for g in given]
        seen.append(shown)

    class One(k.layers.Layer):
        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            note("compute_mask", mask)
            return mask

        def call(self, x: Any, mask: Any = None) -> Any:
            note("one", mask)
            return x * 1.0

    class Two(k.layers.Layer):
        def call(
            self, x: Any, y: Any = None, mask: Any = None,
            x_mask: Any = None, y_mask: Any = None,
        ) -> Any:  # fmt: skip
            note("two", mask, x_mask, y_mask)
            return x * 1.0

    class Many(k.layers.Layer):
        def call(self, xs: Any, mask: Any = None) -> Any:
            note("many", mask)
            leaves = xs.values() if isinstance(xs, dict) else xs
            return next(iter(leaves)) * 1.0

    return One, Two, Many


CALLS: dict[str, Callable[[Any, Any, Any, Any, Any], Any]] = {
    "one": lambda one, two, many, x, y: one()(x),
    "one without": lambda one, two, many, x, y: one()(y),
    "by name": lambda one, two, many, x, y: one()(x=x),
    "explicit": lambda one, two, many, x, y: one()(y, mask=x._keras_mask),
    "two with one": lambda one, two, many, x, y: two()(x),
    "two": lambda one, two, many, x, y: two()(x, y),
    "two by name": lambda one, two, many, x, y: two()(x, y=x),
    "two swapped": lambda one, two, many, x, y: two()(y=x, x=y),
    "two explicit": lambda one, two, many, x, y: two()(x, y, y_mask=x._keras_mask),
    "two mask": lambda one, two, many, x, y: two()(y, mask=x._keras_mask),
    "list": lambda one, two, many, x, y: many()([x, y]),
    "tuple": lambda one, two, many, x, y: many()((y, y)),
    "dict": lambda one, two, many, x, y: many()({"a": x, "b": y}),
}


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("case", CALLS)
def test_call_gets_the_masks_that_keras_gives_it(case: str) -> None:
    def connected(k: Any) -> list[Any]:
        seen: list[Any] = []
        ids = k.Input((4,), dtype="int32")
        x = k.layers.Embedding(9, 3, mask_zero=True)(ids)
        out = CALLS[case](*recording(k, seen), x, k.Input((4, 3)))
        return [*seen, mask_of(out) is not None]

    mine, wanted = both(connected)
    once = [entry for i, entry in enumerate(mine) if entry not in mine[:i]]
    assert once == [entry for i, entry in enumerate(wanted) if entry not in wanted[:i]]


def test_the_mask_of_a_tensor_is_a_tensor_of_the_model() -> None:
    def build(k: Any) -> Any:
        ids = k.Input((None,), dtype="int32")
        x = k.layers.Embedding(9, 3, mask_zero=True)(ids)
        mask = x._keras_mask
        assert (mask.dtype, mask.shape) == ("bool", (None, None))
        y = k.layers.Dense(2)(x)
        assert y._keras_mask is mask
        count = k.ops.sum(k.ops.cast(mask, "float32"), -1, keepdims=True)
        pooled = k.layers.GlobalAveragePooling1D()(y * 1.0, mask=mask)
        return k.Model(ids, [mask, pooled, count])

    mine, theirs = both(build)
    equal_weights(mine, theirs)
    for found, expected in zip(mine(IDS), theirs(IDS), strict=True):
        close(found, expected)
    again = seqir.models.clone_model(mine)
    again.set_weights(mine.get_weights())
    again = type(mine).from_config(again.get_config())
    again.set_weights(mine.get_weights())
    for found, expected in zip(again(IDS), theirs(IDS), strict=True):
        close(found, expected)


def test_what_functions_compute_has_no_mask() -> None:
    def build(k: Any) -> list[bool]:
        x = k.layers.Embedding(9, 3, mask_zero=True)(k.Input((4,), dtype="int32"))
        ys = [x * 2, k.ops.relu(x), k.ops.reshape(x, (-1, 3)), x[:, 1:], k.ops.exp(x)]
        return [mask_of(y) is None for y in ys]

    mine, theirs = both(build)
    assert mine == theirs == [True] * 5


def test_layers_that_define_compute_mask_support_masks() -> None:
    def build(k: Any) -> list[bool]:
        class Plain(k.layers.Layer):
            pass

        class Own(k.layers.Layer):
            def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
                return mask

        class Inherits(Own):
            pass

        class Refuses(Own):
            def __init__(self) -> None:
                super().__init__()
                self.supports_masking = False

        class Flat(k.layers.Flatten):
            def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
                return mask

        kinds = (Plain, Own, Inherits, Refuses, Flat, k.layers.Flatten, k.layers.Dense)
        made = [kind(2) if kind is k.layers.Dense else kind() for kind in kinds]
        return [layer.supports_masking for layer in made]

    mine, theirs = both(build)
    assert mine == theirs


def own_mask(k: Any) -> Any:
    """A layer that makes a mask of its inputs, as Masking does."""

    class Positive(k.layers.Layer):
        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return k.ops.any(inputs > 0.5, axis=-1)

        def call(self, x: Any) -> Any:
            return x * 1.0

    return Positive


def test_a_layer_makes_a_mask_where_there_was_none() -> None:
    def build(k: Any) -> Any:
        x = k.Input((None, 3))
        y = own_mask(k)()(x)
        assert mask_of(y) is not None
        return k.Model(x, k.layers.GlobalAveragePooling1D()(y))

    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    mine, theirs = both(build)
    close(mine(x), theirs(x))


def test_masks_that_call_sets_itself() -> None:
    def build(k: Any) -> Any:
        class Sets(k.layers.Layer):
            def call(self, x: Any) -> Any:
                y = x * 2.0
                set_mask(k)(y, k.ops.any(x > 0.5, axis=-1))
                return y

        class Constant(k.layers.Layer):
            def call(self, x: Any) -> Any:
                y = x * 2.0
                mask = np.array([True, False, True, True, False])
                set_mask(k)(y, k.ops.broadcast_to(mask, (4, 5)))
                return y

        x = k.Input((5, 3), batch_size=4)
        pool = k.layers.GlobalAveragePooling1D
        return k.Model(x, [pool()(Sets()(x)), pool()(Constant()(x))])

    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    mine, theirs = both(build)
    for found, expected in zip(mine(x), theirs(x), strict=True):
        close(found, expected)


def tower(k: Any) -> list[Any]:
    return [k.layers.Embedding(9, 3, mask_zero=True), k.layers.Dense(2)]


def nested(k: Any, kind: str) -> Any:
    """A model whose outputs have a mask, however it is made."""
    if kind == "sequential":
        return k.Sequential(tower(k))
    if kind == "functional":
        ids = k.Input((None,), dtype="int32")
        embed, dense = tower(k)
        return k.Model(ids, dense(embed(ids)))

    class Inside(k.Model if kind == "subclass" else k.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.dense = tower(k)

        def call(self, ids: Any) -> Any:
            return self.dense(self.embed(ids))

    return Inside()


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclass", "layer"])
def test_masks_come_out_of_what_has_layers_inside(kind: str) -> None:
    inner, theirs = both(lambda k: nested(k, kind))
    ids = seqir.Input((None,), dtype="int32")
    model = seqir.Model(ids, layers.GlobalAveragePooling1D()(inner(ids)))
    between = theirs(IDS)
    equal_weights(model, theirs)
    close(model(IDS), keras.layers.GlobalAveragePooling1D()(between))


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclass"])
def test_the_loss_of_a_model_leaves_masked_steps_out(kind: str) -> None:
    def build(k: Any) -> Any:
        model = nested(k, kind)
        model(IDS)
        model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
        return model

    mine, theirs = both(build)
    equal_weights(mine, theirs)
    y = np.random.default_rng(1).normal(size=(3, 4, 2)).astype("float32")
    weight = np.array([1.0, 0.5, 2.0], "float32")[:, None] * np.ones((1, 4), "float32")
    for sample_weight in (None, weight):
        given = {"sample_weight": sample_weight, "verbose": 0, "return_dict": True}
        found, wanted = mine.evaluate(IDS, y, **given), theirs.evaluate(IDS, y, **given)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            close(np.asarray(found[name]), value)


def test_a_layer_without_masks_says_that_it_drops_one() -> None:
    def build(k: Any) -> Any:
        ids = k.Input((4,), dtype="int32")
        x = k.layers.Embedding(9, 3, mask_zero=True)(ids)
        with pytest.warns(UserWarning, match="does not support masking and will"):
            return mask_of(k.layers.Flatten(name="flat")(x))

    assert both(build) == (None, None)


def test_a_model_has_a_compute_mask_of_its_own() -> None:
    def build(k: Any) -> Any:
        class Own(k.Model):
            def __init__(self) -> None:
                super().__init__()
                self.dense = k.layers.Dense(2)

            def call(self, x: Any) -> Any:
                return self.dense(x)

            def compute_mask(self, x: Any, mask: Any = None) -> Any:
                return k.ops.any(x > 0.5, axis=-1)

        return Own()

    x = np.random.default_rng(2).normal(size=(3, 4, 2)).astype("float32")
    mine, theirs = both(build)
    found, wanted = mine(x), theirs(x)
    np.testing.assert_array_equal(found._keras_mask, backend.get_keras_mask(wanted))
    equal_weights(mine, theirs)
    close(seqir.losses.MeanSquaredError()(x, mine(x)),
          keras.losses.MeanSquaredError()(x, theirs(x)))  # fmt: skip
    for model in (mine, theirs):
        model.compile("sgd", "mse")
    found, wanted = (m.evaluate(x, x, verbose=0) for m in (mine, theirs))
    close(np.asarray(found), wanted)


MADE: dict[str, Callable[[Any], Any]] = {
    "clone": seqir.models.clone_model,
    "configuration": lambda model: type(model).from_config(model.get_config()),
    "json": lambda model: seqir.models.model_from_json(model.to_json()),
}


@pytest.mark.parametrize("how", [*MADE, "file", "slice"])
def test_masks_of_a_model_that_is_made_again(how: str, tmp_path: Any) -> None:
    ids = seqir.Input((None,), dtype="int32")
    x = layers.Embedding(9, 3, mask_zero=True)(ids)
    y = layers.Maximum()([x, layers.Dense(3)(x)])
    y = layers.Concatenate(axis=1)([y, layers.Dropout(0.1)(x)])
    model = seqir.Model(ids, [y, layers.GlobalAveragePooling1D()(y)])
    if how == "file":
        model.save(tmp_path / "model.keras")
        again = seqir.models.load_model(tmp_path / "model.keras")
    elif how == "slice":
        again = seqir.Model(model.input, model.output)
    else:
        again = MADE[how](model)
        again.set_weights(model.get_weights())
    for found, wanted in zip(again(IDS), model(IDS), strict=True):
        close(found, wanted)
        assert mask_of(found) is None or mask_of(found).shape == (3, 8)
        np.testing.assert_array_equal(mask_of(found), mask_of(wanted))
    whole = keras.layers.GlobalAveragePooling1D()
    close(again(IDS)[1], whole(np.asarray(y_of := model(IDS)[0]), mask=mask_of(y_of)))


def test_masks_on_a_hundred_calls_and_in_two_threads() -> None:
    model = nested(seqir, "functional")
    pooled = seqir.Sequential([model, layers.GlobalAveragePooling1D()])
    wanted = np.asarray(pooled(IDS))
    wrong: list[int] = []

    def work() -> None:
        for i in range(50):
            if not np.array_equal(pooled(IDS[: 1 + i % 3]), wanted[: 1 + i % 3]):
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
