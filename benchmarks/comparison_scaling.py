"""Time and memory of a comparison against the number of checkpoints: all distances, and landmarks.

    OMP_NUM_THREADS=1 python benchmarks/comparison_scaling.py [--exact 500 1000 2000 4000] [--few 1000 ... 32000]

Records lie on a disk and are read as an archive's are. Every cell is a process of its own, so that peak memory is its
own: that of the process less what it had before the first distance was taken. Time is that of the processor, one
thread, which other programs on the machine disturb little; exponents are fitted to the larger half of the cells, where
fixed costs no longer show. The second table holds the cost of each stage, the third what it makes of a large archive,
by calculation.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from table import report

from lightning_infogeo import amplitudes
from lightning_infogeo.comparison import Recording, Work, joint_embedding
from lightning_infogeo.comparison.checkpoints import Checkpoints, digest
from lightning_infogeo.comparison.course import courses
from lightning_infogeo.comparison.exact_distances import exact_distances
from lightning_infogeo.comparison.landmarks import farthest_points, landmark_inpca
from lightning_infogeo.comparison.nulls import shuffle_null
from lightning_infogeo.comparison.reindexed import ReindexedRun, at_equal_progress

CLASSES = 10


class OnDisk:
    """Float32 amplitudes in a file, read by record: mapped memory would count as the process's own."""

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(np.float32)

    def __getitem__(self, which: object) -> np.ndarray:
        records, samples = which if isinstance(which, tuple) else (which, slice(None))
        places = np.arange(self.shape[0])[records]
        block = np.empty((len(places), *self.shape[1:]), np.float32)
        with self.path.open("rb") as file:
            for row, place in zip(block, places, strict=True):
                file.seek(int(place) * row.nbytes)
                file.readinto(row)
        return block[:, samples]


def runs(folder: Path, checkpoints: int, samples: int, records: int = 50) -> list[Recording]:
    """Runs from random predictions to the labels, each by a way of its own within five dimensions."""
    labels = torch.arange(samples) % CLASSES
    ends = 6.0 * torch.nn.functional.one_hot(labels, CLASSES)
    found = []
    ways = torch.randn(5, samples, CLASSES, generator=torch.Generator().manual_seed(1234))
    for k in range(checkpoints // records):
        generator = torch.Generator().manual_seed(k)
        way = (torch.randn(5, 1, 1, generator=generator) * ways).sum(0) / 2
        t = torch.linspace(0, 1, records)[:, None, None]
        noise = 0.1 * torch.randn(records, samples, CLASSES, generator=generator).cumsum(0)
        path = folder / f"{k}.bin"
        path.write_bytes(amplitudes(t * ends + 4 * t * (1 - t) * way + noise).numpy().tobytes())
        found.append(
            Recording(f"{k}", torch.arange(records), OnDisk(path, (records, samples, CLASSES)), labels, "probe")
        )
    return found


def cell(method: str, checkpoints: int, samples: int, landmarks: int, memory: int) -> dict[str, float]:
    """Time and memory of one embedding, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        given = runs(Path(folder), checkpoints, samples)
        few = landmarks if method == "landmarks" else 0
        joint_embedding(given[:2], 10 if few else 0, work=Work(memory))  # loads what is loaded once
        gained = _peak_reset()
        began, wall = time.process_time(), time.perf_counter()
        found = joint_embedding(given, few, work=Work(memory))
        seconds, elapsed = time.process_time() - began, time.perf_counter() - wall
    return {"CPU seconds": seconds, "seconds": elapsed, "extra peak [MiB]": gained(), "error": found.error}


def _peak_reset():
    """Returns a function for the growth of the process's peak memory since, in MiB; Linux."""
    Path("/proc/self/clear_refs").write_text("5")

    def status(name: str) -> int:
        return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0])

    before = status("VmRSS")
    return lambda: (status("VmHWM") - before) / 1024


