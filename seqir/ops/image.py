"""The functions of ``keras.ops.image``."""

from typing import NoReturn

from seqir.ops.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from seqir.ops.filters import gaussian_blur, sobel_edges, ssim
from seqir.ops.framing import (
    crop_images,
    extract_patches,
    extract_patches_3d,
    pad_images,
    resize,
    scale_and_translate,
)
from seqir.ops.refused import refuse
from seqir.ops.warp import affine_transform, map_coordinates, perspective_transform

__all__ = [
    "affine_transform",
    "crop_images",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]


def __getattr__(name: str) -> NoReturn:
    refuse(name, "image")
