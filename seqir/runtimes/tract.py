"""tract, which is written in Rust."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("tract",)
NPM: Final = ""
ALSO: Final[tuple[str, ...]] = ()
NEEDS: Final = frozenset({"static"})
NUMPY_2_SINCE: Final = (0,)


def unsupported(model: str) -> list[str]:
    """It says so when it prepares the file."""
    return []


def load(model: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run; it is prepared for each new shape of the inputs."""
    import tract  # pyright: ignore[reportMissingModuleSource]

    prepared: dict[tuple[str, ...], tuple[list[str], list[str], Any]] = {}

    def prepare(facts: Mapping[str, str]) -> tuple[list[str], list[str], Any]:
        read = tract.onnx().load(model)
        inputs = [read.input_name(i) for i in range(read.input_count())]
        outputs = [read.output_name(i) for i in range(read.output_count())]
        for place, name in enumerate(inputs):
            read.set_input_fact(place, facts[name])
        for place in range(len(outputs)):
            read.set_output_fact(place, None)
        try:
            return inputs, outputs, read.into_model().into_runnable()
        except tract.TractError as error:
            raise RuntimeError(str(error).split("Stack backtrace")[0]) from error

    def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
        facts = {name: _fact(x) for name, x in feeds.items()}
        key = tuple(facts.values())
        if key not in prepared:
            prepared[key] = prepare(facts)
        inputs, outputs, runnable = prepared[key]
        given = [np.asarray(feeds[name], order="C") for name in inputs]
        found = [each.to_numpy() for each in runnable.run(given)]
        return dict(zip(outputs, found, strict=True))

    return run


def _fact(x: np.ndarray[Any, Any]) -> str:
    name = x.dtype.name
    short = name.replace("float", "f").replace("uint", "u").replace("int", "i")
    return ",".join([*map(str, x.shape), short])
