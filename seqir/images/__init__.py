"""Pictures: from files to arrays and back, and folders of them as datasets.

Pillow opens pictures, and is imported when the first one is opened. Those of folders
are resized as TensorFlow does, because models were trained on that.
"""

from seqir.images.arrays import array_to_img, img_to_array, save_img
from seqir.images.dataset import ImageDataset, image_dataset_from_directory
from seqir.images.load import load_img

__all__ = [
    "ImageDataset",
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "save_img",
]
