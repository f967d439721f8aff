"""Numbers from a file for the variables of a model: all of them are taken, or none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from seqir.errors import (
    DTypeError,
    SeqirError,
    ShapeError,
    UnsafeFileError,
    explain,
)
from seqir.ops.variable import Variable, assign_all
from seqir.optimizers import Optimizer

Array = np.ndarray[Any, Any]
Read = Callable[[int, Variable], Array]
"""Reads the array with a number, for a variable; its shape is compared first."""

_SHOWN: Final = 10


class Fitting:
    """Arrays that have been read and wait until all of them are known to fit.

    Args:
        source: the file, for messages.
        skip_mismatch: leave out layers that do not fit, with a warning.
    """

    def __init__(self, source: str, *, skip_mismatch: bool = False) -> None:
        self.source = source
        self.skip_mismatch = skip_mismatch
        self._pairs: list[tuple[Variable, Array]] = []
        self._wrong: list[str] = []
        self._own: list[tuple[Sequence[Variable], Callable[[], None]]] = []

    @property
    def fits(self) -> bool:
        """Whether nothing was refused."""
        return not self._wrong

    def take(
        self, who: str, variables: Sequence[Variable], found: int, read: Read
    ) -> None:
        """Read the arrays of one layer, of which the file has `found`."""
        if found != len(variables):
            self.refuse(
                f"{who} has {len(variables)} weights, the file has {found} in its place"
            )
            return
        try:
            pairs = _pairs(variables, read)
        except (ShapeError, DTypeError) as error:
            self.refuse(f"{who}: {explain(error)}")
        else:
            self._pairs.extend(pairs)

    def take_own(
        self,
        variables: Sequence[Variable],
        arrays: Mapping[str, Array],
        load: Callable[[Mapping[str, Array]], None],
    ) -> None:
        """Keep the arrays of a layer that takes them itself, and has these weights."""
        self._own.append((variables, lambda: load(arrays)))

    def take_state(
        self,
        optimizer: Optimizer,
        trained: Sequence[Variable],
        found: int,
        read: Read,
    ) -> None:
        """Read the state of an optimizer; what does not fit is left, with a warning.

        Its slots are made, for what is trained, if the file has some. A file of an
        optimizer that made no step holds the number of steps, and the learning rate,
        alone.
        """
        if found > len(optimizer.variables) and trained:
            optimizer.build(trained)
        variables = optimizer.variables
        if found < len(variables) and found <= 2:
            variables = variables[:found]
        elif found == len(variables) - 1:  # Keras 2 has the rate in the settings alone
            variables = [v for v in variables if v.name != "learning_rate"]
        try:
            if found != len(variables):
                raise ShapeError(
                    f"it has {len(variables)} variables, the file has {found}"
                )
            try:
                pairs = _pairs(variables, read)
            except ShapeError:  # Nadam's product came first, up to Keras 3.9
                scalars_first = sorted(variables, key=lambda v: len(v.shape) > 0)
                pairs = _pairs(scalars_first, read)
            self._pairs.extend(pairs)
        except UnsafeFileError:
            raise
        except SeqirError as error:
            warnings.warn(
                f"the state of optimizer {optimizer.name!r} in {self.source} is of "
                f"another optimizer, it starts anew: {explain(error)}",
                stacklevel=5,
            )

    def refuse(self, why: str) -> None:
        """Remember what does not fit."""
        self._wrong.append(why)

    def finish(self) -> None:
        """Give all variables their arrays.

        Raises: ShapeError if anything does not fit, and nothing has changed then.
        """
        if self._wrong:
            shown = "; ".join(self._wrong[:_SHOWN])
            more = len(self._wrong) - _SHOWN
            text = f"{shown}; and {more} more" if more > 0 else shown
            if not self.skip_mismatch:
                raise ShapeError(
                    f"the weights in {self.source} belong to another model: {text}. "
                    "With skip_mismatch=True what fits is loaded"
                )
            warnings.warn(
                f"left out of {self.source}, as skip_mismatch=True says: {text}",
                stacklevel=4,
            )
        self._load_own()
        variables = [variable for variable, _ in self._pairs]
        self._pairs.reverse()
        assign_all(variables, (self._next_array() for _ in variables))

    def _load_own(self) -> None:
        """Let layers take their arrays; if one fails, their weights are as before."""
        variables = [v for own, _ in self._own for v in own]
        before = [variable.array for variable in variables]
        try:
            for _, load in self._own:
                load()
        except BaseException:
            assign_all(variables, before)
            raise

    def _next_array(self) -> Array:
        """The next array, which goes when its variable has it."""
        _, array = self._pairs.pop()
        array.flags.writeable = False  # so that the variable need not copy it
        return array


def _pairs(variables: Sequence[Variable], read: Read) -> list[tuple[Variable, Array]]:
    """The variables with what is read for them, in this order."""
    return [(v, read(i, v)) for i, v in enumerate(variables)]
