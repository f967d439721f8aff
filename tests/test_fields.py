"""Arguments that are declared as fields, for what is not a layer."""

import inspect
import pickle
from typing import Any

import pytest

from seqir import losses, ops
from seqir.fields import Declared, fixed, keyword
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
    depth: int
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
        remark: str  # for readers: this class has an __init__

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
