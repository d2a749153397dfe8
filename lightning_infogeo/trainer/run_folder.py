"""Where the archive of a run lies: in the folder of that run, whichever logger it has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

import lightning_infogeo.lightnings as pl
from lightning_infogeo.archive import ArchiveError, Folder

PLACES = 10_000
"""Archives of one name that a folder has room for: the search for a free number ends there."""


class ArchiveLocation(NamedTuple):
    """Where a training's archive belongs.

    Attributes:
        path: of the archive.
        shared: where it used to be put, in a folder that many runs may share; the same for some loggers.
    """

    path: str
    shared: str

    def holds(self, path: str) -> bool:
        """Returns whether an archive is one of those put here, or where they used to be, whatever its number."""
        stems = (Folder(own).path.removesuffix(".zarr") for own in self)
        return any(re.fullmatch(rf"{re.escape(stem)}(_\d+)?\.zarr", path) is not None for stem in stems)


def place(trainer: pl.Trainer, name: str) -> ArchiveLocation:
    """Returns where the archive of this name belongs; in the first process, since others do not know their run.

    That is the folder of the run of the first logger that knows one: its ``log_dir``, or ``name/version`` below its
    ``save_dir``, where ``ModelCheckpoint`` puts its files, too. Without any it is ``default_root_dir``.
    """
    root = str(trainer.default_root_dir)
    folders = [_run_folder(logger, root) for logger in trainer.loggers]
    shared = _shared_folder(trainer.loggers[0], root) if trainer.loggers else root
    own = next((folder for folder in folders if folder is not None), shared)
    return ArchiveLocation(os.path.join(own, name), os.path.join(shared, name))


def unused(folder: Folder) -> Iterator[Folder]:
    """Yields the folder and those beside it with a number where there is nothing yet.

    Raises:
        ArchiveError: where there is something at all of them.
    """
    stem = folder.path.removesuffix(".zarr")
    for number in range(PLACES):
        free = Folder(f"{stem}_{number}.zarr") if number else folder
        if not free.exists():
            yield free
    raise ArchiveError(
        f"archive {folder.path!r}: is there already, and so are all beside it up to {PLACES - 1}; give a path of its "
        "own."
    )


def _run_folder(logger: Any, root: str) -> str | None:
    """Returns the folder of one run; None where the logger does not tell its runs apart."""
    own, save_dir = getattr(logger, "log_dir", None), getattr(logger, "save_dir", None)
    if _named(own) and own != save_dir:
        return os.fspath(own)
    version = logger.version
    parts = _parts(f"version_{version}" if isinstance(version, int) else version)
    if not parts:
        return None
    return os.path.join(os.fspath(save_dir) if _named(save_dir) else root, *_parts(logger.name), *parts)


def _shared_folder(logger: Any, root: str) -> str:
    folders = (getattr(logger, name, None) for name in ("log_dir", "save_dir"))
    return next((os.fspath(folder) for folder in folders if _named(folder)), root)


def _named(folder: Any) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(folder, (str, os.PathLike)) and os.fspath(folder) != ""


def _parts(name: Any) -> list[str]:
    """Returns the folders that a logger's name stands for, none of which leads out of the one around it."""
    found = re.split(r"[/\\]", str(name)) if isinstance(name, (str, int)) else []
    return [part for part in found if part not in ("", ".", "..")]
