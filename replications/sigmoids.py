"""The network of arXiv 1902.08160 and its training: sigmoids without biases, started near zero, neurons followed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_infogeo import AtSteps, InfoGeometryMonitor, Probe
from lightning_infogeo.topology import Cloud, NeuronSettings, neuron_cloud
from replications.data_sets import load
from replications.kept import Origin
from replications.trainings import fit

NEAR_ZERO = 1e-6
"""Standard deviation of the initial weights."""
TESTED = 2_000
"""Test images on which the loss is followed, evenly chosen: the first are not like the last."""


class SigmoidNetwork(pl.LightningModule):
    """Pixels, two layers of sigmoids, ten logits; no biases.

    Args:
        pixels: of an image.
        width: of both hidden layers.
        lr: of plain SGD.
    """

    def __init__(self, pixels: int, width: int, lr: float) -> None:
        super().__init__()
        layers = [
            nn.Linear(entering, leaving, bias=False) for entering, leaving in pairwise((pixels, width, width, 10))
        ]
        self.net = nn.Sequential(layers[0], nn.Sigmoid(), layers[1], nn.Sigmoid(), layers[2])
        self.lr = lr
        for layer in layers:
            nn.init.normal_(layer.weight, std=NEAR_ZERO)

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits, shape (batch, 10)."""
        logits: Tensor = self.net(x)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the cross-entropy."""
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=self.lr, fused=True)


@dataclass(frozen=True)
class Setting:
    """One training.

    Attributes:
        data: "mnist" or "digits".
        folder: of the data.
        kept: folder of finished trainings.
        seed: of weights and of the order of the samples.
        width: of both hidden layers.
        steps: of the optimizer.
        records: at equal distances, both ends included.
        finer: times as many intervals between records are recorded beside.
        lr: learning rate.
    """

    data: str
    folder: Path | None
    kept: Path
    seed: int
    width: int = 100
    steps: int = 42_000
    records: int = 201
    finer: int = 10
    lr: float = 0.05

    @property
    def path(self) -> Path:
        """File of the finished training."""
        return self.kept / f"{self.data}_{self.width}_{self.steps}_{self.records}x{self.finer}_{self.seed}.pt"

    @property
    def origin(self) -> Origin:
        """What the finished training is made of."""
        known = {key: value for key, value in vars(self).items() if key not in ("folder", "kept")}
        return Origin({**known, "near zero": NEAR_ZERO}, self.data, self.folder)


class Run(NamedTuple):
    """A finished training.

    Attributes:
        seed: of it.
        steps: of the fine records, shape (T,).
        losses: on test images at these, shape (T,), nats.
        loss: on all test images at the end.
        accuracy: on these.
        clouds: by layer, of the records.
        fine_clouds: of the fine ones, on axes of their own, float32.
        seconds: of CPU time.
    """

    seed: int
    steps: Tensor
    losses: Tensor
    loss: float
    accuracy: float
    clouds: dict[str, Cloud]
    fine_clouds: dict[str, Cloud]
    seconds: float


def train(setting: Setting) -> Path:
    """Returns the file of a training, which is made where it is not there."""
    if setting.origin.kept(setting.path):
        return setting.path
    began = time.process_time()
    images = load(setting.data, setting.folder)
    x, test = (part.flatten(1).float() / 255 for part in (images.train, images.test))
    pl.seed_everything(setting.seed, verbose=False)
    model = SigmoidNetwork(x.shape[1], setting.width, setting.lr)
    fine, apart = (setting.records - 1) * setting.finer, max(1, len(test) // TESTED)
    monitor = InfoGeometryMonitor(
        Probe(test[::apart], images.test_labels[::apart]),
        schedule=AtSteps([round(k * setting.steps / fine) for k in range(fine + 1)]),
        lag=0,
        markers=(),
        embedding=False,
        tab=False,
        neurons=NeuronSettings(memory=2**30),
    )
    fit(model, TensorDataset(x, images.train_labels), setting.steps, 100, [monitor], setting.seed)
    with torch.no_grad():
        logits = model(test)
    (probe,) = monitor.trajectories.values()
    layers = [(layer.vectors, layer.steps) for layer in monitor.neuron_trajectories.values()]
    made: dict[str, Any] = {
        "seed": setting.seed,
        "steps": probe.steps,
        "losses": 2 * probe.distance_to_truth,
        "loss": float(nn.functional.cross_entropy(logits, images.test_labels)),
        "accuracy": float((logits.argmax(1) == images.test_labels).double().mean()),
        "clouds": [neuron_cloud(vectors[:: setting.finer], steps[:: setting.finer]) for vectors, steps in layers],
        "fine_clouds": [neuron_cloud(*layer) for layer in layers],
    }
    made["clouds"] = [one._asdict() for one in made["clouds"]]
    made["fine_clouds"] = [one._replace(points=one.points.float())._asdict() for one in made["fine_clouds"]]
    made["seconds"] = time.process_time() - began
    setting.kept.mkdir(parents=True, exist_ok=True)
    unfinished = setting.path.with_suffix(".unfinished")
    torch.save(made, unfinished)
    setting.origin.note(setting.path)
    os.replace(unfinished, setting.path)
    return setting.path


def read(path: Path) -> Run:
    """Reads what ``train`` kept."""
    kept = torch.load(path, weights_only=True)
    for name in ("clouds", "fine_clouds"):
        kept[name] = {f"layer {k}": Cloud(**fields) for k, fields in enumerate(kept[name], start=1)}
    return Run(**kept)
