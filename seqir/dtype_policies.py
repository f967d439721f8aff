"""Which element types a layer computes in, and which its weights have.

==================  ======================  =========
policy              computes in             weights
==================  ======================  =========
name of a type      that type               that type
mixed_float16       float16                 float32
mixed_bfloat16      bfloat16                float32
==================  ======================  =========

What holds for layers that say nothing is that of `set_dtype_policy`, and without it
``dtypes.floatx()``. Wherever a layer takes a dtype it takes a policy, its name or its
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Self, TypeAlias

from seqir import absent, dtypes
from seqir.errors import ArgumentError, DTypeError, UnsupportedError, did_you_mean

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_QUANTIZED = ("int8", "float8", "int4", "gptq", "awq")
"""What the names of Keras's policies of quantized layers begin with."""
_current: DTypePolicy | None = None


class DTypePolicy:
    """The element types of a layer, by name; that of layers that say nothing for None.

    Raises: DTypeError for what is neither the name of a type nor of a mixture,
        UnsupportedError for the name of a policy of quantized layers.
    Source: Keras 3 ``keras.DTypePolicy``.
    """

    quantization_mode = None

    def __init__(self, name: str | None = None) -> None:
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise DTypeError(f"the name of a dtype policy is a text, got {name!r}")
        self._name = name
        self._compute_dtype = _MIXED.get(name) or _type_named(name)
        self._variable_dtype = "float32" if name in _MIXED else self._compute_dtype

    @property
    def name(self) -> str:
        """The name that stands for the policy."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """What a layer computes in."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """What its weights have."""
        return self._variable_dtype

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The policy that `get_config` describes."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def _type_named(name: str) -> str:
    mode, _, source = name.partition("_from_")
    if source and mode.startswith(_QUANTIZED):
        raise UnsupportedError(
            f"the dtype policy {name!r} is for quantized layers, which seqir does not "
            f"have: use {source!r}, and quantize the exported file with "
            "onnxruntime.quantization"
        )
    try:
        return dtypes.canonical(name)
    except DTypeError as error:
        raise DTypeError(
            f"{name!r} is not a dtype policy: it is the name of an element type, or "
            f"one of {', '.join(_MIXED)}.{did_you_mean(name, (*dtypes.ALL, *_MIXED))}"
        ) from error


def dtype_policy() -> DTypePolicy:
    """The policy of layers that say nothing."""
    return _current or DTypePolicy(dtypes.floatx())


def set_dtype_policy(policy: DTypePolicy | str) -> None:
    """Set the policy of layers that are made from now on and say nothing.

    Raises: ArgumentError for what is neither a policy nor a name.
    """
    global _current
    if not isinstance(policy, DTypePolicy | str):
        raise ArgumentError(
            f"set_dtype_policy takes a policy or its name, got {policy!r}"
        )
    _current = get(policy)


def reset() -> None:
    """Forget what `set_dtype_policy` has set."""
    global _current
    _current = None


def get(identifier: Any) -> DTypePolicy:
    """The policy that a policy, a name, a configuration or a dtype stands for.

    Raises: DTypeError if it is none, UnsupportedError for policies of quantized layers.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if hasattr(identifier, "default_policy"):
        raise UnsupportedError(
            f"the dtype policy {identifier!r} is a map of layers, which seqir does not "
            "have: give each layer its own dtype"
        )
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    name = identifier if isinstance(identifier, str) else _name_of(identifier)
    return DTypePolicy(name)


def _name_of(identifier: Any) -> str:
    """The name of a policy of Keras's, or of an element type in another form."""
    name = getattr(identifier, "name", None)
    if isinstance(name, str) and (name in _MIXED or "_from_" in name):
        return name
    return dtypes.canonical(name or identifier)


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """The dictionary that stands for a policy, in the form of Keras."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }


def deserialize(stored: Mapping[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """The policy that `serialize` (or Keras) stored.

    Raises: UnsupportedError for policies of quantized layers.
    """
    del custom_objects  # there are no other policies
    kind, found = stored.get("class_name"), stored.get("config")
    name = found.get("name") if isinstance(found, Mapping) else None
    if kind not in ("DTypePolicy", "FloatDTypePolicy", "Policy") or not isinstance(
        name, str
    ):
        raise UnsupportedError(
            f"the dtype policy {kind!r} with config {found!r} is not one of seqir's: "
            "it has DTypePolicy with the name of an element type, or mixed_float16 "
            "and mixed_bfloat16"
        )
    return DTypePolicy(name)


FloatDTypePolicy = DTypePolicy
"""Keras's other name for it."""


__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "deserialize",
    "get",
    "serialize",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("dtype_policies", name)


PolicyLike: TypeAlias = dtypes.DTypeLike | DTypePolicy | Mapping[str, Any]
"""What says which element types a layer, loss or metric computes with."""
