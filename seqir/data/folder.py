"""A folder as a dataset, whatever its files are."""

from __future__ import annotations

import importlib
import os
from typing import Any, Final

from seqir.arguments import alternatives
from seqir.data.listing import PICTURES, SOUNDS, TEXTS, Kind, checked, subfolders, walk
from seqir.errors import ArgumentError

_READ_BY: Final = {
    # Pictures are above data, and load Pillow.
    PICTURES: ("seqir.images", "image_dataset_from_directory"),
    TEXTS: ("seqir.data.texts", "text_dataset_from_directory"),
    SOUNDS: ("seqir.data.sounds", "audio_dataset_from_directory"),
}


def from_folder(directory: str | os.PathLike[str], **options: object) -> Any:
    """The pictures, texts or sounds of a folder as a dataset, whichever it has.

    ========================================  ==================================
    ``.bmp``, ``.gif``, ``.jpg``, ``.png``    `image_dataset_from_directory`
    ``.txt``                                  `text_dataset_from_directory`
    ``.wav``                                  `audio_dataset_from_directory`
    ========================================  ==================================

    Files beside folders count only where no folder has any. `options` are those of the
    function that reads them.

    Raises: ArgumentError for a folder with files of several kinds or none; what that
        function raises.
    """
    root = checked(directory)
    follow_links = bool(options.get("follow_links"))
    inside = [os.path.join(root, name) for name in subfolders(root)]
    found = _kinds(inside, follow_links) or _kinds([root], follow_links)
    if len(found) != 1:
        names = [kind.name for kind in found or _READ_BY]
        functions = [_READ_BY[kind][1] for kind in found or _READ_BY]
        raise ArgumentError(
            f"{root} has {' and '.join(names)}: say which by calling "
            f"{alternatives(functions)}"
            if found
            else f"there are no {alternatives(names)} in {root}"
        )
    module, name = _READ_BY[found[0]]
    return getattr(importlib.import_module(module), name)(root, **options)


def _kinds(folders: list[str], follow_links: bool) -> list[Kind]:
    """Which of the kinds are in folders."""
    return [
        kind
        for kind in _READ_BY
        if any(next(walk(folder, kind, follow_links), None) for folder in folders)
    ]
