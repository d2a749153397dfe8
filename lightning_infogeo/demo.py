"""The demo: a small classifier that overfits mislabelled digits, watched by the monitor with its defaults."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo.figures import curves
from lightning_infogeo.loggers import summary_table
from lightning_infogeo.markers import Event
from lightning_infogeo.markers.event import OVERFITTING, standing_flags
from lightning_infogeo.monitor import InfoGeometryMonitor

TRAINING_SAMPLES = 1000
FLIPPED = 0.25


class DigitsClassifier(pl.LightningModule):
    """An ordinary LightningModule that knows nothing of the monitor."""

    def __init__(self) -> None:
        super().__init__()
        hidden = nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()
        self.net = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(256, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits, shape (N, 10), for images of shape (N, 1, 8, 8)."""
        logits: Tensor = self.net(images)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the cross-entropy."""
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Logs the cross-entropy and the accuracy."""
        logits = self(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
        self.log("val_accuracy", (logits.argmax(-1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class StepProgress(pl.Callback):
    """One bar over all optimizer steps, with the monitor's verdict of the moment."""

    def __init__(self, console: Console) -> None:
        verdict = TextColumn("{task.fields[verdict]}")
        steps = BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeRemainingColumn(), verdict
        self.progress = Progress(TextColumn("training"), *steps, console=console)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows the bar."""
        self.task = self.progress.add_task("", total=trainer.max_steps, verdict="")
        self.progress.start()

    def on_train_batch_end(self, trainer: pl.Trainer, *args: object) -> None:
        """Moves it."""
        verdict = trainer.progress_bar_metrics.get("infogeo", "")
        self.progress.update(self.task, completed=trainer.global_step, verdict=verdict)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leaves it as it stands."""
        self.progress.stop()

    def on_exception(self, *args: object) -> None:
        """Leaves it as it stands."""
        self.progress.stop()


def digits(seed: int) -> tuple[DataLoader[tuple[Tensor, ...]], DataLoader[tuple[Tensor, ...]]]:
    """Returns loaders of scikit-learn's 8 × 8 digits: 1000 to train on, a quarter mislabelled, and 797 true ones.

    Raises:
        ModuleNotFoundError: where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ModuleNotFoundError("the demo needs scikit-learn: pip install 'lightning-infogeo[demo]'") from None
    images, labels = load_digits(return_X_y=True)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    x = torch.tensor(images, dtype=torch.float32)[order].reshape(-1, 1, 8, 8) / 16
    y = torch.tensor(labels)[order]
    flipped = torch.rand(TRAINING_SAMPLES, generator=generator) < FLIPPED
    wrong = (y[:TRAINING_SAMPLES] + torch.randint(1, 10, (TRAINING_SAMPLES,), generator=generator)) % 10
    noisy = torch.where(flipped, wrong, y[:TRAINING_SAMPLES])
    train = TensorDataset(x[:TRAINING_SAMPLES], noisy)
    val = TensorDataset(x[TRAINING_SAMPLES:], y[TRAINING_SAMPLES:])
    return DataLoader(train, batch_size=64, shuffle=True), DataLoader(val, batch_size=256)


def demo(logdir: str = "infogeo_demo", max_steps: int = 4000, seed: int = 0) -> None:
    """Trains a small classifier on digits, a quarter of them mislabelled, and shows the geometry of its training.

    Args:
        logdir: where TensorBoard's event files and the picture go.
        max_steps: optimizer steps to train.
        seed: of data, weights and order.
    """
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message="The number of training batches")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    torch.set_num_threads(1)  # two threads wait for each other longer than such a small network computes
    pl.seed_everything(seed, verbose=False)
    console = Console()
    if not console.is_terminal:  # a file or a pipe is as wide as tables are made for
        console.width = 80
    train, val = digits(seed)
    logger = TensorBoardLogger(logdir, name="")
    monitor = InfoGeometryMonitor(on_event=lambda event: console.print(told(event)))
    with only_warnings():
        trainer = pl.Trainer(
            max_steps=max_steps,
            accelerator="cpu",
            logger=logger,
            callbacks=[monitor, StepProgress(console)],
            enable_progress_bar=False,
            enable_model_summary=False,
            check_val_every_n_epoch=10,
            num_sanity_val_steps=0,
        )
        trainer.fit(DigitsClassifier(), train, val)

    picture = Path(logger.log_dir) / "curves.png"
    title = "Digits, a quarter of the training labels wrong"
    curves(monitor.trajectories, title, monitor.events).savefig(picture, dpi=110)
    # Without the events, which were told as they came.
    console.print(summary_table(monitor.trajectories, (), monitor.verdicts, monitor.dimensions()))
    console.print(Text(f"All curves as one picture: {picture}"), soft_wrap=True)  # a path may hold markup
    console.print(Text("In your own project: Trainer(callbacks=[InfoGeometryMonitor()])"))
    console.print(Text(in_one_sentence(monitor), style="bold"))


def told(event: Event) -> Text:
    """Returns an event as it is shown while training runs."""
    style = "bold" if event.name == OVERFITTING else ""
    return Text.assemble((event.headline, style), f": {event.message}")


def in_one_sentence(monitor: InfoGeometryMonitor) -> str:
    """Returns what one would tell a colleague about the training."""
    val = monitor.trajectories["val"]
    distance, last = val.distance_to_truth, int(val.steps[-1])
    flag = next(iter(standing_flags(monitor.events)), None)
    if flag is None:
        return f"In short: no sign of overfitting in {last} steps."
    closest = float(distance.nan_to_num(math.inf).min())
    return (
        f"In short: it overfits since step {flag.step}; the monitor knew at step {flag.detected_at}, with "
        f"{1 - flag.detected_at / last:.0%} of the training still to come, which made predictions worse: "
        f"{float(distance[-1]):.2f} nats from the truth at the end instead of {closest:.2f}."
    )


@contextmanager
def only_warnings() -> Iterator[None]:
    """Lets Lightning's logger show warnings alone: what the monitor says comes on its own lines."""
    handlers = logging.getLogger("lightning.pytorch").handlers
    before = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for handler, level in zip(handlers, before, strict=True):
            handler.setLevel(level)
