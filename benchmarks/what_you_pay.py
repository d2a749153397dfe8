"""What a user pays: whole trainings with the monitor, its ceiling or its pictures left out, against those without it.

    OMP_NUM_THREADS=1 python benchmarks/what_you_pay.py [--cells small:1000:3 cnn:1000:2 ...] [--ways budget ...]

A cell is network:steps:rounds. In each round the trainings run in turns, each round in another order, with
TensorBoard, everything else at its default; the processor time of the whole fit counts, other threads
included. Figures are medians over rounds with their range; one round has none. Cells that a machine cannot train in
reasonable time are left out here and can be had from the difference of the others: records come at equal ratios of
steps, so each further decade adds as many as the one before.
"""

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from table import report
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.demo import DigitsClassifier, digits

WAYS = {"without": None, "budget": {}, "no budget": {"budget": None}, "no pictures": {"embedding": False}}
"""The arguments of the monitor; None for no monitor."""

CELLS = ["small:1000:3", "small:10000:3", "small:100000:2", "cnn:1000:3", "cnn:10000:1", "resnet:1000:1"]


class Block(nn.Module):
    """Two convolutions beside the identity, or beside a convolution of 1 × 1 where the shape changes."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            *(nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()),
            *(nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)),
        )
        same = inside == out and stride == 1
        self.past = nn.Identity() if same else nn.Conv2d(inside, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Takes shape (n, inside, h, w)."""
        return nn.functional.relu(self.way(x) + self.past(x))


def network(name: str) -> pl.LightningModule:
    """Returns the demo's network, a CNN of about a million parameters, or a ResNet of 14 layers."""
    module = DigitsClassifier()
    if name == "cnn":
        module.net = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(1600, 576), nn.ReLU(), nn.Linear(576, 10)),
        )
    elif name == "resnet":
        blocks = ((16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1))
        module.net = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(Block(*shape) for shape in blocks),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
        )
    return module


def loaders(name: str) -> tuple[DataLoader, DataLoader]:
    """Returns the demo's digits, or images of 28 × 28 in batches of 64, to train on and held out."""
    if name == "small":
        return digits(0)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(8192, 1, 28, 28, generator=generator), torch.arange(8192) % 10
    x += 0.2 * y[:, None, None, None]
    return tuple(DataLoader(TensorDataset(x[part], y[part]), 64) for part in (slice(4096), slice(4096, None)))


def trained(name: str, steps: int, way: str) -> tuple[float, int, int]:
    """Returns the seconds of the processor that a training took, its records, and the samples of a probe."""
    pl.seed_everything(0, verbose=False)
    arguments = WAYS[way]
    monitor = None if arguments is None else InfoGeometryMonitor(**arguments)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_steps=steps,
            accelerator="cpu",
            logger=TensorBoardLogger(Path(folder)),
            callbacks=[] if monitor is None else [monitor],
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            num_sanity_val_steps=0,
            check_val_every_n_epoch=None,
            val_check_interval=steps,
        )
        module, (train, val) = network(name), loaders(name)
        began = time.process_time()
        trainer.fit(module, train, val)
        took = time.process_time() - began
    if monitor is None:
        return took, 0, 0
    trajectory = monitor.trajectories["val"]
    return took, len(trajectory), len(monitor.followed["val"])


def cell(name: str, steps: int, rounds: int, ways: list[str]) -> list[dict[str, object]]:
    """Returns a row for each way with the monitor."""
    compared = ["without", *ways]
    found: dict[str, list[tuple[float, int, int]]] = {way: [] for way in compared}
    for turn in range(rounds):
        first = turn % len(compared)
        for way in compared[first:] + compared[:first]:
            found[way].append(trained(name, steps, way))
    rows: list[dict[str, object]] = []
    for way in ways:
        ratios = [with_it[0] / without[0] for with_it, without in zip(found[way], found["without"], strict=True)]
        row: dict[str, object] = {"network": name, "steps": steps, "monitor": way, "rounds": rounds}
        row |= {"records": found[way][0][1], "samples": found[way][0][2]}
        row["a step without [ms]"] = 1e3 * statistics.median(took for took, _, _ in found["without"]) / steps
        row |= {"with ÷ without": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=CELLS)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS)[1:], default=list(WAYS)[1:])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for way in ("without", *options.ways):
        trained("small", 20, way)  # loads what is loaded once
    rows: list[dict[str, object]] = []
    for given in options.cells:
        name, steps, rounds = given.split(":")
        rows += cell(name, int(steps), int(rounds), options.ways)
        print(rows[-len(options.ways) :], flush=True)
    report("what_you_pay", "Processor time of a training with the monitor ÷ without", rows)


if __name__ == "__main__":
    main()
