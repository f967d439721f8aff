"""What packages know by name, and the objects of users among it."""

from typing import Any

import pytest

from seqir import activations, constraints, losses, metrics, registered
from seqir.errors import ArgumentError


class Offset(losses.LossFunctionWrapper):
    fn = staticmethod(losses.huber)
    delta: float = 2.0


class Total(metrics.Sum):
    scale: float = 1.0


@pytest.mark.parametrize(
    ("package", "thing"), [(losses, Offset(3.0, name="o")), (metrics, Total(3.0, "o"))]
)
def test_classes_of_users_are_made_again(package: Any, thing: Any) -> None:
    kind = type(thing)
    stored = package.serialize(thing)
    with pytest.raises(ArgumentError, match="pass the object itself"):
        package.deserialize(stored)
    again = package.deserialize(stored, custom_objects={kind.__name__: kind})
    assert type(again) is kind
    assert again.get_config() == thing.get_config()


def test_names_of_a_scope_are_known_inside_of_it() -> None:
    with registered.CustomObjectScope({"Offset": Offset, "Clamp": constraints.NonNeg}):
        assert isinstance(losses.get("Offset"), Offset)
        with pytest.raises(ArgumentError, match="'Clamp' is not a loss"):
            losses.get("Clamp")
    with pytest.raises(ArgumentError, match="'Offset' is not a loss"):
        losses.get("Offset")


def test_activations_are_known_as_losses_are() -> None:
    for name in activations.NAMES:
        assert activations.get(name) is getattr(activations, name)
        assert activations.get(activations.serialize(activations.get(name))) is (
            activations.get(name)
        )
    assert activations.get(None) is activations.linear
    assert activations.serialize(activations.swish) == "silu"
    stored = {"class_name": "function", "config": "relu"}
    assert activations.get(stored) is activations.relu
    with registered.CustomObjectScope({"double": losses.huber}):
        assert activations.get("double") is losses.huber
    with pytest.raises(ArgumentError, match=r"'swich'\. Did you mean 'swish'"):
        activations.get("swich")
    with pytest.raises(ArgumentError, match="pass the object itself"):
        activations.get({"module": "keras.layers", "class_name": "ReLU", "config": {}})


def test_a_function_is_no_class() -> None:
    with pytest.raises(ArgumentError, match="'huber' is not a loss"):
        losses.get({"class_name": "huber", "config": {}})
    with pytest.raises(ArgumentError, match="has no config, so it cannot be stored"):
        metrics.serialize(losses.huber)
