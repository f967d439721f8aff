"""Relax, TVM's language of models."""

from typing import Any

class VirtualMachine:
    def __init__(self, rt_mod: Any, device: Any) -> None: ...
    def __getitem__(self, key: str) -> Any: ...
