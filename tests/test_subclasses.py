"""Classes made from layers of seqir: constructors, configurations, files."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_pairs import CLASSES
from layer_samples import SAMPLES, LayerSample

import seqir
from seqir import layers, nest
from seqir.errors import ArgumentError, UnsupportedError
from seqir.layers import Dense, Input, Layer

FIRST_SAMPLES = [*{sample.layer: sample for sample in SAMPLES}.values()]
"""One sample of each layer."""


def plain(layer: Any) -> dict[str, Any]:
    return {k: v for k, v in layer.get_config().items() if k != "name"}


def only_keywords(base: Any) -> Any:
    class Mine(base):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    return Mine


def anything(base: Any) -> Any:
    class Mine(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    return Mine


def keyword_after(base: Any) -> Any:
    class Mine(base):
        def __init__(self, *args: Any, extra: int = 5, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.extra = extra

    return Mine


def attribute_before(base: Any) -> Any:
    class Mine(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.early = {"inner": Dense(2)}
            super().__init__(*args, **kwargs)

    return Mine


def two_levels(base: Any) -> Any:
    class Lower(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    class Mine(Lower):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    return Mine


def field_between(base: Any) -> Any:
    class Lower(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    class Mine(Lower):
        amount: float = 2.0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    return Mine


def mixed_in(base: Any) -> Any:
    class Counting:
        def __init__(self, *args: Any, start: int = 0, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.start = start

    class Mine(Counting, base):
        pass

    return Mine


def with_fields(base: Any) -> Any:
    class Fielded(base):
        amount: float = 2.0

    class Mine(Fielded):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    return Mine


WAYS: list[Callable[[Any], Any]] = [
    anything,
    keyword_after,
    attribute_before,
    two_levels,
    field_between,
    mixed_in,
    with_fields,
]


@pytest.mark.parametrize("sample", FIRST_SAMPLES, ids=lambda s: s.layer)
def test_every_layer_can_be_subclassed(sample: LayerSample) -> None:
    base = CLASSES[sample.layer]
    args, kwargs = sample.arguments(CLASSES)
    wanted = base(*args, **kwargs, name="same")
    for way in WAYS:
        layer = way(base)(*args, **kwargs, name="same")
        found = {k: v for k, v in layer._described().items() if k != "amount"}
        assert found == wanted._described(), way.__name__
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config(), way.__name__


@pytest.mark.parametrize("sample", FIRST_SAMPLES, ids=lambda s: s.layer)
def test_subclasses_compute_what_their_base_computes(sample: LayerSample) -> None:
    base = CLASSES[sample.layer]
    x = sample.arrays()
    args, kwargs = sample.arguments(CLASSES)
    arguments = inspect.signature(base).bind(*args, **kwargs).arguments
    arguments |= arguments.pop("kwargs", {})
    layer, wanted = only_keywords(base)(**arguments), base(**arguments)
    found = nest.flatten(sample.called(layer, x))
    sample.called(wanted, x)
    wanted.set_weights(layer.get_weights())
    for y, other in zip(found, nest.flatten(sample.called(wanted, x)), strict=True):
        np.testing.assert_array_equal(y, other)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_without_arguments_of_the_base() -> None:
    class Three(Dense):
        def __init__(self) -> None:
            super().__init__(3, activation="relu")

    class Half(layers.Dropout):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(0.5, **kwargs)

    three = Three()
    assert (three.units, three.name) == (3, "three")
    assert Three.from_config(three.get_config()).units == 3
    half = Half(seed=4)
    again = Half.from_config(half.get_config())
    assert (again.rate, again.seed) == (0.5, 4)
    assert again.get_config() == half.get_config()


def test_arguments_of_another_name_before_and_after() -> None:
    class Scaled(Dense):
        def __init__(self, scale: float, width: int, *, shift: float = 1.0, **kw: Any):
            super().__init__(width, **kw)
            self.scale, self.shift = scale, shift

        def call(self, x: Any) -> Any:
            return super().call(x) * self.scale + self.shift

    class Vocabulary(layers.Embedding):
        def __init__(self, words: int, **kw: Any) -> None:
            super().__init__(words + 1, 4, **kw)

    layer = Scaled(2.0, 3, activation="tanh", use_bias=False, name="s")
    config = layer.get_config()
    assert "units" not in config
    assert (config["scale"], config["width"], config["shift"]) == (2.0, 3, 1.0)
    assert (config["activation"], config["use_bias"]) == ("tanh", False)
    again = Scaled.from_config(config)
    assert again.get_config() == config
    assert (again.units, again.scale) == (3, 2.0)
    assert Vocabulary.from_config(Vocabulary(6).get_config()).input_dim == 7


def test_an_argument_that_is_passed_on_changed() -> None:
    class Twice(Dense):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(2 * units, **kwargs)

    layer = Twice(3)
    assert layer.units == 6
    again = Twice.from_config(layer.get_config())
    assert again.units == 6


def test_an_attribute_that_is_changed_later_is_in_the_configuration() -> None:
    class Mine(layers.Dropout):
        def __init__(self, rate: float, **kwargs: Any) -> None:
            super().__init__(rate, **kwargs)

    layer = Mine(0.5)
    layer.rate = 0.25
    assert layer.get_config()["rate"] == 0.25


def test_fields_below_and_above_an_init() -> None:
    class Lower(Dense):
        def __init__(self, units: int, factor: float = 1.0, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)
            self.factor = factor

    class Upper(Lower):
        extra: int = 7

        def setup(self) -> None:
            super().setup()
            if self.extra < 0:
                raise ArgumentError(f"extra must not be negative, got {self.extra}")

    layer: Any = Upper(units=2, factor=3.0, extra=4, activation="relu")
    assert (layer.units, layer.factor, layer.extra) == (2, 3.0, 4)
    again = Upper.from_config(layer.get_config())
    assert plain(again) == plain(layer)
    with pytest.raises(ArgumentError, match="extra must not be negative"):
        Upper(units=2, extra=-1)
    with pytest.raises(ArgumentError, match=r"to Upper: .*Did you mean 'factor'"):
        Upper(units=2, facto=1.0)


def test_fields_come_after_the_arguments_of_an_init() -> None:
    class Lower(Layer):
        def __init__(self, width: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.width = width

    class Optional(Lower):
        by: float = 2.0

    class Required(Lower):
        by: float

    found: Any = Optional(4, 5.0)
    assert (found.width, found.by) == (4, 5.0)
    found = Required(4, by=5.0)
    assert (found.width, found.by) == (4, 5.0)
    with pytest.raises(ArgumentError, match=r"takes 1 positional arguments \(width\)"):
        Required(4, 5.0)


def test_fields_of_two_bases() -> None:
    class Leaky(Layer):
        slope: float = 0.1

    class Both(Leaky, layers.Dropout):
        pass

    layer: Any = Both(rate=0.2, slope=0.3)
    assert (layer.rate, layer.slope) == (0.2, 0.3)
    assert plain(Both.from_config(layer.get_config())) == plain(layer)


def test_configuration_of_keras() -> None:
    """What Keras gives for the very same class."""
    keras = pytest.importorskip("keras")

    def define(library: Any) -> list[Any]:
        class Own(library.layers.Layer):
            def __init__(self, a: Any, b: int = 3, *, c: Any = (1, 2), **kwargs: Any):
                super().__init__(**kwargs)

        class Closed(library.layers.Layer):
            def __init__(self, a: int, name: Any = None) -> None:
                super().__init__(name=name)

        class Nameless(library.layers.Layer):
            def __init__(self, a: int) -> None:
                super().__init__()

        class Same(library.layers.Conv2D):
            def __init__(self, filters: int, kernel_size: Any = 3, **kwargs: Any):
                super().__init__(filters, kernel_size, **kwargs)

        class Describes(library.layers.Layer):
            def __init__(self, a: int, b: int, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.a = a

            def get_config(self) -> Any:
                return {**super().get_config(), "a": self.a}

        class Renames(library.layers.Dense):
            def __init__(self, width: int, **kwargs: Any) -> None:
                super().__init__(width, **kwargs)

            def get_config(self) -> Any:
                config = super().get_config()
                config["width"] = config.pop("units")
                return config

        return [
            Own(1),
            Own({"k": [1.5, None]}, 4, c="x", name="o", trainable=False),
            Own(1, activity_regularizer="l2"),
            Closed(2),
            Closed(2, name="c"),
            Nameless(2),
            Same(4),
            Same(4, (2, 1), strides=2, padding="same", name="s"),
            Describes(1, 2),
            Renames(3, use_bias=False),
        ]

    keras.backend.clear_session()
    for mine, wanted in zip(define(seqir), define(keras), strict=True):
        found, theirs = mine.get_config(), wanted.get_config()
        theirs.pop("quantization_config", None)
        if "activity_regularizer" in found:
            theirs["activity_regularizer"] = found["activity_regularizer"]
        assert found == theirs


def test_a_class_that_takes_neither_name_nor_trainable() -> None:
    class Own(Layer):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units = units

    layer = Own(3)
    layer.trainable = False
    again = Own.from_config(layer.get_config())
    assert (again.units, again.trainable) == (3, False)


def test_arguments_that_are_no_plain_data_need_get_config() -> None:
    class Holds(Layer):
        def __init__(self, inner: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    class Positional(Layer):
        def __init__(self, *units: int) -> None:
            super().__init__()

    for inner in (Dense(1), [Dense(1)], {"a": object()}):
        message = r"argument inner of layer 'h' is .*define get_config in Holds"
        with pytest.raises(UnsupportedError, match=message):
            Holds(inner, name="h").get_config()
    with pytest.raises(UnsupportedError, match="define get_config in Positional"):
        Positional(1, 2).get_config()
    assert Holds(np.int64(3)).get_config()["inner"] == 3


class Gained(Dense):
    def __init__(self, units: int, gain: float = 2.0, **kwargs: Any) -> None:
        self.note = "before"
        super().__init__(units, **kwargs)
        self.gain = gain

    def call(self, x: Any) -> Any:
        return super().call(x) * self.gain


class Tower(seqir.Model):
    def __init__(self, width: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head = Gained(width, gain=3.0)

    def call(self, x: Any) -> Any:
        return self.head(x)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_files_and_copies_of_models_with_subclasses(
    tmp_path: Path, ending: str
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    inputs = Input((4,))
    custom = {"Gained": Gained}
    for model in (
        seqir.Sequential([inputs, Gained(3, gain=5.0, activation="tanh")]),
        seqir.Model(inputs, Gained(3)(Gained(units=2, use_bias=False)(inputs))),
    ):
        path = tmp_path / f"model.{ending}"
        model.save(path)
        loaded = seqir.models.load_model(path, custom_objects=custom)
        np.testing.assert_array_equal(loaded(x), model(x))
        assert loaded.layers[-1].gain == model.layers[-1].gain
        copy = seqir.models.clone_model(model, custom_objects=custom)
        copy.set_weights(model.get_weights())
        np.testing.assert_array_equal(copy(x), model(x))


def test_files_of_a_subclassed_model(tmp_path: Path) -> None:
    x = np.ones((2, 4), np.float32)
    model = Tower(5)
    wanted = model(x)
    model.save(tmp_path / "tower.keras")
    loaded = seqir.models.load_model(
        tmp_path / "tower.keras", custom_objects={"Tower": Tower}
    )
    np.testing.assert_array_equal(loaded(x), wanted)


def test_without_super_init() -> None:
    class Early(Layer):
        def __init__(self) -> None:
            self.units = 3

        def call(self, x: Any) -> Any:
            return x

    layer = Early()
    assert layer.units == 3
    message = r"call super\(\).__init__\(\) in Early.__init__"
    with pytest.raises(ArgumentError, match=message):
        layer(np.ones((1, 2), np.float32))
    with pytest.raises(ArgumentError, match=message):
        layer(Input((2,)))
    with pytest.raises(ArgumentError, match=message):
        layer.get_config()
    with pytest.raises(ArgumentError, match=message):
        layer.add_weight((2,))


def test_help_shows_the_arguments() -> None:
    assert [*inspect.signature(Gained).parameters] == ["units", "gain", "kwargs"]
    assert [*inspect.signature(layers.Dropout).parameters][:2] == [
        "rate",
        "noise_shape",
    ]
