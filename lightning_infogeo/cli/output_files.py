"""The files that ``compare --out`` writes: tables, one JSON document with everything, and figures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.comparison import Comparison, leaf_order
from lightning_infogeo.html_report.html_tables import titled

FILES = ("summary.csv", "runs.csv", "distances.csv", "comparison.json", "joint.png", "distances.png", "speed.png")
"""Files that ``write`` writes, in this order."""


def folder_for(out: str) -> Path:
    """Returns the folder, created if it does not exist.

    Raises:
        Failure: where nothing can be written to it.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise Failure(f"--out {out}: cannot be written to ({error}).", Exit.USAGE) from None
    return folder


def write(folder: Path, comparison: Comparison, paths: Sequence[str], probe: str, notes: Sequence[str]) -> None:
    """Writes all ``FILES``.

    Args:
        folder: from ``folder_for``.
        comparison: of the runs.
        paths: of their archives.
        probe: on which they were compared.
        notes: what the reader of the numbers should know.
    """
    rows = comparison.summary()
    _table(folder / "summary.csv", ["quantity", "value", "unit"], (row.values() for row in rows))
    runs = comparison.run_table()
    _table(folder / "runs.csv", [titled(column) for column in runs[0]], (row.values() for row in runs))
    distances = zip(comparison.names, comparison.distances.tolist(), strict=True)
    head = ["distance between trajectories [nats]", *comparison.names]
    _table(folder / "distances.csv", head, ([name, *row] for name, row in distances))
    document = _document(comparison, paths, probe, notes)
    (folder / "comparison.json").write_text(
        json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8", errors="replace"
    )
    from lightning_infogeo.figures import joint, speed, trajectory_distances

    for name, draw in (("joint", joint), ("distances", trajectory_distances), ("speed", speed)):
        draw(comparison).savefig(folder / f"{name}.png", dpi=130)


def _document(comparison: Comparison, paths: Sequence[str], probe: str, notes: Sequence[str]) -> dict[str, Any]:
    embedding = comparison.embedding
    document: dict[str, Any] = _plain(
        {
            "probe": probe,
            "notes": list(notes),
            "summary": comparison.summary(),
            "runs": [
                {**row, "path": path, "metadata": metadata}
                for row, path, metadata in zip(comparison.run_table(), paths, comparison.metadata, strict=True)
            ],
            "distances": comparison.distances,
            "tree": comparison.tree.tolist(),
            "leaf_order": leaf_order(comparison.tree),
            "null": comparison.null,
            "progress_values": comparison.progress_values,
            "speed": comparison.speed,
            "courses": [course._asdict() for course in comparison.courses],
            "tubes": {name: tube._asdict() for name, tube in comparison.tubes.items()},
            "groups": {key: groups._asdict() for key, groups in comparison.groups.items()},
            "embedding": {key: value for key, value in embedding._asdict().items() if key != "distances"},
        }
    )
    return document


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; None for NaN and ∞, which JSON lacks."""
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _table(path: Path, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
