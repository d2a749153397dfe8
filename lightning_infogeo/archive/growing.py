"""One array of an archive that grows by records, written in whole chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import zarr

Array = np.ndarray[Any, Any]


class GrowingArray:
    """An array to which records are added; its unfinished chunk is kept, so that nothing is read back to add one.

    Args:
        array: to be written by nobody else.
        document: its ``zarr.json`` as readers will see it, with the number of records in its shape.
    """

    def __init__(self, array: zarr.Array[Any], document: dict[str, Any]) -> None:
        self.document = document
        self._array = array
        self._chunk: int = array.chunks[0]
        self._tail: Array | None = None

    @property
    def records(self) -> int:
        """Number of records that readers see after the next commit."""
        shape: list[int] = self.document["shape"]
        return shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Returns what is on disk."""
        return self._array[key]

    def extend(self, rows: Sequence[Any]) -> None:
        """Adds records; None stands for one that is not known."""
        before, count = self.records, self.records + len(rows)
        self._reserve(count)
        if self._chunk == 1:  # a record may be large: one at a time, and never a second copy
            for index, row in enumerate(rows, start=before):
                if row is not None:
                    self._array[index] = row
        else:
            first_in_chunk = before - before % self._chunk
            if self._tail is None:
                self._tail = np.asarray(self._array[first_in_chunk:before])
            block = self._blank(first_in_chunk, count)
            block[: before - first_in_chunk] = self._tail
            for index, row in enumerate(rows, start=before - first_in_chunk):
                if row is not None:
                    block[index] = row
            self._array[first_in_chunk : first_in_chunk + len(block)] = block
            self._tail = block[count - count % self._chunk - first_in_chunk : count - first_in_chunk].copy()
        self.document["shape"][0] = count

    def truncate(self, records: int) -> None:
        """Forgets records from ``records`` on; ``cut`` then removes them."""
        self.document["shape"][0] = records
        self._tail = None

    def cut(self) -> None:
        """Removes from the disk what readers do not see."""
        self._resize(self.records)

    def _blank(self, first: int, count: int) -> Array:
        whole = -(-(count - first) // self._chunk) * self._chunk
        return np.full((whole, *self._array.shape[1:]), self._array.fill_value, dtype=self._array.dtype)

    def _reserve(self, records: int) -> None:
        # zarr visits every chunk when a shape changes, so it changes rarely; readers see the true shape.
        needed = -(-records // self._chunk) * self._chunk
        if self._array.shape[0] < needed:
            self._resize(max(64, 2 * needed))

    def _resize(self, records: int) -> None:
        self._array.resize((records, *self._array.shape[1:]))
