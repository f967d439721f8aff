"""The older HDF5 layout: layers in their order, weights by their names.

A file has the names of layers and, for each, the names of its weights, as attributes.
Layers of file and model belong together by their order among those that have weights,
or, if asked for, by their names.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seqir.errors import CorruptFileError
from seqir.formats.entries import without_slash
from seqir.formats.fitting import Fitting
from seqir.formats.hdf5 import H5Reader, join
from seqir.formats.pairing import stored_for
from seqir.formats.safetensors import keys_of
from seqir.layer.state import walk
from seqir.layers import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Layer
from seqir.ops.variable import Variable
from seqir.optimizers import Optimizer

if TYPE_CHECKING:
    import h5py

MODEL: Final = "model_weights"
STATE: Final = "optimizer_weights"
TOP: Final = "top_level_model_weights"
_PAIRED: Final = ("Adam", "Adamax", "Adadelta")
"""Optimizers that remember two things of each weight."""
_FLIPPING: Final = "theano"
"""The backend that turned kernels around, where all others do not."""
_FLIPPED: Final = (Conv1D, Conv2D, Conv3D, Conv1DTranspose, Conv2DTranspose)
"""Layers of which it did; it turned the kernels of depthwise ones twice."""
_ATTRIBUTE_LIMIT: Final = 64512
"""Bytes of an attribute; longer lists of names are kept in parts."""


def is_legacy(reader: H5Reader) -> bool:
    """Whether a file has this layout."""
    return MODEL in reader or reader.attribute("", "layer_names") is not None


def weights_of(layer: Layer) -> list[Variable]:
    """The weights of a layer in the order of the layout: what is trained first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def fit(
    reader: H5Reader, fitting: Fitting, model: Any, *, by_name: bool = False
) -> None:
    """Read all weights of a model; `fitting` keeps them until they fit."""
    root = MODEL if MODEL in reader else ""
    names = _names(reader, root, "layer_names")
    groups = {name: join(root, name) for name in names}
    held = {n: _names(reader, g, "weight_names") for n, g in groups.items()}
    stored = [name for name in names if held[name]]
    layers = [layer for layer in model.layers if layer.weights]
    if by_name:
        known = {without_slash(name): name for name in stored}
        pairs = [(x, known[x.name]) for x in layers if x.name in known]
    elif len(stored) != len(layers):
        fitting.refuse(
            f"the model has {len(layers)} layers with weights "
            f"({_few(layer.name for layer in layers)}), the file {len(stored)} "
            f"({_few(stored)})"
        )
        return
    else:
        pairs = list(zip(layers, stored, strict=True))
    kernels = _flipped_kernels(model) if _is_flipped(reader, root) else frozenset[int]()

    def read(path: str, variable: Variable) -> Any:
        array = _read(reader, path, variable)
        return _flipped(array) if id(variable) in kernels else array

    for layer, name in pairs:
        variables = weights_of(layer)
        own = stored_for(held[name], layer, variables)
        called = "" if name == layer.name else f", {name!r} in the file"
        fitting.take(
            f"layer {layer.name!r} ({type(layer).__name__}{called})",
            variables,
            len(own),
            lambda i, v, own=own, group=groups[name]: read(join(group, own[i]), v),
        )


def fit_state(
    reader: H5Reader, fitting: Fitting, model: Layer, optimizer: Optimizer
) -> None:
    """Read the state of an optimizer, if the file has one."""
    if not fitting.fits or STATE not in reader:
        return
    if _is_flipped(reader, ""):
        warnings.warn(
            f"the state of optimizer {optimizer.name!r} in {reader.where} is of "
            "Theano's kernels, which are turned around: it starts anew",
            stacklevel=4,
        )
    else:
        trained = model.trainable_weights
        names = _by_weight(_names(reader, STATE, "weight_names"), trained, optimizer)
        fitting.take_state(
            optimizer,
            trained,
            len(names),
            lambda i, v: _read(reader, f"{STATE}/{names[i]}", v),
        )


