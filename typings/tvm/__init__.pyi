"""TVM, as far as it is used."""

from typing import Any

runtime: Any

def compile(mod: Any, target: str) -> Any: ...
def cpu() -> Any: ...
