"""Twelve small trainings recorded into archives, to be compared and reported from the command line.

    python examples/recorded_runs.py [--fast]
    lightning-infogeo compare runs --group-by model optimizer
    lightning-infogeo report runs -o report.html

Three models × two optimizers × two seeds on scikit-learn's digits; half a minute. A run that is there is not made anew.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import ArchiveSettings, InfoGeometryMonitor, LogSpaced, Probe

MODELS = {
    "linear": lambda: nn.Linear(64, 10),
    "narrow": lambda: nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)),
    "wide": lambda: nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)),
}
OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
}


class Classifier(pl.LightningModule):
    def __init__(self, model: str, optimizer: str) -> None:
        super().__init__()
        self.net, self.optimizer = MODELS[model](), optimizer

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return OPTIMIZERS[self.optimizer](self.parameters())


def record(path: Path, model: str, optimizer: str, seed: int, max_steps: int) -> None:
    pl.seed_everything(seed, verbose=False)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
    probes = {"val": Probe(x[1300:], y[1300:]), "train": Probe(x[:500], y[:500])}
    settings = ArchiveSettings(str(path), metadata={"model": model, "optimizer": optimizer, "seed": seed})
    trainer = pl.Trainer(
        max_steps=max_steps,
        accelerator="cpu",
        logger=False,
        callbacks=InfoGeometryMonitor(probes, schedule=LogSpaced(12), archive=settings, parameters=True),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=64, shuffle=True)
    trainer.fit(Classifier(model, optimizer), loader)


def main(arguments: list[str] | None = None) -> list[Path]:
    """Returns the paths of the archives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="four runs of 60 steps")
    parser.add_argument("--folder", type=Path, default=Path("runs"))
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message="The number of training batches")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    paths = []
    for model in list(MODELS)[: 2 if options.fast else None]:
        for optimizer in list(OPTIMIZERS)[: 1 if options.fast else None]:
            for seed in range(2):
                paths.append(options.folder / f"{model}_{optimizer}_{seed}.zarr")
                if not paths[-1].exists():
                    record(paths[-1], model, optimizer, seed, 60 if options.fast else 1000)
    print(f"{len(paths)} runs in {options.folder}; now: lightning-infogeo report {options.folder} -o report.html")
    return paths


if __name__ == "__main__":
    main()
