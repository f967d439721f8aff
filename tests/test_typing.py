"""Type checkers see the arguments that classes have, which are declared as fields."""

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqir.layer.fields import BASE_KEYWORDS

pytest.importorskip("pyright")

PROGRAM = """
import seqir
from seqir import layers

layers.Conv2D(3, 3, name="x", dtype="float32", trainable=False)
layers.MaxPooling2D(2, name="pool")
layers.Dense(3, "relu", activity_regularizer="l2")
layers.LSTM(3, "tanh", return_sequences=True)
layers.MultiHeadAttention(2, 3, dropout=0.1)
layers.RandomFlip("horizontal", 1, bounding_box_format="xyxy")


class Scale(layers.Layer):
    factor: float = 1.0


class Block(seqir.Model):
    pass


x = seqir.Input((3,))
Block(x, layers.Dense(3)(x), name="block")
Block(inputs=x, outputs=x)
Block()
Scale(2.0, name="scale", input_shape=(3,))
layers.Dense(3, unit=3)
layers.Dense()
Scale(factor="x")
layers.LSTM(return_sequences=True)
layers.MultiHeadAttention(2, 3, 0.1)
"""
WRONG = {
    25: 'No parameter named "unit"',
    26: 'Argument missing for parameter "units"',
    27: '"factor" of type "float"',
    28: 'Argument missing for parameter "units"',
    29: "Expected 2 positional arguments",
}
"""Lines, counted from 0."""

MODULES = (
    "layers", "losses", "metrics", "optimizers", "optimizers.schedules",
    "initializers", "regularizers", "constraints", "callbacks", "dtype_policies",
    "wrappers", "random",
)  # fmt: skip
CLASSES: dict[str, type] = {}
for module in map(importlib.import_module, (f"seqir.{name}" for name in MODULES)):
    for name in getattr(module, "__all__", dir(module)):
        cls = getattr(module, name)
        arguments = inspect.isclass(cls) and cls.__init__ is not object.__init__
        if arguments and not issubclass(cls, Exception):
            CLASSES[f"{module.__name__}.{name}"] = cls


def split(arguments: str) -> Iterator[str]:
    """The arguments in the text of a signature, up to its last parenthesis."""
    depth, start, quoted = 0, 0, ""
    for place, char in enumerate(arguments):
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "\"'":
            quoted = char
        elif char in "([{":
            depth += 1
        elif (char == "," and not depth) or (char == ")" and depth == 0):
            yield arguments[start:place].strip()
            start = place + 1
            if char == ")":
                return
        elif char in ")]}":
            depth -= 1


def seen(text: str) -> inspect.Signature:
    """What pyright says of an ``__init__``: names, kinds, and which have defaults."""
    found: list[inspect.Parameter] = []
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for argument in split(text[text.index("(") + 1 :]):
        name = argument.split(":")[0].strip()
        if argument in ("/", ""):
            continue
        if name.startswith("*"):
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        default = None if " = " in argument else inspect.Parameter.empty
        found.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(found[1:])


def passed_on(cls: type) -> set[str]:
    """The names of what an ``__init__`` with ``**kwargs`` hands to those above it."""
    above = [vars(each)["__init__"] for each in cls.__mro__ if "__init__" in vars(each)]
    found = [inspect.signature(init).parameters for init in above]
    return {*BASE_KEYWORDS, *(name for names in found for name in names)}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What pyright says of the two programs, by line."""
    folder = tmp_path_factory.mktemp("programs")
    imports = "\n".join(f"import seqir.{name}" for name in MODULES)
    reveals = "\n".join(f"reveal_type({name}.__init__)" for name in CLASSES)
    (folder / "calls.py").write_text(PROGRAM)
    (folder / "signatures.py").write_text(f"{imports}\n{reveals}\n")
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", str(folder)],
        capture_output=True,
        text=True,
    )
    found: dict[str, dict[int, str]] = {"calls": {}, "signatures": {}}
    for each in json.loads(run.stdout)["generalDiagnostics"]:
        line = each["range"]["start"]["line"]
        found[Path(each["file"]).stem][line] = each["message"]
    return found


@pytest.mark.slow
def test_wrong_arguments_are_found_and_right_ones_are_not(
    messages: dict[str, dict[int, str]],
) -> None:
    found = messages["calls"]
    assert found.keys() == WRONG.keys()
    for line, words in WRONG.items():
        assert words in found[line]


@pytest.mark.slow
def test_classes_take_what_type_checkers_believe(
    messages: dict[str, dict[int, str]],
) -> None:
    """Places are the same as far as there are any; all arguments have their names."""
    wrong: dict[str, str] = {}
    for line, (name, cls) in enumerate(CLASSES.items(), len(MODULES)):
        _, *real = inspect.signature(cls.__init__).parameters.values()
        found = [*seen(messages["signatures"][line]).parameters.values()]
        by_place = [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
        shown = {p.name: p for p in real if p.kind not in (p.VAR_KEYWORD,)}
        others = passed_on(cls) if len(shown) < len(real) else set[str]()
        known = {p.name for p in found}
        if by_place != [*shown][: len(by_place)]:
            wrong[name] = f"{by_place} are not the first of {[*shown]}"
        elif shown.keys() - known or known - shown.keys() - others:
            wrong[name] = f"{known ^ shown.keys()} are in one of both"
        elif {p.name for p in found if p.default is p.empty} != {
            p.name for p in shown.values() if p.default is p.empty
        }:
            wrong[name] = f"other arguments than {found} are required"
    assert not wrong, "\n".join(f"{k}: {v}" for k, v in wrong.items())
