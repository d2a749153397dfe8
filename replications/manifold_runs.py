"""The trainings of the replication of arXiv 2305.01604: 39 networks on each data set, and six on shuffled labels."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_infogeo import ArchiveSettings, InfoGeometryMonitor, LogSpaced, Probe
from replications.data_sets import load, standardised
from replications.kept import Origin, cost
from replications.networks import ARCHITECTURES, WIDER, network
from replications.trainings import fit

SEEDS = (0, 1, 2)
# The training images before these have been used here to choose settings; these never were.
FIRST = 10_000
# Of the optimizer: greyscale images are learnt sooner.
STEPS = {"cifar-10": 2_400, "mnist": 800, "fashion-mnist": 800, "digits": 60}
# What a training costs beside a linear network's, for the estimate of the time that is left.
COSTS = {"mlp-256": 2, "mlp-4x512": 7, "cnn": 4, "cnn-x2": 8, "cnn-x4": 20, "gru": 13, "resnet-8": 60, "vit": 90}


class Run(NamedTuple):
    """One training.

    Attributes:
        data: name of the data set.
        architecture: name of the network.
        optimizer: "adam" or "sgd".
        beginning: "random", or "wrong labels": trained before to call every class by the next one's name.
        labels: "true" or "shuffled" among the samples trained on.
        seed: of the initial weights and the order of the samples.
    """

    data: str
    architecture: str
    optimizer: str = "adam"
    beginning: str = "random"
    labels: str = "true"
    seed: int = 0

    @property
    def name(self) -> str:
        """Of the archive."""
        return "_".join(map(str, self[1:])).replace(" ", "-")

    @property
    def cost(self) -> float:
        """Of the training, relative to a linear network's."""
        return COSTS.get(self.architecture, 1) * (1.0 if self.data == "cifar-10" else 0.35)

    @property
    def steps(self) -> int:
        """Of the optimizer."""
        return STEPS[self.data]


def planned(data: str, fast: bool = False) -> list[Run]:
    """Returns the runs on a data set, those on true labels first."""
    names = ("linear", "mlp-256", "cnn") if fast else ARCHITECTURES
    wider = WIDER[:1] if fast else WIDER
    beside = ("mlp-256",) if fast else ("mlp-256", "cnn")
    seeds = SEEDS[:2] if fast else SEEDS
    kinds: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in names]
    kinds += [(name, {"optimizer": "sgd"}) for name in beside]
    kinds += [(name, {}) for name in wider]
    kinds += [(name, {"beginning": "wrong labels"}) for name in beside]
    kinds += [(name, {"labels": "shuffled"}) for name in beside]
    return [Run(data, name, **others, seed=seed) for (name, others), seed in itertools.product(kinds, seeds)]


class Samples(NamedTuple):
    """What a network is trained on, and what it is watched on.

    Attributes:
        trained: standardised images and labels.
        probes: "train", of the samples trained on, and "val", of the published test set.
    """

    trained: TensorDataset
    probes: dict[str, Probe]


def samples(data: str, folder: Path | None, count: int = 10_000, watched: int = 1_000) -> Samples:
    """Returns the same samples for every run on a data set."""
    images = load(data, folder)
    first = FIRST if len(images.train) > FIRST + count else 0
    x, y = images.train[first : first + count], images.train_labels[first : first + count]
    # The first half of MNIST's test images is cleaner than the second.
    order = torch.randperm(len(images.test), generator=torch.Generator().manual_seed(0))[:watched]
    held_out = standardised(images.test[order], like=x), images.test_labels[order]
    x = standardised(x, like=x)
    return Samples(TensorDataset(x, y), {"train": Probe(x[:watched], y[:watched]), "val": Probe(*held_out)})


class Network(pl.LightningModule):
    """A network with cross-entropy, and Adam or SGD at a constant rate."""

    def __init__(
        self, architecture: str, shape: list[int], optimizer: str, beginning: str, labels: str, seed: int
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = network(architecture, (shape[0], shape[1], shape[2]))
        for weights in self.net.parameters():
            if weights.ndim == 4:  # on a CPU convolutions cost half as much in this order of memory
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        self.optimizer = optimizer

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits."""
        logits: Tensor = self.net(x)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the cross-entropy."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns Adam at 1e-3 or SGD at 0.02 with momentum 0.9."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9, fused=True)
        return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)


def mislead(model: nn.Module, data: TensorDataset, steps: int, batch: int) -> None:
    """Trains on wrong labels, the next class for each: a beginning far from ignorance, and not towards truth."""
    images, labels = data.tensors
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for step in range(steps):
        part = torch.arange(batch * step, batch * (step + 1)) % len(images)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[part]), (labels[part] + 1) % 10)
        torch.autograd.backward(loss)
        optimizer.step()


class Plan(NamedTuple):
    """Where the images are, and where the networks are kept.

    Attributes:
        folder: of the archives, one folder a data set.
        data: folder of the images; None for scikit-learn's digits.
    """

    folder: Path
    data: Path | None

    def archive(self, run: Run) -> Path:
        """Returns where a run is kept once it is finished."""
        return self.folder / run.data / f"{run.name}.zarr"

    def done(self, run: Run) -> bool:
        """Returns whether a run is kept; raises an error where one of its name was made of something else."""
        return self._origin(run).kept(self.archive(run))

    def _origin(self, run: Run) -> Origin:
        return Origin({**run._asdict(), "steps": run.steps}, run.data, self.data)

    def train(self, run: Run) -> Path:
        """Trains a network unless it was before; returns its archive."""
        finished = self.archive(run)
        if self.done(run):
            return finished
        unfinished = finished.with_suffix(".unfinished.zarr")
        shutil.rmtree(unfinished, ignore_errors=True)
        began = time.process_time()
        trained, probes = samples(run.data, self.data)
        x, y = trained.tensors
        pl.seed_everything(run.seed, verbose=False)
        model = Network(run.architecture, list(x.shape[1:]), run.optimizer, run.beginning, run.labels, run.seed)
        if run.beginning == "wrong labels":
            mislead(model, trained, run.steps // 10, 125)
        if run.labels == "shuffled":
            trained = TensorDataset(x, y[torch.randperm(len(y))])
        monitor = InfoGeometryMonitor(
            probes=probes,
            schedule=LogSpaced(16),
            archive=ArchiveSettings(unfinished, store_inputs=False, metadata={"data": run.data}),
            embedding=False,
            markers=(),
            tab=False,
        )
        fit(model, trained, run.steps, 125, [monitor], run.seed)
        finished.with_suffix(".seconds").write_text(f"{time.process_time() - began:.1f}\n")
        self._origin(run).note(finished)
        return unfinished.rename(finished)

    def cost(self, runs: list[Run]) -> str:
        """Returns the processor time of finished trainings."""
        return cost([self.archive(run) for run in runs])
