"""What a record costs under DDP: the first process alone, or every process a part of each probe.

    python benchmarks/ddp_overhead.py [--processes 2] [--samples 2048] [--records 40]

Two processes on gloo, one thread each. The time of a record is from its beginning to the moment at which every process
may go on, on the host, between two barriers: of the machine's noise, too, if others share it. Processor time is that
of the record alone. Medians over records.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from table import report
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import Probe
from lightning_infogeo.demo import DigitsClassifier

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.wrapped_records import WrappedRecords

MODES = ("rank_zero", "shard")


class Wide(DigitsClassifier):
    """On 64 numbers; ``width`` decides what an evaluation costs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = (nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
        self.net = nn.Sequential(*layers)


class Timed(WrappedRecords):
    """Says how long each record took."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.times: list[float] = []
        self.busy: list[float] = []

    def _record(self, trainer, pl_module, clock, x):
        trainer.strategy.barrier()
        began, worked = time.perf_counter(), time.process_time()
        super()._record(trainer, pl_module, clock, x)
        self.busy.append(time.process_time() - worked)
        trainer.strategy.barrier()
        self.times.append(time.perf_counter() - began)


def work(samples: int, records: int, folder: str) -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(samples, 64, generator=generator), torch.arange(samples) % 10
    loader = DataLoader(TensorDataset(x[:512], y[:512]), batch_size=32)
    found = []
    for width in (64, 1024):
        for mode in MODES:
            pl.seed_everything(0, verbose=False)
            monitor = Timed(probes={"val": Probe(x, y)}, schedule=1, distributed=mode)
            trainer = pl.Trainer(
                accelerator="cpu",
                devices=int(os.environ["WORLD_SIZE"]),
                strategy="ddp",
                max_steps=records,
                max_epochs=-1,
                callbacks=[monitor],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=folder,
            )
            trainer.fit(Wide(width), loader)
            wall, busy = (1000 * statistics.median(times[5:]) for times in (monitor.times, monitor.busy))
            every: list[float] = [0.0] * trainer.world_size
            torch.distributed.all_gather_object(every, busy)
            row = {"width": width, "distributed": mode, "wall ms": wall, "processor ms of the busiest": max(every)}
            found.append({**row, "of all": sum(every)})
    if os.environ["RANK"] == "0":
        (Path(folder) / "found.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()  # threads of it that outlive `main` abort the process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--records", type=int, default=40)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        work(options.samples, options.records, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(options.processes)]
        own = [__file__, "--samples", str(options.samples), "--records", str(options.records), "--folder", folder]
        subprocess.run([sys.executable, *torchrun, *own], check=True)
        rows = json.loads((Path(folder) / "found.json").read_text())
    title = f"A record of {options.samples} samples, {options.processes} processes, one thread each"
    report("ddp_overhead", title, rows, processes=options.processes, samples=options.samples)


if __name__ == "__main__":
    main()
