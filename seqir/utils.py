"""``seqir.utils``: the functions that Keras keeps under that name."""

from __future__ import annotations

import gc
import importlib
import json
import random
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any, TypeAlias

import numpy as np

from seqir import absent, dtype_policies, initializers, naming, nest
from seqir.arguments import integer, number
from seqir.data import Dataset
from seqir.data.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from seqir.errors import ArgumentError, did_you_mean
from seqir.ir import Array
from seqir.ops import bounding_boxes as bounding_boxes
from seqir.ops.tensor import TensorLike
from seqir.plain import python

_ELSEWHERE = {
    "CustomObjectScope": "seqir.registered",
    "FeatureSpace": "seqir.layers.feature_space",
    "Progbar": "seqir.callbacks.progbar",
    "PyDataset": "seqir.data",
    "array_to_img": "seqir.images",
    "audio_dataset_from_directory": "seqir.data.sounds",
    "custom_object_scope": "seqir.registered",
    "deserialize_keras_object": "seqir.saving",
    "disable_interactive_logging": "seqir.config",
    "enable_interactive_logging": "seqir.config",
    "get_custom_objects": "seqir.registered",
    "get_file": "seqir.downloads",
    "get_registered_name": "seqir.registered",
    "get_registered_object": "seqir.registered",
    "image_dataset_from_directory": "seqir.images",
    "img_to_array": "seqir.images",
    "is_interactive_logging_enabled": "seqir.config",
    "is_keras_tensor": "seqir.backend",
    "load_img": "seqir.images",
    "pad_sequences": "seqir.data.sequences",
    "register_keras_serializable": "seqir.registered",
    "save_img": "seqir.images",
    "serialize_keras_object": "seqir.saving",
    "standardize_dtype": "seqir.backend",
    "text_dataset_from_directory": "seqir.data.texts",
    "timeseries_dataset_from_array": "seqir.data.timeseries",
}


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and the initializers' random numbers.

    Raises: ArgumentError unless the seed is an integer >= 0.
    """
    seed = python(seed)
    initializers.set_random_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def clear_session() -> None:
    """Start anew: the next Dense is ``dense``, and no dtype policy is set.

    Models that nobody holds are freed; those that are held go on as they are.
    """
    dtype_policies.reset()
    naming.reset()
    gc.collect()


def to_categorical(x: TensorLike, num_classes: int | None = None) -> Array:
    """Integers as rows with a 1 at their place. Source: ``keras.utils``.

    Raises: ArgumentError if a label is out of range.
    """
    labels = np.asarray(x, np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    n = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= n):
        raise ArgumentError(
            f"labels must be from 0 to {n - 1}, got {labels.min()} to {labels.max()}"
        )
    return np.eye(n, dtype=np.float32)[labels]


def normalize(x: TensorLike, axis: int = -1, order: int = 2) -> Array:
    """x / |x| along an axis; what is 0 stays 0. Source: ``keras.utils``."""
    array = np.asarray(x)
    norms = np.linalg.norm(np.atleast_1d(array), order, axis, keepdims=True)
    return array / np.where(norms == 0, 1, norms)


def split_dataset(
    dataset: object,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """A `Dataset`, an array, or arrays in a list, tuple or dict, in two parts.

    Units: a size that is an integer is a number of samples, a fraction a share.
    Raises: ArgumentError for sizes that make no two parts, or for other data.
    Source: ``keras.utils.split_dataset``, which gives data sets of TensorFlow.
    """
    if isinstance(dataset, Dataset):
        left, right = _sizes(left_size, right_size, len(dataset))
        if shuffle:
            dataset = dataset.shuffle(None, seed, reshuffle_each_iteration=False)
        return dataset.take(left), dataset.skip(left).take(right)
    leaves = [np.asarray(leaf) for leaf in nest.flatten(dataset)]
    counts = {len(leaf) if leaf.ndim else 0 for leaf in leaves}
    if len(counts) != 1 or any(leaf.dtype == object for leaf in leaves):
        raise ArgumentError(
            "split_dataset takes arrays of one length, in a list, tuple or dict; got "
            f"{type(dataset).__name__} of lengths {sorted(counts)}"
        )
    (count,) = counts
    left, right = _sizes(left_size, right_size, count)
    order = np.arange(count)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    parts = order[:left], order[left : left + right]
    first, second = (nest.pack(dataset, [a[part] for a in leaves]) for part in parts)
    return first, second


def _sizes(
    left_size: float | None, right_size: float | None, count: int
) -> tuple[int, int]:
    """How many samples the two parts get."""
    left = _part("left_size", left_size, count)
    right = _part("right_size", right_size, count)
    if left is None and right is None:
        raise ArgumentError("split_dataset needs left_size or right_size")
    left = count - (right or 0) if left is None else left
    right = count - left if right is None else right
    if left < 0 or right < 0 or left + right > count:
        raise ArgumentError(f"{left} and {right} samples are more than {count}")
    return left, right


def _part(name: str, size: float | None, count: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, float):
        return round(number(name, size, least=0, most=1) * count)
    return integer(name, size, least=0)


def get_source_inputs(tensor: Any) -> list[Any]:
    """The inputs that a tensor of a model is computed from.

    Source: ``keras.utils.get_source_inputs``.
    """
    found: dict[Any, None] = {}
    seen: set[int] = set()
    todo = [tensor]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        before = list(one.call.inputs) if one.call is not None else []
        if before:
            todo += reversed(before)
        else:
            found[one] = None
    return list(found)


Setting: TypeAlias = Any
"""What a `Config` has under a name."""


class Config:
    """Settings by name: ``config.rate`` and ``config["rate"]`` are the same.

    `freeze` lets nothing be changed until `unfreeze`.

    Raises: ArgumentError for a change while it is frozen, AttributeError for a name
        that is not there.
    Source: ``keras.utils.Config``.
    """

    _config: dict[str, Setting]
    _frozen: bool

    def __init__(self, **kwargs: Setting) -> None:
        vars(self).update(_config=kwargs, _frozen=False)

    @property
    def frozen(self) -> bool:
        """Whether nothing can be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Let nothing be changed."""
        vars(self)["_frozen"] = True

    def unfreeze(self) -> None:
        """Let all be changed again."""
        vars(self)["_frozen"] = False

    def as_dict(self) -> dict[str, Setting]:
        """The settings; a copy."""
        return dict(self._config)

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps(self._config)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._config.keys()

    def values(self) -> ValuesView[Setting]:
        """The settings without their names."""
        return self._config.values()

    def items(self) -> ItemsView[str, Setting]:
        """Names and settings."""
        return self._config.items()

    def get(self, keyname: str, value: Setting = None) -> Setting:
        """A setting, or `value` if it is not there."""
        return self._config.get(keyname, value)

    def pop(self, *args: Setting) -> Setting:
        """A setting, which is taken out."""
        return self._changed().pop(*args)

    def update(self, *args: Setting, **kwargs: Setting) -> None:
        """Take the settings of a dictionary."""
        self._changed().update(*args, **kwargs)

    def _changed(self) -> dict[str, Setting]:
        if self._frozen:
            raise ArgumentError(
                "the Config is frozen: call its unfreeze() before you change it"
            )
        return self._config

    def __getattr__(self, name: str) -> Setting:
        found = vars(self).get("_config", {})
        if name not in found:
            hint = did_you_mean(name, found)
            raise AttributeError(f"the Config has no setting {name!r}{hint}")
        return found[name]

    def __setattr__(self, name: str, value: Setting) -> None:
        self._changed()[name] = value

    def __getitem__(self, key: str) -> Setting:
        return getattr(self, key)

    def __setitem__(self, key: str, item: Setting) -> None:
        self._changed()[key] = item

    def __delitem__(self, key: str) -> None:
        del self._changed()[key]

    def __contains__(self, item: object) -> bool:
        return item in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"


def plot_model(model: Any, to_file: Any = "model.svg", **options: Any) -> Any:
    """Draw a model; see `seqir.plot.plot_model`."""
    from seqir.plot import plot_model as plot

    return plot(model, to_file, **options)


def model_to_dot(model: Any, **options: Any) -> Any:
    """A drawing of a model; see `seqir.plot.model_to_dot`."""
    from seqir.plot import model_to_dot as draw

    return draw(model, **options)


__all__ = [
    "Config",
    "clear_session",
    "get_source_inputs",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    if name == "Sequence":  # its name in Keras 2
        return importlib.import_module("seqir.data").PyDataset
    absent.refuse("utils", name)
