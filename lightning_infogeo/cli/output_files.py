"""The files that ``compare --out`` writes: tables, one JSON document with everything, and figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.comparison import Comparison, GroupPair, leaf_order
from lightning_infogeo.json_values import document_values
from lightning_infogeo.quantities import column_title

FILES = (
    *("summary.csv", "runs.csv", "groups.csv", "distances.csv", "comparison.json"),
    *("joint.png", "distances.png", "speed.png"),
)
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
    _table(folder / "runs.csv", [column_title(column) for column in runs[0]], (row.values() for row in runs))
    pairs = ([key, *pair] for key in comparison.groups for pair in comparison.group_pairs(key))
    _table(folder / "groups.csv", ["factor", *(name.replace("_", " ") for name in GroupPair._fields)], pairs)
    distances = zip(comparison.names, comparison.distances.tolist(), strict=True)
    head = ["distance between trajectories [nats]", *comparison.names]
    _table(folder / "distances.csv", head, ([name, *row] for name, row in distances))
    result = _result(comparison, paths, probe, notes)
    (folder / "comparison.json").write_text(
        json.dumps(document_values(result), ensure_ascii=False, allow_nan=False, indent=1),
        encoding="utf-8",
        errors="replace",
    )
    from lightning_infogeo.figures import joint, speed, trajectory_distances

    for name, draw in (("joint", joint), ("distances", trajectory_distances), ("speed", speed)):
        draw(comparison).savefig(folder / f"{name}.png", dpi=130)


def _result(comparison: Comparison, paths: Sequence[str], probe: str, notes: Sequence[str]) -> dict[str, Any]:
    embedding = comparison.embedding
    return {
        "probe": probe,
        "notes": list(notes),
        "summary": comparison.summary(),
        "runs": [
            {**row, "path": path, "metadata": metadata}
            for row, path, metadata in zip(comparison.run_table(), paths, comparison.metadata, strict=True)
        ],
        "distances": comparison.distances,
        "whole_range": comparison.whole_range,
        "tree": comparison.tree.tolist(),
        "leaf_order": leaf_order(comparison.tree),
        "null": comparison.null,
        "shuffled": comparison.shuffled,
        "progress_values": comparison.progress_values,
        "speed": comparison.speed,
        "courses": [course._asdict() for course in comparison.courses],
        "tubes": {name: tube._asdict() for name, tube in comparison.tubes.items()},
        "groups": {key: groups._asdict() for key, groups in comparison.groups.items()},
        "embedding": {key: value for key, value in embedding._asdict().items() if key != "distances"},
    }


def _table(path: Path, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
