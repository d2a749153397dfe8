"""Every logger that is installed, for real and without a network: one training each, and what it wrote, read back.

    pip install wandb mlflow comet_ml aim clearml dvclive     # those to be tried
    python benchmarks/loggers.py [NAME ...]

The training learns wrong labels, then the right ones: its overfitting flag is raised, and withdrawn. The model logs a
loss of its own at every step. From the files, databases or interfaces of each logger are read, and compared with the
monitor:

- curves: values at the steps of Lightning's axis, for all records; of the model's loss, for all steps
- pictures: steps of each key, increasing, and in the right number
- events: the sentence of each in what the logger shows as text
- flag: what the logger says of it at the end, and how many alerts it sent
"""

import importlib.util
import logging
import math
import os
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import lightning.pytorch as pl
import torch
from logger_readers import READERS, Reader, Written
from sklearn.datasets import load_digits
from table import report
from torch import nn

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from lightning_infogeo.loggers.adapters import adapter_of

STEPS = 300


class LearnsWrongThenRight(pl.LightningModule):
    """A digits classifier whose labels are one off between steps 12 and 120."""

    def __init__(self) -> None:
        super().__init__()
        images, labels = load_digits(return_X_y=True)
        self.images, self.labels = torch.tensor(images).float() / 16, torch.tensor(labels)
        self.net = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        first = 60 * (self.global_step % 15)
        wrong = 12 <= self.global_step < 120
        labels = (self.labels[first : first + 60] + wrong) % 10
        loss = nn.functional.cross_entropy(self(self.images[first : first + 60]), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-2)

    def loader(self, first: int, last: int) -> torch.utils.data.DataLoader:
        data = torch.utils.data.TensorDataset(self.images[first:last], self.labels[first:last])
        return torch.utils.data.DataLoader(data, batch_size=60)


def train(reader: Reader, folder: Path) -> tuple[object, object, Written]:
    """Returns the logger, the monitor, and what was read back."""
    pl.seed_everything(7, verbose=False)
    logger = reader.logger(folder)
    monitor = InfoGeometryMonitor(budget=None, embedding=EmbeddingSettings(share=1.0), strict=True)
    model = LearnsWrongThenRight()
    trainer = pl.Trainer(
        logger=logger,
        callbacks=[monitor],
        max_steps=STEPS,
        max_epochs=-1,
        log_every_n_steps=1,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(model, model.loader(0, 900), model.loader(1000, 1400))
    return logger, monitor, reader.read(folder, logger)


def curves(reader: Reader, monitor: InfoGeometryMonitor, written: Written) -> str:
    """Returns how many values were found where they should be, of how many."""
    found = expected = 0
    for probe, trajectory in monitor.trajectories.items():
        for quantity in ("velocity", "length", "distance_to_truth", "progress"):
            points = dict(written.scalars.get(reader.key(f"infogeo/{probe}/{quantity}"), []))
            values = getattr(trajectory, quantity).tolist()
            for step, value in list(zip(trajectory.steps.tolist(), values, strict=True))[1:]:
                expected += 1
                near = points.get(step - 1)
                found += near is not None and (
                    math.isclose(near, value, rel_tol=1e-5) or (math.isnan(near) and math.isnan(value))
                )
    own = [x for x, _ in written.scalars.get(reader.key("train_loss"), [])]
    order = "" if own == sorted(own) else ", not in order"
    return f"{found}/{expected}, own loss {len(set(own) & set(range(STEPS)))}/{STEPS}{order}"


def pictures(written: Written) -> str:
    """Returns the number of pictures of each key, and their first and last step."""
    each = []
    for key, steps in sorted(written.pictures.items()):
        order = "" if steps == sorted(set(steps)) else " NOT IN ORDER"
        each.append(f"{key.split('infogeo')[-1][1:]} {len(steps)} (x {min(steps)}-{max(steps)}){order}")
    return ", ".join(each) or "none"


def row(reader: Reader) -> dict[str, object]:
    """Returns what one logger is found to hold."""
    with tempfile.TemporaryDirectory() as name:
        logger, monitor, written = train(reader, Path(name))
        told = sum(event.headline in written.text for event in monitor.events)
        adapter = adapter_of(logger)
    return {
        "logger": f"{reader.package} {version(reader.distribution)}",
        "curves": curves(reader, monitor, written),
        "pictures": pictures(written),
        "events": f"{told}/{len(monitor.events)}" if "text" in adapter.takes else "no text",
        "flag": written.flag or "none",
        "alerts": len(written.alerts),
    }


def main(names: list[str]) -> None:
    """Prints a row for each logger asked for, or for each that is installed."""
    unknown = set(names) - {reader.package for reader in READERS}
    if unknown:
        sys.exit(f"{', '.join(sorted(unknown))}: not among {', '.join(reader.package for reader in READERS)}")
    os.environ.setdefault("WANDB_SILENT", "true")
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    rows = []
    for reader in READERS:
        if names and reader.package not in names:
            continue
        if importlib.util.find_spec(reader.package) is None:
            print(f"{reader.package}: not installed")
            continue
        try:
            rows.append(row(reader()))
        except Exception as error:
            if names:
                raise
            print(f"{reader.package}: {type(error).__name__}: {error}")
    if rows:
        report("loggers", "What each logger holds after one training", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
