"""The functions of a Lambda in a file: the caller's own, or known ones by name.

Files of Keras hold the code of a lambda. It is never read: the caller passes the
function, under the name of the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from seqir import activations, ops
from seqir.errors import UnsafeFileError, UnsupportedError
from seqir.narrow import is_mapping

_OF_KERAS_2: Final = frozenset(
    f"{argument}{end}"
    for argument in ("function", "output_shape", "mask")
    for end in ("_type", "_module")
) | {"module"}
_FUNCTIONS: Final = {
    name: thing for name, thing in vars(ops).items() if name in ops.__all__
}
"""The functions of ``keras.ops`` that a file may name."""


def arguments(
    config: Mapping[str, object], named: Callable[[object], object]
) -> dict[str, object]:
    """The configuration of a Lambda with functions in the place of what names them.

    `named` gives what the caller has passed under a name. What a file cannot say of
    the shape of the output is found by tracing.

    Raises: UnsafeFileError for code, UnsupportedError for a function nobody knows.
    """
    name = config.get("name")
    found = {k: v for k, v in config.items() if k not in _OF_KERAS_2}
    for argument in ("function", "mask", "output_shape"):
        value = config.get(argument)
        kind = config.get(f"{argument}_type")
        own = name if argument == "function" else f"{name}_{argument}"
        if argument != "function" and not _is_function(value, kind):
            continue
        function = value if callable(value) else _function(value, own, named)
        if function is not None:
            found[argument] = function
        elif argument == "output_shape":
            found[argument] = None
        else:
            _refuse(argument, value, own, kind)
    return found


def _is_function(value: object, kind: object) -> bool:
    if is_mapping(value):
        return value.get("class_name") in ("function", "__lambda__")
    return callable(value) or (value is not None and kind in ("lambda", "function"))


def _function(value: object, own: object, named: Callable[[object], object]) -> Any:
    """The function that a value stands for; None if nobody knows it."""
    stored = value if is_mapping(value) else {"config": value}
    is_code = stored.get("class_name") == "__lambda__"
    names = [] if is_code else [stored.get("registered_name"), stored.get("config")]
    for passed in map(named, (own, *names)):
        if callable(passed) and not isinstance(passed, type):
            return passed
    module, name = stored.get("module"), stored.get("config")
    if is_code or not isinstance(name, str):
        return None
    if module == "keras.ops":
        return _FUNCTIONS.get(name)
    known = module in (None, "builtins", "keras.activations")
    return activations.get(name) if known and name in activations.__all__ else None


def _refuse(argument: str, value: object, own: object, kind: object) -> None:
    stored = value if is_mapping(value) else {"config": value}
    name = stored.get("config")
    pass_it = f"as custom_objects={{{str(own)[:80]!r}: your_function}}"
    if isinstance(name, str) and "lambda" not in (kind, stored.get("class_name")):
        raise UnsupportedError(
            f"seqir has no function {name[:80]!r}, which is its {argument}: pass your "
            f"own under that name, or {pass_it}"
        )
    raise UnsafeFileError(
        f"Lambda runs Python code that the file holds as its {argument}, which seqir "
        f"never does: pass your own function {pass_it}"
    )
