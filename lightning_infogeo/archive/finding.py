"""Finding the archives of many runs in a folder, at whatever depth their loggers put them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from lightning_infogeo.archive.folder import ArchiveError, Folder
from lightning_infogeo.archive.layout import KEY


def find_archives(path: str | os.PathLike[str]) -> list[str]:
    """Returns the paths of the archives at or below a path, numbers in names ordered as numbers.

    What is named ``*.zarr`` or holds an unreadable ``zarr.json`` is returned, too, so that opening it says what is
    wrong with it; Zarr groups of other programs are not, unless the path itself is one.

    Args:
        path: of an archive or of a folder, local or a URL; ``*`` is the one wildcard.

    Raises:
        FileNotFoundError: where there is nothing at this path.
        ArchiveError: for a URL of an unknown kind.
    """
    folder = Folder(path)
    if "*" in folder.path and not folder.exists(""):
        pattern = re.sub(r"[?[]", r"[\g<0>]", folder._root)
        matches = [_path_of(folder, match) for match in sorted(folder._files.glob(pattern), key=_natural)]
        if not matches:
            raise FileNotFoundError(folder.path)
        return [archive for match in matches if folder._files.isdir(match) for archive in find_archives(match)]
    if folder.exists():
        return [folder.path]
    if not folder._files.exists(folder._root):
        raise FileNotFoundError(folder.path)
    if folder.path.endswith(".zarr"):
        return [folder.path]
    return sorted((_path_of(folder, match) for match in _archives_below(folder)), key=_natural)


def _archives_below(folder: Folder) -> Iterator[str]:
    # The local walk does not follow links, which may lead in circles.
    walk: Any = os.walk(folder._root) if folder.local else folder._files.walk(folder._root)
    for directory, subfolders, files in walk:
        if "zarr.json" in files:
            subfolders.clear()
            if _is_archive(Folder(_path_of(folder, directory))):
                yield directory
        elif directory.endswith(".zarr"):
            subfolders.clear()
            yield directory


def _is_archive(folder: Folder) -> bool:
    try:
        attributes = folder.document("zarr.json").get("attributes")
    except ArchiveError:
        return True
    return isinstance(attributes, dict) and KEY in attributes


def _path_of(folder: Folder, path: str) -> str:
    return path if folder.local else str(folder._files.unstrip_protocol(path))


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
