"""Memorising first, understanding much later: addition modulo 31, watched by the monitor.

    python examples/grokking.py [--max-steps 5000] [--seed 0] [--logdir grokking] [--fast]

A small network learns a + b mod 31 from 60 % of all pairs, with weight decay. Within about a hundred steps it knows
these pairs by heart and nothing else; a thousand steps later it answers the others too. The monitor's events show both:
overfitting and memorisation first, generalisation when the held-out distance to truth, which had risen to three times
what guessing costs, has come down below it. Under a minute on two cores.
"""

import argparse
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.figures import curves

MODULUS = 31
TRAINED = 0.6


class Adder(pl.LightningModule):
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(MODULUS, 64)
        self.net = nn.Sequential(nn.Linear(128, width), nn.ReLU(), nn.Linear(width, MODULUS))

    def forward(self, pairs: Tensor) -> Tensor:
        return self.net(self.embedding(pairs).flatten(1))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        logits = self(batch[0])
        self.log("train_accuracy", (logits.argmax(-1) == batch[1]).float().mean())
        return nn.functional.cross_entropy(logits, batch[1])

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val_accuracy", (self(batch[0]).argmax(-1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=3e-3, weight_decay=1.0, betas=(0.9, 0.98))


def loaders(seed: int) -> tuple[DataLoader, DataLoader]:
    numbers = torch.arange(MODULUS)
    pairs = torch.cartesian_prod(numbers, numbers)
    everything = TensorDataset(pairs, pairs.sum(1) % MODULUS)
    generator = torch.Generator().manual_seed(seed)
    train, val = torch.utils.data.random_split(everything, [TRAINED, 1 - TRAINED], generator)
    whole = [TensorDataset(*part.dataset[part.indices]) for part in (train, val)]
    return tuple(DataLoader(part, batch_size=len(part)) for part in whole)


def main(arguments: list[str] | None = None) -> InfoGeometryMonitor:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logdir", default="grokking")
    parser.add_argument("--fast", action="store_true", help="1,400 steps only: until the return is seen")
    options = parser.parse_args(arguments)
    pl.seed_everything(options.seed, verbose=False)
    monitor = InfoGeometryMonitor()
    logger = TensorBoardLogger(options.logdir, name="")
    trainer = pl.Trainer(
        max_steps=1400 if options.fast else options.max_steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=logger,
        callbacks=[monitor],
        check_val_every_n_epoch=100,
        log_every_n_steps=10,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(Adder(), *loaders(options.seed))
    console = Console()
    accuracy = {name: round(float(trainer.callback_metrics[name]), 3) for name in ("train_accuracy", "val_accuracy")}
    console.print(accuracy, monitor.summary())
    picture = Path(logger.log_dir) / "curves.png"
    curves(monitor.trajectories, "a + b mod 31 with weight decay", monitor.events).savefig(picture, dpi=110)
    console.print(f"The curves, with every event: {picture}", highlight=False, soft_wrap=True)
    return monitor


if __name__ == "__main__":
    main()
