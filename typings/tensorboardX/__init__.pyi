"""What seqir writes TensorBoard's files with."""

from typing import Any

class SummaryWriter:
    def __init__(self, logdir: str) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
