"""Linear models of images, of their pixels or of what a random convolution makes of them, recorded by the monitor."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_infogeo import ArchiveSettings, InfoGeometryMonitor, LogSpaced
from replications.kept import Origin, cost
from replications.manifold_runs import STEPS, samples
from replications.trainings import fit

PIXELS, CONVOLVED = "pixels", "random convolution"
RATES = (("adam", 1e-3), ("adam", 1e-4), ("sgd", 1e-3), ("sgd", 1e-4))
"""Optimizers and learning rates; SGD has momentum 0.9."""
SEEDS = (0, 1)
FILTERS, GRID = 64, 6


class LinearRun(NamedTuple):
    """One training.

    Attributes:
        data: name of the data set.
        inputs: ``PIXELS`` or ``CONVOLVED``.
        optimizer: "adam" or "sgd".
        rate: of learning.
        seed: of the initial weights and the order of the samples; the convolution is the same for all.
    """

    data: str
    inputs: str
    optimizer: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        """Of the archive."""
        return f"linear_{self.inputs.replace(' ', '-')}_{self.optimizer}_{self.rate:g}_{self.seed}"


def planned(data: str, fast: bool = False) -> list[LinearRun]:
    """Returns the runs on a data set."""
    rates = RATES[::2] if fast else RATES
    seeds = SEEDS[:1] if fast else SEEDS
    return [
        LinearRun(data, inputs, optimizer, rate, seed)
        for inputs, (optimizer, rate), seed in itertools.product((PIXELS, CONVOLVED), rates, seeds)
    ]


def random_convolution(channels: int) -> nn.Sequential:
    """Returns a convolution of fixed random filters, rectified and averaged over a grid; it is not trained."""
    generator = torch.Generator().manual_seed(0)
    convolution = nn.Conv2d(channels, FILTERS, 5, stride=2, padding=2, bias=False)
    with torch.no_grad():
        filters = torch.randn(convolution.weight.shape, generator=generator)
        convolution.weight.copy_(filters / filters.flatten(1).norm(dim=1)[:, None, None, None])
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(GRID), nn.Flatten()).requires_grad_(False)


class LinearModel(pl.LightningModule):
    """Logits that are linear in the pixels, or in fixed features of them.

    Args:
        inputs: ``PIXELS`` or ``CONVOLVED``.
        shape: channels, height and width of an image.
        optimizer: "adam" or "sgd".
        rate: of learning.
        seed: of the run.
        architecture: kept beside, by which runs are told apart.
    """

    def __init__(
        self, inputs: str, shape: list[int], optimizer: str, rate: float, seed: int, architecture: str = "linear"
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.features = nn.Flatten() if inputs == PIXELS else random_convolution(shape[0])
        with torch.no_grad():
            width = self.features(torch.zeros(1, *shape)).shape[1]
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(()))
        self.head = nn.Linear(width, 10)
        self.optimizer, self.rate = optimizer, rate

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Gives features of these images a mean square of 1, as pixels have, so that rates mean the same for both."""
        self.scale.copy_(self.features(x).square().mean().rsqrt())

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits, of images or of their features."""
        logits: Tensor = self.head((x if x.ndim == 2 else self.features(x)) * self.scale)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the cross-entropy."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns the optimizer of the last layer, the only one that is trained."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(self.head.parameters(), lr=self.rate, momentum=0.9, fused=True)
        return torch.optim.Adam(self.head.parameters(), lr=self.rate, fused=True)


class LinearPlan(NamedTuple):
    """Where the images are, and where the models are kept.

    Attributes:
        folder: of the archives, one folder a data set.
        data: folder of the images; None for scikit-learn's digits.
    """

    folder: Path
    data: Path | None

    def archive(self, run: LinearRun) -> Path:
        """Returns where a run is kept once it is finished."""
        return self.folder / run.data / f"{run.name}.zarr"

    def done(self, run: LinearRun) -> bool:
        """Returns whether a run is kept; raises an error where one of its name was made of something else."""
        return self._origin(run).kept(self.archive(run))

    def _origin(self, run: LinearRun) -> Origin:
        return Origin({**run._asdict(), "steps": STEPS[run.data]}, run.data, self.data)

    def train(self, run: LinearRun) -> Path:
        """Trains a model unless it was before, on the samples and probes of ``replications.manifold``."""
        finished = self.archive(run)
        if self.done(run):
            return finished
        unfinished = finished.with_suffix(".unfinished.zarr")
        shutil.rmtree(unfinished, ignore_errors=True)
        began = time.process_time()
        trained, probes = samples(run.data, self.data)
        x, y = trained.tensors
        pl.seed_everything(run.seed, verbose=False)
        model = LinearModel(run.inputs, list(x.shape[1:]), run.optimizer, run.rate, run.seed)
        model.standardise(x[:1_000])
        with torch.no_grad():  # once and not at every step, since they stay as they are
            trained = TensorDataset(torch.cat([model.features(part) for part in torch.split(x, 500)]), y)
        monitor = InfoGeometryMonitor(
            probes=probes,
            schedule=LogSpaced(16),
            lag=0,
            archive=ArchiveSettings(unfinished, store_inputs=False, metadata={"data": run.data}),
            embedding=False,
            markers=(),
            tab=False,
        )
        fit(model, trained, STEPS[run.data], 125, [monitor], run.seed)
        finished.with_suffix(".seconds").write_text(f"{time.process_time() - began:.1f}\n")
        self._origin(run).note(finished)
        return unfinished.rename(finished)

    def cost(self, runs: list[LinearRun]) -> str:
        """Returns the processor time of finished trainings."""
        return cost([self.archive(run) for run in runs])
