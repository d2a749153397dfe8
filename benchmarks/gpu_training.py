"""A training of ten thousand steps with and without the monitor, everything at its default."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as pl
import torch
from gpu_models import Trained
from gpu_timing import wait
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from lightning_infogeo import InfoGeometryMonitor

Entry = tuple[str, dict[str, object]]


class Validated(Trained):
    """Has a step for held-out samples, which makes Lightning load them."""

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the loss."""
        return self.training_step(batch, batch_idx)


def training(device: str, quick: bool) -> Iterator[Entry]:
    """Trains in turns, without first; a short training of each before that loads what is loaded once."""
    steps, batch = (12, 8) if quick else (10_000, 256)
    for with_monitor in (False, True):
        fit(device, 12 if quick else 100, batch, quick, with_monitor)
    without, _ = fit(device, steps, batch, quick, False)
    took, records = fit(device, steps, batch, quick, True)
    yield (
        "A training in bf16-mixed, with TensorBoard, everything of the monitor at its default",
        {
            "network": "CNN of 5 layers, 32 px",
            "steps": steps,
            "batch": batch,
            "records": records,
            "a step without [ms]": 1e3 * without / steps,
            "without [s]": without,
            "with [s]": took,
            "with ÷ without": took / without,
            "beyond it, a record [ms]": 1e3 * (took - without) / records,
        },
    )


def fit(device: str, steps: int, batch: int, quick: bool, with_monitor: bool) -> tuple[float, int]:
    """Returns the seconds that a training took, and its records."""
    torch.manual_seed(0)
    monitor = InfoGeometryMonitor(strict=True)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_steps=steps,
            accelerator=device,
            devices=1,
            precision="bf16-mixed",
            callbacks=[monitor] * with_monitor,
            logger=TensorBoardLogger(Path(folder)),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            check_val_every_n_epoch=None,
            val_check_interval=10 * steps,
            default_root_dir=folder,
        )
        wait(device)
        began = time.perf_counter()
        trainer.fit(network(8 if quick else 128), loader(64 * batch, batch), loader(16 * batch, batch))
        wait(device)
    return time.perf_counter() - began, len(monitor.trajectories["val"].steps) if with_monitor else 0


def network(width: int) -> pl.LightningModule:
    """Returns a CNN of ten classes, of some 0.9 GFLOP a sample at 128 channels."""
    layers: list[nn.Module] = []
    channels = 3
    for out, stride in ((width, 1), (width, 1), (2 * width, 2), (2 * width, 1), (4 * width, 2)):
        layers += [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        channels = out
    return Validated(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)))


def loader(samples: int, batch: int) -> DataLoader:
    """Returns images of ten classes that can be told apart, in batches that are read at once."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(10, (samples,), generator=generator)
    x = torch.randn(samples, 3, 32, 32, generator=generator) + 0.3 * y[:, None, None, None]
    data = TensorDataset(x, y)
    return DataLoader(data, sampler=BatchSampler(RandomSampler(data), batch, drop_last=True), batch_size=None)