def rates(samples: int, memory: int) -> dict[str, float]:
    """The cost of each stage in nanoseconds of one thread for its unit of work, in this process."""
    checkpoints, landmarks, n, draws, work = 1536, 50, 10, 2, Work(memory)
    with tempfile.TemporaryDirectory() as folder:
        given = runs(Path(folder), checkpoints, samples, records=12)
        points, labels = Checkpoints(given), given[0].labels
        numbers, found = checkpoints * samples * CLASSES, {}

        def timed(name, units, function):
            began = time.process_time()
            result = function()
            found[name] = 1e9 * (time.process_time() - began) / units
            return result

        timed("reading and fingerprint, a number", numbers, lambda: digest(points, work))
        followed = timed("progress and lengths, a number", numbers, lambda: courses(points, labels, "arc", work, ""))
        lazy = [ReindexedRun(run, course.progress, n) for run, course in zip(given, followed, strict=True)]
        units = len(given) * n * samples * CLASSES * (draws + 1)
        timed("null and re-indexed length, a number", units, lambda: shuffle_null(lazy, labels, n, draws, 0, work))
        units = len(given) ** 2 // 2 * n * samples
        timed("distances at equal progress, an overlap", units, lambda: at_equal_progress(lazy, n, {}, work))
        pairs = checkpoints**2 // 2
        timed("tiles, an overlap", pairs * samples, lambda: exact_distances(points, work))
        few = min(samples, max(32, memory // (8 * CLASSES * checkpoints)))
        units = checkpoints * landmarks * few
        chosen = timed("choosing landmarks, an overlap", units, lambda: farthest_points(points, landmarks, work))
        began = time.process_time()
        landmark_inpca(points, landmarks, work)
        placing = time.process_time() - began - found["choosing landmarks, an overlap"] * 1e-9 * units
        found["placing by landmarks, an overlap"] = 1e9 * placing / (checkpoints * len(chosen[0]) * samples)
    return found


def large(cost: dict[str, float], ranks: int = 64, memory: int = 2**32) -> list[dict[str, object]]:
    """What 151,407 checkpoints × 50,000 samples × 10 classes of 2,296 runs cost, by calculation.

    Bytes are those of float32 without compression, an archive giving whole records only.
    """
    checkpoints, samples, trained, n, draws, landmarks = 151_407, 50_000, 2_296, 100, 4, 500
    record = 4 * samples * CLASSES
    once = record * checkpoints
    few = max(32, memory // (8 * CLASSES * checkpoints))
    block = min(memory * 3 // 16 // (8 * CLASSES * samples), 256)
    parts = math.ceil(samples / (memory // 2 // (8 * CLASSES * (trained + 9))))
    pieces = n * trained
    placing = once + checkpoints / block * landmarks * record
    stages: list[tuple[str, str, float, float]] = [
        ("fingerprint", "reading and fingerprint, a number", once / 4, once),
        ("progress and lengths", "progress and lengths, a number", once / 4, once),
        ("null", "null and re-indexed length, a number", pieces * record / 4 * (draws + 1), 2 * pieces * record),
        (
            "distances at equal progress",
            "distances at equal progress, an overlap",
            trained**2 / 2 * n * samples,
            2 * pieces * record * parts,
        ),
        ("500 landmarks: choosing", "choosing landmarks, an overlap", checkpoints * landmarks * few, once),
        ("500 landmarks: placing", "placing by landmarks, an overlap", checkpoints * landmarks * samples, placing),
        (
            "instead, all distances",
            "tiles, an overlap",
            checkpoints**2 / 2 * samples,
            (checkpoints / block) ** 2 / 2 * block * record,
        ),
    ]
    rows: list[dict[str, object]] = []
    for name, unit, units, read in stages:
        hours = units * cost[unit] * 1e-9 / 3600
        kind = unit.rpartition(" ")[2]
        rows.append(
            {
                "stage": name,
                "work": f"{units:.1e} {kind}s",
                "multiply-adds": f"{units * (CLASSES + 2):.1e}" if kind == "overlap" else "",
                "read [TB]": read / 1e12,
                "thread hours": hours,
                f"hours on {ranks} threads": hours / ranks,
            }
        )
    return rows


def exponent(cells: list[dict[str, object]], key: str) -> float:
    """The slope of ln ``key`` against ln checkpoints over the larger half of the cells."""
    part = cells[len(cells) // 2 - (len(cells) % 2 == 0) :]
    x = [math.log(float(str(row["checkpoints"]))) for row in part]
    return float(np.polyfit(x, [math.log(float(str(row[key]))) for row in part], 1)[0])


def child(*arguments: object) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", *(str(argument) for argument in arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exact", nargs="*", type=int, default=[500, 1000, 2000, 4000])
    parser.add_argument("--few", nargs="*", type=int, default=[1000, 2000, 4000, 8000, 16000, 32000])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--landmarks", type=int, default=100)
    parser.add_argument("--memory", type=int, default=2**26)
    parser.add_argument("--rate-samples", type=int, default=5000)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one:
        method, *sizes = options.one
        numbers = [int(size) for size in sizes]
        print(json.dumps(rates(*numbers) if method == "rates" else cell(method, *numbers)))
        return
    rows: list[dict[str, object]] = []
    for method, cells in (("exact", options.exact), ("landmarks", options.few)):
        for checkpoints in cells:
            found = child(method, checkpoints, options.samples, options.landmarks, options.memory)
            rows.append({"method": method, "checkpoints": checkpoints, **found})
    fitted = {}
    for method in ("exact", "landmarks"):
        own = [row for row in rows if row["method"] == method]
        if len(own) > 2:
            fitted[method] = {key: exponent(own, key) for key in ("CPU seconds", "extra peak [MiB]")}
    title = f"Joint embedding, N = {options.samples}, C = {CLASSES}, {options.landmarks} landmarks"
    report("comparison_scaling", title, rows, exponents=fitted)
    print("exponents of checkpoints:", json.dumps(fitted))
    cost = child("rates", options.rate_samples, 2**28)
    stages: list[dict[str, object]] = [{"stage, unit": name, "ns": value} for name, value in cost.items()]
    report("comparison_rates", f"Stages, N = {options.rate_samples}", stages)
    title = "151,407 checkpoints × 50,000 × 10 of 2,296 runs, by calculation"
    report("comparison_large", title, large(cost))


if __name__ == "__main__":
    main()
