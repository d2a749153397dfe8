"""One training by an ordinary Trainer with the monitor, quiet and on one thread, since others train beside it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import lightning.pytorch as pl
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset


def quiet() -> None:
    """Leaves out Lightning's remarks, and keeps torch to one thread."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message="The number of training batches")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    torch.set_num_threads(1)


def fit(
    model: pl.LightningModule,
    data: TensorDataset,
    steps: int,
    batch_size: int,
    callbacks: Sequence[pl.Callback],
    seed: int,
) -> None:
    """Trains for a number of optimizer steps on batches drawn without replacement within each epoch.

    Args:
        model: initialised already; the seed sets the order of the samples and what the model draws while it trains.
        data: on the CPU.
        steps: of the optimizer.
        batch_size: samples a step.
        callbacks: the monitor, and what else the replication asks for.
        seed: of the order of the samples.

    Raises:
        InterruptedError: where the Trainer was told to stop before: what it recorded is not to be kept.
    """
    pl.seed_everything(seed, verbose=False)
    # A sampler of lists of indices: a batch is one look-up, not one for every sample.
    batches = BatchSampler(RandomSampler(data), batch_size=batch_size, drop_last=True)
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(data, sampler=batches, batch_size=None))
    if trainer.global_step < steps:
        raise InterruptedError(f"the training was broken off at step {trainer.global_step:,} of {steps:,}")
