"""`utils.Config` and `tree`, beside Keras's."""

from collections import namedtuple
from typing import Any

import keras as real
import pytest

from seqir import tree, utils
from seqir.errors import ArgumentError

Point = namedtuple("Point", ["x", "y"])  # pyright: ignore[reportUntypedNamedTuple]


@pytest.mark.parametrize("library", [utils, real.utils], ids=["seqir", "keras"])
def test_settings_by_name(library: Any) -> None:
    config = library.Config(rate=0.1, momentum=0.9)
    config.ema = True
    config["seed"] = 3
    assert (config.rate, config["ema"], config.seed) == (0.1, True, 3)
    assert [*config.keys()] == ["rate", "momentum", "ema", "seed"]
    assert [*config] == ["ema", "momentum", "rate", "seed"]
    assert dict(config.items()) == config.as_dict()
    assert ("rate" in config, len(config), config.get("none", 7)) == (True, 4, 7)
    del config["ema"]
    del config["seed"]
    config.update({"steps": 2}, rate=1)
    assert config.pop("momentum") == 0.9
    assert config.to_json() == '{"rate": 1, "steps": 2}'
    assert [*config.values()] == [1, 2]
    with pytest.raises(AttributeError, match=r"stepz.*Did you mean 'steps'"):
        _ = config.stepz
    config.freeze()
    assert config.frozen
    for change in (
        lambda: config.update(rate=2),
        lambda: setattr(config, "rate", 2),
        lambda: config.pop("rate"),
        lambda: config.__delitem__("rate"),
    ):
        with pytest.raises(ValueError, match="frozen"):
            change()
    config.unfreeze()
    config.rate = 2
    assert "'rate': 2" in repr(config)


NESTED: Any = {"b": [1, (2, None)], "a": Point(3, [4])}


@pytest.mark.parametrize("library", [tree, real.tree], ids=["seqir", "keras"])
def test_functions_of_structures(library: Any) -> None:
    shapes = {"x": (None, 3), "y": [(2,), {"z": (1, 2, 3)}]}
    assert library.map_shape_structure(len, shapes) == {"x": 2, "y": [1, {"z": 3}]}
    up_to = library.map_structure_up_to
    assert up_to([0, 0], len, [[1, 1], [2, 2]]) == [2, 2]
    assert up_to([0, [0, 0]], str, [[1, 1], [2, 2]]) == ["[1, 1]", ["2", "2"]]
    assert up_to({"a": 0}, lambda x, y: x + y, {"a": [1]}, {"a": [2]}) == {"a": [1, 2]}
    assert up_to(0, len, [1, 2, 3]) == 3
    assert up_to(Point(0, 0), str, Point(1, [2])) == Point("1", "[2]")
    library.assert_same_paths([0, {"a": 1}], (2, {"a": 5}))
    library.assert_same_paths(Point(0, 1), [1, 2])
    for wrong in (
        lambda: library.assert_same_paths([0, 1], [0, [1]]),
        lambda: library.assert_same_paths({"a": 1}, {"b": 1}),
        lambda: up_to([0, 0], len, [[1]]),
        lambda: up_to({"a": 0}, len, {"b": [1]}),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            wrong()

    def emptied(part: Any) -> Any:
        return library.MAP_TO_NONE if part in ([4], 1) else None

    for top_down in (True, False):
        found = library.traverse(emptied, NESTED, top_down=top_down)
        assert found == {"b": [None, (2, None)], "a": Point(3, None)}


def test_what_differs_is_said() -> None:
    with pytest.raises(
        ArgumentError, match=r"structures differ: only one has \('a',\)"
    ):
        tree.assert_same_paths([0], {"a": 0})
    with pytest.raises(ArgumentError, match="map_structure_up_to needs at least one"):
        tree.map_structure_up_to([0], len)
    with pytest.raises(ArgumentError, match="structures differ: 2 and 1 items"):
        tree.map_structure_up_to([0, 0], len, [[1]])
    assert tree.lists_to_tuples(NESTED) == {"b": (1, (2, None)), "a": Point(3, (4,))}
