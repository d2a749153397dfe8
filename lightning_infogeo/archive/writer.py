"""Appending records to an archive."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lightning_infogeo.archive.folder import ArchiveError, ArchiveInUse, Folder
from lightning_infogeo.archive.growing import Array, GrowingArray
from lightning_infogeo.archive.layout import FORMAT, KEY, ROWS, check_name, chunk_shape, group_document, members_of

if TYPE_CHECKING:
    import zarr
    from filelock import FileLock

GROWING = ("steps", "quantities", "amplitudes", "vectors")
"""The arrays of a trajectory that grow with every record."""


class Row(NamedTuple):
    """One record of one trajectory: its quantities, and amplitudes of a probe or vectors of neurons."""

    quantities: Sequence[float]
    values: Array | None = None


class ArchiveWriter:
    """Writes one run; nobody else may write to the same archive meanwhile.

    Args:
        folder: of the archive; one that is there already is continued.
        metadata: of the run, as JSON values; that of an existing archive is kept.
        compression: whether arrays are compressed (zstd with shuffled bytes, without loss).
        fork: whether the existing archive was copied from another run, so that this run gets an identity of its own.

    Attributes:
        run: the identity of the run, the same in every session that writes to it.

    Raises:
        ArchiveError: where somebody else is writing, or what is there is no archive.
    """

    def __init__(
        self, folder: Folder, metadata: Mapping[str, Any], compression: bool = True, fork: bool = False
    ) -> None:
        self.folder = folder
        self._compression = compression
        self._lock = _locked(folder) if folder.local else None
        self._closed = False
        self._attributes: dict[str, Any] = {
            KEY: {"format": FORMAT, "run": uuid.uuid4().hex},
            "run": dict(metadata),
            "events": [],
        }
        self._groups: dict[str, dict[str, Any]] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self._growing: dict[str, dict[str, GrowingArray]] = {}
        self._pending: dict[str, list[tuple[int, Row]]] = {}
        try:
            if folder.exists():
                self._resume()
            else:
                self.commit()
        except BaseException:
            self.close()
            raise
        if fork:
            about = self._attributes[KEY]
            before = [*about.get("before", []), about["run"]]
            self._attributes[KEY] = {**about, "run": uuid.uuid4().hex, "before": before}
        self.run: str = self._attributes[KEY]["run"]

    @property
    def last_step(self) -> int:
        """The largest step of all records; −1 without any."""
        steps = [
            int(arrays["steps"][arrays["steps"].records - 1])
            for arrays in self._growing.values()
            if arrays["steps"].records
        ]
        return max(steps, default=-1)

    def add(
        self,
        name: str,
        quantities: Sequence[str],
        attributes: Mapping[str, Any],
        shape: tuple[int, int] | None = None,
        dtype: str = "float32",
        constants: Mapping[str, Array] | None = None,
        kind: Literal["amplitudes", "vectors"] = "amplitudes",
    ) -> None:
        """Creates the arrays of a trajectory, unless they are there.

        Args:
            name: of the probe, or of a group of weights.
            quantities: names of what a row holds.
            attributes: as JSON values.
            shape: of amplitudes, (N, C), or of vectors; None for none.
            dtype: of these, "float32" or "float16".
            constants: arrays that do not grow, such as ``labels`` or ``inputs/0``.
            kind: amplitudes of a probe, or vectors of neurons (neurons, fan_in).

        Raises:
            ArchiveError: where another trajectory has this name.
        """
        check_name(name)
        if name in self._groups:
            existing = self._groups[name]
            same = existing.get("quantities") == list(quantities)
            same &= all(existing.get(key, value) == value for key, value in attributes.items() if key == "fingerprint")
            values = self._documents.get(f"{name}/{kind}")
            same &= shape is None or (values is not None and tuple(values["shape"][1:]) == shape)
            if not same:
                raise ArchiveError(
                    f"archive {self.folder.path!r}: holds another trajectory named {name!r}; give another path."
                )
            return
        self._groups[name] = {**attributes, "quantities": list(quantities)}
        self._create(f"{name}/steps", (0,), (ROWS,), "int64", -1, ("record",))
        columns = len(quantities)
        if columns:
            self._create(f"{name}/quantities", (0, columns), (ROWS, columns), "float64", None, ("record", "quantity"))
        if shape is not None:
            chunk = chunk_shape(shape, np.dtype(dtype).itemsize)
            names = ("record", "sample", "class") if kind == "amplitudes" else ("record", "neuron", "input")
            self._create(f"{name}/{kind}", (0, *shape), chunk, dtype, None, names)
        for key, array in (constants or {}).items():
            path = f"{name}/{check_name(key)}"
            axes = ("sample", *(f"{key}_{i}" for i in range(1, array.ndim)))[: array.ndim]
            chunk = chunk_shape(array.shape, array.itemsize)[1:] if array.ndim else ()
            self._create(path, array.shape, chunk, array.dtype.name, None, axes)[...] = array
        if constants and any("/" in key for key in constants):
            self._groups.setdefault(f"{name}/inputs", {})

    def append(self, step: int, rows: Mapping[str, Row], events: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Adds one record to several trajectories; ``commit`` writes it and shows it to readers.

        Args:
            step: optimizer steps taken.
            rows: by name of the trajectory.
            events: all of them so far, in place of those before; None for no change.
        """
        for name, row in rows.items():
            self._pending.setdefault(name, []).append((step, row))
        if events is not None:
            self._attributes["events"] = [dict(event) for event in events]

    def truncate(self, step: int) -> None:
        """Drops all records after a step, and the events known after it."""
        for arrays in self._growing.values():
            steps = arrays["steps"][: arrays["steps"].records]
            for array in arrays.values():
                array.truncate(int((steps <= step).sum()))
        events = self._attributes["events"]
        self._attributes["events"] = [event for event in events if event.get("detected_at", 0) <= step]
        self.commit()
        for arrays in self._growing.values():
            for array in arrays.values():
                array.cut()

    def restart(self, metadata: Mapping[str, Any]) -> None:
        """Drops everything, for another run."""
        self.folder.clear()
        self._groups, self._documents, self._growing, self._pending = {}, {}, {}, {}
        self.run = uuid.uuid4().hex
        self._attributes = {KEY: {"format": FORMAT, "run": self.run}, "run": dict(metadata), "events": []}
        self.commit()

    def commit(self) -> None:
        """Makes what was appended visible to readers, all at once for the run."""
        pending, self._pending = self._pending, {}
        for name, records in pending.items():
            for kind, array in self._growing[name].items():
                if kind == "steps":
                    array.extend([step for step, _ in records])
                elif kind == "quantities":
                    array.extend([row.quantities for _, row in records])
                else:
                    array.extend([row.values for _, row in records])
        members = {name: _group(attributes) for name, attributes in self._groups.items()}
        for parent in {parent for name in self._groups for parent in _parents(name)} - set(members):
            members[parent] = _group({})
            if not self.folder.exists(f"{parent}/zarr.json"):
                self.folder.replace(f"{parent}/zarr.json", _group({}))
        members = dict(sorted({**members, **self._documents}.items()))
        for name, attributes in self._groups.items():
            inside = {p.removeprefix(f"{name}/"): member for p, member in members.items() if p.startswith(f"{name}/")}
            self.folder.replace(f"{name}/zarr.json", group_document(attributes, inside))
        self.folder.replace("zarr.json", group_document(self._attributes, members))

    def close(self) -> None:
        """Releases the archive. The arrays' own documents then have their exact shapes, too."""
        if self._closed:
            return
        self._closed = True
        try:
            for path, document in self._documents.items():
                self.folder.replace(f"{path}/zarr.json", document)
        finally:
            if self._lock is not None:
                self._lock.release()

    def _resume(self) -> None:
        import zarr

        document = self.folder.document("zarr.json")
        attributes = document.get("attributes")
        if not isinstance(attributes, dict) or not isinstance(attributes.get(KEY), dict):
            raise ArchiveError(f"archive {self.folder.path!r}: exists already, and this package did not write it.")
        if attributes[KEY].get("format") != FORMAT:
            raise ArchiveError(f"archive {self.folder.path!r}: has format {attributes[KEY].get('format')!r}.")
        self._attributes = attributes
        for path, member in members_of(document, self.folder.path).items():
            if member["node_type"] == "array":
                self.folder.replace(f"{path}/zarr.json", member)  # as committed, whatever a crash has left there
                self._register(path, zarr.open_array(self.folder.store(False), path=path, mode="r+"), member)
            elif "quantities" in member.get("attributes", {}) or path.endswith("/inputs"):
                self._groups[path] = dict(member["attributes"])

    def _register(self, path: str, array: zarr.Array[Any], document: dict[str, Any]) -> None:
        name, _, kind = path.rpartition("/")
        self._documents[path] = document
        if kind in GROWING:
            self._growing.setdefault(name, {})[kind] = GrowingArray(array, document)

    def _create(
        self,
        path: str,
        shape: tuple[int, ...],
        chunk: tuple[int, ...],
        dtype: str,
        fill: Any,
        names: tuple[str, ...],
    ) -> zarr.Array[Any]:
        import zarr
        from zarr.codecs import BloscCodec

        blosc = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle") if self._compression else None
        data_type = np.dtype(dtype)
        fill_value = fill if fill is not None else (np.nan if data_type.kind in "fc" else 0)
        array = zarr.create_array(
            self.folder.store(False),
            name=path,
            shape=shape,
            chunks=tuple(max(1, n) for n in chunk),
            dtype=data_type,
            compressors=[blosc] if blosc else None,
            filters=None,
            fill_value=fill_value,
            dimension_names=names,
            zarr_format=3,
            overwrite=True,
        )
        self._register(path, array, json.loads(self.folder.read(f"{path}/zarr.json")))
        return array


def _group(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _locked(folder: Folder) -> FileLock:
    from filelock import FileLock, Timeout

    os.makedirs(os.path.dirname(folder.path), exist_ok=True)
    lock = FileLock(f"{folder.path}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        if not os.path.exists(f"{folder.path}.lock"):
            raise ArchiveError(f"archive {folder.path!r}: no file can be created there.") from None
        raise ArchiveInUse(
            f"archive {folder.path!r}: another process is writing to it; give each run a path of its own."
        ) from None
    return lock
