# Keras has no types. What tests and benchmarks compare with is therefore anything.
from typing import Any

def __getattr__(name: str) -> Any: ...
