"""Numbers as the bins that they fall in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqir import config, ops
from seqir.arguments import integer, number
from seqir.errors import ArgumentError, NotBuiltError
from seqir.ir import Array
from seqir.layer.keywords import keyword
from seqir.layers.adapting import batches, no_data
from seqir.layers.encoding import INT, Preprocessing, encoded, mode_of, refuse_sparse
from seqir.ops.tensor import Result
from seqir.plain import listed


class Discretization(Preprocessing):
    """The bin of each number: how many of the boundaries are not above it.

    Boundaries are given, or `adapt` finds those that cut its data into `num_bins` bins
    of about as many values.

    Shapes: "int" x -> y as x; else as `CategoryEncoding`.
    Units: epsilon: how far off a boundary may be, as a share of the data.
    Source: Keras 3 ``layers.Discretization``.
    """

    bin_boundaries: Any = None
    num_bins: int | None = None
    epsilon: float = 0.01
    output_mode: str = INT
    sparse: bool = False
    dtype: Any = keyword(default=None)
    name: str = keyword(default=None)

    single_input = True

    def setup(self) -> None:
        refuse_sparse(self.sparse)
        self.output_mode = mode_of(self.output_mode)
        number("epsilon", self.epsilon, above=0, most=1)
        if (self.bin_boundaries is None) == (self.num_bins is None):
            raise ArgumentError(
                "Discretization takes bin_boundaries, or num_bins to find them by "
                f"adapt, got bin_boundaries={self.bin_boundaries!r} and "
                f"num_bins={self.num_bins!r}"
            )
        if self.num_bins is not None:
            self.num_bins = integer("num_bins", self.num_bins, least=1)
        else:
            self.bin_boundaries = _boundaries(self.bin_boundaries)

    def call(self, x: Result) -> Result:
        if self.bin_boundaries is None:
            raise NotBuiltError(
                f"layer {self.name!r} does not know its bins: call adapt with data "
                "before you call the layer, or make it with bin_boundaries"
            )
        edges = np.asarray(self.bin_boundaries, np.float32)
        indices = ops.digitize(ops.cast(x, config.floatx()), edges)
        kind = "int32" if self.output_mode == INT else self.compute_dtype
        return encoded(indices, self.output_mode, len(edges) + 1, kind)

    def adapt(self, data: object, steps: int | None = None) -> None:
        """Find the boundaries, of an array or of all (or `steps`) batches.

        Raises: ArgumentError if they were given, or there is no data.
        """
        if self.num_bins is None:
            raise ArgumentError(
                f"layer {self.name!r} was given bin_boundaries: make a Discretization "
                "with num_bins to adapt it"
            )
        found = np.zeros((2, 0), np.float32)
        for batch in batches(data, self.name, steps):
            if batch.size:
                both = np.concatenate((_summary(batch, self.epsilon), found), axis=1)
                ordered = both[:, np.argsort(both[0])]
                found = _compressed(ordered, self.epsilon)
        if not found.size:
            raise no_data(self.name)
        self.bin_boundaries = _compressed(found, 1 / self.num_bins)[0, :-1].tolist()

    @property
    def learns(self) -> bool:
        """Whether there is something for `adapt` to learn."""
        return self.num_bins is not None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The layer that `get_config` describes, with the bins that it had learned."""
        given = dict(config)
        adapted = given.get("num_bins") is not None
        learned = given.pop("bin_boundaries", None) if adapted else None
        layer = super().from_config(given)
        if learned is not None:
            layer.bin_boundaries = _boundaries(learned)
        return layer

    def _described(self) -> dict[str, object]:
        found = super()._described()
        del found["trainable"]  # as in Keras, whose layer does not take it
        return found


def _boundaries(given: object) -> list[float]:
    """The boundaries as a list, which rises or falls."""
    try:
        found = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        found = np.full(1, np.nan)
    steps = np.diff(found) if found.ndim == 1 else np.full(1, np.nan)
    if np.isnan(found).any() or not ((steps >= 0).all() or (steps <= 0).all()):
        raise ArgumentError(
            f"bin_boundaries must be numbers in their order, got {given!r}"
        )
    return list(listed(given))


# A summary of values is an array of two rows: some of them in their order, and how
# many each stands for.


def _summary(values: Array, epsilon: float) -> Array:
    """About 1 / epsilon of the values, evenly spaced in their order."""
    ordered = np.sort(values.astype(np.float32), axis=None)
    step = max(ordered.size * epsilon, 1)
    kept = ordered[int(step - 1) :: int(step)]
    return np.stack((kept, np.full_like(kept, step)))


def _between(at: Array, places: Array, values: Array) -> Array:
    wide = np.float64
    return np.interp(at.astype(wide), places.astype(wide), values.astype(wide))


def _compressed(summary: Array, epsilon: float) -> Array:
    """A summary of about 1 / epsilon values, interpolated between those that it has."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    up_to = summary[1].cumsum()
    share_up_to = up_to / up_to[-1]
    values = _between(shares, share_up_to, summary[0])
    counts = np.diff(_between(shares, share_up_to, up_to), prepend=0)
    return np.stack((values, counts)).astype(np.float32)


__all__ = ["Discretization"]