def _by_weight(
    names: list[str], trained: Sequence[Variable], optimizer: Optimizer
) -> list[str]:
    """Names of a state in the order of now: both momentums of a weight side by side.

    The optimizers of Keras 2.10 and before (``Adam/iter``, now ``iteration``) have one
    kind of them after the other. What is third, AMSGrad's, still comes at the end.
    """
    count = len(trained)
    older = bool(names) and names[0].rpartition("/")[2].startswith("iter:")
    if not older or type(optimizer).__name__ not in _PAIRED or len(names) <= 2 * count:
        return names
    first, second = names[1 : 1 + count], names[1 + count : 1 + 2 * count]
    pairs = zip(first, second, strict=True)
    return [names[0], *itertools.chain(*pairs), *names[1 + 2 * count :]]


def _is_flipped(reader: H5Reader, root: str) -> bool:
    found = (reader.attribute(group, "backend") for group in ("", root))
    return _FLIPPING in found


def _flipped_kernels(model: Layer) -> frozenset[int]:
    inside = walk(model)
    return frozenset(id(x.kernel) for x in inside if isinstance(x, _FLIPPED))


def _flipped(kernel: Any) -> object:
    """A kernel turned around along all axes of space."""
    return np.ascontiguousarray(np.flip(kernel, tuple(range(kernel.ndim - 2))))


def _read(reader: H5Reader, path: str, variable: Variable) -> Any:
    return reader.read(path, variable.array.shape, variable.type.dtype)


def _names(reader: H5Reader, group: str, attribute: str) -> list[str]:
    """A list of names, which may be kept in parts."""
    parts = [reader.attribute(group, attribute)]
    if parts[0] is None:
        numbered = (
            reader.attribute(group, f"{attribute}{i}") for i in itertools.count()
        )
        parts = list(itertools.takewhile(lambda part: part is not None, numbered))
    if not parts:
        place = f"{group!r} in {reader.where}" if group else reader.where
        raise CorruptFileError(f"{place} has no {attribute}")
    names: list[Any] = []
    for part in parts:
        listed = hasattr(part, "__len__") and not isinstance(part, str)
        names += list(part) if listed else [None]
    if not all(isinstance(name, str) for name in names):
        raise CorruptFileError(f"{attribute} in {reader.where} is not a list of names")
    return names


def _few(names: Any) -> str:
    found = list(names)
    rest = ", ..." if len(found) > 5 else ""
    return ", ".join(map(repr, found[:5])) + rest


# Writing.


def write(file: h5py.File, model: Any, optimizer: Optimizer | None = None) -> None:
    """Write the weights into a file that is open, as Keras does."""
    root = file.create_group(MODEL)
    _write_names(root, "layer_names", [layer.name for layer in model.layers])
    for layer in model.layers:
        _write_group(root.create_group(layer.name), weights_of(layer))
    inside = {id(v) for layer in model.layers for v in layer.weights}
    own = [v for v in weights_of(model) if id(v) not in inside]
    _write_group(root.create_group(TOP), own)
    if optimizer is not None:
        _write_group(file.create_group(STATE), optimizer.variables)


def _write_group(group: Any, variables: Sequence[Variable]) -> None:
    names = keys_of(variables)
    for name, variable in zip(names, variables, strict=True):
        bfloat16 = variable.type.dtype == "bfloat16"
        array = variable.array
        group[name] = array.view("V2") if bfloat16 else array
    _write_names(group, "weight_names", names)


def _write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    data = [name.encode("utf-8") for name in names]
    size = max(map(len, data), default=1) * len(data)
    parts = -(-size // _ATTRIBUTE_LIMIT) or 1
    if parts == 1:
        group.attrs[attribute] = data
        return
    step = -(-len(data) // parts)
    for part in range(0, len(data), step):
        group.attrs[f"{attribute}{part // step}"] = data[part : part + step]
