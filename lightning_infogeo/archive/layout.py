"""The layout of an archive: one Zarr v3 group for each probe, and which arrays may be in it.

    run.zarr/zarr.json               metadata of the run, events, and the shapes of all arrays
    run.zarr/val/zarr.json           of the probe: names of quantities, fingerprint, and the shapes of its arrays
    run.zarr/val/steps               (record,) int64
    run.zarr/val/quantities          (record, quantity) float64
    run.zarr/val/amplitudes          (record, sample, class) float32 or float16, 64 KiB a chunk, or a record
    run.zarr/val/labels              (sample,) int64
    run.zarr/val/inputs/0            tensors of the probe's inputs, where they are stored
    run.zarr/parameters/network      the same for the weights, without amplitudes

A record exists once the root's ``zarr.json`` counts it. Chunks are written before, so a crash leaves whole records.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from lightning_infogeo.archive.folder import ArchiveError

FORMAT = 1
KEY = "lightning_infogeo"
"""The attribute of the root that marks an archive and holds its format."""

ROWS = 512
"""Records in a chunk of steps and quantities."""

SMALLEST_CHUNK = 2**16
"""The most bytes of a chunk that several records share: it is written again with each of them."""

LARGEST_CHUNK = 2**27
"""The most bytes of one decoded chunk."""

TYPES = ("float32", "float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128")
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")
_CODECS = ("bytes", "blosc")  # a tuple: what is looked up in it may be unhashable


def check_name(name: str) -> str:
    """Returns the name of a group, with "/" between its parts.

    Raises:
        ArchiveError: where some file system would not take the name, or it leads out of the archive.
    """
    parts = name.split("/")
    if any(_NAME.fullmatch(part) is None or part.strip(". ") == "" or part == "zarr.json" for part in parts):
        raise ArchiveError(f"archive: {name!r} cannot be the name of a group.")
    return name


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Returns the chunk of amplitudes: several small records, up to ``SMALLEST_CHUNK``, or a part of a large one.

    Example:
        >>> chunk_shape((64, 5), 4), chunk_shape((512, 100), 4), chunk_shape((50_000, 1_000), 4)
        ((51, 64, 5), (1, 512, 100), (1, 8388, 1000))
    """
    samples, *rest = shape
    sample = max(1, itemsize * math.prod(rest))
    fitting = LARGEST_CHUNK // 4 // sample
    records = min(ROWS, max(1, SMALLEST_CHUNK // (sample * max(1, samples))))
    return (records, max(1, min(samples, fitting)), *rest)


def group_document(attributes: Mapping[str, Any], members: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the ``zarr.json`` of a group with those of its members, so that reading one file opens all."""
    consolidated = {"kind": "inline", "must_understand": False, "metadata": dict(members)}
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": dict(attributes),
        "consolidated_metadata": consolidated,
    }


def members_of(document: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Returns the documents of a group's members, by path, checked.

    Raises:
        ArchiveError: where it is not what an archive holds.
    """
    consolidated = document.get("consolidated_metadata")
    members = consolidated.get("metadata") if isinstance(consolidated, dict) else None
    if not isinstance(members, dict):
        raise ArchiveError(f"archive {where!r}: zarr.json does not say what the archive holds.")
    for name, member in members.items():
        check_name(name)
        if not isinstance(member, dict) or member.get("node_type") not in ("group", "array"):
            raise ArchiveError(f"archive {where!r}: {name} is neither group nor array.")
        if not isinstance(member.get("attributes", {}), dict):
            raise ArchiveError(f"archive {where!r}: the attributes of {name} are no object.")
        if member["node_type"] == "array":
            check_array(member, f"{where}/{name}")
    return members


def check_array(document: Mapping[str, Any], where: str) -> None:
    """Raises ``ArchiveError`` unless an array is one that can be read in bounded memory without running anything."""
    shape, chunk = _shape(document.get("shape")), None
    grid = document.get("chunk_grid")
    if isinstance(grid, dict) and grid.get("name") == "regular" and isinstance(grid.get("configuration"), dict):
        chunk = _shape(grid["configuration"].get("chunk_shape"))
    codecs = document.get("codecs")
    plain = isinstance(codecs, list) and all(isinstance(c, dict) and c.get("name") in _CODECS for c in codecs)
    if document.get("data_type") not in TYPES or not plain or document.get("storage_transformers"):
        raise ArchiveError(
            f"archive array {where!r}: holds {document.get('data_type')!r} by codecs {codecs!r}; only numbers by "
            f"{sorted(_CODECS)} are read."
        )
    if shape is None or chunk is None or len(shape) != len(chunk) or not all(chunk):
        raise ArchiveError(f"archive array {where!r}: shape {document.get('shape')!r} or its chunks are impossible.")
    if chunk_bytes(document) > LARGEST_CHUNK or math.prod(shape) > 2**50:
        raise ArchiveError(f"archive array {where!r}: shape {shape} in chunks of {chunk} is larger than any archive's.")


def chunk_bytes(document: Mapping[str, Any]) -> int:
    """Returns the bytes of a decoded chunk."""
    chunk: list[int] = document["chunk_grid"]["configuration"]["chunk_shape"]
    return math.prod(chunk) * itemsize(document["data_type"])


def itemsize(data_type: str) -> int:
    """Returns the bytes of a number of one of ``TYPES``.

    Example:
        >>> itemsize("float16"), itemsize("bool")
        (2, 1)
    """
    digits = re.sub(r"\D", "", data_type)
    return int(digits) // 8 if digits else 1


def _shape(value: Any) -> tuple[int, ...] | None:
    whole = isinstance(value, list) and all(type(n) is int and 0 <= n < 2**50 for n in value)
    return tuple(value) if whole else None
