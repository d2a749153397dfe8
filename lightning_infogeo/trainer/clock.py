"""Reading from a trainer how far training is and when it will end."""

from __future__ import annotations

import math

import lightning_infogeo.lightnings as pl
from lightning_infogeo.schedules import Clock


def read_clock(trainer: pl.Trainer, batch_idx: int, stride: int, step: int, own: bool) -> Clock:
    """Returns the clock after batch ``batch_idx`` of the current epoch, −1 before the first.

    Only ``step``, ``epoch``, ``epoch_ended`` and ``ended`` are facts. The rest are predictions, needed to evaluate in
    advance: they assume that batches go on taking ``stride`` optimizer steps each, or under automatic optimization one
    step every ``accumulate_grad_batches``.

    Args:
        trainer: in a fit.
        batch_idx: of the batch that has ended.
        stride: optimizer steps of a batch.
        step: optimizer steps taken.
        own: whether the monitor counts these steps, rather than Lightning, whose count ``max_steps`` limits.
    """
    epoch, batches = trainer.current_epoch, trainer.num_training_batches
    epoch_ended = batch_idx >= 0 and trainer.is_last_batch
    epoch_length = epoch_end = None
    if batches != float("inf"):
        if trainer.lightning_module.automatic_optimization:
            every = trainer.accumulate_grad_batches
            epoch_length = math.ceil(batches / every)
            epoch_end = step + epoch_length - (batch_idx + 1) // every
        else:
            epoch_length = int(batches) * stride
            epoch_end = step + (int(batches) - batch_idx - 1) * stride
    if epoch_ended:
        epoch_end = step

    epochs = trainer.max_epochs
    final_steps = [] if trainer.max_steps == -1 or own else [trainer.max_steps]
    if epochs is not None and epochs != -1 and epoch_end is not None and epoch_length is not None:
        final_steps.append(epoch_end + (epochs - 1 - epoch) * epoch_length)
    out_of_epochs = epochs is not None and epochs != -1 and epoch + 1 >= epochs
    return Clock(
        step=step,
        epoch=epoch,
        epoch_ended=epoch_ended,
        epoch_end=epoch_end,
        epoch_length=epoch_length,
        final=min(final_steps, default=None),
        ended=(trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps) or (epoch_ended and out_of_epochs),
    )


def logging_step(trainer: pl.Trainer) -> int:
    """Returns the step at which Lightning logs the metrics of the batch under way."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def stops_early(trainer: pl.Trainer) -> bool:
    """Returns whether training ends with this epoch because somebody has asked for it."""
    return trainer.should_stop and trainer.fit_loop._can_stop_early
