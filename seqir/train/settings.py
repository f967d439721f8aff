"""What a training depends on besides its state: said or refused if it has changed."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Final

from seqir.data import Batches
from seqir.data.arrays import ArrayBatches
from seqir.data.batch import named
from seqir.data.convert import content
from seqir.errors import LoadError
from seqir.layer.state import walk
from seqir.losses import LossFunctionWrapper
from seqir.narrow import is_dict, is_list
from seqir.operators.random import VERSION
from seqir.ops.variable import Variable
from seqir.plain import is_array, is_numpy_scalar
from seqir.train.compilation import Compilation
from seqir.train.position import Settings

RATE: Final = "learning_rate"
HASHED: Final = 2**24
"""Bytes of each array that are hashed, in rows spread evenly."""


def describe(
    compiled: Compilation, batches: Batches, shuffle: object, *, draws: bool
) -> Settings:
    """The settings of a `fit`, as values that JSON has.

    `draws`: its steps draw random numbers.
    """
    found: Settings = {
        "layers": [
            {"class": type(layer).__name__, "name": layer.name, **_config_of(layer)}
            for layer in walk(compiled.model)
        ],
        "loss": [_loss(loss) for loss in compiled.objective.losses],
        "metrics": compiled.objective.names,
        "loss_weights": compiled.objective.loss_weights,
        "random": VERSION if draws else None,
        "optimizer": _config_of(compiled.optimizer),
        "optimizers": [_config_of(each) for each in compiled.optimizers[1:]],
        "rates": [float(rate.array) for rate in rates(compiled)],
        "data": {
            "batches": batches.count,
            "batch_size": batches.batch_size,
            "shuffle": shuffle,
        },
    }
    if isinstance(batches, ArrayBatches):
        found["data"] |= {"samples": batches.samples, "numbers": _digest(batches)}
    return json.loads(json.dumps(found, default=_word))


def rates(compiled: Compilation) -> list[Variable]:
    """The learning rates of the optimizer, and of those inside of it."""
    return [v for v in compiled.optimizer_variables if v.name == RATE]


def compare(
    path: str | PathLike[str],
    before: Settings,
    now: Settings,
    rates: Sequence[float],
    *,
    inside: bool,
) -> list[bool]:
    """Warn of settings that have changed since a checkpoint, and count from now on.

    `rates` are the learning rates when it was written; `inside`: that was in the
    middle of an epoch.

    Returns: which of the learning rates `compile` was given anew, so that they stay.

    Raises: LoadError for settings that must not change.
    """
    for old, new in zip(before["layers"], now["layers"], strict=True):
        for what, was, is_ in _differences(old, new):
            layer = f"layer {new['name']!r} ({new['class']})"
            raise _refusal(path, f"{layer} has {what}={is_!r}, it was {was!r}")
    for part in ("loss", "loss_weights"):
        for what, was, is_ in _differences(before[part], now[part], part):
            raise _refusal(path, f"{what} is {is_!r}, it was {was!r}")
    numbers = before.get("random", 1)  # which is not said of the first ones
    if now["random"] not in (None, numbers):
        raise LoadError(
            f"{path} is of a training with other random numbers (dropout, noise): "
            f"version {numbers}, this seqir draws version {now['random']}; go on with "
            "the seqir that wrote it, or begin anew in another folder"
        )
    changes = [
        "the data are others" if what == "numbers" else _changed(what, was, is_)
        for what, was, is_ in _differences(before["data"], now["data"])
    ]
    if before["metrics"] != now["metrics"]:
        changes.append(_changed("metrics", before["metrics"], now["metrics"]))
    if inside and changes:
        reason = "and the checkpoint is from the middle of an epoch"
        raise _refusal(path, f"{'; '.join(changes)}, {reason}")
    anew: list[bool] = []
    for first, present, saved in zip(before["rates"], now["rates"], rates, strict=True):
        anew.append(present not in (first, saved))
        if anew[-1]:
            changes.append(f"the learning rate was {saved:g}, is {present:g}")
    changes += [
        _changed(f"{what} of the optimizer", was, is_)
        for part in ("optimizer", "optimizers")
        for what, was, is_ in _differences(before.get(part), now.get(part))
        if not what.endswith(RATE)
    ]
    if changes:
        warnings.warn(
            f"the training goes on from {path} in another way: {'; '.join(changes)}",
            stacklevel=2,
        )
    return anew


def _changed(what: str, was: object, is_: object) -> str:
    return f"{what} was {was!r}, is {is_!r}"


def _refusal(path: str | PathLike[str], change: str) -> LoadError:
    return LoadError(
        f"{path} is of another training: {change}; change it back, or begin anew in "
        "another folder"
    )


def _differences(
    old: object, new: object, what: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Name, old and new value of what differs in two plain values."""
    if is_dict(old) and is_dict(new):
        for key in dict.fromkeys([*old, *new]):
            inner = key if not what else f"{what}.{key}"
            yield from _differences(old.get(key), new.get(key), inner)
    elif is_list(old) and is_list(new) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        for i, (was, is_) in pairs:
            yield from _differences(was, is_, f"{what}.{i}" if what else str(i))
    elif old != new and _counts(what):
        yield what, old, new


def _counts(what: str) -> bool:
    """Whether a difference changes the training: names and first weights do not."""
    *outer, last = what.split(".")
    if any(part.endswith("_initializer") for part in (*outer, last)):
        return False
    return last != "name" or "dtype" in outer


def _config_of(thing: Any) -> Mapping[str, object]:
    """The configuration of a layer or an optimizer, empty if it has none."""
    try:
        found = thing.get_config()
    except Exception:  # of users: what they cannot describe is not compared
        return {}
    models = {"layers", "input_layers", "output_layers", "build_input_shape"}
    return {key: value for key, value in found.items() if key not in models}


def _loss(loss: object) -> object:
    """A loss by what it computes: a function and its class are the same."""
    if loss is None:
        return None
    config = {**_config_of(loss)}
    config.pop("name", None)
    kind = type(loss).__name__
    if isinstance(loss, LossFunctionWrapper):
        config.pop("fn", None)
        kind = _word(loss.fn)
    return {"computes": kind, **config}


def _word(value: object) -> object:
    """A value that JSON has not, without what differs from run to run."""
    if is_array(value) or is_numpy_scalar(value):
        return value.tolist()
    return getattr(value, "__qualname__", type(value).__qualname__)


def _digest(batches: ArrayBatches) -> str:
    total = hashlib.sha256()
    for part in ("x", "y", "sample_weight"):
        for name, array in named(getattr(batches.whole, part), part):
            total.update(f"{name} {array.dtype} {array.shape}\n".encode())
            rows = array[:: -(-array.nbytes // HASHED) or 1]
            total.update(content(rows))
    return total.hexdigest()[:16]
