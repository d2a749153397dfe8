"""Many linear networks with squared loss, trained at once by gradient descent, and the covariance of their outputs."""

from __future__ import annotations

import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_infogeo.theory import Spectrum
from lightning_infogeo.theory.slope import Model
from replications.kept import Origin
from replications.trainings import fit

GROUPS = 20
"""Groups of initialisations whose moments are kept apart, so that each can be left out."""


class LinearNetworks(pl.LightningModule):
    """As many linear networks as there are initialisations: each output of one layer learns the same targets.

    Args:
        features: of the inputs.
        runs: number of networks.
        sigma: standard deviation of their initial weights.
        lr: of gradient descent on ‖f − y‖²/2N, of each network.
    """

    def __init__(self, features: int, runs: int, sigma: float, lr: float) -> None:
        super().__init__()
        self.net = nn.Linear(features, runs, bias=False)
        nn.init.normal_(self.net.weight, std=sigma)
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        """Returns the outputs, shape (N, runs)."""
        outputs: Tensor = self.net(x)
        return outputs

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the sum of the networks' losses, so that each has the gradient of its own."""
        (x,), (y,) = batch  # one whole data set is one sample of the loader's
        error: Tensor = self(x) - y
        return error.square().sum() / (2 * len(x))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.lr, fused=True)


class Moments(NamedTuple):
    """Sums over recorded outputs, by group of initialisations.

    Attributes:
        size: outputs in each group.
        first: their sum, shape (groups, N).
        second: sum of their products, shape (groups, N, N).
    """

    size: int
    first: Tensor
    second: Tensor

    def spectrum(self, chosen: Tensor | None = None) -> Spectrum:
        """Returns the eigenvalues of the outputs' covariance ÷ N over all records of all chosen networks.

        Args:
            chosen: indices of groups; None for all.
        """
        first, second = (sums if chosen is None else sums[chosen] for sums in (self.first, self.second))
        count = self.size * len(first)
        mean = first.sum(0) / count
        covariance = second.sum(0) / count - torch.outer(mean, mean)
        return Spectrum(torch.linalg.eigvalsh(covariance / len(mean)).flip(0).clamp_min(0))


class OutputMoments(pl.Callback):
    """Sums the outputs after every step, the initial ones included, as the theory's records k = 0, …, T − 1.

    Args:
        x: inputs, shape (N, features).
        until: numbers of records T at which the sums so far are kept.
    """

    def __init__(self, x: Tensor, until: tuple[int, ...]) -> None:
        self.x, self.until = x, until
        self.kept: dict[int, Moments] = {}
        self.records = 0
        self.first = torch.zeros(GROUPS, len(x), dtype=torch.float64)
        self.second = torch.zeros(GROUPS, len(x), len(x), dtype=torch.float64)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Records the initial outputs."""
        self._record(pl_module)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: object) -> None:
        """Records the outputs after a step."""
        self._record(pl_module)

    @torch.no_grad()
    def _record(self, pl_module: pl.LightningModule) -> None:
        if self.records >= max(self.until):
            return
        outputs = pl_module(self.x).double().unflatten(1, (GROUPS, -1)).permute(1, 0, 2)  # (groups, N, networks)
        self.first += outputs.sum(2)
        self.second.baddbmm_(outputs, outputs.mT)
        self.records += 1
        if self.records in self.until:
            count = self.records * outputs.shape[2]
            self.kept[self.records] = Moments(count, self.first.clone(), self.second.clone())


@dataclass(frozen=True)
class Cell:
    """One cell of a phase diagram, to be measured.

    Attributes:
        kept: folder of finished cells.
        model: of the inputs' eigenvalues.
        decay: c of e^{−ci}, or α of (i + 1)^−α.
        scale: |w*_i| ÷ σ_w.
        until: numbers of records T, the last of which ends the training.
        modes: of the inputs, which have as many samples.
        runs: initialisations.
    """

    kept: Path
    model: Model
    decay: float
    scale: float
    until: tuple[int, ...] = (100, 1_000)
    modes: int = 60
    runs: int = 2_000

    @property
    def path(self) -> Path:
        """File of the finished cell."""
        size = f"{self.modes}_{self.runs}_{'_'.join(map(str, self.until))}"
        return self.kept / f"{self.model}_{self.decay:g}_{self.scale:.4g}_{size}.pt"

    @property
    def origin(self) -> Origin:
        """What the finished cell is made of."""
        return Origin({key: value for key, value in vars(self).items() if key != "kept"})

    @property
    def seed(self) -> int:
        """Another for every cell, so that no two share their initial weights."""
        return zlib.crc32(self.path.name.encode())


def inputs(model: Model, decay: float, modes: int) -> tuple[Tensor, Tensor]:
    """Returns inputs whose XᵀX/N has the eigenvalues e^{−ci} or (i + 1)^−α, and its eigenvectors, float64.

    Samples and features are turned at random, so that no mode is a sample or a weight.
    """
    index = torch.arange(modes, dtype=torch.float64)
    lam = torch.exp(-decay * (index if model == "exponential" else (index + 1).log()))
    left, right = (torch.linalg.qr(torch.randn(modes, modes, dtype=torch.float64)).Q for _ in range(2))
    return modes**0.5 * left * lam.sqrt() @ right.T, right


def measure(cell: Cell) -> Path:
    """Returns the file of a cell, which is made where it is not there."""
    if cell.origin.kept(cell.path):
        return cell.path
    began = time.process_time()
    pl.seed_everything(cell.seed, verbose=False)
    x, modes = inputs(cell.model, cell.decay, cell.modes)
    best = cell.scale * modes @ torch.randn(cell.modes, dtype=torch.float64).sign()
    x, y = x.float(), (x @ best).float()[:, None].expand(-1, cell.runs)
    steps = max(cell.until)
    network, moments = LinearNetworks(cell.modes, cell.runs, 1.0, 1.0), OutputMoments(x, cell.until)
    whole = TensorDataset(x.expand(steps, *x.shape), y.expand(steps, *y.shape))
    fit(network, whole, steps, 1, [moments], cell.seed)
    made: dict[str, Any] = {"seconds": time.process_time() - began}
    made["moments"] = {until: kept._asdict() for until, kept in moments.kept.items()}
    cell.kept.mkdir(parents=True, exist_ok=True)
    unfinished = cell.path.with_suffix(".unfinished")
    torch.save(made, unfinished)
    cell.origin.note(cell.path)
    os.replace(unfinished, cell.path)
    return cell.path


def read(path: Path) -> tuple[dict[int, Moments], float]:
    """Reads what ``measure`` kept: moments by number of records, and seconds of CPU time."""
    kept = torch.load(path, weights_only=True)
    return {until: Moments(**fields) for until, fields in kept["moments"].items()}, kept["seconds"]
