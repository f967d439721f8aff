"""Windows that slide over a series, as a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.arguments import integer
from seqir.data.dataset import ShuffledDataset
from seqir.errors import ArgumentError
from seqir.ir import Array


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> TimeSeries:
    """Batches of windows of a series: ``data[i : i + sequence_length]``, and targets.

    The target of the window that begins at i is ``targets[i]``.

    Args:
        data: the series, (time, ...).
        targets: what belongs to each moment, or None.
        sequence_length: moments of a window.
        sequence_stride: moments from one window to the next.
        sampling_rate: moments from one item of a window to the next.
        batch_size: windows of a batch; None gives single windows.
        shuffle: whether windows come in another order in each epoch.
        seed: what the order is a function of.
        start_index: the first moment that is used.
        end_index: the moment behind the last one.

    Raises: ArgumentError for values that make no window.
    Source: ``keras.utils.timeseries_dataset_from_array``, which gives a data set of
    TensorFlow; this one is a `PyDataset`.
    """
    steps = {
        "sequence_length": sequence_length,
        "sequence_stride": sequence_stride,
        "sampling_rate": sampling_rate,
    }
    for name, step in steps.items():
        most = len(data) if name == "sequence_length" else len(data) - 1
        integer(name, step, least=1, most=most)
    begin, end = start_index or 0, len(data) if end_index is None else end_index
    if not 0 <= begin < end <= len(data):
        raise ArgumentError(
            f"start_index and end_index must be 0 <= start < end <= {len(data)}, got "
            f"{begin} and {end}"
        )
    series = np.asarray(data)[begin:end]
    wanted = None if targets is None else np.asarray(targets)[begin:end]
    count = len(series) - (sequence_length - 1) * sampling_rate
    if wanted is not None:
        count = min(count, len(wanted))
    places = np.arange(0, max(count, 0), sequence_stride)
    window = np.arange(sequence_length) * sampling_rate
    found = TimeSeries(series, wanted, places, window, batch_size)
    if shuffle:
        drawn = int(np.random.default_rng().integers(1 << 32))
        found.seed = drawn if seed is None else seed
    return found


class TimeSeries(ShuffledDataset):
    """Batches of windows; made by `timeseries_dataset_from_array`."""

    def __init__(
        self,
        data: Array,
        targets: Array | None,
        places: Array,
        window: Array,
        batch_size: int | None,
    ) -> None:
        super().__init__()
        self._data, self._targets, self._window = data, targets, window
        self._places, self._size = places, batch_size
        self.varies = batch_size is not None

    def __len__(self) -> int:
        return -(-len(self._places) // (self._size or 1))

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        size = self._size
        places = self._places[self.order(len(self._places))]
        batch = index if size is None else slice(index * size, (index + 1) * size)
        places = places[batch]
        windows = self._data[places[..., None] + self._window]
        return windows if self._targets is None else (windows, self._targets[places])
