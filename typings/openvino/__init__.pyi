"""OpenVINO, as far as it is used."""

from collections.abc import Mapping, Sequence
from typing import Any

class Port:
    def get_any_name(self) -> str: ...
    def get_names(self) -> set[str]: ...

class CompiledModel:
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    def __call__(self, inputs: Mapping[str, Any]) -> Mapping[int, Any]: ...

class Core:
    def read_model(self, model: str) -> Any: ...
    def compile_model(
        self, model: str, device: str, config: Mapping[str, Any]
    ) -> CompiledModel: ...
