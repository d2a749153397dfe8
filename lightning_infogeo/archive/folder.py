"""The folder of an archive, in a file system or behind any URL that fsspec knows."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarr.abc.store import Store

LONGEST_DOCUMENT = 2**26
"""The most bytes of one JSON document: a larger one is not read."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+::)*[A-Za-z][A-Za-z0-9+.-]+://")
"""A URL: a scheme, which fsspec may chain to others (``simplecache::s3://``). Everything else is a local path."""


class ArchiveError(ValueError):
    """An archive that is missing, damaged, in use, or not what it says."""


class ArchiveInUse(ArchiveError):
    """An archive that another process is writing to."""


class Folder:
    """A folder whose small documents are replaced atomically: a reader sees the old or the new one, never a part.

    Args:
        path: of a local folder, whatever characters are in it (``~`` at its beginning is the user's home); or a URL
            such as ``s3://bucket/run.zarr``, for which fsspec needs its own package.

    Attributes:
        path: as a string; absolute where it is local.
        local: whether it lies in a file system.

    Raises:
        ModuleNotFoundError: where zarr is not installed.
        ArchiveError: for a URL of an unknown kind.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not all(importlib.util.find_spec(library) for library in ("zarr", "fsspec")):
            raise ModuleNotFoundError("archives need zarr (Python ≥ 3.11): pip install 'lightning-infogeo[archive]'")
        import fsspec.core

        given = os.fspath(path).removeprefix("file://")
        self.local = _URL.match(given) is None
        self.path = os.path.abspath(os.path.expanduser(given)) if self.local else given.rstrip("/")
        if self.local:  # not by its name, in which fsspec would look for chains
            self._files, self._root = fsspec.filesystem("file"), self.path
            return
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.path)
        except (ValueError, ImportError) as error:
            raise ArchiveError(f"`archive={given!r}`: {error}") from error

    @property
    def name(self) -> str:
        """The last part of the path without its ending; "a" for ``runs/a/infogeo.zarr``."""
        parts = [part for part in re.split(r"[/\\]", self.path) if part]
        last = parts[-1].removesuffix(".zarr")
        return parts[-2] if last == "infogeo" and len(parts) > 1 else last

    def store(self, read_only: bool) -> Store:
        """Returns zarr's view of the folder."""
        from zarr.storage import FsspecStore, LocalStore

        if self.local:
            return LocalStore(self.path, read_only=read_only)
        return FsspecStore.from_url(self.path, read_only=read_only)

    def exists(self, name: str = "zarr.json") -> bool:
        """Returns whether there is a file of this name."""
        return bool(self._files.exists(self.within(name)))

    def read(self, name: str, longest: int = LONGEST_DOCUMENT) -> bytes:
        """Returns the contents of a file.

        Raises:
            ArchiveError: where it is missing, longer than ``longest`` bytes, or lies outside the folder.
        """
        path = self.within(name)
        try:
            size = self._files.size(path)
            if size is not None and size > longest:
                raise ArchiveError(f"archive {self.path!r}: {name} has {size} bytes, more than the {longest} allowed.")
            contents: bytes = self._files.cat_file(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ArchiveError(f"archive {self.path!r}: there is no {name}.") from None
        return contents

    def document(self, name: str) -> dict[str, Any]:
        """Returns a JSON object.

        Raises:
            ArchiveError: where it is missing, too long, or no JSON object.
        """
        try:
            parsed = json.loads(self.read(name))
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            if isinstance(error, ArchiveError):
                raise
            raise ArchiveError(f"archive {self.path!r}: {name} is not JSON ({error}).") from None
        if not isinstance(parsed, dict):
            raise ArchiveError(f"archive {self.path!r}: {name} must hold an object, not {type(parsed).__name__}.")
        return parsed

    def replace(self, name: str, document: dict[str, Any]) -> None:
        """Writes a JSON object, in place of the one that is there."""
        path, contents = self.within(name), json.dumps(document, allow_nan=False).encode()
        if not self.local:
            self._files.pipe_file(path, contents)  # object stores replace whole objects
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.partial", "wb") as file:
            file.write(contents)
        os.replace(f"{path}.partial", path)

    def clear(self) -> None:
        """Deletes all files."""
        self._files.rm(self._root, recursive=True)

    def copy_from(self, other: Folder) -> None:
        """Copies all files of another folder into this one, which must be empty."""
        prefix = other._root.rstrip("/")
        for source in other._files.find(prefix):
            if source.endswith(".partial"):
                continue
            target = self.within(source[len(prefix) :].lstrip("/"))
            if self.local:
                os.makedirs(os.path.dirname(target), exist_ok=True)
            self._files.pipe_file(target, other._files.cat_file(source))

    def within(self, name: str) -> str:
        """Returns the path of a file.

        Raises:
            ArchiveError: where it lies outside the folder.
        """
        path = f"{self._root.rstrip('/')}/{name}"
        if not self.local:
            outside = ".." in name.split("/")
        else:
            root = os.path.realpath(self._root)
            outside = os.path.commonpath([root, os.path.realpath(path)]) != root
        if outside:
            raise ArchiveError(f"archive {self.path!r}: {name} lies outside of it.")
        return path
