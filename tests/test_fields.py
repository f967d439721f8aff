"""Arguments that are declared as fields, for what is not a layer."""

import inspect
import pickle
from typing import Any

import keras
import pytest

from seqir import layers, losses, ops
from seqir.errors import ArgumentError
from seqir.fields import Declared, fixed, keyword, placed
from seqir.plain import PlainArguments


def power(y_true: Any, y_pred: Any, exponent: float = 2.0) -> Any:
    return ops.mean(ops.power(ops.absolute(y_true - y_pred), exponent), axis=-1)


class Power(losses.LossFunctionWrapper):
    """A loss outside of the package, declared as those inside."""

    fn = staticmethod(power)
    exponent: float = 2.0
    name = "power"


class Cubic(Power):
    exponent: float = fixed(3.0)


class Base(Declared):
    last = ("name",)
    keywords = ("verbose",)

    def __init__(self, size: int, name: str = "base", verbose: int = 0) -> None:
        self.size, self.name, self.verbose = size, name, verbose


class Child(Base):
    size: int = 3
    depth: int  # pyright: ignore[reportGeneralTypeIssues]
    order = ("depth",)
    checked = False

    def _setup(self) -> None:
        self.checked = self.depth > 0 and self.name != ""


def signature_of(cls: type) -> str:
    return str(inspect.signature(cls))


def test_a_loss_is_its_function_and_its_fields() -> None:
    expected = (
        "(exponent=2.0, reduction='sum_over_batch_size', name='power', dtype=None)"
    )
    assert signature_of(Power) == expected
    loss = Power(3.0, "sum")
    assert float(loss([[0.0, 0.0]], [[2.0, 1.0]])) == pytest.approx(4.5)
    config = {"name": "power", "reduction": "sum", "dtype": "float32", "exponent": 3.0}
    assert loss.get_config() == config
    for again in (Power.from_config(config), pickle.loads(pickle.dumps(loss))):
        assert again.get_config() == config
        assert again.exponent == 3.0


def test_a_fixed_field_is_no_argument() -> None:
    assert "exponent" not in inspect.signature(Cubic).parameters
    assert Cubic().exponent == 3.0
    assert "exponent" not in Cubic().get_config()
    with pytest.raises(TypeError, match="unexpected keyword argument 'exponent'"):
        Cubic(exponent=2.0)


def test_order_shared_and_hidden_arguments() -> None:
    assert signature_of(Child) == "(depth, size=3, name='base', **kwargs)"
    child = Child(2, name="x", verbose=1)
    assert (child.depth, child.size, child.name, child.verbose) == (2, 3, "x", 1)
    assert child.checked
    assert Child.arguments == ("depth",)
    with pytest.raises(TypeError, match=r"Child.__init__\(\) missing a required"):
        Child()


def test_classes_below_with_an_init_of_their_own() -> None:
    class Mine(Child):
        remark: str  # for readers: this class has an __init__  # pyright: ignore[reportGeneralTypeIssues]

        def __init__(self, remark: str, **kwargs: Any) -> None:
            super().__init__(7, **kwargs)
            self.remark = remark

    class Deeper(Mine):
        level: int = 1

    mine = Mine("hello", name="m")
    assert (mine.depth, mine.size, mine.remark, mine.name) == (7, 3, "hello", "m")
    deeper = Deeper("deep", level=4, name="n")
    assert (deeper.level, deeper.depth, deeper.remark) == (4, 7, "deep")
    assert Deeper.arguments == ("depth", "level")


def test_values_of_numpy_stay_in_classes_of_users() -> None:
    class Kept(Declared, PlainArguments):
        def __init__(self) -> None: ...

    class Table(Kept):
        table: Any = keyword(default=None)

    marker = object()
    assert Table(table=marker).table is marker


class Wide(layers.Layer):
    size: int
    padding: str = "valid"
    use_bias: bool = True


class Grouped(Wide):
    groups: int = placed(default=1, after="size")
    scale: float = placed(default=2.0, after="groups")
    use_bias: bool = False


class Alone(Grouped):
    size: int = fixed(3)


def test_a_field_can_have_its_place_between_those_above() -> None:
    layer = Grouped(4, 2, 0.5, "same", True, name="grouped")
    assert (layer.size, layer.groups, layer.scale) == (4, 2, 0.5)
    assert (layer.padding, layer.use_bias) == ("same", True)
    shown = [*inspect.signature(Grouped).parameters]
    assert shown == ["size", "groups", "scale", "padding", "use_bias", "kwargs"]
    assert Grouped.groups == 1
    assert Wide(4, "same", False).padding == "same"


def test_the_configuration_has_no_field_that_is_no_argument_any_more() -> None:
    layer = Alone(5)
    assert (layer.size, layer.groups) == (3, 5)
    assert "size" not in layer.get_config()
    assert Alone.from_config(layer.get_config()).groups == 5
    with pytest.raises(ArgumentError, match="Unrecognized keyword arguments"):
        Alone(size=4)


@pytest.mark.parametrize(
    "name",
    [f"{kind}Conv{n}D" for kind in ("", "Depthwise", "Separable") for n in (1, 2)]
    + ["Conv3D", "Conv1DTranspose", "Conv2DTranspose"],
)
def test_convolutions_take_their_arguments_in_the_order_of_keras(name: str) -> None:
    theirs = [*inspect.signature(getattr(keras.layers, name)).parameters]
    mine = [*inspect.signature(getattr(layers, name)).parameters]
    # Keras has "output_padding" of one axis last but one, and some later arguments.
    left = {"output_padding", "activity_regularizer", "kwargs", "groups"}
    left |= set(theirs) ^ set(mine)
    assert [n for n in mine if n not in left] == [n for n in theirs if n not in left]
    assert len(set(theirs) & set(mine)) > 12
