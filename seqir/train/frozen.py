"""Training on features: the frozen front of a step runs once for each sample.

The arrays that a training draws its batches from are replaced by what the front makes
of them. Shuffling, validation, checkpoints and resuming go on as they are.
"""

from __future__ import annotations

import hashlib
import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seqir import tensorfile
from seqir.data.arrays import ArrayBatches
from seqir.data.batch import named, take
from seqir.data.convert import content
from seqir.errors import (
    ArgumentError,
    ExportError,
    GraphError,
    LoadError,
    UnsupportedError,
)
from seqir.ir import Array
from seqir.train.compiled import Compiled
from seqir.train.feeds import Feeder
from seqir.train.trainable import Trainable

if TYPE_CHECKING:
    from seqir.data import Batches
    from seqir.train.front import Front
    from seqir.train.steps import Step

KIND: Final = "seqir features"
MEMORY: Final = "memory"
ROWS: Final = 256
"""Samples that are hashed at once."""
SAME: Final = 1e-3
"""By how much, relatively, rounding may change a feature."""


class FrozenFeeder(Feeder):
    """Feeds steps that are cut: with features, which it may have been given."""

    cut = True

    def __init__(self, compiled: Compiled, *, training: bool) -> None:
        super().__init__(compiled, training=training)
        self._given: str | None = None
        """The key of the front that has computed what comes as x."""

    def inputs(self, step: Step, x: Any) -> dict[str, Array]:
        front = step.front
        assert front is not None
        if self._given is None:
            return front.run(super().inputs(step, x))
        if front.key != self._given:
            raise GraphError(
                f"the frozen part of model {self.compiled.model.name!r} has changed "
                "while its features were in use: freeze, thaw and assign between calls "
                "of fit, or train without cache_frozen"
            )
        return dict(x)

    def keep(self, batches: ArrayBatches, where: str | PathLike[str]) -> None:
        """Put features in the place of x, from now on.

        They are computed, or read from the folder `where` if a training before has
        left them there; "memory" is not a folder.

        Raises: UnsupportedError if samples of a batch take part in each other's
            features.
        """
        step, _ = self.step_of(take(batches.whole, slice(1)))
        front = step.front
        assert front is not None
        features = _Features(front, self.compiled.model, batches)
        found = features.compute() if where == MEMORY else features.stored(Path(where))
        if front.passed:
            found |= front.past(self.compiled.model.batch_feeds(batches.whole.x))
        front.release()
        self._given = front.key
        batches.whole = batches.whole._replace(x=found)


def require_arrays(batches: Batches) -> None:
    """ArgumentError unless the batches are rows of arrays."""
    if not isinstance(batches, ArrayBatches):
        raise ArgumentError(
            "cache_frozen keeps the features of each sample and needs x to be arrays: "
            "what makes batches itself may give other samples in each epoch"
        )


class _Features:
    """What a front makes of all samples, each in a batch of the training's size."""

    def __init__(self, front: Front, model: Trainable, batches: ArrayBatches) -> None:
        self.front = front
        self.model = model
        self.whole = batches.whole
        self.size = min(batches.batch_size or 1, batches.whole.size)

    def compute(self) -> dict[str, Array]:
        """Run the front over all samples.

        Raises: UnsupportedError if samples take part in each other's features.
        """
        total = self.whole.size
        arrays: dict[str, Array] = {}
        for first in range(0, total, self.size):
            rows = slice(first, min(first + self.size, total))
            for name, part in self._of(rows).items():
                if name not in arrays:
                    arrays[name] = np.empty((total, *part.shape[1:]), part.dtype)
                arrays[name][rows] = part
        self._check(arrays)
        return arrays

    def _of(self, rows: slice | Array) -> dict[str, Array]:
        found = self.front.run(self.model.batch_feeds(take(self.whole, rows).x))
        return {name: found[name] for name in self.front.graph.outputs}

    def _check(self, arrays: dict[str, Array]) -> None:
        """Compute some samples again, among others and in the other batch size."""
        total, size = self.whole.size, self.size
        worst = 0.0
        for count in {size, total % size or size}:
            rows = (np.arange(count)[::-1] + size // 2) % total
            for name, found in self._of(rows).items():
                worst = max(worst, _difference(found, arrays[name][rows]))
        if worst > SAME:
            raise UnsupportedError(
                f"the frozen part of model {self.model.name!r} computes with all "
                "samples of a batch: the features of a sample change by "
                f"{worst:.1g} with its neighbours, and cache_frozen cannot keep them"
            )
        if worst:
            warnings.warn(
                f"the frozen part of model {self.model.name!r} rounds in another way "
                f"in batches of another size (by {worst:.1g}): a training with "
                "cache_frozen ends near the one without, not with the same bits",
                stacklevel=2,
            )

    def stored(self, folder: Path) -> dict[str, Array]:
        """The features from a file of the folder, which is written if need be."""
        key = self._key()
        path = folder / f"features-{key[:24]}.safetensors"
        try:
            found, note = tensorfile.read(path)
            if note.get("kind") == KIND and note.get("key") == key:
                return found
            problem = f"{path} holds something else"
        except LoadError as error:
            problem = str(error) if path.exists() else ""
        if problem:
            warnings.warn(f"features are computed anew: {problem}", stacklevel=2)
        found = self.compute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tensorfile.write(path, found, {"kind": KIND, "key": key})
        except (ExportError, OSError) as error:
            warnings.warn(f"features are not kept: {error}", stacklevel=2)
        return found

    def _key(self) -> str:
        """A hash of the front, of the data, and of the size of the batches."""
        total = hashlib.sha256(f"{self.front.key} {self.size}".encode())
        for name, array in named(self.whole.x, "x"):
            total.update(f"{name} {array.dtype} {array.shape}".encode())
            for first in range(0, len(array), ROWS):
                total.update(content(array[first : first + ROWS]))
        return total.hexdigest()


def _difference(found: Array, wanted: Array) -> float:
    """The largest difference of two arrays, over the largest magnitude."""
    if found.tobytes() == wanted.tobytes():
        return 0.0
    if found.dtype.kind not in "fV":
        return 1.0
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        largest = np.nanmax(np.abs(b), initial=1e-30)
        return float(np.nanmax(np.abs(a - b), initial=0.0) / largest) or 1e-30
