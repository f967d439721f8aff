"""Samples: pictures of sound."""

from collections.abc import Iterator

from layer_samples.sample import FIRST, LayerSample, s


def spectrograms() -> Iterator[LayerSample]:
    name, x = "STFTSpectrogram", (2, 40, 2)
    yield s(name, "real", 8, 3, scaling=None, expand_dims=True, x=x)
    yield s(name, "log", 16, x=x)
    yield s(name, "stft", 16, 4, 16, x=(2, 2, 40), expand_dims=True, **FIRST)
    yield s(name, "psd", 12, 5, 16, "hamming", True, "spectrum", "same", x=x)
    yield s(name, "imag", 8, window=[0.1] * 4 + [0.9] * 4, x=(2, 1, 20), **FIRST)
    yield s(name, "magnitude", 8, x=(2, 20, 1), dtype="mixed_float16")
    yield s(name, "angle", 16, x=(2, 40, 1), trainable=False)
    name = "MelSpectrogram"
    yield s(name, 32, 8, num_mel_bins=5, sampling_rate=800, x=(2, 80))
    yield s(name, 32, 10, 20, "hamming", 1000, 4, 30.0, 400.0, False, x=(1, 60))
    yield s(
        name, 16, num_mel_bins=3, mag_exp=1.0, top_db=20.0, ref_power=0.5, x=(2, 520)
    )


SAMPLES = (*spectrograms(),)
