"""The operations that functions are stored as are operations of Keras."""

import importlib
import inspect
from typing import Any

import pytest

from seqir import ops
from seqir.formats import functions

keras = pytest.importorskip("keras")

STORED = sorted({f.__name__ for f in functions._BY_CLASS.values()} | {"get_item"})


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self", "name"}


@pytest.mark.parametrize("name", STORED)
def test_made_and_called_with_what_keras_wants(name: str) -> None:
    package, kind = functions.stored_as(name)
    operation = getattr(importlib.import_module(package), kind)
    mine = list(inspect.signature(functions._BY_CLASS[kind.lower()]).parameters)
    operands = [p for p in mine if functions.is_operand(name, p)]
    assert set(mine) - set(operands) <= parameters(operation.__init__)
    called = [*inspect.signature(operation.call).parameters][1:]
    assert operands == called[: len(operands)] or name == "einsum"


def test_every_function_is_stored_or_known_not_to_be() -> None:
    packages = (ops, ops.image)
    found = (
        vars(package).get(name) for package in packages for name in package.__all__
    )
    public = {f.__name__ for f in found if inspect.isfunction(f)}
    assert public <= {*STORED, *functions._NONE_IN_KERAS}
