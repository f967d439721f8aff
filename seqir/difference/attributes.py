"""What attributes of a node are, those left out as ONNX takes them then."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

_EVERYWHERE = {"dilations": 1, "strides": 1, "pads": 0}
"""Attributes that are such a number along every axis where they are left out."""


def given(
    versions: Mapping[str, int], node: onnx.NodeProto
) -> dict[str, onnx.AttributeProto]:
    """The attributes of a node; `versions` are those of the domains."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    try:
        version = versions.get(domain, 1)
        schema = onnx.defs.get_schema(node.op_type, version, domain)
    except onnx.defs.SchemaError:
        return {a.name: a for a in node.attribute}
    defaults = {
        name: attribute.default_value
        for name, attribute in schema.attributes.items()
        if attribute.default_value.name
    }
    return {**defaults, **{a.name: a for a in node.attribute if not _is_implied(a)}}


def _is_implied(attribute: onnx.AttributeProto) -> bool:
    number = _EVERYWHERE.get(attribute.name)
    return number is not None and {*attribute.ints} == {number}


def serialized(attribute: onnx.AttributeProto | None) -> bytes:
    """An attribute as bytes that are equal where it is."""
    if attribute is None:
        return b""
    plain = onnx.AttributeProto()
    plain.CopyFrom(attribute)
    plain.doc_string = ""
    return plain.SerializeToString(deterministic=True)
