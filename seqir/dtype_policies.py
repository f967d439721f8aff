"""Which element types a layer computes in, and which its weights have.

==================  ======================  =========
policy              computes in             weights
==================  ======================  =========
name of a type      that type               that type
mixed_float16       float16                 float32
mixed_bfloat16      bfloat16                float32
==================  ======================  =========

A `DTypePolicyMap` has policies for layers of one model by their paths.

What holds for layers that say nothing is that of `set_dtype_policy`, and without it
``dtypes.floatx()``. Wherever a layer takes a dtype it takes a policy, its name or its
configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final, NoReturn, Self, TypeAlias

import numpy as np

from seqir import absent, dtypes
from seqir.errors import ArgumentError, DTypeError, UnsupportedError, did_you_mean
from seqir.narrow import is_a, is_mapping

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
        name = _usual().name if name is None else name
        if not is_a(name, str):
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

    def convert_input(self, x: Any, autocast: bool, dtype: dtypes.DTypeLike) -> Any:
        """What a layer makes of an input: floating-point numbers in that type.

        Without `autocast` they stay as they are, and so do integers and all that is
        neither a tensor nor an array.
        """
        if not hasattr(x, "astype") and hasattr(x, "__array__"):
            x = np.asarray(x)
        wanted = dtypes.canonical(dtype)
        found = getattr(x, "dtype", None)
        name = getattr(found, "name", found) or ""
        casts = autocast and dtypes.is_float(name) and name != wanted
        return x.astype(dtypes.to_numpy(wanted)) if casts else x

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


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies by the paths of layers; what is in none has the default policy.

    A key is a path (``"model/block/dense"``) or a regular expression for all of one
    (``"model/block/.*"``). A layer looks up its path when it is built.

    Raises: ArgumentError for what is no map, for a key that is there already, and for
        a path that several keys match.
    Source: Keras 3 ``keras.dtype_policies.DTypePolicyMap``.
    """

    def __init__(
        self,
        default_policy: PolicyLike | None = None,
        policy_map: Mapping[str, PolicyLike] | None = None,
    ) -> None:
        self._default = None if default_policy is None else get(default_policy)
        if isinstance(self._default, DTypePolicyMap):
            raise ArgumentError(
                "the default policy of a DTypePolicyMap is no map itself"
            )
        if policy_map is not None and not is_mapping(policy_map):
            raise ArgumentError(
                "policy_map is a dictionary of paths and policies, got "
                f"{type(policy_map).__name__}"
            )
        self._policies: dict[str, DTypePolicy] = {}
        for key, policy in (policy_map or {}).items():
            self[key] = policy

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers in no entry; that for all if none was given."""
        return _usual() if self._default is None else self._default

    @property
    def name(self) -> str:
        """The name of the default policy, behind ``map_``."""
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        """What layers in no entry compute in."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """What the weights of layers in no entry have."""
        return self.default_policy.variable_dtype

    def __getitem__(self, key: str) -> DTypePolicy:
        """The policy of the layer with that path."""
        if key in self._policies:
            return self._policies[key]
        found = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(
                f"the path {key!r} matches {len(found)} keys of the DTypePolicyMap: "
                f"{', '.join(map(repr, found))}; change them so that it matches one"
            )
        return self._policies[found[0]] if found else self.default_policy

    def __setitem__(self, key: str, policy: PolicyLike) -> None:
        if key in self._policies:
            raise ArgumentError(
                f"the DTypePolicyMap has {key!r} already, as "
                f"{self._policies[key].name!r}: delete it first"
            )
        try:
            re.compile(key)
        except re.error as error:
            raise ArgumentError(
                f"a key of a DTypePolicyMap is a path or a regular expression, got "
                f"{key!r}: {error}"
            ) from None
        self._policies[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal map."""
        entries = {key: serialize(policy) for key, policy in self._policies.items()}
        default = None if self._default is None else self._default.name
        return {"default_policy": default, "policy_map": entries}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DTypePolicyMap)
            and self._default == other._default
            and self._policies == other._policies
        )

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        entries = [(key, policy.name) for key, policy in self._policies.items()]
        default = self.default_policy.name
        return f"<DTypePolicyMap default_policy={default}, mapping={entries}>"


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


def _usual() -> DTypePolicy:
    """The policy for all, and that of a map for what is in no entry."""
    found = dtype_policy()
    return found.default_policy if isinstance(found, DTypePolicyMap) else found


def set_dtype_policy(policy: DTypePolicy | str) -> None:
    """Set the policy of layers that are made from now on and say nothing.

    Raises: ArgumentError for what is neither a policy nor a name.
    """
    global _current
    given: object = dtypes.named(policy)
    if not isinstance(given, DTypePolicy | str):
        raise ArgumentError(
            f"set_dtype_policy takes a policy or its name, got {given!r}"
        )
    _current = get(given)


def reset() -> None:
    """Forget what `set_dtype_policy` has set."""
    global _current
    _current = None


def get(identifier: Any) -> DTypePolicy:
    """The policy that a policy, a name, a configuration or a dtype stands for.

    Raises: DTypeError if it is none, UnsupportedError for policies of quantized layers.
    """
    identifier = dtypes.named(identifier)
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if is_mapping(identifier):
        default = getattr(identifier, "default_policy", None)
        if default is not None:  # a map of Keras's
            return DTypePolicyMap(default, identifier)
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
    kind = "DTypePolicyMap" if isinstance(policy, DTypePolicyMap) else "DTypePolicy"
    return {
        "module": "keras" if kind == "DTypePolicy" else "keras.dtype_policies",
        "class_name": kind,
        "config": policy.get_config(),
        "registered_name": None,
    }


def deserialize(stored: Mapping[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """The policy that `serialize` (or Keras) stored.

    Raises: UnsupportedError for policies of quantized layers.
    """
    del custom_objects  # there are no other policies
    kind, found = stored.get("class_name"), stored.get("config")
    made = KINDS.get(str(kind))
    if made is not None and is_mapping(found):
        if made is DTypePolicyMap:
            return DTypePolicyMap(found.get("default_policy"), found.get("policy_map"))
        if "name" in found:
            return DTypePolicy(found["name"])
    raise UnsupportedError(
        f"the dtype policy {kind!r} with config {found!r} is not one of seqir's: "
        "it has DTypePolicy with the name of an element type, or mixed_float16 "
        "and mixed_bfloat16, and DTypePolicyMap"
    )


FloatDTypePolicy = DTypePolicy
"""Keras's other name for it."""

KINDS: Final[Mapping[str, type[DTypePolicy]]] = {
    "DTypePolicy": DTypePolicy,
    "FloatDTypePolicy": DTypePolicy,
    "Policy": DTypePolicy,
    "DTypePolicyMap": DTypePolicyMap,
}
"""Policies by what files call their classes."""

__all__ = [
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "deserialize",
    "get",
    "serialize",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("dtype_policies", name)


PolicyLike: TypeAlias = dtypes.DTypeLike | DTypePolicy | Mapping[str, Any]
"""What says which element types a layer, loss or metric computes with."""
