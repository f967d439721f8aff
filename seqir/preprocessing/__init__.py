"""``seqir.preprocessing``, where Keras keeps what is in `seqir.utils`."""

from typing import NoReturn

from seqir import absent
from seqir.data.timeseries import timeseries_dataset_from_array
from seqir.images import image_dataset_from_directory
from seqir.preprocessing import image, sequence, text

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "timeseries_dataset_from_array",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("preprocessing", name)
