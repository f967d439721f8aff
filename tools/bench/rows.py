"""A row of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Row:
    """One target and what was measured."""

    what: str
    measured: str
    target: str
    met: bool
