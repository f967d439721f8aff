# What benchmarks need of PyTorch, which is not installed where types are checked.
from typing import Any

from torch import nn as nn

def __getattr__(name: str) -> Any: ...
