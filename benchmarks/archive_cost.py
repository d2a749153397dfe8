"""What an archive costs: the training thread's time for a record with and without one, the writer's time, and bytes.

    python benchmarks/archive_cost.py [--records 200]

Two probes of 512 samples and 10 classes, as the monitor takes them by default, of predictions that move a little from
record to record. "waits" is the time for which the training thread is held when records come faster than they are
written; on a log-spaced schedule they do not.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from table import report

from lightning_infogeo.archive import ArchiveWriter, BackgroundWriter, Folder, Row

QUANTITIES = [f"q{k}" for k in range(8)]


def predictions(records: int, samples: int, classes: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(records, samples, classes)).cumsum(0) * 0.3
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return np.sqrt(p / p.sum(-1, keepdims=True)).astype(np.float32)


def measured(records: int, compression: bool, dtype: str, pause: float) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp())
    values = predictions(records, 512, 10)
    writer = ArchiveWriter(Folder(folder / "run.zarr"), {}, compression)
    for name in ("train", "val"):
        writer.add(name, QUANTITIES, {}, (512, 10), dtype)
    background = BackgroundWriter(writer)
    handed, began = [], time.perf_counter()
    for step in range(records):
        row = Row([0.0] * len(QUANTITIES), values[step].astype(dtype))
        start = time.perf_counter()
        background.append(step, {"train": row, "val": row}, None)
        handed.append(time.perf_counter() - start)
        time.sleep(pause)
    background.flush()
    whole = time.perf_counter() - began - pause * records
    background.close()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    kind = f"{dtype}{', compressed' if compression else ''}{', 50 ms apart' if pause else ''}"
    ms = 1e3 * np.median(handed)
    return {
        "amplitudes": kind,
        "handing over [ms]": float(ms),
        "writing [ms a record]": "–" if pause else f"{1e3 * whole / records:.1f}",
        "kB a record": size / records / 1e3,
        "kB of float32": 2 * 512 * 10 * values.itemsize / 1e3,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200)
    options = parser.parse_args()
    rows = [
        measured(options.records, compression, dtype, pause)
        for compression, dtype, pause in (
            (True, "float32", 0.05),
            (True, "float32", 0.0),
            (False, "float32", 0.0),
            (True, "float16", 0.0),
        )
    ]
    report("archive_cost", "Two probes of 512 samples and 10 classes", rows)


if __name__ == "__main__":
    main()
