"""Archives in a folder: those of many runs, wherever their loggers put them."""

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
        path: of an archive or of a folder, local or a URL; may hold ``*``, and no other character stands for others.

    Raises:
        FileNotFoundError: where there is nothing at this path.
        ArchiveError: for a URL of an unknown kind.
    """
    given = Folder(path)
    if "*" in given.path and not given.exists(""):
        pattern = re.sub(r"[?[]", r"[\g<0>]", given._root)
        places = [_named(given, place) for place in sorted(given._files.glob(pattern), key=_natural)]
        if not places:
            raise FileNotFoundError(given.path)
        return [found for place in places if given._files.isdir(place) for found in find_archives(place)]
    if given.exists():
        return [given.path]
    if not given._files.exists(given._root):
        raise FileNotFoundError(given.path)
    if given.path.endswith(".zarr"):
        return [given.path]
    return sorted((_named(given, place) for place in _below(given)), key=_natural)


def _below(folder: Folder) -> Iterator[str]:
    # The local walk does not follow links, which may lead in circles.
    walk: Any = os.walk(folder._root) if folder.local else folder._files.walk(folder._root)
    for place, folders, files in walk:
        if "zarr.json" in files:
            folders.clear()
            if _ours(Folder(_named(folder, place))):
                yield place
        elif place.endswith(".zarr"):
            folders.clear()
            yield place


def _ours(folder: Folder) -> bool:
    try:
        attributes = folder.document("zarr.json").get("attributes")
    except ArchiveError:
        return True
    return isinstance(attributes, dict) and KEY in attributes


def _named(folder: Folder, place: str) -> str:
    return place if folder.local else str(folder._files.unstrip_protocol(place))


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
