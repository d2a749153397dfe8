"""Whether a training with very many records stays as it began: time of a record, memory, threads and open files.

    python benchmarks/endurance.py [--records 100000] [--samples 64] [--no-archive]

A toy model records at every step into TensorBoard and an archive, with pictures, default markers and the weights'
distribution. Printed at several marks: the median time of the monitor's hook over the records just before, resident
memory, Python's threads and open files; and what the event file and the archive hold in the end.
Memory grows by the scalars that a record leaves on the host, and by nothing else.
"""

import argparse
import gc
import logging
import os
import statistics
import tempfile
import threading
import time
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from table import report
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor, Trajectory
from lightning_infogeo.probe.choosing import choose

MARKS = (100, 1_000, 3_000, 10_000, 20_000, 30_000, 50_000, 70_000, 100_000)
WINDOW = 100


class Toy(pl.LightningModule):
    """A linear classifier that goes on learning: its labels are noisy."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of five classes."""
        return self.net(x)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Cross-entropy."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Timed(InfoGeometryMonitor):
    """Keeps how long the hook of each batch took."""

    def on_train_batch_end(self, *args) -> None:
        """Times the monitor's hook."""
        began = time.perf_counter()
        super().on_train_batch_end(*args)
        self.times = [*getattr(self, "times", [])[1 - WINDOW :], 1e3 * (time.perf_counter() - began)]


def resident() -> float:
    """MiB in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Marks(pl.Callback):
    """Takes the figures at the marks."""

    def __init__(self, monitor: Timed, last: int) -> None:
        self.monitor, self.rows = monitor, []
        self.marks = sorted({mark for mark in MARKS if mark < last} | {last - 1})

    def on_train_batch_end(self, trainer: pl.Trainer, *args) -> None:
        """Takes the figures of a mark."""
        if trainer.global_step in self.marks:
            self.rows.append(
                {
                    "record": trainer.global_step,
                    "hook, median of 100 [ms]": statistics.median(self.monitor.times),
                    "longest of 100 [ms]": max(self.monitor.times),
                    "resident [MiB]": resident(),
                    "threads": threading.active_count(),
                    "open files": open_files(),
                }
            )
            print(self.rows[-1], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--no-archive", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    pl.seed_everything(0, verbose=False)
    x, y = torch.randn(512, 16), torch.randint(0, 5, (512,))
    train, val = (DataLoader(TensorDataset(x[a:b], y[a:b]), batch_size=64) for a, b in ((0, 256), (256, 512)))
    with tempfile.TemporaryDirectory() as folder:
        archive = None if options.no_archive else Path(folder) / "run.zarr"
        probes = {name: choose(loader, options.samples).probe for name, loader in (("train", train), ("val", val))}
        monitor = Timed(probes, schedule=1, parameters=True, archive=archive)
        marks = Marks(monitor, options.records)
        logger = TensorBoardLogger(folder, version=0)
        before = threading.active_count(), open_files()
        pl.Trainer(
            max_steps=options.records,
            accelerator="cpu",
            logger=logger,
            callbacks=[monitor, marks],
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            num_sanity_val_steps=0,
        ).fit(Toy(), train)
        # zarr keeps one event loop and its pool for the process; the logger's writer has ended with the training.
        after = threading.active_count(), open_files()
        names = sorted(thread.name for thread in threading.enumerate())
        trajectory = monitor.trajectories["val"]
        steps = [
            event.step
            for path in sorted(Path(logger.log_dir).glob("events.out.tfevents.*"))
            for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value
            if value.tag == "infogeo/val/length"
        ]
        kept = None if archive is None else Trajectory.open(archive, "val")
        ends: dict[str, object] = {
            "records": len(trajectory),
            "points in the event file": len(steps),
            "in order": steps == list(range(options.records)),
            "records in the archive": "" if kept is None else len(kept),
            "equal": "" if kept is None else torch.equal(kept.length, trajectory.length),
            "threads before, after": f"{before[0]}, {after[0]}: {', '.join(names)}",
            "open files before, after": f"{before[1]}, {after[1]}",
        }
        if kept is not None:
            ends["last predictions finite"] = bool(kept.amplitudes[-100:].isfinite().all())
    first, last = marks.rows[1], marks.rows[-1]
    growth = (last["resident [MiB]"] - first["resident [MiB]"]) * 2**20 / max(last["record"] - first["record"], 1)
    report(
        "endurance",
        f"{options.records} records: {growth:.0f} bytes of memory a record since the second mark",
        marks.rows,
    )
    report("endurance_ends", "What is left", [{"what": key, "found": str(value)} for key, value in ends.items()])


if __name__ == "__main__":
    main()
