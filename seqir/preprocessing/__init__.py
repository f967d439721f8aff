"""``seqir.preprocessing``, where Keras keeps what is in `seqir.utils`."""

from seqir.data.texts import text_dataset_from_directory
from seqir.data.timeseries import timeseries_dataset_from_array
from seqir.images import image_dataset_from_directory
from seqir.preprocessing import image, sequence, text

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
