"""Forecasting: the next hour of a series with an LSTM.

A year of hourly values with a daily and a weekly rhythm, a trend and noise, cut into
windows of two days by `timeseries_dataset_from_array`. The network beats the forecast
that everybody can make (tomorrow as today), and becomes one ONNX file that takes
windows of any length.

Run: ``python examples/forecast.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np

import seqir as keras
from seqir import layers

HOURS, WINDOW, DAY = 24 * 7 * 30, 48, 24


def series() -> np.ndarray:
    """Hourly values of thirty weeks, with a mean of 0 and a deviation of 1."""
    hour = np.arange(HOURS)
    rng = np.random.default_rng(0)
    daily, weekly = np.sin(2 * np.pi * hour / DAY), np.sin(2 * np.pi * hour / (7 * DAY))
    values = daily * (1 + 0.5 * weekly) + 0.3 * weekly + 0.1 * rng.normal(size=HOURS)
    return ((values - values.mean()) / values.std()).astype(np.float32)


def windows(values: np.ndarray, *, shuffle: bool) -> object:
    """Windows of two days, each with the value of the hour after it."""
    return keras.utils.timeseries_dataset_from_array(
        values[:-WINDOW, None],
        values[WINDOW:, None],
        sequence_length=WINDOW,
        batch_size=64,
        shuffle=shuffle,
        seed=1,
    )


def main(folder: str = "out") -> None:
    """Cut, train, compare, export."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    values = series()
    cut = int(0.8 * HOURS)
    model = keras.Sequential(
        [
            keras.Input((None, 1), name="window"),
            layers.LSTM(24, return_sequences=True),
            layers.LSTM(24),
            layers.Dense(1),
        ],
        name="forecast",
    )
    model.summary()
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    model.fit(windows(values[:cut], shuffle=True), epochs=4, verbose=0)
    _, error = model.evaluate(windows(values[cut:], shuffle=False), verbose=0)
    naive = float(np.abs(values[cut + DAY :] - values[cut:-DAY]).mean())
    print(f"mean error {error:.3f}; as it was a day before: {naive:.3f}")
    assert error < 0.7 * naive
    report = model.export(out / "forecast.onnx")
    print(f"{report.nodes['LSTM']} nodes LSTM in the file, which takes any length")


if __name__ == "__main__":
    main(*sys.argv[1:])
