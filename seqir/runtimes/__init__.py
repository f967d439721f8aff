"""Runtimes that models are verified on: one file for each.

A file here is a `Runtime`, and it stands alone: it imports Python's own modules, NumPy,
its runtime, and of seqir only such files in this folder, because `worker` loads it by
its path, in a process of its own and maybe in an environment that has no seqir.
"""

from __future__ import annotations

from seqir.runtimes.known import NAMES, Runtime, Spec, parse
from seqir.runtimes.process import Answer, Limits, Result, compute

__all__ = ["NAMES", "Answer", "Limits", "Result", "Runtime", "Spec", "compute", "parse"]
