"""A store through which one array is read safely: no chunk decodes to more than it should, no path leads outside."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lightning_infogeo.archive.folder import ArchiveError, Folder
from lightning_infogeo.archive.layout import chunk_bytes

if TYPE_CHECKING:
    from zarr.abc.store import Store

_HEADER = struct.Struct("<4BI")
"""The header of a Blosc chunk: four bytes of versions and flags, then the number of bytes it decodes to."""


def guarded_store(folder: Folder, path: str, document: Mapping[str, Any]) -> Store:
    """Returns a read-only store of an archive in which the array at ``path`` has this document.

    A chunk that would decode to more or fewer bytes than a chunk has is refused, since a decoder trusts the size that
    the chunk itself states. The document is the root's copy, which is written last.
    """
    from zarr.abc.store import Store
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import WrapperStore

    expected = chunk_bytes(document)
    compressed = any(codec["name"] == "blosc" for codec in document["codecs"])
    own_document = json.dumps(document).encode()

    class GuardedStore(WrapperStore[Store]):
        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            prototype = prototype or default_buffer_prototype()
            if key == f"{path}/zarr.json":
                return prototype.buffer.from_bytes(own_document)
            folder.within(key)
            value = await self._store.get(key, prototype, byte_range)
            if value is not None and "/c/" in f"/{key}":
                length = len(value)
                if compressed:
                    header = value[: _HEADER.size].to_bytes()
                    length = _HEADER.unpack(header)[4] if len(header) == _HEADER.size else -1
                if length != expected or len(value) > 2 * expected + 1024:
                    raise ArchiveError(f"archive {folder.path!r}: {key} is damaged ({length} bytes for {expected}).")
            return value

    return GuardedStore(folder.store(read_only=True))
