"""What a variable is for."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["weight", "statistic", "state"]
"""A weight is meant to be trained, a statistic changes in training only, and a state
changes also when a model just runs: a counter, or what a recurrence has ended with."""

ROLES: Final = get_args(Role)
